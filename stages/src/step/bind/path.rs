//! Paths into a JSON value: the singular paths of RFC 9535 (names and indexes, also from the end), and plain
//! top-level keys. A path says one place or none; it never searches.

use crate::json::selector::{self, Controls, Fault, Selector};
use crate::record::{Item, Key, Type};

/// Where a field's value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Segment>);

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// To the value with this name.
    Key(Key),
    /// To the item with this number, from 0, or from the end where it is negative.
    Index(i64),
}

impl Path {
    /// A top-level key, taken literally.
    pub fn key(name: &str) -> Self {
        Self(vec![Segment::Key(Key::new(name))])
    }

    /// Reads what a spec says: a path where it begins with `$`, else a top-level key.
    ///
    /// # Errors
    /// One sentence about what is wrong with the path.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(mut rest) = text.strip_prefix('$') else {
            return Ok(Self::key(text));
        };
        let mut segments = Vec::new();
        while !rest.is_empty() {
            let (segment, behind) = match rest.strip_prefix('[') {
                Some(inside) => bracket(inside)?,
                None => shorthand(rest)?,
            };
            segments.push(segment);
            rest = behind;
        }
        Ok(Self(segments))
    }

    /// The top-level key that it begins with; `None` where it begins with an index, or is the record itself.
    pub fn top(&self) -> Option<&Key> {
        match self.0.first()? {
            Segment::Key(key) => Some(key),
            Segment::Index(_) => None,
        }
    }

    /// Its steps, from the record down.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The value in `root`.
    pub fn find<'t>(&self, root: Item<'t>) -> Option<Item<'t>> {
        walk(&self.0, root)
    }

    /// The value below the item that [`Self::top`] names.
    #[inline]
    pub fn find_below<'t>(&self, top: Item<'t>) -> Option<Item<'t>> {
        walk(self.0.get(1..)?, top)
    }
}

/// The name under which an XML record has what a field of this type, with these items, asks for at the place `from`.
pub fn element_key(from: &str, kind: Option<Type>, items: Option<Type>) -> String {
    match kind {
        Some(Type::List) if has_texts(items) => format!("{from}[.]"),
        Some(Type::List) => format!("{from}[]"),
        Some(Type::Object) => format!("{from}{{}}"),
        _ => from.to_owned(),
    }
}

/// Whether the items of an XML list are the texts of elements, whatever else stands in them.
pub fn has_texts(items: Option<Type>) -> bool {
    !matches!(items, None | Some(Type::Object | Type::List))
}

#[inline]
fn walk<'t>(segments: &[Segment], mut item: Item<'t>) -> Option<Item<'t>> {
    for segment in segments {
        item = match segment {
            Segment::Key(key) => item.get(key)?,
            Segment::Index(index) => item.at(*index)?,
        };
    }
    Some(item)
}

/// `.name`.
fn shorthand(text: &str) -> Result<(Segment, &str), String> {
    match selector::dotted(text) {
        Ok((Selector::Name(_), rest)) if !rest.is_empty() && !rest.starts_with(['.', '[']) => {
            Err(format!("`{text}` is no plain name: write `['…']`"))
        }
        Ok((Selector::Name(name), rest)) => Ok((Segment::Key(Key::new(&name)), rest)),
        Ok(_) => Err("`*` stands for many places: a field needs one".into()),
        Err(Fault::Search) => Err("`..` searches: a field needs one place".into()),
        Err(Fault::NoName) => Err(format!("`{text}` is no name: write `['…']`")),
        Err(_) => Err(format!("`{text}` is no step: expected `.name` or `[…]`")),
    }
}

/// `['name']`, `["name"]` or `[index]`, behind the bracket.
fn bracket(text: &str) -> Result<(Segment, &str), String> {
    match selector::in_brackets(text, Controls::Raw) {
        Ok((Selector::Name(name), rest)) => match rest.strip_prefix(']') {
            Some(rest) => Ok((Segment::Key(Key::new(&name)), rest)),
            None => Err("a `]` is missing behind the name".into()),
        },
        Err(Fault::Quoted(reason)) => Err(reason.into()),
        found => match (found, text.split_once(']')) {
            (_, None) => Err("a `]` is missing".into()),
            (Ok((Selector::Index(index), behind)), Some((_, rest))) if behind.starts_with(']') => {
                Ok((Segment::Index(index), rest))
            }
            (_, Some((index, _))) => Err(format!(
                "`[{index}]` is no single place: expected an index or a quoted name"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let Path(segments) = Path::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        let shown: Vec<String> = segments
            .iter()
            .map(|segment| match segment {
                Segment::Key(key) => key.name().to_owned(),
                Segment::Index(index) => format!("[{index}]"),
            })
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn places() {
        check("name", &["name"]);
        check("a.b", &["a.b"]);
        check("$", &[]);
        check("$.actor.id", &["actor", "id"]);
        check("$.größe", &["größe"]);
        check("$.items[0].sku", &["items", "[0]", "sku"]);
        check("$[-1]", &["[-1]"]);
        check("$['odd key'][\"b]\"]", &["odd key", "b]"]);
        check(
            r"$['it\'s \n \\ \u00e9 \ud83d\ude00']",
            &["it's \n \\ é 😀"],
        );
        check("$['']", &[""]);
    }

    #[test]
    fn what_is_no_single_place_is_refused() {
        for text in [
            "$.",
            "$..a",
            "$.*",
            "$[*]",
            "$[]",
            "$[1:2]",
            "$[01]",
            "$[-0]",
            "$[+1]",
            "$[?@.a]",
            "$a",
            "$.a-b",
            "$.1a",
            "$['a",
            "$['a'",
            "$['a'x]",
            "$[0",
            r"$['\x']",
            r"$['\u12']",
            r"$['\ud83d']",
            "$.a b",
            "$ .a",
            "$[99999999999999999999]",
        ] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
