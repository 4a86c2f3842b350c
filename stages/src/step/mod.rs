//! Steps: binding, validation and what a spec says to do with a record.
