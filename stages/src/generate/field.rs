//! One field of a spec: what may stand in the input for a good value of it, for none, and for a bad one. It knows the
//! words of the field and of `[values]`; how the value gets to its place in a record is not its business.

use super::chance::Chance;
use super::scalar::{Found, Medium, Refusal, Scalar};
use super::shape::Shape;
use super::words;
use crate::record::Type;
use crate::step::bind::{FieldSpec, ValuesSpec};

/// Texts that are tried before a value is given up.
const TRIES: usize = 40;
/// Good values that are kept for when none is met by chance.
const SPARE_VALUES: usize = 8;
/// The most items of a list that has no limit of its own.
const MAX_ITEMS: u64 = 4;
/// The longest list that is made to be too long, in items.
const MAX_TOO_MANY: u64 = 500;

/// A field whose values can be made.
#[derive(Clone, Debug)]
pub struct FieldMaker {
    /// Its name in the spec.
    pub name: String,
    /// Its type.
    pub kind: Type,
    medium: Medium,
    shape: Shape,
    missing: Vec<String>,
    /// Null is refused.
    pub required: bool,
    /// The sink finds documents by it, so that good records have a value.
    pub is_key: bool,
    has_default: bool,
    scalar: Scalar,
    list: Option<ListWords>,
    spare: Vec<Found>,
}

/// What a spec says about a list.
#[derive(Clone, Debug)]
struct ListWords {
    separator: String,
    is_typed: bool,
    least: u64,
    most: Option<u64>,
}

impl FieldMaker {
    /// The field with the words of `spec`.
    ///
    /// # Errors
    /// The key whose word cannot be followed, where no good value can be made.
    pub fn of(
        name: &str,
        medium: Medium,
        spec: &FieldSpec,
        values: &ValuesSpec,
    ) -> Result<Self, Refusal> {
        if spec.unique == Some(true) {
            return Err(Refusal {
                key: "unique",
                reason: "values are made one by one, and may come twice".into(),
            });
        }
        if spec.lookup.is_some() {
            return Err(Refusal {
                key: "lookup",
                reason: "values that a table has are not made".into(),
            });
        }
        let kind = spec.kind.unwrap_or(Type::String);
        let item = match medium {
            Medium::Cells => spec.items.unwrap_or(Type::String),
            Medium::Json => spec.items.unwrap_or(Type::Object),
        };
        let is_list = kind == Type::List;
        if medium == Medium::Cells && (kind == Type::Object || is_list && spec.separator.is_none())
        {
            return Err(Refusal {
                key: "type",
                reason: "JSON text in cells is not made".into(),
            });
        }
        let scalar_kind = if is_list { item } else { kind };
        let shape = Shape::of(spec).ok_or_else(|| Refusal {
            key: "transform",
            reason: "one of its regular expressions is too large".into(),
        })?;
        let mut maker = Self {
            name: name.to_owned(),
            kind,
            medium,
            shape,
            missing: spec
                .missing_values
                .clone()
                .or_else(|| values.missing_values.clone())
                .unwrap_or_default(),
            required: spec.required.unwrap_or(false),
            is_key: false,
            has_default: spec.default.is_some(),
            scalar: Scalar::of(scalar_kind, is_list, medium, spec, values)?,
            list: is_list.then(|| ListWords {
                separator: spec.separator.clone().unwrap_or_default(),
                is_typed: medium == Medium::Cells || spec.items.is_some(),
                least: spec.min_length.unwrap_or(0),
                most: spec.max_length,
            }),
            spare: Vec::new(),
        };
        for number in 0..4 * SPARE_VALUES as u64 {
            if maker.spare.len() < SPARE_VALUES {
                maker.spare.extend(maker.one(&mut Chance::of(number, 0, 0)));
            }
        }
        match maker.spare.is_empty() {
            false => Ok(maker),
            true => Err(maker.refusal(spec)),
        }
    }

    /// Which key most likely keeps good values from being met.
    fn refusal(&self, spec: &FieldSpec) -> Refusal {
        let key = match spec {
            FieldSpec {
                pattern: Some(_), ..
            } => "pattern",
            FieldSpec {
                extract: Some(_), ..
            } => "extract",
            FieldSpec {
                allowed: Some(_), ..
            } => "enum",
            FieldSpec {
                format: Some(_), ..
            } => "format",
            FieldSpec {
                min_length: Some(_),
                ..
            } => "min_length",
            FieldSpec {
                minimum: Some(_), ..
            } => "minimum",
            FieldSpec {
                maximum: Some(_), ..
            } => "maximum",
            FieldSpec {
                transform: Some(_), ..
            } => "transform",
            FieldSpec {
                missing_values: Some(_),
                ..
            } => "missing_values",
            _ => "type",
        };
        Refusal {
            key,
            reason: "none that satisfies all of its keys was found by chance".into(),
        }
    }

