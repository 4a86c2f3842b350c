//! Steps: binding, validation and what a spec says to do with a record.

pub mod bind;
pub mod codes;
mod condition;
pub mod cover;
pub mod derive;
pub mod drop;
pub mod explode;
pub mod expression;
pub mod group;
pub mod hash;
pub mod mask;
pub mod reject;

pub use derive::DeriveSpec;
pub use drop::DropSpec;
pub use explode::{ExplodePlan, ExplodeSpec};
pub use group::{GroupPlan, GroupSpec, Joiner};
pub use reject::{RejectSpec, Severity};
