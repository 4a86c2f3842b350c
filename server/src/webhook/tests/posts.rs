//! One delivery: what counts as delivered, what it never waits for, and whom it never reaches.

use super::*;
use crate::webhook::post::{MAX_ANSWER_BYTES, Outcome, Poster};
use bytes::Bytes;
use http::HeaderMap;
use std::sync::Arc;

/// What loopback is called where it is allowed.
const LOOPBACK: &[&str] = &["127.0.0.0/8"];
/// 1 GB.
const HUGE_BYTES: u64 = 1_000_000_000;
/// What the sockets of both sides hold at most, beside what is read.
const SOCKET_BYTES: u64 = 64 * 1024 * 1024;

fn poster(names: Arc<Names>, allowed: &[&str]) -> Poster {
    let allowed = allowed.iter().map(|network| network.parse().unwrap());
    Poster::new(names, allowed.collect()).unwrap()
}

async fn post(url: &str, allowed: &[&str], names: &Arc<Names>) -> Outcome {
    let body = Bytes::from_static(b"{}");
    let poster = poster(names.clone(), allowed);
    let (outcome, rest) = poster.post(url, HeaderMap::new(), body).await;
    rest.drain().await;
    outcome
}

fn nobody() -> Arc<Names> {
    Arc::new(Names::new(&[]))
}

