//! Each way in which an attempt ends, and the one transition that it makes.

use super::super::cleared;
use super::place::{Place, Process, end_of, lines, outcome, slow_spec, wait_for};
use crate::id::Id;
use crate::queue::{Approval, Changed, Claimant, Job, Progress, Receipt, State};
use crate::rejects::{Filter, Run};
use crate::tenant::Tenant;
use pipeline::{Cause, Fatal};

const ORDERS: &str = include_str!("../../../../specs/orders.toml");
const ORDERS_INPUT: &[u8] = include_bytes!("../../../../specs/orders/input.csv");
const ORDERS_SUMMARY: &str = include_str!("../../../../specs/orders/summary.json");

#[tokio::test]
async fn a_job_is_completed_as_its_sample_says() {
    let place = Place::embedded().await;
    let process = Process::start(&place, "host:1");
    let job = place.submit(ORDERS, "orders-1.csv", ORDERS_INPUT).await;
    let job = place.ended(&job, State::Completed).await;
    let summary: serde_json::Value = serde_json::from_str(ORDERS_SUMMARY).unwrap();
    let stats = |name: &str| summary["stats"][name].as_u64().unwrap();
    let counters = &job.checkpoint.as_ref().unwrap().books.counters;
    let counted = (counters.loaded, counters.rejected, counters.dropped_total());
    let expected = (stats("loaded"), stats("rejected"), stats("dropped"));
    assert_eq!(counted, expected);
    let documents = place.documents(&job.load.collection);
    assert_eq!(documents.len() as u64, stats("loaded"));
    let run = Run {
        tenant: Tenant::NONE,
        job: job.id,
        run: job.run,
    };
    let all = Filter::default();
    let rejects = place.service.stores.rejects.count(&run, &all).await;
    assert_eq!(rejects.unwrap(), stats("rejected"));
    let receipt = job.receipt.unwrap();
    assert_eq!((receipt.revision, receipt.documents), (1, stats("loaded")));
    assert_eq!(receipt.digest.len(), 64);
    let busy = job.progress.busy.unwrap();
    assert!(
        busy != pipeline::Busy::default() && busy.rate == 0,
        "{busy:?}"
    );
    // One more, where finishing the sink took so long that it was told.
    let beyond = job.progress.furthest - stats("read");
    assert!(beyond <= 1, "{beyond}");
    assert_eq!(job.progress.bytes_read, ORDERS_INPUT.len() as u64);
    assert_eq!((job.attempts, job.fence), (0, 1));
    assert_eq!(job.worker.as_deref(), Some("host:1"));
    let metrics = place.service.metrics.text();
    let line = format!(
        "sluicegate_records_total{{outcome=\"loaded\"}} {}",
        stats("loaded")
    );
    assert!(metrics.contains(&line), "{metrics}");
    process.shutdown().await;
}

#[tokio::test]
async fn a_held_job_waits_for_a_word_and_goes_on_behind_it() {
    let place = Place::embedded().await;
    let spec = slow_spec("c", "[errors]\nmax_records = 0");
    let input = lines(30) + "{\"n\": \"no number\"}\n" + &lines(50);
    let job = place.submit(&spec, "a.jsonl", input).await;
    let process = Process::start(&place, "host:1");
    let held = place.ended(&job, State::Held).await;
    assert_eq!(held.held.as_ref().unwrap().cause, Cause::Errors);
    assert_eq!(end_of(&held), 31, "nothing lies beyond its checkpoint");
    assert!(!place.entry(&held).await.live);
    approve(&place, &held).await;
    let job = place.ended(&job, State::Completed).await;
    assert_eq!(outcome(&job), "80 1 0");
    assert_eq!(place.documents("c").len(), 80);
    process.shutdown().await;
}

