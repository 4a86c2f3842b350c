//! A JSON value whose type nobody declared, as it is: names and texts are literal data and never interpreted,
//! numbers are exact or refused.

use super::number;
use super::value::{Fault, shown};
use crate::record::{Item, Kind, Record, Value};

/// The deepest nesting of lists and objects that is taken over, in levels. MongoDB holds 100.
pub const MAX_DEPTH_LEVELS: usize = 100;

/// The value; texts and names go into the buffer of `record`.
///
/// # Errors
/// A number that neither 64 bits nor a double hold (`number_range`), a name with a NUL (`nul_in_name`), or
/// nesting beyond [`MAX_DEPTH_LEVELS`] (`too_deep`).
pub fn value(item: Item<'_>, record: &mut Record) -> Result<Value, Fault> {
    below(item, record, MAX_DEPTH_LEVELS)
}

fn below(item: Item<'_>, record: &mut Record, levels: usize) -> Result<Value, Fault> {
    if levels == 0 {
        return Err(Fault {
            code: "too_deep",
            reason: format!("is nested deeper than {MAX_DEPTH_LEVELS} levels").into(),
        });
    }
    Ok(match item.kind() {
        Kind::Null => Value::Null,
        Kind::Boolean(value) => Value::Boolean(value),
        Kind::Number => number::untyped(item.text()).map_err(|fault| Fault {
            code: fault.code,
            reason: format!("has {}, which {}", shown(item.text()), fault.reason).into(),
        })?,
        Kind::String => Value::Text(record.store(item.text())),
        Kind::List => {
            let items = item.children().map(|item| below(item, record, levels - 1));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        Kind::Object => {
            let entries = item.children().map(|entry| {
                check_name(entry.key())?;
                let name = record.store(entry.key());
                Ok((name, below(entry, record, levels - 1)?))
            });
            Value::Object(entries.collect::<Result<_, _>>()?)
        }
    })
}

/// A name in a document must not hold a NUL: BSON ends names with one.
pub fn check_name(name: &str) -> Result<(), Fault> {
    if name.as_bytes().contains(&0) {
        return Err(Fault {
            code: "nul_in_name",
            reason: format!("has the name {}, which holds a NUL", shown(name)).into(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Tree;

    #[test]
    fn nesting_ends_before_the_stack_does() {
        for (levels, expected) in [
            (MAX_DEPTH_LEVELS, None),
            (MAX_DEPTH_LEVELS + 1, Some("too_deep")),
        ] {
            let mut tree = Tree::default();
            let mut writer = tree.refill();
            let nodes: Vec<u32> = (0..levels)
                .map(|_| writer.push(Kind::List, (0, 0), (0, 0)))
                .collect();
            nodes.into_iter().rev().for_each(|node| writer.close(node));
            let found = value(tree.root().unwrap(), &mut Record::default());
            assert_eq!(found.err().map(|fault| fault.code), expected);
        }
    }
}
