//! What the program says that somebody can do next: where limits stand, what is not lost, what was meant perhaps.

use crate::job::place;
use crate::people::{GOOD, says, with_files};

const JSON: &str = "spec = 1\nname = 'users'\n[format.jsonl]\n[columns]\nunknown = 'keep'\n[fields]\n\
                    id = { from = '$.user.id', required = true }\nemail = { from = 'user.email' }\n\
                    city = { from = '/user/city' }\n[sink.mongodb]\ncollection = 'users'\n";

#[tokio::test]
async fn a_key_that_looks_like_a_path_and_what_stands_beside_a_path_are_told() {
    let place = place();
    place.write("users.toml", JSON);
    let words = [
        "warning: users.toml: fields.email.from: \"user.email\" is one top-level key",
        "write \"$.user.email\" (and for the key \"$['user.email']\")",
        "write \"$.user.city\"",
        "columns.unknown: fields enter \"user\"",
        "No problem found.",
    ];
    says(&place.run(["check", "users.toml"]).await, 0, &words);
    let clean = JSON
        .replace("'user.email'", "\"$['user.email']\"")
        .replace("'/user/city'", "'city'")
        .replace("'keep'", "'drop'");
    place.write("users.toml", clean);
    let quiet = place.run(["check", "users.toml"]).await;
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
    place.write("users.jsonl", "{\"user\":{}}\n");
    let found = place.run(["run", "users.toml", "users.jsonl"]).await;
    says(&found, 4, &["missing or null (from \"$.user.id\")"]);
}

#[tokio::test]
async fn of_a_folder_the_worst_outcome_counts_and_what_was_not_fine_is_listed() {
    let place = with_files();
    std::fs::create_dir(place.path("in")).unwrap();
    let spec = crate::people::SPEC.replace("max_ratio = 1.0", "max_ratio = 0.5");
    place.write("people.toml", spec);
    for (name, text) in [
        ("a.csv", GOOD),
        ("b.csv", "age\n7\n"),
        ("c.csv", "name,age\nDan,old\n"),
        ("d.csv", "name,age\nAnn,41\nBob,52\nDan,old\n"),
    ] {
        place.write(&format!("in/{name}"), text);
    }
    let ended = place.run(["run", "people.toml", "in"]).await;
    let words = [
        "Of 4 files, not fine:",
        "b.csv: failed",
        "c.csv: held",
        "d.csv: rejects",
    ];
    says(&ended, 1, &words);
    assert!(!ended.stdout.contains("a.csv: "), "{}", ended.stdout);
}

#[tokio::test]
async fn a_hold_says_where_its_limit_stands_and_what_is_written() {
    let place = with_files();
    let spec = crate::people::SPEC.replace("max_ratio = 1.0", "max_records = 0");
    place.write("people.toml", spec);
    let bad = "name,age\nDan,old\nAnn,41\n";
    place.write("bad.csv", bad);
    let ended = place.run(["run", "people.toml", "bad.csv"]).await;
    let limits = "[errors]: max_ratio (0.01 where it says nothing) and max_records (50000)";
    says(&ended, 4, &["Nothing is loaded yet.", limits, "--resume"]);
    let ended = place
        .run(["run", "people.toml", "people.csv", "--sink", "csv:out.csv"])
        .await;
    let words = [
        "What is good up to here is written",
        "What was written so far is in out.csv.part",
    ];
    says(&ended, 4, &words);
    let ended = place
        .run_with_stdin(["run", "people.toml", "-"], bad.as_bytes().to_vec())
        .await;
    says(
        &ended,
        4,
        &["Standard input cannot be gone on with", "--id NAME"],
    );
}

