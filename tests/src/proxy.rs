//! A TCP proxy on 127.0.0.1 that breaks connections where it is told to.
//!
//! It knows no protocol: it counts bytes and looks for patterns. What is forwarded is forwarded unchanged.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::background::Background;

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
}

#[derive(Default)]
struct Faults {
    refuse: bool,
    connections: usize,
    cuts: usize,
    cut_after_bytes: u64,
    cuts_left: usize,
    /// Grows with each [`Cutter::cut_after`]: a connection that sees a new one counts its bytes from 0 again.
    cut_order: u64,
    lose_reply_to: Vec<u8>,
    losses_left: usize,
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

    /// The connections that [`Cutter::cut_after`] and [`Cutter::lose_reply_to`] have cut so far.
    pub fn cuts(&self) -> usize {
        self.shared.faults().cuts
    }

    /// Cuts a connection when `bytes` bytes from now, or from its own start, have gone to the client, exactly these; the
    /// first `times` that come so far.
    pub fn cut_after(&self, bytes: u64, times: usize) {
        let mut faults = self.shared.faults();
        faults.cut_after_bytes = bytes;
        faults.cuts_left = times;
        faults.cut_order += 1;
    }

    /// Forwards what the client sends and holds `pattern`, swallows the server's reply to it and cuts the connection: done,
    /// reply lost. The first `times` that come.
    pub fn lose_reply_to(&self, pattern: &[u8], times: usize) {
        let mut faults = self.shared.faults();
        faults.lose_reply_to = pattern.to_vec();
        faults.losses_left = times;
    }

    /// Cuts every connection that stands.
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

impl Faults {
    /// How many of `length` bytes may go to the client of a connection that has sent `sent` since `order`, or `None` where
    /// all may. Takes one of the cuts that are left.
    fn take_cut(&mut self, length: usize, sent: &mut u64, order: &mut u64) -> Option<usize> {
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
        usize::try_from(allowed).ok()
    }

    fn take_loss(&mut self, seen: &[u8]) -> bool {
        let pattern = &self.lose_reply_to;
        let found = self.losses_left > 0
            && !pattern.is_empty()
            && seen.windows(pattern.len()).any(|part| part == pattern);
        if found {
            self.losses_left -= 1;
            self.cuts += 1;
        }
        found
    }
}

async fn connection(client: TcpStream, shared: Arc<Shared>) {
    let refused = {
        let mut faults = shared.faults();
        faults.connections += 1;
        faults.refuse
    };
    let mut cut_all = shared.cut_all.subscribe();
    if refused {
        return;
    }
    let Ok(server) = TcpStream::connect(shared.target).await else {
        return;
    };
    // Small messages must not wait for each other.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // True as long as the server's next reply is to be swallowed.
    let lose = watch::Sender::new(false);
    let replies_lose = lose.subscribe();
    let up = async {
        let _ = requests(from_client, to_server, &shared, &lose).await;
        // The client may end its half and still wait for the reply.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = up => {}
        _ = replies(from_server, to_client, &shared, &replies_lose) => {}
        _ = cut_all.changed() => {}
    }
}

async fn requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    shared: &Shared,
    lose: &watch::Sender<bool>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    // The end of what was seen before: a pattern may lie across two reads.
    let mut seen = VecDeque::new();
    loop {
        let length = client.read(&mut buffer).await?;
        if length == 0 {
            return server.shutdown().await;
        }
        seen.extend(&buffer[..length]);
        {
            let mut faults = shared.faults();
            if faults.take_loss(seen.make_contiguous()) {
                // Before the request goes on, so that its reply cannot come first.
                lose.send_replace(true);
                seen.clear();
            }
            let kept = faults.lose_reply_to.len().saturating_sub(1);
            seen.drain(..seen.len().saturating_sub(kept));
        }
        server.write_all(&buffer[..length]).await?;
    }
}

