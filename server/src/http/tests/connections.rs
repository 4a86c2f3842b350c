//! Connections that are slow, idle, too many, gone, or there when the server ends.

use super::*;
use crate::http::answer;
use crate::http::problem::Problem;
use crate::http::request::Call;
use crate::http::route::{Operation, routes};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Connections that send nothing.
const SLOW: usize = 500;

/// Routes that misbehave, which the service has none of.
mod odd {
    use super::*;

    pub const PANIC: Operation = Operation::new(|_| Box::pin(async { panic!("on purpose") }));
    pub const FAULT: Operation = Operation::new(|_| {
        Box::pin(async { Err(pipeline::Fatal::new("table_jobs", "a secret").into()) })
    });
    pub const OUTAGE: Operation = Operation::new(|_| {
        Box::pin(async { Err(pipeline::Fatal::outage("gone", "not there for now").into()) })
    });
    pub const CHANGE: Operation = Operation::new(|call| Box::pin(change(call)));
    pub const WAIT: Operation = Operation::new(|call| Box::pin(wait(call))).long();
    pub static CHANGED: AtomicUsize = AtomicUsize::new(0);
    pub static BEGUN: Notify = Notify::const_new();
    pub static WAITING: Notify = Notify::const_new();
    pub static GO: Notify = Notify::const_new();

    async fn change(_: Call) -> Result<answer::Response, Problem> {
        BEGUN.notify_one();
        GO.notified().await;
        CHANGED.fetch_add(1, Ordering::SeqCst);
        Ok(answer::no_content())
    }

    async fn wait(call: Call) -> Result<answer::Response, Problem> {
        WAITING.notify_one();
        call.stop.cancelled().await;
        Ok(answer::no_content())
    }
}

const ODD: &[Route] = routes! {
    GET  "/panic"  Open odd::PANIC  "";
    GET  "/fault"  Open odd::FAULT  "";
    GET  "/outage" Open odd::OUTAGE "";
    POST "/change" Open odd::CHANGE "";
    GET  "/wait"   Open odd::WAIT   "";
};

#[tokio::test]
async fn a_fault_is_told_as_no_more_than_a_fault() {
    let server = Server::with(ODD, &[], Limits::default()).await;
    for path in ["/panic", "/fault"] {
        let answer = server.api.get(path).await;
        assert!(!answer.text().contains("secret") && !answer.text().contains("on purpose"));
        answer.refused(500, "internal");
    }
    let outage = server.api.get("/outage").await;
    assert_eq!(outage.header("retry-after"), "5");
    outage.refused(503, "gone");
    let metrics = server.service.metrics.text();
    let counted = "sluicegate_requests_total{route=\"/panic\",method=\"GET\",status=\"500\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn what_was_begun_goes_on_without_its_client() {
    let server = Server::with(ODD, &[], Limits::default()).await;
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    socket
        .write_all(b"POST /change HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    odd::BEGUN.notified().await;
    drop(socket);
    odd::GO.notify_one();
    let changed = async || odd::CHANGED.load(Ordering::SeqCst) == 1;
    testbed::eventually("the change is made", DEADLINE, changed).await;
}

#[tokio::test]
async fn slow_heads_do_not_stop_others_and_are_closed() {
    let limits = Limits {
        head_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let server = Server::with(ROUTES, ALIASES, limits).await;
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        socket
            .write_all(b"GET /livez HTTP/1.1\r\nx: ")
            .await
            .unwrap();
        slow.push(socket);
    }
    server.api.get("/livez").await.is(200);
    for mut socket in slow {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(DEADLINE, socket.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "a slow connection is closed");
    }
    server.api.get("/livez").await.is(200);
}

/// Reads one answer without a body.
async fn answered(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = async {
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(socket.read_u8().await.unwrap());
        }
    };
    let came = tokio::time::timeout(DEADLINE, read).await.is_ok();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(came, "no answer: {answer}");
    answer
}

#[tokio::test]
async fn a_kept_connection_may_wait_longer_than_a_head_may_take() {
    let limits = Limits {
        head_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let server = Server::with(ROUTES, ALIASES, limits).await;
    let request = b"HEAD /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut kept = TcpStream::connect(&server.address).await.unwrap();
    kept.write_all(request).await.unwrap();
    assert!(answered(&mut kept).await.starts_with("HTTP/1.1 200"));
    // One that came later and never ends its head is closed before.
    let mut slow = TcpStream::connect(&server.address).await.unwrap();
    slow.write_all(&request[..9]).await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(DEADLINE, slow.read_to_end(&mut rest)).await;
    assert!(closed.is_ok());
    kept.write_all(request).await.unwrap();
    assert!(answered(&mut kept).await.starts_with("HTTP/1.1 200"));
    // A second head that begins and does not end is closed as well.
    kept.write_all(&request[..9]).await.unwrap();
    let closed = tokio::time::timeout(DEADLINE, kept.read_to_end(&mut rest)).await;
    assert!(closed.is_ok());
}

#[tokio::test]
async fn when_all_places_are_taken_the_longest_idle_goes() {
    let limits = Limits {
        max_connections: 4,
        ..Limits::default()
    };
    let server = Server::with(ROUTES, ALIASES, limits).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(TcpStream::connect(&server.address).await.unwrap());
    }
    server.api.get("/livez").await.is(200);
    // The first ones are closed, although nobody's time is over.
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(DEADLINE, idle[0].read_to_end(&mut rest)).await;
    assert!(closed.is_ok());
}

#[tokio::test]
async fn when_the_server_ends_waiting_requests_are_answered() {
    let server = Server::with(ODD, &[], Limits::default()).await;
    // A kept connection that waits for its next request must not hold the end up.
    server.api.get("/fault").await.is(500);
    let idle = TcpStream::connect(&server.address).await.unwrap();
    let api = server.api.clone();
    let waiting = tokio::spawn(async move { api.get("/wait").await });
    odd::WAITING.notified().await;
    server.stop.cancel();
    let answered = waiting.await.unwrap();
    assert!(matches!(answered.status, 204), "{}", answered.text());
    tokio::time::timeout(DEADLINE, server.ended)
        .await
        .unwrap()
        .unwrap();
    drop(idle);
    assert!(TcpStream::connect(&server.address).await.is_err());
}

#[tokio::test]
async fn an_answer_before_the_end_of_its_request_says_that_the_connection_ends() {
    let server = Server::start().await;
    let head =
        |path: &str| format!("PUT {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n");
    for (path, body, closes) in [
        ("/upload/a.csv?nothing=1", "", true),
        ("/specs/a", "n\n1\n", false),
        ("/upload/a.csv", "n\n1\n", false),
    ] {
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        let request = head(path) + body;
        socket.write_all(request.as_bytes()).await.unwrap();
        let answer = answered(&mut socket).await.to_ascii_lowercase();
        assert_eq!(
            answer.contains("connection: close\r\n"),
            closes,
            "{path}: {answer}"
        );
    }
}
