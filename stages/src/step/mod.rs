//! Steps: binding, validation and what a spec says to do with a record.

pub mod bind;
pub mod validate;
