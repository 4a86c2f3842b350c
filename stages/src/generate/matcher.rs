//! Texts that a regular expression matches, made by a walk through its syntax tree. What the walk cannot know (word
//! boundaries, anchors inside) is looked at afterwards by whoever asked: the expression itself judges the text. It
//! never makes more than [`MAX_BYTES`].

use super::chance::Chance;
use regex::Regex;
use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind};

/// The most bytes of a text.
const MAX_BYTES: usize = 64 * 1024;
/// The letters that are taken where the class has them.
const PLAIN: std::ops::RangeInclusive<char> = ' '..='~';

/// A regular expression and its syntax tree.
#[derive(Clone, Debug)]
pub struct Matcher {
    hir: Hir,
    whole: Regex,
    anywhere: Regex,
}

impl Matcher {
    /// Reads a pattern that is known to be a regular expression.
    pub fn new(pattern: &str) -> Option<Self> {
        Some(Self {
            hir: regex_syntax::parse(pattern).ok()?,
            whole: Regex::new(&format!(r"\A(?:{pattern})\z")).ok()?,
            anywhere: Regex::new(pattern).ok()?,
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
        walk.on(&self.hir)?;
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
    fn on(&mut self, hir: &Hir) -> Option<()> {
        if self.out.len() > MAX_BYTES {
            return None;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => self.out.extend_from_slice(&literal.0),
            HirKind::Class(Class::Unicode(class)) => {
                let char = one_of(class, self.chance)?;
                self.out
                    .extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            }
            HirKind::Class(Class::Bytes(class)) => {
                let range = *self.chance.pick(class.ranges())?;
                let (start, end) = (i128::from(range.start()), i128::from(range.end()));
                self.out.push(self.chance.between(start, end) as u8);
            }
            HirKind::Repetition(repetition) => {
                let least = repetition.min;
                let most = repetition.max.unwrap_or(u32::MAX);
                let most = most.min(least.saturating_add(self.more));
                let count = self.chance.between(least.into(), most.into());
                for _ in 0..count {
                    self.on(&repetition.sub)?;
                }
            }
            HirKind::Capture(capture) => match self.group.filter(|_| capture.index == 1) {
                Some(text) => self.out.extend_from_slice(text.as_bytes()),
                None => self.on(&capture.sub)?,
            },
            HirKind::Concat(parts) => {
                for part in parts {
                    self.on(part)?;
                }
            }
            HirKind::Alternation(parts) => {
                let part = self.chance.pick(parts)?;
                self.on(part)?;
            }
        }
        Some(())
    }
}

/// A character of a class: mostly one that every keyboard has, now and then any other.
fn one_of(class: &ClassUnicode, chance: &mut Chance) -> Option<char> {
    let ranges = class.ranges();
    let plain: Vec<(u32, u32)> = ranges
        .iter()
        .take_while(|range| range.start() <= *PLAIN.end())
        .filter(|range| range.end() >= *PLAIN.start())
        .map(|range| {
            let (start, end) = (
                range.start().max(*PLAIN.start()),
                range.end().min(*PLAIN.end()),
            );
            (u32::from(start), u32::from(end))
        })
        .collect();
    let size = |ranges: &[(u32, u32)]| {
        ranges
            .iter()
            .map(|(start, end)| end - start + 1)
            .sum::<u32>()
    };
    if !plain.is_empty() && !chance.one_in(32) {
        let mut at = chance.below(size(&plain) as usize) as u32;
        for (start, end) in &plain {
            let len = end - start + 1;
            match at.checked_sub(len) {
                None => return char::from_u32(start + at),
                Some(rest) => at = rest,
            }
        }
    }
    let range = chance.pick(ranges)?;
    let (start, end) = (u32::from(range.start()), u32::from(range.end()));
    let any = chance.between(start.into(), end.into()) as u32;
    // Between the ends of a range may lie numbers that are no characters.
    char::from_u32(any).or(Some(range.start()))
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
