//! Steps: binding, validation and what a spec says to do with a record.

pub mod bind;
pub mod codes;
mod condition;
pub mod cover;
pub mod derive;
pub mod drop;
pub mod expression;
pub mod hash;
pub mod mask;
pub mod reject;

pub use derive::DeriveSpec;
pub use drop::DropSpec;
pub use reject::{RejectSpec, Severity};
