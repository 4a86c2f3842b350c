//! Opening: a plan and a checkpoint become running parts. The only place that joins them.
//!
//! The order is open → head → bind → run: the header row is read before anything is bound to it, so binding
//! never waits. On resume the head comes from the checkpoint, so a run that goes on sees the same columns.

mod destination;
mod files;
mod input;
mod keys;
mod kinds;
mod preview;
mod rear;
mod rows;
mod salts;
#[cfg(test)]
mod tests;

pub use destination::{Connected, Destination, embedded_file};
pub use files::OpenFiles;
pub use input::csv_head;
pub use preview::Shown;
use rear::Behind;
pub use rows::Row;
pub use salts::same_salts;

use crate::corrected::{Beside, Named, Referred, Taking};
use crate::frame::csv::{CsvFramer, Head};
use crate::frame::json::JsonFramer;
use crate::frame::lines::{LinesDialect, LinesFramer};
use crate::frame::xml::XmlFramer;
use crate::parse::csv::CsvParser;
use crate::parse::fixed::FixedParser;
use crate::parse::json::JsonParser;
use crate::parse::lines::LinesParser;
use crate::parse::xml::XmlParser;
use crate::plan::{FormatPlan, Plan};
use crate::record::{Cells, Record, Tree};
use crate::sink::{self, Flow};
use crate::source::Origin;
use crate::step::bind::{BindRefusal, CellsBind, TreeBind, listed};
pub use crate::step::bind::{Finds, LeftOut};
use crate::unique::Table;
use crate::unpack::{open_at, skip};
use bytes::BytesMut;
use input::Begun;
use keys::{BoundKeys, grouped, of_keys};
use pipeline::{
    Accepted, Before, Books, Branch, Breach, Cause, Checkpoint, Convert, Encode, Fatal,
    FrameLimits, Framer, Identify, Job, Ledger, Parser, Position, Progress, Source, Tally, Unique,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Room made for each read while the head is looked for, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// An input that is open, up to the encoder of its sink.
pub struct Opened {
    /// Where bytes come from.
    pub source: Box<dyn Source>,
    /// Decoded bytes before the next read of `source`.
    pub source_at: u64,
    /// Bytes of the stored object that are not read again: none of a compressed one.
    pub bytes_before: u64,
    /// The framer, with what was read already.
    pub framer: Box<dyn Framer>,
    /// The checkpoint that the run starts from.
    pub from: Checkpoint,
    /// What file and spec do not use of each other.
    pub left_out: Box<LeftOut>,
    /// What judging duplicates wants.
    duplicates: Box<Duplicates>,
    front: Front,
    /// How the input gives what was added to its records, where it is one of corrected records.
    taking: Option<Taking>,
    /// What the references of such records mean.
    referred: Arc<[Referred]>,
}

/// What judging duplicates wants; nothing where nothing must be unique.
#[derive(Default)]
struct Duplicates {
    /// Where values are remembered when there are too many of them for memory; none: nowhere.
    folder: Option<PathBuf>,
    /// The records before the checkpoint, which the run must see once more.
    before: Option<Before>,
}

/// What came of opening.
pub enum Opening {
    /// The load can run.
    Ready(Opened),
    /// Somebody must accept what the head says first; the checkpoint is where the load would start.
    Held(Breach, Checkpoint),
}

/// Blocks of which a full batch is made. They are parsed at the same time, so a batch is ready sooner, and what is left
/// over at the end of a read is a small block, which leaves little of a batch empty. Blocks much smaller than a quarter
/// cost more by their number than they gain.
const BLOCKS_OF_A_BATCH: usize = 4;

/// Records of a block, at most, where they are exploded: each may become 8 MiB, and some blocks are under way at once.
const EXPLODED_BLOCK_RECORDS: usize = 2;
/// The size at which a block is closed where records are exploded, in bytes.
const EXPLODED_BLOCK_BYTES: usize = 64 * 1024;

/// Parser and bind: of all records, or of each kind of them.
enum Front {
    Cells(Box<dyn Parser<Cells>>, CellsBind),
    Tree(Box<dyn Parser<Tree>>, TreeBind),
    KindsOfCells(Vec<Branch<Cells, Record>>),
    KindsOfTrees(Vec<Branch<Tree, Record>>),
}

/// Opens the input of a plan at the start, or at a checkpoint. `accepted`: causes that were approved.
///
/// # Errors
/// `salt_changed`, where the checkpoint was made with another salt; what the source, the unpacker and the head say.
pub async fn open(
    plan: &Plan,
    origin: &dyn Origin,
    resume: Option<Checkpoint>,
    accepted: &Accepted,
) -> Result<Opening, Fatal> {
    open_of(plan, origin, resume, accepted, Records::AsTheyAre).await
}

/// Opens an input of corrected records, in the dialect in which rejects of the plan are given back, likewise. Every record
/// is refused until it is said what their references mean ([`Opened::referring`]).
///
/// # Errors
/// `resubmit_unsupported` for records of several kinds; `no_references` for a CSV without the column; what the source, the
/// unpacker and the head say.
pub async fn open_corrected(
    plan: &Plan,
    origin: &dyn Origin,
    resume: Option<Checkpoint>,
    accepted: &Accepted,
) -> Result<Opening, Fatal> {
    if plan.kinds.is_some() || plan.group.is_some() {
        let message = "records of several kinds, or of groups, depend on those around them: none is loaded without these";
        return Err(Fatal::new("resubmit_unsupported", message));
    }
    open_of(plan, origin, resume, accepted, Records::Corrected).await
}

/// What the records of an input are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Records {
    AsTheyAre,
    /// Rejects that were given back, corrected.
    Corrected,
}

