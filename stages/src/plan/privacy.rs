//! Personal data: fields whose values are masked or hashed before any step sees them, and rejects that say nothing of
//! values that are nobody's business. A spec with a sensitive field has rejects without raw bytes, since those are the
//! whole record; where a record stands is told, so who may read the file finds it.
//!
//! It never writes a salt anywhere, and costs nothing where no field asks for it.

#[cfg(test)]
mod tests;

use super::{Defaults, StepPlan};
use crate::record::{Record, Type, Value};
use crate::step::BUILT_IN_CODES;
use crate::step::bind::{FieldSpec, MaskSpec, OneOrMany, PlanProblem, Target};
use pipeline::{Cover, Reject, Step, Verdict};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a salt begins with: it is a reference, never a value.
const REFERENCE: &str = "env:";

/// Codes whose messages hold no value, whatever the record.
const CODES_WITHOUT_VALUES: [&str; 15] = [
    "cell_count",
    "document_too_deep",
    "document_too_large",
    "duplicate_reference",
    "encoding",
    "json_depth",
    "more_problems",
    "no_column",
    "no_record",
    "record_too_large",
    "too_deep",
    "unclosed_quote",
    "unknown_column",
    "unknown_field",
    "unknown_reference",
];

/// What the spec's fields say of personal data.
#[derive(Clone, Debug, Default)]
pub struct Privacy {
    /// Masks and hashes, which come before all other steps.
    pub steps: Vec<StepPlan>,
    /// What rejects must not say.
    pub cover: Option<Arc<dyn Cover>>,
}

impl Privacy {
    /// Checks `mask`, `hash` and `sensitive` of all fields.
    pub fn plan(
        fields: &[(String, FieldSpec)],
        defaults: Defaults,
        problems: &mut Vec<PlanProblem>,
    ) -> Self {
        let mut steps = Vec::new();
        for (index, (name, spec)) in fields.iter().enumerate() {
            let Some((kind, how)) = how(name, spec, defaults, problems) else {
                continue;
            };
            steps.push(StepPlan {
                kind,
                name: name.clone(),
                step: Arc::new(Veil { index, how }),
            });
        }
        let is_sensitive = |spec: &FieldSpec| {
            spec.sensitive == Some(true) || spec.mask.is_some() || spec.hash.is_some()
        };
        let sensitive = || fields.iter().filter(|(_, spec)| is_sensitive(spec));
        // The same value is as sensitive under another name.
        let shares = |one: &(String, FieldSpec)| sensitive().any(|other| share(one, other));
        let shown = fields.iter().filter(|one| !shares(one));
        let cover = sensitive().next().map(|_| {
            let shown = shown.flat_map(|(name, spec)| [Some(name.clone()), target(spec)]);
            let cover: Arc<dyn Cover> = Arc::new(Covered {
                shown: shown.flatten().collect(),
            });
            cover
        });
        Self { steps, cover }
    }
}

/// Whether two fields have a place in common that their values come from.
fn share((one, a): &(String, FieldSpec), (other, b): &(String, FieldSpec)) -> bool {
    if let (Some(from), Some(to)) = (a.start, b.start) {
        let end = |start: u32, spec: &FieldSpec| start.saturating_add(spec.width.unwrap_or(0));
        return one == other || from < end(to, b) && to < end(from, a);
    }
    fn places<'s>(name: &'s String, from: Option<&'s OneOrMany>) -> &'s [String] {
        from.map_or(std::slice::from_ref(name), |from| &from.0)
    }
    let (here, there) = (places(one, a.from.as_ref()), places(other, b.from.as_ref()));
    one == other
        || a.column.is_some() && a.column == b.column
        || here.iter().any(|place| there.contains(place))
}

/// The place in the document, as a target calls the field.
fn target(spec: &FieldSpec) -> Option<String> {
    match &spec.to {
        Some(Target::Path(path)) => Some(path.clone()),
        _ => None,
    }
}

