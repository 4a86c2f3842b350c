//! One value of a type, as the words of a spec ask for it: good ones within every constraint, and bad ones ([`bad`])
//! whose code is known.

mod bad;

use super::chance::Chance;
use super::duration::{duration, seconds};
use super::matcher::Matcher;
use super::moment::{Counts, Form, Moments, Written, limit_ms};
use super::number::{self, Number, Style};
use super::words;
use crate::record::Type;
use crate::step::bind::{FieldSpec, Literal, POSIX_PIVOT, ValuesSpec, Zone};

/// Texts that are tried before a value is given up.
const TRIES: usize = 60;
/// The most repetitions of a pattern that are tried for the sake of its length.
const MAX_REPETITIONS: u64 = 5_000;

/// A value as the input holds it.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A text: a cell, or a JSON text.
    Text(String),
    /// A number, a truth value or null, as JSON writes it.
    Word(String),
    /// A JSON list.
    List(Vec<Found>),
    /// A JSON object.
    Object(Vec<(String, Found)>),
}

/// What is not made, and the key of the field that asks for it.
pub struct Refusal {
    pub key: &'static str,
    pub reason: String,
}

/// Whether values stand in cells or in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    Cells,
    Json,
}

/// How values of one field, or of a list's items, are made.
#[derive(Clone, Debug)]
pub struct Scalar {
    pub kind: Type,
    medium: Medium,
    style: Style,
    truths: [Vec<String>; 2],
    moments: Option<Moments>,
    /// Coefficients, days in milliseconds, milliseconds or seconds.
    least: Option<Number>,
    most: Option<Number>,
    min_length: u64,
    max_length: Option<u64>,
    pattern: Option<Matcher>,
    /// What texts are made of where nothing else says it.
    made_of: Option<Matcher>,
    allowed: Option<Vec<Allowed>>,
    lax: bool,
}

/// A value of `enum`.
#[derive(Clone, Debug)]
enum Allowed {
    Text(String),
    Number(Number),
    Truth(bool),
}

