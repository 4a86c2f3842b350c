//! The pure half of a load whose records are of several kinds: a chain that hands each kind to a parser and a bind of its
//! own.
//!
//! It takes the records of a block in order, in runs of one kind, so that each parser sees as many as possible together.
//! The values of context records, those before the block among them ([`crate::Block::carried`]), are set on the records to be loaded
//! behind them. What context, control and skip records say is counted as a drop named after their kind; a bad one is
//! a reject, and a bad context record is one for the records that need it, too. It never looks ahead.

use super::convert::{Group, Parts};
use super::{Bind, Convert, Measure, Parser, Rear, Shape, Verdict};
use crate::unique::UniqueKey;
use crate::{Amount, Block, Carried, Converted, Cover, Fatal, Frame, Position, Problem};
use std::ops::Range;
use std::sync::Arc;

/// The code of rejects that only the context before them has caused.
const CONTEXT_REJECTED: &str = "context_rejected";

/// Parser and bind of one kind.
pub struct Reader<W, R> {
    /// Makes rows of its records.
    pub parser: Box<dyn Parser<W>>,
    /// Makes records of those.
    pub bind: Box<dyn Bind<W, R>>,
}

/// Takes over values of a context record.
pub trait Inherit<R>: Send + Sync {
    /// Sets on `record` what it needs of `context`, the latest record of this kind; none where none is before it. What
    /// is missing then is added to `problems`.
    fn inherit(&self, context: Option<&R>, record: &mut R, problems: &mut Vec<Problem>);
}

/// What becomes of the records of a kind.
pub enum Role<W, R> {
    /// They are loaded.
    Load(Reader<W, R>),
    /// Their values are set on the records behind them.
    Context(Reader<W, R>, Box<dyn Inherit<R>>),
    /// Their values are compared with others.
    Control(Reader<W, R>),
    /// Nothing.
    Skip,
}

/// A kind of record.
pub struct Branch<W, R> {
    /// Its name, under which records that are not loaded are counted.
    pub name: Arc<str>,
    /// What becomes of it.
    pub role: Role<W, R>,
}

/// What is wrong with a record whose context, of the kind `name` and on `line`, was refused.
pub fn context_rejected(name: &str, line: u64) -> Problem {
    let message = format!("the `{name}` on line {line}, which says what holds for it, was refused");
    Problem::of_record(CONTEXT_REJECTED, message)
}

/// Branches, and what stands behind them, as one [`Convert`].
pub struct Sorted<W, R> {
    branches: Vec<Branch<W, R>>,
    rear: Rear<R>,
    cover: Option<Arc<dyn Cover>>,
    measure: Option<Arc<dyn Measure<R>>>,
}

/// The latest record of a context kind.
enum Known<R> {
    /// None so far.
    Nothing,
    /// This one.
    Good(R),
    /// The one on this line, which was refused.
    Refused(u64),
}

/// What is refilled for each record.
struct Work<R> {
    record: R,
    /// For each branch; those of other roles stay empty.
    known: Vec<Known<R>>,
    warnings: Vec<Arc<str>>,
    /// What the record must be unique by.
    keys: Vec<Option<UniqueKey>>,
    group: Group<R>,
    /// What records add that are to be loaded, as long as nothing refuses them.
    amounts: Vec<Amount>,
}

impl<W, R> Sorted<W, R> {
    /// A chain of `branches`, of which the first has kind 0. What is behind sees the records that are to be loaded.
    pub fn new(branches: Vec<Branch<W, R>>, rear: Rear<R>) -> Self {
        Self {
            branches,
            rear,
            cover: None,
            measure: None,
        }
    }

    /// Lets rejects say no more than `cover` leaves of them.
    #[must_use]
    pub fn covered(mut self, cover: Option<Arc<dyn Cover>>) -> Self {
        self.cover = cover;
        self
    }

    /// Adds up what records say.
    #[must_use]
    pub fn measured(mut self, measure: Option<Arc<dyn Measure<R>>>) -> Self {
        self.measure = measure;
        self
    }
}

impl<W, R: Default> Sorted<W, R> {
    fn branch(&self, kind: u8) -> Result<&Branch<W, R>, Fatal> {
        let branch = self.branches.get(usize::from(kind));
        branch.ok_or_else(|| Fatal::new("frame_mismatch", "a record has a kind that is none"))
    }

    /// Learns what a record before the block says.
    fn learn(&self, carried: &Carried, work: &mut Work<R>) -> Result<(), Fatal> {
        let kind = usize::from(carried.kind);
        let Role::Context(reader, _) = &self.branch(carried.kind)?.role else {
            return Err(Fatal::new(
                "frame_mismatch",
                "a record is carried whose kind is no context",
            ));
        };
        let mut known = Known::Refused(carried.at.line);
        if let Some(block) = alone(carried) {
            reader.parser.parse(&block, &mut |_, row| {
                let mut record = R::default();
                let verdict = row.map(|row| reader.bind.bind(row, &mut record));
                if matches!(verdict, Ok(Verdict::Keep | Verdict::Warn(_))) {
                    known = Known::Good(record);
                }
            })?;
        }
        work.known[kind] = known;
        Ok(())
    }

