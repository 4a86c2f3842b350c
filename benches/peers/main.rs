//! The same files loaded into the same MongoDB by this program and by what people use instead; `benches/peers/run` builds
//! and starts it.
//!
//! A machine drifts by more than what is looked for, so the loaders take turns within a round, each round begins with
//! another one, and what counts is the ratio within each round. After each load the documents are counted: what a loader
//! says that it wrote must be there, and where it validates as the spec does it must be the truth.

mod loader;
mod report;

use benches::args::Args;
use benches::machine;
use loader::{Files, Format, Loader, Tools};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use report::{Cost, Row};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use testbed::mongod::Mongod;
use testbed::truth::{Generated, Totals, Truth, code};
use testbed::{events, files, orders};

const USAGE: &str = "\
usage: benches/peers/run [--records N] [--rounds R] [--format csv|jsonl] [--replica-set] [--out FOLDER]

  --records N      records of each file (200000)
  --rounds R       how often each loads each file (3)
  --format FORMAT  only one of the two
  --replica-set    into a replica set of one node, not a standalone
  --out FOLDER     where the tables and pictures go (target/peers)
";
/// The same, for whoever reads them.
const OPTIONS: [&str; 5] = [
    "--records N",
    "--rounds N",
    "--format FORMAT",
    "--replica-set",
    "--out FOLDER",
];
/// The seed of the files.
const SEED: u64 = 2026;
/// The database that is loaded into.
const DATABASE: &str = "peers";
/// How long a load may take, for each record besides the least.
const LEAST_DEADLINE: Duration = Duration::from_secs(120);
const DEADLINE_OF_A_RECORD: Duration = Duration::from_micros(500);

