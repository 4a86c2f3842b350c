//! Who loads a file into MongoDB: this program, mongoimport, a Node service, a Python script. How each is started, and what
//! it says that it did.

use serde_json::Value;
use std::path::{Path, PathBuf};
use testbed::process::{Ended, Sluicegate};
use testbed::{events, orders};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Orders as CSV.
    Csv,
    /// Events as JSON Lines.
    Jsonl,
}

impl Format {
    /// For people, and in names of files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    /// The spec that reads it.
    pub fn spec(self) -> &'static str {
        match self {
            Self::Csv => orders::SPEC,
            Self::Jsonl => events::SPEC,
        }
    }

    /// Where its records go.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Csv => "orders",
            Self::Jsonl => "events",
        }
    }
}

/// A loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loader {
    /// `sluicegate run`.
    Ours,
    /// mongoimport with typed columns and 4 workers.
    Mongoimport,
    /// csv-parse or readline, zod, insertMany.
    Node,
    /// csv, checks by hand, pymongo.
    Python,
}

/// The columns of the orders as mongoimport types them; their own names hold blanks.
const COLUMNS: &str = "order_id.string(),customer.email.string(),ordered_at.date(02/01/2006 15:04),\
                       deliver_on.date(2006-01-02),amount.total.decimal(),amount.currency.string(),\
                       quantity.int32(),weight.double(),status.string(),paid.boolean(),note.string()";

/// The files that are loaded.
pub struct Files {
    /// As it is generated.
    pub whole: PathBuf,
    /// For mongoimport: a CSV without its header, JSON Lines without what is no JSON, at which it would end.
    pub plain: PathBuf,
}

/// Where things are.
pub struct Tools {
    /// The program.
    pub binary: PathBuf,
    /// The folder of the scripts.
    pub scripts: PathBuf,
    /// The Python that runs them.
    pub python: PathBuf,
    /// The folder of pymongo.
    pub pymongo: PathBuf,
}

/// What a loader says that it did, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Documents that it wrote.
    pub loaded: u64,
    /// Records that it refused.
    pub rejected: u64,
    /// Records that it left out.
    pub dropped: u64,
}

impl Loader {
    /// Every loader, ours first.
    pub const ALL: [Self; 4] = [Self::Ours, Self::Mongoimport, Self::Node, Self::Python];

