//! `_loads` in MongoDB keeps the contract of every store, also while answers are lost.

use super::*;
use crate::load::Loads;
use crate::load::suite::conforms;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

async fn conforms_on(server: Mongod) {
    let count = AtomicU32::new(0);
    conforms(async || {
        let name = format!("loads{}", count.fetch_add(1, Relaxed));
        MongoTarget::connect(&server.uri_for(&name)).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn a_standalone_conforms() {
    conforms_on(Mongod::standalone().await).await;
}

#[tokio::test]
async fn a_replica_set_conforms() {
    conforms_on(Mongod::replica_set().await).await;
}

#[tokio::test]
async fn a_lost_answer_changes_nothing() {
    let server = Mongod::standalone().await;
    let proxy = testbed::proxy::Cutter::start(server.port(0)).await;
    let uri = format!("mongodb://127.0.0.1:{}/loads", proxy.port());
    let mongo = MongoTarget::connect(&uri).await.unwrap();
    let request = crate::load::Request {
        base: LoadIdentity([1; 12]),
        spec: "orders".into(),
        version: 1,
        spec_sha256: "aa".into(),
        collection: "orders".into(),
        job: "job".into(),
        owner: "owner-1".into(),
        lease_ms: 1,
        numbered: true,
    };
    proxy.lose_reply_to(b"specSha256", 1);
    let entered = mongo.enter(&request, request.base, 0).await.unwrap();
    let entered = entered.expect("the entry is its own");
    assert_eq!((entered.fence, entered.load_number), (1, 1));
    let taker = crate::load::Request {
        owner: "owner-2".into(),
        lease_ms: 600_000,
        ..request.clone()
    };
    proxy.lose_reply_to(b"specSha256", 1);
    let mut taken = None;
    testbed::eventually(
        "the lease runs out",
        std::time::Duration::from_secs(30),
        async || {
            taken = mongo.take(&taker, &entered).await.unwrap();
            taken.is_some()
        },
    )
    .await;
    assert_eq!(taken.map(|entry| entry.fence), Some(2));
    assert_eq!(proxy.cuts(), 2);
}
