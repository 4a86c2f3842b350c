//! What is said of a job at rest is long: it is there once, whoever takes it, and by whichever way.

use super::*;
use std::collections::BTreeSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

const CLIENTS: usize = 256;

/// A held job with as many kinds of rejects as there can be.
async fn held(place: &Place) -> Id {
    let job = place.submit(&NONE).await;
    let claim = place.claim().await;
    let mut saved = checkpoint(20, &[]);
    for field in 0..pipeline::MAX_KINDS {
        let problem = Problem::of_field("type", format!("f{field}"), "is not good");
        let raw = [b'x'; pipeline::MAX_RAW_BYTES];
        let reject = Reject::new(Position::START, vec![problem], &raw);
        saved.books.summary.count(&reject);
    }
    assert!(place.queue.save(&claim, 0, &saved).await.unwrap());
    let held = Held {
        cause: Cause::Errors,
        message: "too many rejects".to_owned(),
    };
    assert!(place.queue.hold(&claim, &progress(7), &held).await.unwrap());
    job
}

/// What a client is told up to the message of this type.
async fn told(watcher: &mut Watcher, event: &str) -> Text {
    loop {
        let text = watcher.next().await.expect("a message");
        if text.event == event {
            return text;
        }
    }
}

/// Where the bytes of texts are, each place once.
fn places(texts: &[Text]) -> BTreeSet<*const u8> {
    let framed = texts.iter().map(|text| text.framed.as_ptr_range());
    let json = texts.iter().map(|text| text.json.as_ptr_range());
    for (json, framed) in json.zip(framed.clone()) {
        assert!(framed.start < json.start && json.end < framed.end);
    }
    framed.map(|range| range.start).collect()
}

#[tokio::test(start_paused = true)]
async fn a_long_message_is_there_once_for_all_who_take_it() {
    let place = Place::new();
    let job = held(&place).await;
    let (mut watchers, mut texts) = (Vec::new(), Vec::new());
    for _ in 0..CLIENTS {
        let mut watcher = place.watch(job).await;
        texts.push(told(&mut watcher, "held").await);
        watchers.push(watcher);
    }
    assert!(texts[0].json.len() > 100_000, "{}", texts[0].json.len());
    assert_eq!(places(&texts).len(), 1);

    place.queue.cancel(&NONE, job).await.unwrap();
    let mut ends = Vec::new();
    for watcher in &mut watchers {
        ends.push(told(watcher, "cancelled").await);
        assert_eq!(watcher.next().await, None);
    }
    // Their places are free; what was told is still on its way to them.
    drop(watchers);
    assert_eq!(place.live.0.lock().clients, 0);
    for _ in 0..CLIENTS {
        ends.push(told(&mut place.watch(job).await, "cancelled").await);
    }
    assert_eq!(places(&ends).len(), 1);
    assert_ne!(places(&ends), places(&texts));

    // And it goes when nobody takes it any more.
    drop(ends);
    drop(place.watch(job).await);
    let left = place.live.0.lock();
    let left = left.ended.values().map(Weak::strong_count);
    assert_eq!(left.sum::<usize>(), 0);
}

#[tokio::test(start_paused = true)]
async fn clients_that_come_at_once_have_one_message() {
    let place = Place::new();
    let job = held(&place).await;
    let coming = (0..CLIENTS).map(|_| place.watch(job));
    let mut watchers = futures::future::join_all(coming).await;
    let mut texts = Vec::new();
    for watcher in &mut watchers {
        texts.push(told(watcher, "held").await);
    }
    assert_eq!(places(&texts).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_ended_jobs_a_bounded_number_is_known_and_all_are_told() {
    let place = Place::new();
    let mut ends = Vec::new();
    for _ in 0..MAX_ENDED + 2 {
        let job = place.submit(&NONE).await;
        place.queue.cancel(&NONE, job).await.unwrap();
        ends.push(told(&mut place.watch(job).await, "cancelled").await);
    }
    assert_eq!(places(&ends).len(), MAX_ENDED + 2);
    let known = || place.live.0.lock().ended.len();
    assert_eq!(known(), MAX_ENDED);
    ends.clear();
    let job = place.submit(&NONE).await;
    place.queue.cancel(&NONE, job).await.unwrap();
    told(&mut place.watch(job).await, "cancelled").await;
    assert!(known() <= 1, "{}", known());
}

#[tokio::test(start_paused = true)]
async fn a_long_message_is_one_text_in_short_frames() {
    let (place, stop) = (Place::new(), CancellationToken::new());
    let job = held(&place).await;
    let expected = told(&mut place.watch(job).await, "held").await;
    let (server, client) = tokio::io::duplex(64 * 1024);
    let talking = tokio::spawn(socket::talk(server, place.watch(job).await, stop.clone()));
    // A client that takes no longer frames.
    let config = WebSocketConfig::default().max_frame_size(Some(socket::MAX_FRAME_BYTES));
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, Some(config)).await;
    let mut last = None;
    while last.as_ref() != Some(&expected.json) {
        match client.next().await.unwrap().unwrap() {
            Message::Text(text) => last = Some(text.into()),
            other => panic!("{other:?}"),
        }
    }
    stop.cancel();
    while let Some(Ok(_)) = client.next().await {}
    talking.await.unwrap();
}
