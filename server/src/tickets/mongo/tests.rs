//! The tickets in MongoDB keep the contract of every store, also while answers are lost.

use super::*;
use crate::tickets::suite::conforms;
use stages::sink::mongodb::{MAX_RETRY_MS, MongoTarget};
use testbed::mongod::Mongod;

async fn open(uri: &str) -> MongoTickets {
    let target = MongoTarget::connect(uri).await.unwrap();
    MongoTickets::open(target.state(MAX_RETRY_MS))
        .await
        .unwrap()
}

async fn conforms_on(server: Mongod) {
    let mut count = 0;
    let make = async || {
        count += 1;
        open(&server.uri_for(&format!("tickets{count}"))).await
    };
    conforms(make, async |tickets: &MongoTickets| {
        let database = tickets.statements.database();
        let all = database.collection::<Document>(TICKETS);
        let earlier = doc! { "$set": { "until": { "$subtract": ["$until", 60_000] } } };
        all.update_many(doc! {}, vec![earlier]).await.unwrap();
    })
    .await;
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
async fn an_added_ticket_is_found_and_a_taken_one_lost_where_the_answer_is() {
    let server = Mongod::standalone().await;
    let proxy = testbed::proxy::Cutter::start(server.port(0)).await;
    let tickets = open(&format!("mongodb://127.0.0.1:{}/tickets", proxy.port())).await;
    let tenant: Tenant = "acme".parse().unwrap();
    proxy.lose_reply_to(b"findAndModify", 1);
    assert!(tickets.add(&tenant, [1; 32]).await.unwrap().is_some());
    proxy.lose_reply_to(b"findAndModify", 1);
    // What is no ticket is only looked for.
    assert_eq!(tickets.take([9; 32]).await.unwrap(), None);
    assert_eq!(proxy.cuts(), 1);
    assert_eq!(tickets.take([1; 32]).await.unwrap(), None);
    assert_eq!(proxy.cuts(), 2);
}
