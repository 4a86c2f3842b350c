//! How fast batches may be written: a token bucket of records, and a pause between batches. What follows from the
//! target's latency is [`crate::adaptive`].

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The limits of a spec's `rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Records that may be written per second; none is no limit.
    pub records_per_second: Option<u32>,
    /// The least time between the starts of two batches.
    pub pause_ms: u64,
    /// Whether fewer batches are written at once while the target is slower than it was.
    pub adaptive: bool,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            records_per_second: None,
            pause_ms: 0,
            adaptive: true,
        }
    }
}

/// A token bucket. It starts full and holds one second's worth of tokens; a batch of more than it holds
/// puts it into debt, which the next batch waits out.
#[derive(Debug)]
pub(crate) struct Limiter {
    rate: Rate,
    tokens: f64,
    filled: Instant,
    started: Option<Instant>,
}

impl Limiter {
    pub(crate) fn new(rate: Rate) -> Self {
        let tokens = rate.records_per_second.map_or(0.0, f64::from);
        Self {
            rate,
            tokens,
            filled: Instant::now(),
            started: None,
        }
    }

    /// Waits until a batch of `records` may start.
    pub(crate) async fn admit(&mut self, records: u64) {
        if let Some(started) = self.started.filter(|_| self.rate.pause_ms > 0) {
            sleep_until(started + Duration::from_millis(self.rate.pause_ms)).await;
        }
        if let Some(per_second) = self.rate.records_per_second.map(f64::from) {
            self.fill(per_second);
            if self.tokens < 0.0 {
                sleep_until(self.filled + Duration::from_secs_f64(-self.tokens / per_second)).await;
                self.fill(per_second);
            }
            self.tokens -= records as f64;
        }
        self.started = Some(Instant::now());
    }

    fn fill(&mut self, per_second: f64) {
        let now = Instant::now();
        let gained = (now - self.filled).as_secs_f64() * per_second;
        self.tokens = (self.tokens + gained).min(per_second);
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn elapsed_ms(rate: Rate, batches: &[u64]) -> u128 {
        let start = Instant::now();
        let mut limiter = Limiter::new(rate);
        for &records in batches {
            limiter.admit(records).await;
        }
        start.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn the_bucket_holds_one_second_and_debt_is_waited_out() {
        let rate = Rate {
            records_per_second: Some(1000),
            ..Rate::default()
        };
        assert_eq!(elapsed_ms(rate, &[1000]).await, 0);
        assert_eq!(elapsed_ms(rate, &[1000, 1000, 1]).await, 1000);
        assert_eq!(elapsed_ms(rate, &[500; 12]).await, 4500);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_lies_between_starts() {
        let rate = Rate {
            pause_ms: 20,
            ..Rate::default()
        };
        assert_eq!(elapsed_ms(rate, &[1]).await, 0);
        assert_eq!(elapsed_ms(rate, &[1, 1, 1]).await, 40);
    }
}
