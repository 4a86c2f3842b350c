//! `run` as the command line fixes it: exit codes, what is printed, where it writes, what it refuses, and how a held or
//! unnamed input goes on.

use serde_json::{Value, json};
use testbed::process::Sluicegate;

use crate::found::{Documents, rejects_of};
use crate::job::{job, place};
use crate::people::{PEOPLE, SPEC, left_behind, says, with_files};

#[tokio::test]
async fn a_run_tells_its_books_its_rejects_and_where_to_look() {
    let place = with_files();
    let ended = place.run(["run", "people.toml", "people.csv"]).await;
    let words = [
        "5  read",
        "2  loaded",
        "2  rejected",
        "children 1",
        "type age",
        "required name",
        "Dan,old",
        "line 5",
    ];
    says(&ended, 3, &words);
    says(
        &ended,
        3,
        &["embedded store", "sluicegate export people", "--rejects"],
    );
    assert_eq!(left_behind(&place), ["data"]);
    let found = Documents::of_store(&place, "people").await;
    assert_eq!(
        found.values(),
        [
            &json!({ "name": "Ann", "age": 41 }),
            &json!({ "name": "Cid", "age": 52 })
        ]
    );
    let ended = place.run(["run", "people.toml", "good.csv"]).await;
    says(&ended, 0, &["Completed"]);
}

#[tokio::test]
async fn json_is_one_object_in_the_shape_of_a_job() {
    let place = with_files();
    let job = job(&place, &["run", "people.toml", "people.csv"]).await;
    assert_eq!(job.verdict(), "completed 3");
    let stats = json!({ "read": 5, "loaded": 2, "alreadyLoaded": 0, "rejected": 2, "dropped": 1, "skipped": 1 });
    assert_eq!(job.json["stats"], stats);
    let spec = &job.json["spec"];
    assert_eq!(
        (&spec["name"], &spec["version"]),
        (&json!("people"), &json!(3))
    );
    assert!(spec["sha256"].as_str().is_some_and(|hash| hash.len() == 64));
    let id = job.json["jobId"].as_str().unwrap();
    assert!(
        id.len() == 24 && id.chars().all(|c| c.is_ascii_hexdigit()),
        "{id}"
    );
    assert_eq!(job.json["bytesTotal"], PEOPLE.len());
    assert_eq!(
        (&job.json["fileId"], &job.json["failure"]),
        (&Value::Null, &Value::Null)
    );
    for moment in ["startedAt", "finishedAt"] {
        let text = job.json[moment].as_str().unwrap();
        assert!(text.ends_with('Z') && text.contains('T'), "{moment} {text}");
    }
    let errors = job.json["errors"].as_array().unwrap();
    let kind = errors.iter().find(|kind| kind["code"] == "type").unwrap();
    assert_eq!((&kind["field"], &kind["count"]), (&json!("age"), &json!(1)));
    let sample = &kind["sample"];
    assert_eq!(
        (&sample["record"], &sample["line"], &sample["raw"]),
        (&json!(4), &json!(5), &json!("Dan,old"))
    );
}

#[tokio::test]
async fn a_step_of_severity_warn_loads_the_record_and_counts_it() {
    let place = with_files();
    let step = "[[steps]]\nreject = { name = \"old\", when = \"age > 45\", severity = \"warn\" }\n";
    place.write(
        "warn.toml",
        SPEC.replace("[sink", &format!("{step}\n[sink")),
    );
    let ended = place.run(["run", "warn.toml", "people.csv"]).await;
    says(
        &ended,
        3,
        &["2  loaded", "1  warned of: old 1", "2  rejected"],
    );
    let again = ["run", "warn.toml", "people.csv", "--force", "again"];
    let job = job(&place, &again).await;
    assert_eq!(job.json["stats"]["warned"], json!({ "old": 1 }));
}

#[tokio::test]
async fn sensitive_values_are_in_no_output_and_hashed_ones_are_salted() {
    let place = with_files().env("PEPPER", "pepper");
    let hash = "name = { type = \"string\", required = true, max_length = 3, hash = { salt = \"env:PEPPER\" } }";
    let spec = SPEC.replace("name = { type = \"string\", required = true }", hash);
    place.write("hash.toml", spec);
    place.write("people.csv", "name,age\nAnn,41\nPersephone,52\n");
    let ended = place
        .run([
            "run",
            "hash.toml",
            "people.csv",
            "--rejects",
            "rejects.jsonl",
        ])
        .await;
    says(&ended, 3, &["1  loaded", "max_length name"]);
    let rejects = rejects_of(&place.path("rejects.jsonl"));
    assert_eq!(rejects.len(), 1);
    let all = format!("{}{}{rejects:?}", ended.stdout, ended.stderr);
    assert!(!all.contains("Persephone"), "{all}");
    let found = Documents::of_store(&place, "people").await;
    // printf pepperAnn | sha256sum
    let hashed = "4e2265226d9636581a64daadca1827d56219e5df446aa29b4b2fed622a56c557";
    assert_eq!(found.values(), [&json!({ "name": hashed, "age": 41 })]);
}