async fn open_of(
    plan: &Plan,
    origin: &dyn Origin,
    resume: Option<Checkpoint>,
    accepted: &Accepted,
    records: Records,
) -> Result<Opening, Fatal> {
    if let Some(checkpoint) = &resume {
        same_salts(plan, checkpoint)?;
    }
    let mut opening = open_seeing_before(plan, origin, resume, accepted, records).await?;
    let (Opening::Ready(Opened { from, .. }) | Opening::Held(_, from)) = &mut opening;
    from.secrets.clone_from(&plan.salts);
    Ok(opening)
}

/// Opens it, and, where values must be unique, also what lies before the checkpoint.
async fn open_seeing_before(
    plan: &Plan,
    origin: &dyn Origin,
    resume: Option<Checkpoint>,
    accepted: &Accepted,
    records: Records,
) -> Result<Opening, Fatal> {
    let read_before = resume
        .as_ref()
        .filter(|checkpoint| plan.unique.is_some() && checkpoint.books.end.ordinal > 0);
    let before = match read_before {
        Some(checkpoint) => {
            let from_start = from_start(plan, checkpoint)?;
            match open_at_checkpoint(plan, origin, Some(from_start), accepted, records).await? {
                Opening::Ready(opened) => Some(Before {
                    source: opened.source,
                    framer: opened.framer,
                }),
                held @ Opening::Held(..) => return Ok(held),
            }
        }
        None => None,
    };
    let opening = open_at_checkpoint(plan, origin, resume, accepted, records).await?;
    Ok(match opening {
        Opening::Ready(mut opened) => {
            opened.duplicates.before = before;
            Opening::Ready(opened)
        }
        held @ Opening::Held(..) => held,
    })
}

/// Where the records begin of which the checkpoint is one.
fn from_start(plan: &Plan, checkpoint: &Checkpoint) -> Result<Checkpoint, Fatal> {
    let at = match &plan.format {
        FormatPlan::Csv(_) => kept_head(checkpoint)?.end,
        _ => Position::START,
    };
    Ok(start(plan, at, 0, checkpoint.head.clone()))
}

