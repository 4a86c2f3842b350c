//! One element with everything in it, as a flat list of elements in the order of the text, refilled for each record.
//!
//! All text of an element, that of the elements in it included, is one range of one buffer, so the text of any element is
//! there without being put together. Names carry numbers, under which they are kept from record to record.

use crate::record::Range;
use crate::xml::Namespaces;
use crate::xml::grammar::{self, Malformed, Read, Tag, is_space, limit, name_len, wrong};
use crate::xml::scope::Scope;
use memchr::memchr;
use std::collections::HashMap;
use std::sync::Arc;

/// The most elements inside each other, the record itself counted.
pub const MAX_DEPTH_LEVELS: usize = 100;
/// The most names that are kept from record to record.
const MAX_NAMES: usize = 4096;
/// The most bytes of all different names of one record, with their namespaces.
const MAX_NAMES_BYTES: usize = 4 * 1024 * 1024;
/// The most elements and attributes of one record.
const MAX_NODES: usize = 512 * 1024;

/// An element.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    pub name: u32,
    /// One past the last element inside of it.
    pub next: u32,
    /// Its attributes in [`Document::attributes`].
    pub attributes: Range,
    /// Its text in [`Document::text`], that of the elements in it included.
    pub text: Range,
    /// The next element beside it that has its name; 0 where there is none.
    pub same: u32,
    /// No element before it, in the one around it, has its name.
    pub is_first: bool,
}

/// An attribute.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    pub name: u32,
    /// Its value in [`Document::values`].
    pub value: Range,
}

/// The element that is open.
struct Open<'t> {
    number: u32,
    name: &'t str,
    /// Declarations in force around it.
    outside: usize,
}

/// A record.
#[derive(Debug)]
pub struct Document {
    namespaces: Arc<Namespaces>,
    scope: Scope,
    around: usize,
    names: Names,
    written: String,
    pub text: String,
    pub values: String,
    pub elements: Vec<Element>,
    pub attributes: Vec<Attribute>,
    /// For each name, the element around the last one of it, and that one.
    last: Vec<(u32, u32)>,
}

impl Document {
    /// None yet; `scope` holds what is declared around the records.
    pub fn new(namespaces: Arc<Namespaces>, scope: Scope) -> Self {
        Self {
            namespaces,
            around: scope.len(),
            scope,
            names: Names::default(),
            written: String::new(),
            text: String::new(),
            values: String::new(),
            elements: Vec::new(),
            attributes: Vec::new(),
            last: Vec::new(),
        }
    }

    /// How many names there are.
    pub fn names(&self) -> usize {
        self.names.all.len()
    }

    /// The name with this number, as paths write it.
    pub fn name(&self, number: u32) -> &str {
        &self.names.all[number as usize]
    }

