//! What nobody but the owner of the present claim can change, and what no other tenant can see.

use super::*;
use crate::queue::Filter;

/// Asks for everything that a worker may do; whether each was done.
async fn everything(store: &Store, claim: &Claim, previous: u64) -> Vec<bool> {
    let end = progress(1_000);
    vec![
        store.renew(claim, &renewal(1_000)).await.unwrap(),
        store
            .save(claim, previous, &checkpoint(1_000))
            .await
            .unwrap(),
        store.finish(claim, &end, &receipt()).await.unwrap(),
        store.fail(claim, &end, &failure("late")).await.unwrap(),
        store.hold(claim, &end, &held()).await.unwrap(),
        store.release(claim, &release(0, true)).await.unwrap(),
    ]
}

/// Checks that this claim can do nothing to `job`.
async fn is_fenced_off(store: &Store, claim: &Claim, job: &Job, why: &str) {
    let before = shown(&get(store, job).await);
    assert_eq!(everything(store, claim, 0).await, [false; 6], "{why}");
    assert_eq!(shown(&get(store, job).await), before, "{why}");
}

pub(super) async fn a_late_worker_changes_nothing(store: Store) {
    let tenant = tenant("acme");
    let job = submit(&store, &tenant).await;
    let late = taken_briefly(&store, job.id).await;
    let next = wait_for("an expired lease", async || claim(&store).await).await;
    assert_eq!((next.id, next.fence), (job.id, 2));
    is_fenced_off(&store, &late, &job, "another worker has it").await;
    let next = next.claim().unwrap();
    assert!(store.save(&next, 0, &checkpoint(3)).await.unwrap());
    is_fenced_off(&store, &late, &job, "another worker has saved").await;
    assert!(store.release(&next, &release(0, false)).await.unwrap());
    is_fenced_off(&store, &late, &job, "it waits again").await;
    let (_, last) = taken_again(&store, job.id).await;
    is_fenced_off(&store, &late, &job, "a third one has it").await;
    is_fenced_off(&store, &next, &job, "the released claim is over").await;
    assert!(store.save(&last, 3, &checkpoint(4)).await.unwrap());
    done(store.cancel(&tenant, job.id).await.unwrap());
    is_fenced_off(&store, &last, &job, "it was cancelled").await;
    done(store.retry(&tenant, job.id, true).await.unwrap());
    is_fenced_off(&store, &last, &job, "it was reset").await;

    // What its worker did last is not found again once somebody else has changed the job.
    let (_, holder) = taken_again(&store, job.id).await;
    assert!(store.hold(&holder, &progress(4), &held()).await.unwrap());
    done(store.cancel(&tenant, job.id).await.unwrap());
    is_fenced_off(&store, &holder, &job, "it was held, then cancelled").await;
    done(store.retry(&tenant, job.id, false).await.unwrap());
    let (_, loser) = taken_again(&store, job.id).await;
    let failed = store.fail(&loser, &progress(4), &failure("x")).await;
    assert!(failed.unwrap());
    done(store.retry(&tenant, job.id, false).await.unwrap());
    is_fenced_off(&store, &loser, &job, "it failed, then was retried").await;
    let (_, leaver) = taken_again(&store, job.id).await;
    let released = store.release(&leaver, &release(0, false)).await;
    assert!(released.unwrap());
    done(store.cancel(&tenant, job.id).await.unwrap());
    is_fenced_off(&store, &leaver, &job, "it was released, then cancelled").await;
}

pub(super) async fn a_claim_must_match_whole(store: Store) {
    let tenant_of = tenant;
    let (job, claim) = taken(&store, &tenant_of("acme")).await;
    let mut wrong = vec![];
    for owner in ["", "somebody"] {
        let owner = owner.into();
        wrong.push(Claim {
            owner,
            ..claim.clone()
        });
    }
    for fence in [0, claim.fence + 1] {
        wrong.push(Claim {
            fence,
            ..claim.clone()
        });
    }
    for tenant in [Tenant::NONE, tenant_of("other")] {
        wrong.push(Claim {
            tenant,
            ..claim.clone()
        });
    }
    wrong.push(Claim {
        job: id(),
        ..claim.clone()
    });
    for wrong in wrong {
        is_fenced_off(&store, &wrong, &job, &format!("{wrong:?}")).await;
    }
    assert!(store.renew(&claim, &renewal(1)).await.unwrap());
}

