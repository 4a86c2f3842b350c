//! What a file and a spec do not use of each other: nothing of it is an error, and all of it may be a slip.

use super::{Head, MAX_SHOWN_TITLES, Title, nearest};
use crate::step::bind::plan::{BindPlan, Source};
use crate::step::bind::spec::Unknown;
use crate::step::bind::value::shown;
use serde::Serialize;

/// What was not used. Rows that are trees have no header: what of them was not used is known at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Titles of the columns that no field takes and that are left out, by the spec or by somebody's word, in the order
    /// of the file.
    pub columns: Vec<String>,
    /// Fields whose column is not there, each as a short text: its name, what was looked for, and the unused
    /// title that may be meant.
    pub fields: Vec<String>,
    /// Fields that were found in no record of a JSON or XML input that was read from its start.
    pub never_found: Vec<String>,
    /// Top-level keys of the records of such an input that no field takes and that are left out, at most
    /// [`super::super::MAX_LEFT_KEYS`], in the order in which they came.
    pub keys: Vec<String>,
    /// Whether there were others than `keys`.
    pub more_keys: bool,
}

impl BindPlan {
    /// What of a header without faults, and of the fields, is not used.
    pub fn left_out(&self, titles: &[String]) -> LeftOut {
        let heads = self.heads(titles);
        let mut used = vec![false; heads.len()];
        let mut absent = Vec::new();
        for (field, source) in self.fields() {
            let columns = source.columns(&heads);
            if columns.is_empty() {
                absent.push((&field.name, source));
            }
            for column in columns {
                used[column] = true;
            }
        }
        let unused: Vec<&Head<'_>> = heads
            .iter()
            .zip(&used)
            .filter_map(|(head, used)| (!used).then_some(head))
            .collect();
        let columns = match self.unknown {
            // What held the file was accepted, else nothing would be left out.
            Unknown::Drop | Unknown::Hold => unused
                .iter()
                .map(|head| match head.hidden {
                    Some(_) => head.told(),
                    None => head.normal.clone(),
                })
                .collect(),
            _ => Vec::new(),
        };
        let fields = absent.iter().enumerate().map(|(at, (name, source))| {
            let looked_for = match source {
                Source::Titles(titles) => {
                    let wanted: Vec<String> = titles.iter().map(Title::to_string).collect();
                    // Each comparison is short, all fields with all titles may be very many.
                    let near = (at < MAX_SHOWN_TITLES)
                        .then(|| nearest(titles, unused.iter().copied()))
                        .flatten();
                    let near = near.map_or(String::new(), |head| {
                        format!("; did you mean {}?", shown(&head.normal))
                    });
                    format!("looked for {}{near}", wanted.join(" or "))
                }
                Source::Column(index) => {
                    format!("column {} of {}", index + 1, heads.len())
                }
                Source::Paths(_) | Source::Elsewhere => "no column".to_owned(),
            };
            format!("{name} ({looked_for})")
        });
        LeftOut {
            columns,
            fields: fields.collect(),
            ..LeftOut::default()
        }
    }
}
