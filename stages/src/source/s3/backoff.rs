//! How often and after which waits a request is tried again. It sees no clock: its randomness is a seed.

use pipeline::Fatal;
use std::time::Duration;

/// Limits of trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffLimits {
    /// How often something is tried without progress before it is given up.
    pub max_tries: u32,
    /// The first wait, in milliseconds; each next one is twice as long, and half of it is random.
    pub first_wait_ms: u64,
    /// The longest wait, in milliseconds.
    pub max_wait_ms: u64,
}

impl Default for BackoffLimits {
    fn default() -> Self {
        Self {
            max_tries: 8,
            first_wait_ms: 200,
            max_wait_ms: 10_000,
        }
    }
}

/// The tries of one piece of work.
pub struct Backoff {
    limits: BackoffLimits,
    tries: u32,
    random: u64,
}

impl Backoff {
    /// Nothing was tried yet; `seed` is the randomness of its waits.
    pub fn new(limits: BackoffLimits, seed: u64) -> Self {
        Self {
            limits,
            tries: 0,
            random: seed,
        }
    }

    /// Something was got: what fails from now on is tried as often as at the start.
    pub fn progress(&mut self) {
        self.tries = 0;
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// `fatal`, when that was the last try.
    pub async fn failed(&mut self, fatal: Fatal) -> Result<(), Fatal> {
        self.tries += 1;
        if self.tries >= self.limits.max_tries {
            return Err(fatal);
        }
        tokio::time::sleep(self.wait()).await;
        Ok(())
    }

    fn wait(&mut self) -> Duration {
        let doubled = 1u64.checked_shl(self.tries - 1).unwrap_or(u64::MAX);
        let most = self.limits.first_wait_ms.saturating_mul(doubled);
        let half = most.min(self.limits.max_wait_ms) / 2;
        Duration::from_millis(half + self.next_random() % (half + 1))
    }

    /// SplitMix64.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_limit_and_half_is_random() {
        let mut backoff = Backoff::new(BackoffLimits::default(), 7);
        let mut waits = Vec::new();
        for tries in 1..=70 {
            backoff.tries = tries;
            waits.push(backoff.wait().as_millis() as u64);
        }
        for (wait, most) in waits.iter().zip([200, 400, 800, 1600, 3200, 6400, 10_000]) {
            assert!((most / 2..=most).contains(wait), "{wait} of {most}");
        }
        assert!(waits[6..].iter().all(|wait| (5000..=10_000).contains(wait)));
        assert_ne!(waits[10], waits[11]);
    }

    #[test]
    fn same_seed_gives_the_same_waits() {
        let wait = |seed| {
            let mut backoff = Backoff::new(BackoffLimits::default(), seed);
            backoff.tries = 5;
            backoff.wait()
        };
        assert_eq!(wait(1), wait(1));
        assert_ne!(wait(1), wait(2));
    }

    #[tokio::test]
    async fn gives_up_after_so_many_tries_without_progress() {
        let limits = BackoffLimits {
            first_wait_ms: 0,
            ..BackoffLimits::default()
        };
        let mut backoff = Backoff::new(limits, 0);
        for _ in 0..7 {
            backoff.failed(Fatal::outage("x", "x")).await.unwrap();
        }
        backoff.progress();
        for _ in 0..7 {
            backoff.failed(Fatal::outage("x", "x")).await.unwrap();
        }
        let last = backoff.failed(Fatal::outage("gone", "x")).await;
        assert_eq!(last.unwrap_err().code, "gone");
    }
}
