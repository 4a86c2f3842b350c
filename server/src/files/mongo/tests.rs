//! Tests of the store of files in real MongoDB servers: the suite, marks that somebody left behind, lost answers, and
//! plans of statements.

use super::*;
use crate::files::suite::{self, Both};
use crate::page::{Cursor, From};
use crate::queue::mongo::MongoQueue;
use mongodb::bson::{DateTime, Document};
use pipeline::Retry;
use remove::Marked;
use stages::sink::mongodb::MongoTarget;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use testbed::mongod::Mongod;

const RETRY_MS: u64 = 30_000;

async fn statements(server: &Mongod, database: &str) -> Statements {
    let target = MongoTarget::connect(&server.uri_for(database)).await;
    target.unwrap().state(RETRY_MS)
}

async fn check_suite(server: &Mongod) {
    let number = AtomicU32::new(0);
    let make = async || {
        let database = format!("docs{}", number.fetch_add(1, Ordering::Relaxed));
        let statements = statements(server, &database).await;
        Both {
            files: Arc::new(MongoFiles::open(statements.clone()).await.unwrap()),
            queue: Arc::new(MongoQueue::open(statements).await.unwrap()),
        }
    };
    suite::conforms(make).await;
}

fn new_file(number: u8) -> NewFile {
    NewFile {
        id: Id([number; 12]),
        tenant: Tenant::of_key("acme").unwrap(),
        original_name: "a.csv".into(),
        content_type: "text/csv".into(),
        key: number.to_string(),
        bucket: None,
        upload: None,
    }
}

async fn uploaded(store: &MongoFiles, number: u8) -> NewFile {
    let file = new_file(number);
    store.begin(&file).await.unwrap();
    let committed = store.commit(&file.tenant, file.id, 1, "aa", None).await;
    assert!(committed.unwrap().is_some());
    file
}

#[tokio::test]
async fn files_in_a_mongo_replica_set_keep_the_contract() {
    check_suite(&Mongod::replica_set().await).await;
}

#[tokio::test]
async fn files_in_a_standalone_mongo_keep_the_contract() {
    let server = Mongod::standalone().await;
    check_suite(&server).await;
    let statements = statements(&server, "more").await;
    let queue = MongoQueue::open(statements.clone()).await.unwrap();
    let both = Both {
        files: Arc::new(MongoFiles::open(statements.clone()).await.unwrap()),
        queue: Arc::new(queue),
    };
    let store = MongoFiles::open(statements).await.unwrap();
    of_a_removal_and_a_submission_one_is_done(&both, &store).await;
    what_was_half_removed_comes_back_or_goes(&store).await;
    a_removal_that_was_overtaken_deletes_nothing(&store).await;
    lists_are_read_in_the_order_of_an_index(&store).await;
    what_was_half_discarded_is_found(&store).await;
    for point in ["update", "delete", "findAndModify"] {
        a_lost_answer_is_sent_again(&server, &store, point).await;
    }
}

async fn set(store: &MongoFiles, id: Id, set: Document) {
    let command = doc! {
        "update": FILES,
        "updates": [{ "q": { "_id": document::binary(id) }, "u": { "$set": set } }],
    };
    assert_eq!(
        document::matched(&store.statements, command).await.unwrap(),
        1
    );
}

async fn what_was_half_removed_comes_back_or_goes(store: &MongoFiles) {
    let file = uploaded(store, 1).await;
    let (tenant, id) = (&file.tenant, file.id);
    let visible = async || store.file(tenant, id).await.map(|seen| seen.is_some());
    assert!(visible().await.unwrap());
    assert_eq!(
        remove::mark(&store.statements, tenant, id).await.unwrap(),
        Some(Marked {
            removal: 1,
            is_gone: false
        })
    );
    let undecided = visible().await.unwrap_err();
    assert_eq!(
        (undecided.code, undecided.retry),
        ("file_busy", Retry::Outage)
    );
    set(
        store,
        id,
        doc! { "removingAt": DateTime::from_millis(1_000) },
    )
    .await;
    assert!(visible().await.unwrap());
    assert!(store.remove(tenant, id).await.unwrap());
    assert!(!store.remove(tenant, id).await.unwrap());
}

