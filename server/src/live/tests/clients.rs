//! Watching through sockets and streams: how a client is closed, found to be slow or gone, and sent away.

use super::*;
use futures::SinkExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_is_dropped_and_others_hear_on() {
    let place = Place::new();
    let job = place.submit(&NONE).await;
    let claim = place.claim().await;
    let stop = CancellationToken::new();
    // A connection that holds less than a message.
    let (slow, _kept) = tokio::io::duplex(64);
    let talking = tokio::spawn(socket::talk(slow, place.watch(job).await, stop.clone()));
    let events = place
        .live
        .watch(&NONE, job, Way::Events)
        .await
        .unwrap()
        .unwrap();
    let untaken = events::stream(events, stop.clone());
    let mut other = place.watch(job).await;
    for records in 1..=10 {
        // A change is known by its time.
        sleep(Duration::from_millis(1)).await;
        place.renew(&claim, records).await;
        next(&mut other, "progress").await;
    }
    talking.await.unwrap();
    assert!(place.metric("sluicegate_slow_watchers_total{way=\"websocket\"} 1"));
    assert!(place.metric("sluicegate_slow_watchers_total{way=\"events\"} 1"));
    assert!(place.metric("sluicegate_watchers{way=\"websocket\"} 1"));
    // What it was told last still waits for its connection.
    assert!(place.metric("sluicegate_watchers{way=\"events\"} 1"));
    drop(untaken);
    assert!(place.metric("sluicegate_watchers{way=\"events\"} 0"));
}

/// A client of a socket that is served in the same process.
fn client(
    place: &Place,
    watcher: Watcher,
    stop: &CancellationToken,
) -> (tokio::io::DuplexStream, JoinHandle<()>) {
    let (server, client) = tokio::io::duplex(64 * 1024);
    assert!(place.metric("sluicegate_watchers{way=\"websocket\"} 1"));
    (
        client,
        tokio::spawn(socket::talk(server, watcher, stop.clone())),
    )
}

#[tokio::test(start_paused = true)]
async fn a_socket_is_closed_as_it_ends() {
    for (what, code) in [
        ("told", 1000),
        ("stopped", 1001),
        ("long", 1009),
        ("broken", 1002),
        ("chatty", 1008),
        ("endless", 1008),
    ] {
        let (place, stop) = (Place::new(), CancellationToken::new());
        let job = place.submit(&NONE).await;
        let (client, talking) = client(&place, place.watch(job).await, &stop);
        let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        let first = client.next().await.unwrap().unwrap();
        assert!(first.to_text().unwrap().contains("\"queued\""));
        // What a client says is forgotten, and a ping is answered.
        client.send(Message::text("hello")).await.unwrap();
        client.send(Message::Ping("now".into())).await.unwrap();
        assert_eq!(
            client.next().await.unwrap().unwrap(),
            Message::Pong("now".into())
        );
        match what {
            "told" => drop(place.queue.cancel(&NONE, job).await.unwrap()),
            "stopped" => stop.cancel(),
            "chatty" => {
                // Of 9 bytes each.
                for _ in 0..socket::MAX_HEARD_BYTES_PER_PING / 9 {
                    client.send(Message::Ping("now".into())).await.unwrap();
                }
            }
            "endless" => {
                use tokio::io::AsyncWriteExt as _;
                let frames = client.get_mut();
                // A text that goes on for ever, in frames without a byte.
                frames.write_all(&[1, 0x80, 0, 0, 0, 0]).await.unwrap();
                for _ in 0..socket::MAX_HEARD_BYTES_PER_PING / 6 {
                    frames.write_all(&[0, 0x80, 0, 0, 0, 0]).await.unwrap();
                }
            }
            "long" => client.send(Message::text("x".repeat(5_000))).await.unwrap(),
            // A frame of an unknown kind.
            _ => {
                use tokio::io::AsyncWriteExt as _;
                client
                    .get_mut()
                    .write_all(&[0x83, 0x80, 0, 0, 0, 0])
                    .await
                    .unwrap();
            }
        }
        let mut closed = None;
        while let Some(Ok(message)) = client.next().await {
            if let Message::Close(frame) = message {
                closed = frame.map(|frame| u16::from(frame.code));
            }
        }
        assert_eq!(closed, Some(code), "{what}");
        talking.await.unwrap();
        assert!(place.metric("sluicegate_watchers{way=\"websocket\"} 0"));
    }
}

