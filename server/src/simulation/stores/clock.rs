//! The clock of the simulated stores: it stands and goes with tokio's, so that tests which pause that decide what time
//! it is. It never reads the machine's date.

use tokio::time::Instant;

/// What time it is when a clock is made, in milliseconds since 1970.
const START_MS: u64 = 1_800_000_000_000;

/// A clock that clones share.
#[derive(Clone, Debug)]
pub struct Clock {
    made: Instant,
}

impl Clock {
    /// A clock that begins to go now.
    pub fn new() -> Self {
        Self {
            made: Instant::now(),
        }
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        START_MS + u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX - START_MS)
    }
}
