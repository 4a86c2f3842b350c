//! Running a chain over a block: one record after the other, into operations, rejects and drops.
//!
//! A record is one operation, or explodes into parts that share its outcome, or shares one with its group. What is not
//! whole leaves no trace: parts before a bad one are taken back, a group with a bad record is refused.

use super::{Chain, Explode, Join, Rear, Shape, Verdict};
use crate::unique::UniqueKey;
use crate::{Block, Convert, Converted, Fatal, Halt, Problem};
use std::sync::Arc;

/// The size of all documents that one record explodes into, in bytes, at most.
pub const MAX_PARTS_BYTES: usize = 8 * 1024 * 1024;

impl<W, R: Default> Convert for Chain<W, R> {
    fn convert(&self, block: Block) -> Result<Converted, Fatal> {
        if matches!(self.rear.shape, Shape::Joined(_))
            && block.groups.is_empty()
            && !block.frames.is_empty()
        {
            let message = "records are to be joined, and the framer has not grouped them";
            return Err(Fatal::new("frame_mismatch", message));
        }
        let mut out = Converted::of(&block, self.cover.clone(), self.places.clone());
        let mut record = R::default();
        let (mut warnings, mut keys) = (Vec::new(), Vec::new());
        let mut group = Group::default();
        let mut next = 0;
        let mut strayed = false;
        self.parser.parse(&block, &mut |index, row| {
            // A record that comes twice would make up for one that does not come at all.
            let frame = block.frames.get(index);
            if index < next || frame.is_none_or(|frame| frame.broken.is_some()) {
                strayed = true;
                return;
            }
            if let Shape::Joined(join) = &self.rear.shape {
                self.rear
                    .close_groups(&mut group, &**join, &block, index, &mut out);
                next = index + 1;
                let record = group.room();
                let verdict = match row {
                    Ok(row) => self.judge(row, record, &mut warnings, &mut keys),
                    Err(problem) => Verdict::Reject(vec![problem]),
                };
                group.add(index, verdict, &mut warnings, &mut keys);
                return;
            }
            out.broken_between(&block, next, index);
            next = index + 1;
            let verdict = match row {
                Ok(row) => self.judge(row, &mut record, &mut warnings, &mut keys),
                Err(problem) => Verdict::Reject(vec![problem]),
            };
            match verdict {
                Verdict::Keep | Verdict::Warn(_) => {
                    if let Shape::Exploded(before, explode) = &self.rear.shape {
                        let parts = Parts {
                            block: &block,
                            index,
                            behind: *before,
                            explode: &**explode,
                        };
                        let written =
                            self.rear
                                .write_parts(&parts, &mut record, &mut warnings, &mut out);
                        if written {
                            out.keyed(index, &mut keys);
                        }
                        return;
                    }
                    let is_written = out.operation(&block, index, |bytes| {
                        self.rear
                            .encode
                            .encode(block.position(index), 0, &record, bytes)
                    });
                    if is_written {
                        out.warned(&block, index, &mut warnings);
                        out.keyed(index, &mut keys);
                    }
                }
                Verdict::Drop(name) => out.dropped(&block, index, name),
                Verdict::Reject(problems) => out.reject(&block, index, problems),
                Verdict::Halt(halt) => out.halted(&block, index, index, halt),
            }
        })?;
        if strayed {
            return Err(Fatal::new(
                "frame_mismatch",
                format!(
                    "the parser gave a record twice, or one that was not framed, from line {} on",
                    block.start.line
                ),
            ));
        }
        match &self.rear.shape {
            Shape::Joined(join) => {
                self.rear
                    .close_groups(&mut group, &**join, &block, block.frames.len(), &mut out);
            }
            Shape::Each | Shape::Exploded(..) => {
                out.broken_between(&block, next, block.frames.len());
            }
        }
        out.close(block)
    }
}

/// A record that is to be exploded.
pub(super) struct Parts<'a, R> {
    pub block: &'a Block,
    pub index: usize,
    /// Steps that saw the record; the others see its parts.
    pub behind: usize,
    pub explode: &'a dyn Explode<R>,
}

