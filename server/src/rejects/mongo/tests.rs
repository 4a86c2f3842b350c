//! Tests of the store of rejects in real MongoDB servers: the suite, that every page is served by an index, and that
//! commands are bounded.

use super::store::{MAX_COMMAND_BYTES, fitting};
use super::*;
use crate::rejects::suite;
use pipeline::{MAX_PROBLEMS, Position, Problem};
use stages::sink::mongodb::MongoTarget;
use testbed::mongod::Mongod;

const RETRY_MS: u64 = 30_000;

async fn open(server: &Mongod) -> MongoRejects {
    let target = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    MongoRejects::open(target.state(RETRY_MS)).await.unwrap()
}

#[tokio::test]
async fn rejects_in_a_standalone_mongo_keep_the_contract() {
    let server = Mongod::standalone().await;
    let store = open(&server).await;
    suite::conforms(&store).await;
    every_page_is_read_in_the_order_of_an_index(&store).await;
    // What is there is opened again.
    assert!(
        MongoRejects::open(store.statements.clone())
            .await
            .is_ok_and(|again| again.statements.database().name() == "docs_state")
    );
}

#[tokio::test]
async fn rejects_in_a_mongo_replica_set_keep_the_contract() {
    let server = Mongod::replica_set().await;
    suite::conforms(&open(&server).await).await;
}

async fn every_page_is_read_in_the_order_of_an_index(store: &MongoRejects) {
    let run = suite::run("acme", 3, 0);
    for (code, field, indexes) in [
        (None, None, ["_id_", "_id_"]),
        (Some("type"), None, ["tenant_run_code", "_id_"]),
        (None, Some("field_1"), ["tenant_run_field", "_id_"]),
        (
            Some("type"),
            Some("field_1"),
            ["tenant_run_field", "tenant_run_code"],
        ),
    ] {
        let filter = Filter {
            code: code.map(str::to_owned),
            field: field.map(str::to_owned),
        };
        let explain = doc! { "explain": page::command(&run, &filter, 5, 0, 20) };
        let explained = store.statements.run(explain).await.unwrap();
        let text = format!("{explained:?}");
        let winning = text.split("rejectedPlans").next().unwrap();
        assert!(!winning.contains("\"SORT\""), "{winning}");
        let served = |index: &&str| winning.contains(&format!("String(\"{index}\")"));
        assert!(indexes.iter().any(served), "{winning}");
        let explain = doc! { "explain": count::command(&run, &filter) };
        let explained = store.statements.run(explain).await.unwrap();
        let text = format!("{explained:?}");
        let winning = text.split("rejectedPlans").next().unwrap();
        let both = code.is_some() && field.is_some();
        assert_eq!(winning.contains("\"FETCH\""), both, "{winning}");
    }
}

#[test]
fn a_command_is_bounded_in_bytes() {
    let problem = Problem::of_field("type", "f".repeat(2_000), "m".repeat(2_000));
    let large = Reject::new(
        Position::START,
        vec![problem; 2 * MAX_PROBLEMS],
        &[0; 2_000],
    );
    let small = Reject::new(Position::START, vec![Problem::of_record("a", "b")], b"");
    let check = |rejects: &[Reject], least: usize, most: usize| {
        let found = fitting(rejects);
        assert!((least..=most).contains(&found), "{found}");
        let documents: usize = rejects[..found]
            .iter()
            .map(|reject| serde_json::to_vec(reject).unwrap().len())
            .sum();
        assert!(documents <= 2 * MAX_COMMAND_BYTES);
    };
    check(std::slice::from_ref(&large), 1, 1);
    check(&vec![large; 100], 20, 60);
    check(&vec![small.clone(); 3], 3, 3);
    check(&vec![small; 100_000], 10_000, 30_000);
}
