//! Framers: where records begin and end.
//!
//! Each framer is one file, or stands around others ([`kinds`]); what they share is the block under construction ([`cut`], [`growing`]). A framer knows no
//! other framer, does no I/O, and looks at a byte a bounded number of times.

pub mod csv;
mod cut;
pub mod group;
mod growing;
pub mod json;
pub mod kinds;
pub mod lines;
pub mod xml;
