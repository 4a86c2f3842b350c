//! What clients ask of jobs: retry, reset, approve, and one job for several files.

use super::*;
use crate::queue::MAX_FILES;
use futures::{StreamExt as _, stream};

pub(super) async fn a_retry_goes_on_and_a_reset_begins_anew(store: Store) {
    let tenant = tenant("acme");
    let (job, claim) = taken(&store, &tenant).await;
    let mut accepted = Accepted::default();
    accepted.accept(Cause::MinRecords);
    assert!(store.save(&claim, 0, &checkpoint(5)).await.unwrap());
    assert!(store.hold(&claim, &progress(7), &held()).await.unwrap());
    let approval = Approval {
        accepted: accepted.clone(),
        max_rejects: Some(8),
        ..approval()
    };
    let approved = store.approve(&tenant, job.id, claim.fence, &approval).await;
    done(approved.unwrap());
    let (_, claim) = taken_again(&store, job.id).await;
    assert!(
        store
            .fail(&claim, &progress(7), &failure("x"))
            .await
            .unwrap()
    );

    let job = done(store.retry(&tenant, job.id, false).await.unwrap());
    assert_eq!((job.state, job.run, job.attempts), (State::Queued, 0, 0));
    assert_eq!(
        (&job.checkpoint, &job.progress),
        (&Some(checkpoint(5)), &progress(7))
    );
    assert_eq!((&job.accepted, job.max_rejects), (&accepted, Some(8)));
    assert!(job.started_ms.is_some());
    let (_, claim) = taken_again(&store, job.id).await;
    assert!(store.save(&claim, 5, &checkpoint(6)).await.unwrap());
    done(store.cancel(&tenant, job.id).await.unwrap());

    let job = done(store.retry(&tenant, job.id, true).await.unwrap());
    assert_eq!((job.state, job.run, job.attempts), (State::Queued, 1, 0));
    assert_eq!(
        (job.fence, job.started_ms),
        (3, None),
        "the fence never goes back"
    );
    assert_eq!((&job.checkpoint, job.progress.furthest), (&None, 0));
    assert_eq!((job.progress.bytes_read, &job.progress.busy), (0, &None));
    assert_eq!(
        job.progress.bytes_total,
        Some(1_000),
        "the object is the same"
    );
    assert_eq!(
        (&job.accepted, job.max_rejects),
        (&Accepted::default(), None)
    );
    assert_eq!(
        (&job.held, &job.failure, job.finished_ms),
        (&None, &None, None)
    );
    let (_, claim) = taken_again(&store, job.id).await;
    assert_eq!(claim.run, 1);
    assert!(
        store.save(&claim, 0, &checkpoint(1)).await.unwrap(),
        "no checkpoint is before it"
    );
}

pub(super) async fn a_changed_spec_is_not_reset(store: Store) {
    let tenant = tenant("acme");
    let (job, claim) = in_state(&store, &tenant, State::Held).await;
    assert!(!job.spec_changed);
    let approval = Approval {
        spec: Some(spec("orders", 4)),
        checkpoint: Some(checkpoint(7)),
        ..approval()
    };
    assert_eq!(job.spec_from, None);
    let from = approval.spec_from();
    assert!(from.is_some_and(|from| from > 0));
    let approved = store.approve(&tenant, job.id, claim.fence, &approval).await;
    let job = done(approved.unwrap());
    assert_eq!((job.spec_changed, &job.spec), (true, &spec("orders", 4)));
    assert_eq!(job.spec_from, from);
    done(store.cancel(&tenant, job.id).await.unwrap());
    let job = refused(store.retry(&tenant, job.id, true).await.unwrap());
    assert_eq!((job.state, job.run), (State::Cancelled, 0));
    let job = done(store.retry(&tenant, job.id, false).await.unwrap());
    assert_eq!((job.spec_changed, &job.spec), (true, &spec("orders", 4)));
    assert_eq!(job.spec_from, from, "it goes on from there");
}

