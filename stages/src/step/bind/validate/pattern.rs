//! A pattern that a whole text must match.
//!
//! Most texts are ASCII, and for these the automaton of most patterns is small: it is built when the spec is read,
//! and a text costs one look into a table for each byte. All others are left to the regular expression, which
//! gives the same answers.

use crate::spec::whole;
use regex::Regex;
use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::{start, syntax};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The most bytes of a built automaton, and of what it is built from.
const MAX_AUTOMATON_BYTES: usize = 256 * 1024;
/// The most states of a table, of 256 bytes each.
const MAX_STATES: usize = 1024;

/// A pattern, anchored at both ends.
#[derive(Clone)]
pub struct Pattern {
    regex: Regex,
    /// For ASCII texts.
    table: Option<Arc<Table>>,
}

/// An automaton as a table. The first state is that at the beginning of a text.
struct Table {
    /// For each state and each byte of ASCII, the next state.
    next: Vec<[u16; 128]>,
    /// Whether a text that ends in a state matches.
    accepts: Vec<bool>,
}

impl Pattern {
    /// The pattern `text`.
    ///
    /// # Errors
    /// The regular expression's, which shows `text` alone where the fault is in it.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        Regex::new(text)?;
        let whole = whole(text);
        Ok(Self {
            regex: Regex::new(&whole)?,
            table: is_plain(text)
                .then(|| Table::of(&whole))
                .flatten()
                .map(Arc::new),
        })
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        match self.table.as_ref().filter(|_| text.is_ascii()) {
            Some(table) => table.matches(text.as_bytes()),
            None => self.regex.is_match(text),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.regex.fmt(f)
    }
}

/// Whether a pattern says nothing of single characters beyond ASCII, of which some are, in other letters, ASCII: then
/// it means the same for an ASCII text without Unicode.
fn is_plain(text: &str) -> bool {
    let escapes = |pair: &[u8]| pair[0] == b'\\' && b"xuUpP".contains(&pair[1]);
    text.is_ascii() && !text.as_bytes().windows(2).any(escapes)
}

impl Table {
    /// The table of `whole` without Unicode; `None` where it is too large.
    fn of(whole: &str) -> Option<Self> {
        let automaton = automaton(whole)?;
        let start = start::Config::new().anchored(Anchored::Yes);
        let mut states = vec![automaton.start_state(&start).ok()?];
        let mut numbers = HashMap::from([(states[0], 0)]);
        let (mut next, mut accepts) = (Vec::new(), Vec::new());
        while let Some(&state) = states.get(next.len()) {
            let mut row = [0; 128];
            for (byte, entry) in (0_u8..).zip(&mut row) {
                let behind = automaton.next_state(state, byte);
                *entry = *numbers.entry(behind).or_insert_with(|| {
                    states.push(behind);
                    states.len() as u16 - 1
                });
            }
            next.push(row);
            accepts.push(automaton.is_match_state(automaton.next_eoi_state(state)));
            if states.len() > MAX_STATES {
                return None;
            }
        }
        Some(Self { next, accepts })
    }

    /// Whether all of `text`, which is ASCII, matches.
    fn matches(&self, text: &[u8]) -> bool {
        let step = |state: usize, byte: &u8| usize::from(self.next[state][usize::from(byte & 127)]);
        self.accepts[text.iter().fold(0, step)]
    }
}

/// The automaton of `whole` without Unicode; `None` where it is too large.
fn automaton(whole: &str) -> Option<dense::DFA<Vec<u32>>> {
    let limits = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .dfa_size_limit(Some(MAX_AUTOMATON_BYTES))
        .determinize_size_limit(Some(MAX_AUTOMATON_BYTES));
    dense::Builder::new()
        .configure(limits)
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(MAX_AUTOMATON_BYTES)),
        )
        .build(whole)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    const PATTERNS: &[(&str, bool)] = &[
        (r"[A-Z]{2}-\d{8}", true),
        (r"a|bc|", true),
        (r"(?i)k+|s", true),
        (r"(?m)^a$|b\n?", true),
        (r"(?s)..", true),
        (r"\w{2,40}\s?", true),
        (r"a\b.*|\W\S\D", true),
        (r"[^a]*-[^\d]", true),
        (r"(?u)\w-(?-u:\w)", true),
        (r".*ä.?", false),
        (r"(?i)\u{212a}|\x73", false),
        (r"\p{Lu}+", false),
        (r"[ab]*a[ab]{14}", false),
    ];

    #[test]
    fn small_patterns_are_built() {
        for (text, expected) in PATTERNS {
            let pattern = Pattern::new(text).unwrap();
            assert_eq!(pattern.table.is_some(), *expected, "{text}");
        }
        assert!(Pattern::new("a)(b").is_err());
    }

    static ALL: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
        let all = PATTERNS.iter().map(|(text, _)| Pattern::new(text));
        all.collect::<Result<_, _>>().unwrap()
    });

    proptest! {
        #[test]
        fn the_table_answers_as_the_regular_expression(
            text in "[A-Za-cks\u{212a}0-2\u{663}ä\n -]{0,12}|[A-Z]{2}-[0-9\u{663}]{7,9}|[ab \n-]{1,3}",
        ) {
            for pattern in &*ALL {
                let expected = pattern.regex.is_match(&text);
                prop_assert_eq!(pattern.matches(&text), expected, "{:?} of {:?}", pattern, text);
            }
        }
    }
}
