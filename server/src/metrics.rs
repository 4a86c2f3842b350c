//! Metrics: what the service counts and times, as Prometheus reads it.
//!
//! Counters only grow while the process lives. What became of a record is counted when the checkpoint that covers it is
//! saved: however often a job is tried, and by whichever process, each of its records is counted once. No label comes from a client: their values are words of the program
//! (codes, states, routes as patterns), so the number of series is bounded.

use crate::queue::{CRASH_LOOP, State};
use crate::usage::Usage;
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

/// Codes of jobs that somebody should look at whenever there is one.
const ALARMING_CODES: [&str; 4] = [CRASH_LOOP, "books", "frame_mismatch", "panic"];

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

/// Something that the service depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByDependency {
    /// `mongodb` or `sqlite`, `s3` or `folder`.
    pub dependency: &'static str,
}

/// Something that is done again and again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByTask {
    /// What is done.
    pub task: &'static str,
}

/// What a process is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Build {
    /// The program's version.
    pub version: &'static str,
    /// The command: `serve` or `worker`.
    pub command: &'static str,
    /// Where its state is: `mongodb` or `sqlite`.
    pub store: &'static str,
}

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    /// What the process takes of its machine.
    pub usage: Usage,
    /// What this process is: 1.
    pub builds: Family<Build, Gauge>,
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
    /// Jobs that failed here, by the code of their failure.
    pub failed_jobs: Family<ByCode, Counter>,
    /// Jobs that this process works on now.
    pub running_jobs: Gauge,
    /// Jobs that this process can work on at once.
    pub worker_slots: Gauge,
    /// Attempts that lost their job or its load: to another worker, to a cancellation, to a store that did not answer.
    pub lost_leases: Counter,
    /// Uploads that were kept.
    pub uploads: Counter,
    /// Uploads that were refused or broken, by code.
    pub refused_uploads: Family<ByCode, Counter>,
    /// Part buffers that uploads have now.
    pub upload_buffers_used: Gauge,
    /// Part buffers that there are for all uploads together.
    pub upload_buffers: Gauge,
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
    /// Whether a dependency answered when it was asked last: 1 or 0.
    pub dependencies: Family<ByDependency, Gauge>,
    /// What is done again and again, and failed this time.
    pub failed_upkeep: Family<ByTask, Counter>,
}

fn latencies() -> Histogram {
    Histogram::new(LATENCY_SECONDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut root = Registry::default();
        let registry = root.sub_registry_with_prefix("sluicegate");
        let metrics = Self {
            usage: Usage::default(),
            builds: Family::default(),
            records: Family::default(),
            rejects: Family::default(),
            read_bytes: Counter::default(),
            batch_seconds: latencies(),
            ended_jobs: Family::default(),
            failed_jobs: Family::default(),
            running_jobs: Gauge::default(),
            worker_slots: Gauge::default(),
            lost_leases: Counter::default(),
            uploads: Counter::default(),
            refused_uploads: Family::default(),
            upload_buffers_used: Gauge::default(),
            upload_buffers: Gauge::default(),
            uploaded_bytes: Counter::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(latencies),
            watchers: Family::default(),
            slow_watchers: Family::default(),
            webhooks: Family::default(),
            pending_webhooks: Gauge::default(),
            jobs: Family::default(),
            oldest_due_seconds: Gauge::default(),
            dependencies: Family::default(),
            failed_upkeep: Family::default(),
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
            "failed_jobs",
            "Jobs that failed here, by code",
            metrics.failed_jobs.clone(),
        );
        registry.register(
            "running_jobs",
            "Jobs that this process works on now",
            metrics.running_jobs.clone(),
        );
        registry.register(
            "worker_slots",
            "Jobs that this process can work on at once",
            metrics.worker_slots.clone(),
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
        registry.register(
            "upload_buffers_used",
            "Part buffers that uploads have now",
            metrics.upload_buffers_used.clone(),
        );
        registry.register(
            "upload_buffers",
            "Part buffers for all uploads together",
            metrics.upload_buffers.clone(),
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
        registry.register(
            "dependency_up",
            "Whether a dependency answered when it was asked last",
            metrics.dependencies.clone(),
        );
        registry.register(
            "failed_upkeep",
            "What is done again and again, and failed this time",
            metrics.failed_upkeep.clone(),
        );
        registry.register("build_info", "What this process is", metrics.builds.clone());
        metrics.usage.register_room(registry);
        metrics.usage.register(&mut root);
        metrics.begin();
        Self {
            registry: root,
            ..metrics
        }
    }
}

impl Metrics {
    /// Shows what can only be one of a few words at 0: a counter that appears with its first event has none before it from
    /// which Prometheus could tell that it grew.
    fn begin(&self) {
        for outcome in ["loaded", "already_loaded", "rejected", "dropped"] {
            drop(self.records.get_or_create(&ByOutcome { outcome }));
        }
        for state in State::ALL {
            if state.is_terminal() || state == State::Held {
                let state = state.word();
                drop(self.ended_jobs.get_or_create(&ByState { state }));
            }
        }
        for result in ["delivered", "retried", "failed"] {
            drop(self.webhooks.get_or_create(&ByResult { result }));
        }
        for way in ["events", "websocket"] {
            drop(self.watchers.get_or_create(&ByWay { way }));
            drop(self.slow_watchers.get_or_create(&ByWay { way }));
        }
        for code in ALARMING_CODES {
            drop(self.failed_jobs.get_or_create(&ByCode { code }));
        }
        drop(self.refused_uploads.get_or_create(&ByCode {
            code: "upload_busy",
        }));
    }

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

    /// Counts a job that failed, with its code.
    pub fn failed(&self, code: &'static str) {
        self.ended(State::Failed);
        self.failed_jobs.get_or_create(&ByCode { code }).inc();
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
