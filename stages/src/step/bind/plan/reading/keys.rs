//! Keys of a field that say nothing about its type, or about its kind of input: each is told, none is ignored.

use super::Builder;
use crate::record::Type;
use crate::step::bind::lookup::MissingKey;
use crate::step::bind::plan::RowKind;
use crate::step::bind::validate::type_name;

impl Builder<'_> {
    /// Keys that say nothing about the field's type, or about its kind of input.
    pub(super) fn check_keys(&mut self) {
        use Type::{Boolean, Date, Datetime, Decimal, Float, Integer, List, Object, Time};
        let spec = self.spec;
        let scalars: [(&str, bool, &[Type]); 11] = [
            ("format", spec.format.is_some(), &[Date, Datetime, Time]),
            ("timezone", spec.timezone.is_some(), &[Datetime]),
            (
                "decimal_char",
                spec.decimal_char.is_some(),
                &[Float, Decimal],
            ),
            (
                "group_char",
                spec.group_char.is_some(),
                &[Integer, Float, Decimal],
            ),
            (
                "negative",
                spec.negative.is_some(),
                &[Integer, Float, Decimal],
            ),
            ("locale", spec.locale.is_some(), &[Date, Datetime]),
            ("year_pivot", spec.year_pivot.is_some(), &[Date, Datetime]),
            ("scale", spec.scale.is_some(), &[Decimal]),
            ("true_values", spec.true_values.is_some(), &[Boolean]),
            ("false_values", spec.false_values.is_some(), &[Boolean]),
            (
                "items",
                spec.items.is_some() && self.kind != Type::List,
                &[],
            ),
        ];
        for (key, said, types) in scalars {
            if said && !types.contains(&self.scalar) {
                let kind = type_name(self.kind);
                self.tell(
                    key,
                    "not_applicable",
                    format!("`{key}` says nothing about type {kind}"),
                );
            }
        }
        if let Some(items @ (Type::List | Type::Object)) = spec.items
            && (items == Type::List || spec.separator.is_some())
        {
            self.tell(
                "items",
                "not_applicable",
                format!("items cannot be of type {}", type_name(items)),
            );
        }
        if let Some(lookup) = &spec.lookup {
            if matches!(self.scalar, List | Object) {
                let kind = type_name(self.scalar);
                let message = format!("texts are looked up, and type {kind} is none");
                self.tell("lookup", "not_applicable", message);
            } else if self.kind == List && lookup.missing == Some(MissingKey::Null) {
                let message = "an item of a list cannot be null";
                self.tell("lookup.missing", "not_applicable", message);
            }
        }
        self.check_separator();
        if spec.lax.is_some() && self.input != RowKind::Tree {
            self.tell(
                "lax",
                "not_applicable",
                match self.input {
                    RowKind::Elements => "`lax` is for JSON: all there is in XML is texts already",
                    _ => "`lax` is for JSON: a cell is a text already",
                },
            );
        }
        let untouched = matches!(self.kind, List | Object) && self.input != RowKind::Columns;
        for (key, said) in [
            ("transform", spec.transform.is_some()),
            ("strip", spec.strip.is_some()),
            ("extract", spec.extract.is_some()),
        ] {
            if said && untouched {
                let kind = type_name(self.kind);
                self.tell(
                    key,
                    "not_applicable",
                    format!("`{key}` changes a text, and type {kind} is none"),
                );
            }
        }
    }

    fn check_separator(&mut self) {
        let is_cell_list = self.kind == Type::List && self.input == RowKind::Columns;
        match &self.spec.separator {
            Some(separator) if is_cell_list && separator.is_empty() => {
                self.tell("separator", "bad_value", "an empty text separates nothing");
            }
            Some(_) if !is_cell_list => {
                self.tell(
                    "separator",
                    "not_applicable",
                    "`separator` is for a list in a cell",
                );
            }
            _ => {}
        }
    }
}
