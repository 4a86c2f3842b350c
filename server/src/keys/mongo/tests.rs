//! The keys in MongoDB keep the contract of every store, also while answers are lost.

use super::*;
use crate::keys::suite::conforms;
use stages::sink::mongodb::{MAX_RETRY_MS, MongoTarget};
use testbed::mongod::Mongod;

async fn conforms_on(server: Mongod) {
    let mut count = 0;
    conforms(async || {
        count += 1;
        open(&server.uri_for(&format!("keys{count}"))).await
    })
    .await;
}

async fn open(uri: &str) -> MongoKeys {
    let target = MongoTarget::connect(uri).await.unwrap();
    MongoKeys::open(target.state(MAX_RETRY_MS)).await.unwrap()
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
async fn statements_whose_answers_are_lost_find_their_own_change() {
    let server = Mongod::standalone().await;
    let proxy = testbed::proxy::Cutter::start(server.port(0)).await;
    let keys = open(&format!("mongodb://127.0.0.1:{}/keys", proxy.port())).await;
    let (id, tenant) = (Id([1; 12]), "acme".parse().unwrap());
    proxy.lose_reply_to(b"findAndModify", 1);
    let added = keys.add(id, &tenant, [1; 32]).await.unwrap().unwrap();
    assert_eq!((proxy.cuts(), keys.list().await.unwrap()), (1, vec![added]));
    proxy.lose_reply_to(b"updates", 1);
    assert!(keys.revoke(id).await.unwrap());
    assert_eq!(proxy.cuts(), 2);
    assert!(!keys.revoke(id).await.unwrap());
}