async fn replies(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    shared: &Shared,
    lose: &watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let (mut sent, mut order) = (0, shared.faults().cut_order);
    loop {
        let length = server.read(&mut buffer).await?;
        if length == 0 || *lose.borrow() {
            return client.shutdown().await;
        }
        let cut = shared.faults().take_cut(length, &mut sent, &mut order);
        client.write_all(&buffer[..cut.unwrap_or(length)]).await?;
        if cut.is_some() {
            return client.shutdown().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A server that answers each line with the line, and the proxy before it.
    async fn echo() -> (Cutter, Arc<Mutex<Vec<u8>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = received.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let log = log.clone();
                tokio::spawn(async move {
                    let mut buffer = [0; 1024];
                    while let Ok(length @ 1..) = socket.read(&mut buffer).await {
                        log.lock().unwrap().extend(&buffer[..length]);
                        socket.write_all(&buffer[..length]).await.unwrap();
                    }
                });
            }
        });
        (Cutter::start(port).await, received)
    }

    async fn connect(proxy: &Cutter) -> TcpStream {
        TcpStream::connect(("127.0.0.1", proxy.port()))
            .await
            .unwrap()
    }

    /// Sends, and returns what comes back until as much came or the connection ended.
    async fn exchange(socket: &mut TcpStream, text: &str) -> String {
        let _ = socket.write_all(text.as_bytes()).await;
        let mut reply = Vec::new();
        let _ = socket.take(text.len() as u64).read_to_end(&mut reply).await;
        String::from_utf8(reply).unwrap()
    }

    #[tokio::test]
    async fn passes_both_ways_and_counts() {
        let (proxy, _) = echo().await;
        for round in 1..=3 {
            assert_eq!(exchange(&mut connect(&proxy).await, "hello").await, "hello");
            assert_eq!(proxy.connections(), round);
        }
        assert_eq!(proxy.cuts(), 0);
    }

    #[tokio::test]
    async fn cuts_after_exactly_so_many_bytes_so_many_times() {
        let (proxy, _) = echo().await;
        let mut first = connect(&proxy).await;
        assert_eq!(exchange(&mut first, "before").await, "before");
        proxy.cut_after(8, 2);
        assert_eq!(exchange(&mut first, "01234").await, "01234");
        assert_eq!(exchange(&mut first, "56789").await, "567");
        assert_eq!(
            exchange(&mut connect(&proxy).await, "0123456789").await,
            "01234567"
        );
        assert_eq!(
            exchange(&mut connect(&proxy).await, "0123456789").await,
            "0123456789"
        );
        assert_eq!(proxy.cuts(), 2);
        proxy.cut_after(0, 1);
        assert_eq!(exchange(&mut connect(&proxy).await, "0").await, "");
    }

    #[tokio::test]
    async fn a_lost_reply_was_to_a_request_that_arrived() {
        let (proxy, received) = echo().await;
        proxy.lose_reply_to(b"insert", 1);
        let mut socket = connect(&proxy).await;
        assert_eq!(exchange(&mut socket, "hello ins").await, "hello ins");
        assert_eq!(exchange(&mut socket, "ert").await, "");
        assert_eq!(received.lock().unwrap().as_slice(), b"hello insert");
        assert_eq!(
            exchange(&mut connect(&proxy).await, "insert").await,
            "insert"
        );
        assert_eq!(proxy.cuts(), 1);
    }

    #[tokio::test]
    async fn refuses_and_cuts_what_stands() {
        let (proxy, _) = echo().await;
        let mut standing = connect(&proxy).await;
        assert_eq!(exchange(&mut standing, "a").await, "a");
        proxy.refuse(true);
        assert_eq!(exchange(&mut connect(&proxy).await, "a").await, "");
        assert_eq!(exchange(&mut standing, "a").await, "a");
        proxy.cut_all();
        let mut rest = Vec::new();
        let ended =
            tokio::time::timeout(Duration::from_secs(10), standing.read_to_end(&mut rest)).await;
        assert!(ended.is_ok() && rest.is_empty());
        proxy.refuse(false);
        assert_eq!(exchange(&mut connect(&proxy).await, "a").await, "a");
    }

    #[tokio::test]
    async fn a_client_may_end_its_half_first() {
        let (proxy, _) = echo().await;
        let mut socket = connect(&proxy).await;
        socket.write_all(b"last words").await.unwrap();
        socket.shutdown().await.unwrap();
        let mut reply = String::new();
        socket.read_to_string(&mut reply).await.unwrap();
        assert_eq!(reply, "last words");
    }
}
