//! A JSON value whose type nobody declared, as it is: names and texts are literal data and never interpreted,
//! numbers are exact or refused.

use super::number;
use super::value::{Fault, shown};
use crate::record::{Item, Kind, Record, Text, Value};

/// The deepest nesting of lists and objects that is taken over, in levels. MongoDB holds 100.
pub const MAX_DEPTH_LEVELS: usize = 100;

/// The value, for a record that has taken over the texts of its tree.
///
/// # Errors
/// A number that neither 64 bits nor a double hold (`number_range`), a name with a NUL (`nul_in_name`), or
/// nesting beyond [`MAX_DEPTH_LEVELS`] (`too_deep`).
pub fn value(item: Item<'_>, record: &mut Record) -> Result<Value, Fault> {
    one(item, record, MAX_DEPTH_LEVELS - 1)
}

/// The value; up to `levels` more lie below it.
#[inline(always)]
fn one(item: Item<'_>, record: &mut Record, levels: usize) -> Result<Value, Fault> {
    Ok(match item.kind() {
        Kind::Null => Value::Null,
        Kind::Boolean(value) => Value::Boolean(value),
        Kind::Number => number::untyped(item.text()).map_err(|fault| in_number(fault, item))?,
        Kind::String => Value::Text(item.place()),
        Kind::List => Value::List(items(item, record, levels)?),
        Kind::Object => Value::Object(entries(item, record, levels)?),
    })
}

fn items(list: Item<'_>, record: &mut Record, levels: usize) -> Result<Vec<Value>, Fault> {
    let mut items = record.list();
    for item in list.children() {
        let below = levels.checked_sub(1).ok_or_else(too_deep)?;
        items.push(one(item, record, below)?);
    }
    Ok(items)
}

fn entries(
    object: Item<'_>,
    record: &mut Record,
    levels: usize,
) -> Result<Vec<(Text, Value)>, Fault> {
    let mut entries = record.object();
    for entry in object.children() {
        let below = levels.checked_sub(1).ok_or_else(too_deep)?;
        check_name(entry)?;
        entries.push((entry.key_place(), one(entry, record, below)?));
    }
    Ok(entries)
}

#[cold]
fn too_deep() -> Fault {
    Fault {
        code: "too_deep",
        reason: format!("is nested deeper than {MAX_DEPTH_LEVELS} levels").into(),
    }
}

#[cold]
fn in_number(fault: Fault, item: Item<'_>) -> Fault {
    Fault {
        code: fault.code,
        reason: format!("has {}, which {}", shown(item.text()), fault.reason).into(),
    }
}

/// A name in a document must not hold a NUL: BSON ends names with one.
#[inline]
pub fn check_name(entry: Item<'_>) -> Result<(), Fault> {
    match entry.has_nul_in_key() {
        true => Err(nul_in_name(entry.key())),
        false => Ok(()),
    }
}

#[cold]
fn nul_in_name(name: &str) -> Fault {
    Fault {
        code: "nul_in_name",
        reason: format!("has the name {}, which holds a NUL", shown(name)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Name, Tree};

    #[test]
    fn nesting_ends_before_the_stack_does() {
        for (levels, expected) in [
            (MAX_DEPTH_LEVELS, None),
            (MAX_DEPTH_LEVELS + 1, Some("too_deep")),
        ] {
            let mut tree = Tree::default();
            let mut writer = tree.refill();
            let nodes: Vec<u32> = (0..levels)
                .map(|_| writer.open(Kind::List, Name::default(), (0, (0, 0))))
                .collect();
            for node in nodes.into_iter().rev() {
                writer.close(node);
            }
            let found = value(tree.root().unwrap(), &mut Record::default());
            assert_eq!(found.err().map(|fault| fault.code), expected);
        }
    }
}
