//! How the server carries out each statement: through an index, and looking at no more than it must.

use super::*;
use crate::job::Failure;
use crate::page::Cursor;
use crate::queue::mongo::changed::Change;
use crate::queue::mongo::document::binary;
use crate::queue::mongo::turn::{self, Turn};
use crate::queue::mongo::{
    approve, attach, callbacks, cancel, claim, depth, document, expire, fail, find, finish, hold,
    idempotency, leave, list, news, release, renew, repair, retry, save, submit,
};
use crate::queue::{
    Approval, Callback, Held, Known, NewJob, Progress, Receipt, Release, Renewal, Skip,
};
use mongodb::bson::{Bson, DateTime, doc};
use pipeline::{Accepted, Cause};

/// How many queued jobs the one tenant has.
const JOBS: u32 = 100_000;

/// Queues [`JOBS`] jobs of tenant `many`, half of them due, of two priorities; and one of tenant `one`.
async fn fill(queue: &MongoQueue) {
    let many = tenant("many");
    queue.submit(&new_job(&many, 0)).await.unwrap();
    queue.submit(&new_job(&tenant("one"), 1)).await.unwrap();
    let jobs = queue.statements.database().collection::<Document>("jobs");
    let now = DateTime::now().timestamp_millis();
    let model = jobs.find_one(doc! { "tenant": "many" }).await.unwrap();
    let model = model.unwrap();
    for thousand in 0..JOBS / 1_000 {
        let documents = (0..1_000).map(|n| {
            let number = 10 + thousand * 1_000 + n;
            let mut document = model.clone();
            let due = match number % 2 {
                0 => now - i64::from(number),
                _ => now + 3_600_000 + i64::from(number),
            };
            document.insert("_id", binary(id(number).0));
            document.insert("priority", i64::from(number % 3));
            document.insert("due", DateTime::from_millis(due));
            document
        });
        jobs.insert_many(documents).await.unwrap();
    }
}

/// The stages of a plan, and the most keys and documents that any part of it looked at.
struct Plan {
    stages: Vec<String>,
    keys: i64,
    documents: i64,
}

async fn explain(queue: &MongoQueue, mut command: Document) -> Plan {
    command.remove("readConcern");
    let explain = doc! { "explain": command, "verbosity": "executionStats" };
    let answer = queue.statements.database().run_command(explain).await;
    let mut plan = Plan {
        stages: Vec::new(),
        keys: 0,
        documents: 0,
    };
    read(&Bson::Document(answer.unwrap()), &mut plan);
    plan
}

fn read(part: &Bson, plan: &mut Plan) {
    let number = |value: &Bson| value.as_i64().or(value.as_i32().map(i64::from));
    match part {
        Bson::Document(part) => {
            for (name, value) in part {
                match (name.as_str(), value) {
                    // What the server did not choose does not matter.
                    ("rejectedPlans", _) => continue,
                    ("stage", Bson::String(stage)) => plan.stages.push(stage.clone()),
                    ("totalKeysExamined" | "keysExamined", value) => {
                        plan.keys = plan.keys.max(number(value).unwrap_or(0));
                    }
                    ("totalDocsExamined" | "docsExamined", value) => {
                        plan.documents = plan.documents.max(number(value).unwrap_or(0));
                    }
                    _ => read(value, plan),
                }
            }
        }
        Bson::Array(parts) => parts.iter().for_each(|part| read(part, plan)),
        _ => {}
    }
}

/// Explains a statement; it may look at `keys` keys and `documents` documents.
async fn check(queue: &MongoQueue, name: &str, command: Document, keys: i64, documents: i64) {
    let plan = explain(queue, command).await;
    let stages = &plan.stages;
    assert!(!stages.is_empty(), "{name} has a plan");
    for dear in ["COLLSCAN", "SORT"] {
        assert!(!stages.iter().any(|s| s == dear), "{name}: {stages:?}");
    }
    assert!(
        plan.keys <= keys && plan.documents <= documents,
        "{name} looks at {} keys and {} documents: {stages:?}",
        plan.keys,
        plan.documents
    );
}

