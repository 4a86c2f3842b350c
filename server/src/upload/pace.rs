//! The pace of a body: whoever brings its bytes too slowly is ended, so that a few slow clients hold up nobody.
//!
//! Only time that is spent waiting for the client counts. A client that waits for a store is not slow.

use super::Limits;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use pipeline::Fatal;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A body with its pace.
pub struct Paced<S> {
    body: S,
    window: Duration,
    least_bytes: u64,
    /// How long the client was waited for in this window, and what it brought.
    waited: Duration,
    came_bytes: u64,
}

impl<S: Stream<Item = Result<Bytes, Fatal>> + Unpin> Paced<S> {
    /// Watches `body`.
    pub fn new(body: S, limits: &Limits) -> Self {
        Self {
            body,
            window: Duration::from_millis(limits.pace_window_ms),
            least_bytes: limits.min_bytes_per_second * limits.pace_window_ms / 1000,
            waited: Duration::ZERO,
            came_bytes: 0,
        }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// `body_too_slow`, and what the body says.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Fatal> {
        loop {
            let began = Instant::now();
            let left = self.window.saturating_sub(self.waited);
            match timeout(left, self.body.next()).await {
                Ok(None) => return Ok(None),
                Ok(Some(bytes)) => {
                    let bytes = bytes?;
                    self.waited += began.elapsed();
                    self.came_bytes += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Err(_) if self.came_bytes < self.least_bytes => {
                    let (came, seconds) = (self.came_bytes, self.window.as_secs());
                    let message =
                        format!("{came} bytes in {seconds} s are too few to be waited for");
                    return Err(Fatal::new("body_too_slow", message));
                }
                Err(_) => (self.waited, self.came_bytes) = (Duration::ZERO, 0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    const LIMITS: Limits = Limits::DEFAULT;

    /// A body of chunks of `bytes`, one every `pause_ms`, and what becomes of it.
    async fn check(bytes: usize, pause_ms: u64, expected: Result<usize, &'static str>) {
        let chunks = stream::iter(0..100).then(|_| async move {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            Ok(Bytes::from(vec![0; bytes]))
        });
        let mut paced = Paced::new(Box::pin(chunks), &LIMITS);
        let mut all = 0;
        let ended = loop {
            match paced.next().await {
                Ok(Some(bytes)) => all += bytes.len(),
                Ok(None) => break Ok(all),
                Err(fatal) => break Err(fatal.code),
            }
        };
        assert_eq!(ended, expected, "{bytes} every {pause_ms} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn slow_bodies_are_ended_and_others_are_not() {
        check(1, 0, Ok(100)).await;
        check(17 * 1024, 1000, Ok(100 * 17 * 1024)).await;
        check(200 * 1024, 9_000, Ok(100 * 200 * 1024)).await;
        check(15 * 1024, 1000, Err("body_too_slow")).await;
        check(1, 500, Err("body_too_slow")).await;
        check(1 << 20, 30_000, Err("body_too_slow")).await;
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_the_client_waits_does_not_count() {
        let mut paced = Paced::new(
            stream::repeat_with(|| Ok(Bytes::from_static(b"a"))),
            &LIMITS,
        );
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(paced.next().await.unwrap().unwrap(), "a");
        }
    }
}
