//! The pure half of a load: a block goes in, encoded operations and rejects come out.
//!
//! Parser, bind, steps and encoder run in one task per block, one record at a time over buffers that are
//! refilled, never reborn. They do no I/O and see no clock. The order is fixed by types: a parser gives
//! rows `W`, [`Bind`] turns a row into a record `R`, steps change records, an encoder writes them.
//!
//! ```
//! # use pipeline::*;
//! # struct Row; struct Record;
//! fn in_order(reader: Reader<Row, Record>, step: Box<dyn Step<Record>>, encode: Box<dyn Encode<Record>>) -> Chain<Row, Record> {
//!     Chain::new(reader, Rear::new(encode).step(step))
//! }
//! ```
//! ```compile_fail
//! # use pipeline::*;
//! # struct Row; struct Record;
//! fn steps_of_rows(reader: Reader<Row, Record>, step: Box<dyn Step<Row>>, encode: Box<dyn Encode<Record>>) -> Chain<Row, Record> {
//!     Chain::new(reader, Rear::new(encode).step(step)) // error: only a bound record can be changed
//! }
//! ```
//! ```compile_fail
//! # use pipeline::*;
//! # struct Row; struct Record; struct Other;
//! fn foreign_encoder(reader: Reader<Row, Record>, encode: Box<dyn Encode<Other>>) -> Chain<Row, Record> {
//!     Chain::new(reader, Rear::new(encode)) // error: records arrive, the encoder takes others
//! }
//! ```

mod sorted;

pub use sorted::{Branch, Inherit, Reader, Role, Sorted, context_rejected};

use crate::unique::Identify;
use crate::{Block, Breach, Converted, Cover, Exact, Fatal, Position, Problem};
use std::sync::Arc;

/// Turns the records of a block into rows.
pub trait Parser<W>: Send + Sync {
    /// Calls `each` once for every frame of `block` that is not broken, in order, with the frame's index
    /// and either the row, refilled, or what is wrong with it.
    ///
    /// # Errors
    /// When it does not find exactly the records that the framer cut (`frame_mismatch`): the job fails.
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut W, Problem>),
    ) -> Result<(), Fatal>;
}

impl<W, P: Parser<W> + ?Sized> Parser<W> for Box<P> {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut W, Problem>),
    ) -> Result<(), Fatal> {
        (**self).parse(block, each)
    }
}

/// Turns a row into a typed record.
pub trait Bind<W, R>: Send + Sync {
    /// Refills `record` from `row`, which a record may take its buffers from.
    fn bind(&self, row: &mut W, record: &mut R) -> Verdict;
}

/// Changes, drops or refuses a record.
pub trait Step<R>: Send + Sync {
    /// Judges `record`, and may change it.
    fn apply(&self, record: &mut R) -> Verdict;
}

impl<R, S: Step<R> + ?Sized> Step<R> for Arc<S> {
    fn apply(&self, record: &mut R) -> Verdict {
        (**self).apply(record)
    }
}

/// The pure half of a sink: a record as the bytes that go over the wire.
pub trait Encode<R>: Send + Sync {
    /// Appends the operation for `record` to `out`. On `Err`, what was appended is taken back. `part` is 0, or the
    /// number of the part, from 1, that `record` is of the one at `at`.
    ///
    /// # Errors
    /// What the target can never hold: a document over its size limit, or too deep.
    fn encode(&self, at: Position, part: u32, record: &R, out: &mut Vec<u8>)
    -> Result<(), Problem>;
}

/// What records add to the totals that controls compare at the end.
pub trait Measure<R>: Send + Sync {
    /// The terms of the totals, [`crate::LOADED`] first.
    fn terms(&self) -> &Arc<[Arc<str>]>;

    /// Gives what a record of this kind adds, each with the place of its total in [`Self::terms`]. Called once for
    /// each record that is to be written, or that its kind drops.
    fn measure(&self, kind: u8, record: &R, each: &mut dyn FnMut(u8, Option<Exact>));
}

/// Makes several records of one: its parts.
pub trait Explode<R>: Send + Sync {
    /// Calls `each` with each part in order: its number, from 1, and `record`, which holds it. A record that has nothing to
    /// make parts of, and stays as it is, is given once with the number 0; it is written as part 1. Ends early where
    /// `each` says `false`, or a part is not given: the verdict says why.
    fn parts(&self, record: &mut R, each: &mut dyn FnMut(u32, &mut R) -> bool) -> Verdict;

    /// Says in a problem of a part which one it is; part 0 is the record itself.
    fn of_part(&self, part: u32, problem: &mut Problem);
}

