//! Lost answers and faults of the server: every statement finds its own change when it is sent again.

use super::*;
use crate::job::Failure;
use crate::queue::{Approval, Changed, Held, Progress, Receipt, Release, Remembered, Renewal};
use mongodb::bson::doc;
use pipeline::{Accepted, Busy, Cause};
use std::time::Duration;
use testbed::proxy::Cutter;

/// A server behind a proxy, with the store on it.
async fn behind_proxy() -> (Mongod, Cutter, MongoQueue) {
    let server = Mongod::standalone().await;
    let proxy = Cutter::start(server.port(0)).await;
    let uri = format!("mongodb://127.0.0.1:{}/faults", proxy.port());
    let queue = open(&uri).await;
    (server, proxy, queue)
}

fn held() -> Held {
    Held {
        cause: Cause::UnknownColumns(vec!["$a".into()]),
        message: "$$NOW".into(),
    }
}

fn failure() -> Failure {
    Failure {
        code: "bomb".into(),
        message: "$message".into(),
        hint: None,
        causes: vec!["{\"$x\": 1}".into()],
    }
}

fn release(charge: bool) -> Release {
    Release {
        delay_ms: 0,
        failure: Some(failure()),
        charge,
        max_attempts: 3,
    }
}

fn progress(furthest: u64) -> Progress {
    Progress {
        furthest,
        bytes_read: furthest * 10,
        bytes_total: Some(100),
        records_per_second: 5,
        busy: Some(Busy {
            read: 7,
            frame: 20,
            parse: 999,
            write: 1000,
            rate: 0,
        }),
    }
}

#[tokio::test]
async fn a_lost_answer_changes_nothing() {
    let (_server, proxy, queue) = behind_proxy().await;
    let none = &Tenant::NONE;
    // A word of the statement, how often it is lost, what is done: `findAndModify` is in nearly all of them.
    let lose = |pattern: &str| proxy.lose_reply_to(pattern.as_bytes(), 1);

    lose("isOperators");
    let job = queue.submit(&new_job(none, 1)).await.unwrap();
    assert_eq!(state_of(&job), (State::Queued, 0, 0));
    queue.submit(&new_job(none, 2)).await.unwrap();
    assert_eq!(count(&queue, doc! {}).await, 2);

    lose("furthestAtClaim");
    let taken = queue.claim(&claimant("me", LONG_MS)).await.unwrap();
    let claim = taken.unwrap().claim().unwrap();
    assert_eq!((claim.job, claim.fence), (id(1), 1));
    let in_progress = doc! { "state": "in_progress" };
    assert_eq!(count(&queue, in_progress).await, 1, "one claim, one job");
    let again = queue.claim(&claimant("me", LONG_MS)).await.unwrap();
    assert_eq!(again.and_then(|job| job.claim()), Some(claim.clone()));

    lose("recordsPerSecond");
    let renewal = Renewal {
        progress: progress(4),
        lease_ms: LONG_MS,
    };
    assert!(queue.renew(&claim, &renewal).await.unwrap());

    lose("checkpoint.books");
    assert!(queue.save(&claim, 0, &checkpoint(5)).await.unwrap());
    assert!(queue.save(&claim, 0, &checkpoint(5)).await.unwrap());
    assert!(!queue.save(&claim, 0, &checkpoint(6)).await.unwrap());
    assert_eq!(job_of(&queue, 1).await.checkpoint, Some(checkpoint(5)));

    lose("left.by");
    assert!(queue.hold(&claim, &progress(5), &held()).await.unwrap());
    assert_eq!(job_of(&queue, 1).await.held, Some(held()));

    lose("changedBy");
    let mut accepted = Accepted::default();
    accepted.accept(held().cause);
    let approval = Approval {
        accepted: accepted.clone(),
        checkpoint: None,
        max_rejects: None,
        spec: None,
    };
    let changed = queue.approve(none, id(1), claim.fence, &approval).await;
    let Changed::Done(job) = changed.unwrap() else {
        panic!("it is approved");
    };
    assert_eq!((job.state, &job.accepted), (State::Queued, &accepted));

    let owned = async |owner: &str| {
        let job = queue.claim(&claimant(owner, LONG_MS)).await.unwrap();
        job.unwrap().claim().unwrap()
    };
    // Job 2 has waited longer than job 1 since its approval.
    let claim = owned("two").await;
    assert_eq!(claim.job, id(2));
    lose("left.by");
    assert!(queue.release(&claim, &release(true)).await.unwrap());
    assert_eq!(state_of(&job_of(&queue, 2).await), (State::Queued, 1, 1));

    let claim = owned("one").await;
    assert_eq!(claim.job, id(1));
    lose("left.by");
    assert!(queue.fail(&claim, &progress(6), &failure()).await.unwrap());
    assert!(queue.fail(&claim, &progress(6), &failure()).await.unwrap());
    assert_eq!(job_of(&queue, 1).await.failure, Some(failure()));

    lose("changedBy");
    let changed = queue.retry(none, id(1), true).await.unwrap();
    assert!(matches!(&changed, Changed::Done(job) if job.run == 1));
    lose("changedBy");
    let changed = queue.cancel(none, id(1)).await.unwrap();
    assert!(matches!(&changed, Changed::Done(job) if job.state == State::Cancelled));
    let changed = queue.cancel(none, id(1)).await.unwrap();
    assert!(matches!(changed, Changed::WrongState(_)));

    let claim = owned("last").await;
    lose("left.by");
    let receipt = Receipt {
        revision: 1,
        documents: 2,
        digest: "ab".into(),
    };
    assert!(queue.finish(&claim, &progress(7), &receipt).await.unwrap());
    assert!(queue.finish(&claim, &progress(7), &receipt).await.unwrap());
    assert_eq!(job_of(&queue, 2).await.receipt, Some(receipt));

    lose("replaceWith");
    let remembered = queue.remember(none, "$key", "ab", id(9)).await.unwrap();
    assert_eq!(remembered, Remembered::New);
    assert_eq!(proxy.cuts(), 12);
}