#[tokio::test]
async fn a_2xx_is_delivered_and_nothing_else() {
    for (status, delivered) in [
        (200, true),
        (204, true),
        (299, true),
        (400, false),
        (410, false),
        (500, false),
    ] {
        let receiver = Receiver::start(move |_, _| Answers::Status(status)).await;
        let outcome = post(&receiver.url("/hook?a=b"), LOOPBACK, &nobody()).await;
        assert_eq!(
            (outcome.status, outcome.error.is_none()),
            (Some(status), delivered)
        );
        let received = receiver.received();
        assert_eq!((received.len(), &*received[0].path), (1, "/hook?a=b"));
        assert_eq!(received[0].header("content-type"), "application/json");
        assert_eq!(
            received[0].header("host"),
            format!("127.0.0.1:{}", receiver.port())
        );
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let canary = good().await;
    for to in [
        canary.url("/"),
        "/again".to_owned(),
        "https://example.com/".to_owned(),
    ] {
        let receiver = Receiver::start(move |_, _| Answers::Redirect(to.clone())).await;
        let outcome = post(&receiver.url("/"), LOOPBACK, &nobody()).await;
        assert_eq!(outcome.status, Some(307));
        assert!(
            outcome
                .error
                .unwrap()
                .contains("redirects are not followed")
        );
        assert_eq!(receiver.connections(), 1);
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn little_of_a_long_answer_is_read() {
    let receiver = Receiver::start(|_, _| Answers::Bytes(HUGE_BYTES)).await;
    let outcome = post(&receiver.url("/"), LOOPBACK, &nobody()).await;
    assert_eq!((outcome.status, outcome.error), (Some(200), None));
    // What is not read stays in the sockets: the receiver cannot write on.
    let most = MAX_ANSWER_BYTES as u64 + SOCKET_BYTES;
    assert!(
        receiver.written_bytes() < most,
        "{}",
        receiver.written_bytes()
    );
}

/// Posts, and stops the clock when the request has come: then time goes by as fast as it can.
async fn post_slowly(answers: Answers) -> Outcome {
    let receiver = Receiver::start(move |_, _| answers.clone()).await;
    let url = receiver.url("/");
    let posting = tokio::spawn(async move { post(&url, LOOPBACK, &nobody()).await });
    until("the request", async || !receiver.received().is_empty()).await;
    tokio::time::pause();
    posting.await.unwrap()
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_given_up() {
    for answers in [Answers::Hangs, Answers::DripsHead] {
        let outcome = post_slowly(answers.clone()).await;
        let error = Some("no answer within 10 s".to_owned());
        assert_eq!(
            outcome,
            Outcome {
                status: None,
                error
            },
            "{answers:?}"
        );
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_body_that_drips_is_not_waited_for() {
    let outcome = post_slowly(Answers::DripsBody).await;
    assert_eq!((outcome.status, outcome.error), (Some(200), None));
}

#[tokio::test]
async fn what_came_of_it_is_known_with_the_head_of_the_answer() {
    let receiver = Receiver::start(|_, _| Answers::DripsBody).await;
    let poster = poster(nobody(), LOOPBACK);
    let url = receiver.url("/");
    let posting = poster.post(&url, HeaderMap::new(), Bytes::new());
    // The body has no end: whoever waited for it would wait until the deadline.
    let (outcome, _rest) = tokio::time::timeout(DEADLINE, posting).await.unwrap();
    assert_eq!((outcome.status, outcome.error), (Some(200), None));
}

#[tokio::test]
async fn an_address_that_does_not_answer_leaves_time_for_the_next() {
    let silent = Receiver::at("127.0.0.2:0", |_, _| Answers::Hangs).await;
    let next = Receiver::at(&format!("127.0.0.3:{}", silent.port()), |_, _| {
        Answers::Status(200)
    })
    .await;
    let url = format!("https://two.example:{}/", silent.port());
    let posting = tokio::spawn(async move {
        let names = Arc::new(Names::new(&[&["127.0.0.2", "127.0.0.3"]]));
        post(&url, LOOPBACK, &names).await
    });
    until("the first connection", async || silent.connections() == 1).await;
    tokio::time::pause();
    // It speaks no TLS: that it was asked is enough.
    until("the second connection", async || next.connections() == 1).await;
    tokio::time::resume();
    let outcome = posting.await.unwrap();
    assert!(outcome.error.is_some() && outcome.status.is_none());
}

#[tokio::test]
async fn a_host_that_is_not_there_is_a_failure() {
    let receiver = good().await;
    let url = receiver.url("/");
    drop(receiver);
    until("the port to close", async || {
        let outcome = post(&url, LOOPBACK, &nobody()).await;
        outcome.status.is_none() && outcome.error.is_some()
    })
    .await;
}

#[tokio::test]
async fn a_name_of_the_inner_network_is_answered_as_one_that_is_not_there() {
    let many = ["8.8.8.8"; 33];
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://inner.example/");
        let mut told = Vec::new();
        let cases: [&[&[&str]]; 5] = [
            &[],
            &[&[]],
            &[&["10.0.0.1"]],
            &[&["8.8.8.8", "::1"]],
            &[&many],
        ];
        for answers in cases {
            // Something is allowed, so that http is tried at all.
            let names = Arc::new(Names::new(answers));
            let outcome = post(&url, LOOPBACK, &names).await;
            assert_eq!((outcome.status, names.asked().len()), (None, 1));
            told.push(outcome.error.unwrap());
        }
        assert!(told[0].starts_with("inner.example leads to no public address"));
        assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    }
}

#[tokio::test]
async fn no_packet_reaches_loopback_however_it_is_written() {
    let canary = good().await;
    let canary6 = Receiver::at("[::1]:0", |_, _| Answers::Status(200)).await;
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "１２７.0.0.1",
        "127。0。0。1",
        "%31%32%37.0.0.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::1]",
        "[2001:0:7f00:1::]",
        "localhost",
        "LocalHost.",
        "x.localhost",
    ] {
        for (scheme, port) in [
            ("http", canary.port()),
            ("https", canary.port()),
            ("http", canary6.port()),
            ("https", canary6.port()),
        ] {
            let url = format!("{scheme}://{host}:{port}/");
            let names = Arc::new(Names::new(&[&["127.0.0.1", "::1"]]));
            let outcome = post(&url, &[], &names).await;
            assert!(outcome.error.is_some() && outcome.status.is_none(), "{url}");
            assert_eq!(names.asked(), [""; 0], "{url}");
        }
    }
    // Names that stand for it, among others too, and addresses in others' clothes.
    for addresses in [
        &["127.0.0.1"][..],
        &["::1"],
        &["8.8.8.8", "127.0.0.1"],
        &["::ffff:127.0.0.1"],
        &["0.0.0.0"],
        &["169.254.169.254"],
        &["64:ff9b::7f00:1"],
        &[],
    ] {
        let url = format!("https://hook.example:{}/", canary.port());
        let names = Arc::new(Names::new(&[addresses]));
        let outcome = post(&url, &[], &names).await;
        assert!(
            outcome.error.is_some() && outcome.status.is_none(),
            "{addresses:?}"
        );
        assert_eq!(names.asked(), ["hook.example"], "asked once");
    }
    assert_eq!((canary.connections(), canary6.connections()), (0, 0));
}

#[tokio::test]
async fn what_was_judged_is_what_is_connected_to() {
    // The one address is allowed, the other is not; the name stands for the one first, then for the other.
    let allowed = Receiver::at("127.0.0.2:0", |_, _| Answers::Status(200)).await;
    let canary = Receiver::at(&format!("127.0.0.3:{}", allowed.port()), |_, _| {
        Answers::Status(200)
    })
    .await;
    let names = Arc::new(Names::new(&[&["127.0.0.2"], &["127.0.0.3"]]));
    let url = format!("http://rebinds.example:{}/", allowed.port());
    let outcome = post(&url, &["127.0.0.2"], &names).await;
    assert_eq!((outcome.status, outcome.error), (Some(200), None));
    assert_eq!(names.asked().len(), 1, "nobody asks twice");
    assert_eq!((allowed.connections(), canary.connections()), (1, 0));
    let received = allowed.received();
    let host = format!("rebinds.example:{}", allowed.port());
    assert_eq!(received[0].header("host"), host, "the name stays");

    let outcome = post(&url, &["127.0.0.2"], &names).await;
    assert!(
        outcome
            .error
            .unwrap()
            .contains("rebinds.example leads to no public address")
    );
    let both = Arc::new(Names::new(&[&["127.0.0.2", "127.0.0.3"]]));
    assert!(post(&url, &["127.0.0.2"], &both).await.error.is_some());
    assert_eq!((allowed.connections(), canary.connections()), (1, 0));
}
