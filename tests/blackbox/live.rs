//! `check --sink`: what records would do in a database that is only read, and that a run then does just that. Of MongoDB and
//! of a SQLite file alike.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::Document;
use rusqlite::Connection;
use serde_json::{Value, json};
use testbed::mongod::Mongod;
use testbed::process::Sluicegate;

use crate::job::place;

const DEADLINE: Duration = Duration::from_secs(60);

/// A database.
enum Target {
    Mongodb(Mongod),
    Sqlite,
}

/// A database and a folder with specs.
struct Live {
    place: Sluicegate,
    target: Target,
    sink: String,
}

async fn on_both(test: impl AsyncFn(&Live)) {
    let mongod = Mongod::standalone().await;
    let sink = format!("mongodb:{}", mongod.uri_for("shop"));
    for (target, sink) in [
        (Target::Mongodb(mongod), sink),
        (Target::Sqlite, "sqlite:shop.db".to_owned()),
    ] {
        let place = place().deadline(DEADLINE);
        test(&Live {
            place,
            target,
            sink,
        })
        .await;
    }
}

impl Live {
    fn put(&self, name: &str, mode: &str, rows: &str) {
        let spec = format!(
            "spec = 1\nname = \"{name}\"\n[format.csv]\n[values]\nmissing_values = [\"\"]\n[fields]\n\
             k = {{ type = \"integer\" }}\nv = {{ to = \"in.v\" }}\nw = {{ to = \"in.w\" }}\np = {{ type = \"decimal\" }}\n\
             [errors]\non_breach = \"continue\"\n[sink.mongodb]\ncollection = \"things\"\nlineage = \"origin\"\n{mode}\n"
        );
        self.place.write("things.toml", spec);
        self.place.write("things.csv", format!("k,v,w,p\n{rows}"));
    }

    async fn job(&self, command: &str) -> (Option<i32>, Value) {
        let ended = self
            .place
            .run([
                command,
                "things.toml",
                "things.csv",
                "--sink",
                &self.sink,
                "--json",
            ])
            .await;
        let job = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        (ended.code, job)
    }

    /// All that the database holds, as texts by their name.
    async fn holds(&self) -> BTreeMap<String, String> {
        match &self.target {
            Target::Mongodb(mongod) => {
                let database = mongod.client().await.database("shop");
                let mut all = BTreeMap::new();
                for name in database.list_collection_names().await.unwrap() {
                    let collection = database.collection::<Document>(&name);
                    let indexes = collection.list_index_names().await.unwrap();
                    all.insert(name.clone(), format!("{indexes:?}"));
                    let found = collection.find(Document::new()).await.unwrap();
                    let documents: Vec<Document> = found.try_collect().await.unwrap();
                    for document in documents {
                        let id = document.get("_id").cloned();
                        all.insert(format!("{name} {id:?}"), document.to_string());
                    }
                }
                all
            }
            Target::Sqlite => {
                let path = self.place.path("shop.db");
                if !path.exists() {
                    return BTreeMap::new();
                }
                let store = Connection::open(path).unwrap();
                let mut all = BTreeMap::new();
                let mut rows = |query: &str| {
                    let mut statement = store.prepare(query).unwrap();
                    let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                    let found = statement.query_map([], pair).unwrap();
                    all.extend(found.map(Result::unwrap));
                };
                rows("SELECT type || ' ' || name, ifnull(sql, '') FROM sqlite_schema");
                rows("SELECT 'load ' || hex(identity), fence || '' FROM _loads");
                rows("SELECT 'things ' || hex(id), doc FROM things");
                all
            }
        }
    }

    fn documents(of: &BTreeMap<String, String>) -> BTreeMap<&str, String> {
        let things = of.iter().filter(|(name, _)| name.starts_with("things "));
        // What differs in each load is no change.
        let content = |text: &String| text.split("\"origin\"").next().map(str::to_owned);
        things
            .map(|(name, text)| (name.as_str(), content(text).unwrap_or_default()))
            .collect()
    }

    /// Checks that `operations` are foretold, nothing is written by that, and a run does them.
    async fn foretells(&self, operations: Value) {
        let before = self.holds().await;
        let (code, told) = self.job("check").await;
        assert_eq!(told["operations"], operations, "{} {told}", self.sink);
        assert_eq!(
            self.holds().await,
            before,
            "{}: nothing is written",
            self.sink
        );
        let (run_code, job) = self.job("run").await;
        assert_eq!(
            (code, &told["stats"]["rejected"]),
            (run_code, &job["stats"]["rejected"]),
            "{told}\n{job}"
        );
        let after = self.holds().await;
        let (before, after) = (Self::documents(&before), Self::documents(&after));
        let count = |what: &dyn Fn(&str) -> bool, names: &BTreeMap<&str, String>| {
            names.keys().filter(|name| what(name)).count() as u64
        };
        let inserted = count(&|name| !before.contains_key(name), &after);
        let deleted = count(&|name| !after.contains_key(name), &before);
        let changed = count(
            &|name| after.get(name).is_some_and(|text| *text != before[name]),
            &before,
        );
        assert_eq!(
            json!([inserted, changed, deleted]),
            json!([
                operations["insert"],
                operations["update"],
                operations["delete"]
            ]),
            "{}: {operations}",
            self.sink
        );
    }
}

