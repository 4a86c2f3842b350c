//! What of a record becomes entries of its tree.
//!
//! A field asks for a place ([`Take`]): as a text it is the first that is there, with the whole text of the element,
//! as a list it is all of them, as an object the first with everything in it. What no field takes is told under its own
//! name. An element as it is: a text, where it has neither attributes nor elements; otherwise an object with the
//! attributes as `@name`, then the elements, a list where several have one name, then its own text as `#text` unless
//! that is blank.

use super::document::{Document, Element};
use crate::record::{self, Name, Range, Tree, TreeWriter};
use crate::xml::{FieldPath, Step};
use pipeline::Problem;

/// The most bytes of a tree's texts.
const MAX_TREE_BYTES: usize = u32::MAX as usize / 2;
/// The name of an element's own text.
const TEXT: &str = "#text";

/// As what a place is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The text of the first.
    Text,
    /// The texts of all of them.
    Texts,
    /// All of them, each as it is.
    List,
    /// Everything in the first.
    Object,
}

/// A place that a field asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// The name of the entry.
    pub key: Box<str>,
    /// The place in the record.
    pub path: FieldPath,
    /// As what it is taken.
    pub kind: Kind,
}

/// What is asked for in each record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Takes {
    takes: Vec<Take>,
    /// What no field takes is told too.
    tells_others: bool,
}

/// Where a place led to.
#[derive(Clone, Copy)]
enum Place {
    Element(u32),
    /// The value of an attribute.
    Value(Range),
}

impl Takes {
    /// `takes`, each key once; `tells_others`: what none of them asks for becomes entries too.
    pub fn new(takes: Vec<Take>, tells_others: bool) -> Self {
        let mut unique: Vec<Take> = Vec::new();
        for take in takes {
            if unique.iter().all(|known| known.key != take.key) {
                unique.push(take);
            }
        }
        Self {
            takes: unique,
            tells_others,
        }
    }

    /// Writes what is asked for of a record.
    pub(super) fn write(&self, document: &mut Document, tree: &mut Tree) -> Result<(), Problem> {
        let plain = |take: &Take| matches!(take.kind, Kind::Text | Kind::Texts);
        let mut names = Vec::new();
        if self.tells_others || !self.takes.iter().all(plain) {
            document.link();
            names.resize(document.names(), None);
        }
        let mut out = tree.refill();
        out.text().push_str(&document.text);
        out.text().push_str(&document.values);
        let mut shape = Shape {
            values_at: document.text.len() as u32,
            names,
            document,
            out,
            is_too_large: false,
        };
        let root = shape
            .out
            .open(record::Kind::Object, Name::default(), NOWHERE);
        for take in &self.takes {
            shape.take(take);
        }
        if self.tells_others {
            self.others(&mut shape);
        }
        shape.out.close(root);
        match shape.is_too_large {
            false => Ok(()),
            true => {
                let message = format!("what its fields take is over {MAX_TREE_BYTES} bytes");
                Err(Problem::of_record("record_too_large", message))
            }
        }
    }

    /// What no field takes: a name is taken where some path begins with it.
    fn others(&self, shape: &mut Shape<'_>) {
        let is_whole = |take: &&Take| take.path.steps.is_empty() && take.path.attribute.is_none();
        let whole = self.takes.iter().filter(is_whole);
        let (mut has_all, mut has_text) = (false, false);
        for take in whole {
            has_all |= take.kind != Kind::Text;
            has_text = true;
        }
        if has_all {
            return;
        }
        for &attribute in shape.document.attributes_of(0) {
            let name = shape.document.name(attribute.name);
            let is_taken = self.takes.iter().any(|take| {
                let own = take.path.attribute.as_deref();
                take.path.steps.is_empty() && own == name.strip_prefix('@')
            });
            if !is_taken {
                shape.attribute(attribute.name, attribute.value);
            }
        }
        let document = shape.document;
        for child in document.children(0) {
            let element = document.elements[child as usize];
            let name = document.name(element.name);
            let first = |take: &Take| take.path.steps.first().is_some_and(|step| step.is(name));
            if element.is_first && !self.takes.iter().any(first) {
                shape.group(child);
            }
        }
        if !has_text {
            shape.own_text(0);
        }
    }
}

/// What surrounds an object, which nobody asks for here.
const NOWHERE: (u32, (u32, u32)) = (0, (0, 0));

struct Shape<'a> {
    document: &'a Document,
    out: TreeWriter<'a>,
    /// Where in the tree's texts the values of attributes begin.
    values_at: u32,
    /// Where in the tree's texts each name of the document stands, once it does: it may be long, and stand often.
    names: Vec<Option<Range>>,
    is_too_large: bool,
}

