//! `check --against`: what a changed spec means for documents that are stored, and how it ends.

use crate::job::place;
use serde_json::{Value, json};

const OLD: &str = r#"spec = 1
name = "parcels"

[format.csv]

[fields]
parcel_no = { type = "string" }
weight_kg = { type = "decimal" }
depot = { type = "string" }

[sink.mongodb]
collection = "parcels"
"#;
/// Something of every kind.
const NEW: &str = r#"spec = 1
name = "parcels"
version = 2

[input]
match = ["parcels-*.csv"]

[format.csv]

[fields]
parcel_no = { type = "string", required = true }
weight_kg = { to = "weight.kg", type = "decimal" }
depot = { from = ["depot", "hub"], type = "string" }

[sink.mongodb]
collection = "parcels"
mode = "upsert"
key = ["parcel_no"]
"#;

#[tokio::test]
async fn a_changed_spec_says_what_it_means_for_stored_documents() {
    let place = place().env("SPECS_DIR", ".");
    place.write("old.toml", OLD);
    place.write("new.toml", NEW);
    let expected = "\
parcels@2 (new.toml) against parcels@1 (old.toml)

What is loaded may load again:
  sink.mongodb.mode: `mode` is \"upsert\", was \"insert\": documents are known by their key; where stored ones share one, loads are refused (key_not_unique)

The same input gives other documents; those that are stored stay as they are:
  fields.weight_kg: moved to `weight.kg`: stored documents have it at `weight_kg`

Documents that are stored may not meet it:
  fields.parcel_no: `required` is true, was false: stored documents may lack it

More is taken than before; documents that are stored meet it:
  fields.depot: `from` is [\"depot\", \"hub\"], was [\"depot\"]: it is found under more names

Nothing for documents that are stored:
  input.match: `match` is [\"parcels-*.csv\"] now: documents do not depend on it

3 changes touch documents that are stored.
";
    let told = place
        .run(["check", "new.toml", "--against", "old.toml"])
        .await;
    assert_eq!(
        (told.code, told.stdout.as_str()),
        (Some(3), expected),
        "{told:?}"
    );
    // By names of SPECS_DIR, too, but for where the files are.
    let named = place
        .run(["check", "parcels", "--against", "parcels@1"])
        .await;
    assert_eq!(named.code, Some(3), "{named:?}");
    let behind = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(behind(&named.stdout), behind(expected));
}

#[tokio::test]
async fn programs_are_told_in_json_and_by_how_it_ends() {
    let place = place();
    place.write("old.toml", OLD);
    place.write(
        "new.toml",
        OLD.replace("\"parcels\"\n\n", "\"parcels\"\nversion = 2\n\n"),
    );
    let against = ["check", "new.toml", "--against", "old.toml", "--json"];
    let told = place.run(against).await;
    let same: Value = serde_json::from_str(&told.stdout).unwrap();
    let expected = json!({
        "spec": "parcels@2", "against": "parcels@1", "touchesStored": false, "changes": [],
    });
    assert_eq!((told.code, same), (Some(0), expected));

    place.write(
        "new.toml",
        NEW.replace("collection = \"parcels\"", "collection = \"post\""),
    );
    let told = place.run(against).await;
    let moved: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(
        (told.code, &moved["touchesStored"]),
        (Some(3), &json!(true))
    );
    let changes = moved["changes"].as_array().unwrap();
    let collection = changes
        .iter()
        .find(|change| change["path"] == "sink.mongodb.collection");
    assert_eq!(collection.unwrap()["effect"], "loads_again", "{moved}");

    // What is broken, or not there, is bad usage.
    place.write("broken.toml", "spec = 1\n");
    for old in ["broken.toml", "nowhere.toml"] {
        let refused = place.run(["check", "new.toml", "--against", old]).await;
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (Some(2), ""),
            "{refused:?}"
        );
    }
    let both = place
        .run(["check", "new.toml", "a.csv", "--against", "old.toml"])
        .await;
    assert_eq!(both.code, Some(2), "{both:?}");
}
