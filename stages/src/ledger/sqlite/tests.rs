//! Checkpoints and rejects over crashes, resets and changes of owner.

use super::*;
use pipeline::{Books, Counters, Problem, Tally};

fn checkpoint(read: u64) -> Checkpoint {
    let mut books = Books::open(Position::START, 1);
    books.end.ordinal = read;
    books.counters = Counters {
        read,
        loaded: read,
        ..Counters::default()
    };
    Checkpoint {
        counted_from: Tally::from(&books.counters),
        books,
        mark: Some(read * 10),
        head: "[\"a\",\"b\"]".into(),
        bytes_read: 0,
        carried: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        busy: None,
    }
}

fn reject(ordinal: u64) -> Reject {
    let at = Position {
        ordinal,
        line: ordinal + 2,
        offset: ordinal * 10,
    };
    let problem = Problem::of_field("type", "n", format!("`x{ordinal}` is no integer"));
    Reject::new(
        at,
        vec![problem, Problem::of_record("late", "ä")],
        b"x\xff\0",
    )
}

fn rejects(ordinals: impl IntoIterator<Item = u64>) -> Vec<Reject> {
    ordinals.into_iter().map(reject).collect()
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&self, job: &str, owner: &str, fence: u64) -> Result<RunLedger, &'static str> {
        let path = self.0.path().join("state.db");
        let opened = RunLedger::open(&path, job, owner, fence).await;
        opened.map_err(|fatal| fatal.code)
    }
}

