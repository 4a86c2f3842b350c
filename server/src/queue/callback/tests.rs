//! The record by itself: what becomes due, who has it, what a try leaves, and what is remembered.

use super::*;

fn tried(error: Option<&str>, again_ms: Option<u64>) -> Sent {
    Sent::Tried {
        status: Some(500),
        error: error.map(str::to_owned),
        duration_ms: 7,
        again_ms,
    }
}

fn completed_at(now_ms: u64) -> Callback {
    let mut callback = Callback::new("https://example.com/");
    callback.came_to(State::Completed, now_ms, Told::default());
    callback
}

#[test]
fn ends_and_holds_are_told_and_nothing_else() {
    let mut callback = Callback::new("https://example.com/");
    for state in State::ALL {
        callback.came_to(state, 10, Told::default());
    }
    let told: Vec<_> = callback.events.iter().map(|event| &*event.state).collect();
    assert_eq!(told, ["held", "completed", "failed", "cancelled"]);
    assert_eq!((callback.due_ms, callback.last_event), (Some(10), 4));
}

#[test]
fn a_host_is_the_same_however_it_is_written() {
    for (url, host) in [
        ("https://Example.COM./a?b", "example.com"),
        ("https://example.com:8443", "example.com"),
        ("http://127.1/", "127.0.0.1"),
        ("http://[::1]:80/", "[::1]"),
        ("nothing", ""),
    ] {
        assert_eq!(Callback::new(url).host(), host, "{url}");
    }
}

#[test]
fn one_sender_has_it_until_its_lease_runs_out() {
    let mut callback = completed_at(10);
    assert!(!callback.claim("early", 9, 100));
    assert!(callback.claim("first", 10, 100));
    assert!(!callback.claim("second", 109, 100));
    assert!(callback.claim("second", 110, 100), "the first one died");
    assert!(!callback.note("first", 1, &tried(None, None), 111));
    assert!(callback.note("second", 1, &tried(None, None), 111));
    assert_eq!(callback.events[0].delivery, Delivery::Delivered);
    assert_eq!((callback.due_ms, callback.owner), (None, None));
    assert_eq!(callback.log.len(), 1, "who lost it logs nothing");
}

#[test]
fn a_failure_is_tried_again_and_at_last_given_up() {
    let mut callback = completed_at(10);
    assert!(callback.claim("a", 10, 100));
    assert!(callback.note("a", 1, &tried(Some("no"), Some(5)), 20));
    assert_eq!(callback.events[0].delivery, Delivery::Pending);
    assert_eq!(callback.due_ms, Some(25));
    assert!(callback.claim("b", 25, 100));
    assert!(callback.note("b", 1, &tried(Some("no"), None), 30));
    assert_eq!(callback.events[0].delivery, Delivery::Failed);
    assert_eq!((callback.due_ms, callback.events[0].attempts), (None, 2));

    assert!(callback.resend(1, 40), "it begins anew");
    assert_eq!(
        (callback.due_ms, callback.events[0].attempts),
        (Some(40), 0)
    );
    assert_eq!(callback.next().map(|event| event.n), Some(1), "as the same");
    assert!(!callback.resend(3, 40), "there was no third try");
}

#[test]
fn what_becomes_due_while_one_is_sent_is_sent_behind_it() {
    let mut callback = Callback::new("https://example.com/");
    callback.came_to(State::Held, 10, Told::default());
    assert!(callback.claim("a", 10, 100));
    callback.came_to(State::Completed, 11, Told::default());
    assert!(!callback.claim("b", 12, 100), "one at a time");
    assert!(callback.note("a", 1, &tried(Some("no"), Some(60_000)), 20));
    assert_eq!(callback.due_ms, Some(11), "the second does not wait");
    assert!(callback.claim("b", 21, 100));
    assert_eq!(callback.next().map(|event| event.n), Some(2));
}

#[test]
fn no_secret_of_a_url_is_shown() {
    let callback = Callback::new("https://hidden:hidden@example.com/a?token=hidden#hidden");
    let shown = format!("{callback:?}");
    assert!(
        shown.contains("example.com/…") && !shown.contains("hidden"),
        "{shown}"
    );
}

