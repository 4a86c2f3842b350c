//! Upsert, replace and delete on real servers: one document for each key, and the newest stays.

use super::*;
use crate::identity::sequence;
use mongodb::bson::Bson;

async fn open(mongo: &MongoTarget, mode: Mode, key: &[&str], number: u64) -> Loader {
    Loader::open(mongo, &target(mode, key), load(number))
        .await
        .unwrap()
}

/// The load number and ordinal in `_src.seq`.
fn seq(document: &Document) -> Vec<u8> {
    let source = document.get_document("_src").unwrap();
    assert_eq!(source.len(), 1);
    source.get_binary_generic("seq").unwrap().clone()
}

#[tokio::test]
async fn upsert_replaces_what_is_there_and_keeps_its_id() {
    on_both(async |_, mongo| {
        let collection = mongo.database().collection::<Document>("orders");
        let own = doc! { "_id": "mine", "id": 1_i64, "name": "old", "extra": true };
        collection.insert_one(own).await.unwrap();
        let loader = open(&mongo, Mode::Upsert, &["id"], 3).await;
        let rows = [r#"{"id":1,"name":"new"}"#, r#"{"id":2,"name":"$name","data":{"$add":["$id",1],"a.b":{"":1}}}"#];
        assert_eq!(loader.write(7, &rows).await, Outcome::all(2, 0));
        let found = documents(&mongo).await;
        assert_eq!(found[0].get_str("_id").unwrap(), "mine");
        assert_eq!(found[0].keys().collect::<Vec<_>>(), ["_id", "id", "name", "_src"]);
        let id = found[1].get_binary_generic("_id").unwrap().clone();
        assert_eq!(id.len(), 24);
        assert_eq!([seq(&found[0]), seq(&found[1])], [sequence(3, 7, 0), sequence(3, 8, 0)]);
        let expected = [
            doc! { "id": 1_i64, "name": "new" },
            doc! { "id": 2_i64, "name": "$name", "data": { "$add": ["$id", 1_i64], "a.b": { "": 1_i64 } } },
        ];
        assert_eq!(contents(&mongo).await, expected);
        // The same key gets the same `_id`, whichever load brings it.
        collection.delete_many(doc! {}).await.unwrap();
        let later = open(&mongo, Mode::Upsert, &["id"], 4).await;
        assert_eq!(later.write(0, &rows[1..]).await, Outcome::all(1, 0));
        assert_eq!(documents(&mongo).await[0].get_binary_generic("_id").unwrap(), &id);
    })
    .await;
}

#[tokio::test]
async fn what_is_newer_stays_and_counts_as_loaded() {
    on_both(async |_, mongo| {
        for mode in [Mode::Upsert, Mode::Replace, Mode::Merge] {
            empty(&mongo).await;
            let newer = open(&mongo, Mode::Upsert, &["id"], 2).await;
            let rows = [r#"{"id":1,"name":"newer"}"#, r#"{"id":2,"name":"newer"}"#];
            assert_eq!(newer.write(0, &rows).await, Outcome::all(2, 0));
            let late = open(&mongo, mode, &["id"], 1).await;
            let rows = [r#"{"id":1,"name":"late"}"#, r#"{"id":2,"name":"late"}"#];
            assert_eq!(late.write(100, &rows).await, Outcome::all(2, 0), "{mode:?}");
            let names: Vec<_> = documents(&mongo)
                .await
                .iter()
                .map(|found| found.get_str("name").unwrap().to_owned())
                .collect();
            assert_eq!(names, ["newer", "newer"], "{mode:?}");
            let late = open(&mongo, Mode::Delete, &["id"], 1).await;
            assert_eq!(late.write(100, &rows).await, Outcome::all(2, 0));
            assert_eq!(documents(&mongo).await.len(), 2);
        }
    })
    .await;
}

#[tokio::test]
async fn a_replay_changes_nothing() {
    on_both(async |_, mongo| {
        let rows = [
            r#"{"id":1,"name":"a"}"#,
            r#"{"id":2}"#,
            r#"{"id":1,"name":"b"}"#,
        ];
        for mode in [Mode::Upsert, Mode::Merge] {
            empty(&mongo).await;
            let loader = open(&mongo, mode, &["id"], 1).await;
            assert_eq!(loader.write(0, &rows).await, Outcome::all(3, 0));
            let first = documents(&mongo).await;
            assert_eq!(first.len(), 2);
            // Whole, and cut at another place.
            assert_eq!(loader.write(0, &rows).await, Outcome::all(3, 0));
            assert_eq!(loader.write(0, &rows[..2]).await, Outcome::all(2, 0));
            assert_eq!(documents(&mongo).await, first, "{mode:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn replace_inserts_nothing() {
    on_both(async |_, mongo| {
        let loader = open(&mongo, Mode::Upsert, &["id", "name"], 1).await;
        assert_eq!(
            loader.write(0, &[r#"{"id":1,"name":"a"}"#]).await,
            Outcome::all(1, 0)
        );
        let loader = open(&mongo, Mode::Replace, &["id", "name"], 2).await;
        let rows = [
            r#"{"id":2,"name":"a"}"#,
            r#"{"id":1,"name":"a","paid":false}"#,
            r#"{"id":1,"name":"b"}"#,
            r#"{"id":1,"name":"a","paid":true}"#,
            r#"{"id":2,"name":"a"}"#,
        ];
        let rejects = [
            (10, "no_match", None),
            (12, "no_match", None),
            (14, "no_match", None),
        ];
        assert_eq!(loader.write(10, &rows).await, rejected(2, 0, &rejects));
        let expected = doc! { "id": 1_i64, "name": "a", "paid": true };
        assert_eq!(contents(&mongo).await, [expected]);
    })
    .await;
}

#[tokio::test]
async fn delete_removes_what_is_there() {
    on_both(async |_, mongo| {
        let loader = open(&mongo, Mode::Upsert, &["id"], 1).await;
        let rows = [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":3}"#];
        assert_eq!(loader.write(0, &rows).await, Outcome::all(3, 0));
        let loader = open(&mongo, Mode::Delete, &["id"], 2).await;
        let rows = [
            r#"{"id":1}"#,
            r#"{"id":9}"#,
            r#"{"id":3,"name":"x"}"#,
            r#"{"id":1}"#,
        ];
        assert_eq!(loader.write(0, &rows).await, Outcome::all(4, 0));
        assert_eq!(contents(&mongo).await, [doc! { "id": 2_i64 }]);
    })
    .await;
}

#[tokio::test]
async fn the_last_of_a_key_wins_and_equal_keys_are_one() {
    on_both(async |_, mongo| {
        let loader = open(&mongo, Mode::Upsert, &["price", "a.b.y"], 1).await;
        let rows = [
            r#"{"price":"1.50","a.b.y":1,"name":"a"}"#,
            r#"{"price":"1.5","a.b.y":1,"name":"b"}"#,
            r#"{"price":"1.5","a.b.y":2,"name":"c"}"#,
            r#"{"price":"1.500","a.b.y":1,"name":"d"}"#,
        ];
        assert_eq!(loader.write(0, &rows).await, Outcome::all(4, 0));
        let names: Vec<_> = documents(&mongo)
            .await
            .iter()
            .map(|found| found.get_str("name").unwrap().to_owned())
            .collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&"c".into()) && names.contains(&"d".into()));
    })
    .await;
}

#[tokio::test]
async fn a_record_without_a_key_is_a_reject() {
    let server = Mongod::standalone().await;
    let mongo = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    for mode in [Mode::Upsert, Mode::Replace, Mode::Merge, Mode::Delete] {
        let loader = open(&mongo, mode, &["a.x"], 1).await;
        let rows = [r#"{"id":1}"#, r#"{"a.x":null}"#];
        let rejects = [(0, "key_null", Some("a.x")), (1, "key_null", Some("a.x"))];
        assert_eq!(loader.write(0, &rows).await, rejected(0, 0, &rejects));
    }
}

#[tokio::test]
async fn one_that_is_refused_leaves_the_one_before_it() {
    on_both(async |_, mongo| {
        for mode in [Mode::Upsert, Mode::Merge] {
            empty(&mongo).await;
            let validator = doc! { "weight": { "$not": { "$lt": 0 } } };
            let created = doc! { "create": "orders", "validator": validator };
            mongo.database().run_command(created).await.unwrap();
            let index = doc! { "key": { "name": 1 }, "name": "n", "unique": true, "sparse": true };
            let index = doc! { "createIndexes": "orders", "indexes": [index] };
            mongo.database().run_command(index).await.unwrap();
            let loader = open(&mongo, mode, &["id"], 1).await;
            let rows = [
                r#"{"id":1,"weight":1.0}"#,
                r#"{"id":2,"name":"x"}"#,
                r#"{"id":1,"weight":-1.0}"#,
                r#"{"id":3,"name":"x"}"#,
                r#"{"id":4}"#,
            ];
            let rejects = [
                (2, "refused_by_validator", None),
                (3, "duplicate_value", Some("name")),
            ];
            assert_eq!(
                loader.write(0, &rows).await,
                rejected(3, 0, &rejects),
                "{mode:?}"
            );
            let expected = [
                doc! { "id": 1_i64, "weight": 1.0 },
                doc! { "id": 2_i64, "name": "x" },
                doc! { "id": 4_i64 },
            ];
            assert_eq!(contents(&mongo).await, expected, "{mode:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn many_writers_make_one_document_of_each_key() {
    on_both(async |_, mongo| {
        let mut writers = tokio::task::JoinSet::new();
        for number in 1..=8 {
            let mongo = mongo.clone();
            writers.spawn(async move {
                let loader = open(&mongo, Mode::Upsert, &["id"], number).await;
                for from in (0..300).step_by(50) {
                    // Half of the writers go through the keys backwards.
                    let key = |at: u64| if number % 2 == 0 { at } else { 299 - at };
                    let rows: Vec<_> = (from..from + 50)
                        .map(|at| format!(r#"{{"id":{},"name":"{number}"}}"#, key(at)))
                        .collect();
                    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
                    assert_eq!(loader.write(from, &rows).await, Outcome::all(50, 0));
                }
            });
        }
        while let Some(writer) = writers.join_next().await {
            writer.unwrap();
        }
        let found = documents(&mongo).await;
        assert_eq!(found.len(), 300);
        for (index, document) in found.iter().enumerate() {
            assert_eq!(document.get_i64("id").unwrap(), index as i64);
            assert_eq!(document.get_str("name").unwrap(), "8");
        }
    })
    .await;
}

#[tokio::test]
async fn a_foreign_document_with_the_id_of_the_key_is_told() {
    let server = Mongod::standalone().await;
    let mongo = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    let loader = open(&mongo, Mode::Upsert, &["id"], 1).await;
    assert_eq!(loader.write(0, &[r#"{"id":1}"#]).await, Outcome::all(1, 0));
    // Somebody changes the key by hand.
    let collection = mongo.database().collection::<Document>("orders");
    let change = doc! { "$set": { "id": 2_i64 } };
    collection
        .update_one(doc! { "id": 1_i64 }, change)
        .await
        .unwrap();
    let rejects = [(5, "duplicate_value", Some("_id"))];
    assert_eq!(
        loader.write(5, &[r#"{"id":1}"#, r#"{"id":3}"#]).await,
        rejected(1, 0, &rejects)
    );
    let ids: Vec<_> = documents(&mongo)
        .await
        .iter()
        .map(|found| found.get("id").cloned())
        .collect();
    assert_eq!(ids, [Some(Bson::Int64(2)), Some(Bson::Int64(3))]);
}

#[tokio::test]
async fn a_large_document_is_upserted() {
    let server = Mongod::standalone().await;
    let mongo = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    let loader = open(&mongo, Mode::Upsert, &["id"], 1).await;
    let row = |id: u32, length: usize| format!(r#"{{"id":{id},"name":"{}"}}"#, "x".repeat(length));
    let near = 16 * 1024 * 1024 - 200;
    let (first, second, third) = (row(1, near), row(2, near), row(3, near + 200));
    let rejects = [(2, "document_too_large", None)];
    let rows = [&*first, &*second, &*third];
    assert_eq!(loader.write(0, &rows).await, rejected(2, 0, &rejects));
    assert_eq!(documents(&mongo).await.len(), 2);
}

#[tokio::test]
async fn a_replace_is_never_lost_to_an_older_upsert_beside_it() {
    on_both(async |_, mongo| {
        for round in 0..10 {
            empty(&mongo).await;
            let older = open(&mongo, Mode::Upsert, &["id"], 2 * round + 1).await;
            let newer = open(&mongo, Mode::Replace, &["id"], 2 * round + 2).await;
            let rows = |name| (0..50).map(move |id| format!(r#"{{"id":{id},"name":"{name}"}}"#));
            let writes = async |loader: &Loader, rows: Vec<String>, size: usize| {
                let mut rejects = Vec::new();
                for (at, rows) in rows.chunks(size).enumerate() {
                    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
                    rejects.extend(loader.write((at * size) as u64, &rows).await.rejects);
                }
                rejects
            };
            let (refused, rejects) = tokio::join!(
                writes(&older, rows("older").collect(), 1),
                writes(&newer, rows("newer").collect(), 5)
            );
            assert_eq!(refused, []);
            // Each is either replaced, or was not there yet and is a reject.
            for (id, document) in documents(&mongo).await.iter().enumerate() {
                let is_rejected = rejects.iter().any(|(at, ..)| *at == id as u64);
                let expected = if is_rejected { "older" } else { "newer" };
                assert_eq!(document.get_str("name").unwrap(), expected, "{round}: {id}");
            }
        }
    })
    .await;
}
