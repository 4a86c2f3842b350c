//! Every part that a spec can name, each in a file of its own: sources, unpackers, framers, parsers, steps and
//! sinks.
//!
//! What a spec says is data ([`spec`]); a checked spec is a plan; a plan is opened into running parts. Parsers,
//! framers and steps do no I/O, and nothing here reads the environment or the clock. Parts of one kind never
//! import each other.

pub mod against;
pub mod control;
pub mod corrected;
pub mod descriptor;
pub mod frame;
pub mod generate;
mod glob;
pub mod identity;
pub mod infer;
pub mod json;
pub mod kind;
pub mod ledger;
pub mod load;
pub mod open;
pub mod parse;
pub mod part_file;
pub mod plan;
pub mod record;
pub mod sink;
pub mod source;
pub mod spec;
pub mod sqlite;
pub mod step;
pub mod unique;
pub mod unpack;
pub mod xml;
