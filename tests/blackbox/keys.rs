//! `keys`: a key is shown once, its tenant has two at most, a revoked one makes room; in both stores, and beside others.

use testbed::mongod::Mongod;
use testbed::process::{Ended, Sluicegate};

use crate::job::place;
use crate::people::{left_behind, says};

/// The key that was printed, and the id that was told beside it.
fn added(ended: &Ended, tenant: &str) -> (String, String) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let key = ended.stdout.trim_end();
    let digits = key.strip_prefix("sg_").unwrap_or_else(|| panic!("{key}"));
    assert!(digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(!ended.stderr.contains(digits), "shown once");
    assert!(ended.stderr.contains(tenant), "{}", ended.stderr);
    let words = ended.stderr.split(|c: char| !c.is_ascii_alphanumeric());
    let id = words.into_iter().find(|word| is_id(word));
    let id = id.unwrap_or_else(|| panic!("no id in {}", ended.stderr));
    (key.to_owned(), id.to_owned())
}

fn is_id(word: &str) -> bool {
    word.len() == 24 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

async fn keys_are_given_out_and_revoked(place: &Sluicegate) {
    let none = place.run(["keys", "list"]).await;
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""));
    let unknown = ["keys", "revoke", "000000000000000000000000"];
    says(&place.run(unknown).await, 1, &["key_not_found"]);
    let (first, first_id) = added(&place.run(["keys", "add", "acme"]).await, "acme");
    let (second, _) = added(&place.run(["keys", "add", "acme"]).await, "acme");
    let (other, other_id) = added(&place.run(["keys", "add", "bolt"]).await, "bolt");
    assert!(first != second && second != other);
    let third = place.run(["keys", "add", "acme"]).await;
    says(&third, 1, &["keys_full", "keys list"]);
    assert!(third.stdout.is_empty(), "{}", third.stdout);
    let listed = place.run(["keys", "list"]).await;
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let lines: Vec<&str> = listed.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", listed.stdout);
    assert!(lines[2].starts_with(&other_id) && lines[2].contains("bolt"));
    assert!(lines.iter().all(|line| line.ends_with("live")));
    for key in [&first, &second, &other] {
        assert!(!listed.stdout.contains(&key[3..]), "never shown again");
    }
    says(
        &place.run(["keys", "revoke", &first_id]).await,
        0,
        &["revoked", &first_id],
    );
    says(
        &place.run(["keys", "revoke", &first_id]).await,
        1,
        &["key_not_found"],
    );
    added(&place.run(["keys", "add", "acme"]).await, "acme");
    let listed = place.run(["keys", "list"]).await.stdout;
    assert_eq!(listed.lines().count(), 4, "{listed}");
    assert_eq!(
        listed
            .lines()
            .filter(|line| line.contains("revoked"))
            .count(),
        1
    );
}

#[tokio::test]
async fn keys_of_the_embedded_store() {
    let place = place();
    let none = place.run(["keys", "list"]).await;
    assert_eq!(none.code, Some(0));
    assert!(left_behind(&place).is_empty(), "looking makes nothing");
    keys_are_given_out_and_revoked(&place).await;
    assert_eq!(left_behind(&place), ["data"]);
    let stored = std::fs::read(place.path("data/service.db")).unwrap();
    let text = String::from_utf8_lossy(&stored);
    assert!(!text.contains("sg_"), "no secret is stored");
}

#[tokio::test]
async fn keys_of_a_mongodb() {
    let server = Mongod::standalone().await;
    let place = place().env("MONGODB_URI", server.uri_for("shop"));
    keys_are_given_out_and_revoked(&place).await;
    assert!(left_behind(&place).is_empty());
}

#[tokio::test]
async fn bad_names_and_ids_are_refused() {
    let place = place();
    for name in ["Acme", "a_b", "state", "", "1a", "../a"] {
        says(&place.run(["keys", "add", name]).await, 2, &["tenant"]);
    }
    for id in ["", "acme", "sg_0000", "00000000000000000000000G"] {
        says(&place.run(["keys", "revoke", id]).await, 2, &["no id"]);
    }
    assert!(left_behind(&place).is_empty());
}
