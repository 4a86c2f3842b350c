//! Changes of one field, by the values that it refused.

use super::super::causes::Cause;
use super::{Change, number};
use stages::infer::{formats_for, is_iso, quoted};
use stages::record::Type;
use stages::spec::{FormatSpec, Spec};
use stages::step::bind::{FieldSpec, Literal, OneOrMany, Transform};
use std::collections::BTreeSet;

/// Texts that mean yes and nothing else.
const YES: [&str; 8] = ["y", "yes", "j", "ja", "t", "true", "on", "oui"];
/// Texts that mean no and nothing else.
const NO: [&str; 8] = ["n", "no", "nein", "f", "false", "off", "non", "ne"];
/// What people write where there is no value, in small letters. No other text is suggested as one that means null: it would
/// take a value away.
const NOTHING: [&str; 22] = [
    "", "null", "<null>", "(null)", "n/a", "#n/a", "n.a.", "na", "nan", "none", "nil", "-", "--",
    "---", "–", "—", ".", "?", "\\n", "leer", "k.a.", "k. a.",
];

/// The ISO form of a time, as a format.
const ISO_TIME: &str = "%H:%M:%S";
/// What reads the fraction of a second, where there is one.
const ANY_FRACTION: &str = "%.f";

/// The changes of one field.
pub struct Offers<'s> {
    /// The spec as it is.
    pub spec: &'s Spec,
    /// The field as it is.
    pub field: &'s FieldSpec,
    name: &'s str,
    found: Vec<Change>,
}

impl<'s> Offers<'s> {
    /// None yet; of a field that the spec has.
    fn of(name: &str, spec: &'s Spec) -> Option<Self> {
        let mut fields = spec.fields.iter().flat_map(|fields| &fields.0);
        let (name, field) = fields.find(|(known, _)| known == name)?;
        Some(Self {
            spec,
            field,
            name,
            found: Vec::new(),
        })
    }

    /// Adds a change.
    pub fn add(&mut self, words: impl Into<String>, change: impl Fn(&mut FieldSpec) + 'static) {
        let name = self.name.to_owned();
        let apply = move |spec: &mut Spec| {
            let fields = spec.fields.iter_mut().flat_map(|fields| &mut fields.0);
            for (_, field) in fields.filter(|(other, _)| *other == name) {
                change(field);
            }
        };
        let at = format!("fields.{}", self.name);
        self.found.push(Change::new(at, words, apply));
    }

    fn transform(&mut self, first: Transform) {
        let mut all = vec![first];
        all.extend(self.field.transform.iter().flatten().cloned());
        let words: Vec<_> = all.iter().map(words_of).collect();
        let words = format!("transform = [{}]", words.join(", "));
        self.add(words, move |field| field.transform = Some(all.clone()));
    }
}

/// The changes that may help against `cause`, which is of a field, the likeliest first.
pub fn changes(cause: &Cause, spec: &Spec) -> Vec<Change> {
    let name = cause.field.as_deref().unwrap_or_default();
    let Some(mut offers) = Offers::of(name, spec) else {
        return Vec::new();
    };
    if cause.code == "required" {
        offers.add("required = false", |field| field.required = None);
    }
    if matches!(
        spec.format,
        Some(FormatSpec::Json(_) | FormatSpec::Jsonl(_))
    ) && cause.code == "type"
        && offers.field.lax != Some(true)
    {
        offers.add("lax = true", |field| field.lax = Some(true));
    }
    let values: Vec<&str> = cause.values.keys().map(String::as_str).collect();
    if !values.is_empty() {
        of_values(cause, &values, &mut offers);
    }
    offers.found
}

fn of_values(cause: &Cause, values: &[&str], offers: &mut Offers<'_>) {
    if values.iter().all(|value| value.trim() != *value) {
        offers.transform(Transform::Trim);
    }
    if matches!(&*cause.code, "enum" | "lookup") {
        cases(values, offers);
    }
    // What stands for nothing says nothing of how values are written.
    let values: Vec<&str> = values
        .iter()
        .copied()
        .filter(|value| !is_nothing(value))
        .collect();
    if values.is_empty() {
        return;
    }
    let values = &values[..];
    match (&*cause.code, offers.field.kind.unwrap_or(Type::String)) {
        ("type", Type::Boolean) => truths(values, offers),
        ("type", Type::Date) => formats("date", "%Y-%m-%d", values, offers),
        ("type", Type::Time) => formats("time", ISO_TIME, values, offers),
        ("type", Type::Datetime) => formats("datetime", "%Y-%m-%dT%H:%M:%S%z", values, offers),
        ("type" | "number_range", Type::Decimal | Type::Float | Type::Integer) => {
            number::styles(values, offers);
        }
        ("enum", _) => allowed(cause, values, offers),
        ("pattern", _) => pattern(cause, values, offers),
        ("min_length" | "max_length", Type::String | Type::Email | Type::Url)
            if !cause.more_values =>
        {
            lengths(cause, values, offers);
        }
        ("minimum" | "maximum", _) if !cause.more_values => bound(cause, values, offers),
        _ => {}
    }
}

