//! What is done to a text before it is typed: `transform`, then `strip`, then `extract`. A text that is not
//! changed is not copied.

use super::value::Fault;
use regex::Regex;
use std::borrow::Cow;

/// The changes of one field, in order.
#[derive(Clone, Debug, Default)]
pub struct Shape(Vec<Change>);

/// One change of a text.
#[derive(Clone, Debug)]
pub enum Change {
    /// White space at both ends goes.
    Trim,
    /// Small letters, by Unicode.
    Lowercase,
    /// Capital letters, by Unicode.
    Uppercase,
    /// Each run of white space becomes one space.
    Collapse,
    /// Character references become their characters.
    Unescape,
    /// Each match becomes the text, with `$1` for groups.
    Replace(Regex, String),
    /// This text goes, wherever it stands.
    Strip(String),
    /// The first group stays, or the whole match.
    Extract(Regex),
}

impl Shape {
    /// Changes in order.
    pub fn new(changes: Vec<Change>) -> Self {
        Self(changes)
    }

    /// Whether every text stays as it is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a look at its bytes shows that `text` stays as it is; [`Self::apply`] finds out where it does not.
    #[inline]
    pub fn keeps(&self, text: &str) -> bool {
        self.0.iter().all(|change| change.keeps(text.as_bytes()))
    }

    /// The text with all changes made.
    ///
    /// # Errors
    /// Where there is nothing to extract.
    pub fn apply<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, Fault> {
        let mut text = Cow::Borrowed(text);
        for change in &self.0 {
            text = match text {
                Cow::Borrowed(text) => change.apply(text)?,
                Cow::Owned(text) => Cow::Owned(change.apply(&text)?.into_owned()),
            };
        }
        Ok(text)
    }
}

impl Change {
    fn keeps(&self, text: &[u8]) -> bool {
        match self {
            Self::Trim => {
                let ends = [text.first(), text.last()];
                ends.into_iter().flatten().all(u8::is_ascii_graphic)
            }
            Self::Lowercase => is_small(text),
            Self::Uppercase => is_capital(text),
            _ => false,
        }
    }

    fn apply<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, Fault> {
        Ok(match self {
            Self::Trim => Cow::Borrowed(text.trim()),
            Self::Lowercase => unless(is_small(text.as_bytes()), text, str::to_lowercase),
            Self::Uppercase => unless(is_capital(text.as_bytes()), text, str::to_uppercase),
            Self::Collapse => unless(is_collapsed(text), text, collapse),
            Self::Unescape => unless(!text.contains('&'), text, unescape),
            Self::Replace(pattern, with) => pattern.replace_all(text, with),
            Self::Strip(unwanted) => unless(!text.contains(unwanted), text, |text| {
                text.replace(unwanted, "")
            }),
            Self::Extract(pattern) => {
                let groups = pattern.captures(text);
                let kept = groups.and_then(|groups| groups.get(1).or(groups.get(0)));
                Cow::Borrowed(kept.ok_or_else(no_extract)?.as_str())
            }
        })
    }
}

/// Whether it is ASCII without capital letters.
fn is_small(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

/// Whether it is ASCII without small letters.
fn is_capital(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase())
}

fn no_extract() -> Fault {
    Fault {
        code: "pattern",
        reason: "has nothing that `extract` looks for".into(),
    }
}

fn unless(done: bool, text: &str, change: impl FnOnce(&str) -> String) -> Cow<'_, str> {
    if done {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(change(text))
    }
}

fn is_collapsed(text: &str) -> bool {
    let mut space = false;
    text.chars().all(|char| {
        let before = std::mem::replace(&mut space, char.is_whitespace());
        !space || (char == ' ' && !before)
    })
}

fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if !char.is_whitespace() {
            out.push(char);
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out
}

/// The five entities of XML 1.0, `&nbsp;` and numeric references; any other ampersand stays as it is.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest reference is `&#x10FFFF;`.
        let end = rest.bytes().take(10).position(|byte| byte == b';');
        match end.and_then(|end| Some((referred(&rest[1..end])?, end))) {
            Some((char, end)) => {
                out.push(char);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn referred(name: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        // `from_str_radix` would also read a sign.
        let signed = digits.starts_with(['+', '-']);
        let code = u32::from_str_radix(digits, radix).ok()?;
        (!signed).then(|| char::from_u32(code)).flatten()
    };
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => match name.strip_prefix('#')?.strip_prefix(['x', 'X']) {
            Some(digits) => number(digits, 16),
            None => number(&name[1..], 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: Change, text: &str, expected: &str) {
        let shape = Shape::new(vec![change.clone()]);
        let found = shape.apply(text).unwrap();
        assert_eq!(found, expected, "{change:?} of {text:?}");
        assert!(
            !shape.keeps(text) || text == expected,
            "{change:?} of {text:?}"
        );
        if text == expected && !text.contains('&') {
            assert!(
                matches!(found, Cow::Borrowed(_)),
                "{change:?} of {text:?} is copied"
            );
        }
    }

    #[test]
    fn every_change() {
        for (change, text, expected) in [
            (Change::Trim, " a b\u{a0}\n", "a b"),
            (Change::Lowercase, "ÄbC", "äbc"),
            (Change::Lowercase, "abc-1", "abc-1"),
            (Change::Uppercase, "straße", "STRASSE"),
            (Change::Uppercase, "ABC", "ABC"),
            (Change::Collapse, "a \t\r\n b  c ", "a b c "),
            (Change::Collapse, " a b ", " a b "),
            (Change::Collapse, "a\tb", "a b"),
            (
                Change::Unescape,
                "a &amp; b &lt;&gt;&quot;&apos;&nbsp;",
                "a & b <>\"'\u{a0}",
            ),
            (Change::Unescape, "&#8364;&#x20AC;&#X20ac;&#0;", "€€€\0"),
            (
                Change::Unescape,
                "AT&T &amp;lt; &euro; &#xD800; &#+5; &",
                "AT&T &lt; &euro; &#xD800; &#+5; &",
            ),
            (Change::Unescape, "&ääääääääää;", "&ääääääääää;"),
            (
                Change::Replace(Regex::new(r"(\d+)-(\d+)").unwrap(), "$2/$1".into()),
                "1-2 3-4",
                "2/1 4/3",
            ),
            (Change::Strip("€".into()), "€ 1€2", " 12"),
            (Change::Strip("%".into()), "12", "12"),
            (
                Change::Extract(Regex::new(r"ID:(\w+)").unwrap()),
                "x ID:a7 y",
                "a7",
            ),
            (Change::Extract(Regex::new(r"\d+").unwrap()), "x 42 y", "42"),
        ] {
            check(change, text, expected);
        }
    }

    #[test]
    fn changes_are_made_in_order() {
        let shape = Shape::new(vec![
            Change::Lowercase,
            Change::Trim,
            Change::Strip("-".into()),
        ]);
        assert_eq!(shape.apply(" A-B ").unwrap(), "ab");
    }

    #[test]
    fn nothing_to_extract_is_a_fault() {
        let shape = Shape::new(vec![Change::Extract(Regex::new("[0-9]").unwrap())]);
        assert_eq!(shape.apply("abc").unwrap_err().code, "pattern");
    }
}
