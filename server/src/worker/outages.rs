//! Outages of the store, as this process sees them.
//!
//! While the store is away no worker can renew its lease, so that a lease which has run out then says nothing about its
//! owner. For one lease after an outage this process takes no job whose lease ran out: the owners come first.

use crate::id::Entropy;
use pipeline::{Fatal, Retry};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The first wait before something is tried again, in milliseconds; it doubles up to [`MAX_WAIT_MS`].
const FIRST_WAIT_MS: u64 = 1_000;
/// The longest wait, in milliseconds.
const MAX_WAIT_MS: u64 = 60_000;
/// How often the first wait is doubled before a store is asked again.
const MAX_ASKING_DOUBLINGS: u32 = 3;

/// What is known of the store's outages.
pub(super) struct Outages {
    lease: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_away: bool,
    /// From when leases that ran out may be taken.
    expired_from: Option<Instant>,
    /// Jobs that went back to the queue for an outage, one after the other.
    released_jobs: u32,
}

impl Outages {
    pub(super) fn new(lease_ms: u64) -> Self {
        Self {
            lease: Duration::from_millis(lease_ms),
            state: Mutex::default(),
        }
    }

    /// The store has answered.
    pub(super) fn answered(&self) {
        let mut state = self.state();
        if std::mem::take(&mut state.is_away) {
            state.expired_from = Some(Instant::now() + self.lease);
        }
    }

    /// The store did not answer in time.
    pub(super) fn silent(&self) {
        self.state().is_away = true;
    }

    /// Takes note of what the store said.
    pub(super) fn note<T>(&self, answer: &Result<T, Fatal>) {
        match answer {
            Err(fatal) if fatal.retry == Retry::Outage => self.silent(),
            Ok(_) | Err(_) => self.answered(),
        }
    }

    /// Whether jobs whose lease ran out may be taken.
    pub(super) fn may_take_expired(&self) -> bool {
        let state = self.state();
        let waited = state.expired_from.is_none_or(|from| from <= Instant::now());
        !state.is_away && waited
    }

    /// A job goes back to the queue for an outage: how many did so just before it.
    pub(super) fn released(&self) -> u32 {
        let mut state = self.state();
        let before = state.released_jobs;
        state.released_jobs = before.saturating_add(1);
        before
    }

    /// A job has run without one.
    pub(super) fn over(&self) {
        self.state().released_jobs = 0;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait before a store that does not answer is asked again, in milliseconds: as [`backoff_ms`], but up to 8 s,
/// so that jobs go on soon after an outage, however long it was. One that asks again costs next to nothing.
pub(super) fn asking_ms(tries: u32, entropy: &Arc<dyn Entropy>) -> u64 {
    backoff_ms(tries.min(MAX_ASKING_DOUBLINGS), entropy)
}

/// How long to wait after `tries` tries, in milliseconds: 1 s doubling to 60 s, each between half of it and the whole, so
/// that those who failed together do not come back together.
pub(super) fn backoff_ms(tries: u32, entropy: &Arc<dyn Entropy>) -> u64 {
    let whole = FIRST_WAIT_MS
        .saturating_mul(1 << tries.min(16))
        .min(MAX_WAIT_MS);
    whole / 2 + entropy.up_to(whole / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SystemEntropy;

    #[tokio::test(start_paused = true)]
    async fn after_an_outage_owners_have_a_lease_to_come_back() {
        let outages = Outages::new(1_000);
        outages.answered();
        assert!(outages.may_take_expired());
        outages.note::<()>(&Err(Fatal::outage("gone", "gone")));
        assert!(!outages.may_take_expired());
        outages.note(&Ok(()));
        assert!(!outages.may_take_expired());
        tokio::time::advance(Duration::from_millis(999)).await;
        outages.answered();
        assert!(!outages.may_take_expired());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(outages.may_take_expired());
        // An answer that is a refusal is an answer.
        outages.note::<()>(&Err(Fatal::new("refused", "refused")));
        assert!(outages.may_take_expired());
    }

    #[test]
    fn waits_double_and_end() {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        for (tries, whole) in [
            (0, 1_000),
            (1, 2_000),
            (5, 32_000),
            (6, 60_000),
            (u32::MAX, 60_000),
        ] {
            let wait = backoff_ms(tries, &entropy);
            assert!((whole / 2..=whole).contains(&wait), "{tries}: {wait}");
        }
    }
}