pub(super) async fn a_checkpoint_takes_the_place_of_the_one_before(store: Store) {
    let (job, claim) = taken(&store, &tenant("acme")).await;
    // previous, end, whether it is saved
    for (previous, end, saved) in [
        (1, 2, false),
        (0, 0, true),
        (0, 5, true),
        (0, 5, true), // its own, met again
        (0, 6, false),
        (4, 6, false),
        (5, 9, true),
        (0, 5, false),
        (5, 8, false),
        (9, 12, true),
    ] {
        let answer = store.save(&claim, previous, &checkpoint(end)).await;
        assert_eq!(answer.unwrap(), saved, "{end} behind {previous}");
    }
    let job = get(&store, &job).await;
    assert_eq!(job.checkpoint, Some(checkpoint(12)));
    assert_eq!(job.progress.furthest, 12);
    let mut other = checkpoint(12);
    other.books.counters.skipped += 1;
    let answer = store.save(&claim, 9, &other).await;
    assert!(
        !answer.unwrap(),
        "another one with the same end is not its own"
    );
}

pub(super) async fn the_furthest_record_never_goes_back(store: Store) {
    let tenant = tenant("acme");
    let (job, claim) = taken(&store, &tenant).await;
    let furthest = async || get(&store, &job).await.progress.furthest;
    assert!(store.renew(&claim, &renewal(9)).await.unwrap());
    assert!(store.renew(&claim, &renewal(4)).await.unwrap());
    assert_eq!(furthest().await, 9);
    assert!(store.save(&claim, 0, &checkpoint(5)).await.unwrap());
    assert_eq!(furthest().await, 9);
    assert!(store.save(&claim, 5, &checkpoint(1 << 40)).await.unwrap());
    assert_eq!(furthest().await, 1 << 40);
    assert!(store.hold(&claim, &progress(7), &held()).await.unwrap());
    assert_eq!(furthest().await, 1 << 40);
    let approved = store
        .approve(&tenant, job.id, claim.fence, &approval())
        .await;
    done(approved.unwrap());
    let (_, claim) = taken_again(&store, job.id).await;
    assert!(
        store
            .fail(&claim, &progress(7), &failure("x"))
            .await
            .unwrap()
    );
    assert_eq!(furthest().await, 1 << 40);
}

pub(super) async fn tenants_never_see_each_others_jobs(store: Store) {
    let (ours, theirs) = (tenant("ours"), tenant("theirs"));
    let (job, claim) = in_state(&store, &ours, State::Held).await;
    let before = shown(&job);
    for other in [&theirs, &Tenant::NONE] {
        assert!(store.job(other, job.id).await.unwrap().is_none());
        let all = store
            .jobs(other, &Filter::default(), lists::first_page())
            .await;
        let all = all.unwrap();
        assert_eq!((all.items.len(), all.total), (0, Some(0)));
        let filter = Filter {
            file: job.file(),
            ..Filter::default()
        };
        let of_file = store
            .jobs(other, &filter, lists::first_page())
            .await
            .unwrap();
        assert_eq!((of_file.items.len(), of_file.total), (0, Some(0)));
        let newest = store.newest_of_file(other, job.files[0]).await.unwrap();
        assert!(newest.is_none());
        let missing = |changed: Changed| assert!(matches!(changed, Changed::Missing));
        missing(store.cancel(other, job.id).await.unwrap());
        missing(store.retry(other, job.id, false).await.unwrap());
        missing(store.retry(other, job.id, true).await.unwrap());
        let approved = store.approve(other, job.id, claim.fence, &approval()).await;
        missing(approved.unwrap());
        assert!(!store.attach(other, job.id, id()).await.unwrap());
        store.forget(other, job.id).await.unwrap();
        let claim = Claim {
            tenant: other.clone(),
            ..claim.clone()
        };
        is_fenced_off(&store, &claim, &job, "another tenant").await;
        // Ids are random: one that comes again is refused or another job, and never shows this one.
        let same_id = NewJob {
            id: job.id,
            ..new_job(other)
        };
        if let Ok(new) = store.submit(&same_id).await {
            assert_eq!((&new.tenant, new.files), (other, vec![same_id.file]));
            assert!(matches!(
                store.cancel(other, job.id).await.unwrap(),
                Changed::Done(_)
            ));
        }
    }
    assert_eq!(shown(&get(&store, &job).await), before);
}
