//! A line behind four texts with tabs between: these are taken off, and marks before formulas.

use super::formula::{self, MARK};
use super::{ADDED, Reference, no_record};
use pipeline::Problem;

/// Writes the line without them, and returns its reference.
pub(super) fn take(line: &[u8], out: &mut Vec<u8>) -> Result<Option<Reference>, Problem> {
    let mut parts = line.splitn(ADDED.len() + 1, |byte| *byte == b'\t');
    let reference = parts.next().and_then(|part| std::str::from_utf8(part).ok());
    let reference = reference.and_then(Reference::parse);
    let own = parts.nth(ADDED.len() - 1).ok_or_else(no_record)?;
    for part in own.split_inclusive(|byte| matches!(byte, b'\t' | b'\r')) {
        let is_marked = formula::is_marked(part, MARK);
        out.extend_from_slice(&part[usize::from(is_marked)..]);
    }
    if own.trim_ascii().is_empty() {
        return Err(no_record());
    }
    out.push(b'\n');
    Ok(reference)
}
