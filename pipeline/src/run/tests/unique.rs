//! What must be unique: the second record is a reject that names the first, whatever the batches, the blocks that are
//! parsed at once and the runs that it takes.

use super::*;
use crate::{
    Before, Block, Chain, Identify, Join, Position, Problem, Rear, Seen, Unique, UniqueKey,
};
use bytes::BytesMut;
use parts::{Lines, Text, text};
use std::collections::HashMap;

/// The first and the second word of a line.
struct Words;

impl Identify<String> for Words {
    fn keys(&self, record: &String, keys: &mut Vec<Option<UniqueKey>>) {
        let mut words = record.split(' ');
        let mut key = |constraint: u8| {
            let word = words.next()?.as_bytes();
            let bytes = word.iter().chain([&constraint]);
            Some(bytes.fold(0, |key, byte| key << 8 | UniqueKey::from(*byte)))
        };
        keys.extend([key(0), key(1)]);
    }
}

#[derive(Default)]
struct Map {
    keys: HashMap<UniqueKey, u64>,
    max_keys: Option<usize>,
}

impl Seen for Map {
    fn first(&mut self, key: UniqueKey) -> Result<Option<u64>, Fatal> {
        Ok(self.keys.get(&key).copied())
    }

    fn enter(&mut self, key: UniqueKey, ordinal: u64) -> Result<(), Fatal> {
        if self.max_keys.is_some_and(|most| self.keys.len() >= most) {
            return Err(Fatal::new("full", "the map is full"));
        }
        assert_eq!(
            self.keys.insert(key, ordinal),
            None,
            "a key is entered once"
        );
        Ok(())
    }
}

fn unique_job(input: &str, store: &Arc<Store>, from: Checkpoint, max_keys: Option<usize>) -> Job {
    let rear = Rear::new(Box::new(Text))
        .step(Box::new(Text))
        .identified(Some(Arc::new(Words)));
    let before = Before {
        source: Box::new(Bytes {
            bytes: input.as_bytes().to_vec(),
            at: 0,
            error: None,
        }),
        framer: Box::new(Lines {
            buffer: BytesMut::new(),
            at: Position::START,
        }),
    };
    Job {
        convert: Arc::new(Chain::new(text(), rear)),
        unique: Some(Unique {
            seen: Box::new(Map {
                max_keys,
                ..Map::default()
            }),
            fields: Arc::new([vec!["first".into()], vec!["a".into(), "b".into()]]),
            shared: Arc::new([false, false]),
            before: (from.books.end.ordinal > 0).then_some(before),
        }),
        ..job(input, store, from)
    }
}

/// Lines of two words: some repeat one of an earlier line, and some of those are bad, dropped or refused by the target.
fn input() -> String {
    let line = |index: usize| match index {
        17 => "w3 x17\n".to_owned(),
        18 => "w18 x17\n".to_owned(),
        40 => "bad x40\n".to_owned(),
        41 => "w41 x40\n".to_owned(),
        50 => "refuse x50\n".to_owned(),
        51 => "refuse x51\n".to_owned(),
        90 => "w3 x91\n".to_owned(),
        91 => "w91 x91\n".to_owned(),
        120 => "w91 x3\n".to_owned(),
        121 => "alone\n".to_owned(),
        122 => "w122\n".to_owned(),
        _ => format!("w{index} x{index}\n"),
    };
    (0..150).map(line).collect()
}

/// Ordinal, code and the records that are named, of every reject.
fn rejects(store: &Store) -> Vec<String> {
    let rejects = lock(&store.rejects);
    let told = rejects.values().map(|reject| {
        let problems = reject.problems.iter().map(|problem| {
            let named = problem.message.split("record ").nth(1);
            let named = named.map_or("", |rest| rest.split(' ').next().unwrap());
            format!(" {} {named}", problem.code)
        });
        format!("{}{}", reject.at.ordinal + 1, problems.collect::<String>())
    });
    told.collect()
}

