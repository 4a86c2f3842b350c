//! How jobs end when two things happen at once, or what they need is not there any more: one end each, the right one, and
//! nothing mixed in, doubled or lost.
//!
//! `SLUICEGATE_RACES` says how many jobs are cancelled near their end, 20 where it is not set; with `SLUICEGATE_FULL=1`
//! 500. The stores' own tests race 500 ends of jobs that run nothing.

use futures::future::join_all;
use mongodb::bson::doc;
use serde_json::{Value, json};
use testbed::api::Api;
use testbed::eventually;
use testbed::orders::{SLOW, orders};
use testbed::proxy::Cutter;
use testbed::random::Random;
use testbed::service::Service;
use testbed::truth::Totals;

use super::backend::{Backend, DEADLINE, SEED, counts, has, read};

/// Records that take seconds with the slow spec.
const LONG: u64 = 24_000;
/// Records of each.
const SHORT: u64 = 1_000;
/// Attempts without progress that a job has by default.
const MAX_ATTEMPTS: u64 = 3;
/// Clients that ask for the same at once.
const CLIENTS: usize = 100;

/// Jobs that are cancelled near their end.
fn races() -> u64 {
    match std::env::var("SLUICEGATE_RACES") {
        Ok(races) => races.parse().expect("SLUICEGATE_RACES is a number"),
        Err(_) if std::env::var("SLUICEGATE_FULL").as_deref() == Ok("1") => 500,
        Err(_) => 20,
    }
}

async fn rejected(api: &Api, job: &str) -> u64 {
    let list = api.get(&format!("/jobs/{job}/errors?limit=1")).await;
    list.is(200).json()["total"].as_u64().unwrap()
}

/// Uploads `records` orders: the file's id, its object's key and its totals.
async fn upload(backend: &Backend, api: &Api, seed: u64, records: u64) -> (String, String, Totals) {
    let (path, totals) = backend.orders("orders-1.csv", seed, records);
    let file = api.upload_file(&path, "").await.is(201).json();
    let text = |name: &str| file[name].as_str().unwrap().to_owned();
    (text("fileId"), text("s3Key"), totals)
}

async fn process(api: &Api, file: &str, spec: &str) -> String {
    let answer = api.post(&format!("/process/{file}?spec={spec}")).await;
    let submitted = answer.is(202).json();
    submitted["jobId"].as_str().unwrap().to_owned()
}

/// Asserts that a job is completed as if nothing had happened, with its documents in a collection of its own.
async fn complete(
    backend: &Backend,
    api: &Api,
    job: &str,
    collection: &str,
    seed: u64,
    totals: &Totals,
) {
    let done = api.job_in(job, "completed", DEADLINE).await;
    counts(&done, totals);
    assert_eq!(rejected(api, job).await, totals.rejected);
    let documents = backend.documents(collection).await;
    documents.equal(orders(seed, totals.read));
}

#[tokio::test]
async fn a_job_that_is_cancelled_near_its_end_ends_once() {
    let backend = Backend::mongodb().await;
    let (races, mut random) = (races(), Random::new(SEED));
    for race in 0..races {
        backend.orders_spec(&format!("race-{race}"), |text| {
            text + "batch = { records = 200 }\nrate = { pause = \"10ms\" }\n"
        });
    }
    let service = backend.serve().await;
    let api = &service.api;
    let mut cancelled = 0;
    for race in 0..races {
        let (file, _, totals) = upload(&backend, api, race, SHORT).await;
        let (spec, collection) = (format!("race-{race}"), format!("race_{race}"));
        let job = process(api, &file, &spec).await;
        // Every other one when all of its documents are there and only its end is missing.
        let before = random.below(totals.loaded / 4) * (race % 2);
        eventually("the moment", DEADLINE, async || {
            backend.count(&collection).await >= totals.loaded - before
        })
        .await;
        let answer = api.post(&format!("/jobs/{job}/cancel")).await;
        let receipt = format!("/jobs/{job}/receipt");
        if answer.status == 200 {
            cancelled += 1;
            assert_eq!(answer.json()["state"], "cancelled");
            api.get(&receipt).await.refused(409, "wrong_state");
            // Its worker takes the next job, so it has let go of this one.
            let other = upload(&backend, api, races + race, 1).await.0;
            // Whether its one record is good or not.
            let other = process(api, &other, "orders-any").await;
            api.job_in(&other, "completed", DEADLINE).await;
            assert_eq!(api.job(&job).await["state"], "cancelled");
            let retried = api.post(&format!("/jobs/{job}/retry")).await;
            assert_eq!(retried.is(200).json()["state"], "queued");
        } else {
            answer.refused(409, "wrong_state");
            assert_eq!(api.job(&job).await["state"], "completed");
        }
        complete(&backend, api, &job, &collection, race, &totals).await;
        api.get(&receipt).await.is(200);
        api.post(&format!("/jobs/{job}/cancel"))
            .await
            .refused(409, "wrong_state");
    }
    println!("{cancelled} of {races} were cancelled in time");
    assert!(cancelled > 0, "none was cancelled in time");
}

