//! Binding: rows become typed records, by `[fields]`, `[columns]` and `[values]` of a spec.
//!
//! A [`BindPlan`] is the checked spec. For CSV it is bound once to the titles of a file
//! ([`BindPlan::for_columns`]), for JSON to keys and paths ([`BindPlan::for_tree`]); what comes out binds rows.
//! It promises that each value is exactly what was written, typed as the spec says, or a problem, and that all
//! problems of a record are told together. It never guesses a type, and drops nothing that the spec does not
//! say to drop.

mod cells;
mod columns;
mod field;
mod found;
mod identifier;
mod item;
mod json_text;
mod left_keys;
mod lookup;
mod number;
mod path;
mod plan;
mod privacy;
mod shares;
mod spec;
mod text;
mod time;
mod tree;
mod untyped;
mod validate;
mod value;

#[cfg(test)]
mod tests;

pub use cells::CellsBind;
pub use columns::{BindRefusal, LeftOut, listed};
pub use found::Finds;
pub use left_keys::{LeftKeys, MAX_LEFT_KEYS};
pub use lookup::{LookupSpec, MAX_LOOKUP_BYTES, MissingKey, read_files};
pub use number::{MAX_STYLED_NUMBER_BYTES, Negative, NumberStyle};
pub use path::{Path, Segment, element_key, has_texts};
pub use plan::{BindPlan, PlanProblem, RESERVED, RowKind, is_identifier};
pub use privacy::{Algorithm, HashSpec, MaskSpec};
pub use spec::{
    ColumnsSpec, FieldSpec, FieldsSpec, Literal, Missing, OneOrMany, Order, Target, Transform,
    Unknown, ValuesSpec,
};
pub use time::{Form, Locale, POSIX_PIVOT, Zone};
pub use tree::TreeBind;
pub use untyped::MAX_DEPTH_LEVELS;
pub use validate::{Constant, Constraints, Wanted, regex_fault};
pub use value::{Fault, Reader, shown};
