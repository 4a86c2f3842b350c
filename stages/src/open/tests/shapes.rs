//! Records that become several documents: what is in the target and in the books, and that neither chunks nor restarts
//! change it. What tests of other shapes share is here.

use super::super::*;
use crate::identity::LoadIdentity;
use crate::ledger::MemoryLedger;
use crate::plan::Defaults;
use crate::sink::sqlite::EmbeddedStore;
use crate::sink::{DocumentStore as _, Load};
use crate::source::memory::MemoryOrigin;
use pipeline::law::{Outcome, same_outcomes_fed};
use pipeline::{BatchLimits, End};
use proptest::prelude::*;

pub(super) fn plan(text: &str) -> Plan {
    let spec = format!(
        "spec = 1\nname = 'a'\n{text}\n[errors]\non_breach = 'continue'\nmin_records = 0\n"
    );
    Plan::read("a.toml", &spec, Defaults::default())
        .unwrap_or_else(|problems| panic!("{problems:?}"))
}

pub(super) async fn opened(plan: &Plan, input: &str, from: Option<Checkpoint>) -> Opened {
    let origin = MemoryOrigin::new("a", input.as_bytes().to_vec());
    match open(plan, &origin, from, &Accepted::default()).await {
        Ok(Opening::Ready(opened)) => opened,
        Ok(Opening::Held(breach, _)) => panic!("held: {}", breach.message),
        Err(fatal) => panic!("{fatal}"),
    }
}

/// What a run into the embedded store leaves.
pub(super) struct Left {
    /// `loaded already rejected dropped, documents`, and how it ended.
    pub told: String,
    /// Ordinal and part of each document, and the document.
    pub documents: Vec<String>,
    /// Record, code, field and message of each reject.
    pub rejects: Vec<String>,
    pub warned: Vec<(String, u64)>,
}

/// Loads `input` twice into one store, in batches of `records`; what the second run leaves is the same.
pub(super) async fn run(plan: &Plan, input: &str, records: usize) -> Left {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&folder.path().join("store"))
        .await
        .unwrap();
    let mut left = None;
    for already in [false, true] {
        let load = Load {
            identity: LoadIdentity([7; 12]),
            load_number: 1,
            tenant: None,
            job: "job".into(),
            file: "a".into(),
            schema: plan.schema.clone(),
            resume: None,
        };
        let (target, flow) = (&plan.sink.target, plan.sink.flow);
        let sink = store.open_sink(target, &flow, load).await.unwrap();
        let kept = Arc::new(std::sync::Mutex::new(Vec::new()));
        let each = kept.clone();
        let ledger = Arc::new(MemoryLedger::with_each(move |reject| {
            each.lock().unwrap().push(reject.clone());
            Ok(())
        }));
        let job = opened(plan, input, None)
            .await
            .job(plan, sink, ledger, flow);
        let batch = BatchLimits {
            max_records: records,
            ..flow.batch
        };
        let report = pipeline::run(Job { batch, ..job }).await;
        let counters = report.checkpoint.books.counters.clone();
        let end = match report.end {
            End::Completed(held) => format!("{} documents", held.documents),
            other => format!("{other:?}"),
        };
        let both = counters.loaded + counters.already_loaded;
        let told = format!(
            "{both} {} {}, {end}",
            counters.rejected,
            counters.dropped_total()
        );
        if already && !target.mode.has_key() {
            assert_eq!(counters.loaded, 0, "{told}");
        }
        let documents = store
            .export(&target.collection)
            .unwrap()
            .map(Result::unwrap);
        let documents = documents.map(|line| {
            let document: serde_json::Value = serde_json::from_str(&line).unwrap();
            let id = document["_id"].as_str().unwrap();
            let rest = line.split_once(',').map_or("}", |(_, rest)| rest);
            format!("{}/{} {{{rest}", &id[39..40], &id[47..])
        });
        let kept = std::mem::take(&mut *kept.lock().unwrap());
        let rejects = kept.into_iter().map(|reject: pipeline::Reject| {
            let problem = &reject.problems[0];
            let field = problem.field.as_deref().unwrap_or("-");
            format!(
                "{} {} {field}: {}",
                reject.at.ordinal + 1,
                problem.code,
                problem.message
            )
        });
        let now = Left {
            told,
            documents: documents.collect(),
            rejects: rejects.collect(),
            warned: counters.warned.into_iter().collect(),
        };
        if let Some(before) = left.replace(now) {
            let now = left.as_ref().unwrap();
            assert_eq!(
                (&now.told, &now.documents, &now.rejects),
                (&before.told, &before.documents, &before.rejects)
            );
        }
    }
    left.unwrap()
}

