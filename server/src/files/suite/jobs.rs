//! What jobs say about their files, and which files they keep from being removed.

use super::*;
use crate::queue::Release;

pub(super) async fn the_status_is_of_the_newest_job(store: Both) {
    let acme = tenant("acme");
    let file = store.uploaded(&acme).await;
    let other = store.uploaded(&acme).await;
    for state in [
        State::Completed,
        State::Failed,
        State::Held,
        State::Cancelled,
        State::InProgress,
        State::Queued,
    ] {
        store.a_moment().await;
        let job = store.job_in(&file, state).await;
        let seen = store.seen(&file).await.unwrap();
        let newest = store.queue.job(&acme, job).await.unwrap().unwrap();
        let expected = Outcome {
            state,
            failure: (state == State::Failed).then(|| failure().message),
            finished_ms: newest.finished_ms,
        };
        assert_eq!(seen.newest, Some(expected));
        assert_eq!(seen.status(), Status::of(true, Some(state)));
        assert_eq!(newest.finished_ms.is_some(), state.is_terminal());
        let listed = store.list(&acme, None, page(1, 10)).await;
        assert!(listed.items.contains(&seen), "{state:?}");
    }
    assert_eq!(store.status(&other).await, Some(Status::Uploaded));
    // A job lists every file of its content.
    let waiting = store.queue.newest_of_file(&acme, file.id).await.unwrap();
    let waiting = waiting.unwrap().id;
    let attached = store.queue.attach(&acme, waiting, other.id).await;
    assert!(attached.unwrap());
    assert_eq!(store.status(&other).await, Some(Status::Processing));
    // What was released keeps why, and has not failed.
    let release = Release {
        delay_ms: 0,
        failure: Some(failure()),
        charge: true,
        max_attempts: 3,
    };
    let claim = store.claimed().await;
    assert!(store.queue.release(&claim, &release).await.unwrap());
    let newest = store.seen(&other).await.unwrap().newest.unwrap();
    assert_eq!((newest.state, newest.failure), (State::Queued, None));
}

pub(super) async fn a_file_in_use_is_not_removed(store: Both) {
    let acme = tenant("acme");
    for state in State::ALL {
        let (file, second) = (store.uploaded(&acme).await, store.uploaded(&acme).await);
        let job = store.job_in(&file, state).await;
        let attached = store.queue.attach(&acme, job, second.id).await;
        assert!(attached.unwrap());
        // An older job that ended, a newer one: each counts.
        store.a_moment().await;
        let newer = store.queued(&second).await;
        store.queue.cancel(&acme, newer).await.unwrap();
        for file in [&file, &second] {
            let removed = store.files.remove(&acme, file.id).await.unwrap();
            assert_eq!(removed, state.is_terminal(), "{state:?}");
            assert_eq!(store.seen(file).await.is_none(), removed, "{state:?}");
        }
        store.queue.cancel(&acme, job).await.unwrap();
        for file in [&file, &second] {
            let removed = store.files.remove(&acme, file.id).await.unwrap();
            assert_eq!(removed, !state.is_terminal(), "{state:?}");
            assert_eq!(store.seen(file).await, None, "{state:?}");
        }
    }
    let begun = store.begun(&acme).await;
    assert!(!store.files.remove(&acme, begun.id).await.unwrap());
    assert!(!store.files.remove(&acme, id()).await.unwrap());
    assert_eq!(store.status(&begun).await, Some(Status::Uploading));
}

pub(super) async fn the_object_of_a_file_in_use_stays(store: Both) {
    let acme = tenant("acme");
    for state in State::ALL {
        for unless in [&State::RUNNABLE[..], &State::UNDONE, &[]] {
            let file = store.uploaded(&acme).await;
            let job = store.job_in(&file, state).await;
            let is_free = !unless.contains(&state);
            let gone = store.files.mark_gone(&acme, file.id, unless).await.unwrap();
            assert_eq!(gone, is_free, "{state:?} {unless:?}");
            let seen = store.seen(&file).await.unwrap();
            assert_eq!(seen.file.content_gone, is_free, "{state:?} {unless:?}");
            if is_free {
                // It was decided once, whatever jobs come: they have no bytes to read.
                let late = store.queued(&file).await;
                let again = store.files.mark_gone(&acme, file.id, &State::UNDONE);
                assert!(again.await.unwrap());
                assert!(store.files.remove(&acme, file.id).await.unwrap());
                store.queue.cancel(&acme, late).await.unwrap();
            }
            store.queue.cancel(&acme, job).await.unwrap();
        }
    }
}

/// Both at once, often: a job that was kept because its file was still there has a file, and one of the two is done.
pub(super) async fn of_removing_and_queueing_one_sees_the_other(store: Both) {
    let acme = tenant("acme");
    let (mut kept, mut removed) = (0, 0);
    for round in 0..40 {
        let file = store.uploaded(&acme).await;
        let removing = {
            let (store, file) = (store.clone(), file.clone());
            async move {
                store.delay(round % 3).await;
                let (files, tenant) = (&store.files, &file.tenant);
                if round % 2 == 0 {
                    return files.remove(tenant, file.id).await.unwrap();
                }
                let gone = files.mark_gone(tenant, file.id, &State::RUNNABLE);
                gone.await.unwrap() && files.remove(tenant, file.id).await.unwrap()
            }
        };
        let queueing = {
            let (store, file) = (store.clone(), file.clone());
            async move {
                store.delay(round / 3 % 3).await;
                let job = store.queued(&file).await;
                let seen = store.seen(&file).await;
                if seen.is_some_and(|seen| !seen.file.content_gone) {
                    return true;
                }
                store.queue.cancel(&file.tenant, job).await.unwrap();
                false
            }
        };
        let (was_removed, was_kept) = tokio::join!(tokio::spawn(removing), tokio::spawn(queueing));
        let (was_removed, was_kept) = (was_removed.unwrap(), was_kept.unwrap());
        assert_ne!(was_removed, was_kept, "one of the two is done, never both");
        assert_eq!(store.seen(&file).await.is_none(), was_removed);
        kept += u32::from(was_kept);
        removed += u32::from(was_removed);
    }
    println!("{kept} jobs were kept, {removed} files removed");
}

/// Several at once, often, as requests do it and the sweeper: each is told that the object is gone, and the file goes.
pub(super) async fn of_removals_at_once_none_is_in_the_way(store: Both) {
    let acme = tenant("acme");
    for round in 0..20 {
        let file = store.uploaded(&acme).await;
        let removals = [0, round % 3, round / 3 % 3].map(|questions| {
            let (store, file) = (store.clone(), file.clone());
            tokio::spawn(async move {
                store.delay(questions).await;
                let unless = &State::RUNNABLE;
                store.files.mark_gone(&file.tenant, file.id, unless).await
            })
        });
        for removal in removals {
            assert!(removal.await.unwrap().unwrap(), "round {round}");
        }
        assert!(store.seen(&file).await.unwrap().file.content_gone);
        let removals = [0, round % 3, round / 3 % 3].map(|questions| {
            let (store, file) = (store.clone(), file.clone());
            tokio::spawn(async move {
                store.delay(questions).await;
                store.files.remove(&file.tenant, file.id).await
            })
        });
        let mut removed = 0;
        for removal in removals {
            removed += u32::from(removal.await.unwrap().unwrap());
        }
        assert!(removed > 0, "round {round}");
        assert_eq!(store.seen(&file).await, None);
    }
}
