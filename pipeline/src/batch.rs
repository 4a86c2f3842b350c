//! What a block becomes, and the batches that a sink writes.
//!
//! A [`Converted`] holds the outcome of every record of one block; a [`Batch`] joins as many of them as
//! its limits allow. Nothing is copied on the way: the encoded bytes stay where the encoder put them.

use crate::chain::rejected_with;
use crate::unique::{Keyed, UniqueKey};
use crate::{Amount, Block, Carried, Cover, Fatal, Halt, Position, Problem, Reject};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The name of the drop that stands for a record to which the load does not go on; nobody sees it.
const HALTED: &str = "halted";

/// Where a load must not go on.
#[derive(Clone, Debug)]
pub(crate) struct Halted {
    /// The ordinal of the first record that is not loaded.
    pub(crate) from: u64,
    /// That of the record that is at fault: another one where the two are of one group.
    pub(crate) record: u64,
    pub(crate) halt: Box<Halt>,
}

/// The limits of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// The most records of one batch, whatever becomes of them.
    pub max_records: usize,
    /// The size of the encoded operations at which a batch is closed, in bytes; also that of the input and the
    /// rejects that it keeps.
    pub max_bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            max_records: 1000,
            max_bytes: 4 * 1024 * 1024,
        }
    }
}

/// Where an operation ends in the bytes, and what it came from.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// One past its last byte.
    end: usize,
    /// Its first record's index in the block.
    record: u32,
    /// The number of the part that it is of its record, from 1; 0: all of it.
    part: u32,
}

/// The outcome of every record of one block: an operation, a reject or a named drop. A record has one operation, or
/// several that are its parts, or shares one with the records of its group.
#[derive(Clone, Debug)]
pub struct Converted {
    /// Where the records begin.
    pub start: Position,
    /// Where the next records begin.
    pub end: Position,
    /// Lines between the two that are no records.
    pub skipped: u64,
    /// Records that were refused, in order.
    pub rejects: Vec<Reject>,
    /// Records that were left out: ordinal and name, in order.
    pub drops: Vec<(u64, Arc<str>)>,
    /// What records that are to be written are warned of: ordinal and name, in order. At most one of each step for
    /// each record.
    pub warnings: Vec<(u64, Arc<str>)>,
    /// What is carried to its first record.
    pub carried: Vec<Carried>,
    /// What is carried to the records behind it.
    pub carried_on: Vec<Carried>,
    /// The totals that its records add to, where the job has controls ([`crate::Measure::terms`]).
    pub terms: Option<Arc<[Arc<str>]>>,
    /// What they add, in order: those that are to be written, and those that a kind drops.
    pub amounts: Vec<Amount>,
    /// The encoded operations, one behind the other.
    bytes: Vec<u8>,
    operations: Vec<Entry>,
    /// For each operation the number of records, from its first one on, that it stands for, those among them that were
    /// dropped included. Empty: one each.
    spans: Vec<u32>,
    /// Records that have operations.
    written: usize,
    /// Keys of the records that are to be written, where values must be unique; taken by the join.
    keyed: Keyed,
    /// Where the load must not go on, and why. Taken by the join, which cuts there.
    halt: Option<Halted>,
    /// What rejects must not say.
    cover: Option<Arc<dyn Cover>>,
    /// The place of each record of the input, by its ordinal, in the input that it came from first; none where it is this
    /// one.
    places: Option<Arc<[Position]>>,
    /// The block itself, for the position and the raw bytes of an operation that the target refuses.
    block: Option<Block>,
}

impl Converted {
    /// An empty outcome for `block`.
    pub(crate) fn of(
        block: &Block,
        cover: Option<Arc<dyn Cover>>,
        places: Option<Arc<[Position]>>,
    ) -> Self {
        Self {
            start: block.start,
            end: block.end,
            skipped: block.skipped(),
            rejects: Vec::new(),
            drops: Vec::new(),
            warnings: Vec::new(),
            carried: block.carried.clone().unwrap_or_default(),
            carried_on: Vec::new(),
            terms: None,
            amounts: Vec::new(),
            bytes: Vec::with_capacity(block.bytes.len() * 2),
            operations: Vec::with_capacity(block.frames.len()),
            spans: Vec::new(),
            written: 0,
            keyed: Keyed::default(),
            halt: None,
            cover,
            places,
            block: None,
        }
    }

    /// The reject of record `index`, covered.
    fn refused(&self, block: &Block, index: usize, problems: Vec<Problem>) -> Reject {
        let mut reject = block.reject(index, problems);
        if let Some(cover) = &self.cover {
            cover.hide(&mut reject);
        }
        reject
    }