impl Scalar {
    /// The values of type `kind` of a field. `is_item`: those of its list's items, which have no constraints.
    pub fn of(
        kind: Type,
        is_item: bool,
        medium: Medium,
        spec: &FieldSpec,
        values: &ValuesSpec,
    ) -> Result<Self, Refusal> {
        let refuse = |key, reason: &str| Refusal {
            key,
            reason: reason.to_owned(),
        };
        let zone_name = spec.timezone.as_ref().or(values.timezone.as_ref());
        let zone = zone_name
            .and_then(|name| Zone::named(name))
            .map(|zone| zone.rules().clone());
        let texts =
            |own: &Option<Vec<String>>, all: &Option<Vec<String>>, else_these: [&str; 2]| {
                let said = own.as_ref().or(all.as_ref()).cloned();
                said.unwrap_or_else(|| else_these.map(str::to_owned).to_vec())
            };
        let moments = match kind {
            Type::Date | Type::Datetime | Type::Time => {
                let said: Vec<Option<&str>> = match &spec.format {
                    Some(formats) => formats.0.iter().map(|one| Some(one.as_str())).collect(),
                    None => vec![None],
                };
                let forms = said.into_iter().map(Form::of).collect::<Option<Vec<_>>>();
                Some(Moments {
                    kind,
                    forms: forms
                        .ok_or_else(|| refuse("format", "its format cannot be followed"))?,
                    zone: zone.clone().filter(|_| kind == Type::Datetime),
                })
            }
            _ => None,
        };
        let pivot = spec.year_pivot.or(values.year_pivot);
        let is_short = |format: &String| format.contains("%y") || format.contains("%D");
        if pivot.is_some_and(|pivot| pivot != POSIX_PIVOT)
            && moments.is_some()
            && (spec.format.iter().flat_map(|formats| &formats.0)).any(is_short)
        {
            let key = if spec.year_pivot.is_some() {
                "year_pivot"
            } else {
                "format"
            };
            return Err(refuse(
                key,
                "years of two digits are made by the usual pivot only",
            ));
        }
        let limit = |literal: &Literal| limit(kind, literal, zone.as_ref());
        let bound = |key, said: &Option<Literal>| match said.as_ref().filter(|_| !is_item) {
            None => Ok(None),
            Some(literal) => match limit(literal) {
                Some(number) => Ok(Some(number)),
                None => Err(refuse(key, "it has more digits than are made here")),
            },
        };
        let allowed = match spec.allowed.as_ref().filter(|_| !is_item) {
            None => None,
            Some(all) => Some(
                all.iter()
                    .map(|literal| allowed(kind, literal, zone.as_ref()))
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| {
                        refuse(
                            "enum",
                            "one of its values has more digits than are made here",
                        )
                    })?,
            ),
        };
        let matcher = |pattern: &String| {
            Matcher::new(pattern).ok_or_else(|| refuse("pattern", "its pattern is too large"))
        };
        Ok(Self {
            kind,
            medium,
            style: Style {
                decimal_char: spec.decimal_char.or(values.decimal_char).unwrap_or('.'),
                group_char: spec.group_char.or(values.group_char),
                scale: spec.scale,
            },
            truths: [
                texts(&spec.true_values, &values.true_values, ["true", "1"]),
                texts(&spec.false_values, &values.false_values, ["false", "0"]),
            ],
            moments,
            least: bound("minimum", &spec.minimum)?,
            most: bound("maximum", &spec.maximum)?,
            min_length: spec.min_length.filter(|_| !is_item).unwrap_or(0),
            max_length: spec.max_length.filter(|_| !is_item),
            pattern: spec
                .pattern
                .as_ref()
                .filter(|_| !is_item)
                .map(matcher)
                .transpose()?,
            made_of: spec.extract.as_ref().map(matcher).transpose()?,
            allowed,
            lax: spec.lax.unwrap_or(false),
        })
    }

    /// Whether any JSON text, or any cell, is a good value.
    pub fn takes_any_text(&self) -> bool {
        self.kind == Type::String
            && self.min_length == 0
            && self.max_length.is_none()
            && self.pattern.is_none()
            && self.allowed.is_none()
    }

    /// A good value. `None` where none was met.
    pub fn good(&self, chance: &mut Chance) -> Option<Found> {
        (0..TRIES).find_map(|_| self.one(chance))
    }

    fn one(&self, chance: &mut Chance) -> Option<Found> {
        match self.kind {
            Type::String | Type::Email | Type::Url => self.text(chance).map(Found::Text),
            Type::Uuid => Some(Found::Text(match self.pick_allowed(chance) {
                Some(Allowed::Text(text)) => text.clone(),
                _ => uuid(chance),
            })),
            Type::Boolean => {
                let truth = match self.pick_allowed(chance) {
                    Some(Allowed::Truth(truth)) => *truth,
                    _ => chance.one_in(2),
                };
                if self.medium == Medium::Json && !(self.lax && chance.one_in(3)) {
                    return Some(Found::Word(truth.to_string()));
                }
                chance
                    .pick(&self.truths[usize::from(!truth)])
                    .cloned()
                    .map(Found::Text)
            }
            Type::Integer | Type::Float | Type::Decimal => {
                let number = match self.pick_allowed(chance) {
                    Some(Allowed::Number(number)) => *number,
                    _ => self.number(chance)?,
                };
                self.holds(number).then(|| self.written(number, chance))?
            }
            Type::Duration => {
                let number = match self.pick_allowed(chance) {
                    Some(Allowed::Number(number)) => *number,
                    _ => self.number(chance)?,
                };
                let all = i64::try_from(number.coefficient).ok()?;
                Some(match self.medium == Medium::Json && chance.one_in(4) {
                    true => Found::Word(all.to_string()),
                    false => Found::Text(duration(all, chance)),
                })
            }
            Type::Date | Type::Datetime | Type::Time => {
                let moments = self.moments.as_ref()?;
                let written = match self.pick_allowed(chance) {
                    Some(Allowed::Number(number)) => {
                        let ms = i64::try_from(number.coefficient).ok()?;
                        moments
                            .write(ms, self.counts(), chance)
                            .filter(|one| one.ms == ms)?
                    }
                    _ => moments.draw(self.limits_ms()?, self.counts(), chance)?,
                };
                Some(self.moment(written))
            }
            Type::List | Type::Object => None,
        }
    }

    fn pick_allowed(&self, chance: &mut Chance) -> Option<&Allowed> {
        chance.pick(self.allowed.as_deref()?)
    }

    fn text(&self, chance: &mut Chance) -> Option<String> {
        let text = match (self.pick_allowed(chance), &self.pattern, &self.made_of) {
            (Some(Allowed::Text(text)), ..) => text.clone(),
            (Some(_), ..) => return None,
            (None, Some(pattern), _) if self.kind == Type::String || chance.one_in(2) => {
                let most = self.min_length.min(MAX_REPETITIONS) as u32 + 4;
                let more = chance.pick(&[1, 3, 8, most]).copied()?;
                pattern.draw(chance, more)?
            }
            (None, None, Some(extract)) if self.kind == Type::String => {
                extract.draw_group(chance, 6)?
            }
            _ => {
                let most = self
                    .max_length
                    .unwrap_or(u64::MAX)
                    .min(self.min_length.max(60));
                match self.kind {
                    Type::Email => words::email(self.min_length, chance),
                    Type::Url => words::url(self.min_length, chance),
                    _ => words::text(self.min_length, most, chance),
                }
            }
        };
        (self.is_form(&text) && self.is_length(&text) && self.is_match(&text)).then_some(text)
    }

    /// Whether a text is an e-mail address or a URL beyond doubt, where it must be one.
    fn is_form(&self, text: &str) -> bool {
        match self.kind {
            Type::Email if self.allowed.is_none() => words::is_plain_email(text),
            Type::Url if self.allowed.is_none() => words::is_plain_url(text),
            _ => true,
        }
    }

    fn is_length(&self, text: &str) -> bool {
        let count = text.chars().count() as u64;
        count >= self.min_length && self.max_length.is_none_or(|most| count <= most)
    }

    fn is_match(&self, text: &str) -> bool {
        self.pattern
            .as_ref()
            .is_none_or(|pattern| pattern.matches_whole(text))
    }

    /// The most digits behind the point that are made.
    fn places(&self, chance: &mut Chance) -> u32 {
        match (self.kind, self.style.scale) {
            (Type::Integer | Type::Duration, _) => 0,
            (_, Some(scale)) => scale,
            _ => {
                let needed = [self.least, self.most]
                    .into_iter()
                    .flatten()
                    .map(|limit| limit.places);
                let needed = needed.max().unwrap_or(0);
                match chance.below(4) {
                    0 => needed,
                    1 => 0,
                    _ => 2,
                }
            }
        }
    }

    fn number(&self, chance: &mut Chance) -> Option<Number> {
        if self.kind == Type::Integer
            && self.least.is_none()
            && self.most.is_none()
            && chance.one_in(40)
        {
            let ends = [i64::MIN, i64::MAX, 9_007_199_254_740_993];
            return chance.pick(&ends).map(|end| Number::whole((*end).into()));
        }
        let places = self.places(chance);
        number::draw(self.least, self.most, places, chance)
    }

    /// Whether the type holds the number for sure.
    fn holds(&self, number: Number) -> bool {
        match self.kind {
            Type::Integer => number.places == 0 && i64::try_from(number.coefficient).is_ok(),
            Type::Float => number.coefficient.unsigned_abs() < 1_000_000_000_000_000,
            _ => number.coefficient.unsigned_abs() < 10_u128.pow(34),
        }
    }

    fn written(&self, number: Number, chance: &mut Chance) -> Option<Found> {
        let number = match (self.kind, self.style.scale) {
            // An enum may say it with other places than an implied point has.
            (Type::Decimal, Some(scale)) if number.places != scale => Number {
                coefficient: number
                    .floor(scale)
                    .filter(|all| number.ceil(scale) == Some(*all))?,
                places: scale,
            },
            _ => number,
        };
        if self.medium == Medium::Cells {
            return Some(Found::Text(number.written(self.style, chance)));
        }
        let as_text = match self.kind {
            Type::Decimal => chance.one_in(3),
            _ => self.lax && chance.one_in(3),
        };
        Some(
            match (
                as_text,
                self.style.scale.filter(|_| self.kind == Type::Decimal),
            ) {
                (true, _) => Found::Text(number.written(self.style, chance)),
                (false, Some(_)) => Found::Word(number.coefficient.to_string()),
                (false, None) if self.kind == Type::Float && chance.one_in(12) => {
                    Found::Word(format!("{}e-{}", number.coefficient, number.places))
                }
                (false, None) => Found::Word(number.plain()),
            },
        )
    }

    fn counts(&self) -> Counts {
        match self.medium {
            Medium::Json => Counts::Numbers,
            Medium::Cells => Counts::Texts,
        }
    }

    fn moment(&self, written: Written) -> Found {
        match written.is_count {
            true => Found::Word(written.text),
            false => Found::Text(written.text),
        }
    }

    fn limits_ms(&self) -> Option<[Option<i64>; 2]> {
        let ms = |limit: Option<Number>| match limit {
            None => Some(None),
            Some(limit) => i64::try_from(limit.coefficient).ok().map(Some),
        };
        Some([ms(self.least)?, ms(self.most)?])
    }
}

