//! Opening: a plan and a checkpoint become running parts. The only place that joins them.
//!
//! The order is open → head → bind → run: the header row is read before anything is bound to it, so binding
//! never waits. On resume the head comes from the checkpoint, so a run that goes on sees the same columns.

mod destination;
mod files;
mod kinds;
mod preview;
mod rows;
#[cfg(test)]
mod tests;

pub use destination::{Connected, Destination, embedded_file};
pub use files::OpenFiles;
pub use preview::Shown;
pub use rows::Row;

use crate::control::Totals;
use crate::corrected::{Corrected, Reference, Referred, Taking};
use crate::frame::csv::{CsvFramer, Head, HeadStep, RequiredTitles, find_head};
use crate::frame::json::JsonFramer;
use crate::frame::lines::{LinesDialect, LinesFramer};
use crate::frame::xml::XmlFramer;
use crate::parse::csv::CsvParser;
use crate::parse::fixed::FixedParser;
use crate::parse::jsonl::JsonlParser;
use crate::parse::lines::LinesParser;
use crate::parse::xml::XmlParser;
use crate::plan::{FormatPlan, Plan};
use crate::record::{Cells, Record, Tree};
use crate::sink::{self, Flow};
use crate::source::Origin;
pub use crate::step::bind::LeftOut;
use crate::step::bind::{BindRefusal, CsvBind, JsonBind, listed};
use crate::unpack::{open_at, skip};
use bytes::BytesMut;
use pipeline::{
    Accepted, Bind, Books, Branch, Breach, Cause, Checkpoint, Convert, Cover, Encode, Fatal,
    FrameLimits, Framer, Job, Ledger, Measure, Parser, Position, Progress, Reader, Role, Sorted,
    Source, Step, Tally, chain,
};
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
    pub left_out: LeftOut,
    front: Front,
    /// How the input gives what was added to its records, where it is one of corrected records.
    taking: Option<Taking>,
    /// What the references of such records mean.
    referred: Arc<[Referred]>,
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

/// Parser and bind of a format.
enum Front {
    Csv(CsvParser, CsvBind),
    Json(JsonlParser, JsonBind),
    Xml(XmlParser, JsonBind),
    Lines(LinesParser, CsvBind),
    Fixed(FixedParser, CsvBind),
    /// Several kinds of records, each with its own.
    Cells(Vec<Branch<Cells, Record>>),
    Trees(Vec<Branch<Tree, Record>>),
}

/// Opens the input of a plan at the start, or at a checkpoint. `accepted`: causes that were approved.
///
/// # Errors
/// What the source, the unpacker and the head say.
pub async fn open(
    plan: &Plan,
    origin: &dyn Origin,
    resume: Option<Checkpoint>,
    accepted: &Accepted,
) -> Result<Opening, Fatal> {
    opened(plan, origin, resume, accepted, Records::AsTheyAre).await
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
    if plan.kinds.is_some() {
        let message = "what records of several kinds mean stands in those before them";
        return Err(Fatal::new("resubmit_unsupported", message));
    }
    opened(plan, origin, resume, accepted, Records::Corrected).await
}

/// What the records of an input are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Records {
    AsTheyAre,
    /// Rejects that were given back, corrected.
    Corrected,
}

