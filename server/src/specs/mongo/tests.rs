//! The registry in MongoDB keeps the contract of every store, also while answers are lost.

use super::*;
use crate::specs::suite::conforms;
use crate::tenant::Tenant;
use stages::sink::mongodb::{MAX_RETRY_MS, MongoTarget};
use testbed::mongod::Mongod;

async fn conforms_on(server: Mongod) {
    let mut count = 0;
    conforms(async |max_versions| {
        count += 1;
        let specs = open(&server.uri_for(&format!("specs{count}"))).await;
        specs.keeping(max_versions)
    })
    .await;
}

async fn open(uri: &str) -> MongoSpecs {
    let target = MongoTarget::connect(uri).await.unwrap();
    MongoSpecs::open(target.state(MAX_RETRY_MS)).await.unwrap()
}

#[tokio::test]
async fn a_standalone_mongod_conforms() {
    conforms_on(Mongod::standalone().await).await;
}

#[tokio::test]
async fn a_replica_set_of_mongod_conforms() {
    conforms_on(Mongod::replica_set().await).await;
}

#[tokio::test]
async fn a_put_whose_answer_is_lost_is_there_once() {
    let server = Mongod::standalone().await;
    let proxy = testbed::proxy::Cutter::start(server.port(0)).await;
    let specs = open(&format!("mongodb://127.0.0.1:{}/specs", proxy.port())).await;
    proxy.lose_reply_to(b"findAndModify", 1);
    let owner = Owner::Tenant(&Tenant::NONE);
    let put = specs.put(owner, "orders", 1, "aa", "text").await.unwrap();
    assert!(matches!(put, Put::Identical(_)), "{put:?}");
    assert_eq!(proxy.cuts(), 1);
    assert_eq!(specs.versions(owner, "orders").await.unwrap().len(), 1);
}