impl Shape<'_> {
    fn take(&mut self, take: &Take) {
        let document = self.document;
        let mut found = Vec::new();
        let steps = &take.path.steps;
        let attribute = take.path.attribute.as_deref();
        find(
            document,
            0,
            steps,
            attribute,
            !matches!(take.kind, Kind::List | Kind::Texts),
            &mut found,
        );
        let Some(first) = found.first().copied() else {
            return;
        };
        let name = self.name(&take.key);
        match (take.kind, first) {
            (Kind::Text, Place::Element(number)) => {
                let text = document.elements[number as usize].text;
                self.out.push(record::Kind::String, name, text);
            }
            (Kind::Text | Kind::Object, Place::Value(value)) => self.value(name, value),
            (Kind::Object, Place::Element(number)) => self.object(name, number),
            (Kind::List | Kind::Texts, _) => {
                let list = self.out.open(record::Kind::List, name, NOWHERE);
                for place in found {
                    match place {
                        Place::Element(number) if take.kind == Kind::Texts => {
                            let text = document.elements[number as usize].text;
                            self.out.push(record::Kind::String, Name::default(), text);
                        }
                        Place::Element(number) => self.element(Name::default(), number),
                        Place::Value(value) => self.value(Name::default(), value),
                    }
                }
                self.out.close(list);
            }
        }
    }

    /// All elements beside this one, which is the first, that have its name.
    fn group(&mut self, first: u32) {
        let document = self.document;
        let element = document.elements[first as usize];
        let name = self.name_of(element.name);
        if element.same == 0 {
            return self.element(name, first);
        }
        let list = self.out.open(record::Kind::List, name, NOWHERE);
        let mut next = first;
        loop {
            self.element(Name::default(), next);
            next = document.elements[next as usize].same;
            if next == 0 {
                break;
            }
        }
        self.out.close(list);
    }

    /// An element as it is.
    fn element(&mut self, name: Name, number: u32) {
        let Element {
            attributes,
            text,
            next,
            ..
        } = self.document.elements[number as usize];
        match attributes.0 == attributes.1 && next == number + 1 {
            true => self.out.push(record::Kind::String, name, text),
            false => self.object(name, number),
        }
    }

    /// An element as an object. As deep as the document is, which is at most [`super::MAX_DEPTH_LEVELS`].
    fn object(&mut self, name: Name, number: u32) {
        let document = self.document;
        let object = self.out.open(record::Kind::Object, name, NOWHERE);
        for attribute in document.attributes_of(number) {
            self.attribute(attribute.name, attribute.value);
        }
        for child in document.children(number) {
            if document.elements[child as usize].is_first {
                self.group(child);
            }
        }
        self.own_text(number);
        self.out.close(object);
    }

    fn attribute(&mut self, name: u32, value: Range) {
        let name = self.name_of(name);
        self.value(name, value);
    }

    fn value(&mut self, name: Name, (start, end): Range) {
        let place = (self.values_at + start, self.values_at + end);
        self.out.push(record::Kind::String, name, place);
    }

    /// The text of an element without that of the elements in it, unless it is blank.
    fn own_text(&mut self, number: u32) {
        let document = self.document;
        let (start, end) = document.elements[number as usize].text;
        let mut pieces = Vec::new();
        let mut from = start;
        for child in document.children(number) {
            let (start, end) = document.elements[child as usize].text;
            pieces.push((from, start));
            from = end;
        }
        pieces.push((from, end));
        let text = |(start, end): &Range| &document.text[*start as usize..*end as usize];
        let is_blank = |piece: &Range| text(piece).trim_ascii().is_empty();
        if pieces.iter().all(is_blank) {
            return;
        }
        let name = self.name(TEXT);
        let place = match &pieces[..] {
            [one] => *one,
            _ => {
                let start = self.out.text().len() as u32;
                for piece in &pieces {
                    self.store(text(piece));
                }
                (start, self.out.text().len() as u32)
            }
        };
        self.out.push(record::Kind::String, name, place);
    }

    /// A name of the document.
    fn name_of(&mut self, number: u32) -> Name {
        let range = match self.names[number as usize] {
            Some(range) => range,
            None => {
                let range = self.store(self.document.name(number));
                self.names[number as usize] = Some(range);
                range
            }
        };
        self.out.name(range)
    }

    fn name(&mut self, name: &str) -> Name {
        let range = self.store(name);
        self.out.name(range)
    }

    fn store(&mut self, text: &str) -> Range {
        let start = self.out.text().len();
        if start + text.len() > MAX_TREE_BYTES {
            self.is_too_large = true;
            return (0, 0);
        }
        self.out.text().push_str(text);
        (start as u32, self.out.text().len() as u32)
    }
}

/// Adds where `steps`, and the attribute behind them, lead from an element, in the order of the text. As deep as the path.
fn find(
    document: &Document,
    number: u32,
    steps: &[Step],
    attribute: Option<&str>,
    is_one: bool,
    found: &mut Vec<Place>,
) {
    let Some((step, rest)) = steps.split_first() else {
        found.extend(match attribute {
            None => Some(Place::Element(number)),
            Some(wanted) => {
                let mut attributes = document.attributes_of(number).iter();
                let is_it = |name: u32| document.name(name).strip_prefix('@') == Some(wanted);
                let it = attributes.find(|attribute| is_it(attribute.name));
                it.map(|attribute| Place::Value(attribute.value))
            }
        });
        return;
    };
    for child in document.children(number) {
        let element = document.elements[child as usize];
        if step.is(document.name(element.name)) {
            find(document, child, rest, attribute, is_one, found);
        }
        if is_one && !found.is_empty() {
            return;
        }
    }
}