async fn opened(
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
    let mut input = Input {
        source,
        bytes_before: opened.decoded_offset,
        at: offset,
        buffer: BytesMut::new(),
        at_end: false,
        taking: (records == Records::Corrected).then(|| Taking::of(&plan.format)),
    };
    let limits = FrameLimits {
        max_record_bytes: plan.input.max_record_bytes,
        max_block_records: plan.sink.flow.batch.max_records.div_ceil(BLOCKS_OF_A_BATCH),
        ..FrameLimits::default()
    };
    match &plan.format {
        FormatPlan::Jsonl => {
            let from = begin(plan, resume);
            let framer = LinesFramer::new(from.books.end, limits);
            let front = Front::Json(JsonlParser, plan.bind.for_tree());
            let left_out = LeftOut::default();
            input.ready(plan, Box::new(framer), from, left_out, (front, accepted))
        }
        FormatPlan::Json(path) => {
            let from = begin(plan, resume);
            let framer = JsonFramer::new(path, from.books.end, limits);
            let front = Front::Json(JsonlParser, plan.bind.for_tree());
            let left_out = LeftOut::default();
            input.ready(plan, Box::new(framer), from, left_out, (front, accepted))
        }
        FormatPlan::Xml(xml) => {
            let from = begin(plan, resume);
            let encoding = plan.input.unpack.encoding;
            let framer = XmlFramer::new(&xml.path, encoding, from.books.end, limits);
            let parser = XmlParser::new(xml.path.namespaces.clone(), xml.takes.clone());
            let front = Front::Xml(parser, plan.bind.for_tree());
            let left_out = LeftOut::default();
            input.ready(plan, Box::new(framer), from, left_out, (front, accepted))
        }
        FormatPlan::Lines(dialect, pattern) => {
            let from = begin(plan, resume);
            let framer = LinesFramer::of(lines_of(*dialect, records), from.books.end, limits);
            let (bind, left_out) = by_cells(plan, accepted)?;
            let front = Front::Lines(LinesParser::new(pattern.as_ref()), bind);
            input.ready(plan, Box::new(framer), from, left_out, (front, accepted))
        }
        FormatPlan::Fixed(dialect, unit, places) => {
            let from = begin(plan, resume);
            let framer = LinesFramer::of(lines_of(*dialect, records), from.books.end, limits);
            let (bind, left_out) = by_cells(plan, accepted)?;
            let front = Front::Fixed(FixedParser::new(*unit, places.clone()), bind);
            input.ready(plan, Box::new(framer), from, left_out, (front, accepted))
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
            let bind = match bound {
                Ok(bind) => bind,
                Err(BindRefusal::Fatal(fatal)) => return Err(fatal),
                Err(BindRefusal::Hold(cause)) => return Ok(Opening::Held(breach(cause), from)),
            };
            let framer = CsvFramer::new(dialect, from.books.end, limits);
            let front = Front::Csv(CsvParser::new(dialect, columns.len()), bind);
            let left_out = match no_rows {
                true => LeftOut::default(),
                false => plan.bind.left_out(&columns),
            };
            let titles = (!no_rows).then_some(&columns[..]);
            match kinds::front(plan, front, titles, accepted) {
                Ok(front) => Ok(input.with_front(plan, Box::new(framer), from, left_out, front)),
                Err(BindRefusal::Fatal(fatal)) => Err(fatal),
                Err(BindRefusal::Hold(cause)) => Ok(Opening::Held(breach(cause), from)),
            }
        }
    }
}

impl Opened {
    /// Says what the reference of each record means, by its ordinal.
    #[must_use]
    pub fn referring(self, referred: Arc<[Referred]>) -> Self {
        Self { referred, ..self }
    }

