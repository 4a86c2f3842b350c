//! Requests that are meant to harm: each gets a 4xx or a closed connection, at once, and the server lives.

use super::*;
use std::time::Instant;

/// For a refusal that needs no waiting.
const AT_ONCE: Duration = Duration::from_secs(5);

/// The status of an answer; 0, where the connection was only closed.
fn status(answer: &str) -> u16 {
    let mut words = answer.split_whitespace();
    match words.next() {
        Some("HTTP/1.1" | "HTTP/1.0") => words.next().unwrap_or_default().parse().unwrap_or(0),
        _ => 0,
    }
}

/// A request line and headers, closed behind.
fn head(line: &str, headers: &str) -> Vec<u8> {
    format!("{line}\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n").into_bytes()
}

#[tokio::test]
async fn odd_paths_are_no_paths() {
    let server = Server::start().await;
    for path in [
        "/../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/files/..",
        "/files/%2e%2e",
        "/files/%2e%2e/content",
        "/files/../jobs",
        "/files/%00",
        "/files/%00/content",
        "//jobs",
        "/jobs//",
        "/jobs/",
        "/api",
        "/api//jobs",
        "/jobs/%",
        "/jobs/%zz",
        "/jobs/%ff",
        "/jobs/%c0%ae%c0%ae",
        "/specs/%00",
        "/specs/..%2f..%2fetc%2fpasswd",
        "/specs/%ff",
        "/specs/parcels/versions/-1",
        "/specs/parcels/versions/99999999999",
        "/jobs;x",
        "/JOBS",
        "*",
        "http://evil.example/nothing",
        &format!("/{}", "a".repeat(10_000)),
        &format!("/files/{}", "a".repeat(10_000)),
        &format!("/files/{}", "%41".repeat(3_000)),
        &"/a".repeat(5_000),
        &format!("/jobs?{}", "a=1&".repeat(5_000)),
        "/jobs?state=%00",
        "/jobs?%00=1",
        "/jobs?spec=%ff",
        "/jobs?page=-1",
        "/jobs?page=1e9",
    ] {
        let began = Instant::now();
        let answer = server.raw(&head(&format!("GET {path} HTTP/1.1"), "")).await;
        let status = status(&answer);
        assert!((400..500).contains(&status), "{path:.60}: {answer:.200}");
        assert!(began.elapsed() < AT_ONCE, "{path:.60}");
    }
    server.api.get("/livez").await.is(200);
}

#[tokio::test]
async fn odd_requests_are_refused_or_closed() {
    let server = Server::start().await;
    let get = "GET /livez HTTP/1.1";
    let post = "POST /specs/check HTTP/1.1";
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "a huge header",
            head(get, &format!("x: {}\r\n", "a".repeat(100_000))),
        ),
        ("many headers", head(get, &many)),
        ("a folded header", head(get, "x: a\r\n b\r\n")),
        ("a header without a colon", head(get, "x\r\n")),
        (
            "a space before the colon",
            head(get, "content-length : 4\r\n"),
        ),
        ("a NUL in a header", head(get, "x: a\0b\r\n")),
        ("a bare CR in a header", head(get, "x: a\rb: c\r\n")),
        (
            "two lengths",
            head(post, "content-length: 4\r\ncontent-length: 5\r\n"),
        ),
        ("a list of lengths", head(post, "content-length: 4, 5\r\n")),
        ("a negative length", head(post, "content-length: -1\r\n")),
        ("a signed length", head(post, "content-length: +4\r\n")),
        (
            "an endless length",
            head(post, "content-length: 99999999999999999999999\r\n"),
        ),
        (
            "an unknown coding",
            head(post, "transfer-encoding: gzip\r\n"),
        ),
        (
            "chunked, then not",
            head(post, "transfer-encoding: chunked, identity\r\n"),
        ),
        (
            "a bad chunk",
            [
                head(post, "transfer-encoding: chunked\r\n"),
                b"zz\r\nabc\r\n0\r\n\r\n".to_vec(),
            ]
            .concat(),
        ),
        (
            "an endless chunk",
            [
                head(post, "transfer-encoding: chunked\r\n"),
                b"ffffffffffffffffff\r\n".to_vec(),
            ]
            .concat(),
        ),
        ("two hosts", head(get, "host: localhost:1\r\n")),
        (
            "no host",
            b"GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n".to_vec(),
        ),
        (
            "no HTTP",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20),
        ),
        ("no method", b" /livez HTTP/1.1\r\n\r\n".to_vec()),
        (
            "a long method",
            head(&format!("{} / HTTP/1.1", "A".repeat(5_000)), ""),
        ),
        (
            "HTTP/2 by force",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        ),
        ("HTTP/3.7", head("GET /livez HTTP/3.7", "")),
        ("CONNECT", head("CONNECT evil.example:443 HTTP/1.1", "")),
        ("TRACE", head("TRACE /livez HTTP/1.1", "")),
        ("two spaces", head("GET  /livez  HTTP/1.1", "")),
        (
            "a body of JSON that is none",
            [
                head("POST /specs/check HTTP/1.1", "content-length: 2\r\n"),
                b"\xff\xfe".to_vec(),
            ]
            .concat(),
        ),
    ];
    for (what, request) in cases {
        let began = Instant::now();
        let answer = server.raw(&request).await;
        let status = status(&answer);
        assert!(
            status == 0 || (400..500).contains(&status),
            "{what}: {answer:.200}"
        );
        assert!(began.elapsed() < AT_ONCE, "{what}");
        assert!(!answer.contains("HTTP/1.1 200"), "{what}: {answer}");
    }
    server.api.get("/livez").await.is(200);
}

