//! Both topologies, a change of primary, restarts and fail points, on real servers.

use super::*;
use crate::proxy::Cutter;

async fn insert(client: &Client, id: i32) -> mongodb::error::Result<()> {
    client
        .database("d")
        .collection("c")
        .insert_one(doc! { "_id": id })
        .await
        .map(|_| ())
}

async fn count(client: &Client) -> u64 {
    client
        .database("d")
        .collection::<Document>("c")
        .count_documents(doc! {})
        .await
        .unwrap()
}

async fn version(mongod: &Mongod) -> String {
    let info = mongod
        .client()
        .await
        .database("admin")
        .run_command(doc! { "buildInfo": 1 })
        .await
        .unwrap();
    info.get_str("version").unwrap().to_owned()
}

#[tokio::test]
async fn mongod_standalone_stores_and_has_no_transactions() {
    let mongod = Mongod::standalone().await;
    assert!(version(&mongod).await.starts_with("6."));
    let client = mongod.client().await;
    insert(&client, 1).await.unwrap();
    assert_eq!(count(&client).await, 1);
    let hello = client
        .database("admin")
        .run_command(doc! { "hello": 1 })
        .await
        .unwrap();
    assert!(!hello.contains_key("setName"));
}

#[tokio::test]
async fn mongod_replica_set_takes_majority_writes() {
    let mongod = Mongod::replica_set().await;
    let client = mongod.client().await;
    let hello = client
        .database("admin")
        .run_command(doc! { "hello": 1 })
        .await
        .unwrap();
    assert_eq!(hello.get_str("setName").ok(), Some(REPLICA_SET));
    let mut session = client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    let collection = client.database("d").collection("c");
    collection
        .insert_one(doc! { "_id": 1 })
        .session(&mut session)
        .await
        .unwrap();
    session.commit_transaction().await.unwrap();
    assert_eq!(count(&client).await, 1);
}

#[tokio::test]
async fn mongod_set_of_three_replaces_a_killed_primary() {
    let mut mongod = Mongod::replica_set_of(3).await;
    let client = mongod.client().await;
    insert(&client, 1).await.unwrap();
    let killed = mongod.primary().await.unwrap();
    mongod.kill_node(killed);
    eventually("another primary", START_TIMEOUT, async || {
        mongod
            .primary()
            .await
            .is_some_and(|primary| primary != killed)
    })
    .await;
    insert(&client, 2).await.unwrap();
    mongod.restart_node(killed).await;
    assert_eq!(count(&client).await, 2);
}

#[tokio::test]
async fn mongod_keeps_port_and_data_over_kill_and_stop() {
    let mut mongod = Mongod::standalone().await;
    let uri = mongod.uri();
    let journaled = doc! { "insert": "c", "documents": [{ "_id": 1 }], "writeConcern": { "w": "majority", "j": true } };
    mongod
        .client()
        .await
        .database("d")
        .run_command(journaled)
        .await
        .unwrap();
    mongod.kill();
    assert!(mongod.primary().await.is_none());
    mongod.restart().await;
    mongod.stop();
    mongod.restart().await;
    assert_eq!(mongod.uri(), uri);
    assert_eq!(count(&mongod.client().await).await, 1);
}

#[tokio::test]
async fn mongod_fail_point_refuses_what_it_is_told_to() {
    let mongod = Mongod::standalone().await;
    let client = mongod.client().await;
    let refuse = doc! { "failCommands": ["insert"], "errorCode": 13 };
    mongod.fail_point(doc! { "times": 1 }, refuse.clone()).await;
    assert!(insert(&client, 1).await.is_err());
    insert(&client, 1).await.unwrap();
    mongod.fail_point("alwaysOn", refuse).await;
    assert!(insert(&client, 2).await.is_err());
    assert!(insert(&client, 2).await.is_err());
    mongod.clear_fail_point().await;
    insert(&client, 2).await.unwrap();
    mongod
        .fail_point(
            doc! { "times": 1 },
            doc! { "failCommands": ["insert"], "closeConnection": true },
        )
        .await;
    assert!(insert(&client, 3).await.is_err());
    assert_eq!(count(&client).await, 2);
}

#[tokio::test]
async fn mongod_behind_the_proxy_executes_what_is_not_answered() {
    let mongod = Mongod::standalone().await;
    let proxy = Cutter::start(mongod.port(0)).await;
    let direct = mongod.client().await;
    // A standalone offers no retryable writes, so the driver gives the loss to its caller.
    let uri = format!("mongodb://127.0.0.1:{}/", proxy.port());
    let client = Client::with_uri_str(uri).await.unwrap();
    insert(&client, 1).await.unwrap();
    // The name of an OP_MSG's command is the first key of its body.
    proxy.lose_reply_to(b"\x02insert\0", 1);
    assert!(insert(&client, 2).await.is_err());
    assert_eq!(proxy.cuts(), 1);
    eventually("the unanswered insert", START_TIMEOUT, async || {
        count(&direct).await == 2
    })
    .await;
    insert(&client, 3).await.unwrap();
}
