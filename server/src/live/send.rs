//! What becomes of a message on its way to a client: it is taken, or the client is slow, gone, or out of time.

use super::STALL_TIMEOUT;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// For how long a message that is under way may still be taken once the service shuts down.
const LAST_WORD_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a client is told nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Everything is told.
    Told,
    /// It took nothing for too long.
    Slow,
    /// It went away, or its connection broke.
    Gone,
    /// It sent what it must not.
    Misbehaved(u16),
    /// Its time is over, and it may come back.
    Expired,
    /// The service shuts down.
    Stopped,
}

/// Waits until a piece of a message is taken: `sending` says whether it could be.
pub(super) async fn taken(sending: impl Future<Output = bool>) -> Result<(), Left> {
    match timeout(STALL_TIMEOUT, sending).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Left::Gone),
        Err(_) => Err(Left::Slow),
    }
}

/// Waits until all pieces of a message are taken, for as long as there is time: until `over`, and a little longer than
/// until `stop` is cancelled.
pub(super) async fn in_time(
    pieces: impl Future<Output = Result<(), Left>>,
    over: Instant,
    stop: &CancellationToken,
) -> Result<(), Left> {
    let out_of_time = async {
        stop.cancelled().await;
        sleep(LAST_WORD_TIMEOUT).await;
    };
    tokio::select! {
        biased;
        taken = pieces => taken,
        () = out_of_time => Err(Left::Gone),
        () = sleep_until(over) => Err(Left::Expired),
    }
}
