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
    value_to(item, record, |_, value| value)
}

/// As [`value`], and puts the value where it belongs.
#[inline]
pub fn value_to<T>(
    item: Item<'_>,
    record: &mut Record,
    put: impl FnOnce(&mut Record, Value) -> T,
) -> Result<T, Fault> {
    read(item, record, MAX_DEPTH_LEVELS - 1, put)
}

/// Reads the value, below which up to `levels` more lie, and puts it where it belongs. Each kind calls `put` for
/// itself, and the frequent ones where the compiler cannot join the calls: it would build the value in one place
/// and copy it to another before it is there, and wait for it.
#[inline(always)]
fn read<T>(
    item: Item<'_>,
    record: &mut Record,
    levels: usize,
    put: impl FnOnce(&mut Record, Value) -> T,
) -> Result<T, Fault> {
    Ok(match item.kind() {
        Kind::Null => put(record, Value::Null),
        Kind::Boolean(value) => put_boolean(value, record, put),
        Kind::Number => match number::untyped_integer(item.text()) {
            Some(value) => put_integer(value, record, put),
            None => {
                let read = number::untyped(item.text());
                put(record, read.map_err(|fault| in_number(fault, item))?)
            }
        },
        Kind::String => put_text(item.place(), record, put),
        Kind::List => {
            let mut values = record.list();
            items(item, record, levels, &mut values)?;
            put(record, Value::List(values))
        }
        Kind::Object => {
            let mut values = record.object();
            entries(item, record, levels, &mut values)?;
            put(record, Value::Object(values))
        }
    })
}

#[inline(never)]
fn put_boolean<T>(
    value: bool,
    record: &mut Record,
    put: impl FnOnce(&mut Record, Value) -> T,
) -> T {
    put(record, Value::Boolean(value))
}

#[inline(never)]
fn put_integer<T>(value: i64, record: &mut Record, put: impl FnOnce(&mut Record, Value) -> T) -> T {
    put(record, Value::Integer(value))
}

#[inline(never)]
fn put_text<T>(text: Text, record: &mut Record, put: impl FnOnce(&mut Record, Value) -> T) -> T {
    put(record, Value::Text(text))
}

fn items(
    list: Item<'_>,
    record: &mut Record,
    levels: usize,
    values: &mut Vec<Value>,
) -> Result<(), Fault> {
    for item in list.children() {
        let below = levels.checked_sub(1).ok_or_else(too_deep)?;
        read(item, record, below, |_, value| values.push(value))?;
    }
    Ok(())
}

fn entries(
    object: Item<'_>,
    record: &mut Record,
    levels: usize,
    values: &mut Vec<(Text, Value)>,
) -> Result<(), Fault> {
    for entry in object.children() {
        let below = levels.checked_sub(1).ok_or_else(too_deep)?;
        check_name(entry)?;
        let name = entry.key_place();
        read(entry, record, below, |_, value| values.push((name, value)))?;
    }
    Ok(())
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
