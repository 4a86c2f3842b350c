//! What the guide says about erasing a file or a partner is enough: nothing of it is left on the embedded store, and others go on.

use std::path::Path;

use hyper::Method;
use rusqlite::Connection;
use testbed::api::bytes;

use super::backend::{Backend, DEADLINE, SEED};
use super::tenants::key;

fn guide() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/README.md");
    std::fs::read_to_string(path).unwrap()
}

/// The guide's statements for one file, with the database that each is for.
fn of_a_file(job: &str) -> Vec<(String, String)> {
    let guide = guide();
    let lines = guide
        .split("sqlite3 -cmd 'PRAGMA secure_delete = ON' ")
        .skip(1);
    let said = lines.map(|line| {
        let (file, behind) = line.split_once(" \"").unwrap();
        let (statements, _) = behind.split_once("\"\n").unwrap();
        (file.to_owned(), statements.replace("JOB", job))
    });
    said.collect()
}

/// The statements of the guide for a partner, as they stand there.
fn statements() -> String {
    let guide = guide();
    let (_, behind) = guide.split_once("sqlite3 service.db \"PRAGMA").unwrap();
    let (statements, _) = behind.split_once("\"\n```").unwrap();
    format!("PRAGMA{statements}")
}

/// Rows of a tenant, in every table that knows tenants.
fn rows(store: &Connection, tenant: &str) -> i64 {
    let names = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
        WHERE m.type = 'table' AND c.name IN ('tenant', 'owner')";
    let mut names = store.prepare(names).unwrap();
    let columns = names.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let columns: Vec<(String, String)> = columns.unwrap().map(Result::unwrap).collect();
    assert!(columns.len() > 8, "{columns:?}");
    let count = |(table, column): &(String, String)| {
        let count = format!("SELECT count(*) FROM {table} WHERE {column} = ?");
        store
            .query_row(&count, [tenant], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    columns.iter().map(count).sum()
}

#[tokio::test]
async fn a_file_is_erased_as_the_guide_says() {
    let backend = Backend::embedded().await;
    let acme = key(&backend.place, "acme").await;
    let service = backend.serve().await;
    let api = service.api.with_key(&acme);
    let (gone, kept) = (
        backend.begin(&api, "orders-any", SEED, 500).await,
        backend.begin(&api, "orders-any", SEED + 1, 500).await,
    );
    let mut loaded = Vec::new();
    for job in [&gone, &kept] {
        let ended = api.job_in(job, "completed", DEADLINE).await;
        assert!(ended["stats"]["rejected"].as_i64() > Some(0), "{ended}");
        loaded.push(ended["stats"]["loaded"].as_i64().unwrap());
    }
    service.stop().await;

    let data = backend.place.path("data");
    let counted = |file: &str, count: &str| -> i64 {
        let store = Connection::open(data.join(file)).unwrap();
        store.query_row(count, [], |row| row.get(0)).unwrap()
    };
    let documents = || counted("documents_acme.db", "SELECT count(*) FROM orders");
    assert_eq!(documents(), loaded.iter().sum::<i64>());
    let said = of_a_file(&gone);
    assert_eq!(said.len(), 2);
    for (file, statements) in said {
        let store = Connection::open(data.join(file)).unwrap();
        store.execute_batch(&statements).unwrap();
    }
    assert_eq!(documents(), loaded[1]);
    for (table, column) in [("rejects", "job"), ("job_files", "job"), ("jobs", "id")] {
        let of = |job: &str| {
            let count = format!("SELECT count(*) FROM {table} WHERE {column} = x'{job}'");
            counted("service.db", &count)
        };
        assert_eq!(of(&gone), 0, "{table}");
        assert!(of(&kept) > 0, "{table}");
    }

    let service = backend.serve().await;
    let api = service.api.with_key(&acme);
    api.get(&format!("/jobs/{kept}/rejects")).await.is(200);
    // What is remembered of the load names nobody: it counts, and nothing else.
    let rejects = api.get(&format!("/jobs/{gone}/rejects")).await;
    assert!([404, 410].contains(&rejects.status), "{}", rejects.status);
}

#[tokio::test]
async fn a_partner_is_erased_as_the_guide_says() {
    let backend = Backend::embedded().await;
    let (acme, beta) = (
        key(&backend.place, "acme").await,
        key(&backend.place, "beta").await,
    );
    let service = backend.serve().await;
    let mut jobs = Vec::new();
    for key in [&acme, &beta] {
        let api = service.api.with_key(key);
        let job = backend.begin(&api, "orders-any", SEED, 500).await;
        let job = api.job_in(&job, "completed", DEADLINE).await;
        jobs.push(job);
    }
    let file = format!("/files/{}", jobs[0]["fileId"].as_str().unwrap());
    let api = service.api.with_key(&acme);
    let removed = api.send(Method::DELETE, &file, &[], bytes(Vec::new()));
    removed.await.unwrap().is(204);
    service.stop().await;

    let data = backend.place.path("data");
    let store = Connection::open(data.join("service.db")).unwrap();
    let others = rows(&store, "beta");
    assert!(rows(&store, "acme") > 10 && others > 10);
    store.execute_batch(&statements()).unwrap();
    assert_eq!((rows(&store, "acme"), rows(&store, "beta")), (0, others));
    drop(store);
    std::fs::remove_file(data.join("documents_acme.db")).unwrap();

    let service = backend.serve().await;
    service.api.with_key(&acme).get("/jobs").await.is(401);
    let job = format!("/jobs/{}", jobs[1]["jobId"].as_str().unwrap());
    let kept = service.api.with_key(&beta).get(&job).await.is(200).json();
    assert_eq!(kept["state"], "completed");
}