impl<W, R: Default> Chain<W, R> {
    /// Bind and steps for one row, as far as they see whole records; the record is in `record` when the verdict is to keep
    /// it. What steps warn of is in `warnings` then, and what it must be unique by in `keys`.
    fn judge(
        &self,
        row: &mut W,
        record: &mut R,
        warnings: &mut Vec<Arc<str>>,
        keys: &mut Vec<Option<UniqueKey>>,
    ) -> Verdict {
        warnings.clear();
        match self.bind.bind(row, record) {
            Verdict::Keep => {}
            Verdict::Warn(name) => warnings.push(name),
            verdict => return verdict,
        }
        self.rear.judge(record, warnings, keys)
    }
}

impl<R: Default> Rear<R> {
    /// The steps that see whole records, and what the record must be unique by as it was bound.
    pub(super) fn judge(
        &self,
        record: &mut R,
        warnings: &mut Vec<Arc<str>>,
        keys: &mut Vec<Option<UniqueKey>>,
    ) -> Verdict {
        if let Some(unique) = &self.unique {
            keys.clear();
            unique.keys(record, keys);
        }
        let steps = match &self.shape {
            Shape::Exploded(before, _) => 0..*before,
            Shape::Each | Shape::Joined(_) => 0..self.steps.len(),
        };
        self.steps(steps, record, warnings)
    }

    fn steps(
        &self,
        steps: std::ops::Range<usize>,
        record: &mut R,
        warnings: &mut Vec<Arc<str>>,
    ) -> Verdict {
        for step in &self.steps[steps] {
            match step.apply(record) {
                Verdict::Keep => {}
                Verdict::Warn(name) => warnings.push(name),
                verdict => return verdict,
            }
        }
        Verdict::Keep
    }

    /// Writes the parts of a record, all of them or none. Those that a step drops are left out; where others remain, the
    /// record is counted among the warnings under the drop's name, so that nothing is left out silently. Says whether the
    /// record is to be written.
    pub(super) fn write_parts(
        &self,
        parts: &Parts<'_, R>,
        record: &mut R,
        warnings: &mut Vec<Arc<str>>,
        out: &mut Converted,
    ) -> bool {
        let Parts {
            block,
            index,
            behind,
            explode,
        } = *parts;
        let before = out.mark();
        let mut left_out = None;
        let mut bad = None;
        let mut halted = None;
        let mut written = false;
        let verdict = explode.parts(record, &mut |part, record| {
            let problems = match self.steps(behind..self.steps.len(), record, warnings) {
                Verdict::Keep | Verdict::Warn(_) => {
                    written = true;
                    let number = part.max(1);
                    let encoded = out.part(index, number, |bytes| {
                        self.encode
                            .encode(block.position(index), number, record, bytes)
                    });
                    let is_too_large = out.bytes_since(before) > MAX_PARTS_BYTES;
                    match encoded {
                        Ok(()) if is_too_large => vec![too_large()],
                        Ok(()) => return true,
                        Err(problem) => vec![problem],
                    }
                }
                Verdict::Drop(name) => {
                    left_out.get_or_insert_with(|| name.clone());
                    warnings.push(name);
                    return true;
                }
                Verdict::Reject(problems) => problems,
                Verdict::Halt(halt) => {
                    halted = Some(Verdict::Halt(halt));
                    return false;
                }
            };
            bad = Some((part, problems));
            false
        });
        let verdict = halted.unwrap_or(verdict);
        let verdict = match (bad, verdict) {
            (Some((part, mut problems)), _) => {
                problems
                    .iter_mut()
                    .for_each(|problem| explode.of_part(part, problem));
                Verdict::Reject(problems)
            }
            (None, Verdict::Keep | Verdict::Warn(_)) => match left_out {
                Some(name) if !written => Verdict::Drop(name),
                _ => Verdict::Keep,
            },
            (None, verdict) => verdict,
        };
        match verdict {
            Verdict::Keep | Verdict::Warn(_) => {
                out.whole();
                // At most one of each step for each record.
                warnings.sort();
                warnings.dedup();
                out.warned(block, index, warnings);
                true
            }
            Verdict::Drop(name) => {
                out.take_back(before);
                out.dropped(block, index, name);
                false
            }
            Verdict::Reject(problems) => {
                out.take_back(before);
                out.reject(block, index, problems);
                false
            }
            Verdict::Halt(halt) => {
                out.take_back(before);
                out.halted(block, index, index, halt);
                false
            }
        }
    }

