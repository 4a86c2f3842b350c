//! Personal data: what `mask`, `hash` and `sensitive` of fields mean for the steps and for rejects. A spec with a
//! sensitive field has rejects without raw bytes, since those are the whole record; where a record stands is told, so
//! who may read the file finds it.
//!
//! It costs nothing where no field asks for it.

mod places;
#[cfg(test)]
mod tests;

use super::{Defaults, FormatPlan, StepPlan};
use crate::record::{Record, Schema, Type};
use crate::spec::field_path;
use crate::step::bind::{BindPlan, FieldSpec, PlanProblem};
use crate::step::cover::Covered;
use crate::step::hash::{Hash, fingerprint};
use crate::step::mask::Mask;
use pipeline::{Cover, Step};
use places::Places;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a salt begins with: it is a reference, never a value.
const REFERENCE: &str = "env:";
/// What targets call the place of their own that each document has.
const ID: &str = "_id";

/// What the spec's fields say of personal data.
#[derive(Clone, Debug, Default)]
pub struct Privacy {
    /// Masks and hashes, which come before all other steps.
    pub steps: Vec<StepPlan>,
    /// Fingerprints of the salts, by the names of their variables.
    pub salts: BTreeMap<String, String>,
    /// The fields, by their numbers, whose values rejects may say; none where they may say all.
    shown: Option<BTreeSet<usize>>,
    /// The names of the fields of all kinds, where there are kinds.
    of_kinds: Vec<String>,
}

impl Privacy {
    /// Checks `mask`, `hash` and `sensitive` of all fields, which are bound by `bind` to what `format` finds.
    pub fn plan(
        fields: &[(String, FieldSpec)],
        format: Option<&FormatPlan>,
        bind: &BindPlan,
        defaults: Defaults,
        problems: &mut Vec<PlanProblem>,
    ) -> Self {
        let (mut steps, mut salts) = (Vec::new(), BTreeMap::new());
        for (index, (name, spec)) in fields.iter().enumerate() {
            let Some((kind, step)) = step(index, name, spec, defaults, &mut salts, problems) else {
                continue;
            };
            let name = name.clone();
            steps.push(StepPlan { kind, name, step });
        }
        let is_sensitive = |spec: &FieldSpec| {
            spec.sensitive == Some(true) || spec.mask.is_some() || spec.hash.is_some()
        };
        let numbered = fields.iter().enumerate();
        let sensitive: Vec<usize> = numbered
            .filter_map(|(index, (_, spec))| is_sensitive(spec).then_some(index))
            .collect();
        let shown = (!sensitive.is_empty()).then(|| {
            let places = Places::of(format, fields, bind);
            // The same value is as sensitive under another name.
            let is_shown = |one: &usize| {
                !sensitive.contains(one)
                    && !sensitive.iter().any(|other| places.share(*one, *other))
            };
            (0..fields.len()).filter(is_shown).collect()
        });
        Self {
            steps,
            shown,
            salts,
            of_kinds: Vec::new(),
        }
    }

    /// Where records are of several kinds, what is sensitive in one is so in the rejects of all: they show no values.
    /// `fields` are those of all kinds.
    pub fn hide_all(&mut self, fields: &[(String, FieldSpec)]) {
        let is_sensitive = |(_, spec): &(String, FieldSpec)| {
            spec.sensitive == Some(true) || spec.mask.is_some() || spec.hash.is_some()
        };
        if fields.iter().any(is_sensitive) {
            self.shown = Some(BTreeSet::new());
            self.of_kinds = fields.iter().map(|(name, _)| name.clone()).collect();
        }
    }

    /// The fields of `schema`, by their numbers, whose values only the target may see: those that rejects do not say, but
    /// for what is masked or hashed before it is written.
    pub fn unseen(&self, schema: &Schema, fields: &[(String, FieldSpec)]) -> Vec<usize> {
        let Some(shown) = &self.shown else {
            return Vec::new();
        };
        let is_veiled = |index: &usize| {
            let field = fields.get(*index);
            field.is_some_and(|(_, spec)| spec.mask.is_some() || spec.hash.is_some())
        };
        let all = 0..schema.fields.len();
        all.filter(|index| !shown.contains(index) && !is_veiled(index))
            .collect()
    }

    /// What rejects must not say, with the derived fields of `schema` and the steps of the spec; none where no field is
    /// sensitive.
    pub fn cover(&self, schema: &Schema, steps: &[StepPlan]) -> Option<Arc<dyn Cover>> {
        let is_shown = self.shown.as_ref()?;
        let (mut shown, mut hidden) = (BTreeSet::new(), BTreeSet::new());
        // What is derived may be made of values that are sensitive.
        for (index, field) in schema.fields.iter().enumerate() {
            let names = match is_shown.contains(&index) {
                true => &mut shown,
                false => &mut hidden,
            };
            names.insert(field.name.to_string());
            names.extend(field.target.as_ref().map(|target| target.join(".")));
        }
        let rejects = steps.iter().filter(|step| step.kind == "reject");
        Some(Arc::new(Covered {
            named: shown
                .iter()
                .chain(&hidden)
                .cloned()
                .chain(self.of_kinds.iter().cloned())
                .chain([ID.to_owned()])
                .collect(),
            shown: shown.difference(&hidden).cloned().collect(),
            own: rejects.map(|step| step.name.clone()).collect(),
        }))
    }
}

/// What the field says is to be written, with its word in the spec.
fn step(
    index: usize,
    name: &str,
    spec: &FieldSpec,
    defaults: Defaults,
    salts: &mut BTreeMap<String, String>,
    problems: &mut Vec<PlanProblem>,
) -> Option<(&'static str, Arc<dyn Step<Record>>)> {
    let path = |key: &str| field_path(name, key);
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
        let mask = Mask {
            index,
            keep_first: mask.keep_first.unwrap_or(0) as usize,
            keep_last: mask.keep_last.unwrap_or(0) as usize,
        };
        return Some((key, Arc::new(mask)));
    }
    let said = spec.hash.as_ref().and_then(|hash| hash.salt.as_deref());
    match salt(said, defaults) {
        Ok((name, salt)) => {
            salts.insert(name, fingerprint(&salt));
            Some((key, Arc::new(Hash::new(index, &salt))))
        }
        Err((code, message, hint)) => {
            problems.push(PlanProblem::new(path("hash.salt"), code, message).hint(hint));
            None
        }
    }
}

/// The salt that a spec refers to, behind the name of its variable.
fn salt(
    said: Option<&str>,
    defaults: Defaults,
) -> Result<(String, String), (&'static str, String, &'static str)> {
    let hint = "salt = \"env:SALT_PEOPLE\", and a long random text in that variable";
    let Some(said) = said else {
        let message = "a hash without a salt is found by trying all values".to_owned();
        return Err(("required", message, hint));
    };
    let name = said.strip_prefix(REFERENCE).filter(|name| !name.is_empty());
    let Some(name) = name else {
        let message = "a salt is a secret, and a spec holds references only".to_owned();
        return Err(("bad_secret", message, hint));
    };
    match defaults.secret.and_then(|secret| secret(name)) {
        Some(salt) if !salt.is_empty() => Ok((name.to_owned(), salt)),
        _ => {
            let message = format!("there is no salt in the variable {name}");
            let hint =
                "set it where this runs; the service reads variables that begin with SALT_ only";
            Err(("missing_secret", message, hint))
        }
    }
}
