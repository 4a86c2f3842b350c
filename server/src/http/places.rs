//! Places of connections: which of them wait for a request, and which are at work.
//!
//! A connection is at work from the head of a request until the answer is sent or given up. Nothing here knows sockets.

use hyper::body::{Body, Frame, SizeHint};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio_util::sync::CancellationToken;

/// The requests of a connection, counted.
#[derive(Debug, Default)]
pub struct Requests {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Requests {
    /// How many have come so far, while none is under way; `None` while one is.
    pub fn waiting_behind(&self) -> Option<u64> {
        let begun = self.begun.load(Ordering::Acquire);
        (begun == self.ended.load(Ordering::Acquire)).then_some(begun)
    }
}

/// The connections that wait for a request, by how long they do.
#[derive(Default)]
pub struct Places(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    next: u64,
    by_turn: BTreeMap<u64, CancellationToken>,
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection that has waited longest; `false`: none waits.
    pub fn end_longest_waiting(&self) -> bool {
        let longest = self.lock().by_turn.pop_first();
        longest.inspect(|(_, ended)| ended.cancel()).is_some()
    }
}

/// A connection's place among those that wait.
pub struct Place {
    places: Arc<Places>,
    ended: CancellationToken,
    requests: Arc<Requests>,
    /// Requests under way, and the turn while there are none.
    now: Mutex<(usize, Option<u64>)>,
}

impl Place {
    /// A connection that waits for its first request. `ended` is cancelled when its place is wanted for another.
    pub fn new(places: Arc<Places>, ended: CancellationToken) -> Self {
        let place = Self {
            places,
            ended,
            requests: Arc::default(),
            now: Mutex::new((0, None)),
        };
        place.count(|requests| requests);
        place
    }

    /// Its requests.
    pub fn requests(&self) -> Arc<Requests> {
        self.requests.clone()
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.0 = change(now.0);
        let mut waiting = self.places.lock();
        match *now {
            (0, None) => {
                let turn = waiting.next;
                waiting.next += 1;
                waiting.by_turn.insert(turn, self.ended.clone());
                now.1 = Some(turn);
            }
            (1.., Some(turn)) => {
                waiting.by_turn.remove(&turn);
                now.1 = None;
            }
            _ => {}
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // As if a request had come: it waits no more.
        self.count(|requests| requests + 1);
    }
}

/// A request under way.
pub struct Busy(Arc<Place>);

impl Busy {
    /// A request that has come.
    pub fn new(place: Arc<Place>) -> Self {
        place.requests.begun.fetch_add(1, Ordering::AcqRel);
        place.count(|requests| requests + 1);
        Self(place)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.count(|requests| requests.saturating_sub(1));
        self.0.requests.ended.fetch_add(1, Ordering::AcqRel);
    }
}

/// A body whose request is under way until it is sent or given up.
pub struct Counted<B> {
    body: B,
    _busy: Busy,
}

impl<B> Counted<B> {
    /// The body of the answer to a request.
    pub fn new(body: B, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl<B: Body + Unpin> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
