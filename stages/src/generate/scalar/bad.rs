//! Bad values, of which exactly one thing is wrong, or the thing that is told first.

use super::{Allowed, Found, Medium, Scalar};
use crate::generate::chance::Chance;
use crate::generate::duration::duration;
use crate::generate::moment::{DAY_MS, Written};
use crate::generate::number::Number;
use crate::generate::words;
use crate::record::Type;

/// The longest text that is made to be too long, in characters.
const MAX_TOO_LONG: u64 = 5_000;

impl Scalar {
    /// A bad value and its code, of a kind drawn by chance; `None` where that kind is not to be had.
    pub fn bad(&self, chance: &mut Chance) -> Option<(Found, &'static str)> {
        match chance.below(8) {
            0..=2 => self.of_no_type(chance).map(|found| (found, "type")),
            3 => self.beyond_its_type().map(|found| (found, "number_range")),
            4 => self.beyond(true, chance).map(|found| (found, "minimum")),
            5 => self.beyond(false, chance).map(|found| (found, "maximum")),
            6 => self.of_no_length(chance),
            _ => self.of_no_form(chance),
        }
    }

    /// Something else than a value of the type.
    fn of_no_type(&self, chance: &mut Chance) -> Option<Found> {
        if self.medium == Medium::Json && chance.one_in(2) {
            return match self.kind {
                Type::Boolean => Some(Found::Word("2".into())).filter(|_| !self.lax),
                Type::Integer | Type::Float if !self.lax => Some(Found::Text("12".into())),
                Type::String | Type::Uuid | Type::Email | Type::Url if !self.lax => {
                    Some(Found::Word("42".into()))
                }
                Type::Date | Type::Time => Some(Found::Word("true".into())),
                _ => Some(Found::List(Vec::new())),
            };
        }
        let texts: &[&str] = match self.kind {
            Type::String => return None,
            Type::Integer => &["soon", "12x", "1e3", "--1", "1.5.0"],
            Type::Float | Type::Decimal => &["soon", "12x", "--1", "1 2"],
            Type::Boolean => &["perhaps", "2"],
            Type::Duration => &["soon", "P1Y", "1:2:3:4:5"],
            Type::Uuid => &["soon", "0190b2a4-0000-7000-8000-00000000000g"],
            Type::Email => &["soon", "a b@example.org", "a@b..c"],
            Type::Url => &["soon", "ftp://example.org/a", "http://"],
            Type::Date | Type::Datetime | Type::Time => {
                let moments = self.moments.as_ref()?;
                let text = match chance.below(3) {
                    0 => moments.no_day(chance),
                    1 => moments.skipped(chance),
                    _ => None,
                };
                return Some(Found::Text(text.unwrap_or_else(|| "soon".to_owned())));
            }
            Type::List | Type::Object => return Some(Found::Text("soon".into())),
        };
        let text = chance.pick(texts)?;
        let is_truth =
            self.kind == Type::Boolean && self.truths.iter().flatten().any(|one| one == text);
        (!is_truth).then(|| Found::Text((*text).to_owned()))
    }

    /// A number that the type cannot hold.
    fn beyond_its_type(&self) -> Option<Found> {
        let text = match self.kind {
            Type::Integer => "9223372036854775808",
            Type::Float => "1e400",
            Type::Decimal => "12345678901234567890123456789012345678901",
            _ => return None,
        };
        let is_word = self.medium == Medium::Json && !(self.lax && self.kind != Type::Decimal);
        Some(match is_word {
            true => Found::Word(text.into()),
            false => Found::Text(text.into()),
        })
    }

    /// A value just outside a limit.
    fn beyond(&self, below: bool, chance: &mut Chance) -> Option<Found> {
        let limit = if below { self.least } else { self.most }?;
        match self.kind {
            Type::Date | Type::Datetime | Type::Time => {
                let (moments, ms) = (
                    self.moments.as_ref()?,
                    i64::try_from(limit.coefficient).ok()?,
                );
                let in_day =
                    |one: &Written| self.kind != Type::Time || (0..DAY_MS).contains(&one.ms);
                let written = match below {
                    true => moments.before(ms, self.counts(), chance),
                    false => moments.behind(ms, self.counts(), chance),
                };
                written.filter(in_day).map(|one| self.moment(one))
            }
            Type::Duration => {
                let step = if below { -1 } else { 1 };
                let all = i64::try_from(limit.coefficient).ok()?.checked_add(step)?;
                Some(Found::Text(duration(all, chance)))
            }
            _ => {
                let places = self.places(chance);
                let coefficient = match below {
                    true => limit.ceil(places)?.checked_sub(1)?,
                    false => limit.floor(places)?.checked_add(1)?,
                };
                let number = Number {
                    coefficient,
                    places,
                };
                self.holds(number).then(|| self.written(number, chance))?
            }
        }
    }

    /// A text that is too short or too long.
    fn of_no_length(&self, chance: &mut Chance) -> Option<(Found, &'static str)> {
        let long = chance.one_in(2);
        let text = match (long, self.max_length) {
            (true, Some(most)) if most < MAX_TOO_LONG => match self.kind {
                Type::String => "x".repeat(most as usize + 1 + chance.below(5)),
                Type::Email => words::email(most + 1, chance),
                Type::Url => words::url(most + 1, chance),
                _ => return None,
            },
            (false, _) if self.kind == Type::String && self.min_length > 1 => {
                "x".repeat(chance.between(1, i128::from(self.min_length) - 1) as usize)
            }
            _ => return None,
        };
        let code = if long { "max_length" } else { "min_length" };
        Some((Found::Text(text), code))
    }

    /// A text that does not match, or a value that is not allowed.
    fn of_no_form(&self, chance: &mut Chance) -> Option<(Found, &'static str)> {
        let text = match self.kind {
            Type::String => chance
                .pick(&["?", "none of these", "zz-9"])
                .copied()?
                .to_owned(),
            Type::Email => words::email(self.min_length, chance),
            Type::Url => words::url(self.min_length, chance),
            _ => return None,
        };
        if !self.is_length(&text) {
            return None;
        }
        if !self.is_match(&text) {
            return Some((Found::Text(text), "pattern"));
        }
        let among = |one: &Allowed| matches!(one, Allowed::Text(allowed) if *allowed == text);
        let allowed = self.allowed.as_deref()?;
        (!allowed.iter().any(among)).then_some((Found::Text(text), "enum"))
    }
}