/// A length beside chunks: the chunks count, and what the length would hide is no second request.
#[tokio::test]
async fn a_length_beside_chunks_hides_no_request() {
    let server = Server::start().await;
    let hidden = "0\r\n\r\nGET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let request = format!(
        "POST /specs/check HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n{hidden}",
        hidden.len()
    );
    // Without a proxy in front both requests are the client's own, and both are answered as such.
    let answer = server.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    assert!(answer.matches("HTTP/1.1 ").count() <= 2, "{answer}");
    server.api.get("/livez").await.is(200);
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_still_sends() {
    let server = Server::start().await;
    let length = 50_000_000;
    let mut request = format!(
        "PUT /specs/parcels HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.resize(request.len() + 20_000_000, b'x');
    let answer = server.raw(&request).await;
    assert_eq!(status(&answer), 413, "{answer:.300}");
    assert!(answer.contains("body_too_large"), "{answer:.600}");
}

/// What a page of a stranger can have a browser send.
#[tokio::test]
async fn without_keys_a_strangers_page_is_no_client() {
    let server = Server::start().await;
    let (get, post) = ("GET /jobs HTTP/1.1", "POST /specs/check HTTP/1.1");
    let (own, length) = (server.address.clone(), "content-length: 0\r\n");
    let with = |line: &str, host: &str, headers: &str| {
        let headers = format!("connection: close\r\n{length}{headers}");
        format!("{line}\r\nhost: {host}\r\n{headers}\r\n").into_bytes()
    };
    let rebound = "origin: http://evil.example:3000\r\n";
    for (request, code) in [
        (with(get, "evil.example:3000", ""), "foreign_host"),
        (with(post, "evil.example:3000", rebound), "foreign_host"),
        (with(post, &own, rebound), "foreign_origin"),
        (
            with(post, &own, "sec-fetch-site: cross-site\r\n"),
            "foreign_origin",
        ),
    ] {
        let answer = server.raw(&request).await;
        let expected = if code == "foreign_host" { 421 } else { 403 };
        assert_eq!(status(&answer), expected, "{answer}");
        assert!(answer.contains(&format!("\"{code}\"")), "{answer}");
    }
    let page = format!("origin: http://{own}\r\nsec-fetch-site: same-origin\r\n");
    for request in [with(get, &own, rebound), with(get, "localhost:1", "")] {
        assert_eq!(status(&server.raw(&request).await), 200);
    }
    let answer = server.raw(&with(post, &own, &page)).await;
    assert!(!answer.contains("foreign_"), "{answer}");
    // Probes have nothing to tell a stranger.
    let probe = server
        .raw(&with("GET /livez HTTP/1.1", "sluicegate", ""))
        .await;
    assert_eq!(status(&probe), 200, "{probe}");
}
