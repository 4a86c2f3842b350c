//! Generated JSON records: values at the paths of a spec, with keys in any order, keys that the spec does not know
//! where it lets them through, and lists and objects that hold more than is asked for. Every record is looked through
//! before it is taken: each field must find exactly what was meant for it, by the first of its paths that is there.

use super::chance::Chance;
use super::field::{FieldMaker, entries, word};
use super::scalar::Found;
use super::tree::{Needs, find, put, write};
use super::words;
use super::{MAX_LONG_RECORD_BYTES, Row};
use crate::record::{Key, Type};
use crate::step::bind::{MAX_DEPTH_LEVELS, Path, Segment, Unknown};

/// Records that are drawn before a plain one is taken.
const TRIES: usize = 40;
/// The longest number that a store keeps exactly wherever it stands, in bytes.
const MAX_EXACT_BYTES: usize = 15;

/// How records are made.
#[derive(Clone, Debug)]
pub struct JsonMaker {
    pub fields: Vec<FieldMaker>,
    /// Where each field looks, in order.
    pub paths: Vec<Vec<Path>>,
    /// Every field must be there, if only as null.
    pub wants_all: bool,
    pub unknown: Unknown,
    /// Top-level names of the document that no unknown key may have.
    pub taken: Vec<String>,
    pub max_record_bytes: usize,
    /// Records stand in one document, beside each other.
    in_document: bool,
    /// Fields that take what another one finds in the same place.
    shared: Vec<bool>,
    /// Fields that stand inside a list or object that another one takes as it is.
    inside: Vec<bool>,
    /// A record that is good and fits, for when none does by chance.
    spare: Option<Found>,
}

/// What is meant for a field.
#[derive(Clone, Debug)]
enum Meant {
    /// This, at its path with this number.
    Value(usize, Found),
    /// Nothing.
    Nothing,
    /// What another field in the same place gets.
    Shared,
}

impl JsonMaker {
    /// A maker that has met a record that fits.
    ///
    /// # Errors
    /// The field for which no record was met.
    pub fn of(
        fields: Vec<FieldMaker>,
        paths: Vec<Vec<Path>>,
        (wants_all, unknown): (bool, Unknown),
        taken: Vec<String>,
        max_record_bytes: usize,
    ) -> Result<Self, usize> {
        let mut maker = Self {
            fields,
            paths,
            wants_all,
            unknown,
            taken,
            max_record_bytes,
            in_document: false,
            shared: Vec::new(),
            inside: Vec::new(),
            spare: None,
        };
        let every = 0..maker.fields.len();
        maker.shared = every.clone().map(|index| maker.is_shared(index)).collect();
        maker.inside = every.map(|index| maker.is_inside(index)).collect();
        let mut lost = 0;
        for number in 0..4 * TRIES as u64 {
            match maker.record(None, &mut Chance::of(number, 0, 0)) {
                Ok(record) if maker.fits(&record) => {
                    maker.spare = Some(record);
                    return Ok(maker);
                }
                Ok(_) => {}
                Err(field) => lost = field,
            }
        }
        Err(lost)
    }

    /// The same for records that stand in one document.
    pub fn in_a_document(self) -> Self {
        Self {
            in_document: true,
            ..self
        }
    }

    /// A record that is good.
    pub fn good(&self, chance: &mut Chance, out: &mut Vec<u8>) {
        noise(chance, out);
        let record = (0..TRIES).find_map(|_| {
            let record = self.record(None, chance).ok()?;
            self.fits(&record).then_some(record)
        });
        let mut record = record
            .or_else(|| self.spare.clone())
            .unwrap_or(Found::Object(Vec::new()));
        self.add_unknown(&mut record, chance);
        let mut text = String::new();
        write(&record, chance, &mut text);
        if text.len() > self.max_record_bytes {
            text.clear();
            let plain = self.spare.as_ref().unwrap_or(&record);
            write(plain, &mut Chance::of(0, 0, 0), &mut text);
        }
        end_line(&text, chance, out);
    }