#[tokio::test]
async fn a_lost_answer_takes_one_expired_lease_only() {
    let (_server, proxy, queue) = behind_proxy().await;
    for number in [1, 2] {
        proxy.lose_reply_to(b"wakeAt", 1);
        let new = new_job(&Tenant::NONE, number);
        queue.submit(&new).await.unwrap();
        let owner = format!("gone-{number}");
        let brief = Claimant {
            take_expired: false,
            ..claimant(&owner, 1)
        };
        let job = queue.claim(&brief).await.unwrap();
        assert_eq!(job.map(|job| job.id), Some(new.id));
    }
    proxy.lose_reply_to(b"mergeObjects", 1);
    let mut taken = None;
    testbed::eventually("a lease runs out", Duration::from_secs(30), async || {
        taken = queue.claim(&claimant("me", LONG_MS)).await.unwrap();
        taken.is_some()
    })
    .await;
    let taken = taken.unwrap();
    assert_eq!(state_of(&taken), (State::InProgress, 1, 2));
    assert_eq!(count(&queue, doc! { "owner": "me" }).await, 1);
    assert_eq!(count(&queue, doc! { "fence": 1_i64 }).await, 1);
    assert_eq!(proxy.cuts(), 3);
}

/// Sent again, the statement finds nothing that is due or has run out: what it took is this owner's by then.
#[tokio::test]
async fn a_lost_answer_loses_not_the_only_job_there_is() {
    let (_server, proxy, queue) = behind_proxy().await;
    let new = new_job(&Tenant::NONE, 1);
    queue.submit(&new).await.unwrap();
    proxy.lose_reply_to(b"furthestAtClaim", 1);
    let job = queue.claim(&claimant("gone", 1)).await.unwrap();
    assert_eq!(job.map(|job| (job.id, job.fence)), Some((new.id, 1)));
    proxy.lose_reply_to(b"mergeObjects", 1);
    let mut taken = None;
    testbed::eventually("a lease runs out", Duration::from_secs(30), async || {
        taken = queue.claim(&claimant("me", LONG_MS)).await.unwrap();
        taken.is_some() || proxy.cuts() == 2
    })
    .await;
    let taken = taken.expect("the claim whose answer was lost");
    assert_eq!(state_of(&taken), (State::InProgress, 1, 2));
    assert_eq!(proxy.cuts(), 2);
}

