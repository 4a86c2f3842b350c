//! Metrics: what the service counts and times, as Prometheus reads it.
//!
//! Counters only grow while the process lives. What became of a record is counted when the checkpoint that covers it is
//! saved: however often a job is tried, and by whichever process, each of its records is counted once. No label comes from a client: their values are words of the program
//! (codes, states, routes as patterns), so the number of series is bounded.

use crate::queue::State;
use pipeline::Books;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use stages::step::codes::BUILT_IN_CODES;
use std::iter::repeat;
use std::sync::atomic::AtomicU64;

/// Bounds of latencies, in seconds.
const LATENCY_SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// What stands for the codes that specs give rejects of their own: as many as clients can think of.
const STEP_CODE: &str = "reject_step";
/// The code of the kinds that a summary has no room for.
const OTHER_CODE: &str = "other";

/// A code of the program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByCode {
    /// The code.
    pub code: &'static str,
}

/// What became of records.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByOutcome {
    /// `loaded`, `already_loaded`, `rejected` or `dropped`.
    pub outcome: &'static str,
}

/// What came of a try to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByResult {
    /// `delivered`, `retried` or `failed`.
    pub result: &'static str,
}

/// A state of jobs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByState {
    /// The state's word.
    pub state: &'static str,
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByAnswer {
    /// The route's pattern.
    pub route: &'static str,
    /// The method.
    pub method: &'static str,
    /// The status.
    pub status: u16,
}

/// A kind of requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByRoute {
    /// The route's pattern.
    pub route: &'static str,
    /// The method.
    pub method: &'static str,
}

/// A way to watch a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByWay {
    /// `events` or `websocket`.
    pub way: &'static str,
}

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    /// Records that got an outcome, up to the checkpoints that were saved.
    pub records: Family<ByOutcome, Counter>,
    /// Rejects, by the code of their leading problem; those of a spec's own steps are [`STEP_CODE`].
    pub rejects: Family<ByCode, Counter>,
    /// Bytes of objects that workers have read; what is read again after a crash is not counted again.
    pub read_bytes: Counter,
    /// How long a batch took from its write to its acknowledgement.
    pub batch_seconds: Histogram,
    /// Jobs that came to an end here, or to a hold, by their state then; those that a claim of this process failed, because
    /// their workers keep dying, among them.
    pub ended_jobs: Family<ByState, Counter>,
    /// Attempts that lost their job or its load: to another worker, to a cancellation, to a store that did not answer.
    pub lost_leases: Counter,
    /// Uploads that were kept.
    pub uploads: Counter,
    /// Uploads that were refused or broken, by code.
    pub refused_uploads: Family<ByCode, Counter>,
    /// Bytes of uploads that were kept.
    pub uploaded_bytes: Counter,
    /// Requests that have ended; 499: the client went away before the answer.
    pub requests: Family<ByAnswer, Counter>,
    /// How long requests took, uploads and waits included.
    pub request_seconds: Family<ByRoute, Histogram>,
    /// Clients that watch a job now.
    pub watchers: Family<ByWay, Gauge>,
    /// Clients that were dropped because they took nothing of what they were told.
    pub slow_watchers: Family<ByWay, Counter>,
    /// Tries to deliver webhooks.
    pub webhooks: Family<ByResult, Counter>,
    /// Jobs whose webhook has something to send, as the store said last.
    pub pending_webhooks: Gauge,
    /// Jobs in each state, as the store said last.
    pub jobs: Family<ByState, Gauge>,
    /// For how long the oldest due job has waited.
    pub oldest_due_seconds: Gauge<f64, AtomicU64>,
}