    /// A record in which one thing is wrong.
    pub fn bad(&self, chance: &mut Chance, out: &mut Vec<u8>) -> Row {
        noise(chance, out);
        if !chance.one_in(4)
            && let Some(row) = self.bad_value(chance, out)
        {
            return row;
        }
        loop {
            if let Some((code, field)) = self.broken(chance, out) {
                return Row::rejected(code, field.as_deref());
            }
        }
    }

    fn bad_value(&self, chance: &mut Chance, out: &mut Vec<u8>) -> Option<Row> {
        for _ in 0..TRIES {
            let index = chance.below(self.fields.len());
            let field = self.fields.get(index)?;
            let must = field.wants_value() || self.wants_all;
            let (meant, code) = if must && chance.one_in(6) {
                (Meant::Nothing, "required")
            } else {
                match field.bad(chance) {
                    Some((found, code)) if !self.inside[index] || is_exact(&found) => (
                        Meant::Value(chance.below(self.paths[index].len()), found),
                        code,
                    ),
                    _ => continue,
                }
            };
            let Ok(record) = self.record(Some((index, meant)), chance) else {
                continue;
            };
            let mut text = String::new();
            write(&record, chance, &mut text);
            if text.len() <= self.max_record_bytes {
                end_line(&text, chance, out);
                return Some(Row::rejected(code, Some(&field.name)));
            }
        }
        None
    }

    /// Breaks a whole record; `None` where this is not to be had.
    fn broken(
        &self,
        chance: &mut Chance,
        out: &mut Vec<u8>,
    ) -> Option<(&'static str, Option<String>)> {
        let mut text = String::new();
        let spare = self.spare.as_ref()?;
        write(spare, &mut Chance::of(chance.number(), 0, 0), &mut text);
        let inside = text.strip_suffix('}')?.to_owned();
        let comma = if matches!(spare, Found::Object(entries) if entries.is_empty()) {
            ""
        } else {
            ","
        };
        let with = |more: &str| format!("{inside}{comma}{more}}}");
        let mut field = None;
        let (text, code) = match chance.below(11) {
            // What stays open would swallow what follows in a document; the wrong bracket does not.
            9 if !self.in_document => {
                let text = format!("{inside}{comma}\"open\":\"never closed");
                (text, "json_syntax")
            }
            0 if self.in_document => (format!("{inside}]"), "json_syntax"),
            0 => (inside.clone(), "json_syntax"),
            1 => (with("\"nan\":NaN"), "json_syntax"),
            2 => (format!("{inside},}}"), "json_syntax"),
            3 => (with("\"twice\":1,\"twice\":2"), "duplicate_key"),
            4 => {
                let others = ["[1,2]", "\"text\"", "42", "null", "true"];
                (chance.pick(&others)?.to_string(), "json_not_object")
            }
            5 => {
                let levels = MAX_DEPTH_LEVELS + 1;
                let deep = format!("\"deep\":{}{}", "[".repeat(levels), "]".repeat(levels));
                (with(&deep), "json_depth")
            }
            6 => (with("\"a\\u0000b\":1"), "nul_in_name"),
            7 if self.max_record_bytes <= MAX_LONG_RECORD_BYTES => (
                format!("{{\"long\":\"{}\"}}", "x".repeat(self.max_record_bytes)),
                "record_too_large",
            ),
            8 if !self.takes_whole() => match self.unknown {
                Unknown::Reject => {
                    field = Some("stranger".to_owned());
                    (with("\"stranger\":1"), "unknown_field")
                }
                Unknown::Keep | Unknown::Rescue => {
                    field = Some("stranger".to_owned());
                    (with("\"stranger\":18446744073709551617"), "number_range")
                }
                Unknown::Drop | Unknown::Hold | Unknown::Fail => return None,
            },
            _ => {
                let bad = chance.pick(&words::NOT_UTF8).copied()?;
                let mut bytes = with("\"mark\":\"M?\"").into_bytes();
                let at = bytes.len() - 3;
                bytes.splice(at..=at, bad.iter().copied());
                if bytes.len() > self.max_record_bytes {
                    return None;
                }
                out.extend_from_slice(&bytes);
                out.push(b'\n');
                return Some(("encoding", None));
            }
        };
        let is_stranger = field.is_some() && self.tops().any(|top| top == "stranger");
        let fits = text.len() <= self.max_record_bytes || code == "record_too_large";
        if is_stranger || !fits {
            return None;
        }
        end_line(&text, chance, out);
        Some((code, field))
    }

