//! How batches flow into a sink: their size, how many are under way, how fast they may follow each other.
//!
//! Every limit is finite, and judged here once for all sinks. What a spec does not say comes from the
//! operator's defaults; nothing here reads the environment.

use crate::spec::{ByteSize, Millis, Problem};
use pipeline::{BatchLimits, Rate, most_batches};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most records that a spec may ask for in one batch: MongoDB's own limit of one command.
pub const MAX_BATCH_RECORDS: u32 = 100_000;
/// The most bytes that a spec may ask for in one batch: MongoDB's own limit of one message.
pub const MAX_BATCH_BYTES: u64 = 48_000_000;
/// The most batches that a spec may have under way at once.
pub const MAX_IN_FLIGHT: u32 = 64;
/// The most bytes of operations that a spec may have under way in all its batches together: those that are written, and
/// those that wait behind them. The input that they come from is kept beside them, up to as much again.
pub const MAX_UNDER_WAY_BYTES: u64 = 256 * 1024 * 1024;
/// The longest pause between batches that a spec may ask for, in milliseconds.
pub const MAX_PAUSE_MS: u64 = 3_600_000;

/// How batches flow into a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// How large a batch is.
    pub batch: BatchLimits,
    /// Batches that may be written at once.
    pub max_in_flight: usize,
    /// How fast they may be written.
    pub rate: Rate,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            batch: BatchLimits::default(),
            max_in_flight: 4,
            rate: Rate::default(),
        }
    }
}

impl Flow {
    /// The same with one batch under way, for a sink that keeps the order of the input.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.max_in_flight = 1;
        self
    }
}

/// `batch` of a sink: a batch is closed when either limit is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchSpec {
    /// The most records of a batch; 1000 by default.
    #[schemars(example = 2000)]
    pub records: Option<u32>,
    /// The size at which a batch is closed; 4 MiB by default.
    #[schemars(example = &"8MiB")]
    pub bytes: Option<ByteSize>,
}

/// `rate` of a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateSpec {
    /// Records that may be written per second; no limit by default.
    #[schemars(example = 20_000)]
    pub records_per_second: Option<u32>,
    /// The least time between the starts of two batches; none by default.
    #[schemars(example = &"50ms")]
    pub pause: Option<Millis>,
    /// Whether fewer batches are under way while the target answers slower than it did; true by default.
    #[schemars(example = false)]
    pub adaptive: Option<bool>,
}

/// What a sink's table says of the flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowSpec<'a> {
    /// The key `batch`.
    pub batch: Option<&'a BatchSpec>,
    /// The key `in_flight`.
    pub in_flight: Option<u32>,
    /// The key `rate`.
    pub rate: Option<&'a RateSpec>,
}

