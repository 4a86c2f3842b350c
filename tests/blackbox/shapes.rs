//! Records that become several documents, and documents of several records: a run that is killed at random moments and
//! goes on with `--resume` leaves what an undisturbed run leaves, every record whole.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use testbed::mongod::Mongod;
use testbed::process::Sluicegate;
use testbed::random::Random;
use testbed::stored::json_of;

use crate::job::{Job, job, place};

const RECORDS: u64 = 6_000;
const SEED: u64 = 11;
const KILLS: u64 = 2;

/// 60 batches with a pause behind each, so that there is a middle.
const SLOW: &str =
    "collection = \"shapes\"\nbatch = { records = 100 }\nrate = { pause = \"25ms\" }\n";

const RUN: [&str; 7] = [
    "run",
    "spec.toml",
    "input",
    "--id",
    "one",
    "--rejects",
    "rejects.jsonl",
];

/// Records of up to six tags. Some have one tag twice, some one that is no number.
fn tagged() -> (String, String) {
    let mut random = Random::new(SEED);
    let mut next = 0;
    let lines = (0..RECORDS).map(|id| {
        let mut tags: Vec<String> = (0..random.below(7))
            .map(|_| {
                next += 1;
                next.to_string()
            })
            .collect();
        match random.below(40) {
            0 => tags.extend(tags.first().cloned()),
            1 => tags.push("\"x\"".to_owned()),
            _ => {}
        }
        format!("{{\"id\":{id},\"tags\":[{}]}}\n", tags.join(","))
    });
    let spec = format!(
        "spec = 1\nname = \"tags\"\n[format.jsonl]\n[fields]\nid = {{ type = \"integer\" }}\n\
         tags = {{ type = \"list\", items = \"integer\" }}\n\
         [[steps]]\nexplode = {{ field = \"tags\", as = \"tag\", drop_empty = \"untagged\" }}\n\
         [errors]\non_breach = \"continue\"\n[sink.mongodb]\n{SLOW}"
    );
    (spec, lines.collect())
}

/// Rows of orders, up to nine of each behind each other. Some are broken.
fn rows() -> (String, String) {
    let mut random = Random::new(SEED);
    let mut order = 0;
    let lines = (0..RECORDS).map(|row| {
        order += u64::from(random.below(4) == 0);
        match random.below(200) {
            0 => format!("{order}\n"),
            1 => format!("{order},{row},many\n"),
            _ => format!("{order},{row},{}\n", random.below(9)),
        }
    });
    let spec = format!(
        "spec = 1\nname = \"rows\"\n[format.csv]\n[fields]\norder = {{ type = \"integer\", required = true }}\n\
         row = {{ type = \"integer\" }}\nn = {{ type = \"integer\" }}\n\
         [[steps]]\ndrop = {{ name = \"none\", when = \"n == 0\" }}\n\
         [group]\nby = [\"order\"]\ninto = \"rows\"\nfields = [\"row\", \"n\"]\nmax_records = 14\n\
         [errors]\non_breach = \"continue\"\n[sink.mongodb]\n{SLOW}"
    );
    (spec, format!("order,row,n\n{}", lines.collect::<String>()))
}

/// The documents in the embedded store; none before it is there.
fn stored(place: &Sluicegate) -> i64 {
    let path = place.path("data/documents.db");
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let count = opened
        .and_then(|store| store.query_row("SELECT count(*) FROM shapes", [], |row| row.get(0)));
    count.unwrap_or(0)
}

fn placed((spec, input): &(String, String)) -> Sluicegate {
    let place = place().env("JOB_LEASE_SECONDS", "3");
    place.write("spec.toml", spec);
    place.write("input", input);
    place
}

/// The documents of a database by their ids.
async fn documents(client: &Client, database: &str) -> BTreeMap<String, Value> {
    let shapes = client.database(database).collection::<Document>("shapes");
    let found = shapes.find(doc! {}).await.unwrap();
    let found: Vec<Document> = found.try_collect().await.unwrap();
    let shown = found.into_iter().map(|mut document| {
        let id = document.get_binary_generic("_id").unwrap().clone();
        document.remove("_id");
        let hex = id.iter().map(|byte| format!("{byte:02x}"));
        (hex.collect(), json_of(&document, &[]))
    });
    shown.collect()
}

