//! Watching a job through a real socket: who may, what a handshake must be, and how it ends.

use super::tenants::key;
use super::*;
use crate::queue::{Progress, Receipt};
use testbed::watching::{Events, Socket};

const NONE: Tenant = Tenant::NONE;
/// The handshake of RFC 6455.
const HANDSHAKE: &str = "host: localhost\r\nupgrade: websocket\r\nconnection: keep-alive, Upgrade\r\n\
                         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

async fn queued(server: &Server, tenant: &Tenant) -> Id {
    let file = server.file(tenant, "parcels-1.csv", b"n\n1\n").await;
    server.job(tenant, file).await
}

async fn complete(server: &Server) {
    let (_, claim) = server.claim().await;
    let queue = &server.service.stores.queue;
    let (progress, receipt) = (Progress::default(), Receipt::default());
    assert!(queue.finish(&claim, &progress, &receipt).await.unwrap());
}

async fn ticket(server: &Server, api: &Api) -> String {
    let given = server.send(api, Method::POST, "/api/tickets", "").await;
    let given = given.is(201).json();
    assert!(
        given["expiresAt"]
            .as_str()
            .is_some_and(|until| until.ends_with('Z'))
    );
    given["ticket"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_job_is_watched_to_its_end_by_socket_and_by_events() {
    let server = Server::start().await;
    let job = queued(&server, &NONE).await;
    let mut socket = Socket::open(&server.api, &format!("/api/ws/jobs/{job}"), &[])
        .await
        .unwrap();
    let mut events = Events::open(&server.api, &format!("/jobs/{job}/events")).await;
    let first = socket.next().await.unwrap();
    assert_eq!(
        (&first["type"], &first["state"]),
        (&"progress".into(), &"queued".into())
    );
    assert_eq!(events.next().await.unwrap().data, first);
    complete(&server).await;
    let (mut told, code) = socket.rest().await;
    let end = told.pop().unwrap();
    assert_eq!((&end["type"], code), (&"completed".into(), 1000));
    let shown = server.api.get(&format!("/jobs/{job}")).await.is(200).json();
    assert_eq!(end["job"], shown);
    let last = events.rest().await.pop().unwrap();
    assert_eq!((&last.data, last.event.as_str()), (&end, "completed"));

    // Now there is that one only, and nothing for who has it already.
    let behind = Events::open(&server.api, &format!("/api/jobs/{job}/events")).await;
    assert_eq!(behind.rest().await, std::slice::from_ref(&last));
    let behind = Socket::open(&server.api, &format!("/ws/jobs/{job}?partnerId=p-7"), &[]).await;
    assert_eq!(behind.unwrap().rest().await, (vec![end], 1000));
    for (id, status) in [(last.id.as_str(), 204), ("completed-1", 200)] {
        let headers = [("last-event-id", id)];
        let answer = server
            .api
            .open(&format!("/jobs/{job}/events"), &headers)
            .await;
        assert_eq!(answer.status().as_u16(), status, "{id}");
    }
}

#[tokio::test]
async fn a_handshake_is_whole_or_refused() {
    let server = Server::start().await;
    let job = queued(&server, &NONE).await;
    let without = |line: &str| {
        let lines = HANDSHAKE.split_inclusive("\r\n");
        lines
            .filter(|other| !other.starts_with(line))
            .collect::<String>()
    };
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (method, headers, status) in [
        (
            "GET",
            HANDSHAKE.to_owned() + "origin: http://localhost\r\n",
            "101",
        ),
        ("GET", without("upgrade"), "426"),
        ("GET", without("connection"), "426"),
        ("GET", without("sec-websocket-version"), "426"),
        ("GET", HANDSHAKE.replace("version: 13", "version: 8"), "426"),
        ("GET", HANDSHAKE.replace(": websocket", ": h2c"), "426"),
        ("GET", without("sec-websocket-key"), "400"),
        ("GET", HANDSHAKE.replace("dGhl", ""), "400"),
        ("GET", HANDSHAKE.to_owned() + key, "400"),
        ("GET", HANDSHAKE.to_owned() + "origin: http://y\r\n", "403"),
        ("GET", HANDSHAKE.to_owned() + "origin: null\r\n", "403"),
        ("HEAD", HANDSHAKE.to_owned(), "426"),
        ("POST", HANDSHAKE.to_owned(), "405"),
    ] {
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        let request = format!("{method} /ws/jobs/{job} HTTP/1.1\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = async {
            while !answer.ends_with(b"\r\n\r\n") {
                answer.push(socket.read_u8().await.unwrap());
            }
        };
        tokio::time::timeout(DEADLINE, read).await.unwrap();
        let answer = String::from_utf8(answer).unwrap().to_ascii_lowercase();
        assert_eq!(&answer[9..12], status, "{request}{answer}");
        let accepts = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=";
        assert_eq!(answer.contains(accepts), status == "101", "{answer}");
        let says = "upgrade: websocket\r\n";
        assert_eq!(
            answer.contains(says),
            ["101", "426"].contains(&status),
            "{answer}"
        );
    }
    // HTTP/1.0 knows no change of the protocol.
    let last = HANDSHAKE.replace("keep-alive, ", "");
    let old = format!("GET /ws/jobs/{job} HTTP/1.0\r\n{last}\r\n");
    assert!(server.raw(old.as_bytes()).await.contains(" 426 "));
    for (path, status) in [
        (format!("/ws/jobs/{}", "0".repeat(24)), 404),
        ("/ws/jobs/x".to_owned(), 404),
    ] {
        let refused = Socket::open(&server.api, &path, &[]).await.err().unwrap();
        assert_eq!(refused.0, status, "{path}");
    }
    let unknown = format!("/ws/jobs/{job}?nothing=1");
    assert_eq!(
        Socket::open(&server.api, &unknown, &[])
            .await
            .err()
            .unwrap()
            .0,
        400
    );
}

#[tokio::test]
async fn a_ticket_is_good_once_and_for_its_own_tenant() {
    let server = Server::start().await;
    let (one, other): (Tenant, Tenant) = ("acme".parse().unwrap(), "bolt".parse().unwrap());
    let job = queued(&server, &one).await;
    let (mine, theirs) = (key(&server, &one).await.1, key(&server, &other).await.1);
    let (mine, theirs) = (server.api.with_key(&mine), server.api.with_key(&theirs));
    server
        .api
        .post("/tickets")
        .await
        .refused(401, "unauthorized");
    let (path, events) = (format!("/ws/jobs/{job}"), format!("/jobs/{job}/events"));
    // A hint is nobody.
    for path in [path.clone(), format!("{path}?partnerId=acme")] {
        assert_eq!(
            Socket::open(&server.api, &path, &[]).await.err().unwrap().0,
            401
        );
    }
    server.api.get(&events).await.refused(401, "unauthorized");
    let good = ticket(&server, &mine).await;
    let watched = format!("{path}?ticket={good}&partnerId=bolt");
    let mut socket = Socket::open(&server.api, &watched, &[]).await.unwrap();
    assert_eq!(socket.next().await.unwrap()["type"], "progress");
    for path in [
        &watched,
        &format!("{path}?ticket=st_{}", "0".repeat(64)),
        &format!("{path}?ticket=x"),
    ] {
        let refused = Socket::open(&server.api, path, &[]).await.err().unwrap();
        assert_eq!(
            (refused.0, &refused.1["code"]),
            (401, &"unauthorized".into()),
            "{path}"
        );
    }
    let good = ticket(&server, &mine).await;
    let mut stream = Events::open(&server.api, &format!("{events}?ticket={good}")).await;
    assert_eq!(stream.next().await.unwrap().event, "progress");
    // Both a key and a ticket are one too many, and a ticket opens nothing but what is watched.
    let good = ticket(&server, &mine).await;
    let both = Socket::open(&mine, &format!("{path}?ticket={good}"), &[]).await;
    assert_eq!(both.err().unwrap().0, 401);
    let jobs = format!("/jobs?ticket={good}");
    server.api.get(&jobs).await.refused(401, "unauthorized");
    // Another tenant's job is none, by its ticket as by its key.
    let foreign = ticket(&server, &theirs).await;
    let foreign = Socket::open(&server.api, &format!("{path}?ticket={foreign}"), &[]).await;
    assert_eq!(foreign.err().unwrap().0, 404);
    assert_eq!(
        Socket::open(&theirs, &path, &[]).await.err().unwrap().0,
        404
    );
    theirs.get(&events).await.refused(404, "not_found");
    let mut own = Socket::open(&mine, &path, &[]).await.unwrap();
    assert_eq!(own.next().await.unwrap()["type"], "progress");
}

#[tokio::test]
async fn a_handshake_that_is_refused_uses_no_ticket_up() {
    let server = Server::start().await;
    let job = queued(&server, &NONE).await;
    let good = ticket(&server, &server.api).await;
    let path = format!("/ws/jobs/{job}?ticket={good}");
    let foreign = [("origin", "https://evil.example")];
    let refused = Socket::open(&server.api, &path, &foreign).await;
    assert_eq!(refused.err().map(|(status, _)| status), Some(403));
    let plain = server.api.get(&path).await;
    plain.refused(426, "upgrade_required");
    let short = HANDSHAKE.replace("dGhl", "") + "connection: close\r\n";
    let request = format!("GET {path} HTTP/1.1\r\n{short}\r\n");
    assert!(server.raw(request.as_bytes()).await.contains(" 400 "));
    let unknown = Socket::open(&server.api, &format!("{path}&nothing=1"), &[]).await;
    assert_eq!(unknown.err().map(|(status, _)| status), Some(400));

    let mut socket = Socket::open(&server.api, &path, &[]).await.unwrap();
    assert_eq!(socket.next().await.unwrap()["type"], "progress");
    let again = Socket::open(&server.api, &path, &[]).await;
    assert_eq!(again.err().map(|(status, _)| status), Some(401));
}

#[tokio::test]
async fn a_ticket_that_many_show_opens_one_socket() {
    let server = Server::start().await;
    let job = queued(&server, &NONE).await;
    let path = format!(
        "/ws/jobs/{job}?ticket={}",
        ticket(&server, &server.api).await
    );
    let opened = (0..20).map(|_| Socket::open(&server.api, &path, &[]));
    let opened = futures::future::join_all(opened).await;
    assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
    let refused = opened.into_iter().filter_map(Result::err);
    assert!(refused.into_iter().all(|(status, _)| status == 401));
}

#[tokio::test]
async fn who_watches_keeps_its_place_and_others_find_one() {
    let limits = Limits {
        max_connections: 6,
        head_timeout: Duration::from_millis(500),
    };
    let server = Server::with(ROUTES, ALIASES, limits).await;
    let job = queued(&server, &NONE).await;
    let mut socket = Socket::open(&server.api, &format!("/ws/jobs/{job}"), &[])
        .await
        .unwrap();
    let mut events = Events::open(&server.api, &format!("/jobs/{job}/events")).await;
    socket.next().await.unwrap();
    events.next().await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(TcpStream::connect(&server.address).await.unwrap());
    }
    // A head would be over by now: the first that was idle is closed for it, or for another.
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(DEADLINE, idle[19].read_to_end(&mut rest)).await;
    assert!(closed.is_ok());
    server.api.get("/livez").await.is(200);
    complete(&server).await;
    assert_eq!(socket.rest().await.1, 1000);
    assert_eq!(events.rest().await.last().unwrap().event, "completed");
}

#[tokio::test]
async fn when_the_server_ends_who_watches_is_told() {
    let server = Server::start().await;
    let job = queued(&server, &NONE).await;
    let mut socket = Socket::open(&server.api, &format!("/ws/jobs/{job}"), &[])
        .await
        .unwrap();
    let mut events = Events::open(&server.api, &format!("/jobs/{job}/events")).await;
    socket.next().await.unwrap();
    events.next().await.unwrap();
    // One that reads nothing, not even the close, holds nothing up.
    let deaf = Socket::open(&server.api, &format!("/ws/jobs/{job}"), &[])
        .await
        .unwrap();
    server.stop.cancel();
    assert_eq!(socket.rest().await, (vec![], 1001));
    assert_eq!(events.rest().await, []);
    let ended = tokio::time::timeout(DEADLINE, server.ended).await;
    ended.unwrap().unwrap();
    drop(deaf);
}

#[tokio::test]
async fn a_request_behind_a_stream_finds_its_connection() {
    let server = Server::start().await;
    let job = queued(&server, &NONE).await;
    complete(&server).await;
    // The answer to an ended job ends, and the connection is kept.
    let request = format!("GET /jobs/{job}/events HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let last = "GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answers = server.raw((request + last).as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert!(answers.contains("event: completed\n"));
}
