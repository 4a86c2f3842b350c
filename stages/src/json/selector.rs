//! One step of a path of RFC 9535 (JSONPath), as it is written: names and indexes in both notations, and the wildcard.
//!
//! It reads what every path of a spec may have, and names what none may; which steps a path takes, where blanks may stand
//! and what is said of a fault is its own business. Nothing here reads a document.

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// To the value with this name.
    Name(String),
    /// To the item with this number, from 0, or from the end where it is negative.
    Index(i64),
    /// To all there are.
    Any,
}

/// Why a text begins with no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has none of the notations.
    NoStep,
    /// It is `..`.
    Search,
    /// Behind the dot stands no plain name.
    NoName,
    /// It is a filter.
    Filter,
    /// It is a slice without a start.
    Slice,
    /// It is the index `-0`.
    MinusZero,
    /// A name in quotes is none: why.
    Quoted(&'static str),
}

/// What a name in quotes may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controls {
    /// Control characters as escapes only, as the RFC says.
    Escaped,
    /// Control characters as they are, too.
    Raw,
}

/// Reads `.name` or `.*`; the rest stands behind it.
///
/// # Errors
/// Why it is neither.
pub fn dotted(text: &str) -> Result<(Selector, &str), Fault> {
    if text.starts_with("..") {
        return Err(Fault::Search);
    }
    let name = text.strip_prefix('.').ok_or(Fault::NoStep)?;
    if let Some(rest) = name.strip_prefix('*') {
        return Ok((Selector::Any, rest));
    }
    let end = name.find(|char: char| !is_first(char) && !char.is_ascii_digit());
    let (name, rest) = name.split_at(end.unwrap_or(name.len()));
    match is_plain(name) {
        true => Ok((Selector::Name(name.to_owned()), rest)),
        false => Err(Fault::NoName),
    }
}

/// Reads what stands in brackets: a name in quotes, an index or `*`; the rest stands behind it, the closing bracket first.
///
/// # Errors
/// Why it is none of these.
pub fn in_brackets(text: &str, controls: Controls) -> Result<(Selector, &str), Fault> {
    match text.chars().next() {
        Some('*') => Ok((Selector::Any, &text[1..])),
        Some(quote @ ('\'' | '"')) => match quoted(&text[1..], quote, controls) {
            Ok((name, rest)) => Ok((Selector::Name(name), rest)),
            Err(reason) => Err(Fault::Quoted(reason)),
        },
        Some('?') => Err(Fault::Filter),
        Some(':') => Err(Fault::Slice),
        _ => index(text),
    }
}

/// Whether a name can stand behind a dot.
pub fn is_plain(name: &str) -> bool {
    name.starts_with(is_first)
        && name
            .chars()
            .all(|char| is_first(char) || char.is_ascii_digit())
}

fn is_first(char: char) -> bool {
    char.is_ascii_alphabetic() || char == '_' || !char.is_ascii()
}

fn index(text: &str) -> Result<(Selector, &str), Fault> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let end = digits.find(|char: char| !char.is_ascii_digit());
    let (digits, rest) = digits.split_at(end.unwrap_or(digits.len()));
    if digits.starts_with('0') && digits != "0" {
        return Err(Fault::NoStep);
    }
    let number = &text[..text.len() - rest.len()];
    match number.parse() {
        Ok(0) if number != "0" => Err(Fault::MinusZero),
        Ok(number) => Ok((Selector::Index(number), rest)),
        Err(_) => Err(Fault::NoStep),
    }
}

/// A name up to its closing quote, with the escapes of RFC 9535, 2.3.1.1; the rest stands behind the quote.
fn quoted(text: &str, quote: char, controls: Controls) -> Result<(String, &str), &'static str> {
    let mut name = String::new();
    let mut rest = text.chars();
    loop {
        let char = rest.next().ok_or("a closing quote is missing")?;
        if char == quote {
            return Ok((name, rest.as_str()));
        }
        if char < ' ' && controls == Controls::Escaped {
            return Err("a control character in a name must be escaped");
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
            _ => return Err("an escape is unknown"),
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
