//! Specs that share parts: two partners' files, each with titles and marks of its own, become the same documents by fields that
//! stand in one place.

use crate::job::{job, place};
use serde_json::{Value, json};
use testbed::process::Sluicegate;

/// What every partner's order is.
const ORDER: &str = r#"# What an order is, whoever sends it.
extends = "shared/values.toml"

[fields]
order_no = { type = "string", required = true, pattern = '\d+' }
total = { from = "Total", type = "decimal", minimum = "0" }

[[steps]]
drop = { name = "empty", when = "total == null" }

[errors]
max_ratio = 1.0

[sink.mongodb]
collection = "orders"
"#;
const VALUES: &str = "[values]\nmissing_values = [\"\", \"-\"]\n";
/// Another dialect, other titles, other marks in numbers.
const NORTH: &str = r#"spec = 1
name = "north"
extends = "shared/order.toml"

[format.csv]
delimiter = ";"

[values]
decimal_char = ","

[fields]
order_no = { from = "Bestellnr" }
total = { from = "Betrag" }
"#;
/// The same in JSON Lines.
const SOUTH: &str = r#"spec = 1
name = "south"
extends = "shared/order.toml"

[format.jsonl]

[fields]
order_no = { from = "$.id" }
total = { from = "$.sum" }
currency = { type = "string", default = "EUR" }
"#;

fn partners() -> Sluicegate {
    let place = place();
    for folder in ["specs", "specs/shared"] {
        std::fs::create_dir(place.path(folder)).unwrap();
    }
    place.write("specs/north.toml", NORTH);
    place.write("specs/south.toml", SOUTH);
    place.write("specs/shared/order.toml", ORDER);
    place.write("specs/shared/values.toml", VALUES);
    place.write("north.csv", "Bestellnr;Betrag\n7;1,50\n8;-\nx;1,00\n");
    place.write(
        "south.jsonl",
        "{\"id\":\"9\",\"sum\":2.5}\n{\"id\":\"10\",\"sum\":-1}\n",
    );
    place
}

#[tokio::test]
async fn files_of_two_partners_share_their_fields() {
    let place = partners();
    // By its path, and by its name in SPECS_DIR.
    for args in [
        ["run", "specs/north.toml", "north.csv"],
        ["run", "south", "south.jsonl"],
    ] {
        let job = job(&place, &args).await;
        assert_eq!((job.stats.loaded, job.stats.rejected), (1, 1), "{job:?}");
        let is_north = args[2] == "north.csv";
        assert_eq!(job.stats.dropped, u64::from(is_north), "{job:?}");
    }
    let exported = place.run(["export", "orders"]).await.stdout;
    let mut documents: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    documents.iter_mut().for_each(|document| {
        document.as_object_mut().unwrap().remove("_id");
    });
    documents.sort_by_key(|document| document["order_no"].to_string());
    assert_eq!(
        documents,
        [
            json!({ "order_no": "7", "total": "1.50" }),
            json!({ "order_no": "9", "total": "2.5", "currency": "EUR" }),
        ]
    );
}

#[tokio::test]
async fn another_value_in_a_shared_file_is_another_text_of_the_spec() {
    let place = partners();
    let load = [
        "run",
        "specs/north.toml",
        "north.csv",
        "--id",
        "one",
        "--json",
    ];
    assert_eq!(place.run(load).await.code, Some(3));
    // A comment is none.
    place.write(
        "specs/shared/values.toml",
        format!("# What means nothing.\n{VALUES}"),
    );
    let again = place.run(load).await;
    assert_eq!(again.code, Some(3), "{again:?}");
    place.write(
        "specs/shared/values.toml",
        VALUES.replace("\"-\"", "\"--\""),
    );
    let refused = place.run(load).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("--force again"), "{refused:?}");
}

#[tokio::test]
async fn whatever_reads_a_spec_reads_what_it_extends() {
    let place = partners();
    let checked = place.run(["check", "specs/south.toml"]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        checked.stdout.contains("south@1: 3 fields, 1 steps"),
        "{checked:?}"
    );
    let dry = place.run(["check", "specs/north.toml", "north.csv"]).await;
    assert_eq!(dry.code, Some(3), "{dry:?}");
    let shown = place
        .run(["preview", "specs/north.toml", "north.csv"])
        .await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.contains("1.50"), "{shown:?}");
    let made = [
        "gen",
        "specs/north.toml",
        "--records",
        "3",
        "--out",
        "made.csv",
    ];
    let made = place.run(made).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let text = std::fs::read_to_string(place.path("made.csv")).unwrap();
    assert!(text.contains("Bestellnr"), "{text}");
}
