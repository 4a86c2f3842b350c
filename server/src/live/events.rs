//! Watching by Server-Sent Events: a stream of text that a connection takes at its own pace.
//!
//! It begins with `retry:`, so that a client whose connection broke waits a little; each message is an event with `id`,
//! `event` and `data`; while there is nothing to tell, a comment shows that it lives. A message goes out in pieces of
//! [`MAX_PIECE_BYTES`], of which one waits for the connection at a time; the client has its place until the connection has
//! the last one. It ends after [`MAX_WATCH`] at the latest, and clients of events come back by themselves.

use super::send::{Left, in_time, taken};
use super::{MAX_WATCH, Watcher, send};
use bytes::Bytes;
use futures::Stream;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// After how long without an event a comment is sent.
pub const COMMENT_INTERVAL: Duration = Duration::from_secs(15);
/// The most bytes that wait for the connection.
pub const MAX_PIECE_BYTES: usize = 16 * 1024;
/// How long a client whose connection broke should wait, in milliseconds.
const RETRY_MS: u32 = 2_000;

/// The events of a watcher, until it has told everything or `stop` is cancelled.
pub fn stream(
    watcher: Watcher,
    stop: CancellationToken,
) -> impl Stream<Item = Bytes> + Send + 'static {
    // One: a connection that takes nothing is seen by the second message.
    let (sender, receiver) = mpsc::channel(1);
    // What is told may wait for the connection behind its end, and counts until then.
    let seat = watcher.seat();
    tokio::spawn(tell(watcher, stop, sender).in_current_span());
    futures::stream::unfold((receiver, seat), |(mut receiver, seat)| async move {
        let piece = receiver.recv().await?;
        Some((piece, (receiver, seat)))
    })
}

async fn tell(mut watcher: Watcher, stop: CancellationToken, into: mpsc::Sender<Bytes>) {
    let left = told(&mut watcher, &stop, &into).await;
    if left == send::Left::Slow {
        watcher.was_slow();
    }
    tracing::debug!(?left, "a client watches no more");
}

async fn told(watcher: &mut Watcher, stop: &CancellationToken, into: &mpsc::Sender<Bytes>) -> Left {
    let over = Instant::now() + MAX_WATCH;
    let mut chunk = Bytes::from(format!("retry: {RETRY_MS}\n\n"));
    loop {
        let sending = async {
            while !chunk.is_empty() {
                let piece = chunk.split_to(chunk.len().min(MAX_PIECE_BYTES));
                taken(async { into.send(piece).await.is_ok() }).await?;
            }
            Ok(())
        };
        if let Err(left) = in_time(sending, over, stop).await {
            return left;
        }
        let quiet = Instant::now() + COMMENT_INTERVAL;
        chunk = tokio::select! {
            biased;
            () = stop.cancelled() => return Left::Stopped,
            () = into.closed() => return Left::Gone,
            () = sleep_until(over) => return Left::Expired,
            text = watcher.next() => match text {
                Some(text) => text.framed,
                None => return Left::Told,
            },
            () = sleep_until(quiet) => Bytes::from_static(b": \n\n"),
        };
    }
}
