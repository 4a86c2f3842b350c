//! How long a job has no owner after the process that had it was killed.
//!
//! Promises: a slow harness never lengthens it. What counts is the last look that found the old claim, by when that look
//! was sent: the job had no other owner then, however late the next look comes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::LEASE_SECONDS;
use super::state::{Seen, Stores};

/// How long a job may have no owner after SIGKILL, where another worker runs: the program promises a lease and 5 s.
pub(super) const MAX_UNCLAIMED: Duration = Duration::from_secs(LEASE_SECONDS + 5);
/// The time between two looks at the job.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Whoever has not seen an owner by then need not look on.
const MAX_WATCH: Duration = Duration::from_secs(60);

/// Looks until the job has another claim than `fence`, the one of a dead process, or has ended, and says for how long it
/// certainly had not; at most about [`MAX_WATCH`].
pub(super) async fn unclaimed(stores: Arc<Stores>, fence: u64) -> Duration {
    let began = Instant::now();
    let mut unclaimed = Duration::ZERO;
    while began.elapsed() < MAX_WATCH {
        let sent = began.elapsed();
        match stores.job().await {
            Some(seen) if is_taken(&seen, fence) => break,
            Some(_) => unclaimed = sent,
            // A store that does not answer tells nothing.
            None => {}
        }
        sleep(LOOK_INTERVAL).await;
    }
    unclaimed
}

fn is_taken(seen: &Seen, fence: u64) -> bool {
    seen.fence > fence || seen.has_ended()
}

/// What is wrong with a job that had no owner for so long.
pub(super) fn violation(unclaimed: Duration) -> Option<String> {
    (unclaimed > MAX_UNCLAIMED).then(|| {
        format!(
            "nobody had the job {unclaimed:.1?} after its worker was killed: more than a lease and 5 s, {MAX_UNCLAIMED:?}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_claim_takes_a_job_and_the_old_one_does_not() {
        let mut seen = Seen {
            state: "in_progress".to_owned(),
            fence: 3,
            ..Seen::default()
        };
        assert!(!is_taken(&seen, 3) && is_taken(&seen, 2));
        seen.state = "completed".to_owned();
        assert!(is_taken(&seen, 3));
    }

    #[test]
    fn a_lease_and_five_seconds_are_kept_and_more_is_told() {
        assert_eq!(violation(MAX_UNCLAIMED), None);
        let told = violation(MAX_UNCLAIMED + Duration::from_millis(200));
        assert!(told.is_some_and(|told| told.contains("8.2s")));
    }
}
