//! The constraints that a spec asks for, checked: each must make sense for its field's type.

use super::{Constant, Constraint, Constraints, Pattern, constant};
use crate::record::Type;
use crate::step::bind::{Literal, PlanProblem, Zone};
use std::cmp::Ordering;
use std::sync::Arc;

/// What a spec asks of a field's values.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the names are the language's own words")]
pub struct Wanted<'s> {
    pub minimum: Option<&'s Literal>,
    pub maximum: Option<&'s Literal>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub pattern: Option<&'s str>,
    /// `enum`
    pub allowed: Option<&'s [Literal]>,
}

impl Constraints {
    /// The constraints of a field of type `kind` whose keys stand at `path` in the spec. What is wrong is told in
    /// `problems`, and left out. A datetime without an offset is local time in `zone`.
    pub fn plan(
        kind: Type,
        wanted: Wanted<'_>,
        zone: Option<&Arc<Zone>>,
        path: &str,
        problems: &mut Vec<PlanProblem>,
    ) -> Self {
        let mut planner = Planner {
            kind,
            zone,
            path,
            problems,
        };
        let mut found = Vec::new();
        planner.bounds(wanted, &mut found);
        planner.lengths(wanted, &mut found);
        planner.texts(wanted, &mut found);
        Self(found)
    }
}

struct Planner<'p> {
    kind: Type,
    zone: Option<&'p Arc<Zone>>,
    path: &'p str,
    problems: &'p mut Vec<PlanProblem>,
}

impl Planner<'_> {
    fn bounds(&mut self, wanted: Wanted<'_>, found: &mut Vec<Constraint>) {
        use Type::{Date, Datetime, Decimal, Duration, Float, Integer, Time};
        let types = [Integer, Float, Decimal, Date, Datetime, Time, Duration];
        let minimum = wanted
            .minimum
            .and_then(|literal| self.bound("minimum", literal, &types));
        let maximum = wanted
            .maximum
            .and_then(|literal| self.bound("maximum", literal, &types));
        if let (Some(minimum), Some(maximum)) = (&minimum, &maximum)
            && minimum.compare_with(maximum) == Some(Ordering::Greater)
        {
            let message = format!("`minimum` is {minimum} and greater than `maximum`, {maximum}");
            self.tell("minimum", "impossible", message);
        }
        found.extend(minimum.map(Constraint::Minimum));
        found.extend(maximum.map(Constraint::Maximum));
    }

    fn bound(&mut self, key: &str, literal: &Literal, types: &[Type]) -> Option<Constant> {
        self.applies(key, types)
            .then(|| self.constant(key, literal))
            .flatten()
    }

    fn lengths(&mut self, wanted: Wanted<'_>, found: &mut Vec<Constraint>) {
        let types = [Type::String, Type::Email, Type::Url, Type::List];
        let min = wanted
            .min_length
            .filter(|_| self.applies("min_length", &types));
        let max = wanted
            .max_length
            .filter(|_| self.applies("max_length", &types));
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            let message = format!("`min_length` is {min} and greater than `max_length`, {max}");
            self.tell("min_length", "impossible", message);
        }
        found.extend(min.map(Constraint::MinLength));
        found.extend(max.map(Constraint::MaxLength));
    }

    fn texts(&mut self, wanted: Wanted<'_>, found: &mut Vec<Constraint>) {
        let types = [Type::String, Type::Email, Type::Url];
        if let Some(pattern) = wanted.pattern.filter(|_| self.applies("pattern", &types)) {
            match Pattern::new(pattern) {
                Ok(whole) => found.push(Constraint::Pattern(whole, pattern.to_owned())),
                Err(error) => self.tell("pattern", "bad_regex", regex_fault(&error)),
            }
        }
        let Some(allowed) = wanted.allowed else {
            return;
        };
        if matches!(self.kind, Type::List | Type::Object) {
            self.tell("enum", "not_applicable", self.misplaced("enum"));
        } else if allowed.is_empty() {
            self.tell("enum", "impossible", "no value is allowed".into());
        } else {
            let mut values = Vec::new();
            for (index, literal) in allowed.iter().enumerate() {
                values.extend(self.constant(&format!("enum[{index}]"), literal));
            }
            let list: Vec<String> = allowed.iter().map(Literal::to_string).collect();
            let list = list.join(", ");
            let words = values.iter().map(Constant::key).collect::<Option<_>>();
            found.push(match words {
                Some(words) => Constraint::Words(words, list),
                None => Constraint::Enum(values, list),
            });
        }
    }

    fn constant(&mut self, key: &str, literal: &Literal) -> Option<Constant> {
        match Constant::new(self.kind, literal, self.zone) {
            Ok(constant) => Some(constant),
            Err(reason) => {
                self.tell(key, "bad_value", format!("{literal} {reason}"));
                None
            }
        }
    }

    fn applies(&mut self, key: &str, types: &[Type]) -> bool {
        let applies = types.contains(&self.kind);
        if !applies {
            self.tell(key, "not_applicable", self.misplaced(key));
        }
        applies
    }

    fn misplaced(&self, key: &str) -> String {
        format!(
            "`{key}` says nothing about type {}",
            constant::name(self.kind)
        )
    }

    fn tell(&mut self, key: &str, code: &'static str, message: String) {
        let path = format!("{}.{key}", self.path);
        self.problems.push(PlanProblem::new(path, code, message));
    }
}

/// What is wrong with a regular expression, in one line.
pub fn regex_fault(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