#[tokio::test]
async fn what_is_small_is_told_in_small_units_and_without_a_bound() {
    let place = with_files();
    place.write("more.csv", "name,age,x\nAnn,41,1\n");
    let ended = place.run(["run", "people.toml", "more.csv"]).await;
    says(
        &ended,
        0,
        &[
            "  1  read in ",
            " ms (",
            " kB/s)",
            "1  column that no field takes: x",
            "1  line skipped",
        ],
    );
    assert!(!ended.stdout.contains("bound by"), "{}", ended.stdout);
    place.write("other.csv", "years\n41\n");
    let ended = place.run(["run", "people.toml", "other.csv"]).await;
    says(&ended, 1, &["Failed: "]);
    assert!(!ended.stdout.contains("0  loaded"), "{}", ended.stdout);
}

#[tokio::test]
async fn fields_that_no_record_has_are_told_to_people_and_to_programs() {
    let place = place();
    let spec = "spec = 1\nname = 'atom'\n[format.xml]\nrecord_path = '/r/i'\n[sink.null]\n[fields]\nid = {}\nat = { from = 'x/at' }\n";
    place.write("atom.toml", spec);
    place.write("a.xml", "<r><i><id>1</id></i><i><id>2</id></i></r>");
    let told = "1  field that was never found: at (from \"x/at\")";
    for command in ["run", "check"] {
        let ended = place.run([command, "atom.toml", "a.xml"]).await;
        says(&ended, 0, &[told]);
        let ended = place.run([command, "atom.toml", "a.xml", "--json"]).await;
        let job: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        let left_out = serde_json::json!({"columns": [], "fields": [], "neverFound": ["at (from \"x/at\")"], "keys": [], "moreKeys": false});
        assert_eq!(job["leftOut"], left_out);
    }
}

#[tokio::test]
async fn what_is_left_out_of_records_is_told_by_name_by_the_spec_or_by_approval() {
    let place = place();
    let spec = |format: &str, unknown: &str| {
        format!(
            "spec = 1\nname = 'people'\n[format.{format}]\n[sink.mongodb]\ncollection = '{format}_{unknown}'\n[fields]\na = {{}}\n[columns]\nunknown = '{unknown}'\n"
        )
    };
    place.write(
        "a.jsonl",
        "{\"a\":\"1\",\"x\":1,\"y\":2}\n{\"y\":3,\"a\":\"2\"}\n",
    );
    place.write("a.csv", "a,x,y\n1,1,2\n");
    for (format, told) in [
        ("jsonl", "2  keys that no field takes: x, y"),
        ("csv", "2  columns that no field takes: x, y"),
    ] {
        let input = format!("a.{format}");
        place.write("drop.toml", spec(format, "drop"));
        says(&place.run(["run", "drop.toml", &input]).await, 0, &[told]);
        place.write("hold.toml", spec(format, "hold"));
        let held = place.run(["run", "hold.toml", &input]).await;
        assert_eq!(held.code, Some(4), "{held:?}");
        assert!(!held.stdout.contains("that no field takes: x"), "{held:?}");
        let args = ["run", "hold.toml", &input, "--resume"];
        says(&place.run(args).await, 0, &[told]);
    }
    place.write("drop.toml", spec("jsonl", "drop"));
    let ended = place.run(["check", "drop.toml", "a.jsonl", "--json"]).await;
    let job: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(job["leftOut"]["keys"], serde_json::json!(["x", "y"]));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_what_can() {
    let place = place();
    let ended = place.run(["check", "orders"]).await;
    let words = [
        "there is no spec orders: the folder specs cannot be listed",
        "(spec_not_found)",
        "SPECS_DIR",
    ];
    says(&ended, 2, &words);
    place.write("users.toml", JSON);
    for option in ["--out", "--truth"] {
        let args = ["gen", "users.toml", "--records", "1", option, "-"];
        says(&place.run(args).await, 2, &["`-` is none"]);
        assert!(!place.path("-").exists());
    }
    let args = ["gen", "users.toml", "--records", "abc"];
    says(&place.run(args).await, 2, &["a whole number is wanted"]);
    let first = place.run(["keys", "add", "acme"]).await;
    says(&first, 0, &["no key reaches them"]);
    let second = place.run(["keys", "add", "acme"]).await;
    assert!(!second.stderr.contains("no key reaches them"), "{second:?}");
}
