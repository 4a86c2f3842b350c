//! Parts that live in memory: lines go in, a map of ordinals comes out.

use super::super::*;
use crate::{
    Bind, Block, Books, Cause, Chain, Encode, Frame, Halt, OnBreach, Outcomes, Parser, Position,
    Problem, Reader, Rear, Reject, Step, Verdict,
};
use async_trait::async_trait;
use bytes::BytesMut;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Panics where `text` names this part.
fn may_panic(part: &str, text: &str) {
    assert_ne!(text.strip_prefix("panic in "), Some(part));
}

/// Gives `bytes` in small pieces, then an end or an error.
pub struct Bytes {
    pub bytes: Vec<u8>,
    pub at: usize,
    pub error: Option<&'static str>,
}

#[async_trait]
impl Source for Bytes {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let end = (self.at + 64).min(self.bytes.len());
        into.extend_from_slice(&self.bytes[self.at..end]);
        let read = end - self.at;
        self.at = end;
        match self.error.filter(|_| read == 0) {
            Some(code) => {
                may_panic("source", code);
                Err(Fatal::new(code, "the source broke"))
            }
            None => Ok(read),
        }
    }

    fn bytes_read(&self) -> u64 {
        self.at as u64
    }
}

/// Cuts lines, at most seven to a block.
pub struct Lines {
    pub buffer: BytesMut,
    pub at: Position,
}

impl Framer for Lines {
    fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        let (start, mut frames, mut used) = (self.at, Vec::new(), 0);
        while frames.len() < 7 {
            let rest = &self.buffer[used..];
            let end = match rest.iter().position(|&byte| byte == b'\n') {
                Some(end) => end + 1,
                None if at_end && !rest.is_empty() => rest.len(),
                None => break,
            };
            may_panic("framer", String::from_utf8_lossy(&rest[..end]).trim_end());
            let (line, offset) = (self.at.line, self.at.offset);
            let (from, to) = (used as u32, (used + end) as u32);
            frames.push(Frame {
                start: from,
                end: to,
                line,
                offset,
                skipped: 0,
                kind: 0,
                carries: false,
                broken: None,
            });
            used += end;
            let ordinal = self.at.ordinal + 1;
            self.at = Position {
                ordinal,
                line: line + 1,
                offset: offset + end as u64,
            };
        }
        if frames.is_empty() {
            return Ok(None);
        }
        let bytes = self.buffer.split_to(used).freeze();
        Ok(Some(Block {
            bytes,
            frames,
            start,
            end: self.at,
            trailing_skipped: 0,
            restarts: Vec::new(),
            groups: Vec::new(),
            context: Default::default(),
            carried: None,
        }))
    }
}

/// Lines as text: the load does not go on to `hold…` and `fail…`, `bad…` is refused, `drop…` dropped, `…odd` warned of, `panic in …` panics in that part; `lose` loses the record.
pub struct Text;

impl Parser<String> for Text {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut String, Problem>),
    ) -> Result<(), Fatal> {
        for index in 0..block.frames.len() {
            let mut text = String::from_utf8_lossy(block.text(index)).into_owned();
            may_panic("parser", &text);
            if text != "lose" {
                each(index, Ok(&mut text));
            }
        }
        Ok(())
    }
}

impl Bind<String, String> for Text {
    fn bind(&self, row: &mut String, record: &mut String) -> Verdict {
        may_panic("bind", row);
        std::mem::swap(row, record);
        let halt = |fails| {
            let cause = Cause::UnknownColumns(vec![record.clone()]);
            let message = "it is not known".to_owned();
            let breach = Breach { cause, message };
            Verdict::Halt(Box::new(Halt { breach, fails }))
        };
        match record.as_str() {
            text if text.starts_with("hold") => halt(None),
            text if text.starts_with("fail") => halt(Some("accept it")),
            _ => Verdict::Keep,
        }
    }
}

impl Step<String> for Text {
    fn apply(&self, record: &mut String) -> Verdict {
        may_panic("step", record);
        match record.as_str() {
            text if text.starts_with("bad") => {
                Verdict::Reject(vec![Problem::of_record("bad", text)])
            }
            text if text.starts_with("drop") => Verdict::Drop("dropped".into()),
            text if text.ends_with("odd") => Verdict::Warn("odd".into()),
            _ => Verdict::Keep,
        }
    }
}

impl Encode<String> for Text {
    fn encode(
        &self,
        _at: Position,
        _part: u32,
        record: &String,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        may_panic("encoder", record);
        out.extend_from_slice(record.as_bytes());
        Ok(())
    }
}

/// A target and a ledger in memory. `refuse…` is refused by the target; after `fail_after` writes it fails.
#[derive(Default)]
pub struct Store {
    pub records: Mutex<BTreeMap<u64, String>>,
    pub rejects: Mutex<BTreeMap<u64, Reject>>,
    pub saved: Mutex<Option<Checkpoint>>,
    pub finished: AtomicUsize,
    pub writing: AtomicUsize,
    pub most_writing: AtomicUsize,
    pub writes: AtomicUsize,
    /// The most records, and the most bytes of input, of one batch.
    pub largest_batch: (AtomicUsize, AtomicUsize),
    pub fail_after: Option<usize>,
    /// After so many checkpoints somebody else has the job.
    pub lose_after: Option<usize>,
    pub saves: AtomicUsize,
    /// How long a write takes at least, in milliseconds.
    pub write_ms: u64,
    pub cancel_after: Option<(usize, CancellationToken)>,
    /// `panic in` one of its methods; else none.
    pub panics: &'static str,
}