fn stored(ledger: &RunLedger) -> Vec<Reject> {
    ledger.rejects().unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_process_that_comes_back_finds_what_was_saved() {
    let place = Place::new();
    let ledger = place.open("j", "a", 1).await.unwrap();
    assert_eq!(ledger.load_checkpoint().await.unwrap(), None);
    ledger.save(&checkpoint(5)).await.unwrap();
    ledger.store_rejects(&rejects([2, 6])).await.unwrap();
    ledger.save(&checkpoint(7)).await.unwrap();
    drop(ledger);
    let ledger = place.open("j", "a", 1).await.unwrap();
    assert_eq!(ledger.load_checkpoint().await.unwrap(), Some(checkpoint(7)));
    assert_eq!(stored(&ledger), rejects([2, 6]));
    let other = place.open("k", "b", 1).await.unwrap();
    assert_eq!(other.load_checkpoint().await.unwrap(), None);
    assert_eq!(other.stored_rejects().await.unwrap(), 0);
}

#[tokio::test]
async fn a_reject_is_stored_once() {
    let place = Place::new();
    let ledger = place.open("j", "a", 1).await.unwrap();
    ledger.store_rejects(&[]).await.unwrap();
    for batch in [rejects([9, 10]), rejects([3, 4]), rejects([4, 5, 10])] {
        ledger.store_rejects(&batch).await.unwrap();
    }
    assert_eq!(ledger.stored_rejects().await.unwrap(), 5);
    assert_eq!(stored(&ledger), rejects([3, 4, 5, 9, 10]));
}

#[tokio::test]
async fn a_resumed_run_removes_what_lies_beyond_its_checkpoint() {
    let place = Place::new();
    let ledger = place.open("j", "a", 1).await.unwrap();
    let other = place.open("k", "a", 1).await.unwrap();
    for ledger in [&ledger, &other] {
        ledger.store_rejects(&rejects(0..5)).await.unwrap();
    }
    ledger.remove_rejects_from(3).await.unwrap();
    assert_eq!(stored(&ledger), rejects(0..3));
    assert_eq!(
        other.stored_rejects().await.unwrap(),
        5,
        "another job's stay"
    );
}

#[tokio::test]
async fn a_reset_forgets_checkpoint_and_rejects() {
    let place = Place::new();
    let ledger = place.open("j", "a", 1).await.unwrap();
    ledger.save(&checkpoint(5)).await.unwrap();
    ledger.store_rejects(&rejects(0..3)).await.unwrap();
    ledger.reset().await.unwrap();
    assert_eq!(ledger.load_checkpoint().await.unwrap(), None);
    assert_eq!(stored(&ledger), rejects([]));
    ledger.store_rejects(&rejects([1])).await.unwrap();
    assert_eq!(stored(&ledger), rejects([1]));
    assert_eq!(ledger.stored_rejects().await.unwrap(), 1);
}

#[tokio::test]
async fn what_was_approved_stays_so_and_counts_anew_once() {
    let place = Place::new();
    let ledger = place.open("j", "a", 1).await.unwrap();
    let from_start = |read| Checkpoint {
        counted_from: Tally::default(),
        ..checkpoint(read)
    };
    let columns = || Cause::UnknownColumns(vec!["x".into()]);
    let approve = async |ledger: &RunLedger| {
        let saved = ledger.load_checkpoint().await.unwrap().unwrap();
        let (checkpoint, accepted) = ledger.approve(saved).await.unwrap();
        (checkpoint.counted_from.read, accepted.covers(&columns()))
    };
    ledger.save(&from_start(5)).await.unwrap();
    assert_eq!(approve(&ledger).await, (0, false), "it is not held");
    ledger.note_state("held", Some(&columns())).await.unwrap();
    assert_eq!(approve(&ledger).await, (0, true), "only errors count anew");
    ledger.note_state("interrupted", None).await.unwrap();
    let ledger = place.open("j", "b", 2).await.unwrap();
    assert_eq!(approve(&ledger).await, (0, true));
    ledger
        .note_state("held", Some(&Cause::Errors))
        .await
        .unwrap();
    assert_eq!(approve(&ledger).await, (5, true));
    // The process dies further on: it was held for nothing since.
    let on = Checkpoint {
        counted_from: ledger
            .load_checkpoint()
            .await
            .unwrap()
            .unwrap()
            .counted_from,
        ..checkpoint(9)
    };
    ledger.save(&on).await.unwrap();
    let ledger = place.open("j", "c", 3).await.unwrap();
    assert_eq!(approve(&ledger).await, (5, true));
    ledger.reset().await.unwrap();
    ledger.save(&from_start(1)).await.unwrap();
    assert_eq!(approve(&ledger).await, (0, false));
}

#[tokio::test]
async fn an_owner_who_lost_the_job_stores_nothing() {
    let place = Place::new();
    let old = place.open("j", "a", 1).await.unwrap();
    old.save(&checkpoint(5)).await.unwrap();
    let new = place.open("j", "b", 2).await.unwrap();
    let lost = |result: Result<(), Fatal>| assert_eq!(result.unwrap_err().code, "lease_lost");
    lost(old.save(&checkpoint(9)).await);
    lost(old.store_rejects(&rejects([1])).await);
    lost(old.remove_rejects_from(0).await);
    lost(old.reset().await);
    lost(old.note_state("completed", None).await);
    lost(old.approve(checkpoint(9)).await.map(drop));
    assert_eq!(new.load_checkpoint().await.unwrap(), Some(checkpoint(5)));
    assert_eq!(new.stored_rejects().await.unwrap(), 0);
    new.save(&checkpoint(6)).await.unwrap();
    new.note_state("completed", None).await.unwrap();
    assert_eq!(place.open("j", "a", 1).await.err(), Some("lease_lost"));
    assert_eq!(place.open("j", "a", 2).await.err(), Some("lease_lost"));
    assert!(place.open("j", "a", 3).await.is_ok());
}

#[tokio::test]
async fn rejects_beyond_a_page_come_in_the_order_of_the_file() {
    let place = Place::new();
    let ledger = place.open("j", "a", 1).await.unwrap();
    let many = || (0..3 * u64::from(PAGE_REJECTS)).map(|n| n * 7);
    let mut backwards: Vec<_> = many().collect();
    backwards.reverse();
    for batch in backwards.chunks(100) {
        ledger
            .store_rejects(&rejects(batch.iter().copied()))
            .await
            .unwrap();
    }
    assert_eq!(stored(&ledger), rejects(many()));
}