fn latencies() -> Histogram {
    Histogram::new(LATENCY_SECONDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("sluicegate");
        let metrics = Self {
            records: Family::default(),
            rejects: Family::default(),
            read_bytes: Counter::default(),
            batch_seconds: latencies(),
            ended_jobs: Family::default(),
            lost_leases: Counter::default(),
            uploads: Counter::default(),
            refused_uploads: Family::default(),
            uploaded_bytes: Counter::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(latencies),
            watchers: Family::default(),
            slow_watchers: Family::default(),
            webhooks: Family::default(),
            pending_webhooks: Gauge::default(),
            jobs: Family::default(),
            oldest_due_seconds: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register(
            "records",
            "Records that got an outcome",
            metrics.records.clone(),
        );
        registry.register("rejects", "Rejects by code", metrics.rejects.clone());
        registry.register_with_unit(
            "read",
            "Read from objects by workers",
            Unit::Bytes,
            metrics.read_bytes.clone(),
        );
        registry.register_with_unit(
            "batch",
            "From the write of a batch to its acknowledgement",
            Unit::Seconds,
            metrics.batch_seconds.clone(),
        );
        registry.register(
            "ended_jobs",
            "Jobs that came to an end or a hold here",
            metrics.ended_jobs.clone(),
        );
        registry.register(
            "lost_leases",
            "Attempts that lost their job or its load",
            metrics.lost_leases.clone(),
        );
        registry.register("uploads", "Uploads that were kept", metrics.uploads.clone());
        registry.register(
            "refused_uploads",
            "Uploads that were refused or broken",
            metrics.refused_uploads.clone(),
        );
        registry.register_with_unit(
            "uploaded",
            "Kept from uploads",
            Unit::Bytes,
            metrics.uploaded_bytes.clone(),
        );
        registry.register(
            "requests",
            "Requests that have ended",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "request",
            "From a request's head to its answer's head",
            Unit::Seconds,
            metrics.request_seconds.clone(),
        );
        registry.register(
            "watchers",
            "Clients that watch a job now",
            metrics.watchers.clone(),
        );
        registry.register(
            "slow_watchers",
            "Watching clients that were dropped for taking nothing",
            metrics.slow_watchers.clone(),
        );
        registry.register(
            "webhooks",
            "Tries to deliver webhooks, by what came of them",
            metrics.webhooks.clone(),
        );
        registry.register(
            "pending_webhooks",
            "Jobs whose webhook has something to send",
            metrics.pending_webhooks.clone(),
        );
        registry.register("jobs", "Jobs by state", metrics.jobs.clone());
        registry.register_with_unit(
            "oldest_due",
            "For how long the oldest due job has waited",
            Unit::Seconds,
            metrics.oldest_due_seconds.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
    /// Counts what became of the records between two states of a job's books.
    pub fn count(&self, before: &Books, now: &Books) {
        let (was, is) = (&before.counters, &now.counters);
        for (outcome, was, is) in [
            ("loaded", was.loaded, is.loaded),
            ("already_loaded", was.already_loaded, is.already_loaded),
            ("rejected", was.rejected, is.rejected),
            ("dropped", was.dropped_total(), is.dropped_total()),
        ] {
            let records = self.records.get_or_create(&ByOutcome { outcome });
            records.inc_by(is.saturating_sub(was));
        }
        // Kinds keep their places: new ones come behind.
        let before = before.summary.kinds().iter().map(|kind| kind.count);
        for (kind, was) in now.summary.kinds().iter().zip(before.chain(repeat(0))) {
            let own = BUILT_IN_CODES.into_iter().map(|(code, _)| code);
            let own = own.chain([OTHER_CODE]);
            let code = own.into_iter().find(|code| **code == *kind.code);
            let code = code.unwrap_or(STEP_CODE);
            let rejects = self.rejects.get_or_create(&ByCode { code });
            rejects.inc_by(kind.count.saturating_sub(was));
        }
    }

    /// Counts a job that ended, or was held.
    pub fn ended(&self, state: State) {
        let by = ByState {
            state: state.word(),
        };
        self.ended_jobs.get_or_create(&by).inc();
    }

    /// All of them, in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::default();
        let by = ByOutcome { outcome: "loaded" };
        metrics.records.get_or_create(&by).inc_by(7);
        metrics.batch_seconds.observe(0.003);
        let text = metrics.text();
        for line in [
            "sluicegate_records_total{outcome=\"loaded\"} 7",
            "sluicegate_batch_seconds_count 1",
            "sluicegate_lost_leases_total 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} in {text}");
        }
    }
}
