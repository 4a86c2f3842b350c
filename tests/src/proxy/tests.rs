//! The proxy before a server that answers each line with the line.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// For whatever a test waits for.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long nothing comes where nothing may come.
const SILENCE: Duration = Duration::from_millis(50);

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
    let both = Forwarded {
        to_client_bytes: 15,
        to_server_bytes: 15,
    };
    assert_eq!(proxy.forwarded(), both);
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
    let ended = tokio::time::timeout(DEADLINE, standing.read_to_end(&mut rest)).await;
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

#[tokio::test]
async fn a_request_that_is_cut_before_does_not_arrive() {
    let (proxy, received) = echo().await;
    proxy.cut_before(b"insert", 1);
    let mut socket = connect(&proxy).await;
    assert_eq!(exchange(&mut socket, "hello ins").await, "hello ins");
    assert_eq!(exchange(&mut socket, "ert").await, "");
    assert_eq!(received.lock().unwrap().as_slice(), b"hello ins");
    assert_eq!(
        exchange(&mut connect(&proxy).await, "insert").await,
        "insert"
    );
    assert_eq!(proxy.cuts(), 1);
}

/// Asserts that nothing comes, and that the connection stands.
async fn silent(socket: &mut TcpStream) {
    let came = tokio::time::timeout(SILENCE, socket.read_u8()).await;
    assert!(came.is_err(), "{came:?}");
}

async fn arrived(received: &Mutex<Vec<u8>>, expected: &[u8]) {
    crate::eventually("it arrives", DEADLINE, async || {
        received.lock().unwrap().as_slice() == expected
    })
    .await;
}

#[tokio::test]
async fn a_dropped_reply_leaves_its_client_waiting() {
    let (proxy, received) = echo().await;
    let mut socket = connect(&proxy).await;
    assert_eq!(exchange(&mut socket, "a").await, "a");
    proxy.drop_reply_to(b"insert", 1);
    socket.write_all(b"insert").await.unwrap();
    arrived(&received, b"ainsert").await;
    silent(&mut socket).await;
    // Nor is anything answered that comes behind it.
    socket.write_all(b"b").await.unwrap();
    arrived(&received, b"ainsertb").await;
    silent(&mut socket).await;
    assert_eq!(
        exchange(&mut connect(&proxy).await, "insert").await,
        "insert"
    );
    assert_eq!(proxy.cuts(), 1);
}

#[tokio::test]
async fn an_answer_that_stalls_leaves_its_client_waiting() {
    let (proxy, received) = echo().await;
    proxy.stall_after(3, 1);
    let mut socket = connect(&proxy).await;
    socket.write_all(b"01234").await.unwrap();
    let mut came = [0; 3];
    socket.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"012");
    silent(&mut socket).await;
    socket.write_all(b"56789").await.unwrap();
    arrived(&received, b"0123456789").await;
    silent(&mut socket).await;
    assert_eq!(exchange(&mut connect(&proxy).await, "01234").await, "01234");
    assert_eq!(proxy.cuts(), 1);
    drop(socket);
}

#[tokio::test]
async fn what_is_frozen_goes_on_when_it_is_thawed() {
    let (proxy, received) = echo().await;
    let mut standing = connect(&proxy).await;
    assert_eq!(exchange(&mut standing, "a").await, "a");
    proxy.freeze();
    let mut new = connect(&proxy).await;
    let mut gone = connect(&proxy).await;
    for (socket, text) in [(&mut standing, "b"), (&mut new, "b"), (&mut gone, "b")] {
        socket.write_all(text.as_bytes()).await.unwrap();
        silent(socket).await;
    }
    drop(gone);
    assert_eq!(received.lock().unwrap().as_slice(), b"a");
    proxy.thaw();
    // Also what was sent by somebody who did not wait for it.
    arrived(&received, b"abbb").await;
    for socket in [&mut standing, &mut new] {
        let came = tokio::time::timeout(DEADLINE, socket.read_u8()).await;
        assert_eq!(came.unwrap().unwrap(), b'b');
        assert_eq!(exchange(socket, "c").await, "c");
    }
    // What is cut while it is frozen is gone.
    proxy.freeze();
    standing.write_all(b"d").await.unwrap();
    silent(&mut standing).await;
    proxy.cut_all();
    let ended = tokio::time::timeout(DEADLINE, standing.read_u8()).await;
    assert!(ended.unwrap().is_err());
    proxy.thaw();
    assert_eq!(exchange(&mut connect(&proxy).await, "e").await, "e");
    assert_eq!(received.lock().unwrap().as_slice(), b"abbbcce");
}

#[tokio::test]
async fn what_freezes_the_proxy_goes_on_when_it_is_thawed() {
    let (proxy, received) = echo().await;
    let (mut first, mut other) = (connect(&proxy).await, connect(&proxy).await);
    proxy.freeze_at(b"insert");
    assert_eq!(exchange(&mut first, "ins").await, "ins");
    assert_eq!(exchange(&mut other, "a").await, "a");
    first.write_all(b"ert").await.unwrap();
    silent(&mut first).await;
    other.write_all(b"b").await.unwrap();
    silent(&mut other).await;
    assert_eq!(received.lock().unwrap().as_slice(), b"insa");
    assert_eq!(proxy.cuts(), 1);
    proxy.thaw();
    for (socket, text) in [(&mut first, "ert"), (&mut other, "b")] {
        let mut came = vec![0; text.len()];
        let read = tokio::time::timeout(DEADLINE, socket.read_exact(&mut came)).await;
        assert!(read.unwrap().is_ok() && came == text.as_bytes());
    }
    assert_eq!(exchange(&mut first, "insert").await, "insert");
}

#[tokio::test]
async fn what_is_delayed_or_throttled_comes_late_and_whole() {
    let (proxy, _) = echo().await;
    let mut standing = connect(&proxy).await;
    let text = "0123456789".repeat(100);
    // 1,000 bytes each way at 10,000 per second, one way behind the other; and 100 ms each way.
    for (delay_ms, bytes_per_second) in [(0, 10_000), (100, 0)] {
        proxy.delay(Duration::from_millis(delay_ms));
        proxy.throttle(bytes_per_second);
        let new = &mut connect(&proxy).await;
        for socket in [&mut standing, new] {
            let from = Instant::now();
            assert_eq!(exchange(socket, &text).await, text);
            // Never earlier; how much later is the machine's to say.
            assert!(from.elapsed() >= Duration::from_millis(100));
        }
    }
    proxy.delay(Duration::ZERO);
    assert_eq!(exchange(&mut standing, &text).await, text);
}
