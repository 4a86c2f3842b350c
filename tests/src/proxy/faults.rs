//! What a proxy was told to break, and how much of it is left. It decides; it forwards nothing.

use std::time::Duration;

use tokio::time::Instant;

use super::Forwarded;

/// The pieces of a throttled chunk take so many milliseconds each, so that they come evenly.
const PIECE_MS: u64 = 20;

/// The faults of all connections together.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) refuse: bool,
    pub(super) connections: usize,
    pub(super) cuts: usize,
    pub(super) forwarded: Forwarded,
    pub(super) delay: Duration,
    cut_after_bytes: u64,
    cuts_left: usize,
    /// Whether a connection stays open where it would be cut.
    stalls: bool,
    /// Grows with each [`Faults::cut_after`]: a connection that sees a new one counts its bytes from 0 again.
    cut_order: u64,
    pattern: Vec<u8>,
    matches_left: usize,
    then: Then,
    /// 0: no limit.
    bytes_per_second: u64,
    /// From when on more may be sent, each way.
    free: [Option<Instant>; 2],
}

/// What becomes of a connection where a fault comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Then {
    /// It ends before the server is sent the pattern.
    #[default]
    CutBefore,
    /// The server is sent everything, and the connection ends where its reply would go on.
    LoseReply,
    /// The server is sent everything, and nothing more comes from it; the connection stands.
    DropReply,
    /// The whole proxy freezes before the server is sent the pattern.
    Freeze,
}

/// Which way something goes.
#[derive(Clone, Copy)]
pub(super) enum Way {
    ToServer,
    ToClient,
}

impl Faults {
    pub(super) fn cut_after(&mut self, bytes: u64, times: usize, stalls: bool) {
        self.cut_after_bytes = bytes;
        self.cuts_left = times;
        self.stalls = stalls;
        self.cut_order += 1;
    }

    pub(super) fn watch(&mut self, pattern: &[u8], times: usize, then: Then) {
        self.pattern = pattern.to_vec();
        self.matches_left = times;
        self.then = then;
    }

    pub(super) fn throttle(&mut self, bytes_per_second: u64) {
        self.bytes_per_second = bytes_per_second;
        self.free = [None; 2];
    }

    /// What a new connection counts from, for [`Self::take_cut`].
    pub(super) fn cut_order(&self) -> u64 {
        self.cut_order
    }

    /// How many of `length` bytes may go to the client of a connection that has sent `sent` since `order`, and what comes
    /// behind them; `None` where all may. Takes one of the cuts that are left.
    pub(super) fn take_cut(
        &mut self,
        length: usize,
        sent: &mut u64,
        order: &mut u64,
    ) -> Option<(usize, Then)> {
        if *order != self.cut_order {
            (*order, *sent) = (self.cut_order, 0);
        }
        let allowed = self.cut_after_bytes.saturating_sub(*sent);
        *sent += length as u64;
        if self.cuts_left == 0 || allowed >= length as u64 {
            return None;
        }
        self.cuts_left -= 1;
        self.cuts += 1;
        let then = if self.stalls {
            Then::DropReply
        } else {
            Then::LoseReply
        };
        Some((usize::try_from(allowed).unwrap_or(length), then))
    }

    /// What becomes of a request that is `seen`, where it holds the pattern. Takes one of the times that are left.
    pub(super) fn take_match(&mut self, seen: &[u8]) -> Option<Then> {
        let pattern = &self.pattern;
        let found = self.matches_left > 0
            && !pattern.is_empty()
            && seen.windows(pattern.len()).any(|part| part == pattern);
        if !found {
            return None;
        }
        self.matches_left -= 1;
        self.cuts += 1;
        Some(self.then)
    }

    /// How much of what was seen may be the beginning of a pattern, in bytes.
    pub(super) fn kept_bytes(&self) -> usize {
        self.pattern.len().saturating_sub(1)
    }

    /// How many bytes of a chunk go at once; what is left waits for its own turn.
    pub(super) fn piece_bytes(&self) -> usize {
        match self.bytes_per_second {
            0 => usize::MAX,
            rate => usize::try_from(rate * PIECE_MS / 1_000)
                .unwrap_or(usize::MAX)
                .max(1),
        }
    }

    /// Until when `length` bytes wait for their turn; none where they need not. Takes the turn.
    pub(super) fn take_turn(&mut self, way: Way, length: usize) -> Option<Instant> {
        let rate = self.bytes_per_second;
        if rate == 0 {
            return None;
        }
        let free = &mut self.free[way as usize];
        let from = free.map_or_else(Instant::now, |free| free.max(Instant::now()));
        let until = from + Duration::from_micros(length as u64 * 1_000_000 / rate);
        *free = Some(until);
        Some(until)
    }

    pub(super) fn count(&mut self, way: Way, length: usize) {
        match way {
            Way::ToServer => self.forwarded.to_server_bytes += length as u64,
            Way::ToClient => self.forwarded.to_client_bytes += length as u64,
        }
    }
}
