//! A pattern that a whole text must match.
//!
//! Most texts are ASCII, and for these the automaton of most patterns is small: it is built when the spec is read,
//! and a text costs one look into a table for each byte. All others are left to the regular expression, which
//! gives the same answers.

use regex::Regex;
use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use std::fmt;
use std::sync::Arc;

/// The most bytes of a built automaton, and of what it is built from.
const MAX_AUTOMATON_BYTES: usize = 256 * 1024;

/// A pattern, anchored at both ends.
#[derive(Clone)]
pub struct Pattern {
    regex: Regex,
    /// For ASCII texts, with the state at their beginning.
    automaton: Option<(Arc<dense::DFA<Vec<u32>>>, StateID)>,
}

impl Pattern {
    /// The pattern `text`.
    ///
    /// # Errors
    /// The regular expression's, which shows `text` alone where the fault is in it.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        Regex::new(text)?;
        // The group keeps alternatives inside the anchors.
        let whole = format!(r"\A(?:{text})\z");
        Ok(Self {
            regex: Regex::new(&whole)?,
            automaton: is_plain(text).then(|| automaton(&whole)).flatten(),
        })
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let Some((automaton, start)) = self.automaton.as_ref().filter(|_| text.is_ascii()) else {
            return self.regex.is_match(text);
        };
        let end = text
            .bytes()
            .fold(*start, |state, byte| automaton.next_state(state, byte));
        automaton.is_match_state(automaton.next_eoi_state(end))
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

/// The automaton of `whole` without Unicode, and its first state; `None` where it is too large.
fn automaton(whole: &str) -> Option<(Arc<dense::DFA<Vec<u32>>>, StateID)> {
    let limits = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .dfa_size_limit(Some(MAX_AUTOMATON_BYTES))
        .determinize_size_limit(Some(MAX_AUTOMATON_BYTES));
    let built = dense::Builder::new()
        .configure(limits)
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(MAX_AUTOMATON_BYTES)),
        )
        .build(whole)
        .ok()?;
    let start = start::Config::new().anchored(Anchored::Yes);
    let start = built.start_state(&start).ok()?;
    Some((Arc::new(built), start))
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
            assert_eq!(pattern.automaton.is_some(), *expected, "{text}");
        }
        assert!(Pattern::new("a)(b").is_err());
    }

    static ALL: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
        let all = PATTERNS.iter().map(|(text, _)| Pattern::new(text));
        all.collect::<Result<_, _>>().unwrap()
    });

    proptest! {
        #[test]
        fn the_automaton_answers_as_the_regular_expression(
            text in "[A-Za-cks\u{212a}0-2\u{663}ä\n -]{0,12}|[A-Z]{2}-[0-9\u{663}]{7,9}|[ab \n-]{1,3}",
        ) {
            for pattern in &*ALL {
                let expected = pattern.regex.is_match(&text);
                prop_assert_eq!(pattern.matches(&text), expected, "{:?} of {:?}", pattern, text);
            }
        }
    }
}
