//! The changes that a spec makes to a text before it is typed (`transform`, `strip`, `extract`), and the other way
//! round: a messy spelling that they heal. It makes the changes by itself, not with the parts that a load uses,
//! so that a truth does not rest on what it is to judge; every spelling that it gives out was changed
//! back here first.

use super::chance::Chance;
use super::matcher::Matcher;
use super::words;
use crate::step::bind::{FieldSpec, Transform};
use regex::Regex;

/// Spellings that are tried before the plain one is taken.
const TRIES: usize = 4;

/// The changes of one field, in order.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Trim,
    Lowercase,
    Uppercase,
    Collapse,
    Unescape,
    Replace(Regex, String),
    Strip(String),
    Extract(Box<Matcher>),
}

impl Shape {
    /// The changes that a field asks for. `None` where a regular expression cannot be followed.
    pub fn of(spec: &FieldSpec) -> Option<Self> {
        let mut changes = Vec::new();
        for transform in spec.transform.iter().flatten() {
            changes.push(match transform {
                Transform::Trim => Change::Trim,
                Transform::Lowercase => Change::Lowercase,
                Transform::Uppercase => Change::Uppercase,
                Transform::Collapse => Change::Collapse,
                Transform::Unescape => Change::Unescape,
                Transform::Replace([pattern, with]) => {
                    Change::Replace(crate::spec::regex(pattern).ok()?, with.clone())
                }
            });
        }
        changes.extend(spec.strip.iter().flatten().cloned().map(Change::Strip));
        if let Some(pattern) = &spec.extract {
            changes.push(Change::Extract(Box::new(Matcher::new(pattern)?)));
        }
        Some(Self { changes })
    }

    /// What is looked for in the text, where the spec extracts.
    pub fn extracts(&self) -> Option<&Matcher> {
        match self.changes.last() {
            Some(Change::Extract(matcher)) => Some(matcher),
            _ => None,
        }
    }

    /// Whether it leaves every text as it is.
    pub fn is_plain(&self) -> bool {
        self.changes.is_empty()
    }

    /// What becomes of a text; `None` where there is nothing to extract.
    pub fn changed(&self, text: &str) -> Option<String> {
        self.changes
            .iter()
            .try_fold(text.to_owned(), |text, change| change.made(text))
    }

    /// A text of which this one becomes; `None` where none was found.
    pub fn spelled(&self, text: &str, chance: &mut Chance) -> Option<String> {
        for _ in 0..TRIES {
            let plain = match self.extracts() {
                Some(matcher) => matcher.draw_around(chance, text)?,
                None => text.to_owned(),
            };
            if chance.one_in(2) {
                let changes = self.changes.iter().rev();
                let messy = changes.fold(plain.clone(), |text, change| change.unmade(text, chance));
                if self.changed(&messy).as_deref() == Some(text) {
                    return Some(messy);
                }
            }
            if self.changed(&plain).as_deref() == Some(text) {
                return Some(plain);
            }
        }
        None
    }
}

impl Change {
    /// Most texts are left as they are, and then nothing is copied.
    fn made(&self, mut text: String) -> Option<String> {
        Some(match self {
            Self::Trim if text.trim().len() == text.len() => text,
            Self::Trim => text.trim().to_owned(),
            Self::Lowercase if text.is_ascii() => {
                text.make_ascii_lowercase();
                text
            }
            Self::Lowercase => text.to_lowercase(),
            Self::Uppercase if text.is_ascii() => {
                text.make_ascii_uppercase();
                text
            }
            Self::Uppercase => text.to_uppercase(),
            Self::Collapse => {
                let mut out = String::with_capacity(text.len());
                for char in text.chars() {
                    match char.is_whitespace() {
                        true if out.ends_with(' ') => {}
                        true => out.push(' '),
                        false => out.push(char),
                    }
                }
                out
            }
            Self::Unescape if !text.contains('&') => text,
            Self::Unescape => ENTITIES
                .iter()
                // The ampersand last: `&amp;lt;` is `&lt;`.
                .fold(text, |text, (name, char)| text.replace(name, char)),
            Self::Replace(pattern, with) => pattern.replace_all(&text, with).into_owned(),
            Self::Strip(unwanted) if !text.contains(unwanted) => text,
            Self::Strip(unwanted) => text.replace(unwanted, ""),
            Self::Extract(matcher) => matcher.extract(&text)?.to_owned(),
        })
    }

