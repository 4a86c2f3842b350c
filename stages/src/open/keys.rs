//! What records are grouped by, read by the parser and the readers of the run itself: of each record its `by` fields are
//! bound, and equal values have equal keys.

use crate::frame::group::{Key, ReadKeys};
use crate::record::{Record, Value, write_value};
use pipeline::{Bind, Block, Fatal, Parser, Verdict};
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
