//! Records that are several operations, and operations that are several records: the books count records, whole ones, and
//! a part or a record of a group that is lost or counted twice completes nothing.

use super::parts::{Store, Text, job, lines, start, text, told};
use super::*;
use crate::{
    Block, Chain, Explode, Frame, Join, Outcomes, Position, Problem, Rear, Reject, Verdict, Written,
};
use bytes::BytesMut;
use std::collections::{BTreeMap, HashMap};

/// `a+b` is the parts `a` and `b`; `none` has no part that is kept.
struct Plus;

impl Explode<String> for Plus {
    fn parts(
        &self,
        record: &mut String,
        each: &mut dyn FnMut(u32, &mut String) -> bool,
    ) -> Verdict {
        let all = std::mem::take(record);
        for (part, number) in all.split('+').zip(1..) {
            record.clear();
            record.push_str(part);
            if !each(number, record) {
                break;
            }
        }
        Verdict::Keep
    }

    fn of_part(&self, part: u32, problem: &mut Problem) {
        problem.message = format!("{part}: {}", problem.message);
    }
}

/// The records of a group with `+` between them; with `odd one` among them they cannot be joined.
struct Joined;

impl Join<String> for Joined {
    fn join(&self, records: &[String], whole: &mut String) -> Result<(), Problem> {
        if records.iter().any(|record| record.contains("odd one")) {
            return Err(Problem::of_record("group_conflict", "an odd one"));
        }
        *whole = records.join("+");
        Ok(())
    }
}

/// Cuts lines once all are there; those with the same last character are a group, and never in two blocks.
struct Grouped {
    buffer: BytesMut,
    at: Position,
}

impl Framer for Grouped {
    fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        if !at_end || self.buffer.is_empty() {
            return Ok(None);
        }
        let (start, mut used, mut key) = (self.at, 0, None);
        let (mut frames, mut groups) = (Vec::new(), Vec::new());
        for line in self.buffer.split_inclusive(|&byte| byte == b'\n') {
            let next = line.iter().rev().nth(1).copied();
            if next != key && !frames.is_empty() {
                groups.push(frames.len() as u32);
                if frames.len() >= 7 {
                    break;
                }
            }
            key = next;
            frames.push(Frame {
                start: used,
                end: used + line.len() as u32,
                line: self.at.line,
                offset: self.at.offset,
                skipped: 0,
                kind: 0,
                carries: false,
                broken: None,
            });
            used += line.len() as u32;
            self.at = Position {
                ordinal: self.at.ordinal + 1,
                line: self.at.line + 1,
                offset: self.at.offset + line.len() as u64,
            };
        }
        if groups.last() != Some(&(frames.len() as u32)) {
            groups.push(frames.len() as u32);
        }
        Ok(Some(Block {
            bytes: self.buffer.split_to(used as usize).freeze(),
            frames,
            start,
            end: self.at,
            trailing_skipped: 0,
            restarts: Vec::new(),
            groups,
            context: Default::default(),
            carried: None,
        }))
    }
}

/// What stands under an ordinal and a part.
type Documents = BTreeMap<(u64, u32), String>;

/// A target that takes parts of refused records back; `refuse…` is refused.
struct Target {
    store: Arc<Store>,
    documents: Mutex<Documents>,
    lie: Option<Lie>,
}

#[async_trait]
impl Sink for Target {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let mut outcomes = Outcomes::default();
        for operation in batch.operations() {
            let text = String::from_utf8_lossy(operation.bytes()).into_owned();
            let id = (operation.position().ordinal, operation.part());
            if text.contains("refuse") {
                outcomes.refused(operation, Problem::of_record("refused", text));
            } else if lock(&self.documents).insert(id, text).is_some() {
                outcomes.already_loaded(operation);
            } else {
                outcomes.loaded(operation);
            }
        }
        for operation in outcomes.withdraw() {
            let id = (operation.position().ordinal, operation.part());
            lock(&self.documents).remove(&id);
        }
        let written = outcomes.written();
        Ok(match self.lie {
            Some(lie) => lie(batch, written),
            None => written,
        })
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        self.store.finish().await
    }
}

#[derive(Clone, Copy)]
enum Shape {
    Exploded,
    Grouped,
}

/// A job of that shape, and what is in its target.
fn shaped(
    shape: Shape,
    input: &str,
    store: &Arc<Store>,
    from: Checkpoint,
    lie: Option<Lie>,
) -> (Job, Arc<Target>) {
    let target = Arc::new(Target {
        store: store.clone(),
        documents: Mutex::default(),
        lie,
    });
    let rear = Rear::new(Box::new(Text));
    let rear = match shape {
        Shape::Exploded => rear.explode(Box::new(Plus)).step(Box::new(Text)),
        Shape::Grouped => rear.step(Box::new(Text)).join(Box::new(Joined)),
    };
    let mut job = Job {
        convert: Arc::new(Chain::new(text(), rear)),
        sink: target.clone(),
        ..job(input, store, from)
    };
    if let Shape::Grouped = shape {
        job.framer = Box::new(Grouped {
            buffer: BytesMut::new(),
            at: job.from.books.end,
        });
    }
    (job, target)
}

