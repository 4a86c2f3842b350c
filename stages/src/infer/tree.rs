//! Records that are trees, JSON values and XML elements, as columns: one for each value that a path leads to.
//!
//! An object of JSON whose keys are few is a column for each of its keys, by its path; one with many keys, or beside values
//! of other kinds, stays one column. Of XML the elements and attributes that hold text are columns; one that comes several
//! times in a record is a list.

use super::column::{Column, Other, Row, Tally};
use super::sniff::segment;
use super::{MAX_COLUMNS, MAX_KEY_BYTES, Seen, candidate::Readers};
use crate::record::{Item, Kind};

/// The most levels of objects, or elements, that are entered.
const MAX_LEVELS: usize = 8;
/// The most keys of an object that are columns of their own.
const MAX_OBJECT_KEYS: usize = 40;

/// What is known of a column that a path leads to.
#[derive(Default)]
pub struct Place {
    /// The names from the record on.
    pub parts: Vec<String>,
    /// The column of the object that it is in.
    parent: Option<usize>,
    /// How many columns it has inside.
    inside: usize,
    /// There are more than that.
    more_inside: bool,
    /// XML: records in which it came several times, where it did.
    pub several: Tally,
}

impl Place {
    /// Whether it stands inside of an object, or is an element's.
    pub fn is_path(&self) -> bool {
        !self.parts.is_empty()
    }
}

impl Seen {
    /// Takes in the members of a JSON object; `within` is the column of the object, none for the record.
    pub(super) fn object(
        &mut self,
        object: Item<'_>,
        within: Option<usize>,
        at: Row,
        readers: &mut Readers,
    ) {
        let level = within.map_or(0, |parent| self.places[parent].parts.len().max(1));
        for entry in object.children() {
            let Some(index) = self.member(entry.key(), within) else {
                continue;
            };
            let column = &mut self.columns[index];
            match entry.kind() {
                Kind::String => column.text(entry.text(), at, readers),
                Kind::Number => column.number(entry.text(), at, readers),
                Kind::Null => column.other(Other::Null, at),
                Kind::Boolean(value) => column.other(Other::Boolean(value), at),
                Kind::List => column.other(Other::List, at),
                Kind::Object => {
                    column.other(Other::Object, at);
                    if level < MAX_LEVELS {
                        self.object(entry, Some(index), at, readers);
                    }
                }
            }
        }
    }

    /// Takes in attributes, elements and text of an XML element; `path` leads to it.
    pub(super) fn element(
        &mut self,
        element: Item<'_>,
        path: &[&str],
        is_one_of_several: bool,
        at: Row,
        readers: &mut Readers,
    ) {
        let has_elements = element
            .children()
            .any(|child| !child.key().starts_with(['@', '#']));
        for child in element.children() {
            let key = child.key();
            let own = key == "#text";
            // Text between elements is no value, and a path cannot say a namespace that the spec does not name.
            if own && has_elements || key.starts_with('{') {
                continue;
            }
            let mut inner = path.to_vec();
            if !own {
                inner.push(key);
            }
            self.child(child, &inner, is_one_of_several, at, readers);
        }
    }

    fn child(
        &mut self,
        child: Item<'_>,
        path: &[&str],
        is_one_of_several: bool,
        at: Row,
        readers: &mut Readers,
    ) {
        match child.kind() {
            Kind::Object if path.len() < MAX_LEVELS => {
                self.element(child, path, is_one_of_several, at, readers);
            }
            Kind::List => {
                for item in child.children() {
                    self.child(item, path, true, at, readers);
                }
            }
            Kind::String => {
                let text = child.text();
                let Some(index) = self.leaf(path) else { return };
                self.columns[index].text(text, at, readers);
                if is_one_of_several {
                    self.places[index].several.note(text, at);
                }
            }
            Kind::Null | Kind::Number | Kind::Boolean(_) | Kind::Object => {}
        }
    }

    /// The column of a key of an object, which is made where there is none.
    fn member(&mut self, key: &str, within: Option<usize>) -> Option<usize> {
        if key.len() > MAX_KEY_BYTES {
            self.long_keys += 1;
            return None;
        }
        let name = match within {
            None => key.to_owned(),
            Some(parent) if self.places[parent].is_path() => {
                format!("{}{}", self.names[parent], segment(key))
            }
            Some(parent) => format!("${}{}", segment(&self.names[parent]), segment(key)),
        };
        // A key of the record may look like a path.
        let known = (within.is_some(), name);
        if let Some(index) = self.keys.get(&known) {
            return Some(*index);
        }
        if let Some(parent) = within {
            let place = &mut self.places[parent];
            if place.inside == MAX_OBJECT_KEYS {
                place.more_inside = true;
                return None;
            }
            place.inside += 1;
        }
        let parts = match within {
            None => Vec::new(),
            Some(parent) => {
                let mut parts = match self.places[parent].is_path() {
                    true => self.places[parent].parts.clone(),
                    false => vec![self.names[parent].clone()],
                };
                parts.push(key.to_owned());
                parts
            }
        };
        self.column(known, parts, within)
    }

    /// The column of a path of XML.
    fn leaf(&mut self, path: &[&str]) -> Option<usize> {
        if path.iter().any(|part| part.len() > MAX_KEY_BYTES) {
            self.long_keys += 1;
            return None;
        }
        let name = match path {
            [] => ".".to_owned(),
            path => path.join("/"),
        };
        let known = (true, name);
        if let Some(index) = self.keys.get(&known) {
            return Some(*index);
        }
        let parts = match path {
            [] => vec!["text".to_owned()],
            path => path.iter().map(|part| (*part).to_owned()).collect(),
        };
        self.column(known, parts, None)
    }

    fn column(
        &mut self,
        known: (bool, String),
        parts: Vec<String>,
        parent: Option<usize>,
    ) -> Option<usize> {
        if self.columns.len() == MAX_COLUMNS {
            self.more_keys = true;
            return None;
        }
        self.columns.push(Column::default());
        self.names.push(known.1.clone());
        self.places.push(Place {
            parts,
            parent,
            ..Place::default()
        });
        self.keys.insert(known, self.columns.len() - 1);
        Some(self.columns.len() - 1)
    }

    /// Whether an object is told by what is in it.
    fn is_opened(&self, index: usize) -> bool {
        let (place, column) = (&self.places[index], &self.columns[index]);
        place.inside > 0 && !place.more_inside && column.is_object()
    }

    /// Whether a column is a field: not one whose parts are, and not a part of one that stays whole.
    pub(super) fn is_field(&self, index: usize) -> bool {
        let mut parent = self.places[index].parent;
        while let Some(above) = parent {
            if !self.is_opened(above) {
                return false;
            }
            parent = self.places[above].parent;
        }
        !self.is_opened(index)
    }
}
