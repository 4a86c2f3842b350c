//! The suite of loads on the store in memory, and its documents beside those of the embedded store and of a real mongod:
//! the same batches, replayed and late ones among them, have the same answers and leave the same documents.

mod feed;
mod stores;

use super::{Applied, MemoryDocuments};
use crate::simulation::stores::Clock;
use feed::{Feed, load, rows, target};
use serde_json::json;
use stages::identity::{LoadIdentity, LoadName};
use stages::load::{Entry, Loads, Request};
use stages::sink::{DocumentStore, Flow, Mode};
use stores::{Beside, same_answers};
use testbed::mongod::Mongod;
use testbed::random::Random;

/// What the other stores of loads pass.
#[path = "../../../../../stages/src/load/suite.rs"]
mod suite;

/// All of them.
const MODES: [Mode; 5] = [
    Mode::Insert,
    Mode::Upsert,
    Mode::Replace,
    Mode::Merge,
    Mode::Delete,
];

#[tokio::test(start_paused = true)]
async fn loads_conform() {
    suite::conforms(async || MemoryDocuments::new(Clock::new())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_answers_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..20 {
        for mode in MODES {
            let path = folder.path().join(format!("{seed}-{mode:?}.db"));
            let beside = Beside::embedded(&path).await;
            same_answers(&beside, mode, seed).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongod_answers_the_same() {
    let server = Mongod::standalone().await;
    for seed in 0..4 {
        for mode in MODES {
            let name = format!("d{seed}_{}", format!("{mode:?}").to_lowercase());
            let beside = Beside::mongod(&server, &name).await;
            same_answers(&beside, mode, seed).await;
        }
    }
}

#[tokio::test]
async fn a_torn_batch_is_found_when_it_is_written_again() {
    let documents = MemoryDocuments::new(Clock::new());
    let feed = Feed::open(&documents, &target(Mode::Insert), load(1)).await;
    let rows = rows(&mut Random::new(1), 5, true);
    let batch = feed.batch(10, &rows);
    documents.tear_next_write(3);
    let torn = feed.sink.write(&batch).await.unwrap_err();
    assert_eq!(torn.code, "target_unavailable");
    assert_eq!(documents.documents("rows").len(), 3);
    let written = feed.sink.write(&batch).await.unwrap();
    assert_eq!((written.loaded, written.already_loaded), (2, 3));
    let applied = |operations: u64, found: u64| Applied {
        collection: "rows".into(),
        from: 10,
        to: 15,
        operations,
        found,
        refused: 0,
    };
    assert_eq!(documents.applied(), [applied(3, 0), applied(5, 3)]);
    let ids = documents.documents("rows").into_iter().map(|(id, _)| id);
    let expected = (10..15).map(|ordinal| load(1).identity.document_id(ordinal, 0));
    assert!(ids.eq(expected));
}

#[tokio::test]
async fn a_key_that_documents_share_is_refused() {
    let documents = MemoryDocuments::new(Clock::new());
    let feed = Feed::open(&documents, &target(Mode::Insert), load(1)).await;
    let row = json!({ "k": 1 });
    feed.write(0, &[row.clone(), row]).await;
    assert!(!documents.make_unique("rows", "k"));
    let (target, flow) = (target(Mode::Upsert), Flow::default());
    let opened = documents.open_sink(&target, &flow, load(2));
    let refused = opened.await.err().unwrap();
    assert_eq!(refused.code, "key_not_unique");
}

#[tokio::test]
async fn another_unique_index_refuses_a_record() {
    let documents = MemoryDocuments::new(Clock::new());
    assert!(documents.make_unique("rows", "u"));
    let feed = Feed::open(&documents, &target(Mode::Insert), load(1)).await;
    let rows = [json!({ "k": 1, "u": 5 }), json!({ "k": 2, "u": 5 })];
    assert_eq!(feed.write(0, &rows).await, "1/0 1 duplicate_value u");
    // The one that is there already is told by its `_id`.
    assert_eq!(feed.write(0, &rows).await, "0/1 1 duplicate_value u");
}
