//! The suite on SQLite, and what only SQLite can be asked: how it finds its rows, and what it mends.

mod plans;

use super::{SCHEMA, SqliteQueue};
use crate::id::{Entropy, SystemEntropy};
use crate::job::SpecPin;
use crate::page::{From, Page};
use crate::queue::{
    Claimant, Filter, IDEMPOTENCY_MS, LoadPin, NewJob, Queue, Remembered, Skip, SpecText, suite,
};
use crate::tenant::Tenant;
use stages::identity::LoadIdentity;
use stages::sqlite::Database;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How long reads are waited for, at most.
const DEADLINE: Duration = Duration::from_secs(20);

async fn open(folder: &TempDir, name: &str) -> SqliteQueue {
    let path = folder.path().join(name);
    SqliteQueue::new(Database::open(&path, &[SCHEMA]).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    suite::conforms(async || {
        number.set(number.get() + 1);
        let queue: Arc<dyn Queue> = Arc::new(open(&folder, &number.get().to_string()).await);
        queue
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let before = {
        let queue = open(&folder, "a.db").await;
        queue.submit(&new_job("acme")).await.unwrap();
        queue.claim(&claimant()).await.unwrap().unwrap()
    };
    let queue = open(&folder, "a.db").await;
    let after = queue.job(&before.tenant, before.id).await.unwrap().unwrap();
    assert_eq!(format!("{after:?}"), format!("{before:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_for_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(&folder, "a.db").await;
    let job = queue.submit(&new_job("acme")).await.unwrap();
    let (began, writing) = tokio::sync::oneshot::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let database = queue.database.clone();
    let writer = tokio::spawn(async move {
        let write = database.write(move |change| {
            let rows = change.execute("UPDATE jobs SET priority = 9", []);
            began.send(()).unwrap();
            // Until the reads have been answered.
            ended.recv().unwrap();
            rows
        });
        write.await
    });
    writing.await.unwrap();
    let reads = async {
        let seen = queue.job(&job.tenant, job.id).await.unwrap().unwrap();
        assert_eq!(seen.priority, 0, "what is not committed is not seen");
        let page = Page {
            from: From::Number(1),
            limit: 10,
        };
        let listed = queue.jobs(&job.tenant, &Filter::default(), page).await;
        assert_eq!(listed.unwrap().total, Some(1));
        let newest = queue.newest_of_file(&job.tenant, job.files[0]);
        assert!(newest.await.unwrap().is_some());
        queue.depth().await.unwrap();
        queue.ping().await.unwrap();
    };
    tokio::time::timeout(DEADLINE, reads).await.unwrap();
    end.send(()).unwrap();
    assert_eq!(writer.await.unwrap().unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_that_no_claim_would_look_at_are_woken() {
    // What somebody else may have written into the file, and how many tenants are woken then.
    for (damage, expected) in [
        ("DELETE FROM turns", 3),
        ("UPDATE turns SET is_waiting = 0, wake_ms = NULL", 3),
        (
            "UPDATE turns SET is_waiting = 0, wake_ms = 9223372036854775807",
            3,
        ),
        ("DELETE FROM turns WHERE tenant = ''", 1),
        ("UPDATE turns SET is_waiting = 1", 0),
        ("UPDATE turns SET served = 99", 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let queue = open(&folder, "a.db").await;
        for tenant in ["", "acme", "globex", "acme"] {
            queue.submit(&new_job(tenant)).await.unwrap();
        }
        let write = queue
            .database
            .write(move |change| change.execute(damage, []));
        write.await.unwrap();
        assert_eq!(queue.repair().await.unwrap(), expected, "{damage}");
        assert_eq!(queue.repair().await.unwrap(), 0, "{damage}: it is mended");
        for _ in 0..4 {
            let job = queue.claim(&claimant()).await.unwrap();
            assert!(job.is_some(), "{damage}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_cannot_be_read_holds_up_no_other_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(&folder, "a.db").await;
    for tenant in ["acme", "acme", "globex"] {
        let new = NewJob {
            callback: Some("https://example.com/".into()),
            ..new_job(tenant)
        };
        let job = queue.submit(&new).await.unwrap();
        queue.cancel(&job.tenant, job.id).await.unwrap();
    }
    let write = queue.database.write(|change| {
        let owned = "UPDATE jobs SET callback = json_set(callback, '$.owner', 'dead')";
        change.execute(owned, [])?;
        let damage = "UPDATE jobs SET callback = '{', callback_due_ms = 1 \
             WHERE tenant = 'acme' AND rowid = (SELECT min(rowid) FROM jobs)";
        change.execute(damage, [])?;
        let damage = "UPDATE jobs SET callback = NULL, callback_due_ms = 2 \
             WHERE tenant = 'acme' AND rowid > (SELECT min(rowid) FROM jobs)";
        change.execute(damage, [])
    });
    assert_eq!(write.await.unwrap(), 1);
    assert_eq!(queue.give_back_deliveries().await.unwrap(), 1);
    let claim = async || {
        let claimed = queue.claim_delivery("a", 600_000, &Skip::default()).await;
        claimed.unwrap().map(|job| job.tenant.key().to_owned())
    };
    assert_eq!(claim().await.as_deref(), Some("globex"));
    assert_eq!(claim().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_keys_are_forgotten_after_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(&folder, "a.db").await;
    let acme: Tenant = "acme".parse().unwrap();
    let (first, second) = (new_job("acme").id, new_job("acme").id);
    for key in ["used again", "left alone"] {
        let remembered = queue.remember(&acme, key, "r1", first).await.unwrap();
        assert_eq!(remembered, Remembered::New);
    }
    let age = queue.database.write(|change| {
        let older = "UPDATE idempotency SET created_ms = created_ms - ?1";
        change.execute(older, [IDEMPOTENCY_MS.cast_signed()])
    });
    assert_eq!(age.await.unwrap(), 2);
    let again = queue.remember(&acme, "used again", "r2", second).await;
    assert_eq!(again.unwrap(), Remembered::New);
    queue.repair().await.unwrap();
    let left = queue.database.read(|connection| {
        let select = "SELECT group_concat(key) FROM idempotency";
        connection.query_row(select, [], |row| row.get::<_, String>(0))
    });
    assert_eq!(left.await.unwrap(), "used again");
}

fn new_job(tenant: &str) -> NewJob {
    let entropy: &dyn Entropy = &SystemEntropy;
    let pin = SpecPin {
        name: "orders".into(),
        version: 1,
        sha256: "ab".repeat(32),
    };
    NewJob {
        id: entropy.id(),
        tenant: Tenant::of_key(tenant).unwrap(),
        file: entropy.id(),
        spec: SpecText {
            pin,
            text: "name = \"orders\"".into(),
            is_operators: false,
        },
        load: LoadPin {
            content: "sha256:aa".into(),
            base: LoadIdentity([1; 12]),
            identity: LoadIdentity([1; 12]),
            generation: 0,
            load_number: 0,
            collection: "orders".into(),
        },
        priority: 0,
        bytes_total: None,
        parent: None,
        callback: None,
    }
}

fn claimant() -> Claimant {
    let entropy: &dyn Entropy = &SystemEntropy;
    Claimant {
        worker: "host-1".into(),
        owner: entropy.id().to_string(),
        lease_ms: 600_000,
        max_attempts: 3,
        take_expired: true,
    }
}
