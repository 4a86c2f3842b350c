//! What a load left behind, compared with the generator's truth: every document and every reject.
//!
//! Never: forgives. A document too few, too many, doubled or different by one value is told with its record.

use std::collections::BTreeMap;
use std::path::Path;

use futures::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use serde_json::{Value, json};
use testbed::process::Sluicegate;
use testbed::stored::{DATES, json_of, ordinal_of};
use testbed::truth::{Generated, Truth};

/// A file of rejects, by the number of the record, from 1.
pub type Rejects = BTreeMap<u64, Value>;

/// The documents of a target by the ordinal in their `_id`, each once.
#[derive(Default)]
pub struct Documents(BTreeMap<u64, Value>);

impl Documents {
    fn add(&mut self, ordinal: u64, document: Value) {
        if let Some(other) = self.0.insert(ordinal, document) {
            panic!("record {} is loaded twice, one as {other}", ordinal + 1);
        }
    }

    /// The documents of a MongoDB collection.
    pub async fn of_mongodb(client: &Client, database: &str, collection: &str) -> Documents {
        let mut found = Documents::default();
        // Raw, because a `Document` that is deserialized takes an object like `{"$oid": …}` for what it stands for in
        // extended JSON.
        let all = client
            .database(database)
            .collection::<RawDocumentBuf>(collection);
        let mut cursor = all.find(doc! {}).batch_size(10_000).await.unwrap();
        while let Some(raw) = cursor.try_next().await.unwrap() {
            let document = Document::try_from(raw.as_ref()).unwrap();
            found.add(ordinal_of(&document), json_of(&document, &DATES));
        }
        found
    }

    /// The documents of the embedded store in the place's data folder, by `export`.
    pub async fn of_store(place: &Sluicegate, collection: &str) -> Documents {
        let ended = place.run(["export", collection]).await;
        let is_there = !ended.stderr.contains("(no_collection)");
        let code = if is_there { 0 } else { 2 };
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        Documents::of_lines(&ended.stdout)
    }

    /// The documents of a file of JSON Lines.
    pub fn of_file(path: &Path) -> Documents {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Documents::of_lines(&text)
    }

    /// Documents as JSON Lines, in the order of their `_id`.
    pub fn of_lines(text: &str) -> Documents {
        let mut found = Documents::default();
        let mut last = String::new();
        for line in text.lines() {
            let mut document: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let members = document.as_object_mut().unwrap();
            let Some(Value::String(id)) = members.remove("_id") else {
                panic!("no _id in {line}");
            };
            assert!(id.len() == 48 && id > last, "_id {id} behind {last:?}");
            found.add(u64::from_str_radix(&id[24..40], 16).unwrap(), document);
            last = id;
        }
        found
    }

    /// Each by the ordinal in its `_id`, without that.
    pub fn each(&self) -> &BTreeMap<u64, Value> {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The documents by the ordinal of their record.
    pub fn by_ordinal(&self) -> BTreeMap<u64, &Value> {
        self.0
            .iter()
            .map(|(&ordinal, document)| (ordinal, document))
            .collect()
    }

    /// The documents in the order of the file.
    pub fn values(&self) -> Vec<&Value> {
        self.0.values().collect()
    }

    /// Asserts that each of these is the document of its record in `records`; some may be missing.
    pub fn are_of(&self, records: impl Iterator<Item = Generated>) {
        let mut checked = 0;
        for (ordinal, record) in (0..).zip(records) {
            if let Some(found) = self.0.get(&ordinal) {
                assert_eq!(
                    Some(found),
                    record.truth.document(),
                    "record {}",
                    ordinal + 1
                );
                checked += 1;
            }
        }
        assert_eq!(self.len(), checked, "no document is of no record");
    }

    /// Asserts that these are the documents of `records`, and no others.
    pub fn equal(&self, records: impl Iterator<Item = Generated>) {
        let mut loaded = 0;
        for (ordinal, record) in (0..).zip(records) {
            let found = self.0.get(&ordinal);
            if found != record.truth.document() {
                panic!(
                    "record {}: expected {:?}, found {found:?}\n{}",
                    ordinal + 1,
                    record.truth,
                    String::from_utf8_lossy(&record.bytes)
                );
            }
            loaded += usize::from(found.is_some());
        }
        assert_eq!(self.len(), loaded, "no document is of no record");
    }
}

/// Reads a file of rejects; each line is a reject of its own, in file order.
pub fn rejects_of(path: &Path) -> Rejects {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found = Rejects::new();
    let mut last = 0;
    for line in text.lines() {
        let mut reject: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let record = reject["record"]
            .as_u64()
            .unwrap_or_else(|| panic!("no record in {line}"));
        assert!(record > last, "record {record} behind {last}");
        last = record;
        let problems = reject["problems"].as_array_mut().unwrap();
        // Messages are for people: there must be one, and that is all.
        for problem in problems {
            let message = problem.as_object_mut().unwrap().remove("message");
            assert!(
                message
                    .is_some_and(|message| message.as_str().is_some_and(|text| !text.is_empty())),
                "{line}"
            );
        }
        assert!(reject["message"].is_string(), "{line}");
        reject.as_object_mut().unwrap().remove("message");
        found.insert(record, reject);
    }
    found
}

/// What a file of rejects holds for `records` behind `head`, a header row or nothing.
pub fn rejects_expected(head: &str, records: impl Iterator<Item = Generated>) -> Rejects {
    let mut expected = Rejects::new();
    let (mut offset, mut line) = (head.len(), 1 + head.matches('\n').count());
    for (ordinal, record) in (0u64..).zip(records) {
        let blank = usize::try_from(record.blank_lines).unwrap();
        let newlines = record.bytes.iter().filter(|&&byte| byte == b'\n').count();
        if let Truth::Rejected(problems) = &record.truth {
            let first = problems.first().unwrap();
            let problems: Vec<Value> = problems
                .iter()
                .map(|problem| json!({ "code": problem.code, "field": problem.field }))
                .collect();
            let raw = String::from_utf8_lossy(&record.bytes[blank..]);
            let reject = json!({
                "record": ordinal + 1,
                "line": line + blank,
                "offset": offset + blank,
                "code": first.code,
                "field": first.field,
                "problems": problems,
                "raw": raw.trim_end_matches(['\r', '\n']),
            });
            expected.insert(ordinal + 1, reject);
        }
        offset += record.bytes.len();
        line += newlines;
    }
    expected
}

/// Asserts that a file of rejects holds those of `records`, and no others.
pub fn rejects_equal(path: &Path, head: &str, records: impl Iterator<Item = Generated>) {
    let (found, expected) = (rejects_of(path), rejects_expected(head, records));
    for (record, reject) in &expected {
        assert_eq!(found.get(record), Some(reject), "record {record}");
    }
    assert_eq!(found.len(), expected.len(), "no reject is of a good record");
}
