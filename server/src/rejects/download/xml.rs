//! A record of XML with four more attributes, in a document in which the path of the spec leads to it.
//!
//! The attributes are of sluicegate's own namespace, and stand behind the name of the record's element; with them come
//! the declarations that stood around the record and that it uses. What cannot stand in a well-formed document is the text
//! of an element `raw` of that namespace instead, in an element of the record's name: so it swallows no neighbour.

use super::Said;
use stages::corrected::{NAMESPACE, PREFIX};
use stages::parse::xml::{declarations, is_element, name_len};
use stages::unpack::TextForm;
use stages::xml::{Namespaces, RecordPath, Step};

/// What an element is called where a step of the path takes any name.
const ANY: &str = "any";

/// Writes a document.
pub(super) struct Writer {
    path: RecordPath,
    /// What the document begins with, where no element stands around the records.
    declaration: String,
}

impl Writer {
    /// A writer of documents whose text has this form.
    pub(super) fn new(path: &RecordPath, form: TextForm) -> Self {
        let declaration = format!("<?xml version=\"1.0\" encoding=\"{}\"?>\n", form.name());
        Self {
            path: path.clone(),
            declaration,
        }
    }

    /// What stands before and behind the records. Where the root of the document is the record, there can be only one, and
    /// nothing is around it.
    pub(super) fn around(&self) -> (String, String) {
        let Some((_, around)) = self.path.steps().split_last() else {
            return (String::new(), String::new());
        };
        let (mut before, mut behind) = (String::new(), String::new());
        for (depth, step) in around.iter().enumerate() {
            let name = name(step);
            if depth == 0 {
                before += &self.declaration;
                let declared = format!(" xmlns:{PREFIX}=\"{NAMESPACE}\"");
                before += &format!(
                    "<{name}{}{declared}>\n",
                    declared_prefixes(&self.path.namespaces)
                );
            } else {
                before += &format!("<{name}>\n");
            }
            behind.insert_str(0, &format!("</{name}>\n"));
        }
        (before, behind)
    }

    /// A record. `context` is what stands around it in its document, where that is still there.
    pub(super) fn record(
        &self,
        raw: &[u8],
        context: Option<&[u8]>,
        said: &Said,
        out: &mut Vec<u8>,
    ) {
        let is_root = self.path.steps().len() == 1;
        let mut own = String::new();
        if is_root {
            out.extend_from_slice(self.declaration.as_bytes());
            own += &format!(" xmlns:{PREFIX}=\"{NAMESPACE}\"");
        }
        let last = self.path.steps().last().map_or(ANY, name);
        let tagged = std::str::from_utf8(raw).ok().and_then(|text| {
            let (name, rest) = text.split_at(name_len(text)?);
            let around = declarations(context, &self.path.namespaces, last, text);
            // One who uses our prefix may mean something else by it, and our namespace is taken off on the way back.
            let is_ours = text.contains(&format!("{PREFIX}:"))
                || text.contains(NAMESPACE)
                || around.iter().any(|(_, uri)| uri == NAMESPACE);
            let mut declared = String::new();
            for (prefix, uri) in around {
                let colon = if prefix.is_empty() { "" } else { ":" };
                declared += &format!(" xmlns{colon}{prefix}=\"{}\"", escaped(&uri));
            }
            Some((name, declared, rest, is_ours))
        });
        let as_it_came = tagged.as_ref().filter(|(name, declared, rest, is_ours)| {
            !is_ours && is_element(&format!("{name}{declared}{rest}"))
        });
        match as_it_came {
            Some((name, declared, rest, _)) => {
                own += &attributes(said, "");
                for part in [*name, &own, declared, rest, "\n"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
            None if raw.is_empty() => {
                own += &attributes(said, "");
                if is_root {
                    own += &declared_prefixes(&self.path.namespaces);
                }
                out.extend_from_slice(format!("<{last}{own}/>\n").as_bytes());
            }
            None => {
                let why = format!(" (the record's text stands in {PREFIX}:raw)");
                own += &attributes(said, &why);
                if is_root {
                    own += &declared_prefixes(&self.path.namespaces);
                }
                // It is read by itself again: with what is declared around it.
                let raw = match &tagged {
                    Some((name, declared, rest, _)) => escaped(&format!("{name}{declared}{rest}")),
                    None => escaped(&String::from_utf8_lossy(raw)),
                };
                let element = format!("<{last}{own}><{PREFIX}:raw>{raw}</{PREFIX}:raw></{last}>\n");
                out.extend_from_slice(element.as_bytes());
            }
        }
    }
}

fn name(step: &Step) -> &str {
    match step {
        Step::Name(name) => name,
        Step::Any => ANY,
    }
}

/// The prefixes of the spec, which its path may use.
fn declared_prefixes(namespaces: &Namespaces) -> String {
    let each = namespaces.each();
    each.map(|(prefix, uri)| format!(" xmlns:{prefix}=\"{}\"", escaped(uri)))
        .collect()
}

fn attributes(said: &Said, why: &str) -> String {
    let each = [
        ("reference", &said.reference, ""),
        ("code", &said.code, ""),
        ("field", &said.field, ""),
        ("message", &said.message, why),
    ];
    let each = each.iter().map(|(name, value, behind)| {
        format!(
            " {PREFIX}:{name}=\"{}\"",
            escaped(&format!("{value}{behind}"))
        )
    });
    each.collect()
}

/// Text as it stands in an attribute or an element. Characters that XML does not have are U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(char))),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            char => out.push(char),
        }
    }
    out
}
