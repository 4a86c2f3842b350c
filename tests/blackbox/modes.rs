//! Modes with a key: of all records of a key the newest stands, whichever load comes to its end last. Into MongoDB and
//! into the embedded store alike.

use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use serde_json::Value;
use testbed::eventually;
use testbed::mongod::Mongod;
use testbed::process::Sluicegate;
use testbed::stored::json_of;

use crate::case::rejects;
use crate::job::{Job, job, place};

const DEADLINE: Duration = Duration::from_secs(60);

/// A target with a spec for each mode.
struct Target {
    place: Sluicegate,
    mongod: Option<Mongod>,
}

/// Both kinds of target.
async fn targets() -> [Target; 2] {
    let mongod = Mongod::standalone().await;
    let into_mongodb = place().env("MONGODB_URI", mongod.uri_for("shop"));
    [
        Target {
            place: place(),
            mongod: None,
        },
        Target {
            place: into_mongodb,
            mongod: Some(mongod),
        },
    ]
}

impl Target {
    /// Loads rows of `k,v,w` from the file `name` in `mode`.
    async fn load(&self, mode: &str, name: &str, rows: &str) -> Job {
        self.put(mode, name, rows, "");
        self.run(mode, name, &[]).await
    }

    fn put(&self, mode: &str, name: &str, rows: &str, flow: &str) {
        let spec = format!(
            "spec = 1\nname = \"{mode}\"\n[format.csv]\n[values]\nmissing_values = [\"\"]\n[fields]\n\
             k = {{ type = \"integer\" }}\nv = {{ type = \"string\" }}\nw = {{ type = \"string\" }}\n\
             [errors]\nmax_ratio = 1.0\n[sink.mongodb]\ncollection = \"keyed\"\nmode = \"{mode}\"\nkey = [\"k\"]\n{flow}"
        );
        self.place.write(&format!("{mode}.toml"), spec);
        self.place.write(name, format!("k,v,w\n{rows}"));
    }

    async fn run(&self, mode: &str, name: &str, more: &[&str]) -> Job {
        let spec = format!("{mode}.toml");
        job(
            &self.place,
            &[
                &["run", &spec, name, "--rejects", "rejects.jsonl"][..],
                more,
            ]
            .concat(),
        )
        .await
    }

    /// The documents as `k v w`, in the order of `k`.
    async fn rows(&self) -> Vec<String> {
        let documents: Vec<Value> = match &self.mongod {
            None => {
                let exported = self.place.run(["export", "keyed"]).await.stdout;
                exported
                    .lines()
                    .map(|line| serde_json::from_str(line).unwrap())
                    .collect()
            }
            Some(mongod) => {
                let client = mongod.client().await;
                let all = client
                    .database("shop")
                    .collection::<Document>("keyed")
                    .find(doc! {})
                    .await
                    .unwrap();
                let all: Vec<Document> = all.try_collect().await.unwrap();
                all.iter().map(|document| json_of(document, &[])).collect()
            }
        };
        let mut rows: Vec<(u64, String)> = documents
            .iter()
            .map(|document| {
                let text = |name: &str| document[name].as_str().unwrap_or("-").to_owned();
                let key = document["k"].as_u64().unwrap();
                (key, format!("{key} {} {}", text("v"), text("w")))
            })
            .collect();
        rows.sort();
        rows.into_iter().map(|(_, row)| row).collect()
    }

    async fn holds(&self, expected: &[&str]) {
        let target = if self.mongod.is_some() {
            "MongoDB"
        } else {
            "the embedded store"
        };
        assert_eq!(self.rows().await, expected, "{target}");
    }
}

#[track_caller]
fn is(job: &Job, verdict: &str, loaded: u64) {
    assert_eq!(
        (job.verdict().as_str(), job.stats.loaded),
        (verdict, loaded),
        "{}\n{}",
        job.json,
        job.stderr
    );
}

