//! Exploded records on real servers: all parts are in, or none; whatever the server refuses, and however often.

use super::*;
use mongodb::bson::Bson;

async fn open(mongo: &MongoTarget, target: &Target, load_number: u64) -> Loader {
    let load = load(load_number);
    let flow = Flow {
        max_in_flight: 1,
        ..Flow::default()
    };
    let opened = mongo.open_sink(target, &flow, load.clone()).await.unwrap();
    Loader(Fed::exploding(opened, &load, "name"))
}

/// `id name`, in order, with the part in the `_id`.
async fn held(mongo: &MongoTarget) -> Vec<String> {
    let documents = documents(mongo).await;
    let mut held: Vec<_> = documents
        .iter()
        .map(|one| {
            let part = match one.get("_id") {
                Some(Bson::Binary(id)) => id.bytes[23],
                _ => 0,
            };
            let name = one.get_str("name").unwrap_or("-");
            format!("{} {name} {part}", one.get_i64("id").unwrap())
        })
        .collect();
    held.sort();
    held
}

#[tokio::test]
async fn where_one_part_is_refused_the_others_are_taken_back_and_again_at_every_replay() {
    on_both(async |_, mongo| {
        let validator = doc! { "name": { "$ne": "bad" } };
        let created = doc! { "create": "orders", "validator": validator };
        mongo.database().run_command(created).await.unwrap();
        let index = doc! { "key": { "name": 1 }, "name": "n", "unique": true };
        let index = doc! { "createIndexes": "orders", "indexes": [index] };
        mongo.database().run_command(index).await.unwrap();
        let loader = open(&mongo, &target(Mode::Insert, &[]), 1).await;
        let rows = [
            r#"{"id":1,"name":["a","b"]}"#,
            r#"{"id":2,"name":["c","bad","d"]}"#,
            r#"{"id":3,"name":["e","b","bad"]}"#,
            r#"{"id":4,"name":["f","f"]}"#,
            r#"{"id":5,"name":["g"]}"#,
        ];
        let rejects = [
            (11, "refused_by_validator", None),
            (12, "duplicate_value", Some("name")),
            (13, "duplicate_value", Some("name")),
        ];
        let expected = ["1 a 1", "1 b 2", "5 g 1"];
        for written in [2, 0, 0] {
            let said = loader.0.write(10, &rows).await.unwrap();
            assert_eq!(said.documents, 3);
            let message = said
                .rejects
                .iter()
                .map(|reject| &reject.problems[0].message);
            assert!(
                message
                    .into_iter()
                    .all(|message| message.starts_with("part 2: "))
            );
            assert_eq!(Outcome::of(said), rejected(written, 2 - written, &rejects));
            assert_eq!(held(&mongo).await, expected);
        }
        // What a crash left between a write and its deletion.
        let ids = [(11, 1), (11, 3)].map(|(ordinal, part)| {
            let id = LoadIdentity([1; 12]).document_id(ordinal, part);
            let binary = mongodb::bson::Binary {
                subtype: mongodb::bson::spec::BinarySubtype::Generic,
                bytes: id.to_vec(),
            };
            doc! { "_id": binary, "id": 2_i64, "name": if part == 1 { "c" } else { "d" } }
        });
        let collection = mongo.database().collection::<Document>("orders");
        collection.insert_many(ids).await.unwrap();
        assert_eq!(loader.write(10, &rows).await, rejected(0, 2, &rejects));
        assert_eq!(held(&mongo).await, expected);
    })
    .await;
}

#[tokio::test]
async fn more_parts_than_a_command_deletes_are_taken_back() {
    on_both(async |_, mongo| {
        let validator = doc! { "name": { "$ne": "bad" } };
        let created = doc! { "create": "orders", "validator": validator };
        mongo.database().run_command(created).await.unwrap();
        let loader = open(&mongo, &target(Mode::Insert, &[]), 1).await;
        let names = vec![r#""x""#; 9_999].join(",");
        let row = format!(r#"{{"id":1,"name":[{names},"bad"]}}"#);
        let rows = [
            &*row,
            r#"{"id":2,"name":["y"]}"#,
            &*row.replace("9999", "1"),
        ];
        let refused = "refused_by_validator";
        let expected = rejected(1, 0, &[(0, refused, None), (2, refused, None)]);
        assert_eq!(loader.write(0, &rows).await, expected);
        assert_eq!(held(&mongo).await, ["2 y 1"]);
    })
    .await;
}

#[tokio::test]
async fn by_key_parts_are_in_order_and_what_the_server_took_of_a_refused_record_counts_as_held() {
    on_both(async |_, mongo| {
        for mode in [Mode::Upsert, Mode::Merge] {
            empty(&mongo).await;
            let created = doc! { "create": "orders", "validator": { "name": { "$ne": "bad" } } };
            mongo.database().run_command(created).await.unwrap();
            let loader = open(&mongo, &target(mode, &["name"]), 1).await;
            let rows = [
                r#"{"id":1,"name":["a","b","a"]}"#,
                r#"{"id":2,"name":["c","bad"]}"#,
                r#"{"id":3,"name":["b","d"]}"#,
            ];
            for _ in 0..2 {
                let said = loader.0.write(0, &rows).await.unwrap();
                assert_eq!(said.documents, 6, "{mode:?}");
                let refused = [(1, "refused_by_validator", None)];
                assert_eq!(Outcome::of(said), rejected(2, 0, &refused), "{mode:?}");
                let names = held(&mongo).await;
                let names: Vec<_> = names.iter().map(|one| &one[..3]).collect();
                assert_eq!(names, ["1 a", "2 c", "3 b", "3 d"], "{mode:?}");
            }
            let found = loader.0.sink.finish().await.unwrap().unwrap();
            assert_eq!(found.documents, 4, "{mode:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn parts_of_one_record_are_counted_over_pages() {
    on_both(async |_, mongo| {
        let loader = open(&mongo, &target(Mode::Upsert, &["name"]), 1).await;
        let names = (0..1_500)
            .map(|name| format!(r#""{name}""#))
            .collect::<Vec<_>>();
        let row = format!(r#"{{"id":1,"name":[{}]}}"#, names.join(","));
        assert_eq!(loader.write(0, &[&*row]).await, Outcome::all(1, 0));
        let found = loader.0.sink.finish().await.unwrap().unwrap();
        assert_eq!(found.documents, 1_500);
    })
    .await;
}