fn how(
    name: &str,
    spec: &FieldSpec,
    defaults: Defaults,
    problems: &mut Vec<PlanProblem>,
) -> Option<(&'static str, How)> {
    let path = |key: &str| format!("fields.{name}.{key}");
    let key = match (&spec.mask, &spec.hash) {
        (None, None) => return None,
        (Some(_), Some(_)) => {
            let message = "`mask` and `hash` both say what is written";
            let problem = PlanProblem::new(path("hash"), "impossible", message);
            problems.push(problem.hint("remove one of the two"));
            return None;
        }
        (Some(_), None) => "mask",
        (None, Some(_)) => "hash",
    };
    let kind = spec.kind.unwrap_or(Type::String);
    if !matches!(kind, Type::String | Type::Email | Type::Url) {
        let message = format!("`{key}` is for texts: the types string, email and url");
        problems.push(PlanProblem::new(path(key), "not_applicable", message));
        return None;
    }
    if let Some(mask) = spec.mask {
        return Some((key, How::Mask(mask)));
    }
    let salt = spec.hash.as_ref().and_then(|hash| hash.salt.as_deref());
    match salted(salt, defaults) {
        Ok(salted) => Some((key, How::Hash(salted))),
        Err((code, message, hint)) => {
            problems.push(PlanProblem::new(path("hash.salt"), code, message).hint(hint));
            None
        }
    }
}

/// A hash that has begun with its salt.
fn salted(
    salt: Option<&str>,
    defaults: Defaults,
) -> Result<Sha256, (&'static str, String, &'static str)> {
    let hint = "salt = \"env:SALT_PEOPLE\", and a long random text in that variable";
    let Some(said) = salt else {
        let message = "a hash without a salt is found by trying all values".to_owned();
        return Err(("required", message, hint));
    };
    let name = said.strip_prefix(REFERENCE).filter(|name| !name.is_empty());
    let Some(name) = name else {
        let message = "a salt is a secret, and a spec holds references only".to_owned();
        return Err(("bad_secret", message, hint));
    };
    match defaults.secret.and_then(|secret| secret(name)) {
        Some(salt) if !salt.is_empty() => Ok(Sha256::new_with_prefix(salt.as_bytes())),
        _ => {
            let message = format!("there is no salt in the variable {name}");
            let hint =
                "set it where this runs; the service reads variables that begin with SALT_ only";
            Err(("missing_secret", message, hint))
        }
    }
}

enum How {
    Mask(MaskSpec),
    Hash(Sha256),
}

/// Writes something else in the place of a text.
struct Veil {
    index: usize,
    how: How,
}

impl Step<Record> for Veil {
    fn apply(&self, record: &mut Record) -> Verdict {
        if let Value::Text(text) = record.value(self.index) {
            let text = record.text(*text);
            let veiled = match &self.how {
                How::Mask(mask) => masked(text, *mask),
                How::Hash(salted) => hex::encode(salted.clone().chain_update(text).finalize()),
            };
            let veiled = record.store(&veiled);
            record.set(self.index, Value::Text(veiled));
        }
        Verdict::Keep
    }
}

fn masked(text: &str, mask: MaskSpec) -> String {
    let count = text.chars().count();
    let first = mask.keep_first.unwrap_or(0) as usize;
    let last = mask.keep_last.unwrap_or(0) as usize;
    let (first, last) = match first.saturating_add(last) < count {
        true => (first, count - last),
        false => (0, count),
    };
    let stays = |index: &usize| (..first).contains(index) || (last..).contains(index);
    let each = text.chars().enumerate();
    each.map(|(index, char)| if stays(&index) { char } else { '*' })
        .collect()
}

/// The fields of which rejects may tell the values: all but the sensitive ones.
#[derive(Debug)]
struct Covered {
    shown: BTreeSet<String>,
}

impl Cover for Covered {
    fn hide(&self, reject: &mut Reject) {
        reject.raw = Vec::new();
        for problem in &mut reject.problems {
            // What a step says of itself stands in the spec.
            let says_values = BUILT_IN_CODES.contains(&&*problem.code)
                && !CODES_WITHOUT_VALUES.contains(&&*problem.code);
            let is_shown = |field: &String| self.shown.contains(field);
            if says_values && !problem.field.as_ref().is_some_and(is_shown) {
                problem.message = "not shown: the spec has sensitive fields".into();
            }
        }
    }
}
