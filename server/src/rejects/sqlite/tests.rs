//! Tests of the store of rejects in SQLite: the suite, and that every statement is served by an index.

use super::*;
use crate::rejects::suite;
use rusqlite::params_from_iter;

async fn store(folder: &tempfile::TempDir) -> SqliteRejects {
    let path = folder.path().join("service.db");
    SqliteRejects::new(Database::open(&path, &[SCHEMA]).await.unwrap())
}

#[tokio::test]
async fn rejects_in_sqlite_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    suite::conforms(&store(&folder).await).await;
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
