//! Requests that nobody means well: each gets a refusal or a closed connection soon, leaves nothing behind, and costs
//! others nothing.

use std::time::Duration;

use hyper::Method;
use serde_json::json;
use testbed::api::{Api, bytes};
use testbed::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::backend::{Backend, DEADLINE};

/// Within which a refusal must come. Longer than what is promised, because machines of tests are slow.
const SOON: Duration = Duration::from_secs(10);
/// Connections that never finish their headers.
const SLOW_CONNECTIONS: usize = 2_000;
const BOUNDARY: &str = "b";

async fn connect(api: &Api) -> TcpStream {
    let address = api.base().strip_prefix("http://").unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// Sends bytes as they are and returns the status of the answer; 0 where the connection was closed without one.
async fn raw(api: &Api, request: &[u8]) -> u16 {
    let mut connection = connect(api).await;
    // The server may close before it has read everything.
    let _ = connection.write_all(request).await;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    let read = tokio::time::timeout(SOON, async {
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            match connection.read(&mut chunk).await {
                Ok(length) if length > 0 => answer.extend_from_slice(&chunk[..length]),
                _ => break,
            }
        }
    });
    let shown = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
    assert!(
        read.await.is_ok(),
        "neither an answer nor the end for {shown}"
    );
    let head = String::from_utf8_lossy(&answer).into_owned();
    head.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0)
}

fn form(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut form = Vec::new();
    for (head, body) in parts {
        form.extend(
            format!("--{BOUNDARY}\r\ncontent-disposition: form-data; {head}\r\n\r\n{body}\r\n")
                .bytes(),
        );
    }
    form.extend(format!("--{BOUNDARY}--\r\n").bytes());
    form
}

async fn send_form(api: &Api, parts: &[(&str, &str)]) -> testbed::api::Answer {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("content-type", content_type.as_str())];
    api.send(Method::POST, "/upload", &headers, bytes(form(parts)))
        .await
        .unwrap()
}

const FILE: &str = "name=\"file\"; filename=\"orders.csv\"";

async fn forms(api: &Api) {
    let refused = async |parts: &[(&str, &str)], code: &str| {
        send_form(api, parts).await.refused(400, code);
    };
    refused(&[], "no_file").await;
    refused(&[("name=\"spec\"", "orders-e2e")], "no_file").await;
    refused(&[(FILE, "a\n"), (FILE, "b\n")], "field_after_file").await;
    refused(
        &[(FILE, "a\n"), ("name=\"spec\"", "orders-e2e")],
        "field_after_file",
    )
    .await;
    let many = vec![("name=\"spec\"", "x"); 10_000];
    let answer = send_form(api, &many).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let doubled = [
        ("name=\"spec\"", "a"),
        ("name=\"spec\"", "b"),
        (FILE, "a\n"),
    ];
    assert_eq!(send_form(api, &doubled).await.status, 400);
    let unknown = [("name=\"colour\"", "a"), (FILE, "a\n")];
    assert_eq!(send_form(api, &unknown).await.status, 400);
    // What is no form at all, or breaks off.
    for body in [
        "",
        "--b\r\n",
        "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nx",
        "--c--",
    ] {
        let headers = [("content-type", "multipart/form-data; boundary=b")];
        let answer = api
            .send(Method::POST, "/upload", &headers, bytes(body))
            .await
            .unwrap();
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.text());
    }
    for content_type in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "text/csv",
    ] {
        let headers = [("content-type", content_type)];
        let answer = api
            .send(Method::POST, "/upload", &headers, bytes("a"))
            .await
            .unwrap();
        assert!(
            matches!(answer.status, 400 | 415),
            "{content_type}: {}",
            answer.text()
        );
    }
}

