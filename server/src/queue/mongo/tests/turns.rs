//! Turns between tenants, also while many claim at once, and what is left when a wake is lost.

use super::*;
use mongodb::bson::doc;
use std::collections::HashSet;
use std::sync::Arc;

#[tokio::test]
async fn one_job_is_served_within_a_round_of_tenants() {
    let server = Mongod::standalone().await;
    let queue = open(&server.uri_for("turns")).await;
    let (many, one) = (tenant("many"), tenant("one"));
    for number in 0..30 {
        let whose = if number % 2 == 0 {
            &many
        } else {
            &Tenant::NONE
        };
        queue.submit(&new_job(whose, number)).await.unwrap();
    }
    for round in 0..5 {
        queue.submit(&new_job(&one, 100 + round)).await.unwrap();
        let mut served = Vec::new();
        for turn in 0..3 {
            let owner = format!("{round}-{turn}");
            let job = queue.claim(&claimant(&owner, LONG_MS)).await.unwrap();
            served.push(job.unwrap().tenant);
        }
        let each: HashSet<_> = served.iter().cloned().collect();
        assert_eq!(each.len(), 3, "{served:?}");
    }
}

#[tokio::test]
async fn many_that_claim_at_once_share_every_job() {
    const JOBS: u32 = 40;
    const WORKERS: u32 = 8;
    let server = Mongod::replica_set().await;
    let queue = Arc::new(open(&server.uri_for("turns")).await);
    for number in 0..JOBS {
        let whose = tenant(["", "a", "b"][number as usize % 3]);
        queue.submit(&new_job(&whose, number)).await.unwrap();
    }
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let queue = queue.clone();
        workers.spawn(async move {
            let mut jobs = Vec::new();
            loop {
                let owner = format!("{worker}-{}", jobs.len());
                match queue.claim(&claimant(&owner, LONG_MS)).await.unwrap() {
                    Some(job) => jobs.push(job.id),
                    None => return jobs,
                }
            }
        });
    }
    let jobs = workers.join_all().await.concat();
    let different: HashSet<_> = jobs.iter().copied().collect();
    assert_eq!((jobs.len(), different.len()), (40, 40));
}

#[tokio::test]
async fn who_is_woken_before_it_sleeps_stays_awake() {
    let server = Mongod::standalone().await;
    let queue = open(&server.uri_for("turns")).await;
    let turn = async || queue.take_turn().await.unwrap();
    queue.submit(&new_job(&Tenant::NONE, 1)).await.unwrap();
    queue.cancel(&Tenant::NONE, id(1)).await.unwrap();
    let taken = turn().await.unwrap();
    // Between the look for a job and the sleep, one comes, and goes: only the version tells.
    queue.submit(&new_job(&Tenant::NONE, 2)).await.unwrap();
    queue.cancel(&Tenant::NONE, id(2)).await.unwrap();
    queue.rest(&taken).await.unwrap();
    let taken = turn().await.unwrap();
    queue.rest(&taken).await.unwrap();
    assert!(turn().await.is_none());
}

#[tokio::test]
async fn a_lost_wake_is_repaired() {
    let server = Mongod::standalone().await;
    let queue = open(&server.uri_for("turns")).await;
    let turns = queue.statements.database().collection::<Document>("turns");
    for (number, name) in (0..).zip(["a", "b", "c"]) {
        queue.submit(&new_job(&tenant(name), number)).await.unwrap();
    }
    assert_eq!(queue.repair().await.unwrap(), 0);
    turns.delete_one(doc! { "_id": "a" }).await.unwrap();
    let asleep = doc! { "$set": { "waiting": false } };
    turns.update_one(doc! { "_id": "b" }, asleep).await.unwrap();
    let late = doc! { "$set": { "wakeAt": mongodb::bson::DateTime::MAX } };
    turns.update_one(doc! { "_id": "c" }, late).await.unwrap();
    let claim = async |owner: &str| queue.claim(&claimant(owner, LONG_MS)).await.unwrap();
    assert!(claim("x").await.is_none());
    assert_eq!(queue.repair().await.unwrap(), 3);
    assert_eq!(queue.repair().await.unwrap(), 0);
    for owner in ["x", "y", "z"] {
        assert!(claim(owner).await.is_some());
    }
    assert!(claim("u").await.is_none());
}

#[tokio::test]
async fn a_list_longer_than_an_answer_of_the_server_is_whole() {
    let server = Mongod::standalone().await;
    let queue = open(&server.uri_for("turns")).await;
    for number in 0..5 {
        let mut new = new_job(&Tenant::NONE, number);
        // 25 MB in all, in what lists show.
        new.load.content = "x".repeat(5 << 20);
        queue.submit(&new).await.unwrap();
    }
    let all = list(&queue, Filter::default(), From::Number(1), 5).await;
    assert_eq!((all.items.len(), all.total), (5, Some(5)));
    assert!(all.next.is_none());
    let some = list(&queue, Filter::default(), From::Number(1), 4).await;
    let rest = list(
        &queue,
        Filter::default(),
        From::After(some.next.unwrap()),
        4,
    )
    .await;
    assert_eq!((some.items.len(), rest.items.len()), (4, 1));
}