/// A cancelled job is retried and runs on one worker while another one, which had it before, is stopped and then wakes.
async fn a_zombie_changes_nothing(backend: &Backend, api: &Api, spec: &str, retry: &str) {
    let machine = backend.machine("worker");
    let mut zombie = machine.start(["worker"]);
    let (file, _, totals) = upload(backend, api, SEED, LONG).await;
    let job = process(api, &file, spec).await;
    api.job_when(&job, "in the middle", DEADLINE, |job| {
        has(&zombie, job) && read(job) > LONG / 4
    })
    .await;
    zombie.signal("STOP").await;
    api.post(&format!("/jobs/{job}/cancel")).await.is(200);
    api.post(&format!("/jobs/{job}/{retry}")).await.is(200);
    let worker = machine.start(["worker"]);
    api.job_when(&job, "gone on with", DEADLINE, |job| {
        has(&worker, job) && read(job) > LONG / 3
    })
    .await;
    zombie.signal("CONT").await;
    eventually("it knows", DEADLINE, async || {
        zombie.stderr().contains("lost")
    })
    .await;
    let collection = spec.replace('-', "_");
    complete(backend, api, &job, &collection, SEED, &totals).await;
    assert_eq!(api.job(&job).await["attempts"], 0);
    zombie.kill().await;
    worker.kill().await;
}

#[tokio::test]
async fn a_job_is_retried_while_a_worker_lives_that_had_it() {
    let backend = Backend::mongodb().await;
    for spec in ["goes-on", "begins-anew"] {
        backend.orders_spec(spec, |text| text + SLOW);
    }
    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    a_zombie_changes_nothing(&backend, &service.api, "goes-on", "retry").await;
    a_zombie_changes_nothing(&backend, &service.api, "begins-anew", "retry?reset=true").await;
}

async fn many_clients_get_one_job(backend: Backend) {
    let service = backend.serve().await;
    let api = &service.api;
    let (file, _, totals) = upload(&backend, api, SEED, SHORT).await;
    let path = format!("/process/{file}?spec=orders-e2e");
    let answers = join_all((0..CLIENTS).map(|_| api.post(&path))).await;
    let new = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!(new, 1);
    let job = answers[0].json()["jobId"].as_str().unwrap().to_owned();
    for answer in answers {
        let existing = answer.status == 200;
        let answer = answer.json();
        assert_eq!(answer["jobId"], job, "{answer:#}");
        assert_eq!(answer["existing"] == true, existing, "{answer:#}");
    }
    complete(&backend, api, &job, "orders", SEED, &totals).await;
    assert_eq!(api.get("/jobs").await.is(200).json()["total"], 1);
}

#[tokio::test]
async fn many_clients_that_ask_for_the_same_get_one_job_in_the_embedded_store() {
    many_clients_get_one_job(Backend::embedded().await).await;
}

#[tokio::test]
async fn many_clients_that_ask_for_the_same_get_one_job_in_mongodb() {
    many_clients_get_one_job(Backend::mongodb().await).await;
}

