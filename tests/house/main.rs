//! The house rules, read from the tree: who may import whom, where a crate lives, how a file looks.
//!
//! Each module is one rule with its reason. A breach is told by file, line and rule, all of a rule at once.

mod biased;
mod clock;
mod code;
mod codes;
mod crates;
mod deployed;
mod form;
mod guide;
mod homes;
mod parts;
mod promises;
mod tree;
mod wrong;