#[tokio::test]
async fn a_job_is_held_before_its_first_record_too() {
    let place = Place::embedded().await;
    let spec = "spec = 1\nname = \"s\"\nversion = 1\n[format.csv]\n[columns]\nunknown = \"hold\"\n\
                [fields]\na = {}\n[sink.mongodb]\ncollection = \"c\"\n";
    let job = place.submit(spec, "a.csv", "a,b\n1,2\n").await;
    let process = Process::start(&place, "host:1");
    let held = place.ended(&job, State::Held).await;
    let cause = Cause::UnknownColumns(vec!["b".to_owned()]);
    assert_eq!(held.held.as_ref().unwrap().cause, cause);
    assert_eq!(end_of(&held), 0);
    approve(&place, &held).await;
    let job = place.ended(&job, State::Completed).await;
    assert_eq!(outcome(&job), "1 0 0");
    process.shutdown().await;
}

/// Says the word for which a job is held.
async fn approve(place: &Place, held: &Job) {
    let cause = held.held.clone().unwrap().cause;
    let mut checkpoint = held.checkpoint.clone().unwrap();
    let mut accepted = held.accepted.clone();
    accepted.approve(cause, &mut checkpoint);
    let approval = Approval {
        accepted,
        checkpoint: Some(checkpoint),
        max_rejects: None,
        spec: None,
    };
    let queue = &place.service.stores.queue;
    let approved = queue.approve(&held.tenant, held.id, held.fence, &approval);
    assert!(matches!(approved.await.unwrap(), Changed::Done(_)));
}

