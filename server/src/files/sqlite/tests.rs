//! Tests of the store of files in SQLite: the suite, and that every list is served by an index.

use super::*;
use crate::files::suite::{self, Both};
use crate::page::{Cursor, From};
use crate::queue::sqlite::{SCHEMA as JOBS, SqliteQueue};
use rusqlite::params_from_iter;
use rusqlite::types::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

async fn database(folder: &tempfile::TempDir, name: &str) -> Database {
    let path = folder.path().join(name);
    Database::open(&path, &[JOBS, SCHEMA]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_in_sqlite_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = AtomicU32::new(0);
    let make = async || {
        let name = number.fetch_add(1, Ordering::Relaxed).to_string();
        let database = database(&folder, &name).await;
        Both {
            files: Arc::new(SqliteFiles::new(database.clone())),
            queue: Arc::new(SqliteQueue::new(database)),
        }
    };
    suite::conforms(make).await;
}

async fn explained(database: &Database, text: String, values: Vec<Value>) -> Vec<String> {
    let plan = database.read(move |connection| {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
        let rows = explain.query_map(params_from_iter(&values), |row| row.get(3))?;
        rows.collect()
    });
    plan.await.unwrap()
}

#[tokio::test]
async fn lists_are_read_in_the_order_of_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder, "service.db").await;
    let acme = Tenant::of_key("acme").unwrap();
    let after = From::After(Cursor {
        created_ms: 5_000,
        id: Id([4; 12]),
    });
    let mut plans = Vec::new();
    for from in [From::Number(3), after] {
        let statuses = Status::ALL.map(Some).into_iter().chain([None]);
        for (text, values) in statuses.map(|status| files::list(&acme, status, from, 20)) {
            let plan = explained(&database, text, values).await;
            assert!(
                plan[0].contains("INDEX files_created (tenant=?"),
                "{plan:?}"
            );
            plans.push(plan);
        }
    }
    let values = vec![Value::Integer(10), Value::Integer(5_000)];
    let plan = explained(&database, abandoned::idlest(), values).await;
    assert!(plan[0].contains("INDEX files_uploading"), "{plan:?}");
    plans.push(plan);
    let values = vec![Value::Blob(vec![4; 12]), Value::Integer(10)];
    let plan = explained(&database, to_go::after_id(), values).await;
    assert!(
        plan[0].contains("noted USING PRIMARY KEY (id>?)"),
        "{plan:?}"
    );
    plans.push(plan);
    for step in plans.iter().flatten() {
        assert!(
            !step.contains("SCAN") && !step.contains("B-TREE"),
            "{plans:?}"
        );
    }
}
