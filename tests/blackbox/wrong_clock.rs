//! A run that is killed and goes on with `--resume` by a clock that is ten minutes off leaves what an undisturbed run
//! leaves: of leases and loads only the server's clock speaks.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use testbed::files::write_file;
use testbed::mongod::Mongod;
use testbed::orders::{HEADER, SLOW, SPEC, orders};
use testbed::shim::wrong_clock;

use crate::found::{Documents, rejects_equal};
use crate::job::{RUN, job, place};

const RECORDS: u64 = 12_000;
const SEED: u64 = 17;
const TEN_MINUTES_SECONDS: i64 = 600;

/// A run by a clock that is off by `first` is killed, and one by `second` goes on.
async fn goes_on(first: i64, second: i64) {
    let mongod = Mongod::standalone().await;
    let client = mongod.client().await;
    let loaded = client.database("shop").collection::<Document>("orders");
    let place = place()
        .deadline(Duration::from_secs(120))
        .env("JOB_LEASE_SECONDS", "3")
        .env("MONGODB_URI", mongod.uri_for("shop"))
        .envs(wrong_clock(first));
    place.write("orders.toml", format!("{SPEC}{SLOW}"));
    let totals = write_file(&place.path("orders.csv"), HEADER, orders(SEED, RECORDS));
    let killed = place
        .start(RUN)
        .kill_when(async |_| loaded.count_documents(doc! {}).await.unwrap() > RECORDS / 4)
        .await;
    assert_eq!(killed.signal, Some(9), "{}", killed.stderr);

    let place = place.envs(wrong_clock(second));
    // Its owner was alive a moment ago: nobody may begin anew.
    let early = job(&place, &RUN).await;
    assert_eq!(early.verdict(), "failed 1 load_in_progress");
    let resumed = job(&place, &[&RUN[..], &["--resume"]].concat()).await;
    resumed.completed(&totals);
    Documents::of_mongodb(&client, "shop", "orders")
        .await
        .equal(orders(SEED, RECORDS));
    rejects_equal(&place.path("rejects.jsonl"), HEADER, orders(SEED, RECORDS));
}

#[tokio::test]
async fn a_run_goes_on_by_a_clock_that_is_ahead() {
    goes_on(0, TEN_MINUTES_SECONDS).await;
}

#[tokio::test]
async fn a_run_goes_on_by_a_clock_that_is_behind() {
    goes_on(0, -TEN_MINUTES_SECONDS).await;
}

#[tokio::test]
async fn a_run_goes_on_after_one_whose_clock_was_ahead() {
    goes_on(TEN_MINUTES_SECONDS, 0).await;
}
