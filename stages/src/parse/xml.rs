//! The XML parser: each record is one element, which becomes a [`Tree`] of what the fields of the spec ask for.
//!
//! It promises one tree or one problem for each record that the framer cut. A record is accepted exactly where it is
//! well-formed by XML 1.0 (fifth edition) and Namespaces in XML, with the declarations around it
//! ([`pipeline::Block::context`]); what is not is the problem `xml`, a DOCTYPE is `xml_doctype`. No entity is ever looked
//! up, and no text makes it recurse deeper than [`MAX_DEPTH_LEVELS`].
//!
//! The tree is an object with an entry for each [`Take`] that found something, and, where the spec passes on or judges
//! what no field takes, one for each other attribute and child element of the record ([`shape`]).

mod alone;
mod document;
pub mod laws;
mod shape;
#[cfg(test)]
mod tests;

pub use alone::{declarations, is_element, name_len};
pub use document::MAX_DEPTH_LEVELS;
pub(crate) use document::tag_len;
pub use shape::{Kind, Take, Takes};

use super::encoding::not_utf8;
use crate::record::Tree;
use crate::xml::Namespaces;
use crate::xml::grammar::{Malformed, Tag};
use crate::xml::scope::Scope;
use document::Document;
use pipeline::{Block, Fatal, Parser, Problem};
use std::sync::Arc;

/// Parses records that are XML elements.
#[derive(Clone, Debug)]
pub struct XmlParser {
    namespaces: Arc<Namespaces>,
    takes: Arc<Takes>,
}

impl XmlParser {
    /// A parser that gives what `takes` says, under names with the prefixes of `namespaces`.
    pub fn new(namespaces: Arc<Namespaces>, takes: Arc<Takes>) -> Self {
        Self { namespaces, takes }
    }
}

impl Parser<Tree> for XmlParser {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut Tree, Problem>),
    ) -> Result<(), Fatal> {
        let mut tree = Tree::default();
        let mut document = Document::new(self.namespaces.clone(), scope(&block.context)?);
        for (frame, index) in block.frames.iter().zip(0..) {
            if frame.broken.is_some() {
                continue;
            }
            let bytes = block.raw(index);
            let read = match std::str::from_utf8(bytes) {
                Err(error) => Err(not_utf8(bytes, error)),
                Ok(text) => document
                    .read(text)
                    .map_err(|fault| problem(text, &fault))
                    .and_then(|()| self.takes.write(&mut document, &mut tree)),
            };
            match read {
                Ok(()) => each(index, Ok(&mut tree)),
                Err(problem) => each(index, Err(problem)),
            }
        }
        Ok(())
    }
}

/// The name of a record's element as paths say it, with the prefixes of `namespaces`; `context` is what stands around
/// it. `None` where its tag is malformed.
pub fn element_name(record: &[u8], context: &[u8], namespaces: &Namespaces) -> Option<String> {
    // Of a record that was broken off only the beginning is there, which may end within a character.
    let text = match std::str::from_utf8(record) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&record[..error.valid_up_to()]).ok()?,
    };
    let tag = Tag::read(&text[..document::tag_len(text)?], 0);
    let mut scope = scope(context).ok()?;
    if tag.fault.is_some() || scope.enter(&tag).is_err() {
        return None;
    }
    let (uri, local) = scope.element(tag.name, 0).ok()?;
    let mut name = String::new();
    namespaces.write(uri, local, &mut name);
    Some(name)
}

/// What the start tags around a block declare.
pub(crate) fn scope(context: &[u8]) -> Result<Scope, Fatal> {
    let mut scope = Scope::default();
    let bad = || {
        Fatal::new(
            "frame_mismatch",
            "what stands around the records is no start tags",
        )
    };
    let mut rest = std::str::from_utf8(context).map_err(|_| bad())?;
    while !rest.is_empty() {
        let len = document::tag_len(rest).ok_or_else(bad)?;
        let tag = Tag::read(&rest[..len], 0);
        if tag.fault.is_some() || scope.enter(&tag).is_err() {
            return Err(bad());
        }
        rest = &rest[len..];
    }
    Ok(scope)
}

/// What is wrong with a record, with the place in it.
fn problem(text: &str, fault: &Malformed) -> Problem {
    let before = &text[..text.floor_char_boundary(fault.at)];
    let lines = before.bytes().filter(|byte| *byte == b'\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[start..].chars().count() + 1;
    let place = match lines {
        0 => format!("column {column}"),
        _ => format!("line {} of the record, column {column}", lines + 1),
    };
    Problem::of_record(fault.code, format!("{place}: {}", fault.what))
}