/// Makes one record of several: of a group ([`Block::groups`]).
pub trait Join<R>: Send + Sync {
    /// Fills `whole` from `records`, which are never none, in order.
    ///
    /// # Errors
    /// Why they cannot be one: all of them are refused for it.
    fn join(&self, records: &[R], whole: &mut R) -> Result<(), Problem>;
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Keep,
    /// It goes on, and is counted under this name if it is loaded.
    Warn(Arc<str>),
    /// It is left out, and counted under this name.
    Drop(Arc<str>),
    /// It is refused, with everything that is wrong; never empty.
    Reject(Vec<Problem>),
    /// The load must not go on to it: what lies before it is loaded, and nothing else.
    Halt(Box<Halt>),
}

/// Why a load must not go on to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// What the record has that somebody must accept first, with a sentence.
    pub breach: Breach,
    /// Nobody can: the job fails, with this to be done about it.
    pub fails: Option<&'static str>,
}

/// The pure half as the runner sees it.
pub trait Convert: Send + Sync {
    /// Converts one block; every record of it has an outcome or an operation in what comes back.
    ///
    /// # Errors
    /// Only what must end the job.
    fn convert(&self, block: Block) -> Result<Converted, Fatal>;
}

mod convert;

pub use convert::rejected_with;

/// Parser, bind, steps and encoder as one [`Convert`].
pub struct Chain<W, R> {
    parser: Box<dyn Parser<W>>,
    bind: Box<dyn Bind<W, R>>,
    rear: Rear<R>,
    cover: Option<Arc<dyn Cover>>,
    places: Option<Arc<[Position]>>,
}

/// What stands behind a bind: steps, shape and encoder.
pub struct Rear<R> {
    steps: Vec<Box<dyn Step<R>>>,
    shape: Shape<R>,
    encode: Box<dyn Encode<R>>,
    unique: Option<Arc<dyn Identify<R>>>,
}

impl<R> Rear<R> {
    /// One operation of each record, by `encode`.
    pub fn new(encode: Box<dyn Encode<R>>) -> Self {
        Self {
            steps: Vec::new(),
            shape: Shape::Each,
            encode,
            unique: None,
        }
    }

    /// Adds a step behind the steps so far.
    #[must_use]
    pub fn step(mut self, step: Box<dyn Step<R>>) -> Self {
        self.steps.push(step);
        self
    }

    /// Explodes records behind the steps so far: those that follow see parts. In the place of what was said before.
    #[must_use]
    pub fn explode(mut self, explode: Box<dyn Explode<R>>) -> Self {
        self.shape = Shape::Exploded(self.steps.len(), explode);
        self
    }

    /// Joins the records of each group behind all steps. In the place of what was said before.
    #[must_use]
    pub fn join(mut self, join: Box<dyn Join<R>>) -> Self {
        self.shape = Shape::Joined(join);
        self
    }

    /// Gives each record that is to be written the keys by which it must be unique: those of its values as they were bound,
    /// whatever steps make of them.
    #[must_use]
    pub fn identified(mut self, unique: Option<Arc<dyn Identify<R>>>) -> Self {
        self.unique = unique;
        self
    }
}

/// An encoder of records that came from another input first.
struct Placed<R> {
    places: Arc<[Position]>,
    encode: Box<dyn Encode<R>>,
}

impl<R> Encode<R> for Placed<R> {
    fn encode(
        &self,
        at: Position,
        part: u32,
        record: &R,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let place = self.places.get(at.ordinal as usize).copied();
        self.encode.encode(place.unwrap_or(at), part, record, out)
    }
}

/// How many operations come of how many records.
enum Shape<R> {
    /// One of each.
    Each,
    /// One of each part; so many steps come before.
    Exploded(usize, Box<dyn Explode<R>>),
    /// One of each group.
    Joined(Box<dyn Join<R>>),
}

impl<W, R> Chain<W, R> {
    /// A chain of a reader and what stands behind it.
    pub fn new(reader: Reader<W, R>, rear: Rear<R>) -> Self {
        Self {
            parser: reader.parser,
            bind: reader.bind,
            rear,
            cover: None,
            places: None,
        }
    }
}

impl<W, R: 'static> Chain<W, R> {
    /// Makes documents of records that came from another input first: `places` says where each of them stood there, by its
    /// ordinal here. Rejects say where it stands here.
    #[must_use]
    pub fn placed(mut self, places: Option<Arc<[Position]>>) -> Self {
        if let Some(places) = &places {
            let (places, encode) = (places.clone(), self.rear.encode);
            self.rear.encode = Box::new(Placed { places, encode });
        }
        self.places = places;
        self
    }

    /// Lets rejects say no more than `cover` leaves of them.
    #[must_use]
    pub fn covered(mut self, cover: Option<Arc<dyn Cover>>) -> Self {
        self.cover = cover;
        self
    }
}