    /// Rejects the broken frames of `block` from index `from` up to `to`, which the parser never sees.
    pub(crate) fn broken_between(&mut self, block: &Block, from: usize, to: usize) {
        for index in from..to {
            if let Some(code) = block.frames[index].broken {
                let problem = Problem::of_record(code, broken_message(code));
                let reject = self.refused(block, index, vec![problem]);
                self.rejects.push(reject);
            }
        }
    }

    /// Adds what `encode` writes, or the reject of a record that it cannot; says whether it was written.
    pub(crate) fn operation(
        &mut self,
        block: &Block,
        index: usize,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), Problem>,
    ) -> bool {
        let before = self.bytes.len();
        match encode(&mut self.bytes) {
            Ok(()) => {
                self.operations.push(Entry {
                    end: self.bytes.len(),
                    record: index as u32,
                    part: 0,
                });
                self.written += 1;
                true
            }
            Err(problem) => {
                self.bytes.truncate(before);
                let reject = self.refused(block, index, vec![problem]);
                self.rejects.push(reject);
                false
            }
        }
    }

    /// Where the operations end so far: their number, and that of their bytes.
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.operations.len(), self.bytes.len())
    }

    /// Bytes of the operations behind a mark.
    pub(crate) fn bytes_since(&self, (_, bytes): (usize, usize)) -> usize {
        self.bytes.len() - bytes
    }

    /// Forgets the operations behind a mark, parts of a record that is not whole.
    pub(crate) fn take_back(&mut self, (operations, bytes): (usize, usize)) {
        self.operations.truncate(operations);
        self.bytes.truncate(bytes);
    }

    /// Adds what `encode` writes for part `part` of record `index`; the record counts once [`Self::whole`] is said.
    pub(crate) fn part(
        &mut self,
        index: usize,
        part: u32,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        encode(&mut self.bytes)?;
        self.operations.push(Entry {
            end: self.bytes.len(),
            record: index as u32,
            part,
        });
        Ok(())
    }

    /// All parts of the last record are written.
    pub(crate) fn whole(&mut self) {
        self.written += 1;
    }

    /// Adds what `encode` writes for `kept` of the `span` records from `index` on.
    pub(crate) fn joined(
        &mut self,
        (index, span, kept): (usize, usize, usize),
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let before = self.bytes.len();
        if let Err(problem) = encode(&mut self.bytes) {
            self.bytes.truncate(before);
            return Err(problem);
        }
        self.operations.push(Entry {
            end: self.bytes.len(),
            record: index as u32,
            part: 0,
        });
        self.spans.push(span as u32);
        self.written += kept;
        Ok(())
    }

    pub(crate) fn dropped(&mut self, block: &Block, index: usize, name: Arc<str>) {
        self.drops.push((block.position(index).ordinal, name));
    }

    pub(crate) fn warned(&mut self, block: &Block, index: usize, names: &mut Vec<Arc<str>>) {
        if !names.is_empty() {
            let ordinal = block.position(index).ordinal;
            let each = names.drain(..).map(|name| (ordinal, name));
            self.warnings.extend(each);
        }
    }

    /// Notes that the load must not go on to record `index`, nor to those from index `from` on, which have their outcome
    /// together with it. Until the join has cut there it counts as a drop, so that it has an outcome.
    pub(crate) fn halted(&mut self, block: &Block, from: usize, index: usize, halt: Box<Halt>) {
        let record = block.position(index).ordinal;
        self.drops.push((record, HALTED.into()));
        let from = block.position(from).ordinal;
        self.halt.get_or_insert(Halted { from, record, halt });
    }

    /// Where the load ends within the block; forgets all from there on. All of it remains where that is its first record.
    pub(crate) fn cut_at_halt(&mut self) -> Option<Halted> {
        let halted = self.halt.take()?;
        if halted.from > self.start.ordinal {
            self.truncate_after(halted.from - 1);
        }
        Some(halted)
    }

    /// Keeps the keys of record `index`, which is to be written.
    pub(crate) fn keyed(&mut self, index: usize, keys: &mut Vec<Option<UniqueKey>>) {
        self.keyed.push(index, keys);
    }

    pub(crate) fn take_keyed(&mut self) -> Keyed {
        std::mem::take(&mut self.keyed)
    }

    /// One past the last record of the group that record `index` is of, or behind it where there are no groups.
    pub(crate) fn group_end(&self, index: usize) -> usize {
        match &self.block {
            Some(block) if !self.spans.is_empty() => block.group_end(index),
            _ => index + 1,
        }
    }

    /// Makes rejects of records that were to be written: their indexes in the block, in order, each with what is wrong.
    /// Where they share an operation with others, these are rejected too.
    pub(crate) fn refuse(&mut self, refused: Vec<(u32, Vec<Problem>)>) {
        let Some(block) = self.block.clone() else {
            return;
        };
        let mut rejects: BTreeMap<u64, Vec<Problem>> = BTreeMap::new();
        for (index, problems) in refused {
            let problem = rejected_with(block.position(index as usize).ordinal);
            let shared = self
                .operations
                .iter()
                .zip(0..)
                .filter(|(one, _)| one.record <= index);
            if let Some((_, shared)) = shared.last().filter(|_| !self.spans.is_empty()) {
                let of_group = Operation {
                    of: self,
                    index: shared,
                };
                for ordinal in of_group.ordinals() {
                    rejects
                        .entry(ordinal)
                        .or_insert_with(|| vec![problem.clone()]);
                }
            }
            rejects.insert(self.start.ordinal + u64::from(index), problems);
        }
        let start = self.start.ordinal;
        let is_refused = |ordinal: u64| rejects.contains_key(&ordinal);
        let (mut from, mut bytes) = (0, Vec::with_capacity(self.bytes.len()));
        let (mut operations, mut spans) = (Vec::with_capacity(self.operations.len()), Vec::new());
        for index in 0..self.operations.len() {
            let Entry { end, record, part } = self.operations[index];
            let of_it = from..end;
            from = end;
            // Of a group the first record may be a drop: any of its records tells.
            let first = Operation { of: self, index }.ordinals().next();
            if is_refused(first.unwrap_or(start + u64::from(record))) {
                continue;
            }
            bytes.extend_from_slice(&self.bytes[of_it]);
            let end = bytes.len();
            operations.push(Entry { end, record, part });
            spans.extend(self.spans.get(index));
        }
        (self.operations, self.spans, self.bytes) = (operations, spans, bytes);
        self.warnings.retain(|&(warned, _)| !is_refused(warned));
        self.amounts.retain(|amount| !is_refused(amount.ordinal));
        self.written -= rejects.len();
        for (ordinal, problems) in rejects {
            let reject = self.refused(&block, (ordinal - start) as usize, problems);
            self.rejects.push(reject);
        }
        self.rejects.sort_by_key(|reject| reject.at.ordinal);
    }

    pub(crate) fn reject(&mut self, block: &Block, index: usize, problems: Vec<Problem>) {
        let reject = self.refused(block, index, problems);
        self.rejects.push(reject);
    }

    /// Takes the block in, and checks that every record of it has exactly one outcome.
    pub(crate) fn close(mut self, block: Block) -> Result<Self, Fatal> {
        let outcomes = self.written + self.rejects.len() + self.drops.len();
        if outcomes != block.frames.len() {
            return Err(Fatal::new(
                "frame_mismatch",
                format!(
                    "{} records were framed from line {} on, {outcomes} came out of the parser",
                    block.frames.len(),
                    block.start.line
                ),
            ));
        }
        self.carried_on = block.carried_to(block.frames.len());
        self.block = Some(block);
        Ok(self)
    }

    /// Number of records, whatever became of them.
    pub fn records(&self) -> u64 {
        self.end.ordinal - self.start.ordinal
    }

    /// The operations in order.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = Operation<'_>> {
        (0..self.operations.len()).map(|index| Operation { of: self, index })
    }

    /// All operations as the encoder wrote them, one behind the other.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What stays in memory beside the operations, in bytes: the block, and the rejects.
    pub(crate) fn kept_bytes(&self) -> usize {
        let block = self.block.as_ref().map_or(0, |block| block.bytes.len());
        block + self.rejects.iter().map(Reject::bytes).sum::<usize>()
    }

    /// Number of operations.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Forgets everything behind the record with this ordinal, so that the outcome ends right after it, or after the last
    /// record of its group.
    pub(crate) fn truncate_after(&mut self, ordinal: u64) {
        let Some(block) = &self.block else { return };
        let index = (ordinal - self.start.ordinal) as usize;
        let index = block.group_end(index) - 1;
        let ordinal = self.start.ordinal + index as u64;
        if index + 1 >= block.frames.len() {
            return;
        }
        let kept = self
            .operations
            .partition_point(|one| one.record as usize <= index);
        self.operations.truncate(kept);
        self.spans.truncate(kept);
        self.bytes
            .truncate(self.operations.last().map_or(0, |last| last.end));
        self.rejects.retain(|reject| reject.at.ordinal <= ordinal);
        self.drops.retain(|&(dropped, _)| dropped <= ordinal);
        self.warnings.retain(|&(warned, _)| warned <= ordinal);
        self.amounts.retain(|amount| amount.ordinal <= ordinal);
        self.carried_on = block.carried_to(index + 1);
        self.skipped = block.skipped_before(index + 2);
        self.end = block.restart(index + 1);
    }
}

