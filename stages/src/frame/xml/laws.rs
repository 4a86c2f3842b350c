//! The laws of the framer of XML documents, as a function of any bytes: property tests and the fuzz target call it.
//!
//! 1. Any cut, any restart ([`pipeline::law`]), for documents that are malformed too.
//! 2. A record stands where its frame says, from the `<` of its tag on, and is cut the same when it is asked
//!    for alone.
//!
//! That what is outside of records is well-formed exactly where the whole is, is a law of the parser.

use super::XmlFramer;
use crate::unpack::Encoding;
use crate::xml::{Namespaces, RecordPath};
use pipeline::law::{Framing, any_cut_any_restart_until, frame_until};
use pipeline::{FrameLimits, Framer, MAX_RAW_BYTES};

/// Checks all laws for `input`, and returns its framing and what makes it unusable.
///
/// # Panics
/// When one is broken.
pub fn hold_for(path: &RecordPath, limits: FrameLimits, input: &[u8]) -> (Framing, Option<String>) {
    let encoding = Encoding::default();
    let make = |at| Box::new(XmlFramer::new(path, encoding, at, limits)) as Box<dyn Framer>;
    let (framing, fatal) = any_cut_any_restart_until(&make, &|_| 0, input);
    for (at, raw, broken) in &framing.records {
        let there = &input[at.offset as usize..];
        assert!(there.starts_with(raw), "the bytes of a record are there");
        let lines = input[..at.offset as usize]
            .iter()
            .filter(|&&byte| byte == b'\n');
        assert_eq!(at.line, lines.count() as u64 + 1);
        assert!(raw.starts_with(b"<"), "a record begins with its tag");
        match broken {
            Some(_) => assert!(raw.len() <= MAX_RAW_BYTES),
            None => assert!(raw.len() <= limits.max_record_bytes),
        }
        let alone = Box::new(XmlFramer::of_one(path, *at, limits));
        let (blocks, fatal) = frame_until(alone, *at, there, 7);
        assert!(fatal.is_none(), "a record is found alone: {fatal:?}");
        let first = blocks.iter().find(|block| !block.frames.is_empty());
        let first = first.map(|block| (block.raw(0), block.frames[0].broken));
        assert_eq!(first, Some((&**raw, *broken)));
    }
    (framing, fatal)
}

/// Paths that fuzzing draws from.
const PATHS: [&str; 5] = ["/*", "/*/*", "/a/b", "/a/*/g:c", "/g:a/b"];

/// Takes path and limits from the first bytes of `data`, and checks all laws for the others.
///
/// # Panics
/// When one is broken.
pub fn hold_for_any(data: &[u8]) {
    let [path, limit, input @ ..] = data else {
        return;
    };
    let text = PATHS[usize::from(*path) % PATHS.len()];
    let limits = FrameLimits {
        max_record_bytes: 1 + usize::from(*limit >> 2),
        max_block_records: 1 + usize::from(*limit & 3),
        max_block_bytes: 32,
    };
    hold_for(&path_of(text), limits, input);
}

/// The path `text`, with the prefix `g` for `urn:g`.
///
/// # Panics
/// Where it is none.
pub fn path_of(text: &str) -> RecordPath {
    let mut namespaces = Namespaces::default();
    namespaces.add("g", "urn:g");
    match RecordPath::parse(text, namespaces) {
        Ok(path) => path,
        Err(bad) => panic!("{text} is no path: {bad:?}"),
    }
}