/// The outcome of each record, which every chunking and restart gives.
pub(super) fn outcomes(plan: &Plan, input: &str) -> Vec<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let parts = |at: Option<Position>| {
        let start = runtime.block_on(opened(plan, input, None));
        let from = at.map(|at| Checkpoint {
            books: Books::open(at, 0),
            ..start.from.clone()
        });
        let opened = runtime.block_on(opened(plan, input, from));
        let documents = crate::record::DocumentWriter::new(&plan.schema, Default::default(), None);
        opened.chain(plan, Box::new(Shown(documents)))
    };
    let (_, convert) = parts(None);
    let make = |at: Position| parts(Some(at)).0.framer;
    let fed_from = |at: Position| plan.format.fed_from(at);
    same_outcomes_fed(&make, &fed_from, &*convert, input.as_bytes())
}

struct Shown(crate::record::DocumentWriter);

impl Encode<Record> for Shown {
    fn encode(
        &self,
        at: Position,
        part: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), pipeline::Problem> {
        out.extend_from_slice(format!("{part} ").as_bytes());
        self.0.write(None, at, record, out);
        Ok(())
    }
}

pub(super) const ORDERS: &str = "[format.jsonl]\n[fields]\nid = {}\nlines = { type = 'list' }\n";
pub(super) const STORE: &str = "[sink.sqlite]\npath = 'x'\ntable = 't'\n";

#[tokio::test]
async fn each_item_is_a_document_with_all_other_fields_beside_it() {
    let spec = format!(
        "{ORDERS}{STORE}[[steps]]\nexplode = {{ field = 'lines', as = 'line' }}\n\
         [[steps]]\nderive = {{ field = 'sku', type = 'string', expr = 'line.sku' }}\n"
    );
    let input = "{\"id\":\"a\",\"lines\":[{\"sku\":\"x\"},{\"sku\":\"y\"}]}\n{\"id\":\"b\",\"lines\":[]}\n\
                 {\"id\":\"c\"}\n{\"id\":\"d\",\"lines\":[null]}\n";
    let plan = plan(&spec.replace("'line.sku'", "\"line == null ? '-' : line.sku\""));
    for records in [1, 2, 100] {
        let left = run(&plan, input, records).await;
        assert_eq!(left.told, "4 0 0, 5 documents");
        assert_eq!(
            left.documents,
            [
                r#"0/1 {"id":"a","line":{"sku":"x"},"sku":"x"}"#,
                r#"0/2 {"id":"a","line":{"sku":"y"},"sku":"y"}"#,
                r#"1/1 {"id":"b","sku":"-"}"#,
                r#"2/1 {"id":"c","sku":"-"}"#,
                r#"3/1 {"id":"d","sku":"-"}"#,
            ]
        );
    }
}

#[tokio::test]
async fn one_bad_part_rejects_its_record_and_says_which_it_is() {
    let spec = format!(
        "{ORDERS}{STORE}[[steps]]\nexplode = {{ field = 'lines', max_parts = 3 }}\n\
         [[steps]]\nreject = {{ name = 'no_sku', when = 'lines.sku == null', message = 'where is it' }}\n\
         [[steps]]\ndrop = {{ name = 'gift', when = \"lines.sku == 'gift'\" }}\n"
    );
    let plan = plan(&spec);
    let line = |skus: &[&str]| {
        let lines: Vec<_> = skus
            .iter()
            .map(|sku| format!("{{\"sku\":{sku}}}"))
            .collect();
        format!("{{\"id\":\"i\",\"lines\":[{}]}}\n", lines.join(","))
    };
    let input = [
        line(&["1", "2", "null"]),
        line(&["1", "\"gift\"", "2"]),
        line(&["\"gift\"", "\"gift\""]),
        line(&["1", "2", "3", "4"]),
        "{\"id\":\"i\",\"lines\":[{\"sku\":1},5]}\n".to_owned(),
        line(&["null"]),
        // No item that could be at fault: a record of its own.
        line(&[]),
        "{\"id\":\"i\"}\n".to_owned(),
    ];
    for records in [1, 4, 100] {
        let left = run(&plan, &input.concat(), records).await;
        assert_eq!(left.told, "1 6 1, 2 documents");
        assert_eq!(
            left.warned,
            [("gift".to_owned(), 1)],
            "a part that is left out is no secret"
        );
        // What stands behind the sentence is CEL's own.
        let told = left
            .rejects
            .iter()
            .map(|told| match told.split_once(": found") {
                Some((told, _)) => told,
                None => told,
            });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "1 no_sku lines: lines[2]: where is it",
                "4 too_many_parts lines: 4 items, at most 3 are taken",
                "5 part_type lines: lines[1] is no object, and the spec does not say what `items` are",
                "6 no_sku lines: lines[0]: where is it",
                "7 expression lines: reject `no_sku`",
                "8 expression lines: reject `no_sku`",
            ]
        );
        assert_eq!(left.documents.len(), 2, "{:?}", left.documents);
    }
}