/// One encoded operation and what it came from: a record, a part of one, or several that share it.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    of: &'a Converted,
    index: usize,
}

impl<'a> Operation<'a> {
    /// The bytes that the encoder wrote.
    pub fn bytes(&self) -> &'a [u8] {
        let start = if self.index == 0 {
            0
        } else {
            self.of.operations[self.index - 1].end
        };
        &self.of.bytes[start..self.of.operations[self.index].end]
    }

    /// The position of its record, or of the first one that it stands for.
    pub fn position(&self) -> Position {
        let record = self.of.operations[self.index].record as usize;
        match &self.of.block {
            Some(block) => block.position(record),
            None => self.of.start,
        }
    }

    /// The ordinal by which the target knows the record: that in the input from which it came first.
    pub fn known_as(&self) -> u64 {
        let ordinal = self.position().ordinal;
        let places = self.of.places.as_deref();
        let place = places.and_then(|places| places.get(ordinal as usize));
        place.map_or(ordinal, |place| place.ordinal)
    }

    /// The number of the part that it is of its record, from 1; 0: all of it.
    pub fn part(&self) -> u32 {
        self.of.operations[self.index].part
    }

    /// How many records it stands for; where it is a part, its record counts in full.
    pub fn records(&self) -> u64 {
        match self.of.spans.get(self.index) {
            None => 1,
            Some(_) => self.ordinals().count() as u64,
        }
    }

    /// The ordinals of the records that it stands for, in order: of its group, those that were not dropped.
    pub fn ordinals(&self) -> impl Iterator<Item = u64> + use<'a> {
        let span = self.of.spans.get(self.index).copied();
        let first = self.position().ordinal;
        let drops = match span {
            None => &[],
            Some(_) => &self.of.drops[..],
        };
        let from = drops.partition_point(|&(dropped, _)| dropped < first);
        let mut drops = drops[from..].iter().map(|&(dropped, _)| dropped).peekable();
        let all = first..first + u64::from(span.unwrap_or(1));
        all.filter(move |ordinal| drops.next_if_eq(ordinal).is_none())
    }

    /// A reject of each of its records, for a target that refuses it.
    pub fn rejects(&self, problem: Problem) -> impl Iterator<Item = Reject> + use<'a> {
        let of = self.of;
        self.ordinals().map(move |ordinal| {
            let problems = vec![problem.clone()];
            match &of.block {
                Some(block) => of.refused(block, (ordinal - of.start.ordinal) as usize, problems),
                None => Reject::new(of.start, problems, &[]),
            }
        })
    }
}