#[tokio::test]
async fn another_content_of_a_table_is_another_text_of_the_spec() {
    let place = with_files();
    let lookup =
        "lookup = { file = \"names.csv\", key = \"short\", value = \"long\", missing = \"keep\" }";
    let spec = SPEC.replace("required = true", &format!("required = true, {lookup}"));
    place.write("names.toml", spec);
    place.write("names.csv", "short,long\nAnn,Annabel\n");
    let first = job(&place, &["run", "names.toml", "good.csv"]).await;
    let found = Documents::of_store(&place, "people").await;
    assert_eq!(found.values()[0], &json!({ "name": "Annabel", "age": 41 }));
    place.write("names.csv", "short,long\nAnn,Anna\n");
    let ended = place.run(["run", "names.toml", "good.csv"]).await;
    assert_ne!(ended.code, Some(0), "{}", ended.stdout);
    let again = ["run", "names.toml", "good.csv", "--force", "again"];
    let second = job(&place, &again).await;
    assert_ne!(first.json["spec"]["sha256"], second.json["spec"]["sha256"]);
    place.write("names.csv", "short,other\nAnn,Anna\n");
    let ended = place.run(["check", "names.toml"]).await;
    says(&ended, 2, &["unknown_column", "names.toml:"]);
}

#[tokio::test]
async fn bad_usage_and_bad_specs_end_with_2() {
    let place = with_files();
    place.write("broken.toml", "spec = 1\nname = 7\n");
    for args in [
        &["run"][..],
        &["run", "people.toml"],
        &["walk", "people.toml", "people.csv"],
        &["run", "people.toml", "people.csv", "--sink", "nowhere"],
        &["run", "people.toml", "people.csv", "--sink", "jsonl:"],
        &["run", "people.toml", "people.csv", "--force", "maybe"],
        &[
            "run",
            "people.toml",
            "people.csv",
            "--force",
            "again",
            "--resume",
        ],
        &["run", "people.toml", "ftp://host/people.csv"],
        &["run", "nobody.toml", "people.csv"],
        &["run", "nobody", "people.csv"],
        &["run", "broken.toml", "people.csv"],
        &["test", "broken.toml"],
        &["preview", "broken.toml", "people.csv"],
    ] {
        let ended = place.run(args).await;
        assert_eq!(
            ended.code,
            Some(2),
            "{args:?}: {}{}",
            ended.stdout,
            ended.stderr
        );
        assert!(
            ended.stdout.is_empty() && !ended.stderr.is_empty(),
            "{args:?}"
        );
    }
    let bad = place.run(["run", "people.toml", "people.csv"]);
    assert_eq!(
        bad.await.code,
        Some(3),
        "nothing of all that was remembered"
    );
    let set = place_with_bad_environment().run(["defaults"]).await;
    says(&set, 2, &["JOB_LEASE_SECONDS", "JOB_BATCH_SIZE"]);
}

fn place_with_bad_environment() -> Sluicegate {
    place()
        .env("JOB_LEASE_SECONDS", "0")
        .env("JOB_BATCH_SIZE", "lots")
}

#[tokio::test]
async fn an_input_that_is_not_there_fails_with_1() {
    let place = with_files();
    let ended = place.run(["run", "people.toml", "nothing.csv"]).await;
    says(&ended, 1, &["nothing.csv", "not_found"]);
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_rejects_the_same() {
    let place = with_files();
    let rejects = ["--rejects", "dry.jsonl"];
    let dry = job(
        &place,
        &[
            &["run", "people.toml", "people.csv", "--dry-run"][..],
            &rejects,
        ]
        .concat(),
    )
    .await;
    assert_eq!(dry.verdict(), "completed 3");
    let check = job(
        &place,
        &[
            "check",
            "people.toml",
            "people.csv",
            "--rejects",
            "check.jsonl",
        ],
    )
    .await;
    assert_eq!(check.verdict(), "completed 3");
    assert_eq!(
        left_behind(&place),
        ["check.jsonl", "dry.jsonl"],
        "no data folder"
    );
    let run = job(
        &place,
        &["run", "people.toml", "people.csv", "--rejects", "run.jsonl"],
    )
    .await;
    assert_eq!((dry.stats, check.stats), (run.stats, run.stats));
    let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    assert!(!read("run.jsonl").is_empty());
    assert_eq!(
        (read("dry.jsonl"), read("check.jsonl")),
        (read("run.jsonl"), read("run.jsonl"))
    );
}

#[tokio::test]
async fn rejects_have_the_shape_of_errors() {
    let place = with_files();
    job(
        &place,
        &[
            "run",
            "people.toml",
            "people.csv",
            "--rejects",
            "rejects.jsonl",
        ],
    )
    .await;
    let rejects = rejects_of(&place.path("rejects.jsonl"));
    let problems = json!([{ "code": "type", "field": "age" }]);
    let expected = json!({
        "record": 4, "line": 5, "offset": 29, "code": "type", "field": "age", "problems": problems, "raw": "Dan,old"
    });
    assert_eq!(rejects.get(&4), Some(&expected));
    assert_eq!(rejects.keys().collect::<Vec<_>>(), [&4, &5]);
}

#[tokio::test]
async fn rejects_that_cannot_be_written_are_refused_before_anything_is_loaded() {
    let place = with_files();
    std::fs::create_dir(place.path("in")).unwrap();
    for path in ["nowhere/rejects.jsonl", "in", "good.csv", "people.csv"] {
        for command in [&["run"][..], &["check"]] {
            let args = ["people.toml", "people.csv", "--rejects", path];
            let ended = place.run([command, &args].concat()).await;
            says(&ended, 2, &["rejects_file", path]);
        }
    }
    assert!(left_behind(&place).is_empty());
    for name in ["people.csv", "good.csv"] {
        assert!(
            std::fs::read_to_string(place.path(name))
                .unwrap()
                .starts_with("name,age\n")
        );
    }
    // What an earlier run wrote there is replaced.
    for _ in 0..2 {
        let run = ["run", "people.toml", "people.csv", "--rejects", "r.jsonl"];
        assert_eq!(job(&place, &run).await.verdict(), "completed 3");
        assert_eq!(rejects_of(&place.path("r.jsonl")).len(), 2);
    }
}
