//! The grammar of RFC 8259, read into a [`Tree`] without recursion.
//!
//! The record is copied into the tree's buffer in one piece, and texts and numbers are ranges of it; only
//! strings with escapes are written anew, behind it. Each byte is looked at once.

use crate::record::{Kind, Tree, TreeWriter};
use pipeline::Problem;
use std::borrow::Cow;

/// The most objects and lists inside each other, the record itself counted. MongoDB stores no more
/// (<https://www.mongodb.com/docs/manual/reference/limits/>: "no more than 100 levels of nesting").
pub const MAX_DEPTH: usize = 100;

/// The most bytes of a record: twice as many must be countable in 32 bits.
const MAX_TEXT_BYTES: usize = u32::MAX as usize / 2;

/// The most names of an object that are compared each with each; more are sorted.
const MAX_PAIRWISE: usize = 24;

/// A range of the tree's buffer, in bytes.
type Range = (u32, u32);

/// Buffers that one record leaves to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    open: Vec<Open>,
    /// The names so far of all open objects, outermost object first.
    names: Vec<Name>,
}

/// A list or an object whose end is still to come.
#[derive(Debug)]
struct Open {
    node: u32,
    object: bool,
    /// Where its names begin in [`Scratch::names`].
    names: usize,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    text: Range,
    /// Where it stands in the record, in bytes.
    at: usize,
}

/// Why a record is no good.
struct Fault {
    code: &'static str,
    at: usize,
    what: Cow<'static, str>,
}

/// Reads `record`, which must be one JSON object, into `tree`.
pub fn read(record: &str, tree: &mut Tree, scratch: &mut Scratch) -> Result<(), Problem> {
    if record.len() > MAX_TEXT_BYTES {
        return Err(Problem::of_record(
            "record_too_large",
            format!(
                "{} bytes of JSON, the most is {MAX_TEXT_BYTES}",
                record.len()
            ),
        ));
    }
    scratch.open.clear();
    scratch.names.clear();
    let mut writer = tree.refill();
    writer.text().push_str(record);
    let mut reader = Reader {
        record,
        bytes: record.as_bytes(),
        at: 0,
        writer,
        scratch,
    };
    let done = reader.document();
    done.map_err(|fault| {
        let column = record[..fault.at].chars().count() + 1;
        Problem::of_record(fault.code, format!("column {column}: {}", fault.what))
    })
}

