//! How long a sink tries again, and how long it waits between tries.

use super::reply::shortened;
use pipeline::Fatal;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long `run` goes on without any progress, in milliseconds.
pub const MAX_RETRY_MS: u64 = 60_000;
const FIRST_WAIT_MS: u64 = 100;
const MAX_WAIT_MS: u64 = 10_000;

/// Tries again until there has been no progress for too long.
pub(super) struct Patience {
    max_retry_ms: u64,
    random: u64,
    tries: u32,
    since: Instant,
}

impl Patience {
    /// Patience that begins now. Waits differ by `seed`, so that writers which failed together do not come
    /// back together.
    pub(super) fn new(max_retry_ms: u64, seed: u64) -> Self {
        Self {
            max_retry_ms,
            random: seed,
            tries: 0,
            since: Instant::now(),
        }
    }

    /// Something succeeded: everything begins anew.
    pub(super) fn progress(&mut self) {
        self.tries = 0;
        self.since = Instant::now();
    }

    /// How long it lasts without progress.
    pub(super) fn left(&self) -> Duration {
        Duration::from_millis(self.max_retry_ms).saturating_sub(self.since.elapsed())
    }

    /// Waits before the next try: 100 ms, doubling up to 10 s, each between half of it and the whole.
    ///
    /// # Errors
    /// `target_unavailable` when there was no progress for too long; `reason` is why the last try failed.
    pub(super) async fn wait(&mut self, reason: &str) -> Result<(), Fatal> {
        let spent = self.since.elapsed();
        let most = Duration::from_millis(self.max_retry_ms);
        if spent >= most {
            let message = format!("MongoDB has not answered for {} s", spent.as_secs());
            let mut fatal = Fatal::outage("target_unavailable", message);
            // It names servers: nothing for whoever is only told the message.
            fatal.causes.push(shortened(reason));
            return Err(fatal);
        }
        let wait = wait_ms(self.tries, &mut self.random);
        self.tries += 1;
        tracing::warn!(reason, wait_ms = wait, "MongoDB is tried again");
        sleep(Duration::from_millis(wait).min(most - spent)).await;
        Ok(())
    }
}

fn wait_ms(tries: u32, random: &mut u64) -> u64 {
    let whole = (FIRST_WAIT_MS << tries.min(10)).min(MAX_WAIT_MS);
    whole / 2 + next(random) % (whole / 2 + 1)
}

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_differ() {
        let mut random = 7;
        for (tries, whole) in [(0, 100), (1, 200), (3, 800), (7, 10_000), (60, 10_000)] {
            for _ in 0..100 {
                let wait = wait_ms(tries, &mut random);
                assert!((whole / 2..=whole).contains(&wait), "{wait} after {tries}");
            }
        }
        let several: std::collections::HashSet<_> =
            (0..100).map(|seed| wait_ms(9, &mut { seed })).collect();
        assert!(several.len() > 50);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_without_progress_only() {
        let mut patience = Patience::new(3_000, 1);
        for _ in 0..50 {
            patience.wait("busy").await.unwrap();
            patience.progress();
        }
        let mut tries = 0;
        let fatal = loop {
            tries += 1;
            if let Err(fatal) = patience.wait("busy").await {
                break fatal;
            }
        };
        assert_eq!(fatal.code, "target_unavailable");
        assert_eq!(fatal.retry, pipeline::Retry::Outage);
        assert!(!fatal.message.contains("busy"), "{}", fatal.message);
        assert_eq!(fatal.causes, ["busy"]);
        assert!(tries > 4, "{tries}");
    }
}