    /// Converts the records of `range`, which are of one kind.
    fn convert_run(
        &self,
        block: &Block,
        range: Range<usize>,
        work: &mut Work<R>,
        out: &mut Converted,
    ) -> Result<(), Fatal> {
        let kind = block.frames[range.start].kind;
        let branch = self.branch(kind)?;
        let reader = match &branch.role {
            Role::Load(reader) | Role::Context(reader, _) | Role::Control(reader) => reader,
            Role::Skip => {
                for index in range {
                    self.settle_before(block, index, index, work, out);
                    if block.frames[index].broken.is_none() {
                        self.ask(block, index, &R::default(), &mut out.amounts);
                        self.settle(block, index, Verdict::Drop(branch.name.clone()), work, out);
                    } else {
                        self.settle_before(block, index, index + 1, work, out);
                    }
                }
                return Ok(());
            }
        };
        let is_context = matches!(branch.role, Role::Context(..));
        // A record of no kind is no context that was lost.
        if is_context && block.frames[range.start].carries {
            // Unless it turns out to be good below.
            work.known[usize::from(kind)] = Known::Refused(block.frames[range.start].line);
        }
        let part;
        let run = if range.len() == block.frames.len() {
            block
        } else {
            part = block.part(range.clone());
            &part
        };
        let (mut next, mut strayed) = (range.start, false);
        reader.parser.parse(run, &mut |index, row| {
            let index = range.start + index;
            // A record that comes twice would make up for one that does not come at all.
            let is_due = index >= next && index < range.end;
            if !is_due || block.frames[index].broken.is_some() {
                strayed = true;
                return;
            }
            self.settle_before(block, next, index, work, out);
            next = index + 1;
            let verdict = match (row, &branch.role) {
                (Err(problem), _) => Verdict::Reject(vec![problem]),
                (Ok(row), Role::Load(_)) => self.judge(&*reader.bind, row, work),
                (Ok(row), _) => match reader.bind.bind(row, &mut work.record) {
                    Verdict::Keep | Verdict::Warn(_) => {
                        self.ask(block, index, &work.record, &mut out.amounts);
                        if is_context {
                            let record = std::mem::take(&mut work.record);
                            work.known[usize::from(kind)] = Known::Good(record);
                        }
                        Verdict::Drop(branch.name.clone())
                    }
                    verdict => verdict,
                },
            };
            self.settle(block, index, verdict, work, out);
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
        self.settle_before(block, next, range.end, work, out);
        Ok(())
    }

    /// Bind, context and steps for one row that is to be loaded; the record is in its place when the verdict is to keep it.
    fn judge(&self, bind: &dyn Bind<W, R>, row: &mut W, work: &mut Work<R>) -> Verdict {
        let Work {
            record,
            known,
            warnings,
            keys,
            group,
            ..
        } = work;
        let record = match &self.rear.shape {
            Shape::Joined(_) => group.room(),
            Shape::Each | Shape::Exploded(..) => record,
        };
        warnings.clear();
        let mut problems = match bind.bind(row, record) {
            Verdict::Keep => Vec::new(),
            Verdict::Warn(name) => {
                warnings.push(name);
                Vec::new()
            }
            Verdict::Reject(problems) => problems,
            verdict => return verdict,
        };
        for (branch, known) in self.branches.iter().zip(known) {
            let Role::Context(_, inherit) = &branch.role else {
                continue;
            };
            match known {
                Known::Good(context) => inherit.inherit(Some(context), record, &mut problems),
                Known::Nothing => inherit.inherit(None, record, &mut problems),
                Known::Refused(line) => problems.push(context_rejected(&branch.name, *line)),
            }
        }
        if problems.is_empty() {
            self.rear.judge(record, warnings, keys)
        } else {
            Verdict::Reject(problems)
        }
    }

    /// Gives the records from `next` to `index`, which were broken off, their outcome, and the groups that end there.
    fn settle_before(
        &self,
        block: &Block,
        next: usize,
        index: usize,
        work: &mut Work<R>,
        out: &mut Converted,
    ) {
        match &self.rear.shape {
            Shape::Joined(join) => {
                let group = &mut work.group;
                self.rear.close_groups(group, &**join, block, index, out);
            }
            Shape::Each | Shape::Exploded(..) => out.broken_between(block, next, index),
        }
    }

    /// Gives a record its outcome, or enters it into its group.
    fn settle(
        &self,
        block: &Block,
        index: usize,
        verdict: Verdict,
        work: &mut Work<R>,
        out: &mut Converted,
    ) {
        if let Shape::Joined(_) = &self.rear.shape {
            if let Verdict::Keep | Verdict::Warn(_) = verdict {
                let amounts = &mut work.amounts;
                self.ask(block, index, work.group.room(), amounts);
            }
            let (warnings, keys) = (&mut work.warnings, &mut work.keys);
            return work.group.add(index, verdict, warnings, keys);
        }
        match verdict {
            Verdict::Keep | Verdict::Warn(_) => {
                self.ask(block, index, &work.record, &mut work.amounts);
                if let Shape::Exploded(behind, explode) = &self.rear.shape {
                    let parts = Parts {
                        block,
                        index,
                        behind: *behind,
                        explode: &**explode,
                    };
                    let (record, warnings) = (&mut work.record, &mut work.warnings);
                    if self.rear.write_parts(&parts, record, warnings, out) {
                        out.keyed(index, &mut work.keys);
                    }
                    return;
                }
                let at = block.position(index);
                let encode =
                    |bytes: &mut Vec<u8>| self.rear.encode.encode(at, 0, &work.record, bytes);
                if out.operation(block, index, encode) {
                    out.warned(block, index, &mut work.warnings);
                    out.keyed(index, &mut work.keys);
                }
            }
            Verdict::Drop(name) => out.dropped(block, index, name),
            Verdict::Reject(problems) => out.reject(block, index, problems),
            Verdict::Halt(halt) => out.halted(block, index, index, halt),
        }
    }

    /// What a record adds to the totals.
    fn ask(&self, block: &Block, index: usize, record: &R, amounts: &mut Vec<Amount>) {
        if let Some(measure) = &self.measure {
            let (kind, ordinal) = (block.frames[index].kind, block.position(index).ordinal);
            measure.measure(kind, record, &mut |total, value| {
                amounts.push(Amount {
                    ordinal,
                    total,
                    value,
                });
            });
        }
    }

    /// Where the run of one kind ends that begins at `from`. One context record is a run: what it says changes with
    /// each.
    fn end_of_run(&self, block: &Block, from: usize) -> Result<usize, Fatal> {
        let kind = block.frames[from].kind;
        if let Role::Context(..) = self.branch(kind)?.role {
            return Ok(from + 1);
        }
        let others = block.frames[from..].iter();
        let len = others.take_while(|frame| frame.kind == kind).count();
        Ok(from + len)
    }
}

impl<W, R: Default> Convert for Sorted<W, R> {
    fn convert(&self, block: Block) -> Result<Converted, Fatal> {
        let mut out = Converted::of(&block, self.cover.clone(), None);
        out.terms = self.measure.as_ref().map(|all| all.terms().clone());
        let mut work = Work {
            record: R::default(),
            known: self.branches.iter().map(|_| Known::Nothing).collect(),
            warnings: Vec::new(),
            keys: Vec::new(),
            group: Group::default(),
            amounts: Vec::new(),
        };
        for carried in block.carried.iter().flatten() {
            self.learn(carried, &mut work)?;
        }
        let mut from = 0;
        while from < block.frames.len() {
            let to = self.end_of_run(&block, from)?;
            self.convert_run(&block, from..to, &mut work, &mut out)?;
            from = to;
        }
        self.settle_before(&block, from, from, &mut work, &mut out);
        keep_amounts(work.amounts, &mut out);
        out.close(block)
    }
}

/// Keeps what records add that are to be written: a part, or another record of a group, may have refused them since.
fn keep_amounts(mut amounts: Vec<Amount>, out: &mut Converted) {
    amounts.retain(|amount| {
        let is_at = |ordinal: u64| ordinal.cmp(&amount.ordinal);
        let rejected = out.rejects.binary_search_by(|one| is_at(one.at.ordinal));
        let dropped = out.drops.binary_search_by(|one| is_at(one.0));
        rejected.is_err() && dropped.is_err()
    });
    out.amounts.append(&mut amounts);
    out.amounts.sort_by_key(|amount| amount.ordinal);
}

/// A block of one record that stood before; none where what it says is not known.
fn alone(carried: &Carried) -> Option<Block> {
    let bytes = carried.raw.clone()?;
    let end = Position {
        ordinal: carried.at.ordinal + 1,
        line: carried.at.line,
        offset: carried.at.offset + bytes.len() as u64,
    };
    Some(Block {
        frames: vec![Frame {
            start: 0,
            end: bytes.len() as u32,
            line: carried.at.line,
            offset: carried.at.offset,
            skipped: 0,
            kind: carried.kind,
            carries: true,
            broken: None,
        }],
        bytes,
        start: carried.at,
        end,
        trailing_skipped: 0,
        restarts: Vec::new(),
        groups: Vec::new(),
        context: carried.context.clone().unwrap_or_default(),
        carried: None,
    })
}
