//! Tests of the sink MongoDB against real servers, and what they share: records made from JSON lines, as
//! batches that went through a chain.

mod encoded;
mod faults;
mod held;
mod inserts;
mod keyed;
mod loads;
mod merges;
mod opening;
mod parts;

use super::MongoTarget;
use crate::identity::LoadIdentity;
use crate::record::Type;
use crate::sink::harness::{self, Fed};
use crate::sink::{DocumentStore as _, Flow, Load, Mode, Target};
use futures::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use pipeline::{Fatal, Written};
use std::sync::Arc;
use testbed::mongod::Mongod;

/// Runs a test on a standalone server and on a replica set of one node.
async fn on_both(test: impl AsyncFn(&Mongod, MongoTarget)) {
    for server in [Mongod::standalone().await, Mongod::replica_set().await] {
        let target = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
        test(&server, target).await;
    }
}

/// The fields of every test: target and type.
const FIELDS: [(&str, Type); 9] = [
    ("id", Type::Integer),
    ("name", Type::String),
    ("price", Type::Decimal),
    ("weight", Type::Float),
    ("paid", Type::Boolean),
    ("a.x", Type::Integer),
    ("a.b.y", Type::Integer),
    ("tags", Type::List),
    ("data", Type::Object),
];

fn target(mode: Mode, key: &[&str]) -> Target {
    Target {
        collection: "orders".into(),
        mode,
        key: key
            .iter()
            .map(|path| path.split('.').map(Arc::from).collect())
            .collect(),
        ..Target::default()
    }
}

fn load(load_number: u64) -> Load {
    Load {
        identity: LoadIdentity([load_number as u8; 12]),
        load_number,
        job: format!("job-{load_number}"),
        file: "orders.jsonl".into(),
        ..harness::load(&FIELDS)
    }
}

/// An open sink that is fed with rows of JSON.
struct Loader(Fed);

impl Loader {
    async fn open(mongo: &MongoTarget, target: &Target, load: Load) -> Result<Self, Fatal> {
        let flow = Flow {
            max_in_flight: 1,
            ..Flow::default()
        };
        let opened = mongo.open_sink(target, &flow, load.clone()).await?;
        Ok(Self(Fed::new(opened, &load)))
    }

    /// Writes rows of which the first has ordinal `from`.
    async fn write(&self, from: u64, rows: &[&str]) -> Outcome {
        Outcome::of(self.0.write(from, rows).await.unwrap())
    }
}

/// What became of a batch.
#[derive(Debug, PartialEq)]
struct Outcome {
    loaded: u64,
    already: u64,
    /// Ordinal, code and field.
    rejects: Vec<(u64, String, Option<String>)>,
}

impl Outcome {
    fn of(written: Written) -> Self {
        let mut rejects: Vec<_> = written
            .rejects
            .iter()
            .map(|reject| {
                let problem = reject.leading().unwrap();
                assert!(!problem.message.is_empty());
                (
                    reject.at.ordinal,
                    problem.code.to_string(),
                    problem.field.clone(),
                )
            })
            .collect();
        rejects.sort();
        Self {
            loaded: written.loaded,
            already: written.already_loaded,
            rejects,
        }
    }

    fn all(loaded: u64, already: u64) -> Self {
        Self {
            loaded,
            already,
            rejects: Vec::new(),
        }
    }
}

fn rejected(loaded: u64, already: u64, rejects: &[(u64, &str, Option<&str>)]) -> Outcome {
    Outcome {
        loaded,
        already,
        rejects: rejects
            .iter()
            .map(|(at, code, field)| (*at, code.to_string(), field.map(str::to_owned)))
            .collect(),
    }
}

/// All documents of the tests' collection in the order of `id`.
async fn documents(mongo: &MongoTarget) -> Vec<Document> {
    // Raw, because the driver's own decoding of a `Document` interprets names like `$date`.
    let collection = mongo.database().collection::<RawDocumentBuf>("orders");
    let found = collection.find(doc! {}).sort(doc! { "id": 1, "_id": 1 });
    let raw: Vec<RawDocumentBuf> = found.await.unwrap().try_collect().await.unwrap();
    raw.iter()
        .map(|raw| Document::try_from(raw).unwrap())
        .collect()
}

/// The same without what is the sink's own.
async fn contents(mongo: &MongoTarget) -> Vec<Document> {
    let mut documents = documents(mongo).await;
    for document in &mut documents {
        document.remove("_id");
        document.remove("_src");
    }
    documents
}

async fn empty(mongo: &MongoTarget) {
    let collection = mongo.database().collection::<Document>("orders");
    collection.drop().await.unwrap();
}
