//! Framers: where records begin and end.
//!
//! Each framer is one file, or stands around others ([`kinds`]); what they share is the block under construction
//! ([`cut`], [`growing`]) and, where records are parts of a document, all but the document's format ([`document`]). A framer
//! knows no other framer, does no I/O, and looks at a byte a bounded number of times.

pub mod csv;
mod cut;
mod document;
pub mod group;
mod growing;
pub mod json;
pub mod kinds;
pub mod lines;
pub mod xml;
