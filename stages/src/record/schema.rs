//! The fields of a record, and the shape of the document that they make.

use std::sync::Arc;

/// A type of the spec language.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// A text, as it is.
    String,
    /// A whole number of 64 bits; others are refused.
    Integer,
    /// A double of IEEE 754: what it cannot hold becomes the nearest that it can, 9007199254740993 for example 9007199254740992.
    Float,
    /// A decimal number, kept exactly: at most 34 digits.
    Decimal,
    /// One of `true_values` and `false_values`.
    Boolean,
    /// A day without a time.
    Date,
    /// A moment, kept in UTC to the millisecond: what is finer is cut off.
    Datetime,
    /// A time of day without a day, to the nanosecond.
    Time,
    /// A span of time in whole seconds: `PT1H30M` (ISO 8601), `1:30:00`, or digits.
    Duration,
    /// A UUID.
    Uuid,
    /// An address of electronic mail.
    Email,
    /// An absolute URL.
    Url,
    /// Several values, of the type `items` where it stands.
    List,
    /// Names with values, as they are.
    Object,
}

/// One field of a record.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in the spec: what messages, steps and expressions call it.
    pub name: Arc<str>,
    /// Its type.
    pub kind: Type,
    /// Its place in the document, outermost name first; `None` binds without writing (`to = false`).
    pub target: Option<Vec<Arc<str>>>,
}

/// The fields of a record in the order of the spec, derived fields behind the others.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// The fields; a record's values have the same order.
    pub fields: Vec<Field>,
    /// The document that they make.
    pub layout: Layout,
}

/// The names of a document, or of an object in it, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout(pub Vec<(Arc<str>, Slot)>);

/// What stands under a name of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The value of the field with this index.
    Field(usize),
    /// An object of its own; it is left out when nothing is in it.
    Nested(Layout),
}

impl Schema {
    /// A schema of `fields`.
    ///
    /// # Errors
    /// The index of a field whose target is another field's target, or lies inside or around one.
    pub fn new(fields: Vec<Field>) -> Result<Self, usize> {
        let mut layout = Layout::default();
        for (index, field) in fields.iter().enumerate() {
            if let Some(target) = &field.target {
                layout.place(target, index).ok_or(index)?;
            }
        }
        Ok(Self { fields, layout })
    }

    /// The index of the field with this name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| &*field.name == name)
    }
}

impl Layout {
    fn place(&mut self, target: &[Arc<str>], index: usize) -> Option<()> {
        let (name, rest) = target.split_first()?;
        let here = self.0.iter_mut().find(|(other, _)| other == name);
        match (here, rest) {
            (None, []) => self.0.push((name.clone(), Slot::Field(index))),
            (None, rest) => {
                let mut nested = Self::default();
                nested.place(rest, index)?;
                self.0.push((name.clone(), Slot::Nested(nested)));
            }
            (Some((_, Slot::Nested(nested))), rest) => nested.place(rest, index)?,
            (Some((_, Slot::Field(_))), _) => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(targets: &[&str]) -> Result<Schema, usize> {
        let field = |target: &&str| Field {
            name: (*target).into(),
            kind: Type::String,
            target: Some(target.split('.').map(Arc::from).collect()),
        };
        Schema::new(targets.iter().map(field).collect())
    }

    #[test]
    fn fields_share_an_object_wherever_they_stand() {
        let layout = schema(&["a.x", "b", "a.y.z"]).unwrap().layout;
        let nested = |name: &str, inside| (Arc::from(name), Slot::Nested(Layout(inside)));
        let field = |name: &str, index| (Arc::from(name), Slot::Field(index));
        let a = nested("a", vec![field("x", 0), nested("y", vec![field("z", 2)])]);
        assert_eq!(layout, Layout(vec![a, field("b", 1)]));
    }

    #[test]
    fn one_place_is_one_field() {
        assert_eq!(schema(&["a", "b", "a"]).unwrap_err(), 2);
        assert_eq!(schema(&["a", "a.b"]).unwrap_err(), 1);
        assert_eq!(schema(&["a.b", "a"]).unwrap_err(), 1);
    }
}