impl FlowSpec<'_> {
    /// The flow that is asked for; `section` is the path of the sink's table, `sink.mongodb` say. Limits out
    /// of range (`out_of_range`) are added to `problems`, and the default stands in for them.
    pub fn check(&self, section: &str, defaults: Flow, problems: &mut Vec<Problem>) -> Flow {
        let mut flow = defaults;
        let mut within = |key: &str, value: u64, most: u64| {
            let fits = (1..=most).contains(&value);
            if !fits {
                let message = format!("`{key}` is {value}, it must be from 1 to {most}");
                problems.push(Problem::new(
                    format!("{section}.{key}"),
                    "out_of_range",
                    message,
                ));
            }
            fits
        };
        if let Some(records) = self.batch.and_then(|batch| batch.records)
            && within(
                "batch.records",
                u64::from(records),
                u64::from(MAX_BATCH_RECORDS),
            )
        {
            flow.batch.max_records = records as usize;
        }
        if let Some(bytes) = self.batch.and_then(|batch| batch.bytes)
            && within("batch.bytes", bytes.bytes(), MAX_BATCH_BYTES)
        {
            flow.batch.max_bytes = bytes.bytes() as usize;
        }
        if let Some(in_flight) = self.in_flight
            && within("in_flight", u64::from(in_flight), u64::from(MAX_IN_FLIGHT))
        {
            flow.max_in_flight = in_flight as usize;
        }
        if let Some(per_second) = self.rate.and_then(|rate| rate.records_per_second)
            && within(
                "rate.records_per_second",
                u64::from(per_second),
                u64::from(u32::MAX),
            )
        {
            flow.rate.records_per_second = Some(per_second);
        }
        if let Some(pause) = self.rate.and_then(|rate| rate.pause) {
            if pause.ms() <= MAX_PAUSE_MS {
                flow.rate.pause_ms = pause.ms();
            } else {
                let message = format!("`rate.pause` is {pause}, it may be 1h at most");
                problems.push(Problem::new(
                    format!("{section}.rate.pause"),
                    "out_of_range",
                    message,
                ));
            }
        }
        if let Some(adaptive) = self.rate.and_then(|rate| rate.adaptive) {
            flow.rate.adaptive = adaptive;
        }
        let batches = most_batches(flow.max_in_flight) as u64;
        let under_way_bytes = flow.batch.max_bytes as u64 * batches;
        if under_way_bytes > MAX_UNDER_WAY_BYTES {
            let message = format!(
                "{} batches of {} at once, and half as many that wait, are more than {} together",
                flow.max_in_flight,
                ByteSize::from_bytes(flow.batch.max_bytes as u64),
                ByteSize::from_bytes(MAX_UNDER_WAY_BYTES)
            );
            let path = format!(
                "{section}.{}",
                if self.in_flight.is_some() {
                    "in_flight"
                } else {
                    "batch"
                }
            );
            problems
                .push(Problem::new(path, "out_of_range", message).hint("memory grows with both"));
        }
        flow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        #[derive(Deserialize)]
        struct Table {
            batch: Option<BatchSpec>,
            in_flight: Option<u32>,
            rate: Option<RateSpec>,
        }
        let table: Table = toml::from_str(text).unwrap();
        let spec = FlowSpec {
            batch: table.batch.as_ref(),
            in_flight: table.in_flight,
            rate: table.rate.as_ref(),
        };
        let mut problems = Vec::new();
        let flow = spec.check("sink.x", Flow::default(), &mut problems);
        let mut found = format!(
            "{} {} {} {:?} {} {}",
            flow.batch.max_records,
            flow.batch.max_bytes,
            flow.max_in_flight,
            flow.rate.records_per_second,
            flow.rate.pause_ms,
            flow.rate.adaptive
        );
        for problem in problems {
            assert_eq!(problem.code, "out_of_range");
            found.push_str(&format!(" !{}", problem.path));
        }
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_is_said_counts_and_what_is_out_of_range_is_told() {
        check("", "1000 4194304 4 None 0 true");
        check(
            "batch = { records = 5, bytes = \"1KiB\" }\nin_flight = 2",
            "5 1024 2 None 0 true",
        );
        check(
            "rate = { records_per_second = 20_000, pause = \"250ms\", adaptive = false }",
            "1000 4194304 4 Some(20000) 250 false",
        );
        check(
            "batch = { records = 0, bytes = \"49MB\" }\nin_flight = 65\nrate = { records_per_second = 0, pause = \"2h\" }",
            "1000 4194304 4 None 0 true !sink.x.batch.records !sink.x.batch.bytes !sink.x.in_flight \
             !sink.x.rate.records_per_second !sink.x.rate.pause",
        );
    }

    #[test]
    fn what_waits_behind_the_writes_counts_too() {
        check("in_flight = 42", "1000 4194304 42 None 0 true");
        check(
            "in_flight = 43\nbatch = { bytes = \"4300kB\" }",
            "1000 4300000 43 None 0 true !sink.x.in_flight",
        );
        check(
            "in_flight = 44",
            "1000 4194304 44 None 0 true !sink.x.in_flight",
        );
    }
}