async fn open_at_checkpoint(
    plan: &Plan,
    origin: &dyn Origin,
    resume: Option<Checkpoint>,
    accepted: &Accepted,
    records: Records,
) -> Result<Opening, Fatal> {
    let mut resume = resume;
    if let Some(checkpoint) = &mut resume {
        kinds::check(plan, checkpoint)?;
    }
    let offset = resume
        .as_ref()
        .map_or(0, |checkpoint| plan.format.fed_from(checkpoint.books.end));
    let opened = open_at(origin, &plan.input.unpack, offset).await?;
    let source = skip(opened.source, offset - opened.decoded_offset);
    let mut input = Begun {
        source,
        bytes_before: opened.decoded_offset,
        at: offset,
        buffer: BytesMut::new(),
        at_end: false,
        taking: (records == Records::Corrected).then(|| Taking::of(&plan.format)),
    };
    let limits = limits(plan);
    match &plan.format {
        FormatPlan::Jsonl => {
            let from = begin(plan, resume);
            let framer = Box::new(LinesFramer::new(from.books.end, limits));
            let front = Front::Tree(Box::new(JsonParser), plan.bind.for_tree(accepted));
            let left_out = LeftOut::default();
            let framer = grouped(plan, framer, |bind, fields| {
                Ok(Box::new(BoundKeys::new(
                    JsonParser,
                    bind.for_tree(accepted),
                    fields,
                )))
            })?;
            input.ready(plan, framer, from, left_out, (front, accepted))
        }
        FormatPlan::Json(path) => {
            let from = begin(plan, resume);
            let framer = Box::new(JsonFramer::new(path, from.books.end, limits));
            let front = Front::Tree(Box::new(JsonParser), plan.bind.for_tree(accepted));
            let left_out = LeftOut::default();
            let framer = grouped(plan, framer, |bind, fields| {
                Ok(Box::new(BoundKeys::new(
                    JsonParser,
                    bind.for_tree(accepted),
                    fields,
                )))
            })?;
            input.ready(plan, framer, from, left_out, (front, accepted))
        }
        FormatPlan::Xml(xml) => {
            let from = begin(plan, resume);
            let encoding = plan.input.unpack.encoding;
            let framer = XmlFramer::new(&xml.path, encoding, from.books.end, limits);
            let framer = Box::new(match plan.cover {
                Some(_) => framer.saying_no_text(),
                None => framer,
            });
            let parser = || XmlParser::new(xml.path.namespaces.clone(), xml.takes.clone());
            let front = Front::Tree(Box::new(parser()), plan.bind.for_tree(accepted));
            let left_out = LeftOut::default();
            let framer = grouped(plan, framer, |bind, fields| {
                Ok(Box::new(BoundKeys::new(
                    parser(),
                    bind.for_tree(accepted),
                    fields,
                )))
            })?;
            input.ready(plan, framer, from, left_out, (front, accepted))
        }
        FormatPlan::Lines(dialect, pattern) => {
            let from = begin(plan, resume);
            let framer = Box::new(LinesFramer::of(
                lines_of(*dialect, records),
                from.books.end,
                limits,
            ));
            let (bind, left_out) = by_cells(plan, accepted)?;
            let parser = || LinesParser::new(pattern.as_ref());
            let framer = grouped(plan, framer, |bind, fields| {
                let bind = of_keys(bind.for_columns(&plan.format.cells(), accepted))?;
                Ok(Box::new(BoundKeys::new(parser(), bind, fields)))
            })?;
            let front = Front::Cells(Box::new(parser()), bind);
            input.ready(plan, framer, from, left_out, (front, accepted))
        }
        FormatPlan::Fixed(dialect, unit, places) => {
            let from = begin(plan, resume);
            let framer = Box::new(LinesFramer::of(
                lines_of(*dialect, records),
                from.books.end,
                limits,
            ));
            let (bind, left_out) = by_cells(plan, accepted)?;
            let parser = || FixedParser::new(*unit, places.clone());
            let framer = grouped(plan, framer, |bind, fields| {
                let bind = of_keys(bind.for_columns(&plan.format.cells(), accepted))?;
                Ok(Box::new(BoundKeys::new(parser(), bind, fields)))
            })?;
            let front = Front::Cells(Box::new(parser()), bind);
            input.ready(plan, framer, from, left_out, (front, accepted))
        }
        FormatPlan::Csv(dialect) => {
            let (head, from) = match resume {
                Some(checkpoint) => (kept_head(&checkpoint)?, checkpoint),
                None => {
                    let head = input.head(plan, dialect).await?;
                    let text = serde_json::to_string(&head).map_err(|error| {
                        Fatal::new("head", "the header cannot be kept").because(&error)
                    })?;
                    let from = start(plan, head.end, head.skipped, text);
                    (head, from)
                }
            };
            let columns = match records {
                Records::AsTheyAre => head.columns,
                Records::Corrected => {
                    let (taking, columns) = Taking::of_csv(dialect, &head.columns)?;
                    input.taking = Some(taking);
                    columns
                }
            };
            // A header is never without cells; without any, the input ended before it.
            let no_rows = columns.is_empty() && dialect.header.rows > 0;
            let bound = match no_rows || plan.kinds.is_some() {
                true => Ok(plan.bind.for_no_rows()),
                false => plan.bind.for_columns(&columns, accepted),
            };
            // A column that a field needs is told by its name; a file that has none is not held for those it has.
            let is_told = no_rows || matches!(bound, Err(BindRefusal::Fatal(_)));
            if !is_told && plan.kinds.is_none() {
                plan.bind.finds_any(&columns)?;
            }
            let bind = match bound {
                Ok(bind) => bind,
                Err(BindRefusal::Fatal(fatal)) => return Err(fatal),
                Err(BindRefusal::Hold(cause)) => return Ok(Opening::Held(breach(cause), from)),
            };
            let framer = Box::new(CsvFramer::new(dialect, from.books.end, limits));
            let parser = || CsvParser::new(dialect, columns.len());
            let framer = grouped(plan, framer, |bind, fields| {
                let bind = match no_rows {
                    true => bind.for_no_rows(),
                    false => of_keys(bind.for_columns(&columns, accepted))?,
                };
                Ok(Box::new(BoundKeys::new(parser(), bind, fields)))
            })?;
            let front = Front::Cells(Box::new(parser()), bind);
            let left_out = match no_rows {
                true => LeftOut::default(),
                false => plan.bind.left_out(&columns),
            };
            let titles = (!no_rows).then_some(&columns[..]);
            match kinds::front(plan, front, titles, accepted) {
                Ok(front) => Ok(input.with_front(plan, framer, from, left_out, front)),
                Err(BindRefusal::Fatal(fatal)) => Err(fatal),
                Err(BindRefusal::Hold(cause)) => Ok(Opening::Held(breach(cause), from)),
            }
        }
    }
}