#[test]
fn a_try_is_known_from_its_begin_to_its_end() {
    let mut callback = completed_at(10);
    assert!(callback.claim("dead", 10, 100));
    let taken = |at_ms, attempt| Taken {
        event: 1,
        at_ms,
        attempt,
        is_asked_again: false,
    };
    assert_eq!(callback.taken, Some(taken(10, 1)));
    assert!(callback.claim("a", 110, 100), "the first one died");
    assert_eq!(
        callback.taken,
        Some(taken(110, 1)),
        "it is no try of before"
    );
    assert!(callback.note("a", 1, &tried(Some("no"), Some(5)), 120));
    assert_eq!(callback.taken, None);
    assert!(callback.claim("b", 125, 100));
    assert_eq!(callback.taken, Some(taken(125, 2)));
    callback.give_back();
    assert_eq!(callback.taken, None);
}

#[test]
fn what_is_asked_for_while_it_is_sent_is_sent_once_more() {
    for (error, again_ms) in [(None, None), (Some("no"), None), (Some("no"), Some(60_000))] {
        let mut callback = completed_at(10);
        assert!(callback.claim("a", 10, 100));
        assert!(callback.note("a", 1, &tried(Some("no"), Some(5)), 20));
        assert!(callback.claim("b", 25, 100));
        assert!(callback.resend(1, 30));
        assert!(callback.note("b", 1, &tried(error, again_ms), 40));
        let tries: Vec<_> = callback.log.iter().map(|one| one.attempt).collect();
        assert_eq!(tries, [1, 2], "the log says which try it was");
        assert_eq!(callback.due_ms, Some(30), "{error:?}");
        assert!(callback.claim("c", 40, 100));
        assert_eq!(callback.taken.as_ref().map(|taken| taken.attempt), Some(1));
    }
}

#[test]
fn what_is_put_back_is_no_try() {
    let mut callback = completed_at(10);
    assert!(callback.claim("a", 10, 100));
    assert!(callback.note("a", 1, &Sent::PutBack { delay_ms: 5 }, 20));
    assert_eq!(
        (callback.due_ms, callback.events[0].attempts),
        (Some(25), 0)
    );
    assert!(callback.log.is_empty());
}

#[test]
fn what_waits_is_not_forgotten_for_what_comes() {
    let mut callback = Callback::new("https://example.com/");
    let more = MAX_EVENTS as u64 + 5;
    for n in 1..=more {
        callback.came_to(State::Failed, n, Told::default());
    }
    let numbers = |callback: &Callback| -> Vec<u64> {
        let waiting = callback
            .events
            .iter()
            .filter(|event| event.next_ms.is_some());
        waiting.map(|event| event.n).collect()
    };
    let first: Vec<u64> = (1..=MAX_PENDING as u64).collect();
    assert_eq!(numbers(&callback), first);
    let newest = callback.newest().unwrap();
    assert_eq!((newest.n, newest.delivery), (more, Delivery::Failed));
    assert_eq!(callback.events.len(), MAX_EVENTS);

    // The tries tell of it, and it can be asked for.
    assert!(callback.claim("a", more, 100));
    let logged: Vec<_> = callback.log.iter().map(|one| (one.n, one.event)).collect();
    assert_eq!(logged, [(1, more)]);
    assert!(callback.log[0].error.as_ref().unwrap().contains("waiting"));
    assert!(callback.note("a", 1, &tried(None, None), more));
    assert!(callback.resend(1, more));
    assert_eq!(numbers(&callback).last(), Some(&more));

    // What was delivered goes for what comes, however old the others are.
    callback.came_to(State::Completed, more + 1, Told::default());
    assert_eq!(callback.newest().unwrap().delivery, Delivery::Failed);
    let kept: Vec<u64> = callback.events.iter().map(|event| event.n).collect();
    assert!(!kept.contains(&1) && kept.contains(&2) && kept.len() == MAX_EVENTS);

    // Where all were asked for again, one more has no place.
    for event in &mut callback.events {
        event.next_ms = Some(1);
    }
    callback.came_to(State::Failed, more + 2, Told::default());
    let still: Vec<u64> = callback.events.iter().map(|event| event.n).collect();
    assert_eq!((still, callback.last_event), (kept, more + 2));
}

#[test]
fn events_and_tries_are_bounded() {
    let mut callback = Callback::new("https://example.com/");
    for n in 1..=MAX_EVENTS as u64 + 5 {
        callback.came_to(State::Failed, n, Told::default());
        assert!(callback.claim("a", n, 100));
        assert!(callback.note("a", n, &tried(None, None), n));
    }
    assert_eq!(callback.events.len(), MAX_EVENTS);
    assert_eq!(callback.log.len(), MAX_ATTEMPTS_LOGGED);
    assert_eq!(callback.log[0].n, 6, "numbers go on");
    assert!(!callback.resend(1, 9), "it is forgotten");
}
