//! Parts that lie: whatever one of them skips, doubles, loses or makes up, the job fails and is never completed.

use super::parts::{Bytes, Lines, Store, Text, job, lines, start, text, told};
use super::*;
use crate::{Block, Chain, Digest, Parser, Problem, Reader, Rear, Reject};
use async_trait::async_trait;
use bytes::BytesMut;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// Records of a batch: a block of its own, blocks that are joined, all of them at once.
const BATCHES: [usize; 3] = [1, 14, 1000];

/// Runs `sabotaged` with batches of each size, and expects the job to fail with `code`; no sink is finished.
async fn fails(what: &str, code: &str, sabotaged: impl Fn(&Arc<Store>) -> Job) {
    for max_records in BATCHES {
        let store = Arc::new(Store::default());
        let report = run(Job {
            batch: BatchLimits {
                max_records,
                max_bytes: 1 << 20,
            },
            ..sabotaged(&store)
        })
        .await;
        let expected = format!("failed {code}");
        let told = told(&report);
        assert!(told.ends_with(&expected), "{what}, {max_records}: {told}");
        assert_eq!(store.finished.load(Ordering::SeqCst), 0, "{what}");
        // What was saved on the way is true still.
        let saved = lock(&store.saved).clone();
        assert!(saved.is_none_or(|saved| saved.books.balance().is_ok()));
    }
}

/// The first blocks of an input, changed.
struct Tampered {
    lines: Lines,
    change: fn(&mut VecDeque<Block>),
    /// Blocks that were cut; changed once there are [`FIRST_BLOCKS`].
    cut: VecDeque<Block>,
    changed: bool,
}

const FIRST_BLOCKS: usize = 6;

impl Framer for Tampered {
    fn buffer(&mut self) -> &mut BytesMut {
        self.lines.buffer()
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        while !self.changed && self.cut.len() < FIRST_BLOCKS {
            match self.lines.next_block(at_end)? {
                Some(block) => self.cut.push_back(block),
                None => return Ok(None),
            }
        }
        if !self.changed {
            (self.change)(&mut self.cut);
            self.changed = true;
        }
        match self.cut.pop_front() {
            Some(block) => Ok(Some(block)),
            None => self.lines.next_block(at_end),
        }
    }
}

fn framed_by(store: &Arc<Store>, change: fn(&mut VecDeque<Block>)) -> Job {
    let job = job(&lines(200, &[(9, "bad")]), store, start());
    let lines = Lines {
        buffer: BytesMut::new(),
        at: job.from.books.end,
    };
    Job {
        framer: Box::new(Tampered {
            lines,
            change,
            cut: VecDeque::new(),
            changed: false,
        }),
        ..job
    }
}

