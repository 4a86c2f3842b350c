//! Where `run` writes: every sink that a command line can name, files that are not written over, passwords that are not
//! shown.

use rusqlite::Connection;
use serde_json::json;
use testbed::mongod::Mongod;

use crate::found::Documents;
use crate::job::job;
use crate::people::{left_behind, says, with_files};

#[tokio::test]
async fn every_sink_takes_the_records() {
    let mongod = Mongod::standalone().await;
    let place = with_files();
    let people = [
        json!({ "name": "Ann", "age": 41 }),
        json!({ "name": "Cid", "age": 52 }),
    ];
    let run = |sink: &str| {
        let sink = sink.to_owned();
        let place = &place;
        async move {
            job(
                place,
                &["run", "people.toml", "people.csv", "--sink", &sink],
            )
            .await
        }
    };
    assert_eq!(run("null").await.verdict(), "completed 3");
    assert!(
        left_behind(&place).is_empty(),
        "the null sink remembers nothing"
    );

    assert_eq!(run("jsonl:people.jsonl").await.verdict(), "completed 3");
    assert_eq!(
        Documents::of_file(&place.path("people.jsonl")).values(),
        people.iter().collect::<Vec<_>>()
    );

    assert_eq!(run("csv:out.csv").await.verdict(), "completed 3");
    let text = std::fs::read_to_string(place.path("out.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|row| row.split(',').collect()).collect();
    assert_eq!(rows.len(), 3, "{text}");
    let column = |title: &str| {
        rows[0]
            .iter()
            .position(|cell| *cell == title)
            .unwrap_or_else(|| panic!("{text}"))
    };
    let (name, age) = (column("name"), column("age"));
    let cells: Vec<_> = rows[1..].iter().map(|row| (row[name], row[age])).collect();
    assert_eq!(cells, [("Ann", "41"), ("Cid", "52")]);

    assert_eq!(run("sqlite:people.db").await.verdict(), "completed 3");
    let store = Connection::open(place.path("people.db")).unwrap();
    let sum = "SELECT count(*), sum(length(id)), sum(doc ->> 'age') FROM people";
    let found: (i64, i64, i64) = store
        .query_row(sum, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    assert_eq!(found, (2, 48, 93));

    assert_eq!(run(&mongod.uri_for("shop")).await.verdict(), "completed 3");
    let client = mongod.client().await;
    let found = Documents::of_mongodb(&client, "shop", "people").await;
    assert_eq!(found.values(), people.iter().collect::<Vec<_>>());
    let named = mongod.uri_for("other");
    assert_eq!(
        run(&format!("mongodb:{named}")).await.verdict(),
        "completed 3"
    );
    assert_eq!(
        Documents::of_mongodb(&client, "other", "people")
            .await
            .len(),
        2
    );
}

#[tokio::test]
async fn a_password_in_a_sink_is_never_shown() {
    let place = with_files();
    let sink = "mongodb://user:hunter2@127.0.0.1:1/shop?serverSelectionTimeoutMS=200";
    let ended = place
        .run(["run", "people.toml", "people.csv", "--sink", sink])
        .await;
    says(&ended, 1, &["target_unavailable"]);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("hunter2"));
}

#[tokio::test]
async fn files_that_are_there_are_not_written_over() {
    for sink in ["jsonl:there.txt", "csv:there.txt"] {
        let place = with_files();
        place.write("there.txt", "mine");
        let refused = job(
            &place,
            &["run", "people.toml", "people.csv", "--sink", sink],
        )
        .await;
        assert_eq!(
            (refused.state(), refused.exit),
            ("failed", Some(1)),
            "{}",
            refused.json
        );
        assert_eq!(std::fs::read(place.path("there.txt")).unwrap(), b"mine");
        // A part that somebody left is no file yet.
        std::fs::rename(place.path("there.txt"), place.path("there.txt.part")).unwrap();
        let loaded = job(
            &place,
            &["run", "people.toml", "people.csv", "--sink", sink],
        )
        .await;
        assert_eq!(loaded.verdict(), "completed 3");
        assert!(!place.path("there.txt.part").exists());
        assert!(
            std::fs::read_to_string(place.path("there.txt"))
                .unwrap()
                .contains("Ann")
        );
    }
}
