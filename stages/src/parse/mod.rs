//! Parsers: the records of a block become rows.

pub mod csv;
pub mod jsonl;

pub use csv::CsvParser;
pub use jsonl::JsonlParser;