    /// For people.
    pub fn name(self, format: Format) -> &'static str {
        match (self, format) {
            (Self::Ours, _) => "sluicegate run",
            (Self::Mongoimport, Format::Csv) => "mongoimport, typed, 4 workers",
            (Self::Mongoimport, Format::Jsonl) => "mongoimport, JSON, 4 workers",
            (Self::Node, Format::Csv) => "Node: csv-parse, zod, insertMany",
            (Self::Node, Format::Jsonl) => "Node: readline, zod, insertMany",
            (Self::Python, _) => "Python: csv, pymongo",
        }
    }

    /// Whether it loads such files.
    pub fn loads(self, format: Format) -> bool {
        (self, format) != (Self::Python, Format::Jsonl)
    }

    /// What is missing for it to run; nothing where all is there.
    pub fn missing(self, tools: &Tools) -> Option<String> {
        let on_path = |name: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
            (!found).then(|| format!("{name} is not on the PATH"))
        };
        match self {
            Self::Ours | Self::Python => None,
            Self::Mongoimport => on_path("mongoimport"),
            Self::Node => on_path("node").or_else(|| {
                let packages = tools.scripts.join("node/node_modules");
                (!packages.exists()).then(|| "npm is not on the PATH".to_owned())
            }),
        }
    }

    /// Whether it refuses and drops what the spec says: then its documents are those of the truth.
    pub fn validates(self, format: Format) -> bool {
        match self {
            Self::Ours | Self::Python => true,
            Self::Node => format == Format::Csv,
            Self::Mongoimport => false,
        }
    }

    /// A place for one load, and the arguments.
    pub fn prepare(
        self,
        format: Format,
        tools: &Tools,
        files: &Files,
        uri: &str,
    ) -> (Sluicegate, Vec<String>) {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let script = |name: &str| text(&tools.scripts.join(name));
        match self {
            Self::Ours => {
                let place = Sluicegate::new(&tools.binary);
                place.write("spec.toml", format.spec());
                let args = [
                    "run",
                    "spec.toml",
                    &text(&files.whole),
                    "--sink",
                    uri,
                    "--rejects",
                    "rejects.jsonl",
                    "--json",
                ];
                (place, args.map(str::to_owned).into())
            }
            Self::Mongoimport => {
                let mut args = vec!["--uri".to_owned(), uri.to_owned()];
                args.extend(["--collection", format.collection()].map(str::to_owned));
                args.extend(["--file".to_owned(), text(&files.plain)]);
                args.extend(["--numInsertionWorkers", "4"].map(str::to_owned));
                args.extend(
                    ["--writeConcern", "{\"w\":\"majority\",\"j\":true}"].map(str::to_owned),
                );
                let typed = [
                    "--type",
                    "csv",
                    "--columnsHaveTypes",
                    "--ignoreBlanks",
                    "--parseGrace",
                    "skipRow",
                    "--fields",
                    COLUMNS,
                ];
                match format {
                    Format::Csv => args.extend(typed.map(str::to_owned)),
                    Format::Jsonl => args.extend(["--type", "json"].map(str::to_owned)),
                }
                (Sluicegate::new("mongoimport"), args)
            }
            Self::Node => {
                let name = match format {
                    Format::Csv => "node/orders.mjs",
                    Format::Jsonl => "node/events.mjs",
                };
                let args = [
                    script(name),
                    uri.to_owned(),
                    text(&files.whole),
                    "rejects.jsonl".to_owned(),
                ];
                (Sluicegate::new("node"), args.into())
            }
            Self::Python => {
                let place = Sluicegate::new(&tools.python).env("PYTHONPATH", &tools.pymongo);
                let name = script("python/orders.py");
                let args = [
                    name,
                    uri.to_owned(),
                    text(&files.whole),
                    "rejects.jsonl".to_owned(),
                ];
                (place, args.into())
            }
        }
    }

    /// What it says that it did.
    ///
    /// # Panics
    /// Where it failed, with what it wrote.
    pub fn said(self, ended: &Ended) -> Said {
        let said = match self {
            Self::Mongoimport => imported(&ended.stderr).filter(|_| ended.code == Some(0)),
            Self::Ours => {
                counts(&ended.stdout, "stats").filter(|_| matches!(ended.code, Some(0 | 3)))
            }
            Self::Node | Self::Python => {
                counts(&ended.stdout, "").filter(|_| ended.code == Some(0))
            }
        };
        said.unwrap_or_else(|| {
            panic!(
                "{self:?}: {:?}\n{}{}",
                ended.code, ended.stdout, ended.stderr
            )
        })
    }
}

/// The counts in a line of JSON, in its member `below` where that is named.
fn counts(stdout: &str, below: &str) -> Option<Said> {
    let all: Value = serde_json::from_str(stdout).ok()?;
    let counts = match below {
        "" => &all,
        below => &all[below],
    };
    Some(Said {
        loaded: counts["loaded"].as_u64()?,
        rejected: counts["rejected"].as_u64()?,
        dropped: counts["dropped"].as_u64()?,
    })
}

/// "… 96 document(s) imported successfully. 4 document(s) failed to import."
fn imported(stderr: &str) -> Option<Said> {
    let number_before = |what: &str| -> Option<u64> {
        let line = stderr.lines().rev().find(|line| line.contains(what))?;
        line.split(what)
            .next()?
            .split_whitespace()
            .last()?
            .parse()
            .ok()
    };
    Some(Said {
        loaded: number_before(" document(s) imported successfully")?,
        rejected: number_before(" document(s) failed to import")?,
        dropped: 0,
    })
}
