//! Mode merge on real servers: a record's fields are set, all others stay, and records of one key add up.

use super::*;

async fn open(mongo: &MongoTarget, number: u64) -> Loader {
    let target = target(Mode::Merge, &["id"]);
    Loader::open(mongo, &target, load(number)).await.unwrap()
}

/// Merges rows into one document, in one batch and in batches of one, and expects its contents.
async fn check(before: Document, rows: &[&str], expected: Document) {
    on_both(async |_, mongo| {
        for batch in [rows.len(), 1] {
            empty(&mongo).await;
            let collection = mongo.database().collection::<Document>("orders");
            if !before.is_empty() {
                collection.insert_one(&before).await.unwrap();
            }
            let loader = open(&mongo, 1).await;
            for (from, rows) in rows.chunks(batch).enumerate() {
                let count = rows.len() as u64;
                assert_eq!(
                    loader.write(from as u64, rows).await,
                    Outcome::all(count, 0)
                );
            }
            assert_eq!(contents(&mongo).await, std::slice::from_ref(&expected));
        }
    })
    .await;
}

#[tokio::test]
async fn fields_are_set_and_all_others_stay() {
    check(
        doc! { "_id": 1, "id": 1_i64, "name": "a", "a": { "x": 1, "z": "stays" }, "more": [1] },
        &[r#"{"id":1,"a.x":2,"a.b.y":3,"paid":true,"name":null}"#],
        doc! {
            "id": 1_i64, "name": "a", "a": { "x": 2_i64, "z": "stays", "b": { "y": 3_i64 } },
            "more": [1], "paid": true,
        },
    )
    .await;
}

#[tokio::test]
async fn a_new_key_is_inserted() {
    check(
        doc! {},
        &[
            r#"{"id":1,"a.x":2}"#,
            r#"{"id":1,"name":"$$ROOT"}"#,
            r#"{"id":1,"name":"$id","a.b.y":1}"#,
        ],
        doc! { "id": 1_i64, "a": { "x": 2_i64, "b": { "y": 1_i64 } }, "name": "$id" },
    )
    .await;
}

#[tokio::test]
async fn odd_names_are_literal_and_whole_values_are_replaced() {
    check(
        doc! { "_id": 1, "id": 1_i64, "data": { "old": 1 }, "tags": [1, 2, 3], "a.x": "beside" },
        &[
            r#"{"id":1,"data":{"$inc":1},"tags":["$id"]}"#,
            r#"{"id":1,"x.y":1,"$z":{"$literal":2}}"#,
        ],
        doc! {
            "id": 1_i64, "data": { "$inc": 1_i64 }, "tags": ["$id"], "a.x": "beside",
            "$z": { "$literal": 2_i64 }, "x.y": 1_i64,
        },
    )
    .await;
}

#[tokio::test]
async fn ids_stay_or_come_from_the_key() {
    on_both(async |_, mongo| {
        let collection = mongo.database().collection::<Document>("orders");
        collection
            .insert_one(doc! { "_id": "mine", "id": 1_i64 })
            .await
            .unwrap();
        let loader = open(&mongo, 1).await;
        let rows = [r#"{"id":1,"name":"a"}"#, r#"{"id":2,"name":"b"}"#];
        assert_eq!(loader.write(0, &rows).await, Outcome::all(2, 0));
        let found = documents(&mongo).await;
        assert_eq!(found[0].get_str("_id").unwrap(), "mine");
        assert_eq!(found[1].get_binary_generic("_id").unwrap().len(), 24);
    })
    .await;
}

#[tokio::test]
async fn a_key_of_many_records_takes_several_statements() {
    let server = Mongod::standalone().await;
    let mongo = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    let loader = open(&mongo, 1).await;
    let rows: Vec<_> = (0..1000)
        .map(|at| format!(r#"{{"id":{},"f{at}":{at},"name":"{at}"}}"#, at % 2))
        .collect();
    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
    assert_eq!(loader.write(0, &rows).await, Outcome::all(1000, 0));
    let found = contents(&mongo).await;
    let last: Vec<_> = found
        .iter()
        .map(|found| (found.len(), found.get_str("name").unwrap()))
        .collect();
    assert_eq!(last, [(502, "998"), (502, "999")]);
}

#[tokio::test]
async fn what_cannot_be_merged_into_is_a_reject() {
    on_both(async |_, mongo| {
        let collection = mongo.database().collection::<Document>("orders");
        collection
            .insert_one(doc! { "id": 1_i64, "a": 5 })
            .await
            .unwrap();
        let loader = open(&mongo, 1).await;
        let rows = [
            r#"{"id":1,"name":"b"}"#,
            r#"{"id":1,"a.x":2}"#,
            r#"{"id":1,"paid":true}"#,
        ];
        let rejects = [(1, "refused_by_target", None)];
        assert_eq!(loader.write(0, &rows).await, rejected(2, 0, &rejects));
        let expected = doc! { "id": 1_i64, "a": 5, "name": "b", "paid": true };
        assert_eq!(contents(&mongo).await, [expected]);
    })
    .await;
}