struct Asked {
    records: u64,
    rounds: usize,
    formats: Vec<Format>,
    replica_set: bool,
    out: PathBuf,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let asked = match asked(words) {
        Ok(asked) => asked,
        Err(error) => {
            eprint!("peers: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    match runtime.and_then(|runtime| runtime.block_on(compare(&asked))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn asked(words: Vec<String>) -> Result<Asked, String> {
    let args = Args::read(words, &OPTIONS)?;
    let built = std::env::current_exe().unwrap_or_default();
    let mut formats = vec![Format::Csv, Format::Jsonl];
    if let Some(word) = args.said("--format") {
        formats.retain(|format| format.word() == word);
    }
    let asked = Asked {
        records: args.number("--records", 200_000),
        rounds: args.number("--rounds", 3) as usize,
        formats,
        replica_set: args.has("--replica-set"),
        out: args
            .said("--out")
            .map_or_else(|| built.with_file_name("../peers"), PathBuf::from),
    };
    if asked.formats.is_empty() {
        return Err("--format wants csv or jsonl".to_owned());
    }
    match asked.records == 0 || asked.rounds == 0 {
        true => Err("--records and --rounds want 1 at least".to_owned()),
        false => Ok(asked),
    }
}

fn tools() -> Tools {
    let built = std::env::current_exe().unwrap_or_default();
    let python = std::env::var_os("PEERS_PYTHON").unwrap_or_else(|| "python3".into());
    Tools {
        binary: built.with_file_name("sluicegate"),
        scripts: built.with_file_name("../peers"),
        python: python.into(),
        pymongo: testbed::fetched("SLUICEGATE_TEST_PYMONGO", "pymongo"),
    }
}

async fn compare(asked: &Asked) -> std::io::Result<()> {
    let tools = tools();
    let folder = tempfile::tempdir()?;
    std::fs::create_dir_all(&asked.out)?;
    for &format in &asked.formats {
        let mongod = Mongod::as_installed(asked.replica_set).await;
        let topology = match asked.replica_set {
            true => "replica-set",
            false => "standalone",
        };
        let bench = Bench {
            client: mongod.client().await,
            mongod,
            format,
            files: Files {
                whole: folder.path().join(format!("whole.{}", format.word())),
                plain: folder.path().join(format!("plain.{}", format.word())),
            },
            tools: &tools,
            records: asked.records,
        };
        let rows = bench.rounds(asked.rounds).await;
        let what = match format {
            Format::Csv => "orders (CSV)",
            Format::Jsonl => "events (JSON Lines)",
        };
        let title = format!("{} {what} into MongoDB, {topology}", asked.records);
        let note = format!(
            "w: majority, j: true; {}; medians of {} rounds",
            machine::says(),
            asked.rounds
        );
        let table = format!("{title}\n{note}\n\n{}", report::table(format, &rows));
        println!("{table}");
        let name = format!("{}-{topology}", format.word());
        std::fs::write(asked.out.join(format!("{name}.md")), table)?;
        let picture = report::picture(format, &rows, &title, &note);
        std::fs::write(asked.out.join(format!("{name}.svg")), picture)?;
    }
    println!(
        "Tables and pictures: {}",
        std::fs::canonicalize(&asked.out)?.display()
    );
    Ok(())
}

/// Loads of one format into one MongoDB.
struct Bench<'a> {
    client: Client,
    mongod: Mongod,
    format: Format,
    files: Files,
    tools: &'a Tools,
    records: u64,
}

impl Bench<'_> {
    async fn rounds(&self, rounds: usize) -> Vec<Row> {
        let (whole, plain) = self.generate();
        let loaders = Loader::ALL
            .into_iter()
            .filter(|loader| loader.loads(self.format));
        let mut rows: Vec<Row> = loaders
            .map(|loader| Row {
                loader,
                missing: loader.missing(self.tools),
                costs: Vec::new(),
            })
            .collect();
        for round in 0..rounds {
            for turn in 0..rows.len() {
                let count = rows.len();
                let row = &mut rows[(turn + round) % count];
                if row.missing.is_none() {
                    let totals = match row.loader {
                        Loader::Mongoimport => &plain,
                        _ => &whole,
                    };
                    row.costs.push(self.load(row.loader, totals).await);
                }
            }
            eprintln!("round {} of {rounds} of {}", round + 1, self.format.word());
        }
        rows
    }

    /// Writes both files, and says what is in them.
    fn generate(&self) -> (Totals, Totals) {
        let Files { whole, plain } = &self.files;
        match self.format {
            Format::Csv => {
                let records = || orders::orders(SEED, self.records);
                let of_plain = files::write_file(plain, "", records());
                (
                    files::write_file(whole, orders::HEADER, records()),
                    of_plain,
                )
            }
            Format::Jsonl => {
                let records = || events::events(SEED, self.records);
                let of_plain = files::write_file(plain, "", records().filter(is_json));
                (files::write_file(whole, "", records()), of_plain)
            }
        }
    }

    async fn load(&self, loader: Loader, totals: &Totals) -> Cost {
        let uri = self.mongod.uri_for(DATABASE);
        let (place, args) = loader.prepare(self.format, self.tools, &self.files, &uri);
        let records = u32::try_from(self.records).unwrap_or(u32::MAX);
        let place = place.deadline(LEAST_DEADLINE + DEADLINE_OF_A_RECORD * records);
        let server = self.mongod.process_id(0);
        let cpu = (
            machine::cpu_seconds_of_children(),
            machine::cpu_seconds(server),
        );
        let from = Instant::now();
        let ended = place.run(&args).await;
        let cost = Cost {
            seconds: from.elapsed().as_secs_f64(),
            client_seconds: machine::cpu_seconds_of_children() - cpu.0,
            server_seconds: machine::cpu_seconds(server) - cpu.1,
            peak_bytes: ended.peak_rss_bytes,
            records: totals.read,
            documents: self.documents().await,
        };
        let said = loader.said(&ended);
        let name = loader.name(self.format);
        assert_eq!(
            said.loaded, cost.documents,
            "{name}: what it wrote is there"
        );
        if loader.validates(self.format) {
            let wanted = (totals.loaded, totals.rejected, totals.dropped);
            assert_eq!(
                (said.loaded, said.rejected, said.dropped),
                wanted,
                "{name}: the truth"
            );
        }
        self.clear().await;
        cost
    }

    async fn documents(&self) -> u64 {
        let collection = self
            .client
            .database(DATABASE)
            .collection::<Document>(self.format.collection());
        let counted = collection.count_documents(doc! {}).await;
        counted.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Drops what was loaded, and lets MongoDB write down that it did, so that the next load does not wait for it.
    async fn clear(&self) {
        let dropped = self.client.database(DATABASE).drop().await;
        dropped.unwrap_or_else(|error| panic!("{error}"));
        let written = self
            .client
            .database("admin")
            .run_command(doc! { "fsync": 1 })
            .await;
        written.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Whether mongoimport reads it: it ends at the first line that is no JSON.
fn is_json(event: &Generated) -> bool {
    let broken = [code::JSON_SYNTAX, code::ENCODING];
    !matches!(&event.truth, Truth::Rejected(problems) if problems.iter().any(|problem| broken.contains(&problem.code)))
}
