//! Rejects that are sent again: one job at a time has the turn, and what it loaded moves once.

use super::*;
use crate::queue::{Moved, Turn};

fn moved(loaded: u64, revision: u32) -> Moved {
    let mut checkpoint = checkpoint(10);
    checkpoint.books.counters.loaded = loaded;
    checkpoint.head = "{\"$head\":1}".to_owned();
    Moved {
        checkpoint,
        receipt: Receipt {
            revision,
            ..receipt()
        },
    }
}

pub(super) async fn one_job_at_a_time_has_the_turn(store: Store) {
    let tenant = tenant("acme");
    let (job, _) = in_state(&store, &tenant, State::Completed).await;
    assert_eq!((job.parent, job.child), (None, None));
    let (first, second) = (id(), id());
    let begin = async |before, child| {
        let begun = store.begin_resubmit(&tenant, job.id, before, child).await;
        begun.unwrap()
    };
    assert!(!begin(Some(second), first).await, "nobody had it");
    assert!(begin(None, first).await);
    assert!(begin(None, first).await, "it has it already");
    assert!(begin(Some(second), first).await, "whoever was seen");
    assert!(!begin(None, second).await);
    let turn = |job, is_moved| Some(Turn { job, is_moved });
    assert_eq!(get(&store, &job).await.child, turn(first, false));
    assert!(begin(Some(first), second).await);
    assert_eq!(get(&store, &job).await.child, turn(second, false));
    assert!(!begin(None, first).await);

    let elsewhere = Tenant::NONE;
    let begun = store
        .begin_resubmit(&elsewhere, job.id, Some(second), first)
        .await;
    assert!(!begun.unwrap(), "another tenant's");
    let begun = store.begin_resubmit(&tenant, id(), None, first).await;
    assert!(!begun.unwrap(), "nobody's");
    // A queued one last: who claims would get it.
    for state in State::UNDONE.into_iter().rev() {
        let (job, _) = in_state(&store, &tenant, state).await;
        let begun = store.begin_resubmit(&tenant, job.id, None, first).await;
        assert!(!begun.unwrap(), "{state:?}");
    }
}

pub(super) async fn what_was_sent_again_moves_once(store: Store) {
    let tenant = tenant("acme");
    let (job, _) = in_state(&store, &tenant, State::Completed).await;
    let (first, second) = (id(), id());
    let moves = async |child, what: &Moved| {
        let moved = store.move_resubmitted(&tenant, job.id, child, what).await;
        moved.unwrap()
    };
    assert!(!moves(first, &moved(1, 2)).await, "it has no turn");
    let begun = store.begin_resubmit(&tenant, job.id, None, first).await;
    assert!(begun.unwrap());
    assert!(!moves(second, &moved(1, 2)).await, "another one's turn");
    assert!(moves(first, &moved(7, 2)).await);
    let now = get(&store, &job).await;
    assert_eq!(now.checkpoint, Some(moved(7, 2).checkpoint));
    assert_eq!(now.receipt, Some(moved(7, 2).receipt));
    assert_eq!(
        (now.state, now.finished_ms),
        (State::Completed, job.finished_ms)
    );
    assert!(now.child.unwrap().is_moved);
    assert!(moves(first, &moved(9, 3)).await, "it finds that it did");
    assert_eq!(get(&store, &job).await.receipt, now.receipt);
    // Its turn stays moved, whoever asks for it again; the next one's is not.
    for (before, child, is_moved) in [(None, first, true), (Some(first), second, false)] {
        let begun = store.begin_resubmit(&tenant, job.id, before, child).await;
        assert!(begun.unwrap());
        assert_eq!(get(&store, &job).await.child.unwrap().is_moved, is_moved);
    }
    assert!(!moves(first, &moved(9, 3)).await, "its turn is over");
    assert!(moves(second, &moved(8, 3)).await);
    assert_eq!(get(&store, &job).await.receipt, Some(moved(8, 3).receipt));

    // A child says whose it is.
    let new = NewJob {
        parent: Some(job.id),
        ..new_job(&tenant)
    };
    let child = store.submit(&new).await.unwrap();
    assert_eq!(child.parent, Some(job.id));
    assert_eq!(get(&store, &child).await.parent, Some(job.id));
}