/// The limits of framing. What a block becomes is kept whole, and documents that share the other fields of their record
/// may be many times as large as it: then there are fewer records in a block.
fn limits(plan: &Plan) -> FrameLimits {
    let limits = FrameLimits {
        max_record_bytes: plan.input.max_record_bytes,
        max_block_records: plan.sink.flow.batch.max_records.div_ceil(BLOCKS_OF_A_BATCH),
        ..FrameLimits::default()
    };
    match plan.explode {
        None => limits,
        Some(_) => FrameLimits {
            max_block_records: limits.max_block_records.min(EXPLODED_BLOCK_RECORDS),
            max_block_bytes: EXPLODED_BLOCK_BYTES,
            ..limits
        },
    }
}

impl Opened {
    /// Lets a run lay down in `folder` what it must remember of its values and is too much for memory.
    pub fn remember_in(&mut self, folder: &Path) {
        self.duplicates.folder = Some(folder.to_owned());
    }

    /// Which fields records have, while they are read: of one kind of trees, read from the start.
    pub fn finds(&self) -> Option<Arc<Finds>> {
        match &self.front {
            Front::Tree(_, bind) if self.from.books.counters.read == 0 => Some(bind.finds()),
            _ => None,
        }
    }

    /// Says what the reference of each record means, by its ordinal.
    #[must_use]
    pub fn referring(self, referred: Arc<[Referred]>) -> Self {
        Self { referred, ..self }
    }

    /// What an input of corrected records, opened at its start, names of a job's records: for each record, `most` at most.
    ///
    /// # Errors
    /// `too_many_references`; what the source and the framer say.
    pub async fn references(mut self, job: &str, most: usize) -> Result<Vec<Named>, Fatal> {
        let mut references = Vec::new();
        let mut at_end = false;
        loop {
            while let Some(block) = self.framer.next_block(at_end)? {
                match &self.taking {
                    Some(taking) => {
                        let each = taking.references(&block).into_iter();
                        references.extend(each.map(|beside| beside.named(job)));
                    }
                    None => {
                        let none = block.frames.iter().map(|_| Beside::Nothing.named(job));
                        references.extend(none);
                    }
                }
                if references.len() > most {
                    let message = format!("a file of corrected records has at most {most}");
                    return Err(Fatal::new("too_many_references", message)
                        .hint("send it in parts, one behind the other"));
                }
            }
            if at_end {
                return Ok(references);
            }
            self.framer.buffer().reserve(READ_BYTES);
            at_end = self.source.read(self.framer.buffer()).await? == 0;
        }
    }

