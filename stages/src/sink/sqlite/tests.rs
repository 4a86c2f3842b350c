//! Every mode on a real file: what is said, what stands there, replays, other processes.

use super::*;
use crate::record::Type;
use crate::sink::harness::{Fed, load};
use tempfile::TempDir;

mod exported;
mod held;
mod parts;
mod remembered;

const FIELDS: &[(&str, Type)] = &[
    ("k", Type::String),
    ("a.n", Type::Integer),
    ("a.m", Type::Integer),
    ("o", Type::Object),
];

/// A database in a folder of its own.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A connection of its own, as another process has it.
    async fn store(&self) -> EmbeddedStore {
        EmbeddedStore::open(&self.folder.path().join("a.db"))
            .await
            .unwrap()
    }

    /// Another connection, and a sink in `mode` for the load with this number.
    async fn sink(&self, mode: Mode, load_number: u64) -> Result<Fed, Fatal> {
        self.keyed(mode, load_number, &["k"]).await
    }

    async fn keyed(&self, mode: Mode, load_number: u64, key: &[&str]) -> Result<Fed, Fatal> {
        let load = Load {
            load_number,
            ..load(FIELDS)
        };
        let paths = key
            .iter()
            .map(|path| path.split('.').map(Arc::from).collect());
        let target = Target {
            collection: "orders".into(),
            mode,
            key: paths.filter(|_| mode.has_key()).collect(),
            ..Target::default()
        };
        Ok(Fed::new(
            self.store()
                .await
                .open_sink(&target, &Flow::default(), load.clone())
                .await?,
            &load,
        ))
    }

    /// The documents without their ids, in the order of their keys.
    async fn documents(&self) -> Vec<String> {
        let sorted = "SELECT doc FROM orders ORDER BY doc ->> '$.k', id";
        let database = self.store().await.database;
        let documents = database.read(move |connection| {
            let mut documents = connection.prepare(sorted)?;
            documents.query_map([], |row| row.get(0))?.collect()
        });
        documents.await.unwrap()
    }
}