#[tokio::test]
async fn a_shutdown_gives_the_job_back_without_an_attempt() {
    let place = Place::embedded().await;
    let job = place
        .submit(&slow_spec("c", ""), "a.jsonl", lines(2_000))
        .await;
    let process = Process::start(&place, "host:1");
    place.past(&job, 100).await;
    process.shutdown().await;
    let left = place.job(&job).await;
    assert_eq!((left.state, left.attempts), (State::Queued, 0));
    assert_eq!((left.owner.clone(), left.failure.clone()), (None, None));
    let in_target = place.documents("c").len() as u64;
    assert_eq!(in_target, end_of(&left), "what was in flight is committed");
    assert!(!place.entry(&left).await.live);
    let process = Process::start(&place, "host:2");
    let job = place.ended(&job, State::Completed).await;
    assert_eq!(outcome(&job), "2000 0 0");
    let counters = &job.checkpoint.as_ref().unwrap().books.counters;
    assert_eq!(counters.already_loaded, 0, "nothing was loaded again");
    process.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_is_said_once_and_for_all() {
    let place = Place::embedded().await;
    let queue = &place.service.stores.queue;
    let gone = place.submit(&slow_spec("c", ""), "a.jsonl", lines(3)).await;
    let key = gone.file().unwrap().to_string();
    place.service.stores.objects.remove(&key).await.unwrap();
    let mut damaged = place
        .new_job(&slow_spec("d", ""), "b.jsonl", lines(4))
        .await;
    damaged.spec.text.push('#');
    let damaged = queue.submit(&damaged).await.unwrap();
    let mut foreign = place
        .new_job(&slow_spec("c", ""), "d.jsonl", lines(5))
        .await;
    foreign.file = place.id();
    let foreign = queue.submit(&foreign).await.unwrap();
    let process = Process::start(&place, "host:1");
    for (job, code) in [
        (gone, "content_gone"),
        (damaged, "spec_damaged"),
        (foreign, "content_gone"),
    ] {
        let failed = place.ended(&job, State::Failed).await;
        assert_eq!(failed.failure.unwrap().code, code);
        assert_eq!((failed.fence, failed.attempts), (1, 0));
        assert!(!place.entry(&job).await.live);
    }
    process.shutdown().await;
}

#[tokio::test]
async fn a_panic_fails_its_job_and_nothing_else() {
    let place = Place::embedded().await.workers(1);
    let process = Process::start(&place, "host:1");
    place.faults.next(None);
    let bad = place.submit(&slow_spec("c", ""), "a.jsonl", lines(3)).await;
    let failed = place.ended(&bad, State::Failed).await;
    assert_eq!(failed.failure.unwrap().code, "panic");
    let good = place.submit(&slow_spec("c", ""), "b.jsonl", lines(4)).await;
    place.ended(&good, State::Completed).await;
    process.shutdown().await;
}

#[tokio::test]
async fn a_panic_in_the_middle_of_a_file_fails_its_job_and_nothing_else() {
    let place = Place::embedded().await;
    let process = Process::start(&place, "host:1");
    let beside = place
        .submit(&slow_spec("beside", ""), "b.jsonl", lines(1_000))
        .await;
    place.past(&beside, 0).await;
    // Larger than what is read at once, so that something is loaded before.
    let many = 60_000;
    let input = lines(many);
    place.faults.panics_at(input.len() as u64 / 2);
    let spec = slow_spec("c", "").replace("records = 10 }", "records = 10_000 }");
    let bad = place.submit(&spec, "a.jsonl", input).await;
    let failed = place.ended(&bad, State::Failed).await;
    let failure = failed.failure.clone().unwrap();
    assert_eq!(failure.code, "panic");
    let told = format!("{failure:?}");
    assert!(!told.contains("secret") && !told.contains(".rs"), "{told}");
    assert_eq!((failed.attempts, failed.fence), (0, 1));
    assert!(!place.entry(&failed).await.live);
    // The process lives, and so does what it did meanwhile.
    let beside = place.ended(&beside, State::Completed).await;
    assert_eq!(outcome(&beside), "1000 0 0");
    let queue = &place.service.stores.queue;
    let retried = queue.retry(&bad.tenant, bad.id, false).await.unwrap();
    assert!(matches!(retried, Changed::Done(_)));
    let done = place.ended(&bad, State::Completed).await;
    assert_eq!(outcome(&done), format!("{many} 0 0"));
    assert_eq!(place.documents("c").len() as u64, many);
    process.shutdown().await;
}

#[tokio::test]
async fn a_full_target_is_an_outage_and_not_charged() {
    let place = Place::embedded().await;
    let process = Process::start(&place, "host:1");
    // As many as the attempts that there are.
    for _ in 0..2 {
        let full = Fatal::transient("target_full", "no room is left");
        place.faults.next(Some(full));
    }
    let job = place.submit(&slow_spec("c", ""), "a.jsonl", lines(3)).await;
    let told = place
        .until(&job, "a failure", |job| job.failure.is_some())
        .await;
    let hint = told.failure.unwrap().hint.unwrap();
    assert!(hint.contains("goes on by itself"), "{hint}");
    let job = place.ended(&job, State::Completed).await;
    assert_eq!((job.attempts, job.fence), (0, 3));
    process.shutdown().await;
}

#[tokio::test]
async fn what_may_heal_is_tried_again_and_charged() {
    let place = Place::embedded().await;
    let process = Process::start(&place, "host:1");
    let busy = || Some(Fatal::transient("busy", "it is busy"));
    place.faults.next(busy());
    let heals = place.submit(&slow_spec("c", ""), "a.jsonl", lines(3)).await;
    let heals = place.ended(&heals, State::Completed).await;
    assert_eq!((heals.attempts, heals.fence), (1, 2));
    place.faults.next(busy());
    place.faults.next(busy());
    let stays = place.submit(&slow_spec("c", ""), "b.jsonl", lines(4)).await;
    let stays = place.ended(&stays, State::Failed).await;
    assert_eq!((stays.attempts, stays.fence), (2, 2));
    process.shutdown().await;
}

#[tokio::test]
async fn an_outage_is_waited_out_and_not_charged() {
    let place = Place::embedded().await;
    let process = Process::start(&place, "host:1");
    for _ in 0..2 {
        place
            .faults
            .next(Some(Fatal::outage("objects_unavailable", "away")));
    }
    let job = place.submit(&slow_spec("c", ""), "a.jsonl", lines(3)).await;
    let job = place.ended(&job, State::Completed).await;
    assert_eq!((job.attempts, job.fence), (0, 3));
    process.shutdown().await;
}

#[tokio::test]
async fn an_object_leaves_after_success_where_its_spec_says_so() {
    let place = Place::embedded().await;
    let process = Process::start(&place, "host:1");
    for (more, name, stays) in [
        ("", "a.jsonl", true),
        ("[input]\non_success = \"delete\"", "b.jsonl", false),
    ] {
        let spec = slow_spec("c", more);
        let job = place.submit(&spec, name, lines(name.len() as u64 + u64::from(stays)));
        let job = place.ended(&job.await, State::Completed).await;
        let file = job.file().unwrap();
        let stores = &place.service.stores;
        let gone = async || {
            let seen = stores.files.file(&Tenant::NONE, file).await.unwrap();
            seen.unwrap().file.content_gone
        };
        let is_there = async || stores.objects.open(&file.to_string()).await.is_ok();
        if !stays {
            wait_for("the removal", async || !is_there().await).await;
        }
        let there = is_there().await;
        assert_eq!((gone().await, there), (!stays, stays), "{name}");
    }
    process.shutdown().await;
}

/// What a process leaves that is killed behind its last record: at the removal itself, and right behind the end of the job.
#[tokio::test]
async fn an_object_leaves_in_the_end_wherever_its_worker_was_killed() {
    let place = Place::embedded().await;
    let (stores, tenant) = (&place.service.stores, Tenant::NONE);
    let spec = slow_spec("c", "[input]\non_success = \"delete\"");
    let is_there = async |file: Id| stores.objects.open(&file.to_string()).await.is_ok();
    let swept = async || cleared::sweep(stores).await.unwrap();
    place.faults.fail_next_removal();
    let process = Process::start(&place, "host:1");
    let job = place.submit(&spec, "a.jsonl", lines(1)).await;
    let job = place.ended(&job, State::Completed).await;
    let file = job.file().unwrap();
    wait_for("the removal", async || place.faults.has_failed_to_remove()).await;
    process.kill();
    assert!(is_there(file).await);
    assert_eq!((swept().await, swept().await), (1, 0));
    assert!(!is_there(file).await);
    // By hand, as a worker does it that is killed there.
    let job = place.submit(&spec, "b.jsonl", lines(2)).await;
    let file = job.file().unwrap();
    stores
        .files
        .mark_to_go(&tenant, &[file], job.id)
        .await
        .unwrap();
    assert_eq!(swept().await, 0, "its job is not completed");
    let claimant = Claimant {
        worker: "host:2".into(),
        owner: place.id().to_string(),
        lease_ms: 600_000,
        max_attempts: 3,
        take_expired: false,
    };
    let claimed = stores.queue.claim(&claimant).await.unwrap().unwrap();
    let (progress, receipt) = (Progress::default(), Receipt::default());
    let claim = claimed.claim().unwrap();
    let finished = stores.queue.finish(&claim, &progress, &receipt).await;
    assert!(finished.unwrap() && is_there(file).await);
    assert_eq!((swept().await, swept().await), (1, 0));
    assert!(!is_there(file).await);
    let seen = stores.files.file(&tenant, file).await.unwrap().unwrap();
    assert!(seen.file.content_gone && seen.file.to_go_for.is_none());
    // The same content in another file of the job that is completed.
    let other = place
        .new_job(&slow_spec("d", ""), "c.jsonl", lines(3))
        .await;
    let (file, job) = (other.file, job.id);
    stores
        .files
        .mark_to_go(&tenant, &[file], job)
        .await
        .unwrap();
    assert_eq!(swept().await, 0, "the job does not list it yet");
    assert!(stores.queue.attach(&tenant, job, file).await.unwrap());
    assert_eq!((swept().await, is_there(file).await), (1, false));
}

#[tokio::test]
async fn of_many_workers_one_runs_each_job() {
    let place = Place::embedded().await;
    let processes: Vec<_> = (0..2)
        .map(|n| Process::start(&place, &format!("host:{n}")))
        .collect();
    let mut jobs = Vec::new();
    for count in 1..=20 {
        jobs.push(
            place
                .submit(&slow_spec("c", ""), "a.jsonl", lines(count))
                .await,
        );
    }
    for job in &jobs {
        let job = place.ended(job, State::Completed).await;
        assert_eq!((job.fence, job.attempts), (1, 0));
    }
    assert_eq!(place.documents("c").len(), 210);
    for process in processes {
        process.shutdown().await;
    }
}