async fn job_of(queue: &MongoQueue, number: u32) -> Job {
    let job = queue.job(&Tenant::NONE, id(number)).await.unwrap();
    job.unwrap()
}

#[tokio::test]
async fn who_lost_the_lease_is_told_so() {
    let server = Mongod::standalone().await;
    let queue = open(&server.uri_for("faults")).await;
    let zombie = claimed(&queue, 1).await;
    queue.cancel(&Tenant::NONE, id(1)).await.unwrap();
    queue.retry(&Tenant::NONE, id(1), false).await.unwrap();
    let all = async |claim: &Claim| {
        let renewal = Renewal {
            progress: progress(1),
            lease_ms: LONG_MS,
        };
        let (now, receipt) = (progress(1), Receipt::default());
        [
            queue.renew(claim, &renewal).await.unwrap(),
            queue.save(claim, 0, &checkpoint(1)).await.unwrap(),
            queue.finish(claim, &now, &receipt).await.unwrap(),
            queue.fail(claim, &now, &failure()).await.unwrap(),
            queue.hold(claim, &now, &held()).await.unwrap(),
            queue.release(claim, &release(true)).await.unwrap(),
        ]
    };
    assert_eq!(all(&zombie).await, [false; 6]);
    let taken = queue.claim(&claimant("next", LONG_MS)).await.unwrap();
    let next = taken.unwrap().claim().unwrap();
    assert_eq!(all(&zombie).await, [false; 6]);
    assert!(queue.save(&next, 0, &checkpoint(1)).await.unwrap());
}

#[tokio::test]
async fn a_server_that_fails_for_a_moment_is_asked_again() {
    for server in [Mongod::standalone().await, Mongod::replica_set().await] {
        let queue = open(&server.uri_for("faults")).await;
        let faults = [
            // NotWritablePrimary, InterruptedDueToReplStateChange: nothing is applied.
            doc! { "errorCode": 10107 },
            doc! { "errorCode": 11602 },
            doc! { "closeConnection": true },
            // It is applied, and no majority says so.
            doc! { "writeConcernError": { "code": 91, "errmsg": "going down" } },
        ];
        for (number, fault) in (1..).zip(faults) {
            let mut data = doc! {
                "failCommands": ["findAndModify", "update"],
                "appName": "sluicegate",
            };
            data.extend(fault.clone());
            let fail = async || server.fail_point(doc! { "times": 1 }, data.clone()).await;
            fail().await;
            let claim = claimed(&queue, number).await;
            fail().await;
            assert!(queue.save(&claim, 0, &checkpoint(3)).await.unwrap());
            fail().await;
            let receipt = Receipt::default();
            let finished = queue.finish(&claim, &progress(3), &receipt).await;
            assert!(finished.unwrap(), "{fault}");
            let job = job(&queue, &claim).await;
            assert_eq!(state_of(&job), (State::Completed, 0, 1), "{fault}");
            assert_eq!(job.checkpoint, Some(checkpoint(3)));
        }
    }
}

#[tokio::test]
async fn a_server_that_stays_away_is_an_outage() {
    let mut server = Mongod::standalone().await;
    // With time for the indexes, which a busy machine makes slowly.
    open(&server.uri_for("faults")).await;
    let uri = format!("{}&serverSelectionTimeoutMS=100", server.uri_for("faults"));
    let target = MongoTarget::connect(&uri).await.unwrap();
    let queue = MongoQueue::open(target.state(300)).await.unwrap();
    queue.ping().await.unwrap();
    server.kill();
    for fatal in [
        queue.ping().await.unwrap_err(),
        queue.submit(&new_job(&Tenant::NONE, 1)).await.unwrap_err(),
        queue.job(&Tenant::NONE, id(1)).await.unwrap_err(),
    ] {
        assert_eq!(fatal.code, "target_unavailable");
        assert_eq!(fatal.retry, pipeline::Retry::Outage);
    }
}