#[tokio::test]
async fn a_file_that_kills_its_workers_is_given_up() {
    let backend = Backend::mongodb().await;
    backend.orders_spec("others", |text| text);
    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    let api = &service.api;
    // No batch is acknowledged before its worker is killed, so that no worker gets anywhere. A fail point is not taken back
    // before all that it holds has gone on, so it must not hold for long.
    let mongod = backend.mongod.as_ref().unwrap();
    let block = doc! {
        "failCommands": ["insert"],
        "namespace": "shop.orders",
        "blockConnection": true,
        "blockTimeMS": 8_000,
    };
    mongod.fail_point("alwaysOn", block).await;
    let (file, _, totals) = upload(&backend, api, SEED, SHORT).await;
    let job = process(api, &file, "orders-e2e").await;
    let mut others = Totals::default();
    for charged in 0..MAX_ATTEMPTS {
        let worker = backend.place.start(["worker"]);
        if charged > 0 {
            // Nobody waits for it: until the lease of the last one that died is over, others have their turn.
            another_job_is_loaded(&backend, api, charged, &mut others).await;
        }
        let taken = api
            .job_when(&job, "taken", DEADLINE, |job| has(&worker, job))
            .await;
        assert_eq!(taken["attempts"], charged, "{taken:#}");
        mongod.fail_point_struck(charged + 1, DEADLINE).await;
        worker.kill().await;
    }
    let mut last = backend.place.start(["worker"]);
    let failed = api.job_in(&job, "failed", DEADLINE).await;
    assert_eq!(
        (&failed["failure"]["code"], &failed["attempts"]),
        (&json!("crash_loop"), &json!(MAX_ATTEMPTS))
    );
    let seen = api.get(&format!("/files/{file}")).await.is(200).json();
    assert_eq!(seen["status"], "failed");
    assert!(seen["errorMessage"].is_string(), "{seen:#}");
    another_job_is_loaded(&backend, api, MAX_ATTEMPTS, &mut others).await;
    assert!(last.runs(), "{}", last.stderr());
    assert_eq!(backend.count("others").await, others.loaded);

    mongod.clear_fail_point().await;
    api.post(&format!("/jobs/{job}/retry")).await.is(200);
    complete(&backend, api, &job, "orders", SEED, &totals).await;
    assert_eq!(api.job(&job).await["attempts"], 0);
    last.kill().await;
}

/// Loads a file of its own that harms nobody, and adds its totals to those of all such files.
async fn another_job_is_loaded(backend: &Backend, api: &Api, number: u64, all: &mut Totals) {
    let (file, _, totals) = upload(backend, api, SEED + 1 + number, SHORT).await;
    let job = process(api, &file, "others").await;
    let done = api.job_in(&job, "completed", DEADLINE).await;
    counts(&done, &totals);
    all.loaded += totals.loaded;
}

/// Asserts that a job failed for this reason, and that whatever it loaded is of the file that was uploaded.
async fn fails_clean(backend: &Backend, api: &Api, job: &str, code: &str) {
    let failed = api.job_in(job, "failed", DEADLINE).await;
    assert_eq!(failed["failure"]["code"], code, "{failed:#}");
    let documents = backend.documents("orders").await;
    documents.are_of(orders(SEED, LONG));
    let loaded = failed["stats"]["loaded"].as_u64().unwrap();
    assert!(documents.len() as u64 >= loaded, "{failed:#}");
}

/// Another file of the same size.
fn other_orders(totals: &Totals) -> Vec<u8> {
    vec![b'x'; usize::try_from(totals.bytes).unwrap()]
}

/// The embedded store and S3 by way of a proxy that ends each connection in the middle, so that no object is there as a
/// whole before it is needed.
async fn in_pieces() -> (Backend, Cutter) {
    let mut backend = Backend::embedded_with_s3().await;
    let s3 = backend.s3.as_ref().unwrap();
    let proxy = Cutter::start(s3.port()).await;
    backend.place = backend.place.envs(s3.env_at(proxy.port()));
    proxy.cut_after(300_000, usize::MAX);
    (backend, proxy)
}

