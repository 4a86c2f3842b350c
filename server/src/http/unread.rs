//! Whether a request's body was read to its end before its answer was given.
//!
//! The server ends a connection behind an answer whose request it has not read. A client that is not told so sends its
//! next request there, and loses it.

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Response};
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// A body that notes its end.
pub struct Noted<B> {
    body: B,
    ended: Arc<AtomicBool>,
}

/// What a body has noted.
pub struct Note(Arc<AtomicBool>);

impl<B: Body + Unpin> Noted<B> {
    /// Notes the end of `body`; where there is none, it has ended already.
    pub fn new(body: B) -> (Self, Note) {
        let ended = Arc::new(AtomicBool::new(body.is_end_stream()));
        let note = Note(ended.clone());
        (Self { body, ended }, note)
    }
}

impl Note {
    /// Says that the connection ends behind this answer, where the body was not read to its end.
    pub fn tell<B>(&self, response: &mut Response<B>) {
        if !self.0.load(Ordering::Relaxed) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Noted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let poll = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(poll, Poll::Ready(None)) || self.body.is_end_stream() {
            self.ended.store(true, Ordering::Relaxed);
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
