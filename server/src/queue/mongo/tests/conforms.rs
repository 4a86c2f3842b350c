//! The store in MongoDB keeps the contract of every store, with and without a replica set.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

async fn conforms_on(server: Mongod) {
    let count = AtomicU32::new(0);
    crate::queue::suite::conforms(async || {
        let name = format!("queue{}", count.fetch_add(1, Relaxed));
        Arc::new(open(&server.uri_for(&name)).await) as Arc<dyn Queue>
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