/// What every run must tell alike.
fn outcome(job: &Job, place: &Sluicegate) -> (u64, u64, u64, Value, String) {
    let stats = job.stats;
    let both = stats.loaded + stats.already_loaded;
    let rejects = std::fs::read_to_string(place.path("rejects.jsonl")).unwrap();
    // The server says which database it was.
    let rejects = rejects.replace("killed.shapes", "whole.shapes");
    let dropped = job.json["stats"]["dropped"].clone();
    (stats.read, both, stats.rejected, dropped, rejects)
}

async fn killed(input: (String, String), unique: Option<&str>) {
    let mongod = Mongod::standalone().await;
    let client = mongod.client().await;
    if let Some(path) = unique {
        for database in ["whole", "killed"] {
            mongod.make_unique(database, "shapes", path).await;
        }
    }
    let undisturbed = placed(&input).env("MONGODB_URI", mongod.uri_for("whole"));
    let whole = job(&undisturbed, &RUN).await;
    assert_eq!(whole.state(), "completed", "{}", whole.json);
    let expected = documents(&client, "whole").await;
    assert!(expected.len() > 1_000, "{} documents", expected.len());
    assert!(
        whole.stats.rejected > 50 && whole.stats.dropped > 50,
        "{}",
        whole.json
    );

    let place = placed(&input).env("MONGODB_URI", mongod.uri_for("killed"));
    let mut random = Random::new(SEED);
    let slice = expected.len() as u64 / (KILLS + 1);
    let resume = [&RUN[..], &["--resume"]].concat();
    let shapes = client.database("killed").collection::<Document>("shapes");
    for round in 0..KILLS {
        let moment = round * slice + random.below(slice) + 1;
        let args = if round == 0 { &RUN[..] } else { &resume };
        let ended = place
            .start(args)
            .kill_when(async |_| shapes.count_documents(doc! {}).await.unwrap() >= moment)
            .await;
        assert_eq!(ended.signal, Some(9), "round {round}: {ended:?}");
    }
    let last = job(&place, &resume).await;
    assert_eq!(outcome(&last, &place), outcome(&whole, &undisturbed));
    let found = documents(&client, "killed").await;
    assert!(
        found == expected,
        "{} documents, not {}",
        found.len(),
        expected.len()
    );
    // The embedded store comes to the same end.
    if unique.is_none() {
        let place = placed(&input);
        let embedded = job(&place, &RUN).await;
        assert_eq!(outcome(&embedded, &place), outcome(&whole, &undisturbed));
        let exported = place.run(["export", "shapes"]).await.stdout;
        assert_eq!(exported.lines().count(), expected.len());
    }
}

#[tokio::test]
async fn killed_runs_leave_every_part_of_a_record_or_none() {
    killed(tagged(), Some("tag")).await;
}

#[tokio::test]
async fn killed_runs_leave_every_group_as_one_document() {
    killed(rows(), None).await;
}

#[tokio::test]
async fn killed_runs_into_the_embedded_store_leave_the_same_documents() {
    for input in [tagged(), rows()] {
        let undisturbed = placed(&input);
        let whole = job(&undisturbed, &RUN).await;
        let expected = undisturbed.run(["export", "shapes"]).await.stdout;
        let place = placed(&input);
        let part = expected.lines().count() as i64 / 3;
        let ended = place
            .start(RUN)
            .kill_when(async |_| stored(&place) > part)
            .await;
        assert_eq!(ended.signal, Some(9), "{ended:?}");
        let resume = [&RUN[..], &["--resume"]].concat();
        let last = job(&place, &resume).await;
        assert_eq!(outcome(&last, &place), outcome(&whole, &undisturbed));
        assert!(place.run(["export", "shapes"]).await.stdout == expected);
    }
}
