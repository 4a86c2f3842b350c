//! What `drop` and `reject` have in common: a name, and a condition on the record.

use super::expression::{Expression, Names};
use crate::record::Record;
use pipeline::Problem;

/// The most characters of a step's name.
const MAX_NAME_CHARACTERS: usize = 64;

/// A condition with the name of its step.
#[derive(Debug)]
pub struct Condition {
    expression: Expression,
    step: String,
}

impl Condition {
    /// The condition of the step that is called `name`, whose kind is `kind` (`drop`, say).
    ///
    /// # Errors
    /// Everything that is wrong, each with its key below the step.
    pub fn build(
        kind: &str,
        name: Option<&str>,
        when: Option<&str>,
        names: &Names<'_>,
    ) -> Result<Self, Vec<(String, String)>> {
        let mut wrong = Vec::new();
        if let Err(message) = check_name(name) {
            wrong.push((format!("{kind}.name"), message));
        }
        let expression = match when {
            None => Err("a condition is missing".to_owned()),
            Some(when) => condition(when, names),
        };
        match expression {
            Ok(expression) if wrong.is_empty() => Ok(Self {
                expression,
                step: format!("{kind} `{}`", name.unwrap_or_default()),
            }),
            Ok(_) => Err(wrong),
            Err(message) => {
                wrong.push((format!("{kind}.when"), message));
                Err(wrong)
            }
        }
    }

    /// Whether it holds for `record`.
    ///
    /// # Errors
    /// The problem `expression`, when it cannot be evaluated.
    pub fn holds(&self, record: &Record) -> Result<bool, Problem> {
        let held = self.expression.holds(record);
        held.map_err(|problem| Problem {
            message: format!("{}: {}", self.step, problem.message),
            ..problem
        })
    }
}

fn condition(when: &str, names: &Names<'_>) -> Result<Expression, String> {
    let expression = Expression::compile(when, names).map_err(|error| error.to_string())?;
    expression.must_be_condition()?;
    Ok(expression)
}

fn check_name(name: Option<&str>) -> Result<(), String> {
    let Some(name) = name else {
        return Err("a name is missing: what it catches is counted under it".into());
    };
    let mut characters = name.chars();
    let first = characters.next();
    let starts = first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let goes_on = characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if !starts || !goes_on || name.len() > MAX_NAME_CHARACTERS {
        return Err(format!(
            "{name:?} is no name: a letter or `_`, then letters, digits, `_` and `-`, at most {MAX_NAME_CHARACTERS}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Schema;

    fn check(name: Option<&str>, when: Option<&str>, expected: &[&str]) {
        let names = Names {
            schema: &Schema::default(),
            visible: 0,
            zones: &[],
            uncertain: &[],
        };
        let wrong = Condition::build("drop", name, when, &names)
            .err()
            .unwrap_or_default();
        let paths: Vec<_> = wrong.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, expected, "{name:?} {when:?}: {wrong:?}");
    }

    #[test]
    fn a_condition_wants_a_name_and_an_expression() {
        check(Some("not-sent_2"), Some("1 < 2"), &[]);
        check(None, None, &["drop.name", "drop.when"]);
        for name in ["", "2nd", "-a", "a b", "ä", &"a".repeat(65)] {
            check(Some(name), Some("true"), &["drop.name"]);
        }
        check(Some("a"), Some("1 +"), &["drop.when"]);
        check(Some("a"), Some("'text'"), &["drop.when"]);
        check(Some("a"), Some("unknown"), &["drop.when"]);
    }
}
