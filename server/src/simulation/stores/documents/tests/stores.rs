//! A real store beside the one in memory: both are given the same batches.

use super::MemoryDocuments;
use super::feed::{Feed, load, rows, target};
use crate::simulation::stores::Clock;
use futures::TryStreamExt;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use stages::sink::mongodb::MongoTarget;
use stages::sink::sqlite::EmbeddedStore;
use stages::sink::{DocumentStore, Mode};
use std::collections::BTreeMap;
use std::path::Path;
use testbed::mongod::Mongod;
use testbed::random::Random;

/// Records of each load.
const RECORDS: u64 = 60;
/// Records of a batch, at most.
const MAX_BATCH: u64 = 8;

/// A real store.
pub(super) enum Beside<'a> {
    /// The embedded one.
    Embedded(EmbeddedStore),
    /// A database of a server.
    Mongod(&'a Mongod, String, MongoTarget),
}

impl<'a> Beside<'a> {
    /// A new embedded store.
    pub(super) async fn embedded(path: &Path) -> Self {
        Self::Embedded(EmbeddedStore::open(path).await.unwrap())
    }

    /// A new database, whose rows have a unique index on `u` beside that of the key.
    pub(super) async fn mongod(server: &'a Mongod, name: &str) -> Self {
        server.make_unique(name, "rows", "u").await;
        let target = MongoTarget::connect(&server.uri_for(name)).await.unwrap();
        Self::Mongod(server, name.to_owned(), target)
    }

    fn store(&self) -> &dyn DocumentStore {
        match self {
            Self::Embedded(store) => store,
            Self::Mongod(_, _, target) => target,
        }
    }

    /// Whether another unique index than that of the key can be made.
    fn has_unique(&self) -> bool {
        matches!(self, Self::Mongod(..))
    }

    /// Every document without `_id` and what the sink keeps for itself, in the order of their texts.
    async fn documents(&self) -> Vec<String> {
        let documents: Vec<Value> = match self {
            Self::Embedded(store) => {
                let lines = store.export("rows").unwrap();
                let read = |line: Result<String, _>| serde_json::from_str(&line.unwrap()).unwrap();
                lines.map(read).collect()
            }
            Self::Mongod(server, name, _) => {
                let database = server.client().await.database(name);
                let rows = database.collection::<Entries>("rows");
                let found = rows.find(Default::default()).await.unwrap();
                let found: Vec<Entries> = found.try_collect().await.unwrap();
                found.into_iter().map(Whole::json).collect()
            }
        };
        sorted(documents)
    }
}

/// The entries of a document.
type Entries = BTreeMap<String, Whole>;

/// A value of a document, as far as a test looks at it: ids are bytes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Whole {
    Number(i64),
    Nested(Entries),
    Other(IgnoredAny),
}

impl Whole {
    fn json(entries: Entries) -> Value {
        let known = entries.into_iter().filter_map(|(name, value)| match value {
            Self::Number(number) => Some((name, number.into())),
            Self::Nested(entries) => Some((name, Self::json(entries))),
            Self::Other(_) => None,
        });
        Value::Object(known.collect())
    }
}

fn sorted(documents: Vec<Value>) -> Vec<String> {
    let bare = documents.into_iter().map(|mut document| {
        let entries = document.as_object_mut().unwrap();
        entries.remove("_id");
        entries.remove("_src");
        document.to_string()
    });
    let mut texts: Vec<String> = bare.collect();
    texts.sort();
    texts
}

/// A load in both stores.
struct Both {
    rows: Vec<Value>,
    /// The ordinal behind the last record that was written.
    end: u64,
    real: Feed,
    memory: Feed,
}

impl Both {
    async fn open(
        beside: &Beside<'_>,
        memory: &MemoryDocuments,
        mode: Mode,
        number: u8,
        random: &mut Random,
    ) -> Self {
        let target = target(mode);
        Self {
            rows: rows(random, RECORDS as usize, beside.has_unique()),
            end: 0,
            real: Feed::open(beside.store(), &target, load(number)).await,
            memory: Feed::open(memory, &target, load(number)).await,
        }
    }

    /// Writes the next batch, or one that begins where something was written before.
    async fn step(&mut self, is_exact: bool, random: &mut Random, what: &str) {
        let from = match random.once_in(3) {
            true => random.below(self.end + 1),
            false => self.end,
        };
        let to = (from + 1 + random.below(MAX_BATCH)).min(RECORDS);
        let rows = &self.rows[from as usize..to as usize];
        let real = self.real.write(from, rows).await;
        let memory = self.memory.write(from, rows).await;
        let told = |said: &str| match is_exact {
            true => said.to_owned(),
            false => summed(said),
        };
        assert_eq!(told(&memory), told(&real), "{what}, records {from} to {to}");
        self.end = self.end.max(to);
    }
}

/// What was said, with loaded and already loaded as one: under replays only their sum is the same.
fn summed(said: &str) -> String {
    let (counts, rest) = said.split_once(' ').unwrap_or((said, ""));
    let counts = counts.split('/').map(|count| count.parse::<u64>().unwrap());
    format!("{} {rest}", counts.sum::<u64>())
}

/// Loads twice, first by upserts and then in `mode`, with late batches of the first among those of the second.
pub(super) async fn same_answers(beside: &Beside<'_>, mode: Mode, seed: u64) {
    let mut random = Random::of_item(seed, mode as u64);
    let memory = MemoryDocuments::new(Clock::new());
    if beside.has_unique() {
        assert!(memory.make_unique("rows", "u"));
    }
    let is_exact = beside.has_unique();
    let first = match mode {
        Mode::Insert => Mode::Insert,
        _ => Mode::Upsert,
    };
    let mut old = Both::open(beside, &memory, first, 1, &mut random).await;
    let mut new = Both::open(beside, &memory, mode, 2, &mut random).await;
    while new.end < RECORDS {
        let (what, which) = match random.once_in(3) {
            _ if old.end < RECORDS / 2 => ("old", &mut old),
            true => ("old", &mut old),
            false => ("new", &mut new),
        };
        let what = format!("{mode:?}, seed {seed}, {what}");
        which.step(is_exact, &mut random, &what).await;
    }
    for both in [&old, &new] {
        let real = both.real.sink.finish().await.unwrap();
        let real = real.map(|holdings| holdings.documents);
        let in_memory = both.memory.sink.finish().await.unwrap();
        let in_memory = in_memory.map(|holdings| holdings.documents);
        assert_eq!(in_memory, real, "{mode:?}, seed {seed}");
    }
    let in_memory = memory.documents("rows").into_iter();
    let in_memory = sorted(in_memory.map(|(_, document)| document).collect());
    assert_eq!(in_memory, beside.documents().await, "{mode:?}, seed {seed}");
}
