//! The grammar of XML 1.0 (fifth edition): characters, names, references, start tags and the XML declaration.
//!
//! What is read stands whole in memory; where it comes in pieces is the business of others. Everything is judged from
//! left to right, so the first fault is told, however much stands behind it. Only the five predefined entities and
//! numeric references are known: nothing is ever looked up.

use std::collections::HashSet;

/// The code of what is not well-formed.
pub const SYNTAX: &str = "xml";
/// The longest reference, in bytes.
pub const MAX_REFERENCE_BYTES: usize = 64;

/// Why something is not well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// A stable word.
    pub code: &'static str,
    /// Where in the bytes.
    pub at: usize,
    /// What is wrong there.
    pub what: String,
}

pub type Read<T> = Result<T, Malformed>;

/// What is not well-formed at `at`.
pub fn wrong(at: usize, what: impl Into<String>) -> Malformed {
    Malformed {
        code: SYNTAX,
        at,
        what: what.into(),
    }
}

/// What is well-formed, but more than is read.
pub fn limit(at: usize, what: impl Into<String>) -> Malformed {
    Malformed {
        code: "xml_limit",
        at,
        what: what.into(),
    }
}

/// The white space of XML.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The production Char.
fn is_char(char: char) -> bool {
    matches!(char,
        '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// The production NameStartChar.
pub fn is_name_start(char: char) -> bool {
    matches!(char,
        ':' | 'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

/// The production NameChar.
fn is_name_char(char: char) -> bool {
    is_name_start(char)
        || matches!(char,
            '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// The bytes of the Name that `text` begins with; 0 where it begins with none.
pub fn name_len(text: &str) -> usize {
    if !text.starts_with(is_name_start) {
        return 0;
    }
    // Most names are ASCII to their end, and a byte is looked at faster than a character.
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(byte);
    let ascii = text.bytes().position(|byte| !plain(&byte));
    let ascii = ascii.unwrap_or(text.len());
    let end = text[ascii..].find(|char| !is_name_char(char));
    end.map_or(text.len(), |end| ascii + end)
}

/// Prefix, empty where there is none, and local part of a name.
///
/// # Errors
/// For more colons than one, and for those that stand at an end.
pub fn split_name(name: &str, at: usize) -> Read<(&str, &str)> {
    match name.split_once(':') {
        None => Ok(("", name)),
        Some((prefix, local))
            if !prefix.is_empty() && local.starts_with(is_name_start) && !local.contains(':') =>
        {
            Ok((prefix, local))
        }
        Some(_) => Err(wrong(at, format!("{name:?} is no name with a prefix"))),
    }
}

/// Whether `text` is a name without a colon.
pub fn is_plain_name(text: &str) -> bool {
    !text.is_empty() && name_len(text) == text.len() && !text.contains(':')
}

/// Checks that all of `text` are characters of XML.
pub fn chars(text: &str, at: usize) -> Read<()> {
    let plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_control() || is_space(byte);
    if text.bytes().all(plain) {
        return Ok(());
    }
    match text.char_indices().find(|(_, char)| !is_char(*char)) {
        None => Ok(()),
        Some((offset, char)) => Err(no_char(at + offset, char)),
    }
}

fn no_char(at: usize, char: char) -> Malformed {
    let code = u32::from(char);
    wrong(
        at,
        format!("the character U+{code:04X} must not stand in XML"),
    )
}

/// Checks text between tags.
pub fn text(text: &str, at: usize) -> Read<()> {
    let plain = |byte: u8| {
        byte.is_ascii() && !byte.is_ascii_control() && !matches!(byte, b'&' | b']')
            || is_space(byte)
    };
    if text.bytes().all(plain) {
        return Ok(());
    }
    let mut pass = 0;
    for (offset, char) in text.char_indices() {
        match char {
            _ if offset < pass => {}
            '&' => pass = offset + reference(&text[offset..], at + offset)?.1,
            ']' if text[offset..].starts_with("]]>") => {
                return Err(wrong(at + offset, "`]]>` stands in text: write `]]&gt;`"));
            }
            _ if !is_char(char) => return Err(no_char(at + offset, char)),
            _ => {}
        }
    }
    Ok(())
}

/// The character that the reference at the start of `text` means, and the reference's length.
///
/// # Errors
/// For what is none, for entities other than the five, and for numbers that are no character of XML.
pub fn reference(text: &str, at: usize) -> Read<(char, usize)> {
    let none = || wrong(at, "`&` begins no reference: write `&amp;`");
    let near = text.as_bytes();
    let near = &near[..near.len().min(MAX_REFERENCE_BYTES)];
    let inside = text.get(1..).ok_or_else(none)?;
    let end = 1 + match inside.strip_prefix('#') {
        Some(digits) => {
            let is_digit = |char: char| char.is_ascii_alphanumeric();
            1 + digits.find(|char| !is_digit(char)).ok_or_else(none)?
        }
        None => name_len(inside),
    };
    if end == 1 || near.get(end) != Some(&b';') {
        return Err(none());
    }
    let name = &text[1..end];
    let char = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let Some(digits) = name.strip_prefix('#') else {
                let what = format!("the entity `&{name};` is none of amp, lt, gt, quot and apos");
                return Err(wrong(at, what));
            };
            let code = match digits.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            let char = code.ok().and_then(char::from_u32);
            char.filter(|char| is_char(*char))
                .ok_or_else(|| wrong(at, format!("`&{name};` is no character of XML")))?
        }
    };
    Ok((char, end + 1))
}

/// Writes text between tags as it is meant: references are characters, line ends are line feeds.
///
/// # Errors
/// What [`text`] says.
pub fn append_text(raw: &str, at: usize, out: &mut String) -> Read<()> {
    text(raw, at)?;
    append(raw, at, out, true)
}

/// Writes the text of a CDATA section, with line feeds for line ends.
///
/// # Errors
/// For what are no characters of XML.
pub fn append_cdata(raw: &str, at: usize, out: &mut String) -> Read<()> {
    chars(raw, at)?;
    append(raw, at, out, false)
}

fn append(raw: &str, at: usize, out: &mut String, has_references: bool) -> Read<()> {
    let mut rest = raw;
    loop {
        let found = memchr::memchr2(b'\r', b'&', rest.as_bytes());
        let Some(found) = found else {
            out.push_str(rest);
            return Ok(());
        };
        out.push_str(&rest[..found]);
        rest = &rest[found..];
        let (char, len) = match rest.as_bytes()[0] {
            b'\r' if rest.starts_with("\r\n") => ('\n', 2),
            b'\r' => ('\n', 1),
            _ if has_references => reference(rest, at + raw.len() - rest.len())?,
            _ => ('&', 1),
        };
        out.push(char);
        rest = &rest[len..];
    }
}

/// Writes the value of an attribute as it is meant: references are characters, other white space is spaces.
///
/// # Errors
/// For references that are none.
pub fn append_value(raw: &str, at: usize, out: &mut String) -> Read<()> {
    let mut rest = raw;
    while let Some(char) = rest.chars().next() {
        let (char, len) = match char {
            '&' => reference(rest, at + raw.len() - rest.len())?,
            '\r' if rest.starts_with("\r\n") => (' ', 2),
            '\r' | '\n' | '\t' => (' ', 1),
            _ => (char, char.len_utf8()),
        };
        out.push(char);
        rest = &rest[len..];
    }
    Ok(())
}

/// An attribute as it was written.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'t> {
    pub name: &'t str,
    pub at: usize,
    pub value: &'t str,
    pub value_at: usize,
}

/// A start tag, or the tag of an empty element, as far as it is one.
#[derive(Debug)]
pub struct Tag<'t> {
    pub name: &'t str,
    pub at: usize,
    pub attributes: Vec<Attribute<'t>>,
    pub is_empty: bool,
    /// Where it stops to be one, and why.
    pub fault: Option<Malformed>,
}

impl<'t> Tag<'t> {
    /// Reads a tag from its `<` to its `>`; it stands at `at`.
    pub fn read(text: &'t str, at: usize) -> Self {
        let inside = text.get(1..).unwrap_or_default();
        let mut tag = Self {
            name: &inside[..name_len(inside)],
            at,
            attributes: Vec::new(),
            is_empty: false,
            fault: None,
        };
        tag.fault = tag.fill(text).err();
        tag
    }

    fn fill(&mut self, text: &'t str) -> Read<()> {
        if self.name.is_empty() {
            return Err(wrong(self.at, "`<` begins no tag: in text, write `&lt;`"));
        }
        let rest = attributes(text, 1 + self.name.len(), self.at, &mut self.attributes)?;
        self.is_empty = &text[rest..] == "/>";
        match &text[rest..] {
            ">" | "/>" => Ok(()),
            _ => Err(self.no_end(rest)),
        }
    }

    fn no_end(&self, rest: usize) -> Malformed {
        let what = format!(
            "expected an attribute or the end of the tag `{}`",
            self.name
        );
        wrong(self.at + rest, what)
    }
}

/// Reads attributes of `text` from `from` on, and returns where they end. `text` stands at `at`.
fn attributes<'t>(
    text: &'t str,
    from: usize,
    at: usize,
    found: &mut Vec<Attribute<'t>>,
) -> Read<usize> {
    let bytes = text.as_bytes();
    let blank = |mut from: usize| {
        while bytes.get(from).is_some_and(|byte| is_space(*byte)) {
            from += 1;
        }
        from
    };
    let mut behind = from;
    loop {
        let name_at = blank(behind);
        let len = name_len(&text[name_at..]);
        if len == 0 {
            return Ok(name_at);
        }
        if name_at == behind {
            return Err(wrong(
                at + name_at,
                "a blank is missing before an attribute",
            ));
        }
        let name = &text[name_at..name_at + len];
        let equals = blank(name_at + len);
        if bytes.get(equals) != Some(&b'=') {
            let what = format!("`=` is missing behind the attribute `{name}`");
            return Err(wrong(at + equals, what));
        }
        let quote_at = blank(equals + 1);
        let Some(quote @ (b'"' | b'\'')) = bytes.get(quote_at).copied() else {
            let what = format!("the value of the attribute `{name}` stands in no quotes");
            return Err(wrong(at + quote_at, what));
        };
        let value_at = quote_at + 1;
        let len = memchr::memchr2(quote, b'<', &bytes[value_at..]);
        let end = len.map(|len| value_at + len);
        let value = &text[value_at..end.unwrap_or(bytes.len())];
        self::value(value, at + value_at)?;
        match end.map(|end| (end, bytes[end])) {
            Some((end, byte)) if byte == quote => behind = end + 1,
            end => {
                let end = end.map_or(bytes.len(), |(end, _)| end);
                let what =
                    format!("the value of the attribute `{name}` holds `<`, or does not end");
                return Err(wrong(at + end, what));
            }
        }
        found.push(Attribute {
            name,
            at: at + name_at,
            value,
            value_at: at + value_at,
        });
    }
}

/// Checks the value of an attribute.
fn value(value: &str, at: usize) -> Read<()> {
    let mut pass = 0;
    for (offset, char) in value.char_indices() {
        match char {
            _ if offset < pass => {}
            '&' => pass = offset + reference(&value[offset..], at + offset)?.1,
            _ if !is_char(char) => return Err(no_char(at + offset, char)),
            _ => {}
        }
    }
    Ok(())
}

/// The name in an end tag, which is read from its `<` to its `>` and stands at `at`.
pub fn end_tag(text: &str, at: usize) -> Read<&str> {
    let inside = text.get(2..).unwrap_or_default();
    let len = name_len(inside);
    let behind = inside[len..].trim_start_matches(|char| u8::try_from(char).is_ok_and(is_space));
    match len > 0 && behind == ">" {
        true => Ok(&inside[..len]),
        false => Err(wrong(at, "an end tag is a name between `</` and `>`")),
    }
}

/// Checks the name of a processing instruction.
pub fn target(name: &str, at: usize) -> Read<()> {
    if name.is_empty() {
        return Err(wrong(at, "`<?` is followed by no name"));
    }
    if name.eq_ignore_ascii_case("xml") {
        let what = "the XML declaration stands only at the very start of the document";
        return Err(wrong(at, what));
    }
    match name.contains(':') {
        true => Err(wrong(
            at,
            "the name of a processing instruction has a colon",
        )),
        false => Ok(()),
    }
}

/// The encoding that an XML declaration names, where it does. `text` goes from `<?xml` to `?>`, at the start.
pub fn declaration(text: &str) -> Read<Option<&str>> {
    let bad = |at, what: &str| Err(wrong(at, format!("the XML declaration {what}")));
    let mut found = Vec::new();
    let end = attributes(text, "<?xml".len(), 0, &mut found)?;
    if &text[end..] != "?>" {
        return bad(end, "does not end with `?>`");
    }
    let mut rest = &found[..];
    let mut take = |name: &str| {
        let first = rest.first().filter(|found| found.name == name).copied();
        rest = &rest[usize::from(first.is_some())..];
        first
    };
    let Some(version) = take("version") else {
        return bad("<?xml".len(), "does not begin with the version");
    };
    let (encoding, alone) = (take("encoding"), take("standalone"));
    if let Some(other) = rest.first() {
        return bad(
            other.at,
            "has more than version, encoding and standalone, in this order",
        );
    }
    let minor = version.value.strip_prefix("1.").unwrap_or_default();
    if minor.is_empty() || !minor.bytes().all(|byte| byte.is_ascii_digit()) {
        return bad(version.value_at, "has another version than 1.0");
    }
    if let Some(alone) = alone.filter(|alone| !matches!(alone.value, "yes" | "no")) {
        return bad(alone.value_at, "has neither yes nor no for standalone");
    }
    let Some(encoding) = encoding else {
        return Ok(None);
    };
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let good = encoding
        .value
        .starts_with(|char: char| char.is_ascii_alphabetic());
    match good && encoding.value.bytes().all(belongs) {
        true => Ok(Some(encoding.value)),
        false => bad(encoding.value_at, "has no name of an encoding"),
    }
}

/// The first of `names` that stood there before.
pub fn duplicate<T: std::hash::Hash + Eq + Copy>(names: &[T]) -> Option<usize> {
    if names.len() <= 16 {
        return (1..names.len()).find(|&index| names[..index].contains(&names[index]));
    }
    let mut seen = HashSet::with_capacity(names.len());
    names.iter().position(|name| !seen.insert(*name))
}
