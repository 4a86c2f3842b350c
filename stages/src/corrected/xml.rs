//! An element with four more attributes: these are taken off. Where its text was put into an element of its own, the record
//! is that text.

use super::{ADDED, Beside, Taken, no_record, no_text};
use crate::parse::xml::{scope, tag_len};
use crate::xml::Namespaces;
use crate::xml::grammar::{Malformed, Tag, append_text, append_value};
use crate::xml::scope::Scope;

/// The namespace of what is added.
pub const NAMESPACE: &str = "urn:sluicegate:rejects";

/// The prefix of what is added, in the files that are written here.
pub const PREFIX: &str = "sluicegate";

/// The start tag of an element that declares what stands around the records in a file of rejects: the prefixes of the spec,
/// and that of what is added.
pub(super) fn context(namespaces: &Namespaces) -> String {
    let mut tag = format!("<a xmlns:{PREFIX}=\"{NAMESPACE}\"");
    for (prefix, uri) in namespaces.each().filter(|(prefix, _)| *prefix != PREFIX) {
        let uri = uri
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;");
        tag += &format!(" xmlns:{prefix}=\"{uri}\"");
    }
    tag + ">"
}

/// Writes the element without them. `context`: the start tags around it.
pub(super) fn take(raw: &[u8], context: &[u8], out: &mut Vec<u8>) -> Taken {
    let (Ok(text), Ok(mut scope)) = (std::str::from_utf8(raw), scope(context)) else {
        return nothing();
    };
    let taken = take_text(text, &mut scope, out);
    taken.unwrap_or_else(|_| nothing())
}

fn nothing() -> Taken {
    Taken {
        problem: Some(no_record()),
        ..Taken::default()
    }
}

fn take_text(text: &str, scope: &mut Scope, out: &mut Vec<u8>) -> Result<Taken, Malformed> {
    let Some(len) = tag_len(text) else {
        return Ok(nothing());
    };
    let tag = Tag::read(&text[..len], 0);
    scope.enter(&tag)?;
    let names = scope.attributes(&tag)?;
    let (mut reference, mut done) = (Beside::Nothing, 0);
    let from = out.len();
    for (attribute, (uri, local)) in tag.attributes.iter().zip(names) {
        if uri != NAMESPACE {
            continue;
        }
        if ADDED[0].strip_prefix('_') == Some(local) {
            let mut value = String::new();
            append_value(attribute.value, attribute.value_at, &mut value)?;
            reference = Beside::read(value.as_bytes());
        }
        let before = text[done..attribute.at].trim_end();
        out.extend_from_slice(before.as_bytes());
        done = attribute.value_at + attribute.value.len() + 1;
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
    let inside = text[len..].trim_start();
    let Some(record) = raw_in(inside, scope)? else {
        return Ok(Taken {
            reference,
            problem: None,
        });
    };
    out.truncate(from);
    out.extend_from_slice(record.as_bytes());
    let blank = record.trim().is_empty().then(no_record);
    let problem = blank.or_else(|| no_text(&record));
    Ok(Taken { reference, problem })
}

/// The text of the element `raw` that the text begins with.
fn raw_in(text: &str, scope: &mut Scope) -> Result<Option<String>, Malformed> {
    let Some(len) = tag_len(text).filter(|_| text.starts_with('<')) else {
        return Ok(None);
    };
    let tag = Tag::read(&text[..len], 0);
    if tag.fault.is_some() {
        return Ok(None);
    }
    scope.enter(&tag)?;
    if scope.element(tag.name, 0)? != (NAMESPACE, "raw") {
        return Ok(None);
    }
    let inside = &text[len..];
    let end = inside.find('<').unwrap_or(inside.len());
    let mut record = String::new();
    append_text(&inside[..end], 0, &mut record)?;
    Ok(Some(record))
}