const EXPLODED: &str =
    "a\nb+c+d\nb+drop\ndrop+drop it\nx+bad+y\nk+refuse it+l+refuse me\nlast+one odd+two odd\n";
const GROUPED: &str = "a1\nb1\nc1\nd2\ndrop 2\ne3\nbad 3\nf3\ndrop 4\ndrop5 4\nrefuse 5\ndrop 5\ng5\nodd one6\nh6\ni odd\n";

async fn ends(shape: Shape, input: &str, max_records: usize) -> (Report, Arc<Target>, Arc<Store>) {
    let store = Arc::new(Store::default());
    let (job, target) = shaped(shape, input, &store, start(), None);
    let batch = BatchLimits {
        max_records,
        ..job.batch
    };
    (run(Job { batch, ..job }).await, target, store)
}

fn codes(store: &Store) -> Vec<(u64, String)> {
    let rejects = lock(&store.rejects);
    let code = |reject: &Reject| {
        format!(
            "{}, {}",
            reject.problems[0].code, reject.problems[0].message
        )
    };
    rejects
        .iter()
        .map(|(ordinal, reject)| (*ordinal + 1, code(reject)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_record_counts_once_when_all_its_parts_are_in() {
    for records in [1, 3, 100] {
        let (report, target, store) = ends(Shape::Exploded, EXPLODED, records).await;
        assert_eq!(told(&report), "4 0 2 1 of 7 completed");
        let End::Completed(held) = report.end else {
            panic!("completed")
        };
        assert_eq!(held.documents, 8);
        let documents = lock(&target.documents).clone();
        let documents: Vec<_> = documents
            .into_iter()
            .map(|((o, p), text)| format!("{o}/{p} {text}"))
            .collect();
        let expected = [
            "0/1 a",
            "1/1 b",
            "1/2 c",
            "1/3 d",
            "2/1 b",
            "6/1 last",
            "6/2 one odd",
            "6/3 two odd",
        ];
        assert_eq!(documents, expected);
        assert_eq!(
            codes(&store),
            [
                (5, "bad, 2: bad".into()),
                (6, "refused, part 2: refuse it".into())
            ]
        );
        let warned = report.checkpoint.books.counters.warned;
        assert_eq!(
            Vec::from_iter(warned),
            [("dropped".into(), 1), ("odd".into(), 1)]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn all_records_of_a_group_share_its_document_and_its_fate() {
    for records in [1, 3, 100] {
        let (report, target, store) = ends(Shape::Grouped, GROUPED, records).await;
        assert_eq!(told(&report), "5 0 7 4 of 16 completed");
        let End::Completed(held) = report.end else {
            panic!("completed")
        };
        assert_eq!(held.documents, 3);
        let documents = lock(&target.documents);
        let documents: Vec<_> = documents
            .iter()
            .map(|((o, _), text)| (*o, &**text))
            .collect();
        assert_eq!(documents, [(0, "a1+b1+c1"), (3, "d2"), (15, "i odd")]);
        let group = "group_rejected, record 7, of the same group, is rejected";
        let refused = "refused, refuse 5+g5";
        let conflict = "group_conflict, an odd one";
        let expected = [
            (6, group),
            (7, "bad, bad 3"),
            (8, group),
            (11, refused),
            (13, refused),
            (14, conflict),
            (15, conflict),
        ];
        let found = codes(&store);
        let found: Vec<_> = found
            .iter()
            .map(|(record, code)| (*record, &**code))
            .collect();
        assert_eq!(found, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_stands_between_groups_and_the_run_goes_on_there() {
    let budget = Budget {
        max_records: 0,
        ..Budget::default()
    };
    for records in [1, 100] {
        let store = Arc::new(Store::default());
        let (job, _) = shaped(Shape::Grouped, GROUPED, &store, start(), None);
        let batch = BatchLimits {
            max_records: records,
            ..job.batch
        };
        let report = run(Job {
            budget,
            batch,
            ..job
        })
        .await;
        assert_eq!(told(&report), "4 0 3 1 of 8 held errors");
        let from = lock(&store.saved).clone().unwrap();
        assert_eq!(from.books.end.ordinal, 8, "behind the group");
        let (job, target) = shaped(Shape::Grouped, GROUPED, &store, from, None);
        assert_eq!(told(&run(job).await), "5 0 7 4 of 16 completed");
        assert_eq!(lock(&target.documents).len(), 1);
    }
}

type Lie = fn(&Batch, Written) -> Written;

async fn fails(shape: Shape, what: &str, lie: Lie) {
    let input = match shape {
        Shape::Exploded => EXPLODED,
        Shape::Grouped => GROUPED,
    };
    for max_records in [1, 100] {
        let store = Arc::new(Store::default());
        let (job, _) = shaped(shape, input, &store, start(), Some(lie));
        let batch = BatchLimits {
            max_records,
            ..job.batch
        };
        let told = told(&run(Job { batch, ..job }).await);
        assert!(
            told.ends_with("failed books"),
            "{what}, {max_records}: {told}"
        );
        assert_eq!(store.finished.load(Ordering::SeqCst), 0, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_or_a_record_of_a_group_that_is_lost_or_doubled_completes_nothing() {
    let lies: [(&str, Lie); 6] = [
        ("loses a document", |_, mut written| {
            written.documents -= u64::from(written.documents > 0);
            written
        }),
        ("has one more", |batch, mut written| {
            written.documents = batch.len() as u64 + 1;
            written
        }),
        ("counts operations for records", |batch, mut written| {
            written.loaded = batch.len() as u64 - written.rejects.len() as u64;
            written
        }),
        ("acknowledges twice", |_, mut written| {
            written.already_loaded = written.loaded;
            written
        }),
        ("refuses a record twice", |_, mut written| {
            written.rejects.extend(written.rejects.clone());
            written
        }),
        ("refuses one that is dropped", |_, mut written| {
            written
                .rejects
                .iter_mut()
                .for_each(|reject| reject.at.ordinal -= 2);
            written
        }),
    ];
    for (what, lie) in lies {
        fails(Shape::Exploded, what, lie).await;
        fails(Shape::Grouped, what, lie).await;
    }
    fails(Shape::Grouped, "refuses half a group", |_, mut written| {
        if written.rejects.len() > 1 {
            written.rejects.pop();
            written.loaded += 1;
        }
        written
    })
    .await;
}

/// A framer whose groups are changed.
struct Tampered(Grouped, fn(&mut Vec<u32>));

impl Framer for Tampered {
    fn buffer(&mut self) -> &mut BytesMut {
        self.0.buffer()
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        let block = self.0.next_block(at_end)?;
        Ok(block.map(|mut block| {
            (self.1)(&mut block.groups);
            block
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn groups_that_leave_records_out_complete_nothing() {
    type Change = fn(&mut Vec<u32>);
    let changes: [(&str, Change); 4] = [
        ("end early", |groups| {
            groups.pop();
        }),
        ("are none", Vec::clear),
        ("go beyond the block", |groups| {
            groups.iter_mut().for_each(|end| *end += 1);
        }),
        ("overlap", |groups| groups.insert(0, u32::MAX)),
    ];
    for (what, change) in changes {
        let store = Arc::new(Store::default());
        let (job, _) = shaped(Shape::Grouped, &lines(40, &[]), &store, start(), None);
        let framer = Grouped {
            buffer: BytesMut::new(),
            at: job.from.books.end,
        };
        let framer = Box::new(Tampered(framer, change));
        let told = told(&run(Job { framer, ..job }).await);
        let is_refused = told.ends_with("failed books") || told.ends_with("failed frame_mismatch");
        assert!(is_refused, "{what}: {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn runs_that_end_anywhere_leave_each_document_once() {
    let many: String = (0..40)
        .map(|number| format!("{}\n", vec!["part"; number % 5 + 1].join("+")))
        .collect();
    let grouped: String = (0..60)
        .map(|number| format!("row {number} {}\n", number * number / 17 % 7))
        .collect();
    let mut found: HashMap<u8, Documents> = HashMap::new();
    for (number, shape, input) in [(0, Shape::Exploded, &many), (1, Shape::Grouped, &grouped)] {
        for fail_after in [None, Some(0), Some(1), Some(3)] {
            let store = Arc::new(Store {
                lose_after: fail_after,
                ..Store::default()
            });
            let (first, target) = shaped(shape, input, &store, start(), None);
            let report = run(first).await;
            let from = lock(&store.saved).clone().unwrap_or_else(start);
            let documents = if fail_after.is_some() && told(&report).contains("failed") {
                let next = Arc::new(Store::default());
                let (job, again) = shaped(shape, input, &next, from, None);
                let mut documents = lock(&target.documents).clone();
                let report = run(job).await;
                assert!(told(&report).ends_with("completed"), "{}", told(&report));
                documents.extend(lock(&again.documents).clone());
                documents
            } else {
                lock(&target.documents).clone()
            };
            let whole = found.entry(number).or_insert_with(|| documents.clone());
            assert_eq!(&documents, whole, "after {fail_after:?} checkpoints");
        }
    }
}
