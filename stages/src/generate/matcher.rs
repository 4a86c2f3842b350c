//! Texts that a regular expression matches, made by a walk through its syntax tree. What the walk cannot know (word
//! boundaries, anchors inside) is looked at afterwards by whoever asked: the expression itself judges the text. It
//! never makes more than [`MAX_BYTES`].

use super::chance::Chance;
use crate::spec::plain_digits;
use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

/// The most bytes of a text.
const MAX_BYTES: usize = 64 * 1024;
/// The letters that are taken where the class has them.
const PLAIN: std::ops::RangeInclusive<u8> = b' '..=b'~';

/// A regular expression, and what its texts are made of.
#[derive(Clone, Debug)]
pub struct Matcher {
    part: Part,
    whole: Regex,
    anywhere: Regex,
}

/// A node of the syntax tree, as texts are drawn from it.
#[derive(Clone, Debug)]
enum Part {
    Nothing,
    Literal(Box<[u8]>),
    /// The plain letters of a class, and all of its ranges.
    Class(Vec<u8>, Vec<(u32, u32)>),
    Bytes(Vec<(u8, u8)>),
    Repeated(Box<Part>, u32, u32),
    FirstGroup(Box<Part>),
    All(Vec<Part>),
    OneOf(Vec<Part>),
}

impl Matcher {
    /// Reads a pattern that is known to be a regular expression.
    pub fn new(pattern: &str) -> Option<Self> {
        let pattern = plain_digits(pattern);
        Some(Self {
            part: Part::of(&regex_syntax::parse(&pattern).ok()?),
            whole: Regex::new(&format!(r"\A(?:{pattern})\z")).ok()?,
            anywhere: Regex::new(&pattern).ok()?,
        })
    }

    /// Whether it matches the text from end to end.
    pub fn matches_whole(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// Whether it matches anywhere in the text.
    pub fn matches(&self, text: &str) -> bool {
        self.anywhere.is_match(text)
    }

    /// The first group of the first match, or the match where there is no group.
    pub fn extract<'t>(&self, text: &'t str) -> Option<&'t str> {
        let groups = self.anywhere.captures(text)?;
        Some(groups.get(1).or(groups.get(0))?.as_str())
    }

    /// A text that most likely matches; each repetition without an end comes up to `more` times more than it must.
    pub fn draw(&self, chance: &mut Chance, more: u32) -> Option<String> {
        self.write(chance, more, None)
    }

    /// The same with `text` in the place of the first group, or `text` itself where there is no group.
    pub fn draw_around(&self, chance: &mut Chance, text: &str) -> Option<String> {
        if self.anywhere.captures_len() < 2 {
            return Some(text.to_owned());
        }
        self.write(chance, 3, Some(text))
    }

    /// What the first group may hold, or the whole match where there is no group.
    pub fn draw_group(&self, chance: &mut Chance, more: u32) -> Option<String> {
        let text = self.draw(chance, more)?;
        self.extract(&text).map(str::to_owned)
    }

    fn write(&self, chance: &mut Chance, more: u32, group: Option<&str>) -> Option<String> {
        let mut walk = Walk {
            chance,
            more,
            group,
            out: Vec::new(),
        };
        walk.on(&self.part)?;
        String::from_utf8(walk.out).ok()
    }
}

struct Walk<'a> {
    chance: &'a mut Chance,
    more: u32,
    group: Option<&'a str>,
    out: Vec<u8>,
}

impl Walk<'_> {
    /// `None` where nothing matches, or the text becomes too long. The parser bounds how deep a tree is.
    fn on(&mut self, part: &Part) -> Option<()> {
        if self.out.len() > MAX_BYTES {
            return None;
        }
        match part {
            Part::Nothing => {}
            Part::Literal(literal) => self.out.extend_from_slice(literal),
            Part::Class(plain, ranges) => match self.plain_of(plain) {
                Some(letter) => self.out.push(letter),
                None => {
                    let char = one_of(ranges, self.chance)?;
                    self.out
                        .extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                }
            },
            Part::Bytes(ranges) => {
                let (start, end) = *self.chance.pick(ranges)?;
                let any = self.chance.between(start.into(), end.into());
                self.out.push(any as u8);
            }
            Part::Repeated(part, least, most) => {
                let most = (*most).min(least.saturating_add(self.more));
                let count = self.chance.between((*least).into(), most.into());
                for _ in 0..count {
                    self.on(part)?;
                }
            }
            Part::FirstGroup(part) => match self.group {
                Some(text) => self.out.extend_from_slice(text.as_bytes()),
                None => self.on(part)?,
            },
            Part::All(parts) => {
                for part in parts {
                    self.on(part)?;
                }
            }
            Part::OneOf(parts) => {
                let part = self.chance.pick(parts)?;
                self.on(part)?;
            }
        }
        Some(())
    }

    /// Mostly a letter that every keyboard has, where the class has one.
    fn plain_of(&mut self, plain: &[u8]) -> Option<u8> {
        match plain.is_empty() || self.chance.one_in(32) {
            true => None,
            false => self.chance.pick(plain).copied(),
        }
    }
}