#[tokio::test]
async fn claims_cost_the_same_however_many_jobs_wait() {
    let server = Mongod::standalone().await;
    let queue = open(&server.uri_for("plans")).await;
    fill(&queue).await;
    let me = claimant("me", LONG_MS);
    check(&queue, "owned", claim::owned(&me), 1, 1).await;
    check(&queue, "claim again", claim::claim_again(&me), 1, 1).await;
    check(&queue, "expired", claim::expired(), 1, 1).await;
    let expired = claim::claim_expired(&me);
    check(&queue, "claim expired", expired, 1, 1).await;
    check(&queue, "awake", turn::awake(), 3, 3).await;
    check(&queue, "newest", turn::newest(), 1, 1).await;
    check(&queue, "take", turn::take(9), 3, 3).await;
    check(&queue, "claim due", claim::claim_due(&me, "many"), 4, 1).await;
    check(&queue, "earliest", turn::earliest("many"), 1, 1).await;
    let (one, many) = (tenant("one"), tenant("many"));
    for last in [None, Some(&many), Some(&one)] {
        check(&queue, "next tenant", repair::next_tenant(last), 1, 1).await;
    }
    let wakes = repair::wakes_by(&many, DateTime::now());
    check(&queue, "wakes by", wakes, 1, 1).await;
    check(&queue, "oldest", depth::oldest(), 1, 1).await;
    check(&queue, "count", depth::count(), 100_010, 0).await;

    // None of them due: the bounds of the index leave them all out, one look per priority.
    let jobs = queue.statements.database().collection::<Document>("jobs");
    let later = doc! { "$set": { "due": DateTime::from_millis(i64::MAX / 2) } };
    jobs.update_many(doc! { "tenant": "many" }, later)
        .await
        .unwrap();
    check(&queue, "none due", claim::claim_due(&me, "many"), 8, 0).await;
    let job = queue.claim(&me).await.unwrap().unwrap();
    assert_eq!(job.tenant, tenant("one"));
}

/// How many webhooks wait.
const HOOKS: u32 = 2_000;

/// Queues [`HOOKS`] jobs of tenant `many` whose webhook is due at `due`, as the store writes them.
async fn fill_hooks(queue: &MongoQueue, due: DateTime) {
    let many = tenant("many");
    let jobs = queue.statements.database().collection::<Document>("jobs");
    let new = NewJob {
        callback: Some("https://many.example/".into()),
        ..new_job(&many, 1)
    };
    let job = queue.submit(&new).await.unwrap();
    queue.cancel(&many, job.id).await.unwrap();
    let model = jobs.find_one(doc! { "tenant": "many" }).await.unwrap();
    let model = model.unwrap();
    let documents = (0..HOOKS).map(|n| {
        let mut document = model.clone();
        document.insert("_id", binary(id(10 + n).0));
        let callback = document.get_document_mut("callback").unwrap();
        callback.insert("due", due);
        document
    });
    jobs.insert_many(documents).await.unwrap();
    jobs.delete_one(doc! { "_id": binary(job.id.0) })
        .await
        .unwrap();
}

#[tokio::test]
async fn webhooks_that_are_not_sent_now_are_not_read() {
    let server = Mongod::standalone().await;
    let nobody = Skip::default();
    let busy = |tenants: &[&str], places: &[&str]| Skip {
        tenants: tenants.iter().map(|&tenant| tenant.into()).collect(),
        places: places.iter().map(|&place| place.into()).collect(),
    };

    // Those that are due later: the bounds of the index leave them out.
    let queue = open(&server.uri_for("later")).await;
    let later = DateTime::from_millis(DateTime::now().timestamp_millis() + 3_600_000);
    fill_hooks(&queue, later).await;
    check(&queue, "none due", callbacks::due(&nobody), 2, 0).await;
    let pending = i64::from(HOOKS) + 2;
    check(&queue, "pending", callbacks::pending(), pending, 0).await;
    assert_eq!(
        queue.depth().await.unwrap().pending_webhooks,
        u64::from(HOOKS)
    );

    // Those of whoever is busy: keys are passed over, and no document is read.
    let queue = open(&server.uri_for("busy")).await;
    fill_hooks(&queue, DateTime::from_millis(1_000)).await;
    check(&queue, "first", callbacks::due(&nobody), 2, 1).await;
    for skip in [busy(&["many"], &[]), busy(&[], &["many@many.example"])] {
        let name = format!("{skip:?}");
        check(&queue, &name, callbacks::due(&skip), pending, 0).await;
    }
}

