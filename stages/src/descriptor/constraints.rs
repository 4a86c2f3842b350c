//! Constraints whose names several standards share: bounds, lengths, enumerations. Values become literals of the field's type.

use super::json::{Entries, Json};
use super::middle::{Field, Words};
use crate::infer::quoted;
use pipeline::Fatal;

/// Takes what is known of `said`; what a spec cannot say is kept as lost.
///
/// # Errors
/// `bad_descriptor`, for values of other kinds than they must be.
pub fn take(said: &mut Entries, field: &mut Field) -> Result<(), Fatal> {
    if let Some(true) = said.boolean("required")? {
        field.words.say("required", "true");
    }
    if let Some(true) = said.boolean("unique")? {
        field.words.say("unique", "true");
    }
    for (theirs, ours) in [
        ("minLength", "min_length"),
        ("maxLength", "max_length"),
        ("minItems", "min_length"),
        ("maxItems", "max_length"),
    ] {
        if let Some(count) = said.count(theirs)? {
            field.words.say(ours, count.to_string());
        }
    }
    bounds(said, field);
    if let Some(values) = said.list("enum")? {
        allowed(&values, field);
    }
    Ok(())
}

/// The least and the greatest value. Those that are not allowed themselves are of whole numbers the next ones.
pub fn bounds(said: &mut Entries, field: &mut Field) {
    for (theirs, ours, step) in [
        ("minimum", "minimum", 0),
        ("minInclusive", "minimum", 0),
        ("maximum", "maximum", 0),
        ("maxInclusive", "maximum", 0),
        ("exclusiveMinimum", "minimum", 1),
        ("minExclusive", "minimum", 1),
        ("exclusiveMaximum", "maximum", -1),
        ("maxExclusive", "maximum", -1),
    ] {
        let Some(value) = said.take(theirs) else {
            continue;
        };
        if value == Json::Boolean(false) {
            continue;
        }
        let whole = match &value {
            Json::Number(text) | Json::Text(text) => text.parse::<i64>().ok(),
            _ => None,
        };
        let is_whole = field.words.get("type") == Some("\"integer\"");
        let next = whole
            .filter(|_| is_whole)
            .and_then(|value| value.checked_add(step));
        match (step, next, literal(&value, &field.words)) {
            (0, _, Some(literal)) => field.words.say(ours, literal),
            (_, Some(next), _) => {
                // The stricter of two bounds counts.
                let before = field
                    .words
                    .get(ours)
                    .and_then(|text| text.parse::<i64>().ok());
                let strict = match before {
                    Some(before) if step > 0 => before.max(next),
                    Some(before) => before.min(next),
                    None => next,
                };
                field.words.say(ours, strict.to_string());
            }
            _ => field.lost.push(format!("{theirs} = {value}")),
        }
    }
}

/// The only values that are allowed.
pub fn allowed(values: &[Json], field: &mut Field) {
    let literals: Option<Vec<_>> = values
        .iter()
        .map(|value| literal(value, &field.words))
        .collect();
    match literals {
        Some(literals) if !literals.is_empty() => {
            field
                .words
                .say("enum", format!("[{}]", literals.join(", ")));
        }
        _ => field
            .lost
            .push(format!("enum = {}", Json::List(values.to_vec()))),
    }
}

/// A value as a literal of the field's type.
pub fn literal(value: &Json, words: &Words) -> Option<String> {
    let kind = words.get("type").unwrap_or("\"string\"").trim_matches('"');
    match (value, kind) {
        (Json::Text(text), "boolean") => match text.as_str() {
            "true" | "false" => Some(text.clone()),
            _ => None,
        },
        (Json::Text(text), "integer") => text.parse::<i64>().ok().map(|value| value.to_string()),
        (Json::Text(text), _) => Some(quoted(text)),
        (Json::Boolean(value), "boolean") => Some(value.to_string()),
        (Json::Number(text), "integer") => {
            let plain = text.strip_suffix(".0").unwrap_or(text);
            plain.parse::<i64>().ok().map(|value| value.to_string())
        }
        (Json::Number(text), "decimal" | "float" | "duration") => match text.parse::<i64>() {
            Ok(value) => Some(value.to_string()),
            Err(_) => Some(quoted(text)),
        },
        _ => None,
    }
}
