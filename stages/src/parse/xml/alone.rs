//! Records that leave their document: what they need of what is declared around them, and whether they can stand alone.
//!
//! It only judges and adds; no byte of a record is ever changed here.

use super::document::{Document, tag_len};
use super::scope;
use crate::xml::Namespaces;
use crate::xml::grammar::{self, Tag};
use crate::xml::scope::Scope;
use std::sync::Arc;

/// Namespaces that a record needs and does not declare, each with its prefix, `""` for that of names without one.
/// `context` is what stands around it ([`pipeline::Block::context`]); without one, what the spec says of prefixes and
/// of `name`, the record's name in the spec, is taken. Empty for what has no start tag.
pub fn declarations(
    context: Option<&[u8]>,
    namespaces: &Namespaces,
    name: &str,
    record: &str,
) -> Vec<(String, String)> {
    let Some(len) = tag_len(record) else {
        return Vec::new();
    };
    let tag = Tag::read(&record[..len], 0);
    let mut around: Vec<(String, String)> = match context.map(scope) {
        Some(Ok(scope)) => owned(scope.in_force()),
        Some(Err(_)) | None => owned(namespaces.each()),
    };
    let own = namespaces.each().find(|(prefix, _)| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(':'))
    });
    if let (None, Some((_, uri)), false) = (context, own, tag.name.contains(':')) {
        around.push((String::new(), uri.to_owned()));
    }
    let mut declared = Scope::default();
    // What is no declaration is told by whoever reads the record.
    let _ = declared.enter(&tag);
    around.retain(|(prefix, uri)| {
        let is_used = match &**prefix {
            "" => !uri.is_empty(),
            prefix => record.contains(&format!("{prefix}:")),
        };
        is_used && declared.in_force().all(|(own, _)| own != prefix)
    });
    around
}

fn owned<'a>(declared: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    declared
        .map(|(prefix, uri)| (prefix.to_owned(), uri.to_owned()))
        .collect()
}

/// Whether a text is one well-formed element by itself.
pub fn is_element(text: &str) -> bool {
    let mut document = Document::new(Arc::default(), Scope::default());
    document.read(text).is_ok()
}

/// The length of `<` and the name behind it, with which a start tag begins; `None` for anything else.
pub fn name_len(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('<')?;
    match grammar::name_len(inside) {
        0 => None,
        len => Some(len + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_along_what_it_uses_and_does_not_say_itself() {
        let mut spec = Namespaces::default();
        assert!(spec.add("g", "urn:g") && spec.add("g", "urn:g2"));
        let context = &b"<r xmlns='urn:r' xmlns:g='urn:1' xmlns:h='urn:h'><s xmlns:g='urn:2'>"[..];
        for (context, record, expected) in [
            (Some(context), "<a>g</a>", "=urn:r"),
            (Some(context), "<a xmlns=''><g:b/></a>", "g=urn:2"),
            (Some(context), "<g:a h:b='' xmlns:g='x'/>", "h=urn:h =urn:r"),
            (Some(b""), "<g:a/>", ""),
            (None, "<g:a/>", "g=urn:g"),
            (None, "<a/>", "=urn:g"),
            (None, "<a", ""),
        ] {
            let found = declarations(context, &spec, "g:a", record);
            let found: Vec<String> = found
                .iter()
                .map(|(prefix, uri)| format!("{prefix}={uri}"))
                .collect();
            assert_eq!(found.join(" "), expected, "{record}");
        }
        assert_eq!(name_len("<g:a b"), Some(4));
        assert_eq!((name_len("a"), name_len("<1")), (None, None));
        assert!(is_element("<a><b/></a>") && !is_element("<g:a/>") && !is_element("<a></b>"));
    }
}
