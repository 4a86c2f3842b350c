//! A line behind four texts with tabs between: these are taken off, and marks before formulas.

use super::formula::{self, MARK};
use super::{ADDED, Beside, Taken, no_record};

/// Writes the line without them.
pub(super) fn take(line: &[u8], out: &mut Vec<u8>) -> Taken {
    let mut parts = line.splitn(ADDED.len() + 1, |byte| *byte == b'\t');
    let reference = parts.next().filter(|part| part.len() < line.len());
    let reference = reference.map_or(Beside::Nothing, Beside::read);
    let own = parts.nth(ADDED.len() - 1).unwrap_or_default();
    for part in own.split_inclusive(|byte| matches!(byte, b'\t' | b'\r')) {
        let is_marked = formula::is_marked(part, MARK);
        out.extend_from_slice(&part[usize::from(is_marked)..]);
    }
    out.push(b'\n');
    let problem = own.trim_ascii().is_empty().then(no_record);
    Taken { reference, problem }
}
