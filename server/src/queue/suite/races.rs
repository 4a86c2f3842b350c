//! A client and a worker that end the same job at the same moment: one of them does, and everybody is told the same.

use super::*;
use futures::future::join_all;

/// How often it is tried.
const RACES: usize = 500;

/// Claims at once: more of them would only get in each other's way.
const CLAIMS: usize = 8;

/// Jobs that are claimed.
async fn claimed(store: &Store, tenant: &Tenant) -> Vec<(Job, Claim)> {
    join_all((0..CONCURRENT).map(|_| submit(store, tenant))).await;
    let mut jobs = Vec::new();
    while jobs.len() < CONCURRENT {
        let most = CLAIMS.min(CONCURRENT - jobs.len());
        let found = join_all((0..most).map(|_| claim(store))).await;
        jobs.extend(found.into_iter().flatten());
    }
    let with_claim = |job: Job| {
        let claim = job.claim().expect("a claimed job has an owner");
        (job, claim)
    };
    jobs.into_iter().map(with_claim).collect()
}

/// The worker's and the client's word, which are sent at once: whether each has ended the job.
async fn both(store: &Store, job: &Job, claim: &Claim, worker_first: bool) -> (bool, bool) {
    let finish = async { store.finish(claim, &progress(9), &receipt()).await.unwrap() };
    let cancel = async {
        let cancelled = store.cancel(&job.tenant, job.id).await.unwrap();
        matches!(cancelled, Changed::Done(_))
    };
    if worker_first {
        tokio::join!(finish, cancel)
    } else {
        let (cancelled, finished) = tokio::join!(cancel, finish);
        (finished, cancelled)
    }
}

/// Asserts that a job was ended once, and that whoever asks again hears the same.
async fn has_one_end(store: &Store, job: &Job, claim: &Claim, by_worker: bool) {
    let after = get(store, job).await;
    let state = match by_worker {
        true => State::Completed,
        false => State::Cancelled,
    };
    assert_eq!(after.state, state);
    assert_eq!(after.receipt.is_some(), by_worker);
    assert_eq!((&after.owner, after.lock_until_ms), (&None, None));
    let again = store.finish(claim, &progress(9), &receipt()).await.unwrap();
    let late = store.cancel(&job.tenant, job.id).await.unwrap();
    assert_eq!((again, refused(late).state), (by_worker, state));
    assert_eq!(shown(&get(store, job).await), shown(&after));
}

pub(super) async fn a_job_that_is_cancelled_as_it_is_completed_ends_once(store: Store) {
    let tenant = tenant("acme");
    let mut completed = 0;
    for round in 0..RACES / CONCURRENT {
        let jobs = claimed(&store, &tenant).await;
        let races = jobs.iter().enumerate().map(|(number, (job, claim))| {
            let worker_first = (round + number) % 2 == 0;
            both(&store, job, claim, worker_first)
        });
        let ended = join_all(races).await;
        let looks = jobs
            .iter()
            .zip(&ended)
            .map(|((job, claim), &(by_worker, by_client))| {
                assert_ne!(by_worker, by_client, "one of them, and only one");
                has_one_end(&store, job, claim, by_worker)
            });
        join_all(looks).await;
        completed += ended.iter().filter(|(by_worker, _)| *by_worker).count();
    }
    println!("{completed} of {RACES} were completed, the others cancelled");
    assert!((1..RACES).contains(&completed), "{completed}");
}