/// Converted blocks that are written together, in the order of the input.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The outcomes in order; never empty, and without a gap between them.
    pub parts: Vec<Converted>,
}

impl Batch {
    /// Where the batch begins.
    pub fn start(&self) -> Position {
        self.parts
            .first()
            .map_or(Position::START, |part| part.start)
    }

    /// Where the next batch begins.
    pub fn end(&self) -> Position {
        self.parts.last().map_or(Position::START, |part| part.end)
    }

    /// Number of records, whatever became of them.
    pub fn records(&self) -> u64 {
        self.end().ordinal - self.start().ordinal
    }

    /// The operations in order.
    pub fn operations(&self) -> impl Iterator<Item = Operation<'_>> {
        self.parts.iter().flat_map(Converted::operations)
    }

    /// Number of operations.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Converted::len).sum()
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size of the encoded operations, in bytes.
    pub fn bytes_len(&self) -> usize {
        self.parts.iter().map(|part| part.bytes.len()).sum()
    }
}

fn broken_message(code: &str) -> &'static str {
    match code {
        "record_too_large" => "the record is longer than max_record_bytes",
        "group_too_large" => {
            "the records with its key, one behind the other, are more than a group may have"
        }
        "unclosed_quote" => {
            "a quote opens in this record and does not close before the end of the file or within max_record_bytes"
        }
        "unknown_record" => "none of the kinds in [records] takes this record",
        _ => "the record could not be framed",
    }
}
