//! The parser of plain lines: a line becomes the groups of a pattern, or one cell.
//!
//! It promises a row for each record: a cell for each named group, in the order of the pattern, or the whole line as the
//! cell `line`. A line that the pattern does not match as a whole is the problem `no_match`, one that is not UTF-8 is
//! `encoding`. Time is linear in the line, whatever the pattern. It never trims and never guesses.

pub mod laws;
#[cfg(test)]
mod tests;

use super::encoding::not_utf8;
use crate::record::Cells;
use crate::spec::{plain_digits, whole};
use pipeline::{Block, Fatal, Parser, Problem};
use regex::{CaptureLocations, Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of the one cell, where there is no pattern.
pub const LINE: &str = "line";
/// The most bytes of a compiled pattern, and of what it remembers while it reads.
const MAX_PATTERN_BYTES: usize = 4 * 1024 * 1024;

/// `[format.lines]` as it stands in a spec: each line is a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinesSpec {
    /// A regular expression that the whole line must match; its named groups, `(?<host>\S+)`, are what fields take their
    /// values from. A group that takes no part in a match is null. Default: none; the whole line is the value `line`.
    #[schemars(example = &r#"(?<host>\S+) (?<rest>.*)"#)]
    pub pattern: Option<String>,
    /// The character that makes a line a comment when it is the first, one ASCII character. Default: none.
    #[schemars(example = &"#")]
    pub comment_char: Option<String>,
    /// Lines to pass over at the start of the file, blank ones counted. Default: 0.
    #[schemars(example = 1)]
    pub skip_rows: Option<u64>,
}

/// A pattern with named groups, anchored at both ends.
#[derive(Clone, Debug)]
pub struct LinePattern {
    text: String,
    regex: Regex,
    /// Numbers of the named groups, in order.
    groups: Vec<usize>,
}

impl LinePattern {
    /// The pattern `text`.
    ///
    /// # Errors
    /// The regular expression's; too large a one too.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        let build = |text: &str| {
            RegexBuilder::new(text)
                .size_limit(MAX_PATTERN_BYTES)
                .dfa_size_limit(MAX_PATTERN_BYTES)
                .build()
        };
        // Alone it must be one too, so that it cannot close the group around it.
        build(text)?;
        let regex = build(&whole(text))?;
        Ok(Self::of(text, regex))
    }

    /// The pattern `text`, which need not match the whole line: what tells a kind of record.
    ///
    /// # Errors
    /// Likewise.
    pub fn searched(text: &str) -> Result<Self, regex::Error> {
        let built = RegexBuilder::new(&plain_digits(text))
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES)
            .build();
        built.map(|regex| Self::of(text, regex))
    }

    fn of(text: &str, regex: Regex) -> Self {
        let groups = regex.capture_names().enumerate();
        let groups = groups.filter_map(|(number, name)| name.map(|_| number));
        Self {
            text: text.to_owned(),
            groups: groups.collect(),
            regex,
        }
    }

    /// The names of its groups, in order.
    pub fn names(&self) -> Vec<String> {
        let names = self.regex.capture_names().flatten();
        names.map(str::to_owned).collect()
    }

    /// Which of its groups stand inside each other: the outer and the inner one, by their places in [`Self::names`].
    pub fn nested(&self) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        // What the larger pattern was made of is one, too.
        if let Ok(pattern) = regex_syntax::parse(&self.text) {
            nested(&pattern, &mut Vec::new(), &mut 0, &mut pairs);
        }
        pairs
    }
}

/// Walks a pattern with the named groups around it; `next` is the place of the next one. Parsers limit the depth.
fn nested(
    pattern: &Hir,
    around: &mut Vec<usize>,
    next: &mut usize,
    pairs: &mut Vec<(usize, usize)>,
) {
    match pattern.kind() {
        HirKind::Capture(group) if group.name.is_some() => {
            let place = *next;
            *next += 1;
            pairs.extend(around.iter().map(|outer| (*outer, place)));
            around.push(place);
            nested(&group.sub, around, next, pairs);
            around.pop();
        }
        _ => {
            for sub in pattern.kind().subs() {
                nested(sub, around, next, pairs);
            }
        }
    }
}

impl PartialEq for LinePattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for LinePattern {}

/// Parses lines.
#[derive(Clone, Debug)]
pub struct LinesParser {
    pattern: Option<LinePattern>,
}

impl LinesParser {
    /// A parser by `pattern`, or of whole lines.
    pub fn new(pattern: Option<&LinePattern>) -> Self {
        Self {
            pattern: pattern.cloned(),
        }
    }

    fn read(&self, line: &str, locations: Option<&mut CaptureLocations>, row: &mut Cells) -> bool {
        row.refill(line);
        let (Some(pattern), Some(locations)) = (&self.pattern, locations) else {
            row.place(0, line.len());
            return true;
        };
        if pattern.regex.captures_read(locations, line).is_none() {
            return false;
        }
        for group in &pattern.groups {
            match locations.get(*group) {
                Some((start, end)) => row.place(start, end),
                None => row.skip(),
            }
        }
        true
    }
}

impl Parser<Cells> for LinesParser {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut Cells, Problem>),
    ) -> Result<(), Fatal> {
        let mut row = Cells::default();
        let pattern = self.pattern.as_ref();
        let mut locations = pattern.map(|pattern| pattern.regex.capture_locations());
        for (frame, index) in block.frames.iter().zip(0..) {
            if frame.broken.is_some() {
                continue;
            }
            let bytes = block.text(index);
            match std::str::from_utf8(bytes) {
                Err(error) => each(index, Err(not_utf8(bytes, error))),
                Ok(line) if self.read(line, locations.as_mut(), &mut row) => {
                    each(index, Ok(&mut row));
                }
                Ok(_) => {
                    let message =
                        "the line as a whole does not match the pattern of [format.lines]";
                    each(index, Err(Problem::of_record("no_match", message)));
                }
            }
        }
        Ok(())
    }
}
