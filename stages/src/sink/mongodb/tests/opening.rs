//! Opening the sink: the unique index on the key is made, or the load is refused.

use super::*;
use mongodb::bson::Bson;

async fn refused(mongo: &MongoTarget, target: &Target, flow: &Flow) -> Fatal {
    let opened = mongo.open_sink(target, flow, load(1)).await;
    opened
        .err()
        .unwrap_or_else(|| panic!("{target:?} is refused"))
}

/// The key patterns of the unique indexes.
async fn unique(mongo: &MongoTarget) -> Vec<Document> {
    let listed = doc! { "listIndexes": "orders" };
    let reply = mongo.database().run_command(listed).await.unwrap();
    let cursor = reply.get_document("cursor").unwrap();
    let indexes = cursor.get_array("firstBatch").unwrap().iter();
    indexes
        .filter_map(Bson::as_document)
        .filter(|index| index.get_bool("unique").unwrap_or_default())
        .map(|index| index.get_document("key").unwrap().clone())
        .collect()
}

#[tokio::test]
async fn the_index_is_made_once() {
    on_both(async |_, mongo| {
        for _ in 0..2 {
            let target = target(Mode::Upsert, &["id", "a.x"]);
            Loader::open(&mongo, &target, load(1)).await.unwrap();
        }
        assert_eq!(unique(&mongo).await, [doc! { "id": 1, "a.x": 1 }]);
        // One that is there serves, whatever its order and name.
        Loader::open(&mongo, &target(Mode::Delete, &["a.x", "id"]), load(1))
            .await
            .unwrap();
        assert_eq!(unique(&mongo).await.len(), 1);
        Loader::open(&mongo, &target(Mode::Delete, &["id"]), load(1))
            .await
            .unwrap();
        assert_eq!(unique(&mongo).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn many_open_at_the_same_moment() {
    let server = Mongod::replica_set().await;
    let mongo = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    let target = target(Mode::Upsert, &["id"]);
    let opens = (0..10).map(|_| Loader::open(&mongo, &target, load(1)));
    for opened in futures::future::join_all(opens).await {
        opened.unwrap();
    }
    assert_eq!(unique(&mongo).await.len(), 1);
}

#[tokio::test]
async fn a_key_that_is_not_unique_is_refused() {
    on_both(async |_, mongo| {
        let collection = mongo.database().collection::<Document>("orders");
        let same = [doc! { "id": 4711_i64 }, doc! { "id": 4711_i64 }];
        collection.insert_many(same).await.unwrap();
        let fatal = refused(&mongo, &target(Mode::Upsert, &["id"]), &Flow::default()).await;
        assert_eq!(fatal.code, "key_not_unique");
        assert!(fatal.message.contains("4711"), "{}", fatal.message);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let server = Mongod::standalone().await;
    let mongo = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    let one = Flow {
        max_in_flight: 1,
        ..Flow::default()
    };
    let lineage = Target {
        lineage: Some("name".into()),
        ..target(Mode::Insert, &[])
    };
    for (target, flow, code) in [
        (target(Mode::Upsert, &["other"]), one, "key_unknown"),
        (target(Mode::Upsert, &["a"]), one, "key_unknown"),
        (target(Mode::Upsert, &["id.x"]), one, "key_unknown"),
        (target(Mode::Upsert, &["tags"]), one, "key_type"),
        (target(Mode::Upsert, &["data"]), one, "key_type"),
        (
            target(Mode::Merge, &["id"]),
            Flow::default(),
            "merge_in_flight",
        ),
        (lineage, one, "lineage_name"),
    ] {
        assert_eq!(refused(&mongo, &target, &flow).await.code, code);
    }
    let dollar = Load {
        schema: harness::load(&[("id", Type::Integer), ("$a.x", Type::Integer)]).schema,
        ..load(1)
    };
    let opened = mongo
        .open_sink(&target(Mode::Merge, &["id"]), &one, dollar)
        .await;
    assert_eq!(opened.err().unwrap().code, "target_name");
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let server = Mongod::standalone().await;
    let uri = server.uri_for("docs").replace("://", "://ann:s3cret@");
    let fatal = MongoTarget::connect(&uri).await.err().unwrap();
    assert_eq!(fatal.code, "target_refused");
    assert!(!format!("{fatal:?}").contains("s3cret"));
}