/// Whether people write it for "no value".
pub fn is_nothing(value: &str) -> bool {
    NOTHING.contains(&&*value.to_lowercase())
}

/// `texts` as more texts of a field that mean null.
pub fn missing(name: &str, texts_for_null: &BTreeSet<String>, spec: &Spec) -> Option<Change> {
    let mut offers = Offers::of(name, spec)?;
    let all = spec
        .values
        .as_ref()
        .and_then(|all| all.missing_values.clone());
    let known = offers.field.missing_values.clone().or(all);
    let mut missing = known.unwrap_or_default();
    missing.extend(texts_for_null.iter().cloned());
    let words = format!("missing_values = {}", texts(&missing));
    offers.add(words, move |field| {
        field.missing_values = Some(missing.clone())
    });
    offers.found.pop()
}

/// Words that mean yes or no, in the spelling of the file.
fn truths(values: &[&str], offers: &mut Offers<'_>) {
    let (field, all) = (offers.field, offers.spec.values.as_ref());
    let owned = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
    let mut yes = field.true_values.clone();
    yes = yes.or(all.and_then(|all| all.true_values.clone()));
    let mut yes = yes.unwrap_or_else(|| owned(["true", "1"]));
    let mut no = field.false_values.clone();
    no = no.or(all.and_then(|all| all.false_values.clone()));
    let mut no = no.unwrap_or_else(|| owned(["false", "0"]));
    for value in values {
        let folded = value.to_lowercase();
        match () {
            () if YES.contains(&&*folded) => yes.push((*value).to_owned()),
            () if NO.contains(&&*folded) => no.push((*value).to_owned()),
            () => return,
        }
    }
    let words = format!(
        "true_values = {}, false_values = {}",
        texts(&yes),
        texts(&no)
    );
    offers.add(words, move |field| {
        field.true_values = Some(yes.clone());
        field.false_values = Some(no.clone());
    });
}

/// One more format. Where day and month can be told in two ways, neither is suggested.
fn formats(kind: &str, iso: &str, values: &[&str], offers: &mut Offers<'_>) {
    let mut found = formats_for(kind, values).unwrap_or_default();
    if found.iter().any(|format| !format.ends_with(ANY_FRACTION)) {
        // The same with seconds that could have a fraction says no more of these.
        found.retain(|format| !format.ends_with(ANY_FRACTION));
    }
    let known = offers.field.format.as_ref().map(|known| known.0.clone());
    let format = match found[..] {
        [format] => format.to_owned(),
        // Where a format is said, the ISO form is not read beside it.
        [] if known.is_some() && is_iso(kind, values).unwrap_or_default() => iso_like(iso, values),
        _ => return,
    };
    let mut all = known.unwrap_or_else(|| vec![iso.to_owned()]);
    if all.contains(&format) {
        return;
    }
    all.push(format);
    let words = format!("format = {}", texts(&all));
    offers.add(words, move |field| {
        field.format = Some(OneOrMany(all.clone()))
    });
}

/// The ISO form as a format: with a fraction where the values have one, without seconds where times have none.
fn iso_like(iso: &str, values: &[&str]) -> String {
    let has_fraction = values.iter().any(|value| value.contains('.'));
    let is_short = |value: &&str| value.matches(':').count() == 1;
    match () {
        () if has_fraction => iso.replace("%S", &format!("%S{ANY_FRACTION}")),
        () if iso == ISO_TIME && values.iter().all(is_short) => "%H:%M".to_owned(),
        () => iso.to_owned(),
    }
}

/// The words that are known, in another case.
fn cases(values: &[&str], offers: &mut Offers<'_>) {
    let field = offers.field;
    let mut known = known_words(field);
    if let Some(table) = &field.lookup {
        // Its words are looked up before those of `enum` are compared.
        known = table
            .values
            .iter()
            .flatten()
            .map(|(text, _)| text.as_str())
            .collect();
    }
    type Fold = fn(&str) -> String;
    let cases: [(Fold, Transform); 2] = [
        (str::to_lowercase, Transform::Lowercase),
        (str::to_uppercase, Transform::Uppercase),
    ];
    for (fold, transform) in cases {
        let known_so = |value: &&str| known.contains(&&*fold(value));
        // It must not take a word away that is known as it is.
        if values.iter().any(known_so) && known.iter().all(known_so) {
            offers.transform(transform);
            return;
        }
    }
}

