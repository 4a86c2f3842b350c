//! Steps: binding, validation and what a spec says to do with a record.

pub mod bind;
mod condition;
pub mod derive;
pub mod drop;
pub mod expression;
pub mod reject;

pub use derive::DeriveSpec;
pub use drop::DropSpec;
pub use reject::{BUILT_IN_CODES, RejectSpec, Severity};
