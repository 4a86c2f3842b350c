//! A receiver of webhooks: it takes requests on an address of its own, keeps them, and answers as a test says.
//!
//! It reads HTTP by hand, so that it can answer as badly as a receiver may. It counts connections as well: one that nobody
//! should have made is seen even where nothing came over it. It runs on the test's own runtime, by its clock.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The most bytes of a request.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of an answer that are written at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// Between two bytes of an answer that drips.
const DRIP: Duration = Duration::from_secs(1);

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// The path and the query.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Received {
    /// A header; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&self.body)))
    }
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Answers {
    /// With a status and no body.
    Status(u16),
    /// With a redirect to there.
    Redirect(String),
    /// Not at all: the connection stays open.
    Hangs,
    /// With a head that comes byte by byte, one a second.
    DripsHead,
    /// With 200, and a body that comes byte by byte, one a second.
    DripsBody,
    /// With 200, and a body of so many bytes.
    Bytes(u64),
}

/// A receiver. Dropping it ends it and all its connections.
pub struct Receiver {
    address: SocketAddr,
    kept: Arc<Kept>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Kept {
    received: Mutex<Vec<Received>>,
    connections: AtomicU64,
    written_bytes: AtomicU64,
}

impl Receiver {
    /// Receives on a free port of 127.0.0.1. `answer` is told the number of the request, from 1, and the request.
    pub async fn start(
        answer: impl Fn(usize, &Received) -> Answers + Send + Sync + 'static,
    ) -> Self {
        Self::at("127.0.0.1:0", answer).await
    }

    /// The same, on this address.
    ///
    /// # Panics
    /// Where it cannot be had.
    pub async fn at(
        address: &str,
        answer: impl Fn(usize, &Received) -> Answers + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await;
        let listener = listener.unwrap_or_else(|error| panic!("{address}: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        let kept = Arc::new(Kept::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, kept.clone(), Arc::new(answer)));
        Self {
            address,
            kept,
            _tasks: tasks,
        }
    }

    /// A URL of it; `path` begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        let received = self.kept.received.lock();
        received.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> u64 {
        self.kept.connections.load(Ordering::Relaxed)
    }

    /// Bytes of bodies that it could write.
    pub fn written_bytes(&self) -> u64 {
        self.kept.written_bytes.load(Ordering::Relaxed)
    }
}

type Answer = Arc<dyn Fn(usize, &Received) -> Answers + Send + Sync>;

async fn accept(listener: TcpListener, kept: Arc<Kept>, answer: Answer) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        kept.connections.fetch_add(1, Ordering::Relaxed);
        let (kept, answer) = (kept.clone(), answer.clone());
        connections.spawn(async move {
            // Whoever goes away has its reasons.
            let _ = serve(socket, &kept, &*answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(
    mut socket: TcpStream,
    kept: &Kept,
    answer: &(dyn Fn(usize, &Received) -> Answers + Send + Sync),
) -> std::io::Result<()> {
    let Some(received) = read(&mut socket).await? else {
        return Ok(());
    };
    let number = {
        let all = kept.received.lock();
        let mut all = all.unwrap_or_else(PoisonError::into_inner);
        all.push(received.clone());
        all.len()
    };
    match answer(number, &received) {
        Answers::Status(status) => {
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            socket.write_all(head.as_bytes()).await?;
        }
        Answers::Redirect(to) => {
            let head = format!("HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
            socket.write_all(head.as_bytes()).await?;
        }
        Answers::Hangs => {
            // Until the other side has enough.
            let mut one = [0; 1];
            let _ = socket.read(&mut one).await?;
        }
        Answers::DripsHead => {
            drip(&mut socket, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?
        }
        Answers::DripsBody => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
            socket.write_all(head).await?;
            drip(&mut socket, &[b'x'; 1_000]).await?;
        }
        Answers::Bytes(bytes) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
            socket.write_all(head.as_bytes()).await?;
            let chunk = [b'x'; CHUNK_BYTES];
            let mut left = bytes;
            while left > 0 {
                let next = left.min(CHUNK_BYTES as u64);
                socket.write_all(&chunk[..next as usize]).await?;
                kept.written_bytes.fetch_add(next, Ordering::Relaxed);
                left -= next;
            }
        }
    }
    Ok(())
}

async fn drip(socket: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        tokio::time::sleep(DRIP).await;
        socket.write_all(&[*byte]).await?;
    }
    Ok(())
}

/// A request with its body; none where the connection ended before.
async fn read(socket: &mut TcpStream) -> std::io::Result<Option<Received>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(received) = parsed(&bytes) {
            return Ok(Some(received));
        }
        if bytes.len() > MAX_REQUEST_BYTES || socket.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

fn parsed(bytes: &[u8]) -> Option<Received> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    let headers: Vec<_> = headers.collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    Some(Received {
        path,
        headers,
        body,
    })
}