    /// The elements in one, without those in them.
    pub fn children(&self, number: u32) -> impl Iterator<Item = u32> {
        let end = self.elements[number as usize].next;
        let mut next = number + 1;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.elements[child as usize].next;
            Some(child)
        })
    }

    /// The attributes of an element.
    pub fn attributes_of(&self, number: u32) -> &[Attribute] {
        let (start, end) = self.elements[number as usize].attributes;
        &self.attributes[start as usize..end as usize]
    }

    /// Reads a record, which must be one element.
    ///
    /// # Errors
    /// The first place at which it is none.
    pub fn read(&mut self, record: &str) -> Read<()> {
        self.scope.leave(self.around);
        self.names.next_record();
        self.text.clear();
        self.values.clear();
        self.elements.clear();
        self.attributes.clear();
        let mut open: Vec<Open<'_>> = Vec::new();
        let mut at = 0;
        loop {
            let rest = &record[at..];
            if open.is_empty() && !self.elements.is_empty() {
                return match rest.is_empty() {
                    true => Ok(()),
                    false => Err(wrong(at, "something stands behind the record's element")),
                };
            }
            let Some(less) = memchr(b'<', rest.as_bytes()) else {
                return Err(wrong(record.len(), "the record ends inside of an element"));
            };
            if less > 0 {
                if open.is_empty() {
                    return Err(wrong(at, "something stands before the record's element"));
                }
                grammar::append_text(&rest[..less], at, &mut self.text)?;
                at += less;
            }
            let rest = &record[at..];
            at += match rest.as_bytes().get(1) {
                Some(b'!') => self.declared(rest, at, !open.is_empty())?,
                Some(b'?') => instruction(rest, at)?,
                Some(b'/') => self.close(rest, at, &mut open)?,
                _ => self.open(rest, at, &mut open)?,
            };
        }
    }

    /// A comment or a CDATA section, and its length.
    fn declared(&mut self, rest: &str, at: usize, is_inside: bool) -> Read<usize> {
        if rest.starts_with("<!DOCTYPE") {
            return Err(Malformed {
                code: "xml_doctype",
                at,
                what: "a document type declaration (DOCTYPE) is never read".to_owned(),
            });
        }
        let no_end = |what: &str| wrong(at, format!("{what} does not end"));
        if let Some(inside) = rest.strip_prefix("<!--") {
            let end = inside.find("--").ok_or_else(|| no_end("a comment"))?;
            grammar::chars(&inside[..end], at + 4)?;
            return match inside[end..].starts_with("-->") {
                true => Ok(end + 7),
                false => Err(wrong(at + 4 + end, "`--` stands in a comment")),
            };
        }
        match rest.strip_prefix("<![CDATA[") {
            Some(inside) if is_inside => {
                let end = inside.find("]]>");
                let end = end.ok_or_else(|| no_end("a CDATA section"))?;
                grammar::append_cdata(&inside[..end], at + 9, &mut self.text)?;
                Ok(end + 12)
            }
            _ => Err(wrong(
                at,
                "`<!` begins neither a comment nor a CDATA section",
            )),
        }
    }

    fn close(&mut self, rest: &str, at: usize, open: &mut Vec<Open<'_>>) -> Read<usize> {
        let end = memchr(b'>', rest.as_bytes()).map_or(rest.len(), |end| end + 1);
        let name = grammar::end_tag(&rest[..end], at)?;
        let Some(closed) = open.pop() else {
            return Err(wrong(at, format!("`</{name}>` closes nothing")));
        };
        if closed.name != name {
            let what = format!("`</{name}>` stands where `</{}>` is due", closed.name);
            return Err(wrong(at, what));
        }
        self.scope.leave(closed.outside);
        let next = self.elements.len() as u32;
        let element = &mut self.elements[closed.number as usize];
        element.next = next;
        element.text.1 = self.text.len() as u32;
        Ok(end)
    }

    fn open<'t>(&mut self, rest: &'t str, at: usize, open: &mut Vec<Open<'t>>) -> Read<usize> {
        let end = tag_len(rest).unwrap_or(rest.len());
        let mut tag = Tag::read(&rest[..end], at);
        if let Some(fault) = tag.fault.take() {
            return Err(fault);
        }
        if open.len() == MAX_DEPTH_LEVELS {
            return Err(Malformed {
                code: "xml_depth",
                at,
                what: format!("more than {MAX_DEPTH_LEVELS} elements inside each other"),
            });
        }
        let outside = self.scope.len();
        self.scope.enter(&tag)?;
        let name = self.number_of_element(tag.name, at + 1)?;
        let first = self.attributes.len() as u32;
        self.add_attributes(&tag)?;
        if self.elements.len() + self.attributes.len() > MAX_NODES {
            let what = format!("more than {MAX_NODES} elements and attributes in one record");
            return Err(limit(at, what));
        }
        let number = self.elements.len() as u32;
        let text = self.text.len() as u32;
        self.elements.push(Element {
            name,
            next: number + 1,
            attributes: (first, self.attributes.len() as u32),
            text: (text, text),
            same: 0,
            is_first: true,
        });
        match tag.is_empty {
            true => self.scope.leave(outside),
            false => open.push(Open {
                number,
                name: tag.name,
                outside,
            }),
        }
        Ok(end)
    }

    fn number_of_element(&mut self, name: &str, at: usize) -> Read<u32> {
        let (uri, local) = self.scope.element(name, at)?;
        self.written.clear();
        self.namespaces.write(uri, local, &mut self.written);
        self.names.number(&self.written, at)
    }

    fn add_attributes(&mut self, tag: &Tag<'_>) -> Read<()> {
        let names = self.scope.attributes(tag)?;
        for (attribute, (uri, local)) in tag.attributes.iter().zip(names) {
            if attribute.name == "xmlns" || attribute.name.starts_with("xmlns:") {
                continue;
            }
            self.written.clear();
            self.written.push('@');
            self.namespaces.write(uri, local, &mut self.written);
            let name = self.names.number(&self.written, attribute.at)?;
            let start = self.values.len() as u32;
            grammar::append_value(attribute.value, attribute.value_at, &mut self.values)?;
            self.attributes.push(Attribute {
                name,
                value: (start, self.values.len() as u32),
            });
        }
        Ok(())
    }

    /// Finds out which elements beside each other have one name.
    pub fn link(&mut self) {
        self.last.clear();
        self.last.resize(self.names.all.len(), (u32::MAX, 0));
        for around in 0..self.elements.len() as u32 {
            let end = self.elements[around as usize].next;
            let mut child = around + 1;
            while child < end {
                let Element { name, next, .. } = self.elements[child as usize];
                let before = &mut self.last[name as usize];
                if before.0 == around {
                    self.elements[before.1 as usize].same = child;
                    self.elements[child as usize].is_first = false;
                }
                *before = (around, child);
                child = next;
            }
        }
    }
}

/// Names under numbers, which they keep from record to record.
#[derive(Debug, Default)]
struct Names {
    all: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    /// Bytes of those that the record has added.
    new_bytes: usize,
}

impl Names {
    fn next_record(&mut self) {
        self.new_bytes = 0;
        if self.all.len() > MAX_NAMES {
            self.all.clear();
            self.numbers.clear();
        }
    }

    fn number(&mut self, name: &str, at: usize) -> Read<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        self.new_bytes += name.len();
        if self.new_bytes > MAX_NAMES_BYTES {
            let what = format!("over {MAX_NAMES_BYTES} bytes of names in one record");
            return Err(limit(at, what));
        }
        let number = self.all.len() as u32;
        let name: Arc<str> = name.into();
        self.all.push(name.clone());
        self.numbers.insert(name, number);
        Ok(number)
    }
}

/// The length of the tag that `text` begins with; `None` where it does not end.
pub fn tag_len(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            (b'>', None) => return Some(at + 1),
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(quoted)) if byte == quoted => quote = None,
            _ => {}
        }
    }
    None
}

/// A processing instruction's length.
fn instruction(rest: &str, at: usize) -> Read<usize> {
    let inside = &rest[2..];
    let name = &inside[..name_len(inside)];
    grammar::target(name, at + 2)?;
    let behind = &inside[name.len()..];
    let end = behind
        .find("?>")
        .ok_or_else(|| wrong(at, "a processing instruction does not end"))?;
    if end > 0 && !behind.bytes().next().is_some_and(is_space) {
        return Err(wrong(
            at + 2 + name.len(),
            "a blank is missing behind the name",
        ));
    }
    grammar::chars(&behind[..end], at + 2 + name.len())?;
    Ok(2 + name.len() + end + 2)
}
