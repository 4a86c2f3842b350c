//! What a machine may do, against what the code says that it asks of S3.

use super::cloud::deploy;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

fn actions(statement: &Value) -> BTreeSet<String> {
    let action = &statement["Action"];
    let one = action.as_str().map(str::to_owned);
    let many = action.as_array().into_iter().flatten();
    let many = many.filter_map(|action| action.as_str().map(str::to_owned));
    one.into_iter().chain(many).collect()
}

#[test]
fn the_policy_allows_what_the_code_asks_and_nothing_else() {
    let text = fs::read_to_string(deploy().join("iam-policy.json")).unwrap();
    let policy: Value = serde_json::from_str(&text).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let of = |resource: &str| {
        let mut found = statements
            .iter()
            .filter(|statement| statement["Resource"] == resource);
        let actions = actions(found.next().unwrap());
        assert!(found.next().is_none(), "{resource}");
        actions
    };
    let (files, bucket) = (
        of("arn:aws:s3:::BUCKET/uploads/*"),
        of("arn:aws:s3:::BUCKET"),
    );
    // What the machine runs it may read, so that who takes it over cannot write what another one would run.
    assert_eq!(
        json!(of("arn:aws:s3:::BUCKET/deploy/*")),
        json!(["s3:GetObject"])
    );
    assert_eq!(statements.len(), 3);

    let code = deploy().join("../server/src/objects/s3.rs");
    let code = fs::read_to_string(code).unwrap();
    let head: String = code
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .collect();
    let asked: BTreeSet<String> = head
        .split('`')
        .filter(|word| word.starts_with("s3:"))
        .map(str::to_owned)
        .collect();
    assert!(asked.len() > 5, "{asked:?}");
    assert_eq!(
        files.union(&bucket).cloned().collect::<BTreeSet<_>>(),
        asked
    );
}
