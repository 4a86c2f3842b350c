//! Parsers: the records of a block become rows.

pub mod csv;
mod encoding;
pub mod fixed;
pub mod json;
pub mod lines;
pub mod xml;

pub use csv::CsvParser;
pub use fixed::FixedParser;
pub use json::JsonParser;
pub use lines::LinesParser;
pub use xml::XmlParser;