    /// A run of it into `sink`, on one core and by itself, with the budget of the plan. Whoever wants something else says
    /// so: `Job { cancel, ..opened.job(plan, sink, ledger, flow) }`.
    pub fn job(
        mut self,
        plan: &Plan,
        sink: sink::Opened,
        ledger: Arc<dyn Ledger>,
        flow: Flow,
    ) -> Job {
        let unique = plan.unique.as_ref().map(|unique| Unique {
            shared: unique.shared.clone(),
            seen: Box::new(Table::in_folder(self.duplicates.folder.take())),
            fields: unique.fields.clone(),
            before: self.duplicates.before.take(),
        });
        let (parts, convert) = self.chain(plan, sink.encode);
        Job {
            source: parts.source,
            source_at: parts.source_at,
            framer: parts.framer,
            convert,
            sink: sink.sink,
            ledger,
            from: parts.from,
            accepted: Accepted::default(),
            budget: plan.budget,
            controls: plan.control.controls.clone(),
            unique,
            batch: flow.batch,
            rate: flow.rate,
            max_in_flight: flow.max_in_flight,
            writes: None,
            max_parsers: 1,
            cancel: CancellationToken::new(),
            progress: watch::Sender::new(Progress::default()),
        }
    }

    /// The whole chain, with the sink's encoder.
    pub fn chain(self, plan: &Plan, encode: Box<dyn Encode<Record>>) -> (Parts, Arc<dyn Convert>) {
        let Self {
            source,
            source_at,
            framer,
            from,
            front,
            taking,
            referred,
            ..
        } = self;
        let steps = plan.steps.iter().map(|planned| planned.step.clone());
        let cover = plan.cover.clone();
        let unique = plan.unique.clone();
        let behind = Behind {
            steps: steps.collect(),
            explode: plan.explode.clone(),
            join: plan.joiner(),
            encode,
            cover,
            totals: plan.control.totals.clone(),
            unique: unique.map(|unique| unique as Arc<dyn Identify<Record>>),
            corrected: taking.map(|taking| (taking, referred)),
        };
        let convert = match front {
            Front::Cells(parser, bind) => behind.join(parser, bind),
            Front::Tree(parser, bind) => behind.join(parser, bind),
            Front::KindsOfCells(branches) => behind.sort(branches),
            Front::KindsOfTrees(branches) => behind.sort(branches),
        };
        (
            Parts {
                source,
                source_at,
                framer,
                from,
            },
            convert,
        )
    }
}

/// Lines as the spec says, or those of a file of rejects, which begins with one and has no comments.
fn lines_of(dialect: LinesDialect, records: Records) -> LinesDialect {
    match records {
        Records::AsTheyAre => dialect,
        Records::Corrected => LinesDialect::default(),
    }
}

/// The bind of cells that the spec itself names, and what of them it does not use.
fn by_cells(plan: &Plan, accepted: &Accepted) -> Result<(CellsBind, LeftOut), Fatal> {
    let cells = plan.format.cells();
    match plan.bind.for_columns(&cells, accepted) {
        Ok(bind) => Ok((bind, plan.bind.left_out(&cells))),
        Err(BindRefusal::Fatal(fatal)) => Err(fatal),
        // The plan refuses specs that would hold for their own groups.
        Err(BindRefusal::Hold(cause)) => Err(Fatal::new(cause.kind(), breach(cause).message)),
    }
}

/// Where a load of records without a head goes on, or starts.
fn begin(plan: &Plan, resume: Option<Checkpoint>) -> Checkpoint {
    resume.unwrap_or_else(|| start(plan, Position::START, 0, String::new()))
}

/// What is left of an [`Opened`] beside its chain.
pub struct Parts {
    /// Where bytes come from.
    pub source: Box<dyn Source>,
    /// Decoded bytes before the next read of `source`.
    pub source_at: u64,
    /// The framer, with what was read already.
    pub framer: Box<dyn Framer>,
    /// The checkpoint that the run starts from.
    pub from: Checkpoint,
}

fn breach(cause: Cause) -> Breach {
    let message = match &cause {
        Cause::UnknownColumns(names) => {
            format!("no field takes the columns {}", listed(names))
        }
        Cause::Errors | Cause::MinRecords | Cause::Control { .. } => cause.code().into_owned(),
    };
    Breach { cause, message }
}

fn start(plan: &Plan, at: Position, skipped: u64, head: String) -> Checkpoint {
    Checkpoint {
        books: Books::open(at, skipped).totalling(plan.control.terms()),
        counted_from: Tally::default(),
        mark: None,
        head,
        bytes_read: 0,
        carried: Vec::new(),
        secrets: BTreeMap::new(),
        busy: None,
    }
}

fn kept_head(checkpoint: &Checkpoint) -> Result<Head, Fatal> {
    serde_json::from_str(&checkpoint.head)
        .map_err(|error| Fatal::new("checkpoint", "the checkpoint holds no header").because(&error))
}