#[tokio::test]
async fn records_without_items_are_dropped_by_name_where_the_spec_says_so() {
    let spec =
        format!("{ORDERS}{STORE}[[steps]]\nexplode = {{ field = 'lines', drop_empty = 'none' }}\n");
    let input = "{\"lines\":[]}\n{\"lines\":null}\n{\"lines\":[{}]}\n";
    assert_eq!(
        run(&plan(&spec), input, 100).await.told,
        "1 0 2, 1 documents"
    );
}

#[tokio::test]
async fn by_key_each_part_has_its_own_and_the_last_one_of_a_key_stands() {
    let keyed = "[sink.sqlite]\npath = 'x'\ntable = 't'\nmode = 'upsert'\nkey = ['sku']\n";
    let spec = format!(
        "[format.csv]\n[fields]\nid = {{}}\nsku = {{ from = 'skus', type = 'list', separator = '|' }}\n{keyed}\
         [[steps]]\nexplode = {{ field = 'sku' }}\n"
    );
    for records in [1, 2, 100] {
        let left = run(&plan(&spec), "id,skus\n1,a|b|a\n2,b|c\n", records).await;
        assert_eq!(left.told, "2 0 0, 3 documents");
        let mut documents: Vec<_> = left
            .documents
            .iter()
            .map(|one| one.split_once(' ').unwrap().1)
            .collect();
        documents.sort();
        assert_eq!(
            documents,
            [
                r#"{"id":"1","sku":"a"}"#,
                r#"{"id":"2","sku":"b"}"#,
                r#"{"id":"2","sku":"c"}"#
            ]
        );
    }
}

#[tokio::test]
async fn a_part_without_a_key_takes_the_others_with_it() {
    let keyed = "[sink.sqlite]\npath = 'x'\ntable = 't'\nmode = 'replace'\nkey = ['sku']\n";
    let spec = format!(
        "[format.csv]\n[fields]\nsku = {{ from = 'skus', type = 'list', separator = '|' }}\n{keyed}\
         [[steps]]\nexplode = {{ field = 'sku' }}\n"
    );
    let left = run(&plan(&spec), "skus\na|b\n", 100).await;
    assert_eq!(left.told, "0 1 0, 0 documents");
    assert!(
        left.rejects[0].starts_with("1 no_match -: part 1: "),
        "{:?}",
        left.rejects
    );
}

#[test]
fn parts_are_bounded_in_bytes() {
    let spec = format!(
        "{ORDERS}{STORE}[[steps]]\nexplode = {{ field = 'lines' }}\n[input]\nmax_record_bytes = '4MiB'\n"
    );
    let line = |items: usize| {
        let id = "x".repeat(1 << 20);
        let lines = vec!["{}"; items].join(",");
        format!("{{\"id\":\"{id}\",\"lines\":[{lines}]}}\n")
    };
    let input = [line(7), line(9), line(1000)].concat();
    let found = outcomes(&plan(&spec), &input);
    let (good, bad): (Vec<_>, Vec<_>) = found.iter().partition(|(_, outcome)| outcome.is_ok());
    assert_eq!(good.len(), 7);
    let bad: Vec<_> = bad
        .into_iter()
        .map(|(at, outcome)| (*at, outcome.clone().unwrap_err()))
        .collect();
    let code = "parts_too_large Some(\"lines\")".to_owned();
    assert_eq!(bad, [(1, code.clone()), (2, code)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn however_it_is_cut_the_same_parts_come_out(
        records in prop::collection::vec(prop::option::weighted(0.9, prop::collection::vec(0..9_u8, 0..6)), 0..12),
    ) {
        let spec = format!(
            "[format.jsonl]\n[fields]\nn = {{ type = 'list', items = 'integer' }}\n{STORE}\
             [[steps]]\nexplode = {{ field = 'n' }}\n\
             [[steps]]\nderive = {{ field = 'twice', type = 'integer', expr = 'n == null ? 0 : n * 2' }}\n\
             [[steps]]\ndrop = {{ name = 'eight', when = 'twice == 8' }}\n\
             [[steps]]\nreject = {{ name = 'fourteen', when = 'twice == 14', message = 'too much' }}\n"
        );
        let line = |one: &Option<Vec<u8>>| match one {
            Some(items) => format!("{{\"n\":{items:?}}}\n"),
            None => "{\n".to_owned(),
        };
        let input: String = records.iter().map(line).collect();
        let found = outcomes(&plan(&spec), &input);
        for (ordinal, record) in (0..).zip(&records) {
            let of: Vec<_> = found.iter().filter(|(at, _)| *at == ordinal).collect();
            let good = |n: &&u8| **n != 4;
            let expected = match record {
                Some(items) if items.contains(&7) => 1,
                Some(items) => items.iter().filter(good).count().max(1),
                None => 1,
            };
            prop_assert_eq!(of.len(), expected, "{:?}", of);
        }
    }
}