#[tokio::test(start_paused = true)]
async fn a_framer_that_skips_or_repeats_a_block_completes_nothing() {
    type Change = fn(&mut VecDeque<Block>);
    let changes: [(&str, Change); 8] = [
        ("skips the first block", |blocks| {
            blocks.pop_front();
        }),
        ("skips a block", |blocks| {
            blocks.remove(2);
        }),
        ("repeats a block", |blocks| {
            blocks.insert(2, blocks[2].clone());
        }),
        ("repeats one in the place of the next", |blocks| {
            blocks[3] = blocks[2].clone();
        }),
        ("swaps two blocks", |blocks| blocks.swap(2, 3)),
        ("loses a record", |blocks| {
            blocks[2].frames.remove(3);
        }),
        (
            "loses a record, and doubles one of the next block",
            |blocks| {
                blocks[2].frames.pop();
                let frame = blocks[3].frames[0];
                blocks[3].frames.insert(0, frame);
            },
        ),
        ("gives a record twice in the place of another", |blocks| {
            blocks[2].frames[3] = blocks[2].frames[2];
        }),
    ];
    for (what, change) in changes {
        fails(what, "books", |store| framed_by(store, change)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_framer_that_ends_early_completes_nothing() {
    /// Gives nothing behind its blocks.
    struct Ending(Lines, usize);
    impl Framer for Ending {
        fn buffer(&mut self) -> &mut BytesMut {
            self.0.buffer()
        }

        fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
            if self.1 == 0 {
                return Ok(None);
            }
            let block = self.0.next_block(at_end)?;
            self.1 -= usize::from(block.is_some());
            Ok(block)
        }
    }
    for blocks in [0, 1, 5] {
        fails(&format!("ends after {blocks}"), "books", |store| {
            let job = job(&lines(100, &[]), store, start());
            let lines = Lines {
                buffer: BytesMut::new(),
                at: job.from.books.end,
            };
            Job {
                framer: Box::new(Ending(lines, blocks)),
                budget: Budget {
                    min_records: 0,
                    ..job.budget
                },
                ..job
            }
        })
        .await;
    }
}

/// A parser that gives other records than those that were framed: for each of a block, those that it says.
struct Misread(fn(usize) -> Vec<usize>);

impl Parser<String> for Misread {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut String, Problem>),
    ) -> Result<(), Fatal> {
        for index in (0..block.frames.len()).flat_map(self.0) {
            each(index, Ok(&mut format!("line {index}")));
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_parser_that_loses_or_doubles_a_record_completes_nothing() {
    type Misreading = fn(usize) -> Vec<usize>;
    let misreadings: [(&str, Misreading); 5] = [
        ("loses one", |at| if at == 3 { vec![] } else { vec![at] }),
        ("doubles one", |at| vec![at; 1 + usize::from(at == 3)]),
        ("gives one twice in the place of another", |at| {
            vec![if at == 3 { 2 } else { at }]
        }),
        ("swaps two", |at| match at {
            2 => vec![3],
            3 => vec![2],
            _ => vec![at],
        }),
        ("makes one up", |at| vec![if at == 3 { 99 } else { at }]),
    ];
    for (what, misreading) in misreadings {
        fails(what, "frame_mismatch", |store| {
            let reader = Reader {
                parser: Box::new(Misread(misreading)),
                ..text()
            };
            let rear = Rear::new(Box::new(Text)).step(Box::new(Text));
            Job {
                convert: Arc::new(Chain::new(reader, rear)),
                ..job(&lines(70, &[]), store, start())
            }
        })
        .await;
    }
}

/// A sink whose answers are changed.
struct Lying {
    store: Arc<Store>,
    lie: fn(&Batch, Written) -> Written,
}

#[async_trait]
impl Sink for Lying {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let written = self.store.write(batch).await?;
        Ok((self.lie)(batch, written))
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        self.store.finish().await
    }
}

/// The answer with its first reject at another record.
fn moved(mut written: Written, to: u64) -> Written {
    if let Some(reject) = written.rejects.first_mut() {
        reject.at.ordinal = to;
    }
    written
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_answers_for_other_records_completes_nothing() {
    type Lie = fn(&Batch, Written) -> Written;
    let lies: [(&str, Lie); 9] = [
        ("acknowledges one fewer", |_, mut written| {
            written.loaded -= u64::from(written.loaded > 0);
            written
        }),
        ("acknowledges one more", |_, mut written| {
            written.loaded += 1;
            written
        }),
        ("acknowledges everything twice", |_, mut written| {
            written.already_loaded = written.loaded;
            written
        }),
        ("drops a batch", |_, _| Written::default()),
        ("loses its rejects", |_, mut written| {
            written.rejects.clear();
            written
        }),
        ("gives a reject twice", |_, mut written| {
            if let Some(first) = written.rejects.first().cloned() {
                written.rejects.push(first);
                written.loaded -= 1;
            }
            written
        }),
        ("refuses a record of another batch", |batch, written| {
            moved(written, batch.end().ordinal)
        }),
        ("refuses one that is rejected already", |_, written| {
            moved(written, 5)
        }),
        ("refuses one that is dropped", |_, written| {
            moved(written, 6)
        }),
    ];
    let input = lines(100, &[(3, "refuse"), (5, "bad"), (6, "drop")]);
    for (what, lie) in lies {
        fails(what, "books", |store| Job {
            sink: Arc::new(Lying {
                store: store.clone(),
                lie,
            }),
            ..job(&input, store, start())
        })
        .await;
    }
}

/// A ledger that keeps other rejects than it was given.
struct Forgetful {
    store: Arc<Store>,
    keeps: fn(&Reject) -> bool,
    counts: fn(u64) -> u64,
}

#[async_trait]
impl Ledger for Forgetful {
    async fn store_rejects(&self, rejects: &[Reject]) -> Result<(), Fatal> {
        let kept: Vec<_> = rejects.iter().filter(|one| (self.keeps)(one)).collect();
        let kept: Vec<_> = kept.into_iter().cloned().collect();
        self.store.store_rejects(&kept).await
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Fatal> {
        self.store.save(checkpoint).await
    }

    async fn stored_rejects(&self) -> Result<u64, Fatal> {
        Ok((self.counts)(self.store.stored_rejects().await?))
    }
}

#[tokio::test(start_paused = true)]
async fn a_ledger_with_too_few_or_too_many_rejects_completes_nothing() {
    type Forgetting = (fn(&Reject) -> bool, fn(u64) -> u64);
    let forgettings: [(&str, Forgetting); 4] = [
        ("loses a reject", (|one| one.at.ordinal != 40, |all| all)),
        ("loses all", (|_| false, |all| all)),
        ("counts one fewer", (|_| true, |all| all - 1)),
        ("has one from somewhere else", (|_| true, |all| all + 1)),
    ];
    let input = lines(100, &[(3, "refuse"), (40, "bad")]);
    for (what, (keeps, counts)) in forgettings {
        fails(what, "books", |store| Job {
            ledger: Arc::new(Forgetful {
                store: store.clone(),
                keeps,
                counts,
            }),
            ..job(&input, store, start())
        })
        .await;
    }
}

/// A source that says that it was at its end before it was.
#[tokio::test(start_paused = true)]
async fn bytes_behind_the_last_record_complete_nothing() {
    /// Cuts the lines, and leaves out what stands behind the last line end.
    struct Whole(Lines);
    impl Framer for Whole {
        fn buffer(&mut self) -> &mut BytesMut {
            self.0.buffer()
        }

        fn next_block(&mut self, _: bool) -> Result<Option<Block>, Fatal> {
            self.0.next_block(false)
        }
    }
    let input = format!("{}rest", lines(20, &[]));
    fails("leaves the rest", "books", |store| {
        let job = job(&input, store, start());
        let lines = Lines {
            buffer: BytesMut::new(),
            at: job.from.books.end,
        };
        Job {
            source: Box::new(Bytes {
                bytes: input.clone().into_bytes(),
                at: 0,
                error: None,
            }),
            framer: Box::new(Whole(lines)),
            ..job
        }
    })
    .await;
}

/// A target that says at the end how many documents it holds.
struct Holding(Arc<Store>, u64);

#[async_trait]
impl Sink for Holding {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        self.0.write(batch).await
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        Ok(Some(Holdings {
            documents: self.1,
            digest: Digest::default(),
        }))
    }
}

/// Records of one key share a document, and a later load may have written over it: fewer are no fault.
#[tokio::test(start_paused = true)]
async fn a_target_that_holds_more_than_was_acknowledged_completes_nothing() {
    for (held, expected) in [(0, "completed"), (20, "completed"), (21, "failed books")] {
        let store = Arc::new(Store::default());
        let report = run(Job {
            sink: Arc::new(Holding(store.clone(), held)),
            ..job(&lines(20, &[]), &store, start())
        })
        .await;
        let expected = format!("20 0 0 0 of 20 {expected}");
        assert_eq!(told(&report), expected, "{held} documents");
    }
}