#[tokio::test(start_paused = true)]
async fn who_sends_pings_and_takes_no_answer_is_dropped() {
    let (place, stop) = (Place::new(), CancellationToken::new());
    let job = place.submit(&NONE).await;
    let (server, mut client) = tokio::io::duplex(4 * 1024);
    let talking = socket::talk(server, place.watch(job).await, stop.clone());
    let began = Instant::now();
    let pinging = async {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        // It takes the first message, so that nothing else is due.
        assert!(client.read(&mut [0; 4 * 1024]).await.unwrap() > 100);
        // A ping of 4 bytes, masked with zeros; the answers to so many do not fit into the connection.
        let ping = [0x89, 0x84, 0, 0, 0, 0, 1, 2, 3, 4];
        for _ in 0..socket::MAX_HEARD_BYTES_PER_PING / ping.len() + 1 {
            client.write_all(&ping).await.unwrap();
        }
        client
    };
    let (_, _client) = tokio::join!(talking, pinging);
    // By what it said, not because it took nothing of the server's own ping.
    assert!(began.elapsed() < STALL_TIMEOUT, "{:?}", began.elapsed());
    assert!(!place.metric("sluicegate_slow_watchers_total{way=\"websocket\"} 1"));
    assert!(place.metric("sluicegate_watchers{way=\"websocket\"} 0"));
}

