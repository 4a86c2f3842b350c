//! What records are grouped by, read by the parser and the readers of the run itself: of each record its `by` fields are
//! bound, and equal values have equal keys.

use super::breach;
use crate::frame::group::{GroupFramer, GroupLimits, Key, MAX_GROUP_BYTES, ReadKeys};
use crate::plan::Plan;
use crate::record::{Record, Value, write_value};
use crate::step::bind::{BindPlan, BindRefusal, CellsBind};
use pipeline::{Bind, Block, Fatal, Framer, Parser, Verdict};
use std::marker::PhantomData;

/// Reads keys with a parser of rows `W` and a bind that knows the `by` fields only.
pub(super) struct BoundKeys<W, P, B> {
    parser: P,
    bind: B,
    /// The number of `by` fields.
    fields: usize,
    record: Record,
    rows: PhantomData<fn(W)>,
}

impl<W, P: Parser<W>, B: Bind<W, Record>> BoundKeys<W, P, B> {
    /// Keys of so many fields, which `bind` binds and no others.
    pub(super) fn new(parser: P, bind: B, fields: usize) -> Self {
        Self {
            parser,
            bind,
            fields,
            record: Record::default(),
            rows: PhantomData,
        }
    }
}

impl<W, P: Parser<W>, B: Bind<W, Record>> ReadKeys for BoundKeys<W, P, B> {
    fn read(&mut self, block: &Block, each: &mut dyn FnMut(usize, Key<'_>)) -> Result<(), Fatal> {
        let Self {
            parser,
            bind,
            fields,
            record,
            ..
        } = self;
        let mut key = Vec::new();
        parser.parse(block, &mut |index, row| {
            let Ok(row) = row else { return };
            if bind.bind(row, record) != Verdict::Keep {
                return;
            }
            key.clear();
            for field in 0..*fields {
                match record.value(field) {
                    // Equal numbers are one key however they are written.
                    Value::Decimal(value) => {
                        write_value(record, &Value::Decimal(value.normalized()), &mut key);
                    }
                    value => write_value(record, value, &mut key),
                }
                key.push(b'\n');
            }
            each(index, Key::Of(&key));
        })
    }
}

/// The framer, around which stands one that groups where the spec says so. `keys` makes what reads the keys, of a bind
/// that knows so many fields and no others.
pub fn grouped(
    plan: &Plan,
    framer: Box<dyn Framer>,
    keys: impl FnOnce(BindPlan, usize) -> Result<Box<dyn ReadKeys>, Fatal>,
) -> Result<Box<dyn Framer>, Fatal> {
    let Some(group) = &plan.group else {
        return Ok(framer);
    };
    let keys = keys(plan.bind.only(&group.by), group.by.len())?;
    let limits = GroupLimits {
        max_records: group.max_records,
        max_bytes: MAX_GROUP_BYTES,
    };
    Ok(Box::new(GroupFramer::new(framer, keys, limits)))
}

/// A bind of some fields, where that of all of them stands already.
pub fn of_keys(bind: Result<CellsBind, BindRefusal>) -> Result<CellsBind, Fatal> {
    bind.map_err(|refusal| match refusal {
        BindRefusal::Fatal(fatal) => fatal,
        BindRefusal::Hold(cause) => Fatal::new(cause.kind(), breach(cause).message),
    })
}
