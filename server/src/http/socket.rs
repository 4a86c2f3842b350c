//! A connection's socket with limits that hyper has not: on how long a head may take that has begun, while the wait for
//! one may be longer; on how long a client may take nothing of its answer; and on a close that must not lose the answer.
//!
//! An answer that is given before the request was read (401 to a large upload) would be lost if the socket were closed
//! at once: the kernel answers unread bytes with a reset. So a close first says that nothing more comes, then reads and
//! forgets what the client still sends, for a while.

use super::places::Requests;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// For how long a client may take nothing of what is written to it.
const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// For how long a close waits for the client's own.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// A client's socket.
pub struct Socket {
    stream: TcpStream,
    requests: Arc<Requests>,
    head_timeout: Duration,
    /// Behind how many requests the present head has begun; the timer of heads runs for it.
    head: u64,
    head_timer: Pin<Box<Sleep>>,
    timer: Pin<Box<Sleep>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing waits.
    Flowing,
    /// The client takes nothing; the timer runs.
    Stalled,
    /// Nothing more is written; the timer runs.
    Closing,
}

impl Socket {
    /// Takes the socket of a connection with these requests. The head of the first one has begun.
    pub fn new(stream: TcpStream, requests: Arc<Requests>, head_timeout: Duration) -> Self {
        Self {
            stream,
            requests,
            head_timeout,
            head: 0,
            head_timer: Box::pin(tokio::time::sleep(head_timeout)),
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            state: State::Flowing,
        }
    }

    fn start_timer(&mut self, state: State, timeout: Duration) {
        if self.state != state {
            self.timer.as_mut().reset(Instant::now() + timeout);
            self.state = state;
        }
    }

    fn written<T>(&mut self, cx: &mut Context<'_>, poll: Poll<Result<T>>) -> Poll<Result<T>> {
        if poll.is_ready() {
            self.state = State::Flowing;
            return poll;
        }
        self.start_timer(State::Stalled, WRITE_STALL_TIMEOUT);
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Err(Error::from(ErrorKind::TimedOut)))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = self.get_mut();
        let already = into.filled().len();
        let poll = Pin::new(&mut this.stream).poll_read(cx, into);
        let Some(behind) = this.requests.waiting_behind() else {
            return poll;
        };
        if poll.is_pending() && this.head == behind {
            ready!(this.head_timer.as_mut().poll(cx));
            return Poll::Ready(Err(Error::from(ErrorKind::TimedOut)));
        }
        if into.filled().len() > already && this.head != behind {
            this.head = behind;
            this.head_timer
                .as_mut()
                .reset(Instant::now() + this.head_timeout);
        }
        poll
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(cx, poll)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        if this.state != State::Closing {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.start_timer(State::Closing, LINGER_TIMEOUT);
        }
        let mut forgotten = [0; 16 * 1024];
        while this.timer.as_mut().poll(cx).is_pending() {
            let mut into = ReadBuf::new(&mut forgotten);
            let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut into));
            if read.is_err() || into.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
