//! An element with four more attributes: these are taken off. Where its text was put into an element of its own, the record
//! is that text.

use super::{ADDED, Reference, no_record};
use crate::frame::xml::grammar::{Malformed, Tag, append_text, append_value};
use crate::frame::xml::scope::Scope;
use crate::parse::xml::{scope, tag_len};
use pipeline::Problem;

/// The namespace of what is added.
pub const NAMESPACE: &str = "urn:sluicegate:rejects";

/// Writes the element without them, and returns its reference. `context`: the start tags around it.
pub(super) fn take(
    raw: &[u8],
    context: &[u8],
    out: &mut Vec<u8>,
) -> Result<Option<Reference>, Problem> {
    let text = std::str::from_utf8(raw).map_err(|_| no_record())?;
    let mut scope = scope(context).map_err(|_| no_record())?;
    let taken = take_text(text, &mut scope, out);
    taken.unwrap_or(None).map_or_else(|| Err(no_record()), Ok)
}

type Taken = Result<Option<Option<Reference>>, Malformed>;

fn take_text(text: &str, scope: &mut Scope, out: &mut Vec<u8>) -> Taken {
    let Some(len) = tag_len(text) else {
        return Ok(None);
    };
    let tag = Tag::read(&text[..len], 0);
    scope.enter(&tag)?;
    let names = scope.attributes(&tag)?;
    let (mut reference, mut done) = (None, 0);
    let from = out.len();
    for (attribute, (uri, local)) in tag.attributes.iter().zip(names) {
        if uri != NAMESPACE {
            continue;
        }
        if ADDED[0].strip_prefix('_') == Some(local) {
            let mut value = String::new();
            append_value(attribute.value, attribute.value_at, &mut value)?;
            reference = Reference::parse(&value);
        }
        let before = text[done..attribute.at].trim_end();
        out.extend_from_slice(before.as_bytes());
        done = attribute.value_at + attribute.value.len() + 1;
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
    let inside = text[len..].trim_start();
    if let Some(record) = raw_in(inside, scope)? {
        out.truncate(from);
        out.extend_from_slice(record.as_bytes());
        if record.trim().is_empty() {
            return Ok(None);
        }
    }
    Ok(Some(reference))
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