    /// Decides about all groups that end at or before record `to`.
    pub(super) fn close_groups(
        &self,
        group: &mut Group<R>,
        join: &dyn Join<R>,
        block: &Block,
        to: usize,
        out: &mut Converted,
    ) {
        while group.start < block.frames.len() {
            let end = block.group_end(group.start);
            if end > to {
                return;
            }
            self.close_group(group, join, block, end, out);
            group.start = end;
            group.fates.clear();
            group.kept = 0;
        }
    }

    /// Decides about the records from the group's start to `end`.
    fn close_group(
        &self,
        group: &mut Group<R>,
        join: &dyn Join<R>,
        block: &Block,
        end: usize,
        out: &mut Converted,
    ) {
        let start = group.start;
        let rejected = group.fates.iter().find_map(|(index, fate)| match fate {
            Fate::Rejected(_) | Fate::Halted(_) => Some(*index),
            Fate::Kept(..) | Fate::Dropped(_) => None,
        });
        let broken = (start..end).find(|&index| block.frames[index].broken.is_some());
        let problem = match rejected.into_iter().chain(broken).min() {
            Some(bad) => Some(rejected_with(block.position(bad).ordinal)),
            None if group.kept == 0 => None,
            None => {
                let Group {
                    records,
                    kept,
                    whole,
                    ..
                } = group;
                let span = (start, end - start, *kept);
                let joined = join.join(&records[..*kept], whole);
                let written = joined.and_then(|()| {
                    out.joined(span, |bytes| {
                        self.encode.encode(block.position(start), 0, whole, bytes)
                    })
                });
                written.err()
            }
        };
        let mut fates = group.fates.drain(..).peekable();
        for index in start..end {
            out.broken_between(block, index, index + 1);
            let Some((_, fate)) = fates.next_if(|(of, _)| *of == index) else {
                continue;
            };
            match (fate, &problem) {
                (Fate::Dropped(name), _) => out.dropped(block, index, name),
                (Fate::Rejected(problems), _) => out.reject(block, index, problems),
                (Fate::Halted(halt), _) => out.halted(block, start, index, halt),
                (Fate::Kept(..), Some(problem)) => out.reject(block, index, vec![problem.clone()]),
                (Fate::Kept(mut warnings, mut keys), None) => {
                    out.warned(block, index, &mut warnings);
                    out.keyed(index, &mut keys);
                }
            }
        }
    }
}

/// The records of the group that is open.
pub(super) struct Group<R> {
    /// Its first record's index in the block.
    start: usize,
    /// What became of each record that the parser gave, with its index.
    fates: Vec<(usize, Fate)>,
    /// The kept ones are the first `kept` of these; the others are room.
    records: Vec<R>,
    kept: usize,
    whole: R,
}

enum Fate {
    /// With the names of its warnings, and its keys.
    Kept(Vec<Arc<str>>, Vec<Option<UniqueKey>>),
    Dropped(Arc<str>),
    Rejected(Vec<Problem>),
    Halted(Box<Halt>),
}

impl<R: Default> Default for Group<R> {
    fn default() -> Self {
        Self {
            start: 0,
            fates: Vec::new(),
            records: Vec::new(),
            kept: 0,
            whole: R::default(),
        }
    }
}

impl<R: Default> Group<R> {
    /// Room for the next record.
    pub fn room(&mut self) -> &mut R {
        if self.records.len() == self.kept {
            self.records.push(R::default());
        }
        &mut self.records[self.kept]
    }

    /// Adds the record that stands in the room.
    pub fn add(
        &mut self,
        index: usize,
        verdict: Verdict,
        warnings: &mut Vec<Arc<str>>,
        keys: &mut Vec<Option<UniqueKey>>,
    ) {
        let fate = match verdict {
            Verdict::Keep | Verdict::Warn(_) => {
                self.kept += 1;
                Fate::Kept(std::mem::take(warnings), std::mem::take(keys))
            }
            Verdict::Drop(name) => Fate::Dropped(name),
            Verdict::Reject(problems) => Fate::Rejected(problems),
            Verdict::Halt(halt) => Fate::Halted(halt),
        };
        self.fates.push((index, fate));
    }
}

/// What is wrong with a good record in a group in which record `ordinal` is refused.
pub fn rejected_with(ordinal: u64) -> Problem {
    let message = format!("record {}, of the same group, is rejected", ordinal + 1);
    Problem::of_record("group_rejected", message)
}

fn too_large() -> Problem {
    let message = format!("all its parts together are larger than {MAX_PARTS_BYTES} bytes");
    Problem::of_record("parts_too_large", message)
}
