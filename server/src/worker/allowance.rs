//! Until when a worker may write.
//!
//! Two thirds of the lease from the sending of the last renewal that was acknowledged: nobody can have taken the job
//! over by then, whatever the clocks and the network do. It is checked where the writing is done, on the pipeline's
//! own runtime, so that it holds even while the task that renews cannot run.

use crate::metrics::Metrics;
use async_trait::async_trait;
use pipeline::{Batch, Fatal, Holdings, Sink, Written};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The time until which a worker may write. Clones share it.
#[derive(Clone)]
pub(super) struct Allowance {
    length: Duration,
    until: Arc<watch::Sender<Instant>>,
}

impl Allowance {
    /// Allowed by a statement that was sent at `sent` and holds the job for `lease_ms`.
    pub(super) fn new(sent: Instant, lease_ms: u64) -> Self {
        let length = Duration::from_millis(lease_ms * 2 / 3);
        Self {
            length,
            until: Arc::new(watch::Sender::new(sent + length)),
        }
    }

    /// A renewal that was sent at `sent` is acknowledged.
    pub(super) fn renewed(&self, sent: Instant) {
        self.until.send_replace(sent + self.length);
    }

    /// When it ends, as it stands.
    pub(super) fn until(&self) -> Instant {
        *self.until.borrow()
    }

    /// Returns once it has ended.
    pub(super) async fn ended(&self) {
        loop {
            let until = self.until();
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    /// Does `work`, unless the time is over before it is done. The clock is asked before each step of it: a process that
    /// was stopped goes on with what was ready, and only then hears of its timers.
    ///
    /// # Errors
    /// `lease_lost`, and what `work` says.
    pub(super) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, Fatal>>,
    ) -> Result<T, Fatal> {
        let mut work = pin!(work);
        let allowed = poll_fn(|context| match self.until() <= Instant::now() {
            true => Poll::Pending,
            false => work.as_mut().poll(context),
        });
        tokio::select! {
            biased;
            () = self.ended() => Err(Fatal::new("lease_lost", "the lease was not renewed in time")),
            done = allowed => done,
        }
    }
}

/// A sink that writes only while it is allowed, and times what it writes.
pub(super) struct Allowed {
    pub(super) sink: Arc<dyn Sink>,
    pub(super) allowance: Allowance,
    pub(super) metrics: Arc<Metrics>,
}

#[async_trait]
impl Sink for Allowed {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let from = Instant::now();
        let written = self.allowance.within(self.sink.write(batch)).await?;
        self.metrics
            .batch_seconds
            .observe(from.elapsed().as_secs_f64());
        Ok(written)
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        self.allowance.within(self.sink.finish()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::sync::{Notify, oneshot};
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn it_counts_from_the_sending_of_the_last_renewal() {
        let started = Instant::now();
        let allowance = Allowance::new(started, 3_000);
        let passed = allowance.within(async { Ok(1) }).await;
        assert_eq!(passed.ok(), Some(1));
        let renewing = allowance.clone();
        tokio::spawn(async move {
            let sent = Instant::now() + Duration::from_millis(1_000);
            // Its answer comes late.
            sleep_until(sent + Duration::from_millis(900)).await;
            renewing.renewed(sent);
        });
        let lost = allowance.within(pending::<Result<(), Fatal>>()).await;
        assert_eq!(lost.err().map(|fatal| fatal.code), Some("lease_lost"));
        assert_eq!(started.elapsed().as_millis(), 3_000);
        // What is done at once is not begun any more either.
        assert!(allowance.within(async { Ok(()) }).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_ready_when_a_process_was_stopped_is_not_done_when_it_goes_on() {
        let allowance = Allowance::new(Instant::now(), 3_000);
        let (answered, began) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (sends, mut sent) = oneshot::channel();
        let (answer, beginning) = (answered.clone(), began.clone());
        let writing = tokio::spawn(async move {
            let write = async move {
                beginning.notify_one();
                answer.notified().await;
                let _ = sends.send(());
                Ok(())
            };
            allowance.within(write).await
        });
        began.notified().await;
        answered.notify_one();
        // The clock has jumped, and no timer has fired yet.
        advance(Duration::from_millis(8_000)).await;
        assert_eq!(
            writing.await.unwrap().err().map(|fatal| fatal.code),
            Some("lease_lost")
        );
        assert!(sent.try_recv().is_err(), "nothing was sent");
    }
}
