//! Documents that only MongoDB can refuse: each is a reject with the server's reason, and its batch goes on without it.

use mongodb::bson::doc;
use mongodb::{Client, IndexModel};
use testbed::mongod::Mongod;

use crate::case::{Case, jsonl, rejects};
use crate::found::Documents;
use crate::job::place;

async fn into(mongod: &Mongod, case: Case) -> (Case, Client) {
    let place = place().env("MONGODB_URI", mongod.uri_for("shop"));
    (Case { place, ..case }, mongod.client().await)
}

#[tokio::test]
async fn documents_over_16_mb_are_rejected() {
    let mongod = Mongod::standalone().await;
    let (case, client) = into(
        &mongod,
        Case {
            input: "max_record_bytes = \"32MiB\"",
            ..jsonl()
        },
    )
    .await;
    let long = |bytes: usize| format!("{{\"a\":\"{}\"}}\n", "z".repeat(bytes));
    let largest = (16 << 20) - 100;
    let input = [
        "{\"a\":\"x\"}\n",
        &long(17 << 20),
        &long(largest),
        "{\"a\":\"y\"}\n",
    ]
    .concat();
    let job = case.load("input", input.as_bytes()).await;
    assert_eq!(job.verdict(), "completed 3", "{}", job.stderr);
    assert_eq!(rejects(&case.place), ["2:2:10 document_too_large -"]);
    let found = Documents::of_mongodb(&client, "shop", "bad").await;
    let lengths: Vec<usize> = found
        .values()
        .iter()
        .map(|document| document["a"].as_str().unwrap().len())
        .collect();
    assert_eq!(lengths, [1, largest, 1]);
}

#[tokio::test]
async fn documents_deeper_than_bson_allows_are_rejected() {
    let mongod = Mongod::standalone().await;
    // The record's own levels fit, those that `to` adds around them do not.
    let fields = "a = { type = \"string\" }\no = { to = \"p.q.r.o\", type = \"object\" }";
    let (case, client) = into(&mongod, Case { fields, ..jsonl() }).await;
    let deep = |levels: usize| {
        format!(
            "{{\"o\":{}{}}}\n",
            "{\"k\":".repeat(levels) + "{}",
            "}".repeat(levels)
        )
    };
    let input = ["{\"a\":\"x\"}\n", &deep(98), &deep(90), "{\"a\":\"y\"}\n"].concat();
    let job = case.load("input", input.as_bytes()).await;
    assert_eq!(job.verdict(), "completed 3", "{}", job.stderr);
    let [told] = &rejects(&case.place)[..] else {
        panic!("one reject, not {:?}", rejects(&case.place));
    };
    assert!(told.starts_with("2:2:10 document_too_deep"), "{told}");
    assert_eq!(Documents::of_mongodb(&client, "shop", "bad").await.len(), 3);
}

#[tokio::test]
async fn documents_that_a_validator_refuses_are_rejected() {
    let mongod = Mongod::standalone().await;
    let (case, client) = into(&mongod, jsonl()).await;
    let schema =
        doc! { "$jsonSchema": { "required": ["a"], "properties": { "n": { "maximum": 10 } } } };
    client
        .database("shop")
        .create_collection("bad")
        .validator(schema)
        .await
        .unwrap();
    let input = "{\"a\":\"x\",\"n\":1}\n{\"n\":2}\n{\"a\":\"y\",\"n\":11}\n{\"a\":\"z\"}\n";
    let job = case.load("input", input.as_bytes()).await;
    assert_eq!(job.verdict(), "completed 3", "{}", job.stderr);
    assert_eq!(
        rejects(&case.place),
        [
            "2:2:16 refused_by_validator a",
            "3:3:24 refused_by_validator n"
        ]
    );
    assert_eq!(Documents::of_mongodb(&client, "shop", "bad").await.len(), 2);
}

#[tokio::test]
async fn documents_that_another_unique_index_refuses_are_rejected() {
    let mongod = Mongod::standalone().await;
    let (case, client) = into(&mongod, jsonl()).await;
    let bad = client
        .database("shop")
        .collection::<mongodb::bson::Document>("bad");
    let unique = mongodb::options::IndexOptions::builder()
        .unique(true)
        .build();
    bad.create_index(
        IndexModel::builder()
            .keys(doc! { "n": 1 })
            .options(unique)
            .build(),
    )
    .await
    .unwrap();
    bad.insert_one(doc! { "_id": bson_id(), "n": 3i64 })
        .await
        .unwrap();
    let input = "{\"n\":1}\n{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n";
    let job = case.load("input", input.as_bytes()).await;
    assert_eq!(job.verdict(), "completed 3", "{}", job.stderr);
    assert_eq!(
        rejects(&case.place),
        ["2:2:8 duplicate_value n", "4:4:24 duplicate_value n"]
    );
    assert_eq!(bad.count_documents(doc! {}).await.unwrap(), 4);
}

/// An id that no load makes.
fn bson_id() -> &'static str {
    "somebody else's"
}