struct Reader<'a> {
    record: &'a str,
    bytes: &'a [u8],
    /// Always on a character's first byte, or at the end.
    at: usize,
    writer: TreeWriter<'a>,
    scratch: &'a mut Scratch,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<(), Fault> {
        self.space();
        let object = self.peek() == Some(b'{');
        let start = self.at;
        self.value()?;
        if object {
            return Ok(());
        }
        let what = match self.bytes[start] {
            b'[' => "an array",
            b'"' => "a string",
            b't' | b'f' => "a boolean",
            b'n' => "null",
            _ => "a number",
        };
        Err(Fault {
            code: "json_not_object",
            at: start,
            what: format!("a record is an object, this is {what}").into(),
        })
    }

    /// Reads a value with everything inside it, and what follows it up to the end of the record.
    fn value(&mut self) -> Result<(), Fault> {
        let mut name = (0, 0);
        loop {
            self.space();
            let opened = match self.peek() {
                Some(b'"') => {
                    let text = self.string()?;
                    self.writer.push(Kind::String, name, text);
                    false
                }
                Some(b'-' | b'0'..=b'9') => {
                    let text = self.number()?;
                    self.writer.push(Kind::Number, name, text);
                    false
                }
                Some(b'{') => self.open(Kind::Object, name, b'}')?,
                Some(b'[') => self.open(Kind::List, name, b']')?,
                Some(b't') => self.word("true", Kind::Boolean(true), name)?,
                Some(b'f') => self.word("false", Kind::Boolean(false), name)?,
                Some(b'n') => self.word("null", Kind::Null, name)?,
                _ => return Err(self.expected("a value")),
            };
            if !opened && !self.follow()? {
                return Ok(());
            }
            name = match self.scratch.open.last() {
                Some(open) if open.object => self.name()?,
                _ => (0, 0),
            };
        }
    }

    /// Goes on behind a value: closes what ends here. Whether another value follows.
    fn follow(&mut self) -> Result<bool, Fault> {
        loop {
            self.space();
            let Some(open) = self.scratch.open.last() else {
                return match self.peek() {
                    None => Ok(false),
                    Some(_) => Err(self.expected("the end of the record")),
                };
            };
            match (self.peek(), open.object) {
                (Some(b','), _) => {
                    self.at += 1;
                    return Ok(true);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    self.close()?;
                }
                (_, true) => return Err(self.expected("`,` or `}`")),
                (_, false) => return Err(self.expected("`,` or `]`")),
            }
        }
    }

    /// Opens a list or object, and closes it where it is empty. Whether something is in it.
    fn open(&mut self, kind: Kind, name: Range, end: u8) -> Result<bool, Fault> {
        if self.scratch.open.len() == MAX_DEPTH {
            return Err(Fault {
                code: "json_depth",
                at: self.at,
                what: format!("more than {MAX_DEPTH} objects and arrays inside each other").into(),
            });
        }
        let node = self.writer.push(kind, name, (0, 0));
        self.at += 1;
        self.space();
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(false);
        }
        self.scratch.open.push(Open {
            node,
            object: kind == Kind::Object,
            names: self.scratch.names.len(),
        });
        Ok(true)
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(open) = self.scratch.open.pop() else {
            return Ok(());
        };
        self.writer.close(open.node);
        if open.object {
            self.unique(open.names)?;
            self.scratch.names.truncate(open.names);
        }
        Ok(())
    }

    /// Refuses a name that stands twice among those from `from` on.
    fn unique(&mut self, from: usize) -> Result<(), Fault> {
        let text: &str = self.writer.text();
        let of = |name: &Name| &text.as_bytes()[name.text.0 as usize..name.text.1 as usize];
        let names = &mut self.scratch.names[from..];
        let again = if names.len() <= MAX_PAIRWISE {
            let twice = |at: &usize| {
                names[..*at]
                    .iter()
                    .any(|other| of(other) == of(&names[*at]))
            };
            (1..names.len()).find(twice).map(|at| names[at])
        } else {
            names.sort_unstable_by(|a, b| of(a).cmp(of(b)).then(a.at.cmp(&b.at)));
            let pairs = names.windows(2).filter(|pair| of(&pair[0]) == of(&pair[1]));
            pairs.map(|pair| pair[1]).min_by_key(|name| name.at)
        };
        let Some(again) = again else {
            return Ok(());
        };
        Err(Fault {
            code: "duplicate_key",
            at: again.at,
            what: format!("the name {} stands twice in one object", shown(of(&again))).into(),
        })
    }

    /// Reads a name and the colon behind it.
    fn name(&mut self) -> Result<Range, Fault> {
        self.space();
        let at = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.expected("a name in quotes"));
        }
        let text = self.string()?;
        // Only an escape can write NUL, and only strings with escapes stand behind the record.
        if text.0 as usize >= self.bytes.len() {
            let name = &self.writer.text().as_bytes()[text.0 as usize..text.1 as usize];
            if memchr::memchr(0, name).is_some() {
                return Err(Fault {
                    code: "nul_in_name",
                    at,
                    what: format!("the name {} holds the character NUL", shown(name)).into(),
                });
            }
        }
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        self.scratch.names.push(Name { text, at });
        Ok(text)
    }

    fn word(&mut self, word: &'static str, kind: Kind, name: Range) -> Result<bool, Fault> {
        for byte in word.bytes() {
            if self.peek() != Some(byte) {
                return Err(self.expected(format!("`{word}`")));
            }
            self.at += 1;
        }
        self.writer.push(kind, name, (0, 0));
        Ok(false)
    }

    fn number(&mut self) -> Result<Range, Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok((start as u32, self.at as u32))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        match self.at > start {
            true => Ok(()),
            false => Err(self.expected("a digit")),
        }
    }

    /// Reads a string from its opening quote to behind its closing one.
    fn string(&mut self) -> Result<Range, Fault> {
        let mut from = self.at + 1;
        let mut written = None;
        loop {
            let stop = from + plain(&self.bytes[from..]);
            self.at = stop;
            let Some(&byte) = self.bytes.get(stop) else {
                return Err(self.expected("`\"`"));
            };
            if byte < b' ' {
                return Err(self.syntax("a control character in a string must be escaped"));
            }
            self.at += 1;
            if byte == b'"' && written.is_none() {
                return Ok((from as u32, stop as u32));
            }
            let text = self.writer.text();
            let start = *written.get_or_insert(text.len() as u32);
            text.push_str(&self.record[from..stop]);
            if byte == b'"' {
                return Ok((start, text.len() as u32));
            }
            let character = self.escape()?;
            self.writer.text().push(character);
            from = self.at;
        }
    }

    /// Reads an escape from behind its backslash.
    fn escape(&mut self) -> Result<char, Fault> {
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte as char,
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.expected("one of `\"\\/bfnrtu` behind `\\`")),
        };
        self.at += 1;
        Ok(character)
    }

    /// Reads the digits behind `\u` and, where they are half of a pair, the other half.
    fn unicode(&mut self) -> Result<char, Fault> {
        let escape = self.at - 2;
        let high = self.hex()?;
        let code = match high {
            0xd800..=0xdbff if self.bytes[self.at..].starts_with(b"\\u") => {
                self.at += 2;
                let low = self.hex()?;
                match low {
                    0xdc00..=0xdfff => 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00),
                    _ => high,
                }
            }
            _ => high,
        };
        char::from_u32(code).ok_or_else(|| Fault {
            code: "json_syntax",
            at: escape,
            what: format!("`\\u{high:04x}` is half of a surrogate pair").into(),
        })
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| (byte as char).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.expected("four hexadecimal digits behind `\\u`"));
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[cold]
    fn expected(&self, what: impl std::fmt::Display) -> Fault {
        let found = match self
            .record
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
        {
            None => "the end of the record".to_owned(),
            Some(found) if found.is_control() => format!("U+{:04X}", found as u32),
            Some(found) => format!("`{found}`"),
        };
        self.syntax(format!("expected {what}, found {found}"))
    }

    fn syntax(&self, what: impl Into<Cow<'static, str>>) -> Fault {
        Fault {
            code: "json_syntax",
            at: self.at,
            what: what.into(),
        }
    }
}

/// How many bytes at the start of `bytes` are neither a quote, a backslash nor a control character. Eight at
/// a time: a byte of a word is zero exactly where subtracting one borrows into its high bit.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let mut at = 0;
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let found = (control | quote | backslash) & HIGHS;
        if found != 0 {
            // The lowest hit is exact: a false one only stands above a true one.
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    let rest = &bytes[at..];
    at + rest.iter().position(special).unwrap_or(rest.len())
}

/// A name for a message: at most 64 characters of it.
fn shown(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    match name.char_indices().nth(64) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    }
}