/// The number of a removal that begins now.
async fn marked(statements: &Statements, file: &NewFile) -> u64 {
    let marked = remove::mark(statements, &file.tenant, file.id).await;
    marked.unwrap().unwrap().removal
}

/// Either side stops behind each of its steps, while the other makes all of its own.
async fn of_a_removal_and_a_submission_one_is_done(both: &Both, store: &MongoFiles) {
    // The job comes between the mark and the look: the removal gives way, and the submission goes on.
    let file = uploaded(store, 5).await;
    let (tenant, id, statements) = (&file.tenant, file.id, &store.statements);
    let removal = marked(statements, &file).await;
    let job = both.queued(&file).await;
    let listed = remove::is_listed(statements, tenant, id, &State::RUNNABLE);
    assert!(listed.await.unwrap());
    let decided = async {
        remove::unmark(statements, tenant, id, removal)
            .await
            .unwrap();
    };
    let (seen, ()) = tokio::join!(store.file(tenant, id), decided);
    assert!(!seen.unwrap().unwrap().file.content_gone);
    assert!(!store.mark_gone(tenant, id, &State::RUNNABLE).await.unwrap());
    // The job comes behind the look: the object goes, and the submission learns it. The job is in nobody's way then.
    both.queue.cancel(tenant, job).await.unwrap();
    let removal = marked(statements, &file).await;
    assert!(
        !remove::is_listed(statements, tenant, id, &State::RUNNABLE)
            .await
            .unwrap()
    );
    both.queued(&file).await;
    let decided = async {
        mark_gone::note(statements, tenant, id, removal)
            .await
            .unwrap()
    };
    let (seen, is_gone) = tokio::join!(store.file(tenant, id), decided);
    assert!(is_gone && seen.unwrap().unwrap().file.content_gone);
    assert!(store.mark_gone(tenant, id, &State::RUNNABLE).await.unwrap());
    assert!(store.remove(tenant, id).await.unwrap());
    // The mark ran out before it was used: somebody may have been told that the file is there.
    let file = uploaded(store, 6).await;
    let removal = marked(statements, &file).await;
    set(
        store,
        file.id,
        doc! { "removingAt": DateTime::from_millis(1_000) },
    )
    .await;
    assert!(
        !mark_gone::note(statements, tenant, file.id, removal)
            .await
            .unwrap()
    );
    assert!(
        !store
            .file(tenant, file.id)
            .await
            .unwrap()
            .unwrap()
            .file
            .content_gone
    );
    assert!(store.remove(tenant, file.id).await.unwrap());
}

async fn a_removal_that_was_overtaken_deletes_nothing(store: &MongoFiles) {
    let file = uploaded(store, 2).await;
    let (tenant, id, statements) = (&file.tenant, file.id, &store.statements);
    let first = marked(statements, &file).await;
    let second = marked(statements, &file).await;
    assert!(!remove::delete(statements, tenant, id, first).await.unwrap());
    set(
        store,
        id,
        doc! { "removingAt": DateTime::from_millis(1_000) },
    )
    .await;
    assert!(
        !remove::delete(statements, tenant, id, second)
            .await
            .unwrap()
    );
    let third = marked(statements, &file).await;
    assert!(remove::delete(statements, tenant, id, third).await.unwrap());
    assert!(remove::delete(statements, tenant, id, third).await.unwrap());
}