fn met(insert: u64, update: u64, unchanged: u64, delete: u64, conflict: u64) -> Value {
    json!({ "insert": insert, "update": update, "unchanged": unchanged, "delete": delete, "conflict": conflict })
}

#[tokio::test]
async fn an_insert_meets_what_its_content_has_loaded_and_keys_that_others_have() {
    on_both(async |live| {
        live.put("things", "", "1,a,b,1.50\n2,a,b,\nx,a,b,\n");
        live.foretells(met(2, 0, 0, 0, 0)).await;
        let (code, told) = live.job("check").await;
        assert_eq!(
            (code, &told["operations"], &told["stats"]["alreadyLoaded"]),
            (Some(3), &met(0, 0, 2, 0, 0), &json!(2)),
            "{told}"
        );
        // Other content is other documents, unless a unique index forbids it.
        live.put("things", "", "1,a,b,1.50\n3,a,b,\n");
        live.foretells(met(2, 0, 0, 0, 0)).await;
    })
    .await;
}

#[tokio::test]
async fn an_insert_meets_the_unique_key_of_another_spec() {
    on_both(async |live| {
        live.put(
            "keyed",
            "mode = \"upsert\"\nkey = [\"k\", \"in.v\"]",
            "1,a,b,\n2,a,b,\n",
        );
        live.foretells(met(2, 0, 0, 0, 0)).await;
        live.put("things", "", "1,a,c,\n1,b,c,\n3,a,c,\n");
        live.foretells(met(2, 0, 0, 0, 1)).await;
    })
    .await;
}

#[tokio::test]
async fn an_upsert_inserts_updates_and_leaves_what_is_equal() {
    on_both(async |live| {
        let mode = "mode = \"upsert\"\nkey = [\"k\"]";
        live.put("things", mode, "1,a,b,1.50\n2,a,b,2.5\n3,a,b,\n");
        live.foretells(met(3, 0, 0, 0, 0)).await;
        live.put(
            "things",
            mode,
            "1,a,b,1.50\n2,a,b,3\n3,a,,\n4,a,b,\n,a,b,\n",
        );
        live.foretells(met(1, 2, 1, 0, 0)).await;
    })
    .await;
}

#[tokio::test]
async fn a_merge_changes_what_it_sets_and_nothing_else() {
    on_both(async |live| {
        let mode = "mode = \"merge\"\nkey = [\"k\"]";
        live.put("things", mode, "1,a,b,1.50\n2,a,b,2.5\n");
        live.foretells(met(2, 0, 0, 0, 0)).await;
        live.put("things", mode, "1,,b,\n2,c,,\n3,a,b,\n");
        live.foretells(met(1, 1, 1, 0, 0)).await;
    })
    .await;
}

#[tokio::test]
async fn a_replace_wants_a_document_and_a_delete_finds_one() {
    on_both(async |live| {
        let mode = |mode: &str| format!("mode = \"{mode}\"\nkey = [\"k\"]");
        live.put("things", &mode("upsert"), "1,a,b,1.50\n2,a,b,2.5\n");
        live.foretells(met(2, 0, 0, 0, 0)).await;
        live.put("things", &mode("replace"), "1,a,b,1.50\n2,a,c,\n9,a,b,\n");
        live.foretells(met(0, 1, 1, 0, 1)).await;
        live.put("things", &mode("delete"), "2,,,\n9,,,\n");
        live.foretells(met(0, 0, 1, 1, 0)).await;
    })
    .await;
}

#[tokio::test]
async fn a_unique_index_of_mongodb_is_looked_at_in_every_mode_that_writes_whole_documents() {
    let mongod = Mongod::standalone().await;
    mongod.make_unique("shop", "things", "in.w").await;
    let live = Live {
        place: place().deadline(DEADLINE),
        sink: format!("mongodb:{}", mongod.uri_for("shop")),
        target: Target::Mongodb(mongod),
    };
    live.put("first", "", "1,a,one,\n2,a,two,\n");
    live.foretells(met(2, 0, 0, 0, 0)).await;
    live.put("first", "", "3,a,one,\n4,a,three,\n5,a,,\n");
    live.foretells(met(2, 0, 0, 0, 1)).await;
    live.put(
        "second",
        "mode = \"upsert\"\nkey = [\"k\"]",
        "1,a,two,\n2,b,two,\n4,a,four,\n6,a,four,\n7,a,,\n",
    );
    let (_, told) = live.job("check").await;
    // Each by itself: that two records of the file want one value is not seen.
    assert_eq!(told["operations"], met(1, 2, 0, 0, 2), "{told}");
    assert_eq!(told["causes"][0]["code"], "duplicate_value", "{told}");
}
