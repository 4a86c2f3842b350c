//! Parsers: the records of a block become rows.
