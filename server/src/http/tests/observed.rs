//! What is counted of requests.

use super::*;
use crate::metrics::{ByAnswer, ByRoute};
use hyper::Method;

fn counted(server: &Server, route: &'static str, method: &'static str, status: u16) -> u64 {
    let by = ByAnswer {
        route,
        method,
        status,
    };
    server.service.metrics.requests.get_or_create(&by).get()
}

#[tokio::test]
async fn requests_are_counted_by_their_route_and_never_by_their_path() {
    let server = Server::start().await;
    let none = "0".repeat(24);
    for path in [
        "/jobs".to_owned(),
        format!("/jobs/{none}"),
        "/nowhere".into(),
        "/x/y/z".into(),
    ] {
        server.send(&server.api, Method::GET, &path, "").await;
    }
    server.send(&server.api, Method::DELETE, "/jobs", "").await;
    for (route, method, status, count) in [
        ("/jobs", "GET", 200, 1),
        ("/jobs/{jobId}", "GET", 404, 1),
        ("", "GET", 404, 2),
        ("", "DELETE", 405, 1),
    ] {
        assert_eq!(
            counted(&server, route, method, status),
            count,
            "{method} {route} {status}"
        );
    }
    let text = server.service.metrics.text();
    assert!(!text.contains(&none) && !text.contains("nowhere"), "{text}");
    let by = ByRoute {
        route: "/jobs",
        method: "GET",
    };
    server
        .service
        .metrics
        .request_seconds
        .get_or_create(&by)
        .observe(1.0);
    let timed = "request_seconds_count{route=\"/jobs\",method=\"GET\"} 2";
    assert!(server.service.metrics.text().contains(timed));
}

#[tokio::test]
async fn a_client_that_goes_away_is_counted() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let head = "PUT /upload/a.csv HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nab";
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    let waited = tokio::time::timeout(DEADLINE, async {
        let gone =
            || [400, 499].map(|status| counted(&server, "/upload/{filename}", "PUT", status));
        while gone().iter().sum::<u64>() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap();
}