/// The words of `enum` that are texts.
fn known_words(field: &FieldSpec) -> Vec<&str> {
    let allowed = field.allowed.iter().flatten();
    let texts = allowed.filter_map(|one| match one {
        Literal::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// More words.
fn allowed(cause: &Cause, values: &[&str], offers: &mut Offers<'_>) {
    let known = known_words(offers.field);
    let allowed = offers.field.allowed.as_deref().unwrap_or_default();
    if known.len() < allowed.len() || cause.more_values {
        return;
    }
    let mut all: Vec<String> = known.iter().map(|text| (*text).to_owned()).collect();
    all.extend(values.iter().map(|value| (*value).to_owned()));
    let words = format!("enum = {}", texts(&all));
    offers.add(words, move |field| {
        field.allowed = Some(all.iter().cloned().map(Literal::Text).collect());
    });
}

/// The same text in another case, or the shape of what was refused beside the pattern.
fn pattern(cause: &Cause, values: &[&str], offers: &mut Offers<'_>) {
    if values.iter().any(|value| value.to_uppercase() != *value) {
        offers.transform(Transform::Uppercase);
    }
    if values.iter().any(|value| value.to_lowercase() != *value) {
        offers.transform(Transform::Lowercase);
    }
    let (Some(old), Some(shape)) = (&offers.field.pattern, &cause.shape) else {
        return;
    };
    // What stands for the values says nothing of lengths: it must not give up what the pattern says of them.
    if !repeats_without_end(old) {
        return;
    }
    let mut new = String::new();
    for c in shape.chars() {
        match c {
            '9' => new.push_str("[0-9]+"),
            'A' => new.push_str(r"\p{Lu}+"),
            'a' => new.push_str(r"\p{L}+"),
            // A shape that was cut, or is of nothing that could be read.
            '…' => return,
            c if c.is_ascii_punctuation() => new.extend(['\\', c]),
            c => new.push(c),
        }
    }
    let all = format!("(?:{old})|(?:{new})");
    let words = format!("pattern = {}", quoted(&all));
    offers.add(words, move |field| field.pattern = Some(all.clone()));
}

/// Whether a part of a regular expression may come as often as it likes.
fn repeats_without_end(pattern: &str) -> bool {
    let (mut classes, mut chars) = (0_usize, pattern.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '[' => classes += 1,
            ']' => classes = classes.saturating_sub(1),
            '+' | '*' if classes == 0 => return true,
            '{' if classes == 0 => {
                let inside = pattern[at + 1..].split('}').next().unwrap_or_default();
                if inside.trim_end().ends_with(',') {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// The length of the furthest as the bound.
fn lengths(cause: &Cause, values: &[&str], offers: &mut Offers<'_>) {
    let lengths = values.iter().map(|value| value.chars().count() as u64);
    if cause.code == "max_length" {
        let longest = lengths.max();
        let words = format!("max_length = {}", longest.unwrap_or_default());
        offers.add(words, move |field| field.max_length = longest);
    } else {
        let shortest = lengths.min();
        let words = format!("min_length = {}", shortest.unwrap_or_default());
        offers.add(words, move |field| field.min_length = shortest);
    }
}

/// The furthest of the values as the bound: only of whole numbers, which compare without a doubt.
fn bound(cause: &Cause, values: &[&str], offers: &mut Offers<'_>) {
    let numbers = values.iter().map(|value| value.parse::<i64>());
    let Ok(numbers) = numbers.collect::<Result<Vec<_>, _>>() else {
        return;
    };
    let is_least = cause.code == "minimum";
    let furthest = match is_least {
        true => numbers.into_iter().min(),
        false => numbers.into_iter().max(),
    };
    let Some(furthest) = furthest else { return };
    offers.add(format!("{} = {furthest}", cause.code), move |field| {
        let bound = Some(Literal::Integer(furthest));
        match is_least {
            true => field.minimum = bound,
            false => field.maximum = bound,
        }
    });
}

/// Texts as an array of TOML.
pub fn texts(all: &[String]) -> String {
    let all: Vec<_> = all.iter().map(|text| quoted(text)).collect();
    format!("[{}]", all.join(", "))
}

fn words_of(transform: &Transform) -> String {
    match transform {
        Transform::Trim => "\"trim\"".into(),
        Transform::Lowercase => "\"lowercase\"".into(),
        Transform::Uppercase => "\"uppercase\"".into(),
        Transform::Collapse => "\"collapse\"".into(),
        Transform::Unescape => "\"unescape\"".into(),
        Transform::Replace(both) => format!("{{ replace = {} }}", texts(both)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_without_end_is_one_outside_of_classes_and_escapes() {
        for endless in ["a+", "[A-Z]{2}\\d+", "(?:x*)y", "a{2,}", "\\++"] {
            assert!(repeats_without_end(endless), "{endless}");
        }
        for bounded in ["\\+\\d{8,12}", "[+*]", "a{2}b?", "[^+\\]*]", "\\*"] {
            assert!(!repeats_without_end(bounded), "{bounded}");
        }
    }
}
