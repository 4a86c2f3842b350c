//! A connection that counts what its client sends, and reads no more than that.
//!
//! A message is known only when its last frame is there, and frames without an end make none: what a client costs follows
//! from its bytes alone.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection with a count of the bytes that were read of it.
pub(super) struct Heard<S> {
    connection: S,
    bytes: usize,
    most_bytes: usize,
}

impl<S> Heard<S> {
    /// Nothing is heard yet; of more than `most_bytes` the next read fails.
    pub(super) fn new(connection: S, most_bytes: usize) -> Self {
        Self {
            connection,
            bytes: 0,
            most_bytes,
        }
    }

    /// Begins to count anew.
    pub(super) fn forget(&mut self) {
        self.bytes = 0;
    }

    /// Whether more was heard than may be.
    pub(super) fn is_too_much(&self) -> bool {
        self.bytes > self.most_bytes
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = self.get_mut();
        if this.is_too_much() {
            return Poll::Ready(Err(Error::from(ErrorKind::QuotaExceeded)));
        }
        let already = into.filled().len();
        let poll = Pin::new(&mut this.connection).poll_read(cx, into);
        this.bytes += into.filled().len() - already;
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().connection).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().connection).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_shutdown(cx)
    }
}