#[async_trait]
impl Sink for Store {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        may_panic("write", self.panics);
        let bytes = batch.end().offset - batch.start().offset;
        let (most_records, most_bytes) = &self.largest_batch;
        most_records.fetch_max(batch.records() as usize, Ordering::SeqCst);
        most_bytes.fetch_max(bytes as usize, Ordering::SeqCst);
        let writing = self.writing.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_writing.fetch_max(writing, Ordering::SeqCst);
        // Later batches overtake earlier ones.
        let late_ms = 1 + batch.start().ordinal * 7 % 5;
        tokio::time::sleep(Duration::from_millis(self.write_ms + late_ms)).await;
        self.writing.fetch_sub(1, Ordering::SeqCst);
        let writes = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        if self.fail_after.is_some_and(|most| writes > most) {
            return Err(Fatal::transient("target_gone", "the target broke"));
        }
        if let Some((_, cancel)) = self
            .cancel_after
            .as_ref()
            .filter(|(most, _)| writes >= *most)
        {
            cancel.cancel();
        }
        let mut outcomes = Outcomes::default();
        for operation in batch.operations() {
            let text = String::from_utf8_lossy(operation.bytes()).into_owned();
            if text.starts_with("refuse") {
                outcomes.refused(operation, Problem::of_record("refused", text));
            } else if lock(&self.records)
                .insert(operation.position().ordinal, text)
                .is_some()
            {
                outcomes.already_loaded(operation);
            } else {
                outcomes.loaded(operation);
            }
        }
        Ok(outcomes.written())
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        may_panic("finish", self.panics);
        self.finished.fetch_add(1, Ordering::SeqCst);
        Ok(None)
    }
}

#[async_trait]
impl Ledger for Store {
    async fn store_rejects(&self, rejects: &[Reject]) -> Result<(), Fatal> {
        may_panic("store_rejects", self.panics);
        lock(&self.rejects).extend(
            rejects
                .iter()
                .map(|reject| (reject.at.ordinal, reject.clone())),
        );
        Ok(())
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Fatal> {
        may_panic("save", self.panics);
        let saves = self.saves.fetch_add(1, Ordering::SeqCst) + 1;
        if self.lose_after.is_some_and(|most| saves > most) {
            return Err(Fatal::new("lease_lost", "somebody else has the job"));
        }
        *lock(&self.saved) = Some(checkpoint.clone());
        Ok(())
    }

    async fn stored_rejects(&self) -> Result<u64, Fatal> {
        may_panic("stored_rejects", self.panics);
        Ok(lock(&self.rejects).len() as u64)
    }
}

pub fn start() -> Checkpoint {
    let books = Books::open(Position::START, 0);
    Checkpoint {
        books,
        counted_from: Tally::default(),
        mark: None,
        head: String::new(),
        carried: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        bytes_read: 0,
        busy: None,
    }
}

/// Reads lines as texts.
pub fn text() -> Reader<String, String> {
    Reader {
        parser: Box::new(Text),
        bind: Box::new(Text),
    }
}

pub fn job(input: &str, store: &Arc<Store>, from: Checkpoint) -> Job {
    let at = from.books.end;
    let rear = Rear::new(Box::new(Text)).step(Box::new(Text));
    let bytes = input.as_bytes().to_vec();
    Job {
        source: Box::new(Bytes {
            bytes,
            at: at.offset as usize,
            error: None,
        }),
        source_at: at.offset,
        framer: Box::new(Lines {
            buffer: BytesMut::new(),
            at,
        }),
        convert: Arc::new(Chain::new(text(), rear)),
        sink: store.clone(),
        ledger: store.clone(),
        from,
        accepted: Accepted::default(),
        controls: Vec::new(),
        unique: None,
        budget: Budget {
            on_breach: OnBreach::Continue,
            ..Budget::default()
        },
        batch: BatchLimits {
            max_records: 10,
            max_bytes: 1024,
        },
        rate: Rate::default(),
        max_in_flight: 4,
        writes: None,
        max_parsers: 4,
        cancel: CancellationToken::new(),
        progress: watch::Sender::new(Progress::default()),
    }
}

pub fn lines(count: usize, special: &[(usize, &str)]) -> String {
    let special: BTreeMap<_, _> = special.iter().copied().collect();
    let line = |index| {
        special
            .get(&index)
            .map_or(format!("line {index}"), |text| (*text).to_owned())
    };
    (0..count).map(|index| line(index) + "\n").collect()
}

/// `loaded already rejected dropped read` and how it ended.
pub fn told(report: &Report) -> String {
    let c = &report.checkpoint.books.counters;
    let end = match &report.end {
        End::Completed(_) => "completed".to_owned(),
        End::Held(breach) => format!("held {}", breach.cause.code()),
        End::Interrupted => "interrupted".to_owned(),
        End::Failed(fatal) => format!("failed {}", fatal.code),
    };
    format!(
        "{} {} {} {} of {} {end}",
        c.loaded,
        c.already_loaded,
        c.rejected,
        c.dropped_total(),
        c.read
    )
}