    /// A good value.
    pub fn good(&self, chance: &mut Chance) -> Found {
        match self.one(chance) {
            Some(found) => found,
            // There is at least one, or the field would not have been made.
            None => chance
                .pick(&self.spare)
                .cloned()
                .unwrap_or(Found::Text(String::new())),
        }
    }

    /// What means null where this field stands; `None` where nothing does.
    pub fn null(&self, chance: &mut Chance) -> Option<Found> {
        if self.medium == Medium::Json && chance.one_in(2) {
            return Some(Found::Word("null".into()));
        }
        let text = chance.pick(&self.missing);
        let found = text.and_then(|text| {
            let is_list = self.kind == Type::List || self.kind == Type::Object;
            let shaped = match self.medium == Medium::Json && is_list {
                true => Some(text.clone()),
                false => self.shape.spelled(text, chance),
            };
            // A text that means null as it stands need not have what is looked for.
            let plain = || self.shape.changed(text).is_none().then(|| text.clone());
            shaped.or_else(plain).map(Found::Text)
        });
        found.or_else(|| (self.medium == Medium::Json).then(|| Found::Word("null".into())))
    }

    /// Whether null is a problem.
    pub fn wants_value(&self) -> bool {
        self.required && !self.has_default
    }

    /// Whether good records may be without a value.
    pub fn may_be_null(&self) -> bool {
        !self.wants_value() && !self.is_key
    }

    /// A bad value and the code of the leading problem; `None` where the field takes everything.
    pub fn bad(&self, chance: &mut Chance) -> Option<(Found, &'static str)> {
        (0..TRIES).find_map(|_| self.bad_once(chance))
    }

    /// Whether it takes whatever is good for another field in the same place.
    pub fn takes_any(&self) -> bool {
        let is_plain = match self.medium {
            Medium::Cells => true,
            Medium::Json => !self.required,
        };
        is_plain
            && self.list.is_none()
            && self.scalar.takes_any_text()
            && self.shape.extracts().is_none()
            && (!self.wants_value() || self.missing.is_empty())
    }

    /// Whether good values of it are texts in JSON.
    pub fn is_text(&self) -> bool {
        use Type::{Date, Email, String, Time, Url, Uuid};
        matches!(self.kind, String | Date | Time | Uuid | Email | Url)
    }

    /// The least and most items of a list.
    pub fn items(&self) -> (u64, Option<u64>) {
        self.list
            .as_ref()
            .map_or((0, None), |list| (list.least, list.most))
    }

    /// Whether lists and objects of any content are good, so that others may stand inside.
    pub fn is_container(&self) -> bool {
        let of_objects = self.scalar.kind == Type::Object;
        self.medium == Medium::Json
            && (self.kind == Type::Object || self.list.is_some() && of_objects)
    }

    fn bad_once(&self, chance: &mut Chance) -> Option<(Found, &'static str)> {
        if self.wants_value() && chance.one_in(6) {
            return self.null(chance).map(|null| (null, "required"));
        }
        if let Some(matcher) = self.shape.extracts()
            && chance.one_in(4)
        {
            let text = words::plain(chance);
            let is_bad = !matcher.matches(&text) && self.shape.changed(&text).is_none();
            let is_null = self.missing.contains(&text);
            return (is_bad && !is_null).then_some((Found::Text(text), "pattern"));
        }
        let (found, code) = match &self.list {
            Some(list) => self.bad_list(list, chance)?,
            None if self.kind == Type::Object => (Found::Text("soon".into()), "type"),
            None => self.scalar.bad(chance)?,
        };
        self.spelled(found, chance).map(|found| (found, code))
    }

    fn one(&self, chance: &mut Chance) -> Option<Found> {
        (0..TRIES).find_map(|_| {
            let found = match &self.list {
                Some(list) => {
                    let most = list
                        .most
                        .unwrap_or(list.least + MAX_ITEMS)
                        .min(list.least + MAX_ITEMS);
                    let count = chance.between(list.least.into(), most.into()) as u64;
                    self.list_of(list, count, chance)?
                }
                None if self.kind == Type::Object => Found::Object(entries(chance, 2)),
                None => self.scalar.good(chance)?,
            };
            self.spelled(found, chance)
        })
    }

