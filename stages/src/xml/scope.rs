//! Which namespace a prefix stands for, where it stands: Namespaces in XML 1.0.

use super::grammar::{Malformed, Read, Tag, append_value, duplicate, limit, split_name, wrong};

/// The namespace of the prefix `xml`, which is bound without a word.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of the prefix `xmlns`.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The most declarations in force at one place: each name is looked for among them.
pub const MAX_DECLARATIONS: usize = 256;
/// The most bytes of a namespace's name: names are kept with it.
pub const MAX_NAMESPACE_BYTES: usize = 1024;

/// Declarations that are in force, the innermost last; at most [`MAX_DECLARATIONS`].
#[derive(Clone, Debug, Default)]
pub struct Scope(Vec<(Box<str>, Box<str>)>);

impl Scope {
    /// How many declarations there are, for [`Self::leave`].
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets what was declared since there were `len`.
    pub fn leave(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Adds what a tag declares.
    ///
    /// # Errors
    /// For declarations of `xml` and `xmlns` and of their namespaces, for a prefix of no namespace, and `xml_limit`.
    pub fn enter(&mut self, tag: &Tag<'_>) -> Read<()> {
        for attribute in &tag.attributes {
            let prefix = match attribute.name.strip_prefix("xmlns") {
                Some("") => "",
                Some(prefix) if prefix.starts_with(':') => {
                    split_name(attribute.name, attribute.at)?.1
                }
                _ => continue,
            };
            let mut uri = String::new();
            append_value(attribute.value, attribute.value_at, &mut uri)?;
            let what = match (prefix, &*uri) {
                ("xml", XML) => continue,
                ("xml" | "xmlns", _) | (_, XML | XMLNS) => {
                    "the prefixes `xml` and `xmlns` and their namespaces belong to each other"
                }
                (prefix, "") if !prefix.is_empty() => "a prefix is declared without a namespace",
                _ if uri.len() > MAX_NAMESPACE_BYTES => {
                    let what =
                        format!("the name of a namespace is over {MAX_NAMESPACE_BYTES} bytes");
                    return Err(limit(attribute.at, what));
                }
                _ if self.0.len() == MAX_DECLARATIONS => {
                    let what = format!(
                        "more than {MAX_DECLARATIONS} namespaces are declared around one place"
                    );
                    return Err(limit(attribute.at, what));
                }
                _ => {
                    self.0.push((prefix.into(), uri.into()));
                    continue;
                }
            };
            return Err(wrong(attribute.at, what));
        }
        Ok(())
    }

    /// The declarations that are in force, each prefix once, the innermost first.
    pub fn in_force(&self) -> impl Iterator<Item = (&str, &str)> {
        let declared = self.0.iter().enumerate().rev();
        let last = declared.filter(|(at, (prefix, _))| {
            let behind = &self.0[at + 1..];
            behind.iter().all(|(later, _)| later != prefix)
        });
        last.map(|(_, (prefix, uri))| (&**prefix, &**uri))
    }

    /// The namespace of a prefix, empty for none; `""` is the prefix of elements that have none.
    pub fn uri(&self, prefix: &str) -> Option<&str> {
        match prefix {
            "xml" => return Some(XML),
            "xmlns" => return Some(XMLNS),
            _ => {}
        }
        let mut bound = self.0.iter().rev();
        let found = bound.find(|(known, _)| **known == *prefix);
        match found {
            Some((_, uri)) => Some(uri),
            None => prefix.is_empty().then_some(""),
        }
    }

    /// Namespace and local name of an element.
    ///
    /// # Errors
    /// For names that are none, and prefixes that stand for nothing.
    pub fn element<'n>(&self, name: &'n str, at: usize) -> Read<(&str, &'n str)> {
        let (prefix, local) = split_name(name, at)?;
        match self.uri(prefix) {
            Some(_) if prefix == "xmlns" => Err(unbound(prefix, at)),
            Some(uri) => Ok((uri, local)),
            None => Err(unbound(prefix, at)),
        }
    }

    /// Namespace and local name of each attribute.
    ///
    /// # Errors
    /// Likewise, and for attributes that stand there twice.
    pub fn attributes<'s, 'n>(&'s self, tag: &Tag<'n>) -> Read<Vec<(&'s str, &'n str)>> {
        let mut names = Vec::with_capacity(tag.attributes.len());
        for attribute in &tag.attributes {
            let (prefix, local) = split_name(attribute.name, attribute.at)?;
            let uri = match prefix {
                "" => "",
                _ => self
                    .uri(prefix)
                    .ok_or_else(|| unbound(prefix, attribute.at))?,
            };
            names.push((uri, local));
        }
        match duplicate(&names) {
            None => Ok(names),
            Some(index) => {
                let Some(twice) = tag.attributes.get(index) else {
                    return Ok(names);
                };
                let what = format!("the attribute `{}` stands twice in one tag", twice.name);
                Err(wrong(twice.at, what))
            }
        }
    }
}

fn unbound(prefix: &str, at: usize) -> Malformed {
    wrong(at, format!("the prefix `{prefix}` stands for no namespace"))
}
