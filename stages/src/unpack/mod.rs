//! Unpackers: sources around a source that give back what was compressed.