fn limit(kind: Type, literal: &Literal, zone: Option<&jiff::tz::TimeZone>) -> Option<Number> {
    let text = match literal {
        Literal::Text(text) => text.clone(),
        Literal::Integer(value) => value.to_string(),
        Literal::Float(value) => value.to_string(),
        Literal::Boolean(_) => return None,
    };
    match kind {
        Type::Date | Type::Datetime | Type::Time => {
            limit_ms(kind, &text, zone).map(|ms| Number::whole(ms.into()))
        }
        Type::Duration => seconds(&text).map(|all| Number::whole(all.into())),
        _ => Number::parse(&text),
    }
}

fn allowed(kind: Type, literal: &Literal, zone: Option<&jiff::tz::TimeZone>) -> Option<Allowed> {
    match (kind, literal) {
        (Type::String | Type::Email | Type::Url | Type::Uuid, Literal::Text(text)) => {
            Some(Allowed::Text(text.clone()))
        }
        (Type::Boolean, Literal::Boolean(truth)) => Some(Allowed::Truth(*truth)),
        _ => limit(kind, literal, zone).map(Allowed::Number),
    }
}

fn uuid(chance: &mut Chance) -> String {
    let bytes = (u128::from(chance.number()) << 64) | u128::from(chance.number());
    let (has_dashes, is_upper) = (!chance.one_in(4), chance.one_in(4));
    let letters = match is_upper {
        true => b"0123456789ABCDEF",
        false => b"0123456789abcdef",
    };
    let mut text = String::with_capacity(36);
    for digit in 0..32 {
        if has_dashes && matches!(digit, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        let nibble = (bytes >> (124 - 4 * digit)) as usize & 15;
        text.push(char::from(letters[nibble]));
    }
    text
}
