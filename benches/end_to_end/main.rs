//! How fast whole loads are, beside what the target could take at best.
//!
//! ```sh
//! cargo bench --workspace --bench end_to_end
//! cargo bench --workspace --bench end_to_end -- --records 2000000 --rounds 5 --only standalone
//! cargo bench --workspace --bench end_to_end -- --only standalone --tune 'in_flight = 8'
//! cargo bench --workspace --bench end_to_end -- --probe
//! ```
//!
//! Generated orders go to the null sink on one core and on all, to SQLite, and from a file and from S3 to MongoDB: a
//! standalone, and a replica set of one node, each at `w: majority, j: true`. They go along the way of the program: plan,
//! open, destination, ledger, runner. Beside MongoDB stand two bounds with the same documents, built before, 1000 a
//! command, unordered, 4 in flight, at the same write concern: the driver's `insert_many`, and messages over sockets of our
//! own. `--probe` shows instead what others get from a server that is loaded into.
//!
//! Not criterion: a machine drifts by more than what is looked for, so loads that are compared must take turns within a
//! round, and it is the ratio within each round that counts. Criterion measures one thing after the other. Without
//! `--bench`, which `cargo bench` gives, one small round shows that everything runs.

mod cost;
mod documents;
mod op_msg;
mod place;
mod probe;
mod spec;
mod table;
mod turn;

use benches::args::Args;
use place::Place;
use spec::Spec;
use table::Row;

/// One kind of load.
#[derive(Clone, Copy)]
pub struct Load {
    name: &'static str,
    what: What,
    spec: Spec,
}

/// Where a load goes, or which bound it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// Nowhere, on so many cores.
    Null(Cores),
    Sqlite,
    Mongodb,
    /// The same from a bucket.
    FromS3,
    InsertMany,
    OpMsg,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cores {
    One,
    All,
}

const fn load(name: &'static str, what: What, spec: Spec) -> Load {
    Load { name, what, spec }
}

/// What needs no server.
const ALONE: [Load; 4] = [
    load(
        "typed, null sink, one core",
        What::Null(Cores::One),
        Spec::Typed,
    ),
    load(
        "typed, null sink, all cores",
        What::Null(Cores::All),
        Spec::Typed,
    ),
    load(
        "with steps, null sink, all cores",
        What::Null(Cores::All),
        Spec::Steps,
    ),
    load("typed, SQLite", What::Sqlite, Spec::Typed),
];
/// What goes to MongoDB.
const TO_MONGODB: [Load; 5] = [
    load("typed", What::Mongodb, Spec::Typed),
    load("with steps", What::Mongodb, Spec::Steps),
    load("typed, from S3", What::FromS3, Spec::Typed),
    load("bound: insert_many", What::InsertMany, Spec::Typed),
    load("bound: OP_MSG", What::OpMsg, Spec::Typed),
];

/// What may be asked for; from `--turn` on, by the process that starts another one.
const OPTIONS: [&str; 13] = [
    "--records N",
    "--rounds N",
    "--only TEXT",
    "--tune LINES",
    "--probe",
    "--turn WHAT",
    "--spec WORD",
    "--input INPUT",
    "--sink SINK",
    "--folder FOLDER",
    "--documents FILE",
    "--port N",
    "--cores N",
];

fn main() {
    let args = Args::of_this_process(&OPTIONS);
    if let Some(what) = args.said("--turn") {
        return turn::take(what, &args);
    }
    let is_in_full = args.has("--bench");
    let is_probe = args.has("--probe");
    let records = match (is_in_full, is_probe) {
        (false, _) => 2_000,
        (true, false) => 500_000,
        (true, true) => probe::RECORDS,
    };
    let place = Place::new(args, records);
    println!("{}", place.described());
    if is_probe {
        return probe::show(&place, is_in_full);
    }
    let rounds = place
        .args
        .number("--rounds", if is_in_full { 5 } else { 1 }) as usize;
    for (server, loads) in [
        ("alone", &ALONE[..]),
        ("standalone", &TO_MONGODB),
        ("replica set", &TO_MONGODB),
    ] {
        let only = place.args.said("--only").unwrap_or_default();
        let is_asked = |load: &&Load| format!("{server}: {}", load.name).contains(only);
        let mut rows: Vec<Row> = loads.iter().filter(is_asked).map(Row::new).collect();
        if rows.is_empty() {
            continue;
        }
        let server = match server {
            "alone" => None,
            topology => Some(place.start_server(topology == "replica set")),
        };
        for round in 0..rounds {
            // Each round begins elsewhere, so that none always comes behind the same one.
            for turn in 0..rows.len() {
                let index = (turn + round) % rows.len();
                let row = &mut rows[index];
                row.turns.push(place.turn(row.load, server.as_ref()));
            }
        }
        table::print(server.as_ref().map_or("no server", |it| it.name), &rows);
    }
}