async fn names(api: &Api) {
    let long = format!("name=\"file\"; filename=\"{}.csv\"", "x".repeat(10_000));
    for head in [
        &long,
        "name=\"file\"; filename=\"../../etc/passwd.csv\"",
        "name=\"file\"; filename=\"a\\b\\\\c.csv\"",
        "name=\"file\"; filename=\"\u{202e}vsc.exe.csv\"",
    ] {
        let answer = send_form(api, &[(head, "a\n")]).await;
        if answer.status == 201 {
            let file = answer.json();
            let key = file["s3Key"].as_str().unwrap();
            assert!(
                key.starts_with("uploads/") && !key.contains("..") && key.len() < 300,
                "{key}"
            );
            let id = file["fileId"].as_str().unwrap();
            let seen = api.get(&format!("/files/{id}")).await.is(200).json();
            assert!(
                seen["originalName"]
                    .as_str()
                    .is_some_and(|name| name.len() <= 255),
                "{seen}"
            );
            api.delete(&format!("/files/{id}")).await.is(204);
        } else {
            assert_eq!(answer.status, 400, "{}", answer.text());
        }
    }
}

async fn heads(api: &Api) {
    let host = "host: localhost\r\n";
    let large = format!(
        "GET /livez HTTP/1.1\r\n{host}x: {}\r\n\r\n",
        "y".repeat(200_000)
    );
    let many = format!(
        "GET /livez HTTP/1.1\r\n{host}{}\r\n",
        "x: y\r\n".repeat(5_000)
    );
    let long = format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(10_000));
    for request in [
        "GET /files/../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /files/%2e%2e%2fjobs HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /files/%00 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET //jobs// HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /jobs/1 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /jobs?limit=0 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /jobs?limit=201 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /jobs?page=-1 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /jobs?cursor=x HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /jobs?state=asleep HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "BREW /jobs HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "DELETE /jobs HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /jobs HTTP/1.1\r\nhost: localhost\r\nno colon\r\n\r\n",
        "GET /jobs HTTP/9.9\r\nhost: localhost\r\n\r\n",
        "nonsense\r\n\r\n",
        "POST /specs/check HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "POST /specs/check HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        "POST /specs/check HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /specs/check HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        &large,
        &many,
        &long,
    ] {
        let status = raw(api, request.as_bytes()).await;
        assert!(
            status == 0 || (400..500).contains(&status),
            "{status} for {request:.100}"
        );
    }
    let path = format!("/process/{}", "0".repeat(24));
    api.post_json(&path, &json!({ "spec": "orders-e2e", "colour": "red" }))
        .await
        .refused(400, "unknown_field");
    api.post_json(&path, &json!([1])).await.is(400);
    let headers = [("content-type", "application/json")];
    let deep = "[".repeat(100_000);
    api.send(Method::POST, &path, &headers, bytes(deep))
        .await
        .unwrap()
        .is(400);
}

/// Clients that promise a body and keep it back, or send less than they say.
async fn bodies(api: &Api) {
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let mut connection = connect(api).await;
        let head =
            b"PUT /upload/orders.csv HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\na";
        connection.write_all(head).await.unwrap();
        waiting.push(connection);
    }
    // Others are served meanwhile, also by an upload.
    api.get("/livez").await.is(200);
    drop(waiting.split_off(20));
    let answer = api.upload("orders.csv", "", "a\n").await.is(201).json();
    api.delete(&format!("/files/{}", answer["fileId"].as_str().unwrap()))
        .await
        .is(204);
    drop(waiting);
}

async fn slow_heads(api: &Api) {
    let mut waiting = Vec::new();
    for _ in 0..SLOW_CONNECTIONS {
        let mut connection = connect(api).await;
        connection
            .write_all(b"GET /livez HTTP/1.1\r\nhos")
            .await
            .unwrap();
        waiting.push(connection);
    }
    for _ in 0..20 {
        api.get("/livez").await.is(200);
    }
    let mut last = waiting.pop().unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(30), last.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "a head that never ends is given up");
}

async fn nothing_is_left(backend: Backend) {
    let mut service = backend.serve().await;
    let api = service.api.clone();
    forms(&api).await;
    names(&api).await;
    heads(&api).await;
    bodies(&api).await;
    slow_heads(&api).await;
    eventually("nothing is left", DEADLINE, async || {
        let files = api.get("/files").await.is(200).json();
        files["total"] == 0
    })
    .await;
    assert!(service.runs(), "{}", service.stderr());
    assert!(
        !service.stderr().contains("panicked"),
        "{}",
        service.stderr()
    );
}

#[tokio::test]
async fn hostile_requests_leave_nothing_behind() {
    nothing_is_left(Backend::embedded().await).await;
}