#[tokio::test]
async fn an_object_that_is_replaced_while_it_is_read_fails_its_job() {
    let (backend, proxy) = in_pieces().await;
    let service = backend.serve().await;
    let (file, key, totals) = upload(&backend, &service.api, SEED, LONG).await;
    let cuts = proxy.cuts();
    let job = process(&service.api, &file, "orders-slow").await;
    eventually("it reads", DEADLINE, async || proxy.cuts() > cuts).await;
    let s3 = backend.s3.as_ref().unwrap();
    s3.put(&key, other_orders(&totals)).await;
    fails_clean(&backend, &service.api, &job, "source_changed").await;
}

#[tokio::test]
async fn an_object_that_is_replaced_between_two_attempts_fails_its_job() {
    let backend = Backend::embedded_with_s3().await;
    let service = backend.serve().await;
    let (file, key, totals) = upload(&backend, &service.api, SEED, LONG).await;
    let job = process(&service.api, &file, "orders-slow").await;
    let in_the_middle = |job: &Value| read(job) > LONG / 4;
    service
        .api
        .job_when(&job, "in the middle", DEADLINE, in_the_middle)
        .await;
    service.kill().await;
    let s3 = backend.s3.as_ref().unwrap();
    s3.put(&key, other_orders(&totals)).await;
    let service = backend.serve().await;
    fails_clean(&backend, &service.api, &job, "source_changed").await;
}

#[tokio::test]
async fn an_object_that_is_gone_fails_its_job() {
    let (backend, proxy) = in_pieces().await;
    let service = backend.serve().await;
    let api = &service.api;
    let remove = async |key: &str| {
        let s3 = backend.s3.as_ref().unwrap();
        let removed = s3.client().delete_object().bucket(s3.bucket()).key(key);
        removed.send().await.unwrap();
    };
    // While it is read.
    let (file, key, _) = upload(&backend, api, SEED, LONG).await;
    let cuts = proxy.cuts();
    let job = process(api, &file, "orders-slow").await;
    eventually("it reads", DEADLINE, async || proxy.cuts() > cuts).await;
    remove(&key).await;
    fails_clean(&backend, api, &job, "content_gone").await;
    // Before it is read.
    let (file, key, _) = upload(&backend, api, SEED + 1, SHORT).await;
    remove(&key).await;
    let job = process(api, &file, "orders-e2e").await;
    fails_clean(&backend, api, &job, "content_gone").await;
}

async fn what_is_loaded_is_removed(backend: Backend) {
    let delete = |text: String| text.replace("[input]\n", "[input]\non_success = \"delete\"\n");
    let strict = |text: String| text.replace("max_records = 1_000_000_000", "max_records = 3");
    backend.orders_spec("once", delete);
    backend.orders_spec("strictly", strict);
    let service = backend.serve().await;
    let api = &service.api;
    let (file, key, totals) = upload(&backend, api, SEED, SHORT).await;
    // Two jobs have the file; the one that wants it removed is done first.
    let held = process(api, &file, "strictly").await;
    api.job_in(&held, "held", DEADLINE).await;
    let once = process(api, &file, "once").await;
    complete(&backend, api, &once, "once", SEED, &totals).await;
    assert!(backend.object(&key).await.is_some());
    let approval = json!({ "maxRecords": 1_000 });
    api.post_json(&format!("/jobs/{held}/approve"), &approval)
        .await
        .is(200);
    complete(&backend, api, &held, "strictly", SEED, &totals).await;
    eventually("the object is removed", DEADLINE, async || {
        backend.object(&key).await.is_none()
    })
    .await;
    eventually("so is said", DEADLINE, async || {
        api.get(&format!("/files/{file}/content")).await.status == 410
    })
    .await;
    let seen = api.get(&format!("/files/{file}")).await.is(200).json();
    assert_eq!(seen["status"], "processed");
    api.get(&format!("/files/{file}/content"))
        .await
        .refused(410, "content_gone");
    api.post(&format!("/process/{file}?spec=orders-e2e"))
        .await
        .refused(410, "content_gone");
    assert_eq!(api.job(&once).await["state"], "completed");
}

#[tokio::test]
async fn what_is_loaded_is_removed_from_a_folder_if_a_spec_says_so() {
    what_is_loaded_is_removed(Backend::embedded().await).await;
}

#[tokio::test]
async fn what_is_loaded_is_removed_from_s3_if_a_spec_says_so() {
    what_is_loaded_is_removed(Backend::mongodb().await).await;
}
