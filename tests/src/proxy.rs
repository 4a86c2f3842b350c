//! A TCP proxy on 127.0.0.1 that breaks connections where it is told to.
//!
//! It knows no protocol: it counts bytes and looks for patterns. What is forwarded is forwarded unchanged and in order.
//!
//! | told | a client sees | the server has |
//! |---|---|---|
//! | [`Cutter::cut_after`] | an answer that ends in the middle | done it |
//! | [`Cutter::stall_after`] | an answer that stops in the middle | done it |
//! | [`Cutter::cut_before`] | a connection that ends | not got the request |
//! | [`Cutter::lose_reply_to`] | a connection that ends | done it |
//! | [`Cutter::drop_reply_to`] | nothing, for as long as it waits | done it |
//! | [`Cutter::freeze`], [`Cutter::freeze_at`] | nothing, for as long as it waits | nothing more, until [`Cutter::thaw`] |
//! | [`Cutter::cut_all`], [`Cutter::refuse`] | a connection that ends | whatever went before |
//! | [`Cutter::delay`], [`Cutter::throttle`] | everything, later | everything, later |

mod connection;
mod faults;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::background::Background;
use connection::connection;
use faults::Faults;

/// A proxy before one server. Dropping it closes all its connections.
///
/// Faults are told at run time and hold for connections that stand as well as for new ones.
pub struct Cutter {
    port: u16,
    shared: Arc<Shared>,
    _background: Background,
}

struct Shared {
    target: SocketAddr,
    faults: Mutex<Faults>,
    /// Changed whenever every connection that stands is to be cut.
    cut_all: watch::Sender<()>,
    /// True as long as nothing is forwarded.
    frozen: watch::Sender<bool>,
}

/// Bytes that a proxy has forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// What clients were sent.
    pub to_client_bytes: u64,
    /// What the server was sent.
    pub to_server_bytes: u64,
}

impl Cutter {
    /// Starts a proxy before `port` of 127.0.0.1 that breaks nothing yet.
    ///
    /// # Panics
    /// Where there is no port for it.
    pub async fn start(port: u16) -> Cutter {
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        let shared = Arc::new(Shared {
            target,
            faults: Mutex::default(),
            cut_all: watch::Sender::new(()),
            frozen: watch::Sender::new(false),
        });
        let background = Background::new();
        let (port_sender, port_receiver) = tokio::sync::oneshot::channel();
        let accepted = shared.clone();
        background.handle().spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await;
            let listener =
                listener.unwrap_or_else(|error| panic!("no port for the proxy: {error}"));
            let _ = port_sender.send(listener.local_addr().map_or(0, |address| address.port()));
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    continue;
                };
                tokio::spawn(connection(client, accepted.clone()));
            }
        });
        let port = port_receiver
            .await
            .unwrap_or_else(|_| panic!("the proxy does not start"));
        Cutter {
            port,
            shared,
            _background: background,
        }
    }

    /// The proxy's own port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The connections that were accepted so far, refused ones with them.
    pub fn connections(&self) -> usize {
        self.shared.faults().connections
    }

    /// The faults by a number of bytes and by a pattern that have come so far.
    pub fn cuts(&self) -> usize {
        self.shared.faults().cuts
    }

    /// The bytes that went through so far, over all connections.
    pub fn forwarded(&self) -> Forwarded {
        self.shared.faults().forwarded
    }

    /// Cuts a connection when `bytes` bytes from now, or from its own start, have gone to the client, exactly these; the
    /// first `times` that come so far.
    pub fn cut_after(&self, bytes: u64, times: usize) {
        self.shared.faults().cut_after(bytes, times, false);
    }

    /// The same, but the connection stays open, and nothing more comes: half-open. Takes [`Cutter::cut_after`] back, as that
    /// takes this back.
    pub fn stall_after(&self, bytes: u64, times: usize) {
        self.shared.faults().cut_after(bytes, times, true);
    }

    /// Cuts a connection when the client sends `pattern`, before the server is sent it: not done. The first `times` that
    /// come. There is one pattern at a time, for this and the others: another one takes it back.
    pub fn cut_before(&self, pattern: &[u8], times: usize) {
        self.shared
            .faults()
            .watch(pattern, times, faults::Then::CutBefore);
    }

    /// Forwards what the client sends and holds `pattern`, swallows the server's reply to it and cuts the connection: done,
    /// reply lost. The first `times` that come.
    pub fn lose_reply_to(&self, pattern: &[u8], times: usize) {
        self.shared
            .faults()
            .watch(pattern, times, faults::Then::LoseReply);
    }

    /// Forwards what the client sends and holds `pattern`, and swallows whatever the server sends from then on over this
    /// connection, which stays open: done, and the client waits. The first `times` that come.
    pub fn drop_reply_to(&self, pattern: &[u8], times: usize) {
        self.shared
            .faults()
            .watch(pattern, times, faults::Then::DropReply);
    }

    /// Holds everything that is sent back by `delay`, each way, a chunk of at most 64 KiB at a time. Zero takes it back.
    pub fn delay(&self, delay: Duration) {
        self.shared.faults().delay = delay;
    }

    /// Forwards at most so many bytes per second each way, all connections together. 0 takes it back.
    pub fn throttle(&self, bytes_per_second: u64) {
        self.shared.faults().throttle(bytes_per_second);
    }

    /// Forwards nothing any more, over connections that stand and new ones, which are accepted all the same: half-open, as
    /// where a network drops packets. An end that one side makes is not told to the other either.
    pub fn freeze(&self) {
        self.shared.frozen.send_replace(true);
    }

    /// Freezes as soon as a client sends `pattern`, before the server is sent it. One pattern at a time, as for
    /// [`Cutter::cut_before`].
    pub fn freeze_at(&self, pattern: &[u8]) {
        self.shared.faults().watch(pattern, 1, faults::Then::Freeze);
    }

    /// Goes on with what was held by [`Cutter::freeze`], also where whoever sent it has long gone.
    pub fn thaw(&self) {
        self.shared.frozen.send_replace(false);
    }

    /// Cuts every connection that stands. What is held by [`Cutter::freeze`] goes with them.
    pub fn cut_all(&self) {
        self.shared.cut_all.send_replace(());
    }

    /// Closes every new connection at once, until it is told otherwise.
    pub fn refuse(&self, refuse: bool) {
        self.shared.faults().refuse = refuse;
    }
}

impl Shared {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
