//! The law of the parser of plain lines, as a function of any bytes: property tests and the fuzz target call it.
//!
//! A row has a cell for each named group, and each cell is what the group captured; a line that the pattern does not
//! match from its first to its last character is refused, and one that is not UTF-8.

use super::{LinePattern, LinesParser};
use crate::frame::lines::LinesFramer;
use crate::record::Cells;
use pipeline::{FrameLimits, Framer, Parser, Position, Problem};
use regex::Regex;
use std::sync::LazyLock;

/// Patterns as specs have them: an access log, pairs, alternatives of which a part matches, and what may be empty.
pub const PATTERNS: [&str; 4] = [
    r#"(?<host>\S+) \S+ (?<user>\S+) \[(?<at>[^\]]+)\] "(?<request>[^"]*)" (?<status>\d{3}) (?<bytes>\d+|-)( "(?<from>[^"]*)")?"#,
    r"(?<key>[a-z]+)=(?<value>.*)",
    r"(?<a>x)|(?<b>xy)(?<c>z+)?",
    r"(?<all>.*?)(?<end>\d*)",
];

static READ: LazyLock<Vec<(LinePattern, Regex)>> = LazyLock::new(|| {
    let both = PATTERNS.iter().filter_map(|text| {
        // To a spec `\d` is 0 to 9, to the library every digit of Unicode.
        let whole = Regex::new(&format!("^(?:{})$", text.replace(r"\d", "[0-9]"))).ok()?;
        Some((LinePattern::new(text).ok()?, whole))
    });
    both.collect()
});

/// Checks the law for the lines behind the first byte of `data`, which chooses the pattern.
///
/// # Panics
/// When it is broken.
pub fn hold_for_any(data: &[u8]) {
    let Some((choice, input)) = data.split_first() else {
        return;
    };
    let chosen = READ.get(usize::from(*choice) % (PATTERNS.len() + 1));
    let parser = LinesParser::new(chosen.map(|(pattern, _)| pattern));
    let mut framer = LinesFramer::new(Position::START, FrameLimits::default());
    framer.buffer().extend_from_slice(input);
    while let Ok(Some(block)) = framer.next_block(true) {
        let mut found: Vec<Result<Vec<Option<String>>, String>> = Vec::new();
        let done = parser.parse(&block, &mut |_, row: Result<&mut Cells, Problem>| {
            found.push(match row {
                Ok(row) => Ok((0..row.len())
                    .map(|at| row.get(at).map(str::to_owned))
                    .collect()),
                Err(problem) => Err(problem.code.to_string()),
            });
        });
        assert_eq!(done.err().map(|fatal| fatal.code), None);
        let whole = (0..block.frames.len()).filter(|index| block.frames[*index].broken.is_none());
        let expected: Vec<_> = whole
            .map(|index| outcome(chosen.map(|(_, whole)| whole), block.text(index)))
            .collect();
        assert_eq!(found, expected);
    }
}

fn outcome(pattern: Option<&Regex>, line: &[u8]) -> Result<Vec<Option<String>>, String> {
    let line = std::str::from_utf8(line).map_err(|_| "encoding".to_owned())?;
    let Some(pattern) = pattern else {
        return Ok(vec![Some(line.to_owned())]);
    };
    let captured = pattern.captures(line).ok_or("no_match")?;
    let names = pattern.capture_names().flatten();
    let cells = names.map(|name| captured.name(name).map(|group| group.as_str().to_owned()));
    Ok(cells.collect())
}
