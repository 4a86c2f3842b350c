//! Paths into a JSON value: the singular paths of RFC 9535 (names and indexes, also from the end), and plain
//! top-level keys. A path says one place or none; it never searches.

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

/// `.name`, by the rule of member-name-shorthand.
fn shorthand(text: &str) -> Result<(Segment, &str), String> {
    let Some(name) = text.strip_prefix('.') else {
        return Err(format!("`{text}` is no step: expected `.name` or `[…]`"));
    };
    if name.starts_with('.') {
        return Err("`..` searches: a field needs one place".into());
    }
    if name.starts_with('*') {
        return Err("`*` stands for many places: a field needs one".into());
    }
    let belongs = |char: char| char.is_ascii_alphanumeric() || char == '_' || !char.is_ascii();
    let end = name.find(|char| !belongs(char)).unwrap_or(name.len());
    if end == 0 || name.starts_with(|char: char| char.is_ascii_digit()) {
        return Err(format!("`{text}` is no name: write `['…']`"));
    }
    if !name[end..].is_empty() && !name[end..].starts_with(['.', '[']) {
        return Err(format!("`{text}` is no plain name: write `['…']`"));
    }
    Ok((Segment::Key(Key::new(&name[..end])), &name[end..]))
}

/// `['name']`, `["name"]` or `[index]`, behind the bracket.
fn bracket(text: &str) -> Result<(Segment, &str), String> {
    if let Some(quote) = text
        .chars()
        .next()
        .filter(|char| matches!(char, '\'' | '"'))
    {
        let (name, rest) = quoted(&text[1..], quote)?;
        let rest = rest
            .strip_prefix(']')
            .ok_or("a `]` is missing behind the name")?;
        return Ok((Segment::Key(Key::new(&name)), rest));
    }
    let (index, rest) = text.split_once(']').ok_or("a `]` is missing")?;
    let digits = index.strip_prefix('-').unwrap_or(index);
    let plain = digits == "0" && digits == index || !digits.starts_with('0');
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match index.parse() {
        Ok(index) if plain && whole => Ok((Segment::Index(index), rest)),
        _ => Err(format!(
            "`[{index}]` is no single place: expected an index or a quoted name"
        )),
    }
}

/// A name up to its closing quote, with the escapes of RFC 9535, 2.3.1.1; the rest stands behind the quote.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut name = String::new();
    let mut rest = text.chars();
    loop {
        let char = rest.next().ok_or("a closing quote is missing")?;
        if char == quote {
            return Ok((name, rest.as_str()));
        }
        if char != '\\' {
            name.push(char);
            continue;
        }
        name.push(match rest.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(same @ ('/' | '\\')) => same,
            Some(same) if same == quote => same,
            Some('u') => {
                let (char, behind) =
                    escaped(rest.as_str()).ok_or("`\\u` wants four hexadecimal digits")?;
                rest = behind.chars();
                char
            }
            _ => return Err("an escape is unknown".into()),
        });
    }
}

/// The character behind `\u`, or behind a pair of them.
fn escaped(text: &str) -> Option<(char, &str)> {
    let four = |text: &str| {
        let digits = text.get(..4)?;
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    let first = four(text)?;
    if let Some(char) = char::from_u32(u32::from(first)) {
        return Some((char, &text[4..]));
    }
    let second = four(text[4..].strip_prefix("\\u")?)?;
    let char = char::decode_utf16([first, second]).next()?.ok()?;
    Some((char, &text[10..]))
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
