//! The law of the parser of fixed places, as a function of any bytes: property tests and the fuzz target call it.
//!
//! A row has a cell for each place, which is what stands there when characters, or bytes, are counted one by one; a place
//! that the line cuts, or that cuts a character, refuses the line by the first such field.

use super::{FixedParser, Place, Unit};
use crate::frame::lines::LinesFramer;
use crate::record::Cells;
use pipeline::{FrameLimits, Framer, Parser, Position, Problem};

/// Bytes before the input that say how it is read: the unit, and a start and a width for each of four places.
const HEAD_BYTES: usize = 9;
/// The most columns before a place, and of one.
const MAX_COLUMNS: u8 = 32;

/// What becomes of a line: its cells, or the code and the field of its problem.
type Outcome = Result<Vec<Option<String>>, (String, Option<String>)>;

/// Checks the law for the lines behind the head that the first bytes of `data` are.
///
/// # Panics
/// When it is broken.
pub fn hold_for_any(data: &[u8]) {
    let Some((head, input)) = data.split_at_checked(HEAD_BYTES) else {
        return;
    };
    let unit = match head[0] % 2 {
        0 => Unit::Characters,
        _ => Unit::Bytes,
    };
    let places = head[1..].chunks(2).zip(["a", "b", "c", "d"]);
    let places: Vec<Place> = places
        .map(|(said, field)| {
            let start = usize::from(said[0] % MAX_COLUMNS);
            Place {
                field: field.into(),
                start,
                end: start + 1 + usize::from(said[1] % MAX_COLUMNS),
            }
        })
        .collect();
    let parser = FixedParser::new(unit, places.clone().into());
    let mut framer = LinesFramer::new(Position::START, FrameLimits::default());
    framer.buffer().extend_from_slice(input);
    while let Ok(Some(block)) = framer.next_block(true) {
        let mut found: Vec<Outcome> = Vec::new();
        let done = parser.parse(&block, &mut |_, row: Result<&mut Cells, Problem>| {
            found.push(match row {
                Ok(row) => Ok((0..row.len())
                    .map(|at| row.get(at).map(str::to_owned))
                    .collect()),
                Err(problem) => Err((problem.code.to_string(), problem.field)),
            });
        });
        assert_eq!(done.err().map(|fatal| fatal.code), None);
        let whole = (0..block.frames.len()).filter(|index| block.frames[*index].broken.is_none());
        let expected: Vec<Outcome> = whole
            .map(|index| outcome(unit, &places, block.text(index)))
            .collect();
        assert_eq!(found, expected);
    }
}

/// The same, counted one by one.
fn outcome(unit: Unit, places: &[Place], line: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(line) else {
        return Err(("encoding".to_owned(), None));
    };
    let chars: Vec<Vec<u8>> = match unit {
        Unit::Characters => text.chars().map(|char| char.to_string().into()).collect(),
        Unit::Bytes => line.iter().map(|byte| vec![*byte]).collect(),
    };
    let cells = places.iter().map(|place| {
        let problem = |code: &str| Err((code.to_owned(), Some(place.field.to_string())));
        if place.start >= chars.len() {
            return Ok(None);
        }
        let Some(cell) = chars.get(place.start..place.end) else {
            return problem("too_short");
        };
        let before = chars[..place.start].concat();
        let starts_inside = std::str::from_utf8(&before).is_err();
        match String::from_utf8(cell.concat()) {
            Ok(cell) if !starts_inside => Ok(Some(cell.trim().to_owned())),
            _ => problem("encoding"),
        }
    });
    cells.collect()
}
