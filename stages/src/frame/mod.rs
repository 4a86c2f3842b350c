//! Framers: where records begin and end.
