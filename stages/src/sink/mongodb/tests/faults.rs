//! Faults of the server and the network: what heals is tried again, and every record has one outcome.

use super::*;
use std::time::Duration;
use testbed::proxy::Cutter;

const LINES: [&str; 3] = [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":3}"#];

/// Loads three records while a fail point is set, and expects their documents and the counts.
async fn check(fault: Document, loaded: u64, already: u64) {
    on_both(async |server, mongo| {
        for mode in [Mode::Insert, Mode::Upsert] {
            empty(&mongo).await;
            let key: &[&str] = if mode.has_key() { &["id"] } else { &[] };
            let loader = Loader::open(&mongo, &target(mode, key), load(1))
                .await
                .unwrap();
            let mut data = doc! { "failCommands": ["insert", "update"], "appName": "sluicegate" };
            data.extend(fault.clone());
            server.fail_point(doc! { "times": 2 }, data).await;
            let outcome = loader.write(0, &LINES).await;
            server.clear_fail_point().await;
            let expected = match mode {
                Mode::Insert => Outcome::all(loaded, already),
                _ => Outcome::all(3, 0),
            };
            assert_eq!(outcome, expected, "{fault} in mode {mode:?}");
            let ids: Vec<_> = contents(&mongo).await;
            assert_eq!(
                ids,
                [
                    doc! { "id": 1_i64 },
                    doc! { "id": 2_i64 },
                    doc! { "id": 3_i64 }
                ]
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_cut_connection_is_tried_again() {
    check(doc! { "closeConnection": true }, 3, 0).await;
}

#[tokio::test]
async fn errors_that_heal_are_tried_again() {
    // NotWritablePrimary, ShutdownInProgress, MaxTimeMSExpired, InterruptedDueToReplStateChange
    for code in [10107, 91, 50, 11602] {
        check(doc! { "errorCode": code }, 3, 0).await;
    }
}

#[tokio::test]
async fn what_no_majority_acknowledged_does_not_count() {
    // The server has applied it, so that the next try finds it.
    let error = doc! { "code": 91, "errmsg": "going down" };
    check(doc! { "writeConcernError": error }, 0, 3).await;
}

#[tokio::test]
async fn a_lost_reply_loads_nothing_twice() {
    let server = Mongod::standalone().await;
    let proxy = Cutter::start(server.port(0)).await;
    let uri = format!("mongodb://127.0.0.1:{}/docs", proxy.port());
    let mongo = MongoTarget::connect(&uri).await.unwrap();
    let loader = Loader::open(&mongo, &target(Mode::Insert, &[]), load(1))
        .await
        .unwrap();
    proxy.lose_reply_to(b"documents", 1);
    assert_eq!(loader.write(0, &LINES).await, Outcome::all(0, 3));
    assert_eq!(proxy.cuts(), 1);
    empty(&mongo).await;
    let loader = Loader::open(&mongo, &target(Mode::Upsert, &["id"]), load(1))
        .await
        .unwrap();
    proxy.lose_reply_to(b"updates", 1);
    assert_eq!(loader.write(0, &LINES).await, Outcome::all(3, 0));
    assert_eq!(proxy.cuts(), 2);
    assert_eq!(documents(&mongo).await.len(), 3);
}

#[tokio::test]
async fn a_server_that_comes_back_is_waited_for() {
    let mut server = Mongod::replica_set().await;
    let mongo = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    let loader = Loader::open(&mongo, &target(Mode::Insert, &[]), load(1))
        .await
        .unwrap();
    assert_eq!(loader.write(0, &LINES[..1]).await, Outcome::all(1, 0));
    server.kill();
    let write = tokio::spawn(async move { loader.write(0, &LINES).await });
    server.restart().await;
    let outcome = tokio::time::timeout(Duration::from_secs(60), write).await;
    assert_eq!(outcome.unwrap().unwrap(), Outcome::all(2, 1));
    assert_eq!(documents(&mongo).await.len(), 3);
}

#[tokio::test]
async fn nothing_that_was_acknowledged_goes_with_the_primary() {
    const BATCH: u64 = 50;
    const BATCHES: u64 = 12;
    let mut server = Mongod::replica_set_of(3).await;
    let mongo = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    let loader = Loader::open(&mongo, &target(Mode::Insert, &[]), load(1))
        .await
        .unwrap();
    let keyed = target(Mode::Upsert, &["id"]);
    let keyed = Target {
        collection: "keyed".into(),
        ..keyed
    };
    let keyed = Loader::open(&mongo, &keyed, load(2)).await.unwrap();
    for number in 0..BATCHES {
        let from = number * BATCH;
        let rows: Vec<_> = (from..from + BATCH)
            .map(|id| format!(r#"{{"id":{id}}}"#))
            .collect();
        let rows: Vec<_> = rows.iter().map(String::as_str).collect();
        if number == BATCHES / 2 {
            let primary = server.primary().await.unwrap();
            server.kill_node(primary);
        }
        let (inserted, upserted) =
            tokio::join!(loader.write(from, &rows), keyed.write(from, &rows));
        assert_eq!(inserted.loaded + inserted.already, BATCH);
        assert_eq!(upserted, Outcome::all(BATCH, 0));
    }
    for collection in ["orders", "keyed"] {
        let collection = mongo.database().collection::<Document>(collection);
        let count = collection.count_documents(doc! {}).await.unwrap();
        assert_eq!(count, BATCH * BATCHES);
    }
}

#[tokio::test]
async fn a_server_that_stays_away_is_an_outage() {
    let mut server = Mongod::standalone().await;
    let uri = format!("{}&serverSelectionTimeoutMS=100", server.uri_for("docs"));
    let mongo = MongoTarget::connect(&uri)
        .await
        .unwrap()
        .with_max_retry_ms(500);
    let loader = Loader::open(&mongo, &target(Mode::Insert, &[]), load(1))
        .await
        .unwrap();
    server.kill();
    let fatal = loader.0.write(0, &LINES).await.unwrap_err();
    assert_eq!(fatal.code, "target_unavailable");
    assert_eq!(fatal.retry, pipeline::Retry::Outage);
}

#[tokio::test]
async fn what_no_retry_heals_ends_the_job() {
    let server = Mongod::standalone().await;
    let mongo = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    let loader = Loader::open(&mongo, &target(Mode::Insert, &[]), load(1))
        .await
        .unwrap();
    // Unauthorized
    let fault = doc! { "failCommands": ["insert"], "errorCode": 13 };
    server.fail_point("alwaysOn", fault).await;
    let fatal = loader.0.write(0, &LINES).await.unwrap_err();
    assert_eq!(fatal.code, "target_refused");
    assert_eq!(fatal.retry, pipeline::Retry::Never);
}
