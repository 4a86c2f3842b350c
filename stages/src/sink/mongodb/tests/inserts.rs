//! Insert mode on real servers: every record is a document once, and what the server refuses is a reject.

use super::*;
use mongodb::bson::{Binary, Bson};

#[tokio::test]
async fn a_batch_that_comes_again_changes_nothing() {
    on_both(async |_, mongo| {
        let loader = Loader::open(&mongo, &target(Mode::Insert, &[]), load(1)).await.unwrap();
        let lines = [
            r#"{"id":1,"name":"x","price":"1.50","weight":0.5,"paid":true,"a.x":1,"a.b.y":2,"tags":[1,null,"t"],"data":{"k":{}}}"#,
            r#"{"id":2}"#,
        ];
        assert_eq!(loader.write(0, &lines).await, Outcome::all(2, 0));
        assert_eq!(loader.write(0, &lines).await, Outcome::all(0, 2));
        assert_eq!(loader.write(1, &[lines[1], r#"{"id":3}"#]).await, Outcome::all(1, 1));
        let expected = [
            doc! {
                "id": 1_i64, "name": "x",
                "price": "1.50".parse::<mongodb::bson::Decimal128>().unwrap(),
                "weight": 0.5, "paid": true, "a": { "x": 1_i64, "b": { "y": 2_i64 } },
                "tags": [1_i64, null, "t"], "data": { "k": {} },
            },
            doc! { "id": 2_i64 },
            doc! { "id": 3_i64 },
        ];
        assert_eq!(contents(&mongo).await, expected);
        for (ordinal, document) in (0..).zip(documents(&mongo).await) {
            let id = LoadIdentity([1; 12]).document_id(ordinal, 0);
            let id = Binary { subtype: mongodb::bson::spec::BinarySubtype::Generic, bytes: id.to_vec() };
            assert_eq!(document.get("_id"), Some(&Bson::Binary(id)));
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_server_refuses_is_a_reject_and_the_rest_is_loaded() {
    on_both(async |_, mongo| {
        let validator = doc! { "$jsonSchema": { "required": ["id"], "properties": { "weight": { "minimum": 0 } } } };
        let created = doc! { "create": "orders", "validator": validator };
        mongo.database().run_command(created).await.unwrap();
        let index = doc! { "key": { "name": 1 }, "name": "n", "unique": true, "sparse": true };
        let index = doc! { "createIndexes": "orders", "indexes": [index] };
        mongo.database().run_command(index).await.unwrap();
        let loader = Loader::open(&mongo, &target(Mode::Insert, &[]), load(1)).await.unwrap();
        let lines = [
            r#"{"id":1,"name":"a"}"#,
            r#"{"id":2,"weight":-1.0}"#,
            r#"{"id":3,"name":"a"}"#,
            r#"{"name":"b"}"#,
            r#"{"id":5}"#,
        ];
        let rejects = [
            (11, "refused_by_validator", Some("weight")),
            (12, "duplicate_value", Some("name")),
            (13, "refused_by_validator", Some("id")),
        ];
        assert_eq!(loader.write(10, &lines).await, rejected(2, 0, &rejects));
        assert_eq!(loader.write(10, &lines).await, rejected(0, 2, &rejects));
        let ids: Vec<_> = contents(&mongo).await.iter().map(|found| found.get_i64("id").unwrap()).collect();
        assert_eq!(ids, [1, 5]);
    })
    .await;
}

#[tokio::test]
async fn names_are_literal_whatever_they_look_like() {
    on_both(async |_, mongo| {
        let loader = Loader::open(&mongo, &target(Mode::Insert, &[]), load(1)).await.unwrap();
        let lines = [
            r#"{"id":1,"data":{"$oid":"65f0c0ffee65f0c0ffee0001","$where":{"a.b":1},"":2,"$date":null,"..":[{"$gt":""}]}}"#,
            r#"{"id":2,"a.b":1,"":2,"x.$y":3}"#,
            r#"{"id":3,"$where":"1","$ref":2,"n":{"$numberLong":"5"},"o":{"$oid":"65f0c0ffee65f0c0ffee0001"}}"#,
        ];
        assert_eq!(loader.write(0, &lines).await, Outcome::all(3, 0));
        let expected = [
            doc! { "id": 1_i64, "data": { "$oid": "65f0c0ffee65f0c0ffee0001", "$where": { "a.b": 1_i64 }, "": 2_i64, "$date": null, "..": [{ "$gt": "" }] } },
            doc! { "id": 2_i64, "a.b": 1_i64, "": 2_i64, "x.$y": 3_i64 },
            doc! { "id": 3_i64, "$where": "1", "$ref": 2_i64, "n": { "$numberLong": "5" }, "o": { "$oid": "65f0c0ffee65f0c0ffee0001" } },
        ];
        let found = contents(&mongo).await;
        for (found, expected) in found.iter().zip(&expected) {
            // The test's own parser sorts names.
            assert!(same(found, expected), "{found} is not {expected}");
        }
        assert_eq!(found.len(), expected.len());
    })
    .await;
}

/// Whether two documents are equal but for the order of their names.
fn same(a: &Document, b: &Document) -> bool {
    fn equal(a: &Bson, b: &Bson) -> bool {
        match (a, b) {
            (Bson::Document(a), Bson::Document(b)) => same(a, b),
            (a, b) => a == b,
        }
    }
    let of_b =
        |(name, value): (&String, &Bson)| b.get(name).is_some_and(|other| equal(value, other));
    a.len() == b.len() && a.iter().all(of_b)
}

#[tokio::test]
async fn a_document_of_exactly_16_mib_is_loaded() {
    on_both(async |_, mongo| {
        let loader = Loader::open(&mongo, &target(Mode::Insert, &[]), load(1))
            .await
            .unwrap();
        let line = |length: usize| format!(r#"{{"id":1,"name":"{}"}}"#, "x".repeat(length));
        let one = loader.0.batch(0, &[&line(1)]);
        let room = super::super::document::MAX_DOCUMENT_BYTES - one.bytes_len();
        let largest = line(1 + room);
        assert_eq!(loader.0.batch(0, &[&largest]).bytes_len(), 16_777_216);
        // Beside others, so that the batch takes several commands.
        let small = r#"{"id":2}"#;
        assert_eq!(
            loader.write(0, &[small, &largest, small]).await,
            Outcome::all(3, 0)
        );
        assert_eq!(
            loader.write(0, &[small, &largest, small]).await,
            Outcome::all(0, 3)
        );
    })
    .await;
}

#[tokio::test]
async fn lineage_says_where_a_document_came_from() {
    on_both(async |_, mongo| {
        let target = Target {
            lineage: Some("origin".into()),
            ..target(Mode::Insert, &[])
        };
        let loader = Loader::open(&mongo, &target, load(7)).await.unwrap();
        assert_eq!(loader.write(4, &[r#"{"id":1}"#]).await, Outcome::all(1, 0));
        let origin =
            doc! { "job": "job-7", "file": "orders.jsonl", "record": 5_i64, "line": 5_i64 };
        assert_eq!(
            contents(&mongo).await,
            [doc! { "id": 1_i64, "origin": origin }]
        );
    })
    .await;
}

#[tokio::test]
async fn tenants_have_databases_of_their_own() {
    let server = Mongod::standalone().await;
    let mongo = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    let of_tenant = Load {
        tenant: Some("acme".into()),
        ..load(1)
    };
    let loader = Loader::open(&mongo, &target(Mode::Insert, &[]), of_tenant)
        .await
        .unwrap();
    assert_eq!(loader.write(0, &[r#"{"id":1}"#]).await, Outcome::all(1, 0));
    assert_eq!(contents(&mongo).await.len(), 0);
    let acme = mongo.of_tenant(Some("acme")).unwrap();
    assert_eq!(acme.database().name(), "docs_acme");
    assert_eq!(contents(&acme).await.len(), 1);
    assert_eq!(
        mongo.of_tenant(Some("state")).err().unwrap().code,
        "reserved_database"
    );
}
