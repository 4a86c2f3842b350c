//! What details take over from the latest header before them.

use crate::record::{Record, Value};
use pipeline::{Inherit, Problem};
use std::sync::Arc;

/// The fields of one context kind, and their places in the records to be loaded.
#[derive(Clone, Debug)]
pub struct Takeover {
    /// The kind.
    pub kind: Arc<str>,
    /// For each field of the kind, in its order: its name, its place in the schema, and whether it is required.
    pub fields: Vec<(Arc<str>, usize, bool)>,
}

impl Inherit<Record> for Takeover {
    fn inherit(&self, context: Option<&Record>, record: &mut Record, problems: &mut Vec<Problem>) {
        for ((name, to, required), from) in self.fields.iter().zip(0..) {
            match context {
                Some(context) => {
                    let value = record.copy_of(context, context.value(from));
                    record.set(*to, value);
                }
                None => {
                    record.set(*to, Value::Null);
                    if *required {
                        let kind = &self.kind;
                        let message = format!("is required, and no `{kind}` stands before it");
                        problems.push(Problem::of_field("required", &**name, message));
                    }
                }
            }
        }
    }
}