    /// The value as it may be spelled, where that is not null to the field.
    fn spelled(&self, found: Found, chance: &mut Chance) -> Option<Found> {
        match found {
            Found::Text(text) => {
                if self.missing.contains(&text) {
                    return None;
                }
                let is_shaped =
                    self.medium == Medium::Cells || !matches!(self.kind, Type::List | Type::Object);
                match is_shaped && !self.shape.is_plain() {
                    true => self.shape.spelled(&text, chance).map(Found::Text),
                    false => Some(Found::Text(text)),
                }
            }
            Found::Word(word) => (!self.missing.contains(&word)).then_some(Found::Word(word)),
            other => Some(other),
        }
    }

    fn list_of(&self, list: &ListWords, count: u64, chance: &mut Chance) -> Option<Found> {
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.item(list, chance)?);
        }
        self.joined(list, items)
    }

    fn item(&self, list: &ListWords, chance: &mut Chance) -> Option<Found> {
        match (self.medium, self.scalar.kind) {
            (Medium::Json, Type::Object) if !list.is_typed && chance.one_in(3) => {
                Some(word(chance))
            }
            (Medium::Json, Type::Object) => Some(Found::Object(entries(chance, 1))),
            (Medium::Cells, Type::String) => Some(Found::Text(words::plain(chance))),
            _ => self.scalar.good(chance),
        }
    }

    /// In a cell the items stand between separators, of which they hold none; no item is an empty list.
    fn joined(&self, list: &ListWords, items: Vec<Found>) -> Option<Found> {
        if self.medium == Medium::Json {
            return Some(Found::List(items));
        }
        let text = |item: &Found| match item {
            Found::Text(text) if !text.is_empty() && !text.contains(&list.separator) => {
                Some(text.clone())
            }
            _ => None,
        };
        let texts = items.iter().map(text).collect::<Option<Vec<_>>>()?;
        let joined = texts.join(&list.separator);
        let is_split = joined
            .split(&list.separator)
            .eq(texts.iter().map(String::as_str));
        (texts.is_empty() || is_split).then_some(Found::Text(joined))
    }

    fn bad_list(&self, list: &ListWords, chance: &mut Chance) -> Option<(Found, &'static str)> {
        match chance.below(4) {
            0 => {
                let most = list.most.filter(|most| *most < MAX_TOO_MANY)?;
                let found = self.list_of(list, most + 1 + chance.below(3) as u64, chance)?;
                Some((found, "max_length"))
            }
            1 => {
                let found = self.list_of(list, list.least.checked_sub(1)?, chance)?;
                Some((found, "min_length"))
            }
            2 if self.medium == Medium::Json => Some((Found::Text("soon".into()), "type")),
            _ => {
                let mut items = vec![self.item(list, chance)?, self.item(list, chance)?];
                let (bad, code) = match (self.scalar.kind, list.is_typed) {
                    (_, false) => return None,
                    (Type::Object, true) => (Found::Word("7".into()), "type"),
                    _ => self.scalar.bad(chance)?,
                };
                items.insert(chance.below(3), bad);
                self.joined(list, items).map(|found| (found, code))
            }
        }
    }
}

/// A few entries of an object that nobody declared; their names begin with a letter that no path is likely to have.
pub fn entries(chance: &mut Chance, depth: usize) -> Vec<(String, Found)> {
    let count = chance.below(4);
    let mut all: Vec<(String, Found)> = Vec::new();
    for number in 0..count {
        let name = match chance.below(4) {
            0 => format!("k {number}"),
            1 => format!("a.b{number}"),
            2 => format!("$or{number}"),
            _ => format!("x{number}"),
        };
        let value = match chance.below(6) {
            0 if depth > 0 => Found::Object(entries(chance, depth - 1)),
            1 if depth > 0 => Found::List((0..chance.below(3)).map(|_| word(chance)).collect()),
            _ => word(chance),
        };
        all.push((name, value));
    }
    all
}

/// A value that nobody declared and every store keeps exactly.
pub fn word(chance: &mut Chance) -> Found {
    const WORDS: [&str; 8] = [
        "0",
        "-17",
        "9007199254740993",
        "0.125",
        "3.14",
        "true",
        "false",
        "null",
    ];
    match chance.one_in(3) {
        true => Found::Text(words::text(0, 20, chance)),
        false => Found::Word(chance.pick(&WORDS).copied().unwrap_or("0").to_owned()),
    }
}
