//! The key of a target, resolved among the fields of a load: once for all sinks that find documents by key.

use super::{Load, Target};
use crate::record::{Layout, Slot, Type};
use pipeline::Fatal;
use std::sync::Arc;

/// One field of a key.
#[derive(Clone, Debug)]
pub struct KeyField {
    /// The target path with dots.
    pub path: String,
    /// The field's index in the schema.
    pub index: usize,
    /// Its name.
    pub name: Arc<str>,
}

/// The fields of the key of `target`, in its order.
///
/// # Errors
/// `key_unknown` where a path is no field's target, `key_type` where the field is a list or an object.
pub fn key_fields(target: &Target, load: &Load) -> Result<Vec<KeyField>, Fatal> {
    let field = |path: &Vec<Arc<str>>| {
        let joined = path.join(".");
        let Some(index) = find(&load.schema.layout, path) else {
            let message = format!("`{joined}` is in the key, and no field is written there");
            return Err(Fatal::new("key_unknown", message));
        };
        let field = &load.schema.fields[index];
        if matches!(field.kind, Type::List | Type::Object) {
            let message = format!("`{joined}` is in the key, and a list or object cannot be");
            return Err(Fatal::new("key_type", message));
        }
        Ok(KeyField {
            path: joined,
            index,
            name: field.name.clone(),
        })
    };
    target.key.iter().map(field).collect()
}

fn find(layout: &Layout, path: &[Arc<str>]) -> Option<usize> {
    let (name, rest) = path.split_first()?;
    let (_, slot) = layout.0.iter().find(|(other, _)| other == name)?;
    match (slot, rest) {
        (Slot::Field(index), []) => Some(*index),
        (Slot::Nested(nested), rest) => find(nested, rest),
        (Slot::Field(_), _) => None,
    }
}