#[tokio::test(start_paused = true)]
async fn pings_to_a_job_that_has_nothing_new_are_answered_up_to_a_bound() {
    let (place, stop) = (Place::new(), CancellationToken::new());
    let job = place.submit(&NONE).await;
    let (client, talking) = client(&place, place.watch(job).await, &stop);
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    // As many within each time between two pings of the server are no offence, however long it goes on.
    for _ in 0..20 {
        for _ in 0..socket::MAX_HEARD_BYTES_PER_PING / 20 {
            client.send(Message::Ping("now".into())).await.unwrap();
        }
        let quiet = sleep(Duration::from_secs(15));
        tokio::pin!(quiet);
        loop {
            tokio::select! {
                said = client.next() => assert!(matches!(said, Some(Ok(_))), "{said:?}"),
                () = &mut quiet => break,
            }
        }
    }
    assert!(!talking.is_finished());
    talking.abort();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_silent_is_gone_and_one_that_answers_pings_is_not() {
    for answers in [false, true] {
        let (place, stop) = (Place::new(), CancellationToken::new());
        let job = place.submit(&NONE).await;
        let (client, talking) = client(&place, place.watch(job).await, &stop);
        let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        let reading = tokio::spawn(async move {
            // Whoever reads answers.
            while answers && client.next().await.is_some() {}
            std::future::pending::<()>().await;
        });
        sleep(Duration::from_secs(300)).await;
        assert_eq!(talking.is_finished(), !answers);
        reading.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn who_watches_comes_back_after_a_quarter_of_an_hour() {
    let (place, stop) = (Place::new(), CancellationToken::new());
    let job = place.submit(&NONE).await;
    let began = Instant::now();
    let (client, talking) = client(&place, place.watch(job).await, &stop);
    let watcher = place.live.watch(&NONE, job, Way::Events).await;
    let chunks = events::stream(watcher.unwrap().unwrap(), stop.clone());
    let socket = async {
        let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        let mut closed = None;
        while let Some(Ok(message)) = client.next().await {
            if let Message::Close(frame) = message {
                closed = frame.map(|frame| u16::from(frame.code));
            }
        }
        closed
    };
    let (closed, told) = tokio::join!(socket, chunks.count());
    assert_eq!((closed, began.elapsed()), (Some(1001), MAX_WATCH));
    assert!(told > 2, "{told}");
    talking.await.unwrap();
    for way in ["websocket", "events"] {
        assert!(place.metric(&format!("sluicegate_watchers{{way=\"{way}\"}} 0")));
    }
}

#[tokio::test(start_paused = true)]
async fn events_have_names_and_comments_and_end_with_the_service() {
    let (place, stop) = (Place::new(), CancellationToken::new());
    let job = place.submit(&NONE).await;
    let watcher = place
        .live
        .watch(&NONE, job, Way::Events)
        .await
        .unwrap()
        .unwrap();
    let mut chunks = std::pin::pin!(events::stream(watcher, stop.clone()));
    let mut text = async || {
        chunks
            .next()
            .await
            .map(|chunk| String::from_utf8(chunk.to_vec()).unwrap())
    };
    assert_eq!(text().await.unwrap(), "retry: 2000\n\n");
    let first = text().await.unwrap();
    let lines: Vec<&str> = first.lines().collect();
    assert!(
        lines[0].starts_with("id: queued-") && lines[1] == "event: progress",
        "{first}"
    );
    assert!(lines[2].starts_with("data: {\"type\":\"progress\"") && first.ends_with("}\n\n"));
    let began = Instant::now();
    assert_eq!(text().await.unwrap(), ": \n\n");
    assert_eq!(
        began.elapsed().as_secs(),
        events::COMMENT_INTERVAL.as_secs()
    );
    stop.cancel();
    assert_eq!(text().await, None);
}

/// A completed job with the longest message of its end.
async fn ended_with_all_kinds(place: &Place) -> Id {
    let job = place.submit(&NONE).await;
    let claim = place.claim().await;
    let mut saved = checkpoint(20, &[]);
    for field in 0..pipeline::MAX_KINDS {
        let problem = Problem::of_field("type", format!("f{field}"), "is not good");
        let raw = [1; pipeline::MAX_RAW_BYTES];
        let reject = Reject::new(Position::START, vec![problem], &raw);
        saved.books.summary.count(&reject);
    }
    assert!(place.queue.save(&claim, 0, &saved).await.unwrap());
    place.complete(&claim).await;
    job
}

#[tokio::test(start_paused = true)]
async fn who_reads_a_long_message_steadily_is_told_all_of_it() {
    let (place, stop) = (Place::new(), CancellationToken::new());
    let job = ended_with_all_kinds(&place).await;
    let (server, mut client) = tokio::io::duplex(socket::MAX_FRAME_BYTES);
    let talking = tokio::spawn(socket::talk(server, place.watch(job).await, stop));
    let began = Instant::now();
    let mut taken = 0;
    loop {
        use tokio::io::AsyncReadExt as _;
        sleep(STALL_TIMEOUT / 3).await;
        match client
            .read(&mut [0; socket::MAX_FRAME_BYTES])
            .await
            .unwrap()
        {
            0 => break,
            some => taken += some,
        }
    }
    talking.await.unwrap();
    assert!(taken > 1_000_000, "{taken}");
    assert!(
        began.elapsed() > 10 * STALL_TIMEOUT,
        "{:?}",
        began.elapsed()
    );
    assert!(!place.metric("sluicegate_slow_watchers_total{way=\"websocket\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_client_of_events_has_its_place_until_the_connection_has_all() {
    let (place, stop) = (Place::new(), CancellationToken::new());
    let job = ended_with_all_kinds(&place).await;
    let one = "sluicegate_watchers{way=\"events\"} 1";
    let watcher = async || {
        let watcher = place.live.watch(&NONE, job, Way::Events).await;
        watcher.unwrap().unwrap()
    };
    let expected = watcher().await.next().await.unwrap().framed;
    {
        let mut pieces = std::pin::pin!(events::stream(watcher().await, stop.clone()));
        let mut told = Vec::new();
        // It takes each piece late, and the last one too.
        while let Some(piece) = pieces.next().await {
            assert!(place.metric(one));
            assert!(piece.len() <= events::MAX_PIECE_BYTES, "{}", piece.len());
            told.extend_from_slice(&piece);
            sleep(STALL_TIMEOUT / 2).await;
        }
        assert!(place.metric("sluicegate_watchers{way=\"events\"} 0"));
        let begin = told.len() - expected.len();
        assert_eq!(told[begin..], expected);
    }
    // One that takes nothing keeps its place, and no more than a piece, until its connection is given up.
    let untaken = events::stream(watcher().await, stop);
    sleep(STALL_TIMEOUT * 2).await;
    assert!(place.metric("sluicegate_slow_watchers_total{way=\"events\"} 1"));
    assert!(place.metric(one));
    let mut left = std::pin::pin!(untaken);
    assert!(left.next().await.is_some());
    assert_eq!(left.next().await, None);
}
