//! Corrected records as they would have stood in the first input: for those that are bad still, and are shown again.

use super::Taking;
use crate::frame::csv::Head;
use crate::plan::{FormatPlan, Plan};
use pipeline::MAX_RAW_BYTES;

/// How what was added is taken off the records that a file's rejects keep.
pub struct Plain {
    taking: Taking,
    /// The start tags that stand around a record of XML in a file of rejects.
    context: String,
}

impl Plain {
    /// For a file whose checkpoint keeps the head `own`, and whose records stood in one with the head `first`. `None` where
    /// its columns are not those of the first one, in their order.
    pub fn of(plan: &Plan, first: &str, own: &str) -> Option<Self> {
        let columns = |head: &str| -> Option<Vec<String>> {
            let head: Head = serde_json::from_str(head).ok()?;
            Some(head.columns)
        };
        let (mut context, mut taking) = (String::new(), Taking::of(&plan.format));
        match &plan.format {
            FormatPlan::Csv(dialect) => {
                let (found, left) = Taking::of_csv(dialect, &columns(own)?).ok()?;
                if left != columns(first)? {
                    return None;
                }
                taking = found;
            }
            FormatPlan::Xml(xml) => context = super::xml::context(&xml.path.namespaces),
            _ => {}
        }
        Some(Self { taking, context })
    }

    /// A record as it would have stood there; `None` where not all of it is kept, or nothing of it is left.
    pub fn record(&self, raw: &[u8]) -> Option<Vec<u8>> {
        if raw.is_empty() || raw.len() >= MAX_RAW_BYTES {
            return None;
        }
        let mut out = Vec::new();
        let taken = self.taking.take(raw, self.context.as_bytes(), &mut out);
        if out.ends_with(b"\n") {
            out.pop();
        }
        (taken.problem.is_none() && !out.is_empty()).then_some(out)
    }
}