pub(super) async fn an_approval_counts_for_its_fence_number_only(store: Store) {
    let tenant = tenant("acme");
    let (job, claim) = in_state(&store, &tenant, State::Held).await;
    for wrong in [0, claim.fence - 1, claim.fence + 1, 99] {
        let approved = store.approve(&tenant, job.id, wrong, &approval()).await;
        assert_eq!(shown(&refused(approved.unwrap())), shown(&job));
    }
    // Held again, it is held for another cause.
    let approved = store
        .approve(&tenant, job.id, claim.fence, &approval())
        .await;
    done(approved.unwrap());
    let (_, second) = taken_again(&store, job.id).await;
    assert!(store.hold(&second, &progress(1), &held()).await.unwrap());
    let late = store
        .approve(&tenant, job.id, claim.fence, &approval())
        .await;
    assert_eq!(refused(late.unwrap()).state, State::Held);
    let approved = store
        .approve(&tenant, job.id, second.fence, &approval())
        .await;
    assert_eq!(done(approved.unwrap()).held, None);
}

pub(super) async fn an_approval_says_where_it_goes_on(store: Store) {
    let tenant = tenant("acme");
    let (job, claim) = taken(&store, &tenant).await;
    assert!(store.save(&claim, 0, &checkpoint(5)).await.unwrap());
    assert!(store.hold(&claim, &progress(5), &held()).await.unwrap());
    let anew = Checkpoint {
        counted_from: Tally {
            read: 5,
            rejected: 1,
        },
        ..checkpoint(5)
    };
    let mut accepted = Accepted::default();
    accepted.accept(held().cause);
    let approval_of = |accepted: &Accepted, checkpoint: Option<Checkpoint>| Approval {
        accepted: accepted.clone(),
        checkpoint,
        ..approval()
    };
    let first = approval_of(&accepted, Some(anew.clone()));
    let approved = store.approve(&tenant, job.id, claim.fence, &first).await;
    let job = done(approved.unwrap());
    assert_eq!((job.state, &job.held), (State::Queued, &None));
    assert_eq!(
        (&job.checkpoint, &job.accepted),
        (&Some(anew.clone()), &accepted)
    );
    assert_eq!((job.max_rejects, job.due_ms), (None, job.queued_ms));
    let (job, claim) = taken_again(&store, job.id).await;
    assert_eq!(job.checkpoint, Some(anew.clone()));
    let onward = Checkpoint {
        counted_from: anew.counted_from,
        ..checkpoint(8)
    };
    assert!(store.save(&claim, 5, &onward).await.unwrap());
    assert!(store.hold(&claim, &progress(8), &held()).await.unwrap());
    let second = Approval {
        max_rejects: Some(100),
        ..approval_of(&accepted, None)
    };
    let approved = store.approve(&tenant, job.id, claim.fence, &second).await;
    let job = done(approved.unwrap());
    assert_eq!(job.checkpoint, Some(onward), "it goes on where it was");
    assert_eq!(job.max_rejects, Some(100));

    // Somebody's word is no progress.
    let (_, claim) = taken_again(&store, job.id).await;
    assert!(store.release(&claim, &release(0, true)).await.unwrap());
    let (job, claim) = taken_again(&store, job.id).await;
    assert!(store.hold(&claim, &progress(8), &held()).await.unwrap());
    let third = approval_of(&accepted, None);
    let approved = store.approve(&tenant, job.id, claim.fence, &third).await;
    let approved = done(approved.unwrap());
    assert_eq!((approved.attempts, approved.max_rejects), (1, Some(100)));
}

pub(super) async fn files_are_attached_once_and_bounded(store: Store) {
    let tenant = tenant("acme");
    let job = submit(&store, &tenant).await;
    let (first, second) = (id(), id());
    for file in [first, second, first, job.files[0]] {
        assert!(store.attach(&tenant, job.id, file).await.unwrap());
    }
    let expected = vec![job.files[0], first, second];
    assert_eq!(
        get(&store, &job).await.files,
        expected,
        "in order, each once"
    );
    assert!(
        !store.attach(&tenant, id(), first).await.unwrap(),
        "there is no such job"
    );

    let more = stream::iter((expected.len()..MAX_FILES).map(|_| id()));
    let attached = more.map(|file| {
        let (store, tenant) = (store.clone(), tenant.clone());
        async move { store.attach(&tenant, job.id, file).await.unwrap() }
    });
    let attached: Vec<bool> = attached.buffer_unordered(CONCURRENT).collect().await;
    assert!(attached.iter().all(|attached| *attached));
    assert!(
        !store.attach(&tenant, job.id, id()).await.unwrap(),
        "it is full"
    );
    assert!(
        store.attach(&tenant, job.id, first).await.unwrap(),
        "it is there"
    );
    let files = get(&store, &job).await.files;
    assert_eq!((files.len(), &files[..3]), (MAX_FILES, &expected[..]));
}
