//! The laws of kinds in each format, as functions of any bytes: property tests and the fuzz target call them.
//!
//! Those of [`crate::frame::kinds::laws`], around the framers of lines, CSV, JSON and XML.

use super::{Mark, Recogniser};
use crate::frame::csv::{CsvDialect, CsvFramer};
use crate::frame::json::JsonFramer;
use crate::frame::kinds::Recognise;
use crate::frame::kinds::laws::{Around, hold_for};
use crate::frame::lines::LinesFramer;
use crate::frame::xml::{self, XmlFramer};
use crate::json::RecordPath;
use crate::step::bind::Path;
use crate::unpack::Encoding;
use crate::xml::Step;
use pipeline::law::Framing;
use pipeline::{FrameLimits, Framer, Position};

/// Small ones, so that little input has many blocks.
pub const LIMITS: FrameLimits = FrameLimits {
    max_record_bytes: 40,
    max_block_records: 3,
    max_block_bytes: 64,
};
/// The first kind carries, the second does not, the third does.
const CARRIES: [bool; 3] = [true, false, true];

/// A framing, and what makes the input unusable.
pub type Found = (Framing, Option<String>);

fn texts() -> Vec<Mark> {
    let marks = ["^H", "^D", "^B"].into_iter();
    marks.filter_map(|mark| Mark::text(mark).ok()).collect()
}

fn around(
    inside: &dyn Fn(Position) -> Box<dyn Framer>,
    fed_from: &dyn Fn(Position) -> u64,
    marks: &[Mark],
    input: &[u8],
) -> Found {
    let recognise = || -> Box<dyn Recognise> {
        Box::new(Recogniser::new(marks.to_vec(), 1, Default::default()))
    };
    let around = Around {
        inside,
        fed_from,
        recognise: &recognise,
        carries: &CARRIES,
    };
    hold_for(&around, input)
}

/// Checks the laws for lines that begin with H, D or B.
///
/// # Panics
/// When one is broken.
pub fn lines(limits: FrameLimits, input: &[u8]) -> Found {
    let inside = |at| Box::new(LinesFramer::new(at, limits)) as Box<dyn Framer>;
    around(&inside, &|at| at.offset, &texts(), input)
}

/// Checks the laws for CSV records that begin so.
///
/// # Panics
/// When one is broken.
pub fn csv(input: &[u8]) -> Found {
    let dialect = CsvDialect::default();
    let inside = |at| Box::new(CsvFramer::new(&dialect, at, LIMITS)) as Box<dyn Framer>;
    around(&inside, &|at| at.offset, &texts(), input)
}

/// Checks the laws for the records of a JSON document that have `$.h`, `$.d.a` or `b`.
///
/// # Panics
/// When one is broken.
pub fn json(path: &RecordPath, input: &[u8]) -> Found {
    let inside = |at| Box::new(JsonFramer::new(path, at, LIMITS)) as Box<dyn Framer>;
    let marks = ["$.h", "$.d.a", "b"].into_iter();
    let marks = marks.filter_map(|text| Path::parse(text).ok().map(Mark::Place));
    let marks: Vec<Mark> = marks.collect();
    around(&inside, &|at| JsonFramer::fed_from(path, at), &marks, input)
}

/// Checks the laws for the elements h, d and b below the root element a.
///
/// # Panics
/// When one is broken.
pub fn xml(input: &[u8]) -> Found {
    let path = xml::laws::path_of("/a/*");
    let encoding = Encoding::default();
    let inside = |at| Box::new(XmlFramer::new(&path, encoding, at, LIMITS)) as Box<dyn Framer>;
    let element = |name: &str| Mark::Element(Step::Name(name.into()));
    let marks = ["h", "d", "b"].map(element);
    around(&inside, &|_| 0, &marks, input)
}

/// Takes a format from the first byte of `data`, and checks the laws for the others.
///
/// # Panics
/// When one is broken.
pub fn hold_for_any(data: &[u8]) {
    let [format, input @ ..] = data else {
        return;
    };
    let path = |text: &str| RecordPath::parse(text);
    match (format % 5, path("$[*]"), path("$[*].*")) {
        (0, ..) => lines(LIMITS, input),
        (1, ..) => csv(input),
        (2, Ok(path), _) | (3, _, Ok(path)) => json(&path, input),
        _ => xml(input),
    };
}
