//! The law of every sink in insert mode: however the input is cut into batches, and wherever a process dies and
//! another goes on from a checkpoint, the target holds the same in the end.

use super::harness::values::{TYPES, record};
use super::harness::{Fed, load};
use super::sqlite::EmbeddedStore;
use super::{DocumentStore as _, Flow, Load, Target, csv, jsonl};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::path::Path;

/// A batch of so many records. Then, where there is a number, the process dies, and the next one goes on from the
/// checkpoint that lies so many batches back.
type Cut = (usize, Option<usize>);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Jsonl,
    Csv,
    Sqlite,
}

/// Opens a sink as a process does that goes on with `resume`.
async fn open(kind: Kind, path: &Path, resume: Option<Option<u64>>) -> Fed {
    let load = Load {
        resume,
        ..load(TYPES)
    };
    let target = Target {
        collection: match kind {
            Kind::Sqlite => "orders".into(),
            Kind::Jsonl | Kind::Csv => path.to_str().unwrap().into(),
        },
        lineage: Some("from".into()),
        ..Target::default()
    };
    let opened = match kind {
        Kind::Jsonl => jsonl::open(&target, &load).await.unwrap(),
        Kind::Csv => csv::open(&target, false, &load).await.unwrap(),
        Kind::Sqlite => {
            let store = EmbeddedStore::open(path).await.unwrap();
            store
                .open_sink(&target, &Flow::default(), load.clone())
                .await
                .unwrap()
        }
    };
    Fed::new(opened, &load)
}

/// What the target holds when all of `rows` are written.
async fn held(kind: Kind, rows: &[String], cuts: &[Cut]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("target");
    let mut fed = open(kind, &path, None).await;
    // The checkpoints so far: where to go on, and the sink's mark.
    let mut checkpoints = vec![(0, None)];
    let mut cuts = cuts.iter();
    while let Some(&(from, _)) = checkpoints.last().filter(|(from, _)| *from < rows.len()) {
        let (records, dies) = cuts.next().copied().unwrap_or((rows.len(), None));
        let to = (from + records).min(rows.len());
        let written = fed.write(from as u64, &rows[from..to]).await.unwrap();
        assert_eq!(written.loaded + written.already_loaded, (to - from) as u64);
        checkpoints.push((to, written.mark));
        if let Some(back) = dies {
            drop(fed);
            checkpoints.truncate(checkpoints.len().saturating_sub(back).max(1));
            let mark = checkpoints.last().and_then(|(_, mark)| *mark);
            fed = open(kind, &path, Some(mark)).await;
        }
    }
    fed.sink.finish().await.unwrap();
    match kind {
        Kind::Jsonl | Kind::Csv => std::fs::read_to_string(&path).unwrap(),
        Kind::Sqlite => {
            let store = EmbeddedStore::open(&path).await.unwrap();
            let lines = store.export("orders").unwrap().map(Result::unwrap);
            lines.map(|line| line + "\n").collect()
        }
    }
}

/// The records of JSON Lines, without identity and lineage.
fn of_json(text: &str) -> Vec<Map<String, Value>> {
    let lines = text.lines().map(|line| {
        let mut line: Map<String, Value> = serde_json::from_str(line).unwrap();
        assert!(line.remove("_id").is_some() && line.remove("from").is_some());
        line
    });
    lines.collect()
}

/// The cell that a value has in a CSV file.
fn cell(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

async fn cells(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv_async::AsyncReader::from_reader(text.as_bytes());
    let mut records = reader.records();
    let mut all = Vec::new();
    while let Some(record) = futures::StreamExt::next(&mut records).await {
        all.push(record.unwrap().iter().map(str::to_owned).collect());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_cut_and_any_restart_give_the_same_target(
        records in prop::collection::vec(record(), 0..24),
        cuts in prop::collection::vec((1..9_usize, prop::option::weighted(0.4, 0..4_usize)), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let rows: Vec<_> = records.iter().map(|record| Value::from(record.clone()).to_string()).collect();
        runtime.block_on(async {
            for kind in [Kind::Jsonl, Kind::Csv, Kind::Sqlite] {
                let whole = held(kind, &rows, &[]).await;
                assert_eq!(held(kind, &rows, &cuts).await, whole, "{kind:?}");
                match kind {
                    Kind::Jsonl | Kind::Sqlite => assert_eq!(of_json(&whole), records),
                    Kind::Csv => {
                        let expected: Vec<Vec<String>> = records
                            .iter()
                            .map(|record| TYPES.iter().map(|(name, _)| cell(record.get(*name))).collect())
                            .collect();
                        let found: Vec<Vec<String>> =
                            cells(&whole).await.iter().map(|row| row[1..=TYPES.len()].to_vec()).collect();
                        assert_eq!(found, expected);
                    }
                }
            }
        });
    }
}