async fn what_was_half_discarded_is_found(store: &MongoFiles) {
    let file = new_file(3);
    store.begin(&file).await.unwrap();
    set(store, file.id, doc! { "state": document::DISCARDED }).await;
    assert_eq!(store.file(&file.tenant, file.id).await.unwrap(), None);
    assert!(!store.renew(&file.tenant, file.id).await.unwrap());
    let abandoned = store.abandoned(u64::MAX, 10).await.unwrap();
    assert!(abandoned.len() == 1 && abandoned[0].new == file);
    assert!(store.discard(&file.tenant, file.id).await.unwrap());
    assert!(store.abandoned(0, 10).await.unwrap().is_empty());
}

/// Every change is made, and told to have been made, when the first answer to each of its statements is lost.
async fn a_lost_answer_is_sent_again(server: &Mongod, store: &MongoFiles, command: &str) {
    let lose = async || {
        let error = doc! { "code": 64, "errmsg": "lost" };
        let data = doc! { "failCommands": [command], "writeConcernError": error };
        server.fail_point(doc! { "times": 1 }, data).await;
    };
    let file = new_file(10);
    let (tenant, id) = (&file.tenant, file.id);
    lose().await;
    store.begin(&file).await.unwrap();
    lose().await;
    assert!(store.renew(tenant, id).await.unwrap(), "{command}");
    lose().await;
    let abandoned = store.abandoned(0, 10).await.unwrap();
    assert!(
        abandoned.len() == 1 && abandoned[0].new == file,
        "{command}"
    );
    lose().await;
    assert!(store.discard(tenant, id).await.unwrap(), "{command}");
    store.begin(&file).await.unwrap();
    lose().await;
    let committed = store.commit(tenant, id, 1, "aa", None).await.unwrap();
    assert!(committed.is_some(), "{command}");
    lose().await;
    store.mark_to_go(tenant, &[id], Id([11; 12])).await.unwrap();
    let listed = store.to_go(None, 10).await.unwrap();
    assert!(listed.len() == 1 && listed[0].new.id == id, "{command}");
    lose().await;
    store.went(tenant, id).await.unwrap();
    assert!(store.to_go(None, 10).await.unwrap().is_empty(), "{command}");
    lose().await;
    let gone = store.mark_gone(tenant, id, &State::UNDONE).await;
    assert!(gone.unwrap(), "{command}");
    lose().await;
    assert!(store.remove(tenant, id).await.unwrap(), "{command}");
    assert_eq!(store.file(tenant, id).await.unwrap(), None);
    server.clear_fail_point().await;
}

async fn lists_are_read_in_the_order_of_an_index(store: &MongoFiles) {
    let acme = Tenant::of_key("acme").unwrap();
    uploaded(store, 4).await;
    let after = From::After(Cursor {
        created_ms: 5_000,
        id: Id([4; 12]),
    });
    for from in [From::Number(1), after] {
        for status in [None, Some(Status::Uploading), Some(Status::Processed)] {
            let plan = explained(store, files::list(&acme, status, from, 20)).await;
            assert!(plan.contains("\"tenant_newest\""), "{plan}");
            assert!(!plan.contains("\"COLLSCAN\""), "{plan}");
            assert!(
                !plan.contains("\"SORT\"") && !plan.contains("\"$sort\": Doc"),
                "{plan}"
            );
        }
    }
    for state in [document::UPLOADING, document::DISCARDED] {
        let plan = explained(store, abandoned::list(doc! { "state": state }, 20)).await;
        assert!(plan.contains("\"state_renewedAt\""), "{plan}");
        assert!(
            !plan.contains("\"SORT\"") && !plan.contains("\"COLLSCAN\""),
            "{plan}"
        );
    }
}

/// How the server would read: its winning plan, as text.
async fn explained(store: &MongoFiles, command: Document) -> String {
    let explain = doc! { "explain": command, "verbosity": "queryPlanner" };
    let Ok(stages::sink::mongodb::Done::Reply(reply)) = store.statements.run(explain).await else {
        panic!("no plan");
    };
    let text = format!("{reply:?}");
    let winning = text.split("rejectedPlans").next().unwrap();
    winning[winning.find("winningPlan").unwrap_or(0)..].to_owned()
}
