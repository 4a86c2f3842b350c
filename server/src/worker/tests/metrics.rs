//! What is counted of jobs: each record once, whatever becomes of the worker.

use super::place::{Place, Process, end_of, lines, slow_spec, wait_for};
use crate::jobs;
use crate::metrics::{ByCode, ByOutcome, ByState, Metrics};
use crate::queue::{Claimant, State};
use crate::tenant::Tenant;
use pipeline::Fatal;

const SPEC: &str = include_str!("../../../../specs/orders.toml");
const INPUT: &[u8] = include_bytes!("../../../../specs/orders/input.csv");

/// `loaded rejected dropped`, the first with what was loaded already.
fn records(metrics: &Metrics) -> (u64, u64, u64) {
    let count = |outcome| metrics.records.get_or_create(&ByOutcome { outcome }).get();
    let loaded = count("loaded") + count("already_loaded");
    (loaded, count("rejected"), count("dropped"))
}

fn ended(metrics: &Metrics, state: State) -> u64 {
    let state = state.word();
    metrics.ended_jobs.get_or_create(&ByState { state }).get()
}

fn rejects(metrics: &Metrics, code: &'static str) -> u64 {
    metrics.rejects.get_or_create(&ByCode { code }).get()
}

/// The number behind a name in what Prometheus reads.
fn shown(metrics: &Metrics, name: &str) -> f64 {
    let text = metrics.text();
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found
        .unwrap_or_else(|| panic!("{name} in {text}"))
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_job_counts_its_records_rejects_bytes_and_batches() {
    let place = Place::embedded().await;
    let process = Process::start(&place, "host:1");
    let job = place.submit(SPEC, "orders-1.csv", INPUT).await;
    let job = place.ended(&job, State::Completed).await;
    let metrics = &place.service.metrics;
    wait_for("the end", async || ended(metrics, State::Completed) == 1).await;
    let books = job.checkpoint.unwrap().books;
    let counters = &books.counters;
    let (loaded, dropped) = (counters.loaded, counters.dropped_total());
    assert_eq!(records(metrics), (loaded, counters.rejected, dropped));
    assert_eq!(metrics.read_bytes.get(), INPUT.len() as u64);
    assert!(shown(metrics, "sluicegate_batch_seconds_count") >= 1.0);
    assert_eq!(metrics.lost_leases.get(), 0);
    // Those of the program by their own names, those of the spec's steps together.
    let of = |code: &str| {
        let kinds = books.summary.kinds().iter();
        let counts = kinds
            .filter(|kind| kind.code == code)
            .map(|kind| kind.count);
        counts.sum::<u64>()
    };
    let own = [
        "type",
        "pattern",
        "required",
        "enum",
        "cell_count",
        "minimum",
    ];
    assert!(of("pattern") > 0 && of("type") > 0, "{:?}", books.summary);
    for code in own {
        assert_eq!(rejects(metrics, code), of(code), "{code}");
    }
    let text = metrics.text();
    let all = text
        .lines()
        .filter(|line| line.starts_with("sluicegate_rejects_total{"));
    let all = all.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    assert_eq!(all.sum::<u64>(), counters.rejected, "{text}");
    process.shutdown().await;
}

#[tokio::test]
async fn the_codes_of_a_spec_are_one() {
    let place = Place::embedded().await;
    let process = Process::start(&place, "host:1");
    let step = "[errors]\non_breach = \"continue\"\n[[steps]]\nreject = { name = \"odd-one\", when = \"n % 2 == 1\" }";
    let job = place
        .submit(&slow_spec("c", step), "a.jsonl", lines(10))
        .await;
    let job = place.ended(&job, State::Completed).await;
    let kinds = job.checkpoint.unwrap().books.summary;
    assert_eq!(
        (kinds.kinds()[0].code.as_str(), kinds.total()),
        ("odd-one", 5)
    );
    let metrics = &place.service.metrics;
    assert_eq!(rejects(metrics, "reject_step"), 5);
    assert!(!metrics.text().contains("odd-one"));
    process.shutdown().await;
}

#[tokio::test]
async fn a_job_that_goes_on_does_not_count_again() {
    let place = Place::embedded().await;
    let spec = slow_spec("c", "[errors]\non_breach = \"continue\"");
    let input = lines(100) + "{\"n\": \"no number\"}\n" + &lines(1_900);
    let size_bytes = input.len() as u64;
    let job = place.submit(&spec, "a.jsonl", input).await;
    let process = Process::start(&place, "host:1");
    place.past(&job, 200).await;
    process.shutdown().await;
    let metrics = &place.service.metrics;
    let left = place.job(&job).await;
    let (loaded, rejected, _) = records(metrics);
    assert_eq!((loaded + rejected, rejected), (end_of(&left), 1));
    assert_eq!(ended(metrics, State::Queued), 0, "it has not ended");
    let process = Process::start(&place, "host:2");
    place.ended(&job, State::Completed).await;
    assert_eq!(records(metrics), (2_000, 1, 0));
    assert_eq!(rejects(metrics, "type"), 1);
    assert_eq!(metrics.read_bytes.get(), size_bytes);
    process.shutdown().await;
}

#[tokio::test]
async fn a_job_of_a_killed_worker_does_not_count_again() {
    let place = Place::embedded().await;
    let job = place
        .submit(&slow_spec("c", ""), "a.jsonl", lines(2_000))
        .await;
    let process = Process::start(&place, "host:1");
    place.past(&job, 200).await;
    process.kill();
    let metrics = &place.service.metrics;
    let process = Process::start(&place, "host:2");
    place.ended(&job, State::Completed).await;
    let (loaded, ..) = records(metrics);
    // What was saved while the worker died, it could not count any more.
    assert!((1_000..=2_000).contains(&loaded), "{loaded}");
    process.shutdown().await;
}

#[tokio::test]
async fn every_end_is_counted_once() {
    let place = Place::embedded().await.workers(1);
    let metrics = &place.service.metrics;
    let process = Process::start(&place, "host:1");
    // Out of attempts, by a release.
    for _ in 0..2 {
        place
            .faults
            .next(Some(Fatal::transient("busy", "it is busy")));
    }
    let failed = place.submit(&slow_spec("c", ""), "a.jsonl", lines(3)).await;
    place.ended(&failed, State::Failed).await;
    wait_for("the failure", async || ended(metrics, State::Failed) == 1).await;
    let cancelled = place
        .submit(&slow_spec("c", ""), "b.jsonl", lines(3_000))
        .await;
    place.past(&cancelled, 100).await;
    jobs::cancel(&place.service, &Tenant::NONE, cancelled.id)
        .await
        .unwrap();
    wait_for("the loss", async || metrics.lost_leases.get() == 1).await;
    let held = slow_spec("c", "[errors]\nmax_records = 0");
    let held = place
        .submit(&held, "c.jsonl", "{\"n\": \"no number\"}\n")
        .await;
    place.ended(&held, State::Held).await;
    wait_for("the hold", async || ended(metrics, State::Held) == 1).await;
    let ends = [
        State::Completed,
        State::Failed,
        State::Cancelled,
        State::Queued,
    ];
    assert_eq!(ends.map(|state| ended(metrics, state)), [0, 1, 1, 0]);
    process.shutdown().await;
}

/// Nobody lives who could count it but the process whose claim ends it.
#[tokio::test]
async fn a_job_whose_workers_keep_dying_is_counted_by_the_claim_that_ends_it() {
    let place = Place::embedded().await.workers(1);
    let queue = &place.service.stores.queue;
    let job = place.submit(&slow_spec("c", ""), "a.jsonl", lines(3)).await;
    for attempts in [0, 1] {
        let claimant = Claimant {
            worker: "host:1".into(),
            owner: place.id().to_string(),
            lease_ms: 1,
            max_attempts: 2,
            take_expired: true,
        };
        let claimed = async || match queue.claim(&claimant).await.unwrap() {
            Some(claimed) => claimed.attempts == attempts,
            None => false,
        };
        wait_for("a claim", claimed).await;
    }
    let process = Process::start(&place, "host:2");
    let job = place.ended(&job, State::Failed).await;
    assert_eq!(job.failure.unwrap().code, "crash_loop");
    let metrics = &place.service.metrics;
    wait_for("the count", async || ended(metrics, State::Failed) == 1).await;
    assert_eq!(
        shown(metrics, "sluicegate_failed_jobs_total{code=\"crash_loop\"}"),
        1.0
    );
    assert_eq!(shown(metrics, "sluicegate_worker_slots"), 1.0);
    // The worker goes on with what else there is.
    let next = place.submit(&slow_spec("c", ""), "b.jsonl", lines(4)).await;
    place.ended(&next, State::Completed).await;
    wait_for("the end", async || ended(metrics, State::Completed) == 1).await;
    assert_eq!(
        (ended(metrics, State::Failed), metrics.lost_leases.get()),
        (1, 0)
    );
    process.shutdown().await;
}