/// Writes `rows` into what `before` upserted, in `mode` as load 2: what is said, and the documents.
async fn check(mode: Mode, before: &[&str], rows: &[&str], said: &str, documents: &[&str]) {
    let place = Place::new();
    let first = place.sink(Mode::Upsert, 1).await.unwrap();
    let inserted = format!("{}/0", before.len());
    assert_eq!(first.said(0, before).await, inserted);
    let second = place.sink(mode, 2).await.unwrap();
    assert_eq!(second.said(10, rows).await, said, "{mode:?} of {rows:?}");
    assert_eq!(place.documents().await, documents, "{mode:?} of {rows:?}");
    // A replay, whatever it says, changes nothing, and everything has an outcome again.
    let third = place.sink(mode, 2).await.unwrap();
    let again = third.write(10, rows).await.unwrap();
    let outcomes = again.loaded + again.already_loaded + again.rejects.len() as u64;
    assert_eq!(outcomes, rows.len() as u64);
    assert_eq!(
        place.documents().await,
        documents,
        "{mode:?} of {rows:?} again"
    );
    // Nor does a process that should be dead.
    let rejected = first.said(0, &[r#"{"k":"a","a.n":-1}"#]).await;
    let still_there = documents
        .iter()
        .any(|document| document.contains(r#""k":"a""#));
    if still_there && !before.is_empty() && mode != Mode::Insert {
        assert!(rejected == "1/0" || rejected == "0/1", "{rejected}");
        assert_eq!(place.documents().await, documents);
    }
}

#[tokio::test]
async fn upsert_replaces_or_inserts() {
    let m = Mode::Upsert;
    let one = &[r#"{"k":"a","a.n":1,"a.m":2}"#];
    check(m, &[], &[r#"{"k":"a"}"#], "1/0", &[r#"{"k":"a"}"#]).await;
    check(
        m,
        one,
        &[r#"{"k":"a","a.n":5}"#],
        "1/0",
        &[r#"{"k":"a","a":{"n":5}}"#],
    )
    .await;
    check(
        m,
        one,
        &[r#"{"k":"b"}"#, r#"{"k":"a"}"#, r#"{"k":"b","a.n":7}"#],
        "3/0",
        &[r#"{"k":"a"}"#, r#"{"k":"b","a":{"n":7}}"#],
    )
    .await;
}

#[tokio::test]
async fn replace_needs_a_match() {
    let m = Mode::Replace;
    let one = &[r#"{"k":"a","a.n":1,"a.m":2}"#];
    check(
        m,
        one,
        &[r#"{"k":"a","a.n":5}"#],
        "1/0",
        &[r#"{"k":"a","a":{"n":5}}"#],
    )
    .await;
    check(m, &[], &[r#"{"k":"a"}"#], "0/0 10 no_match", &[]).await;
    check(
        m,
        one,
        &[r#"{"k":"b"}"#, r#"{"k":"a"}"#],
        "1/0 10 no_match",
        &[r#"{"k":"a"}"#],
    )
    .await;
}

#[tokio::test]
async fn merge_sets_fields() {
    let m = Mode::Merge;
    let one = &[r#"{"k":"a","a.n":1,"a.m":2,"o":{"x":1},"kept":3}"#];
    check(
        m,
        &[],
        &[r#"{"k":"a","a.n":1}"#],
        "1/0",
        &[r#"{"k":"a","a":{"n":1}}"#],
    )
    .await;
    check(
        m,
        one,
        &[
            r#"{"k":"a","a.n":5}"#,
            r#"{"k":"a","o":{"y":2},"new":true}"#,
        ],
        "2/0",
        &[r#"{"k":"a","a":{"n":5,"m":2},"o":{"y":2},"kept":3,"new":true}"#],
    )
    .await;
}

#[tokio::test]
async fn delete_removes() {
    let m = Mode::Delete;
    let two = &[r#"{"k":"a"}"#, r#"{"k":"b"}"#];
    check(m, two, &[r#"{"k":"a","a.n":5}"#], "1/0", &[r#"{"k":"b"}"#]).await;
    check(
        m,
        two,
        &[r#"{"k":"c"}"#],
        "1/0",
        &[r#"{"k":"a"}"#, r#"{"k":"b"}"#],
    )
    .await;
    check(m, &[], &[r#"{"k":"a"}"#, r#"{"k":"a"}"#], "2/0", &[]).await;
}

#[tokio::test]
async fn a_key_that_is_null_is_refused() {
    let one: &[&str] = &[r#"{"k":"a"}"#];
    for mode in [Mode::Upsert, Mode::Replace, Mode::Merge, Mode::Delete] {
        let rows = [r#"{"a.n":1}"#, r#"{"k":null}"#];
        check(mode, one, &rows, "0/0 10 key_null 11 key_null", one).await;
    }
}

#[tokio::test]
async fn a_batch_that_is_written_again_is_already_loaded() {
    let place = Place::new();
    let rows = [r#"{"k":"a"}"#, r#"{"k":"a"}"#, r#"{}"#];
    let sink = place.sink(Mode::Insert, 0).await.unwrap();
    assert_eq!(sink.said(0, &rows).await, "3/0");
    assert_eq!(sink.said(0, &rows).await, "0/3");
    // Cut otherwise, by another process.
    let other = place.sink(Mode::Insert, 0).await.unwrap();
    assert_eq!(other.said(2, &[r#"{}"#, r#"{"k":"b"}"#]).await, "1/1");
    assert_eq!(place.documents().await.len(), 4);
    let keyed = Place::new();
    let sink = keyed.sink(Mode::Upsert, 1).await.unwrap();
    assert_eq!(sink.said(0, &[r#"{"k":"a"}"#, r#"{"k":"b"}"#]).await, "2/0");
    assert_eq!(sink.said(0, &[r#"{"k":"a"}"#, r#"{"k":"b"}"#]).await, "0/2");
}

#[tokio::test]
async fn positions_say_where_a_document_came_from() {
    let place = Place::new();
    place
        .sink(Mode::Insert, 0)
        .await
        .unwrap()
        .said(300, &["{}"])
        .await;
    place
        .sink(Mode::Upsert, 7)
        .await
        .unwrap()
        .said(5, &[r#"{"k":"a"}"#])
        .await;
    let database = place.store().await.database;
    let positions = database.read(|connection| {
        let select = "SELECT CASE typeof(position) WHEN 'blob' THEN hex(position) ELSE position END FROM orders";
        let mut positions = connection.prepare(&format!("{select} ORDER BY position"))?;
        positions.query_map([], |row| row.get(0))?.collect()
    });
    let positions: Vec<rusqlite::types::Value> = positions.await.unwrap();
    let sequence = format!("{:016X}{:016X}", 7, 5);
    assert_eq!(positions, [300_i64.into(), sequence.into()]);
}

#[tokio::test]
async fn documents_that_were_inserted_without_a_key_are_found_by_it() {
    let place = Place::new();
    let rows = [
        r#"{"k":"a","a.n":1}"#,
        r#"{"a.n":2}"#,
        r#"{"a.n":3}"#,
        r#"{"k":"b"}"#,
    ];
    place
        .sink(Mode::Insert, 0)
        .await
        .unwrap()
        .said(0, &rows)
        .await;
    let upsert = place.sink(Mode::Upsert, 1).await.unwrap();
    assert_eq!(upsert.said(0, &[r#"{"k":"a","a.n":9}"#]).await, "1/0");
    let documents = place.documents().await;
    assert_eq!(
        documents.len(),
        4,
        "those without a key do not clash: {documents:?}"
    );
    assert!(documents.contains(&r#"{"k":"a","a":{"n":9}}"#.to_owned()));
    // From now on an insert of a key that is there is refused, and a replay of one is not.
    let insert = place.sink(Mode::Insert, 0).await.unwrap();
    assert_eq!(
        insert.said(3, &[r#"{"k":"b"}"#, r#"{"k":"b"}"#]).await,
        "0/1 4 duplicate_value"
    );
}

#[tokio::test]
async fn a_key_that_is_not_unique_is_refused_when_the_sink_opens() {
    let place = Place::new();
    let rows = [r#"{"k":"a"}"#, r#"{"k":"a"}"#];
    place
        .sink(Mode::Insert, 0)
        .await
        .unwrap()
        .said(0, &rows)
        .await;
    let code = |opened: Result<Fed, Fatal>| opened.err().map(|fatal| fatal.code);
    assert_eq!(
        code(place.sink(Mode::Upsert, 1).await),
        Some("key_not_unique")
    );
    assert_eq!(
        code(place.keyed(Mode::Upsert, 1, &["x"]).await),
        Some("key_unknown")
    );
    assert_eq!(
        code(place.keyed(Mode::Upsert, 1, &["a"]).await),
        Some("key_unknown")
    );
    assert_eq!(
        code(place.keyed(Mode::Upsert, 1, &["o"]).await),
        Some("key_type")
    );
}

#[tokio::test]
async fn a_table_of_another_shape_is_never_written() {
    let place = Place::new();
    let store = place.store().await;
    let make = "CREATE TABLE orders (id INTEGER PRIMARY KEY, total TEXT)";
    store
        .database
        .write(|change| change.execute_batch(make))
        .await
        .unwrap();
    let opened = place.sink(Mode::Insert, 0).await;
    assert_eq!(
        opened.err().map(|fatal| fatal.code),
        Some("target_mismatch")
    );
    assert_eq!(store.collections().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn keys_of_several_fields_and_odd_names_use_their_index() {
    let load = Load {
        load_number: 1,
        ..load(&[
            ("q\"\\'\n", Type::String),
            ("ä.x y", Type::Integer),
            ("b", Type::Boolean),
        ])
    };
    let target = Target {
        collection: "orders".into(),
        mode: Mode::Upsert,
        key: vec![
            vec!["q\"\\'\n".into()],
            vec!["ä".into(), "x y".into()],
            vec!["b".into()],
        ],
        ..Target::default()
    };
    let place = Place::new();
    let store = place.store().await;
    let fed = Fed::new(
        store
            .open_sink(&target, &Flow::default(), load.clone())
            .await
            .unwrap(),
        &load,
    );
    let row = |text: &str, number: i64, truth: bool| {
        serde_json::json!({ "q\"\\'\n": text, "ä.x y": number, "b": truth }).to_string()
    };
    let rows = [
        row("a", 1, true),
        row("a", 1, false),
        row("a", 2, true),
        row("\u{0}\u{1}\"'", 1, true),
    ];
    assert_eq!(fed.said(0, &rows).await, "4/0");
    assert_eq!(fed.said(10, &rows).await, "4/0");
    assert_eq!(place.documents().await.len(), 4, "each key once");
    let plan = store.database.read(move |connection| {
        let find: Vec<_> = target
            .key
            .iter()
            .map(|path| table::expression(path))
            .collect();
        let explain = format!(
            "EXPLAIN QUERY PLAN SELECT id FROM orders WHERE {} = 1 AND {} = 2 AND {} = 3",
            find[0], find[1], find[2]
        );
        connection.query_row(&explain, [], |row| row.get::<_, String>(3))
    });
    let plan = plan.await.unwrap();
    assert!(plan.starts_with("SEARCH orders USING INDEX _key"), "{plan}");
}

#[tokio::test]
async fn keys_are_told_apart_by_type() {
    let load = Load {
        load_number: 1,
        ..load(&[("k", Type::Object)])
    };
    let keys = [
        r#""7""#,
        "7",
        "7.0",
        "true",
        r#""true""#,
        r#""null""#,
        "1",
        "\"\"",
    ];
    let place = Place::new();
    let insert = Target {
        collection: "orders".into(),
        ..Target::default()
    };
    let store = place.store().await;
    let fed = Fed::new(
        store
            .open_sink(&insert, &Flow::default(), load.clone())
            .await
            .unwrap(),
        &load,
    );
    let rows: Vec<_> = keys.iter().map(|key| format!("{{\"k\":{key}}}")).collect();
    assert_eq!(fed.said(0, &rows).await, "8/0");
    // The index can be made: no two are equal.
    let upsert = place.sink(Mode::Upsert, 1).await.unwrap();
    assert_eq!(
        upsert
            .said(0, &[r#"{"k":"7","a.n":1}"#, r#"{"k":"true"}"#])
            .await,
        "2/0"
    );
    assert_eq!(place.documents().await.len(), 8);
}

#[tokio::test]
async fn processes_write_beside_each_other() {
    let place = Arc::new(Place::new());
    place.sink(Mode::Upsert, 1).await.unwrap();
    let writers = (0..8_u64).map(|writer| {
        let place = place.clone();
        tokio::spawn(async move {
            let sink = place.sink(Mode::Upsert, writer + 1).await?;
            for from in 0..5 {
                let row = |n| format!(r#"{{"k":"{}","a.n":{writer}}}"#, (from * 20 + n) % 50);
                let rows: Vec<_> = (0..20).map(row).collect();
                assert_eq!(sink.write(from * 20, &rows).await?.loaded, 20);
            }
            Ok::<_, Fatal>(())
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    let documents = place.documents().await;
    assert_eq!(documents.len(), 50);
    assert!(
        documents
            .iter()
            .all(|document| document.contains(r#""n":7"#)),
        "the newest load wins"
    );
}

#[tokio::test]
async fn a_full_disk_may_heal_and_leaves_whole_batches_only() {
    let place = Place::new();
    let store = place.store().await;
    let load = load(FIELDS);
    let target = Target {
        collection: "orders".into(),
        ..Target::default()
    };
    let fed = Fed::new(
        store
            .open_sink(&target, &Flow::default(), load.clone())
            .await
            .unwrap(),
        &load,
    );
    let limit = |pages: u32| {
        store.database.write(move |change| {
            change.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        })
    };
    assert_eq!(fed.said(0, &["{}"]).await, "1/0");
    limit(1).await.unwrap();
    let rows = vec![format!(r#"{{"k":"{}"}}"#, "x".repeat(1000)); 100];
    let fatal = fed.write(1, &rows).await.unwrap_err();
    assert_eq!(
        (fatal.code, fatal.retry),
        ("target_full", pipeline::Retry::Later)
    );
    assert_eq!(place.documents().await.len(), 1);
    limit(100_000).await.unwrap();
    assert_eq!(fed.said(1, &rows).await, "100/0");
}

#[test]
fn what_a_table_says_is_judged() {
    let check = |text: &str, expected: &str| {
        let spec: SqliteSpec = toml::from_str(text).unwrap();
        let mut problems = Vec::new();
        let (path, target, flow) = spec.check(Flow::default(), &mut problems);
        let mut said = format!(
            "{} {} {}",
            path.display(),
            target.collection,
            flow.max_in_flight
        );
        for problem in problems {
            said.push_str(&format!(" !{} {}", problem.path, problem.code));
        }
        assert_eq!(said, expected, "{text}");
    };
    check("path = \"a.db\"\ntable = \"t\"", "a.db t 2");
    check(
        "path = \"a.db\"\ntable = \"t\"\nmode = \"merge\"\nkey = [\"k\"]",
        "a.db t 1",
    );
    check(
        "",
        "  2 !sink.sqlite.path required !sink.sqlite.table required",
    );
    check(
        "path = \"a.db\"\ntable = \"T\"\nmode = \"upsert\"\nbatch = { records = 0 }",
        "a.db T 2 !sink.sqlite.table bad_name !sink.sqlite.key key_required !sink.sqlite.batch.records out_of_range",
    );
}