    /// A record with what is meant for each field, or the field that did not find it.
    fn record(&self, given: Option<(usize, Meant)>, chance: &mut Chance) -> Result<Found, usize> {
        let mut meant: Vec<Meant> = (0..self.fields.len())
            .map(|index| self.mean(index, chance))
            .collect();
        if let Some((index, given)) = &given {
            meant[*index] = given.clone();
        }
        let mut order: Vec<(usize, &[Segment], &Found)> = Vec::new();
        for (index, meant) in meant.iter().enumerate() {
            if let Meant::Value(path, found) = meant {
                order.push((index, self.paths[index][*path].segments(), found));
            }
        }
        // What holds others comes first, so that they are put into it.
        order.sort_by_key(|(_, path, _)| path.len());
        let needs = Needs::of(order.iter().map(|(_, path, _)| *path));
        let mut root = Found::Object(Vec::new());
        for (index, path, found) in order {
            if !put(&mut root, path, found.clone(), &needs) {
                return Err(index);
            }
        }
        // A field may take the whole record, and nothing but an object is one.
        if !matches!(root, Found::Object(_)) {
            return Err(0);
        }
        let given = given.map(|(index, _)| index);
        match (0..self.fields.len())
            .find(|index| !self.is_as_meant(*index, &meant[*index], given, &root))
        {
            Some(index) => Err(index),
            None => {
                if let Found::Object(entries) = &mut root
                    && chance.one_in(3)
                {
                    chance.shuffle(entries);
                }
                Ok(root)
            }
        }
    }

    fn mean(&self, index: usize, chance: &mut Chance) -> Meant {
        let field = &self.fields[index];
        if self.shared[index] {
            return Meant::Shared;
        }
        let path = chance.below(self.paths[index].len());
        if field.may_be_null() && chance.one_in(5) {
            return match (self.wants_all || chance.one_in(4), field.null(chance)) {
                (true, Some(null)) => Meant::Value(path, null),
                _ => Meant::Nothing,
            };
        }
        let mut found = field.good(chance);
        for _ in 0..TRIES {
            if !self.inside[index] || is_exact(&found) {
                break;
            }
            found = field.good(chance);
        }
        Meant::Value(path, found)
    }

    /// Whether the field finds in the record what was meant for it.
    fn is_as_meant(&self, index: usize, meant: &Meant, given: Option<usize>, root: &Found) -> bool {
        let field = &self.fields[index];
        let there = |(_, path): &(usize, &Path)| find(root, path.segments()).is_some();
        let first = self.paths[index].iter().enumerate().find(there);
        let found = first.and_then(|(at, path)| Some((at, find(root, path.segments())?)));
        match (meant, found) {
            (Meant::Value(at, value), Some((found_at, found)))
                if *at == found_at && value == found =>
            {
                true
            }
            // What is meant to be wrong must stay as it is; containers may have got more.
            _ if given == Some(index) => found.is_none() && matches!(meant, Meant::Nothing),
            (Meant::Nothing, None) => !self.wants_all,
            (Meant::Shared, None) => !self.wants_all,
            (Meant::Shared, Some((_, found))) => matches!(found, Found::Text(_)) || is_null(found),
            (_, Some((_, found))) if field.is_container() => holds(field, found),
            _ => false,
        }
    }

