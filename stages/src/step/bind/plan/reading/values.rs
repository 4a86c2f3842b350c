//! `[values]`: what every field starts from, checked once for all fields, and the checks that a field's own keys
//! share with it.

use crate::step::bind::plan::PlanProblem;
use crate::step::bind::spec::ValuesSpec;
use crate::step::bind::time::Zone;

/// Checks what `[values]` says for all fields, once.
pub fn check_values(values: &ValuesSpec, problems: &mut Vec<PlanProblem>) {
    if values.group_char.is_some() && values.group_char == Some(values.decimal_char.unwrap_or('.'))
    {
        problems.push(same_chars("values.group_char"));
    }
    for (key, char) in [
        ("decimal_char", values.decimal_char),
        ("group_char", values.group_char),
    ] {
        check_char(char, &format!("values.{key}"), problems);
    }
    if let Some(name) = &values.timezone
        && Zone::named(name).is_none()
    {
        problems.push(no_zone(name, "values.timezone".into()));
    }
    check_pivot(values.year_pivot, "values", problems);
    check_truths(
        values.true_values.as_deref(),
        values.false_values.as_deref(),
        "values",
        problems,
    );
}

/// A year of two digits is 0 to 99, so that 100 takes all of them for 20...
pub(super) fn check_pivot(pivot: Option<u32>, path: &str, problems: &mut Vec<PlanProblem>) {
    if let Some(pivot) = pivot.filter(|pivot| *pivot > 100) {
        let message = format!("years of two digits are less than {pivot}: the pivot is 0 to 100");
        let hint = "70 takes 70 to 99 for 19.., and 00 to 69 for 20..";
        let path = format!("{path}.year_pivot");
        problems.push(PlanProblem::new(path, "bad_value", message).hint(hint));
    }
}

pub(super) fn check_char(char: Option<char>, path: &str, problems: &mut Vec<PlanProblem>) {
    if let Some(char) = char.filter(|char| char.is_ascii_digit() || "+-()eE".contains(*char)) {
        let message = format!("{char:?} is a part of numbers themselves");
        problems.push(PlanProblem::new(path, "impossible", message));
    }
}

pub(super) fn check_truths(
    yes: Option<&[String]>,
    no: Option<&[String]>,
    path: &str,
    problems: &mut Vec<PlanProblem>,
) {
    let (yes, no) = (truths(yes, &["true", "1"]), truths(no, &["false", "0"]));
    if let Some(both) = yes.iter().find(|text| no.contains(text)) {
        let message = format!("{both:?} would mean true and false");
        problems.push(PlanProblem::new(
            format!("{path}.false_values"),
            "impossible",
            message,
        ));
    }
}

pub(super) fn truths(said: Option<&[String]>, else_these: &[&str]) -> Vec<String> {
    match said {
        Some(texts) => texts.to_vec(),
        None => else_these.iter().map(|text| (*text).to_owned()).collect(),
    }
}

pub(super) fn same_chars(path: &str) -> PlanProblem {
    let message = "`group_char` and `decimal_char` are the same, so `1.234` could be two numbers";
    PlanProblem::new(path, "impossible", message).hint("give each a character of its own")
}

pub(super) fn no_zone(name: &str, path: String) -> PlanProblem {
    let problem = PlanProblem::new(
        path,
        "unknown_timezone",
        format!("no time zone is called {name:?}"),
    );
    match &Zone::names_like(name)[..] {
        [] => problem.hint("an IANA name such as `Europe/Berlin`, or an offset such as `+01:00`"),
        near => problem.hint(format!("did you mean {}?", near.join(" or "))),
    }
}