    /// A text that this change may make out of `text`; whether it does is looked at afterwards.
    fn unmade(&self, text: String, chance: &mut Chance) -> String {
        match self {
            Self::Trim => {
                let space = chance.pick(&[" ", "  ", "\t"]).copied().unwrap_or_default();
                match chance.below(3) {
                    0 => format!("{space}{text}"),
                    1 => format!("{text}{space}"),
                    _ => format!("{space}{text} "),
                }
            }
            Self::Lowercase => with_case(&text, char::to_ascii_uppercase, chance),
            Self::Uppercase => with_case(&text, char::to_ascii_lowercase, chance),
            Self::Collapse => {
                let space = chance
                    .pick(&["  ", " \t", "   "])
                    .copied()
                    .unwrap_or_default();
                text.replacen(' ', space, 1)
            }
            Self::Unescape if !text.contains(['<', '>', '"', '\'', '&']) => text,
            Self::Unescape => ENTITIES
                .iter()
                .rev()
                .fold(text, |text, (name, char)| text.replace(char, name)),
            Self::Replace(..) => text,
            Self::Extract(_) => format!("{} {text} {}", words::plain(chance), words::plain(chance)),
            Self::Strip(unwanted) => match chance.one_in(2) {
                true => format!("{unwanted}{text}"),
                false => format!("{text}{unwanted}"),
            },
        }
    }
}

/// The references that are written; others are never made, and what else is an ampersand stays one.
const ENTITIES: [(&str, &str); 5] = [
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&apos;", "'"),
    ("&amp;", "&"),
];

/// The same letters, all or each by chance in the other case.
fn with_case(text: &str, other: fn(&char) -> char, chance: &mut Chance) -> String {
    let all = chance.one_in(2);
    text.chars()
        .map(|char| match all || chance.one_in(3) {
            true => other(&char),
            false => char,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(spec: &str) -> Shape {
        Shape::of(&toml::from_str(spec).unwrap()).unwrap()
    }

    #[test]
    fn spellings_become_what_they_stand_for() {
        for (spec, text) in [
            ("transform = ['trim', 'uppercase']", "DE-1"),
            ("transform = ['unescape', 'collapse', 'trim']", "Tom & Ann"),
            ("strip = ['€', ' ']", "1,234.50"),
            ("extract = 'code=([A-Z0-9]+)'", "SPRING26"),
            ("transform = [{ replace = ['x', ''] }]", "abc"),
            ("", "as it is"),
        ] {
            let (shape, mut seen) = (shape(spec), std::collections::BTreeSet::new());
            for number in 0..100 {
                let mut chance = Chance::of(1, 2, number);
                let spelling = shape.spelled(text, &mut chance).unwrap();
                assert_eq!(shape.changed(&spelling).as_deref(), Some(text), "{spec}");
                seen.insert(spelling);
            }
            let changes = !spec.is_empty() && !spec.contains("replace");
            assert_eq!(seen.len() > 1, changes, "{spec}: {seen:?}");
        }
    }

    #[test]
    fn what_no_spelling_becomes_has_none() {
        let mut chance = Chance::of(1, 2, 3);
        assert_eq!(
            shape("transform = ['trim']").spelled(" a", &mut chance),
            None
        );
        assert_eq!(shape("extract = '[0-9]'").spelled("a", &mut chance), None);
        assert_eq!(shape("extract = '[0-9]'").changed("abc"), None);
    }
}