#[tokio::test]
async fn every_statement_goes_through_an_index() {
    let server = Mongod::standalone().await;
    let queue = open(&server.uri_for("plans")).await;
    for number in 10..60 {
        let whose = if number % 2 == 0 {
            &Tenant::NONE
        } else {
            &tenant("x")
        };
        queue.submit(&new_job(whose, number)).await.unwrap();
    }
    for number in 0..10 {
        let owner = format!("owner-{number}");
        let job = queue.claim(&claimant(&owner, LONG_MS)).await.unwrap();
        let claim = job.unwrap().claim().unwrap();
        let receipt = Receipt::default();
        queue
            .finish(&claim, &Progress::default(), &receipt)
            .await
            .unwrap();
    }
    let claim = claimed_any(&queue).await;
    let none = &Tenant::NONE;
    let (progress, receipt) = (Progress::default(), Receipt::default());
    let renewal = Renewal {
        progress: progress.clone(),
        lease_ms: LONG_MS,
    };
    let failure = Failure {
        code: "x".into(),
        message: "x".into(),
        hint: None,
        causes: vec![],
    };
    let held = Held {
        cause: Cause::Errors,
        message: "x".into(),
    };
    let released = Release {
        delay_ms: 0,
        failure: None,
        charge: true,
        max_attempts: 3,
    };
    let approval = Approval {
        accepted: Accepted::default(),
        checkpoint: Some(checkpoint(1)),
        max_rejects: Some(1),
        spec: Some(new_job(none, 1).spec),
    };
    let change = Change::new(none, claim.job, &[State::Held]);
    let turn = Turn {
        tenant: "x".into(),
        version: 1,
    };
    let ids = [Bson::from(binary(claim.job.0))];
    let after = Cursor {
        created_ms: 9_999_999_999_999,
        id: id(20),
    };
    let one = document::one(none, claim.job);
    let statements = [
        ("submit", submit::submit(&new_job(none, 11)).unwrap()),
        ("callback", callbacks::with_now(one.clone(), None)),
        (
            "add a callback",
            callbacks::add(none, claim.job, "x").unwrap(),
        ),
        (
            "put",
            callbacks::put(none, &ids[0], 1, &Callback::new("x")).unwrap(),
        ),
        ("put off", callbacks::put_off(&ids[0])),
        (
            "due",
            callbacks::due(&Skip {
                tenants: vec!["acme".into()],
                places: vec!["acme@example.com".into()],
            }),
        ),
        ("renew", renew::renew(&claim, &renewal)),
        ("save", save::save(&claim, 0, &checkpoint(1)).unwrap()),
        (
            "finish",
            finish::finish(&claim, &progress, &receipt).unwrap(),
        ),
        ("fail", fail::fail(&claim, &progress, &failure)),
        ("hold", hold::hold(&claim, &progress, &held).unwrap()),
        ("release", release::release(&claim, &released)),
        ("left", leave::left(&claim, "finish", &[State::Completed])),
        ("cancel", cancel::cancel(&change)),
        ("withdraw", cancel::withdraw(&change)),
        ("retry", retry::retry(&change, true)),
        ("approve", approve::approve(&change, 1, &approval).unwrap()),
        ("find", find::find(one)),
        ("newest of file", find::newest_of_file(none, id(1_000_012))),
        ("attach", attach::attach(none, claim.job, id(3))),
        ("wake", turn::wake("x", DateTime::now())),
        ("sleep", turn::sleep(&turn, None)),
        ("expire", expire::expire(&ids, 0)),
        ("expired", expire::expired(&ids)),
        ("forget", expire::forget(none, claim.job)),
        ("remember", idempotency::remember(none, "k", "s", id(1))),
        ("settle", idempotency::settle(none, "k", id(1))),
        ("forget old", idempotency::forget_old()),
    ];
    for (name, command) in statements {
        check(&queue, name, command, 2, 2).await;
    }
    check(&queue, "old", expire::old(0, 3), 4, 3).await;
    let mut watched = [claim.job, id(20), id(21)].map(Known::nothing);
    watched[2].wants_any = false;
    check(&queue, "news", news::news(none, &watched), 6, 3).await;
    let filters = [
        Filter::default(),
        Filter {
            states: vec![State::Completed, State::Queued],
            ..Filter::default()
        },
        Filter {
            file: Some(id(1_000_012)),
            ..Filter::default()
        },
        Filter {
            spec: Some("orders".into()),
            ..Filter::default()
        },
    ];
    for filter in filters {
        for after in [None, Some(after)] {
            let list = list::list(none, &filter, after, 0, 3);
            check(&queue, &format!("list {filter:?}"), list, 8, 6).await;
        }
        let counted = list::count(none, &filter);
        check(&queue, &format!("count {filter:?}"), counted, 30, 25).await;
    }
}

async fn claimed_any(queue: &MongoQueue) -> Claim {
    let job = queue.claim(&claimant("any", LONG_MS)).await.unwrap();
    job.unwrap().claim().unwrap()
}
