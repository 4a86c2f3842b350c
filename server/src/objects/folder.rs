//! Objects in a folder: the embedded default.