    /// Whether another field looks in the same place and this one takes what it finds there.
    fn is_shared(&self, index: usize) -> bool {
        let same = |other: usize| {
            self.paths[other]
                .iter()
                .any(|path| self.paths[index].contains(path))
        };
        let gives = |other: usize| {
            let free = self.fields[other].takes_any();
            self.fields[other].is_text() && (!free || other < index)
        };
        self.fields[index].takes_any()
            && (0..self.fields.len()).any(|other| other != index && same(other) && gives(other))
    }

    /// Whether it stands inside a list or object that another field takes as it is.
    fn is_inside(&self, index: usize) -> bool {
        let holds = |other: usize| {
            let above = self.paths[other].iter().map(Path::segments);
            self.fields[other].is_container()
                && above.into_iter().any(|above| {
                    let below = self.paths[index].iter().map(Path::segments);
                    below
                        .into_iter()
                        .any(|below| below.len() > above.len() && below.starts_with(above))
                })
        };
        (0..self.fields.len()).any(|other| other != index && holds(other))
    }

    fn takes_whole(&self) -> bool {
        self.paths.iter().flatten().any(|path| path.top().is_none())
    }

    fn tops(&self) -> impl Iterator<Item = &str> {
        let tops = self.paths.iter().flatten().filter_map(Path::top);
        tops.map(Key::name)
    }

    /// Keys that the spec does not know, where it lets them through.
    fn add_unknown(&self, record: &mut Found, chance: &mut Chance) {
        let is_open = matches!(
            self.unknown,
            Unknown::Drop | Unknown::Keep | Unknown::Rescue
        );
        let Found::Object(all) = record else { return };
        if !is_open || !chance.one_in(5) {
            return;
        }
        let name = format!("extra{}", chance.below(3));
        let is_known = self.tops().any(|top| top == name)
            || self.taken.contains(&name)
            || all.iter().any(|(known, _)| *known == name);
        if !is_known {
            let value = match chance.one_in(2) {
                true => word(chance),
                false => Found::Object(entries(chance, 2)),
            };
            all.push((name, value));
        }
    }

    fn fits(&self, record: &Found) -> bool {
        let mut text = String::new();
        write(record, &mut Chance::of(0, 0, 0), &mut text);
        text.len() <= self.max_record_bytes
    }
}

/// Whether a list or an object is good for a field that takes those.
fn holds(field: &FieldMaker, found: &Found) -> bool {
    match found {
        Found::Object(_) => field.kind == Type::Object,
        Found::List(items) if field.kind == Type::List => {
            let (least, most) = field.items();
            let count = items.len() as u64;
            let are_objects = items.iter().all(|item| matches!(item, Found::Object(_)));
            count >= least && most.is_none_or(|most| count <= most) && are_objects
        }
        _ => false,
    }
}

fn is_null(found: &Found) -> bool {
    matches!(found, Found::Word(word) if word == "null")
}

/// Whether every store keeps it exactly, whatever its type.
fn is_exact(found: &Found) -> bool {
    match found {
        Found::Word(word) => {
            word.len() <= MAX_EXACT_BYTES && !word.contains('e')
                || ["true", "false"].contains(&word.as_str())
        }
        Found::Text(_) => true,
        Found::List(items) => items.iter().all(is_exact),
        Found::Object(entries) => entries.iter().all(|(_, value)| is_exact(value)),
    }
}

/// Blank lines, which are no records.
fn noise(chance: &mut Chance, out: &mut Vec<u8>) {
    if chance.one_in(60) {
        let blank: &[u8] = if chance.one_in(2) { b"\n" } else { b" \t\r\n" };
        out.extend_from_slice(blank);
    }
}

fn end_line(text: &str, chance: &mut Chance, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(if chance.one_in(5) { b"\r\n" } else { b"\n" });
}
