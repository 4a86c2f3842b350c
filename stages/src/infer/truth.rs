//! Truth values by their texts: `true` and `false` are such, everything else may be, and is left to a person.
//!
//! It looks at the distinct values alone, and never takes a column with others among them.

use super::column::Texts;
use super::judge::{Judged, Level, certain};
use super::text::{list, quoted};

/// Texts that mean yes and no to some people, and nothing of the kind to others.
const YES_NO: [(&str, &str); 9] = [
    ("y", "n"),
    ("yes", "no"),
    ("j", "n"),
    ("ja", "nein"),
    ("t", "f"),
    ("on", "off"),
    ("oui", "non"),
    ("o", "n"),
    ("si", "no"),
];

/// Truth values by their texts.
pub fn truth(texts: &Texts) -> Option<Judged> {
    let distinct = texts.distinct.as_ref()?;
    let mut folded: Vec<String> = distinct.keys().map(|text| text.to_lowercase()).collect();
    folded.sort();
    folded.dedup();
    let count = texts.values;
    let spelled = |meaning: &str| -> Vec<String> {
        let alike = distinct
            .keys()
            .filter(|text| text.to_lowercase() == meaning);
        alike.map(|text| quoted(text)).collect()
    };
    let listed = |yes: &str, no: &str| {
        let (mut yes, mut no) = (spelled(yes), spelled(no));
        if yes.is_empty() {
            yes.push(quoted("true"));
        }
        if no.is_empty() {
            no.push(quoted("false"));
        }
        let (yes, no) = (yes.join(", "), no.join(", "));
        format!(r#"type = "boolean", true_values = [{yes}], false_values = [{no}]"#)
    };
    let within = |yes: &str, no: &str| folded.iter().all(|text| text == yes || text == no);
    if within("true", "false") {
        let plain = distinct
            .keys()
            .all(|text| text == "true" || text == "false");
        let words = match plain {
            true => r#"type = "boolean""#.to_owned(),
            false => listed("true", "false"),
        };
        let level = if folded.len() == 2 {
            certain(count)
        } else {
            Level::Likely
        };
        return Some(Judged::new(
            level,
            words,
            format!("{count} times true or false"),
        ));
    }
    if within("0", "1") && folded.len() == 2 {
        let choices = vec![
            (r#"type = "integer""#.into(), "numbers".into()),
            (
                r#"type = "boolean""#.into(),
                "1 is true and 0 is false".into(),
            ),
        ];
        return Some(Judged::open(
            "nothing but 0 and 1, numbers or truth values",
            choices,
        ));
    }
    let (yes, no) = YES_NO.iter().find(|(yes, no)| within(yes, no))?;
    let all: Vec<_> = distinct.keys().map(|text| quoted(text)).collect();
    let mut choice = listed(yes, no);
    if folded.len() == 1 {
        let other = if folded[0] == *yes { no } else { yes };
        choice = choice
            .replace(r#"["true"]"#, &format!("[{}]", quoted(other)))
            .replace(r#"["false"]"#, &format!("[{}]", quoted(other)));
    }
    Some(Judged::open(
        format!("nothing but {}, texts or truth values", list(&all)),
        vec![(choice, "truth values".into())],
    ))
}
