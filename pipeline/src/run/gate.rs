//! The gate before the sink: so many batches are written at once, or as many as the controller says.
//!
//! Batches pass in the order in which they come to it. Where runs write in turns, the time until a turn is not the
//! target's: the controller hears of a batch once it is being written.

use super::{SharedWrites, lock};
use crate::adaptive::{Begun, Controller};
use crate::{Batch, Fatal, Sink, Written};
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The gate of one run.
pub(super) struct Gate {
    started: Instant,
    room: Semaphore,
    shared: Option<Arc<SharedWrites>>,
    state: Mutex<State>,
}

struct State {
    controller: Option<Controller>,
    /// Permits that are to be taken away when they come back.
    owed: usize,
}

impl Gate {
    /// Room for `most` batches, at least 1, or for fewer while the target is slow, where it is adaptive; `shared` is what
    /// other runs share with this one.
    pub(super) fn new(most: usize, adaptive: bool, shared: Option<Arc<SharedWrites>>) -> Self {
        let most = most.max(1);
        let together = shared.as_ref().map_or(most, |shared| shared.most());
        let controller = (adaptive && most > 1).then(|| Controller::new(most, together));
        Self {
            started: Instant::now(),
            room: Semaphore::new(most),
            shared,
            state: Mutex::new(State {
                controller,
                owed: 0,
            }),
        }
    }

    /// Writes a batch once there is room for it.
    ///
    /// # Errors
    /// Those of the sink, which end the run: the controller is told of what was written only.
    pub(super) async fn write(&self, batch: &Batch, sink: &dyn Sink) -> Result<Written, Fatal> {
        let permit = self.room.acquire().await;
        let permit = permit.map_err(|_| Fatal::new("internal", "nothing more is to be written"))?;
        let turn = match &self.shared {
            Some(shared) => Some(shared.turn().await?),
            None => None,
        };
        let together = self.shared.as_ref().map_or(0, |shared| shared.under_way());
        let begin =
            |controller: &mut Controller| controller.begin(self.started.elapsed(), together);
        let begun = lock(&self.state).controller.as_mut().map(begin);
        let written = sink.write(batch).await?;
        drop(turn);
        if let Some(begun) = begun {
            let bytes = (!batch.is_empty()).then(|| batch.bytes_len());
            self.leave(permit, begun, bytes);
        }
        Ok(written)
    }

    fn leave(&self, permit: SemaphorePermit<'_>, begun: Begun, bytes: Option<usize>) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        let Some(controller) = &mut state.controller else {
            return;
        };
        let before = controller.limit();
        controller.end(begun, bytes, self.started.elapsed());
        let after = controller.limit();
        if after > before {
            let returned = state.owed.min(after - before);
            state.owed -= returned;
            self.room.add_permits(after - before - returned);
        } else {
            state.owed += before - after;
            state.owed -= self.room.forget_permits(state.owed);
        }
        if after != before {
            tracing::debug!(before, after, "batches that may be written at once");
        }
        if state.owed > 0 {
            state.owed -= 1;
            permit.forget();
        }
    }
}
