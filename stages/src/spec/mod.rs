//! The spec language: what a TOML file may say, and how it is read. A spec is read in one go: all that can be
//! understood comes back beside every problem, each with its place in the file. Reading opens nothing but the files that
//! a spec extends and never panics, whatever the text; what is required and what makes sense together is not said here
//! but by the plan.

mod digits;
mod duration;
mod extend;
mod fault;
mod flat;
mod language;
mod path;
mod problem;
mod read;
mod reference;
mod size;
mod source;
mod syntax;

pub use digits::{plain_digits, regex, whole};
pub use duration::Millis;
pub use extend::{MAX_CHAIN_FILES, MAX_EXTENDED_FILES, read_beside};
pub use fault::nearest;
pub use language::{
    ErrorsSpec, ExpectedRejectSpec, FormatSpec, InputSpec, OnBreachSpec, OnSuccess, SinkSpec, Spec,
    StepSpec, TestSpec,
};
pub use path::field_path;
pub use problem::{MAX_PROBLEMS, Problem, Problems};
pub use read::{MAX_SPEC_BYTES, read};
pub use reference::{Key, Table, markdown, reference};
pub use size::ByteSize;
pub use source::{Place, Source, Spot};

/// Every default of the language, as a commented spec.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// The JSON Schema of the language, for editors.
pub fn json_schema() -> schemars::Schema {
    schemars::schema_for!(Spec)
}
