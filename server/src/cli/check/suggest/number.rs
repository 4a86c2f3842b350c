//! How numbers may be written: marks between digits, minus behind, words and signs around.
//!
//! Which of two marks stands before the fraction is not decided here: each way is offered, and where both remove the same
//! rejects a person sees both.

use super::field::{Offers, texts};
use stages::record::Type;
use stages::step::bind::{FieldSpec, Negative};

/// The most signs and words around numbers that are offered to be taken away.
const MAX_STRIPPED: usize = 3;
/// What may stand between groups of digits as `group_char = " "`.
const SPACES: [char; 3] = [' ', '\u{a0}', '\u{202f}'];
/// The same as `group_char = "'"`.
const APOSTROPHES: [char; 2] = ['\'', '’'];

/// Offers the styles by which `values` may be numbers.
pub fn styles(values: &[&str], offers: &mut Offers<'_>) {
    let said = offers.field.strip.clone().unwrap_or_default();
    let mut strip = around(values);
    strip.retain(|text| !said.contains(text));
    if strip.len() > MAX_STRIPPED {
        return;
    }
    if !strip.is_empty() {
        strip = said.into_iter().chain(strip).collect();
    }
    let all = offers.spec.values.as_ref();
    let said = offers.field.negative.or(all.and_then(|all| all.negative));
    let negative = match () {
        () if values.iter().any(|value| value.ends_with('-')) => {
            Some((Negative::Trailing, "negative = \"trailing\""))
        }
        () if values.iter().any(|value| value.starts_with('(')) => {
            Some((Negative::Parentheses, "negative = \"parentheses\""))
        }
        () => None,
    };
    let negative = negative.filter(|(style, _)| said != Some(*style));
    let mut around = Vec::new();
    if !strip.is_empty() {
        around.push(format!("strip = {}", texts(&strip)));
    }
    around.extend(negative.map(|(_, words)| words.to_owned()));
    let set = move |field: &mut FieldSpec| {
        field.negative = negative.map(|(negative, _)| negative).or(field.negative);
        if !strip.is_empty() {
            field.strip = Some(strip.clone());
        }
    };
    if !around.is_empty() {
        offers.add(around.join(", "), set.clone());
    }
    let decimal = offers
        .field
        .decimal_char
        .or(all.and_then(|all| all.decimal_char));
    let group = offers
        .field
        .group_char
        .or(all.and_then(|all| all.group_char));
    let said = (decimal.unwrap_or('.'), group);
    for (decimal, group) in marks(values) {
        if said == (decimal, Some(group)) {
            continue;
        }
        let set = set.clone();
        let mut words = around.clone();
        words.push(format!("decimal_char = \"{decimal}\""));
        words.push(format!("group_char = \"{group}\""));
        offers.add(words.join(", "), move |field| {
            field.decimal_char = Some(decimal);
            field.group_char = Some(group);
            set(field);
        });
    }
    let has_mark = values.iter().any(|value| value.contains(['.', ',']));
    if offers.field.kind == Some(Type::Integer) && has_mark {
        offers.add("type = \"decimal\"", |field| {
            field.kind = Some(Type::Decimal)
        });
    }
}

/// What may stand before the fraction and between groups of digits, by the marks that are there.
fn marks(values: &[&str]) -> Vec<(char, char)> {
    let seen = |marks: &[char]| values.iter().any(|value| value.contains(marks));
    let (comma, space) = (seen(&[',']), values.iter().any(|value| is_grouped(value)));
    let found = [
        (comma && space, (',', ' ')),
        (!space && (comma || seen(&['.'])), (',', '.')),
        (comma && !space, ('.', ',')),
        (space && !comma, ('.', ' ')),
        (seen(&APOSTROPHES), ('.', '\'')),
    ];
    let found = found.into_iter().filter(|(is_there, _)| *is_there);
    found.map(|(_, marks)| marks).collect()
}

/// Whether a space stands between digits.
fn is_grouped(value: &str) -> bool {
    let chars: Vec<char> = value.chars().collect();
    chars.windows(3).any(|three| {
        SPACES.contains(&three[1]) && three[0].is_ascii_digit() && three[2].is_ascii_digit()
    })
}

/// What stands around the digits, each sign or word once; nothing where a value has no digits at all.
fn around(values: &[&str]) -> Vec<String> {
    let is_number = |c: char| {
        c.is_ascii_digit()
            || ".,+-()".contains(c)
            || SPACES.contains(&c)
            || APOSTROPHES.contains(&c)
    };
    let mut found: Vec<String> = Vec::new();
    let mut spaced = false;
    for value in values {
        if !value.contains(|c: char| c.is_ascii_digit()) {
            return Vec::new();
        }
        for word in value.split(is_number).filter(|word| !word.is_empty()) {
            if !found.iter().any(|known| known == word) {
                found.push(word.to_owned());
            }
        }
        spaced |= value.contains(' ') && !is_grouped(value);
    }
    if spaced && !found.is_empty() {
        found.push(" ".into());
    }
    found
}