#[tokio::test]
async fn upsert_keeps_the_newest_of_each_key() {
    for target in targets().await {
        // Within a file, the later one.
        is(
            &target
                .load("upsert", "one.csv", "1,a,x\n2,a,\n1,b,\n")
                .await,
            "completed 0",
            3,
        );
        target.holds(&["1 b -", "2 a -"]).await;
        is(
            &target.load("upsert", "two.csv", "2,c,y\n3,c,y\n").await,
            "completed 0",
            2,
        );
        target.holds(&["1 b -", "2 c y", "3 c y"]).await;
        // The same file at once again is loaded already; the first one is a newer load by now.
        assert_eq!(
            target.run("upsert", "two.csv", &[]).await.json["existing"],
            true
        );
        let again = target.run("upsert", "one.csv", &[]).await;
        assert_eq!(
            (again.exit, &again.json["existing"]),
            (Some(0), &Value::Null)
        );
        target.holds(&["1 b -", "2 a -", "3 c y"]).await;
        // Without a key there is nothing to find.
        is(
            &target.load("upsert", "null.csv", "4,d,\n,e,\n").await,
            "completed 3",
            1,
        );
        assert_eq!(rejects(&target.place).len(), 1);
        target.holds(&["1 b -", "2 a -", "3 c y", "4 d -"]).await;
    }
}

#[tokio::test]
async fn an_older_load_that_goes_on_changes_nothing_that_is_newer() {
    for target in targets().await {
        let old: String = (1..=400).map(|key| format!("{key},old,\n")).collect();
        let new: String = (1..=400)
            .step_by(2)
            .map(|key| format!("{key},new,\n"))
            .collect();
        let slow = "batch = { records = 10 }\nrate = { pause = \"100ms\" }\n";
        target.put("upsert", "old.csv", &old, slow);
        let mut running = target
            .place
            .start(["run", "upsert.toml", "old.csv", "--json"]);
        eventually("some rows", DEADLINE, async || {
            target.rows().await.len() > 50
        })
        .await;
        running.signal("INT").await;
        assert_eq!(Job::of(running.end().await).verdict(), "interrupted 130");
        // The same text of the spec, because the newer load is of another file only.
        target.place.write("new.csv", format!("k,v,w\n{new}"));
        is(
            &target.run("upsert", "new.csv", &[]).await,
            "completed 0",
            200,
        );
        let resumed = target.run("upsert", "old.csv", &["--resume"]).await;
        assert_eq!(resumed.verdict(), "completed 0", "{}", resumed.stderr);
        assert_eq!(resumed.stats.loaded + resumed.stats.already_loaded, 400);
        let expected: Vec<String> = (1..=400)
            .map(|key| format!("{key} {} -", if key % 2 == 1 { "new" } else { "old" }))
            .collect();
        assert_eq!(target.rows().await, expected);
    }
}

#[tokio::test]
async fn replace_inserts_nothing() {
    for target in targets().await {
        target.load("upsert", "one.csv", "1,a,x\n2,a,x\n").await;
        is(
            &target.load("replace", "two.csv", "2,b,\n3,b,\n").await,
            "completed 3",
            1,
        );
        assert_eq!(rejects(&target.place), ["2:3:11 no_match -"]);
        target.holds(&["1 a x", "2 b -"]).await;
    }
}

#[tokio::test]
async fn merge_keeps_what_a_record_does_not_say() {
    for target in targets().await {
        is(
            &target.load("merge", "one.csv", "1,a,x\n2,a,x\n").await,
            "completed 0",
            2,
        );
        is(
            &target.load("merge", "two.csv", "2,b,\n3,,y\n2,,z\n").await,
            "completed 0",
            3,
        );
        target.holds(&["1 a x", "2 b z", "3 - y"]).await;
    }
}

#[tokio::test]
async fn delete_takes_away_what_is_there() {
    for target in targets().await {
        target
            .load("upsert", "one.csv", "1,a,x\n2,a,x\n3,a,x\n")
            .await;
        is(
            &target.load("delete", "two.csv", "2,,\n9,,\n").await,
            "completed 0",
            2,
        );
        target.holds(&["1 a x", "3 a x"]).await;
    }
}
