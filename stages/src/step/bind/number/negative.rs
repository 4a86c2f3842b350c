//! How negative numbers are written beside a sign in front: accountants put them in parentheses, some programs put
//! the sign behind. A text is brought to the plain way first, so that the numbers themselves have one reader.

use schemars::JsonSchema;
use serde::Deserialize;
use std::borrow::Cow;

/// How negative numbers are written. A sign in front is read whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Negative {
    /// `-1.50`, and nothing else.
    #[default]
    Leading,
    /// `1.50-` too.
    Trailing,
    /// `(1.50)` too.
    Parentheses,
}

impl Negative {
    /// The number with its sign in front. `None` where the text has two signs, which are no number.
    pub fn in_front(self, text: &str) -> Option<Cow<'_, str>> {
        let inner = match self {
            Self::Leading => None,
            Self::Trailing => text.strip_suffix('-'),
            Self::Parentheses => text
                .strip_prefix('(')
                .and_then(|text| text.strip_suffix(')')),
        };
        match inner {
            None => Some(Cow::Borrowed(text)),
            Some(inner) if inner.starts_with(['+', '-']) => None,
            Some(inner) => Some(Cow::Owned(format!("-{inner}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Negative::{self, Leading, Parentheses, Trailing};

    #[test]
    fn every_sign_comes_to_the_front_and_none_counts_twice() {
        let check = |negative: Negative, text: &str, expected: Option<&str>| {
            let found = negative.in_front(text);
            assert_eq!(found.as_deref(), expected, "{negative:?} {text:?}");
        };
        for negative in [Leading, Trailing, Parentheses] {
            check(negative, "-1.50", Some("-1.50"));
            check(negative, "1.50", Some("1.50"));
            check(negative, "", Some(""));
        }
        for (negative, text, expected) in [
            (Leading, "1-", Some("1-")),
            (Leading, "(1)", Some("(1)")),
            (Trailing, "1.234,56-", Some("-1.234,56")),
            (Trailing, "-1-", None),
            (Trailing, "+1-", None),
            (Trailing, "-", Some("-")),
            (Trailing, "(1)", Some("(1)")),
            (Parentheses, "(1.234,56)", Some("-1.234,56")),
            (Parentheses, "(-1)", None),
            (Parentheses, "-(1)", Some("-(1)")),
            (Parentheses, "((1))", Some("-(1)")),
            (Parentheses, "(1", Some("(1")),
            (Parentheses, "()", Some("-")),
            (Parentheses, "1-", Some("1-")),
        ] {
            check(negative, text, expected);
        }
    }
}
