//! Tests of the store of rejects in SQLite: the suite, and that every statement is served by an index.

use super::*;
use crate::rejects::suite;
use rusqlite::{Connection, params_from_iter};

async fn store(folder: &tempfile::TempDir) -> SqliteRejects {
    let path = folder.path().join("service.db");
    SqliteRejects::new(Database::open(&path, &[SCHEMA]).await.unwrap())
}

#[tokio::test]
async fn rejects_in_sqlite_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    suite::conforms(&store(&folder).await).await;
}

/// The table as it was before rejects said which claim stored them, with one reject.
const BEFORE_FENCES: &str = "
    CREATE TABLE rejects (
        tenant TEXT NOT NULL,
        job BLOB NOT NULL,
        run INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        line INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        code TEXT NOT NULL,
        field TEXT,
        problems TEXT NOT NULL,
        raw BLOB NOT NULL,
        PRIMARY KEY (job, run, ordinal)
    ) WITHOUT ROWID;
    CREATE INDEX rejects_code ON rejects (tenant, job, run, code, ordinal);
    CREATE INDEX rejects_field ON rejects (tenant, job, run, field, ordinal)
        WHERE field IS NOT NULL;
    INSERT INTO rejects VALUES ('acme', ?1, 0, 7, 8, 70, 'type', NULL, '[]', x'61')
";

#[tokio::test]
async fn a_file_of_the_time_before_fences_is_taken_with_its_rejects() {
    let folder = tempfile::tempdir().unwrap();
    let run = suite::run("acme", 1, 0);
    let before = Connection::open(folder.path().join("service.db")).unwrap();
    let (tables, insert) = BEFORE_FENCES.rsplit_once(';').unwrap();
    before.execute_batch(tables).unwrap();
    before.execute(insert, [run.job.0]).unwrap();
    drop(before);
    let all = Filter::default();
    {
        let store = store(&folder).await;
        let kept = store.page(&run, &all, 0, 0, 10).await.unwrap();
        assert_eq!((kept.len(), kept[0].at.ordinal), (1, 7));
        // The claim that goes on takes what is behind its checkpoint away.
        store.remove_from(&run, 1, 7).await.unwrap();
        assert_eq!(store.count(&run, &all).await.unwrap(), 0);
        store.store(&run, 1, &kept).await.unwrap();
    }
    let store = store(&folder).await;
    assert_eq!(store.count(&run, &all).await.unwrap(), 1);
    store.remove_from(&run, 1, 0).await.unwrap();
    assert_eq!(store.count(&run, &all).await.unwrap(), 1);
}

async fn explained(store: &SqliteRejects, (text, values): (String, Vec<Value>)) -> String {
    let plan = store.database.read(move |connection| {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
        let rows = explain.query_map(params_from_iter(&values), |row| row.get(3))?;
        rows.collect::<rusqlite::Result<Vec<String>>>()
    });
    plan.await.unwrap().join("; ")
}

#[tokio::test]
async fn every_page_is_read_in_the_order_of_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let run = suite::run("acme", 1, 0);
    let check = async |code: Option<&str>, field: Option<&str>, page_plan, count_plan| {
        let filter = Filter {
            code: code.map(str::to_owned),
            field: field.map(str::to_owned),
        };
        let search = |plan: &str| format!("SEARCH rejects USING {plan}");
        let plan = explained(&store, page::select(&run, &filter, 5, 0, 20)).await;
        assert_eq!(plan, search(page_plan));
        let plan = explained(&store, count::select(&run, &filter)).await;
        assert_eq!(plan, search(count_plan));
    };
    check(
        None,
        None,
        "PRIMARY KEY (job=? AND run=? AND ordinal>?)",
        "COVERING INDEX rejects_code (tenant=? AND job=? AND run=?)",
    )
    .await;
    check(
        Some("type"),
        None,
        "INDEX rejects_code (tenant=? AND job=? AND run=? AND code=? AND ordinal>?)",
        "COVERING INDEX rejects_code (tenant=? AND job=? AND run=? AND code=?)",
    )
    .await;
    check(
        None,
        Some("total"),
        "INDEX rejects_field (tenant=? AND job=? AND run=? AND field=? AND ordinal>?)",
        "COVERING INDEX rejects_field (tenant=? AND job=? AND run=? AND field=?)",
    )
    .await;
    check(
        Some("type"),
        Some("total"),
        "INDEX rejects_field (tenant=? AND job=? AND run=? AND field=? AND ordinal>?)",
        "INDEX rejects_field (tenant=? AND job=? AND run=? AND field=?)",
    )
    .await;
}