impl Part {
    fn of(hir: &Hir) -> Self {
        let all = |parts: &[Hir]| parts.iter().map(Self::of).collect();
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::Nothing,
            HirKind::Literal(literal) => Self::Literal(literal.0.clone()),
            HirKind::Class(Class::Unicode(class)) => {
                let ranges = class.ranges().iter();
                let ranges: Vec<(u32, u32)> = ranges
                    .map(|range| (u32::from(range.start()), u32::from(range.end())))
                    .collect();
                let has = |letter: &u8| {
                    let letter = u32::from(*letter);
                    ranges
                        .iter()
                        .any(|(start, end)| (*start..=*end).contains(&letter))
                };
                Self::Class(PLAIN.filter(has).collect(), ranges)
            }
            HirKind::Class(Class::Bytes(class)) => {
                let ranges = class.ranges().iter();
                Self::Bytes(ranges.map(|range| (range.start(), range.end())).collect())
            }
            HirKind::Repetition(repetition) => Self::Repeated(
                Box::new(Self::of(&repetition.sub)),
                repetition.min,
                repetition.max.unwrap_or(u32::MAX),
            ),
            HirKind::Capture(capture) if capture.index == 1 => {
                Self::FirstGroup(Box::new(Self::of(&capture.sub)))
            }
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Concat(parts) => Self::All(all(parts)),
            HirKind::Alternation(parts) => Self::OneOf(all(parts)),
        }
    }
}

/// Any character of a class.
fn one_of(ranges: &[(u32, u32)], chance: &mut Chance) -> Option<char> {
    let (start, end) = *chance.pick(ranges)?;
    let any = chance.between(start.into(), end.into()) as u32;
    // Between the ends of a range may lie numbers that are no characters.
    char::from_u32(any).or(char::from_u32(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_matches() {
        for pattern in [
            r"[A-Z]{2}-\d{8}",
            r"\d{8}|\d{13}",
            r"u-[0-9a-f]{6}",
            r"(?i)abc(d|e)?",
            r"^[^,;]{3,}$",
            r"\p{Greek}+x*",
            r"(a|bc){2,4}?\.",
            r".*",
            "",
        ] {
            let matcher = Matcher::new(pattern).unwrap();
            for number in 0..200 {
                let mut chance = Chance::of(1, 2, number);
                let text = matcher.draw(&mut chance, 5).unwrap();
                assert!(matcher.matches_whole(&text), "{pattern} and {text:?}");
            }
        }
    }

    #[test]
    fn a_group_is_filled_and_found_again() {
        let matcher = Matcher::new(r"code=([A-Z0-9]+)&?").unwrap();
        let mut chance = Chance::of(1, 2, 3);
        let text = matcher.draw_around(&mut chance, "SPRING26").unwrap();
        assert_eq!(matcher.extract(&text), Some("SPRING26"));
        let group = matcher.draw_group(&mut chance, 4).unwrap();
        assert!(
            group.chars().all(|char| char.is_ascii_alphanumeric()),
            "{group}"
        );
    }

    #[test]
    fn what_matches_nothing_is_not_drawn() {
        let matcher = Matcher::new(r"[^\s\S]").unwrap();
        assert_eq!(matcher.draw(&mut Chance::of(1, 2, 3), 4), None);
        let endless = Matcher::new(r"(?:a{300}){300}").unwrap();
        assert_eq!(endless.draw(&mut Chance::of(1, 2, 3), 4), None);
    }
}
