//! Binds the cells of a CSV record, whose columns are known since the header.

use super::field::FieldPlan;
use crate::record::{Cells, Record, Value};
use pipeline::{Bind, Problem, Verdict};
use std::sync::Arc;

/// Binds CSV records of one file.
#[derive(Clone, Debug)]
pub struct CellsBind {
    /// Each field with the number of its column, from 0, where the file has it.
    fields: Vec<(Arc<FieldPlan>, Option<usize>)>,
    /// Values of a record, derived ones too.
    room: usize,
    extra: Extra,
}

/// What becomes of the columns that no field takes.
#[derive(Clone, Debug)]
pub enum Extra {
    /// They are left out.
    Drop,
    /// They go into the document, each under its name.
    Keep(Vec<(usize, Box<str>)>),
    /// They go into one object of the document.
    Rescue(Vec<(usize, Box<str>)>),
    /// Every record is rejected for them.
    Reject(Vec<Problem>),
}

impl CellsBind {
    pub(super) fn new(
        fields: Vec<(Arc<FieldPlan>, Option<usize>)>,
        room: usize,
        extra: Extra,
    ) -> Self {
        Self {
            fields,
            room,
            extra,
        }
    }
}

impl Bind<Cells, Record> for CellsBind {
    fn bind(&self, row: &mut Cells, record: &mut Record) -> Verdict {
        record.take_over_cells(row);
        let mut problems = Vec::new();
        for (index, (field, column)) in self.fields.iter().enumerate() {
            let found = column.and_then(|column| row.get(column).zip(row.place_of(column)));
            match found {
                Some((text, place)) => field.text(index, text, place, record, &mut problems),
                None => field.absent(record, &mut problems),
            }
        }
        record.grow(self.room);
        match &self.extra {
            Extra::Drop => {}
            Extra::Keep(columns) => {
                for (column, name) in columns {
                    let name = record.store(name);
                    let value = kept(row, *column, record);
                    record.keep_unknown(name, value);
                }
            }
            Extra::Rescue(columns) => {
                let rescued = columns.iter().map(|(column, name)| {
                    let name = record.store(name);
                    (name, kept(row, *column, record))
                });
                let rescued = Value::Object(rescued.collect());
                let name = record.store("_rescued");
                record.keep_unknown(name, rescued);
            }
            Extra::Reject(unknown) => problems.extend_from_slice(unknown),
        }
        if problems.is_empty() {
            Verdict::Keep
        } else {
            Verdict::Reject(problems)
        }
    }
}

/// The text of a column that no field takes; null where the record has none.
fn kept(row: &Cells, column: usize, record: &mut Record) -> Value {
    match row.get(column) {
        Some(text) => Value::Text(record.store(text)),
        None => Value::Null,
    }
}