const REJECTS: [&str; 6] = [
    "18 duplicate 4",
    // The record of line 18 took no value, so neither is its second word taken.
    "41 bad ",
    "51 refused ",
    // The target's answer decides nothing: the first one has the value, also where it was refused.
    "52 duplicate 51",
    "91 duplicate 4",
    "121 duplicate 92 duplicate 4",
];

#[tokio::test(start_paused = true)]
async fn the_second_record_is_a_reject_that_names_the_first() {
    for (max_parsers, records) in [(1, 1), (1, 10), (4, 10), (3, 1000)] {
        let store = Arc::new(Store::default());
        let report = run(Job {
            max_parsers,
            batch: BatchLimits {
                max_records: records,
                max_bytes: 1 << 20,
            },
            ..unique_job(&input(), &store, start(), None)
        })
        .await;
        assert_eq!(rejects(&store), REJECTS);
        assert_eq!(told(&report), "144 0 6 0 of 150 completed");
        assert!(!lock(&store.records).contains_key(&17));
        assert_eq!(lock(&store.records)[&18], "w18 x17");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_goes_on_has_the_same_duplicates_wherever_it_was_cut() {
    for after in 1..16 {
        let store = Arc::new(Store {
            fail_after: Some(after),
            ..Store::default()
        });
        let first = run(unique_job(&input(), &store, start(), None)).await;
        let next = Arc::new(Store {
            records: Mutex::new(lock(&store.records).clone()),
            rejects: Mutex::new(lock(&store.rejects).clone()),
            ..Store::default()
        });
        let from = first.checkpoint;
        let second = run(unique_job(&input(), &next, from, None)).await;
        assert_eq!(rejects(&next), REJECTS, "cut after {after} writes");
        assert_eq!(second.checkpoint.books.counters.rejected, 6);
        assert_eq!(lock(&next.records).len(), 144);
    }
}

#[tokio::test(start_paused = true)]
async fn duplicates_count_in_the_budget_and_a_held_run_goes_on_behind_them() {
    let store = Arc::new(Store::default());
    let budget = |max_records| Budget {
        max_records,
        max_ratio: 1.0,
        on_breach: OnBreach::Hold,
        ..Budget::default()
    };
    let first = run(Job {
        budget: budget(0),
        ..unique_job(&input(), &store, start(), None)
    })
    .await;
    assert_eq!(told(&first), "17 0 1 0 of 18 held errors");
    assert_eq!(rejects(&store), REJECTS[..1]);
    let second = run(Job {
        budget: budget(10),
        ..unique_job(&input(), &store, first.checkpoint, None)
    })
    .await;
    assert_eq!(told(&second), "144 0 6 0 of 150 completed");
    assert_eq!(rejects(&store), REJECTS);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_remembered_or_seen_again_ends_the_run() {
    let store = Arc::new(Store::default());
    let full = run(unique_job(&input(), &store, start(), Some(60))).await;
    assert!(told(&full).ends_with("failed full"), "{}", told(&full));
    assert!(full.checkpoint.books.end.ordinal > 0, "what was read stays");
    let shorter = lines(3, &[]);
    let gone = run(Job {
        unique: unique_job(&shorter, &store, full.checkpoint.clone(), None).unique,
        ..unique_job(&input(), &store, full.checkpoint, None)
    })
    .await;
    assert!(told(&gone).ends_with("failed books"), "{}", told(&gone));
}

/// Lines in groups of two within each block.
struct Pairs(Lines);

impl Framer for Pairs {
    fn buffer(&mut self) -> &mut BytesMut {
        self.0.buffer()
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        // Blocks of seven lines, whatever is read at once.
        if !at_end {
            return Ok(None);
        }
        let block = self.0.next_block(at_end)?;
        Ok(block.map(|block| {
            let count = block.frames.len() as u32;
            let groups = (2..=count)
                .step_by(2)
                .chain((count % 2 == 1).then_some(count));
            Block {
                groups: groups.collect(),
                ..block
            }
        }))
    }
}

struct Sum;

impl Join<String> for Sum {
    fn join(&self, records: &[String], whole: &mut String) -> Result<(), Problem> {
        *whole = records.join("+");
        Ok(())
    }
}

/// A run over lines in groups of two, and of one at the end of each seven.
async fn paired(input: &str, store: &Arc<Store>) -> Report {
    paired_where(input, store, [false, false]).await
}

/// The same, where the records of a group share the values of some constraints.
async fn paired_where(input: &str, store: &Arc<Store>, shared: [bool; 2]) -> Report {
    let unique = unique_job(input, store, start(), None);
    let unique = unique.unique.map(|unique| Unique {
        shared: Arc::new(shared),
        ..unique
    });
    let rear = Rear::new(Box::new(Text))
        .step(Box::new(Text))
        .join(Box::new(Sum))
        .identified(Some(Arc::new(Words)));
    run(Job {
        convert: Arc::new(Chain::new(text(), rear)),
        framer: Box::new(Pairs(Lines {
            buffer: BytesMut::new(),
            at: Position::START,
        })),
        unique,
        ..job(input, store, start())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_rejects_its_group_which_takes_no_value() {
    let store = Arc::new(Store::default());
    let line = |index: usize| match index {
        5 => "w0 x5\n".to_owned(),
        8 => "w4 x8\n".to_owned(),
        10 => "w9 x10\n".to_owned(),
        15 => "drop x15\n".to_owned(),
        18 => "w4 x18\n".to_owned(),
        _ => format!("w{index} x{index}\n"),
    };
    let report = paired(&(0..21).map(line).collect::<String>(), &store).await;
    assert_eq!(
        rejects(&store),
        [
            "5 group_rejected 6,",
            "6 duplicate 1",
            "10 group_rejected 11,",
            "11 duplicate 10",
            "19 duplicate 9",
            "20 group_rejected 19,",
        ]
    );
    assert_eq!(told(&report), "14 0 6 1 of 21 completed");
    assert_eq!(lock(&store.records)[&7], "w7 x7+w4 x8");
    assert_eq!(lock(&store.records)[&14], "w14 x14");
}

#[tokio::test(start_paused = true)]
async fn what_a_group_shares_must_differ_from_other_groups_only() {
    let store = Arc::new(Store::default());
    let line = |index: usize| match index {
        0 | 1 | 4 => "w0 same\n".to_owned(),
        9 | 10 => "w9 both\n".to_owned(),
        _ => format!("w{index} x{index}\n"),
    };
    let input = (0..14).map(line).collect::<String>();
    let report = paired_where(&input, &store, [true, true]).await;
    assert_eq!(
        rejects(&store),
        ["5 duplicate 1 duplicate 1", "6 group_rejected 5,"]
    );
    assert_eq!(told(&report), "12 0 2 0 of 14 completed");
    let store = Arc::new(Store::default());
    paired_where(&input, &store, [true, false]).await;
    assert_eq!(
        rejects(&store),
        [
            "1 group_rejected 2,",
            "2 duplicate 1",
            "10 group_rejected 11,",
            "11 duplicate 10"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_load_ends_before_the_group_of_the_record_that_it_must_not_go_on_to() {
    for at in [1, 11, 12] {
        let store = Arc::new(Store::default());
        let line = |index: usize| match index {
            _ if index == at => "hold\n".to_owned(),
            _ => format!("w{index} x{index}\n"),
        };
        let report = paired(&(0..21).map(line).collect::<String>(), &store).await;
        let loaded = if at == 1 { 0 } else { 11 };
        let expected = format!("{loaded} 0 0 0 of {loaded} held unknown_columns");
        assert_eq!(told(&report), expected, "{at}");
        let End::Held(breach) = report.end else {
            panic!("{at}");
        };
        let record = format!("record {}: it is not known", at + 1);
        assert_eq!(breach.message, record);
    }
}
