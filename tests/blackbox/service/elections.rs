//! A replica set of three whose primary goes in the middle of a job: another one is elected, and the job ends as if nothing
//! had happened.

use mongodb::bson::doc;
use serde_json::Value;
use testbed::eventually;
use testbed::mongod::Mongod;

use super::backend::{Backend, DEADLINE, SEED, read};

/// Records that take seconds with the slow spec.
const LONG: u64 = 24_000;
/// For how long a primary that steps down does not stand again, in seconds: longer than the job takes.
const STEP_DOWN_SECONDS: i32 = 60;

async fn the_primary_goes(go: impl AsyncFn(&mut Mongod, usize)) -> (Backend, usize) {
    let mut backend = Backend::replica_set(3).await;
    let service = backend.serve().await;
    let api = &service.api;
    let job = backend.begin(api, "orders-slow", SEED, LONG).await;
    let in_the_middle = |job: &Value| read(job) > LONG / 8;
    api.job_when(&job, "in the middle", DEADLINE, in_the_middle)
        .await;
    let mongod = backend.mongod.as_mut().unwrap();
    let before = mongod.primary().await.unwrap();
    go(mongod, before).await;
    eventually("another primary", DEADLINE, async || {
        mongod
            .primary()
            .await
            .is_some_and(|primary| primary != before)
    })
    .await;
    let seen = api.job(&job).await;
    assert!(read(&seen) < LONG, "it was in the middle: {seen:#}");
    backend
        .ends_as_if_nothing_had_happened(api, &job, SEED, LONG)
        .await;
    let ended = service.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    (backend, before)
}

#[tokio::test]
async fn a_primary_that_steps_down_is_followed() {
    the_primary_goes(async |mongod, primary| {
        let admin = mongod.client_of_node(primary).await.database("admin");
        let step_down = doc! { "replSetStepDown": STEP_DOWN_SECONDS, "force": true };
        admin.run_command(step_down).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_primary_that_is_killed_is_followed() {
    let (mut backend, killed) = the_primary_goes(async |mongod, primary| {
        mongod.kill_node(primary);
    })
    .await;
    // What it had alone is rolled back when it comes back, and takes nothing with it.
    let mongod = backend.mongod.as_mut().unwrap();
    mongod.restart_node(killed).await;
    let documents = backend.documents("orders").await;
    documents.equal(testbed::orders::orders(SEED, LONG));
}
