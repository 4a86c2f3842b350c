//! The law of framer and parser of XML together, as a function of any bytes: property tests and the fuzz target call it.
//!
//! A document is accepted or not, whichever of its elements are the records: read as one record, the root, it is well-formed
//! exactly where what is around the elements in the root is, and each of these elements as a record of its own. The elements
//! are then as many.

use super::{Kind, Take, Takes, XmlParser};
use crate::frame::xml::XmlFramer;
use crate::frame::xml::laws::path_of;
use crate::unpack::Encoding;
use crate::xml::{FieldPath, Step};
use pipeline::law::frame_until;
use pipeline::{FrameLimits, Parser, Position};
use std::sync::Arc;

/// What came of a document: for each record how many elements are in it or the code of its problem, and why the rest is
/// unusable.
pub type Judged = (Vec<Result<usize, String>>, Option<String>);

/// Frames and parses `input` with the records at `path`.
///
/// # Panics
/// When the parser does not find what the framer cut.
pub fn judge(path: &str, input: &[u8]) -> Judged {
    let path = path_of(path);
    let take = Take {
        key: "*".into(),
        path: FieldPath {
            steps: vec![Step::Any],
            attribute: None,
        },
        kind: Kind::List,
    };
    let takes = Arc::new(Takes::new(vec![take], false));
    let parser = XmlParser::new(path.namespaces.clone(), takes);
    let start = Position::START;
    let framer = XmlFramer::new(&path, Encoding::default(), start, FrameLimits::default());
    let (blocks, fatal) = frame_until(Box::new(framer), start, input, 4096);
    let mut all = Vec::new();
    for block in &blocks {
        let parsed = parser.parse(block, &mut |_, row| {
            all.push(match row {
                Err(problem) => Err(problem.code.into_owned()),
                Ok(tree) => {
                    let lists = tree.root().into_iter().flat_map(|root| root.children());
                    Ok(lists.map(|list| list.children().count()).sum())
                }
            });
        });
        if let Err(fatal) = parsed {
            panic!("the parser failed: {fatal}");
        }
    }
    (all, fatal.map(|fatal| fatal.code.to_owned()))
}

/// Whether `input` is well-formed, as both readings say.
///
/// # Panics
/// When they differ.
pub fn hold_for(input: &[u8]) -> bool {
    let (root, outside) = judge("/*", input);
    let (elements, around) = judge("/*/*", input);
    let codes = |records: &[Result<usize, String>], fatal: &Option<String>| {
        let rejects = records.iter().filter_map(|record| record.clone().err());
        rejects.chain(fatal.clone()).collect::<Vec<_>>()
    };
    let (as_one, as_many) = (codes(&root, &outside), codes(&elements, &around));
    // How deep is too deep, and how long, is not the same inside of records and outside.
    let is_limit = |code: &String| code == "xml_depth" || code == "xml_limit";
    if !as_one.iter().chain(&as_many).any(is_limit) {
        assert_eq!(
            as_one.is_empty(),
            as_many.is_empty(),
            "{as_one:?} {as_many:?}"
        );
        if as_one.is_empty() {
            let inside: usize = root.iter().flatten().sum();
            assert_eq!(inside, elements.len(), "the root holds its elements");
        }
    }
    as_one.is_empty()
}

/// Checks the law for any bytes.
///
/// # Panics
/// When it is broken.
pub fn hold_for_any(data: &[u8]) {
    hold_for(data);
}
