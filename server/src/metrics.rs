//! Metrics: what the service counts and times, as Prometheus reads it.
//!
//! Counters only grow while the process lives. No label comes from a client: their values are words of the program
//! (codes, states, routes as patterns), so the number of series is bounded.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;

/// Bounds of latencies, in seconds.
const LATENCY_SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// A code of the program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByCode {
    /// The code.
    pub code: String,
}

/// What became of records.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByOutcome {
    /// `loaded`, `already_loaded`, `rejected` or `dropped`.
    pub outcome: &'static str,
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

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    /// Records that got an outcome.
    pub records: Family<ByOutcome, Counter>,
    /// Rejects, by the code of their leading problem.
    pub rejects: Family<ByCode, Counter>,
    /// Bytes that workers have read from objects.
    pub read_bytes: Counter,
    /// How long a batch took from its write to its acknowledgement.
    pub batch_seconds: Histogram,
    /// Jobs that ended here, by the state in which they ended.
    pub ended_jobs: Family<ByState, Counter>,
    /// Claims that were lost to another worker, a cancellation or a store that did not answer.
    pub lost_leases: Counter,
    /// Uploads that were kept.
    pub uploads: Counter,
    /// Uploads that were refused or broken, by code.
    pub refused_uploads: Family<ByCode, Counter>,
    /// Bytes of uploads that were kept.
    pub uploaded_bytes: Counter,
    /// Requests that were answered.
    pub requests: Family<ByAnswer, Counter>,
    /// How long requests took, uploads and waits included.
    pub request_seconds: Histogram,
    /// Jobs in each state, as the store said last.
    pub jobs: Family<ByState, Gauge>,
    /// For how long the oldest due job has waited.
    pub oldest_due_seconds: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("sluicegate");
        let metrics = Self {
            records: Family::default(),
            rejects: Family::default(),
            read_bytes: Counter::default(),
            batch_seconds: Histogram::new(LATENCY_SECONDS),
            ended_jobs: Family::default(),
            lost_leases: Counter::default(),
            uploads: Counter::default(),
            refused_uploads: Family::default(),
            uploaded_bytes: Counter::default(),
            requests: Family::default(),
            request_seconds: Histogram::new(LATENCY_SECONDS),
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
            "Jobs that ended here",
            metrics.ended_jobs.clone(),
        );
        registry.register(
            "lost_leases",
            "Claims that were lost",
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
            "Requests that were answered",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "request",
            "From a request's head to its answer's head",
            Unit::Seconds,
            metrics.request_seconds.clone(),
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
