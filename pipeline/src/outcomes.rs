//! From what a target says of operations to what became of records.
//!
//! A record is one operation, or several (its parts), or one of several that share an operation. Sinks say what the
//! target answered to each operation, in any order; here it becomes one outcome a record: a record with parts is
//! loaded once all of them are in, and one refused part refuses it; an operation of several records loads or
//! refuses all of them.

use crate::{Operation, Problem, Reject, Written};
use std::collections::BTreeMap;

/// The answers to one batch as they come.
#[derive(Debug, Default)]
pub struct Outcomes<'a> {
    written: Written,
    /// Records with parts, by their ordinals.
    exploded: BTreeMap<u64, Parts<'a>>,
}

/// What was said of the parts of one record so far.
#[derive(Debug, Default)]
struct Parts<'a> {
    /// Those that the target has.
    taken: Vec<Operation<'a>>,
    /// Whether one of them is new to it.
    loaded: bool,
    /// The first part that it refuses, and why.
    refused: Option<(u32, Reject)>,
}

impl<'a> Outcomes<'a> {
    /// The target acknowledged an operation.
    pub fn loaded(&mut self, operation: Operation<'a>) {
        if operation.part() == 0 {
            self.written.loaded += operation.records();
            self.written.documents += 1;
        } else {
            let parts = self.parts(operation);
            parts.loaded = true;
            parts.taken.push(operation);
        }
    }

    /// The target had acknowledged an operation to an earlier try or run.
    pub fn already_loaded(&mut self, operation: Operation<'a>) {
        if operation.part() == 0 {
            self.written.already_loaded += operation.records();
            self.written.documents += 1;
        } else {
            self.parts(operation).taken.push(operation);
        }
    }

    /// The target refuses an operation: all its records are rejects.
    pub fn refused(&mut self, operation: Operation<'a>, mut problem: Problem) {
        let part = operation.part();
        if part == 0 {
            self.written.rejects.extend(operation.rejects(problem));
            return;
        }
        problem.message = format!("part {part}: {}", problem.message);
        let Some(reject) = operation.rejects(problem).next() else {
            return;
        };
        let refused = &mut self.parts(operation).refused;
        // Whatever the order in which answers come, the reject is the same.
        if refused.as_ref().is_none_or(|(first, _)| part < *first) {
            *refused = Some((part, reject));
        }
    }

    /// The parts that the target has of records that it refuses otherwise. A sink that can take them away does so,
    /// before it answers; here they no longer count as documents.
    pub fn withdraw(&mut self) -> Vec<Operation<'a>> {
        let refused = self
            .exploded
            .values_mut()
            .filter(|parts| parts.refused.is_some());
        refused
            .flat_map(|parts| std::mem::take(&mut parts.taken))
            .collect()
    }

    /// The answer to the batch.
    pub fn written(self) -> Written {
        let Self {
            mut written,
            exploded,
        } = self;
        for parts in exploded.into_values() {
            written.documents += parts.taken.len() as u64;
            match parts.refused {
                Some((_, reject)) => written.rejects.push(reject),
                None if parts.loaded => written.loaded += 1,
                None => written.already_loaded += 1,
            }
        }
        written
    }

    fn parts(&mut self, operation: Operation<'a>) -> &mut Parts<'a> {
        let ordinal = operation.position().ordinal;
        self.exploded.entry(ordinal).or_default()
    }
}