    /// The references of an input of corrected records, opened at its start, one for each record; `most` at most.
    ///
    /// # Errors
    /// `too_many_references`; what the source and the framer say.
    pub async fn references(mut self, most: usize) -> Result<Vec<Option<Reference>>, Fatal> {
        let mut references = Vec::new();
        let mut at_end = false;
        loop {
            while let Some(block) = self.framer.next_block(at_end)? {
                match &self.taking {
                    Some(taking) => references.extend(taking.references(&block)),
                    None => references.extend(block.frames.iter().map(|_| None)),
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
    pub fn job(self, plan: &Plan, sink: sink::Opened, ledger: Arc<dyn Ledger>, flow: Flow) -> Job {
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
        let rear = Rear {
            steps: steps.collect(),
            encode,
            cover,
            totals: plan.control.totals.clone(),
            corrected: taking.map(|taking| (taking, referred)),
        };
        let convert = match front {
            Front::Csv(parser, bind) => rear.join(parser, bind),
            Front::Json(parser, bind) => rear.join(parser, bind),
            Front::Xml(parser, bind) => rear.join(parser, bind),
            Front::Lines(parser, bind) => rear.join(parser, bind),
            Front::Fixed(parser, bind) => rear.join(parser, bind),
            Front::Cells(branches) => rear.sort(branches),
            Front::Trees(branches) => rear.sort(branches),
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

/// What stands behind the bind.
struct Rear {
    steps: Vec<Arc<dyn Step<Record>>>,
    encode: Box<dyn Encode<Record>>,
    cover: Option<Arc<dyn Cover>>,
    totals: Option<Arc<Totals>>,
    /// What was added to the records is taken off, and what their references mean.
    corrected: Option<(Taking, Arc<[Referred]>)>,
}

impl Rear {
    /// Parser, bind, steps and encoder as one.
    fn join<W: 'static>(
        self,
        parser: impl Parser<W> + 'static,
        bind: impl Bind<W, Record> + 'static,
    ) -> Arc<dyn Convert> {
        if self.totals.is_some() {
            let reader = Reader {
                parser: Box::new(parser),
                bind: Box::new(bind),
            };
            let role = Role::Load(reader);
            return self.sort(vec![Branch {
                name: "record".into(),
                role,
            }]);
        }
        let (parser, places): (Box<dyn Parser<W>>, _) = match self.corrected {
            None => (Box::new(parser), None),
            Some((taking, referred)) => {
                // One without a place never becomes a document.
                let places = referred.iter().map(Referred::place);
                let places = places.map(|place| place.unwrap_or(Position::START));
                let places = Arc::from_iter(places);
                let corrected = Corrected {
                    parser,
                    taking,
                    referred,
                };
                (Box::new(corrected), Some(places))
            }
        };
        let bound = chain(parser).bind(Box::new(bind));
        let steps = self.steps.into_iter();
        let bound = steps.fold(bound, |bound, step| bound.step(Box::new(step)));
        let chain = bound.encode(self.encode).covered(self.cover);
        Arc::new(chain.placed(places))
    }

    /// The same for several kinds of records, or where records are added up.
    fn sort<W: 'static>(self, branches: Vec<Branch<W, Record>>) -> Arc<dyn Convert> {
        let measure = self.totals.map(|totals| totals as Arc<dyn Measure<Record>>);
        let sorted = Sorted::new(branches, self.steps, self.encode);
        Arc::new(sorted.covered(self.cover).measured(measure))
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
fn by_cells(plan: &Plan, accepted: &Accepted) -> Result<(CsvBind, LeftOut), Fatal> {
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

/// A source with the bytes that were read for the head.
struct Input {
    source: Box<dyn Source>,
    /// Bytes of the stored object before the first read.
    bytes_before: u64,
    /// Decoded bytes before the next read.
    at: u64,
    buffer: BytesMut,
    at_end: bool,
    /// Set where its records are corrected ones.
    taking: Option<Taking>,
}

impl Input {
    async fn head(
        &mut self,
        plan: &Plan,
        dialect: &crate::frame::csv::CsvDialect,
    ) -> Result<Head, Fatal> {
        let names = plan.bind.required_names();
        let held_by = |titles: &[String]| plan.bind.is_header(titles);
        let titles = RequiredTitles {
            names: &names,
            held_by: &held_by,
        };
        loop {
            match find_head(dialect, &titles, &self.buffer, self.at_end)? {
                HeadStep::Found(head) => {
                    let _ = self.buffer.split_to(head.end.offset as usize);
                    return Ok(head);
                }
                HeadStep::NeedMore => {
                    self.buffer.reserve(READ_BYTES);
                    let read = self.source.read(&mut self.buffer).await?;
                    self.at += read as u64;
                    self.at_end = read == 0;
                }
            }
        }
    }

    /// For formats without a header.
    fn ready(
        self,
        plan: &Plan,
        framer: Box<dyn Framer>,
        from: Checkpoint,
        left_out: LeftOut,
        (front, accepted): (Front, &Accepted),
    ) -> Result<Opening, Fatal> {
        match kinds::front(plan, front, None, accepted) {
            Ok(front) => Ok(self.with_front(plan, framer, from, left_out, front)),
            Err(BindRefusal::Fatal(fatal)) => Err(fatal),
            Err(BindRefusal::Hold(cause)) => Ok(Opening::Held(breach(cause), from)),
        }
    }

    fn with_front(
        self,
        plan: &Plan,
        framer: Box<dyn Framer>,
        from: Checkpoint,
        left_out: LeftOut,
        front: Front,
    ) -> Opening {
        let mut framer = kinds::framer(plan, framer, &from);
        framer.buffer().extend_from_slice(&self.buffer);
        // What one kind leaves out another may take.
        let left_out = match plan.kinds {
            None => left_out,
            Some(_) => LeftOut::default(),
        };
        Opening::Ready(Opened {
            source: self.source,
            source_at: self.at,
            bytes_before: self.bytes_before,
            framer,
            from,
            left_out,
            front,
            taking: self.taking,
            referred: Arc::default(),
        })
    }
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
        busy: None,
    }
}

fn kept_head(checkpoint: &Checkpoint) -> Result<Head, Fatal> {
    serde_json::from_str(&checkpoint.head)
        .map_err(|error| Fatal::new("checkpoint", "the checkpoint holds no header").because(&error))
}
