//! The grammar of RFC 8259, read into a [`Tree`] without recursion.
//!
//! The record is copied into the tree's buffer in one piece, and texts and numbers are ranges of it; only
//! strings with escapes ([`super::string`]) are written anew, behind it. Each byte is looked at once.

use crate::json::MAX_DEPTH_LEVELS;
use crate::json::scan::{digits, first_special};
use crate::record::{Kind, Name, Range, Tree, TreeWriter};
use pipeline::Problem;
use std::borrow::Cow;

/// The most bytes of a record: twice as many must be countable in 32 bits.
const MAX_TEXT_BYTES: usize = u32::MAX as usize / 2;

/// The most values of a record, lists and objects counted.
const MAX_VALUES: usize = 1024 * 1024;

/// The most names of an object that are compared each with each; more are sorted.
const MAX_PAIRWISE: u32 = 24;

/// Buffers that one record leaves to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Names with escapes: where they begin in the tree's buffer, and where they stand in the record.
    escaped: Vec<(u32, usize)>,
    /// The names of one object, each with its number.
    names: Vec<(Name, usize)>,
}

/// What a value stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// Nothing: it is the record.
    Nothing,
    List,
    Object,
}

/// The innermost list or object whose end is still to come.
#[derive(Clone, Copy, Debug)]
struct Open {
    within: Within,
    node: u32,
    /// How many lists and objects are open, this one counted.
    depth: usize,
    /// A bit for each of its names so far; a name whose bit is not set is a new one.
    seen: u32,
    /// How many names it has so far; over [`MAX_PAIRWISE`], they are compared when it ends.
    names: u32,
}

/// Why a record is no good.
pub(super) struct Fault {
    code: &'static str,
    at: usize,
    what: Cow<'static, str>,
}

/// What is read, or where and why not; boxed, because a result is handed on for each value.
pub(super) type Read<T> = Result<T, Box<Fault>>;

/// Reads `record`, which must be one JSON object, into `tree`. Inlined, it would have fewer registers.
#[inline(never)]
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
    scratch.escaped.clear();
    let mut writer = tree.refill();
    writer.text().push_str(record);
    let mut reader = Reader {
        record,
        bytes: record.as_bytes(),
        writer,
        scratch,
    };
    let done = reader.document();
    done.map_err(|fault| {
        let column = record[..fault.at].chars().count() + 1;
        Problem::of_record(fault.code, format!("column {column}: {}", fault.what))
    })
}

/// Reads any JSON value into `tree`, as [`read`] does an object: for JSON inside of something else.
pub fn read_any(text: &str, tree: &mut Tree, scratch: &mut Scratch) -> Result<(), Problem> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("{} bytes of JSON, the most is {MAX_TEXT_BYTES}", text.len());
        return Err(Problem::of_record("record_too_large", message));
    }
    scratch.escaped.clear();
    let mut writer = tree.refill();
    writer.text().push_str(text);
    let mut reader = Reader {
        record: text,
        bytes: text.as_bytes(),
        writer,
        scratch,
    };
    reader.value().map_err(|fault| {
        let column = text[..fault.at].chars().count() + 1;
        Problem::of_record(fault.code, format!("column {column}: {}", fault.what))
    })
}

/// Reads one record. Places in it are always a character's first byte, or the end.
pub(super) struct Reader<'a> {
    pub(super) record: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) writer: TreeWriter<'a>,
    scratch: &'a mut Scratch,
}

impl Reader<'_> {
    fn document(&mut self) -> Read<()> {
        self.value()?;
        let (byte, start) = self.token(0);
        let what = match byte {
            b'{' => return Ok(()),
            b'[' => "an array",
            b'"' => "a string",
            b't' | b'f' => "a boolean",
            b'n' => "null",
            _ => "a number",
        };
        Err(Box::new(Fault {
            code: "json_not_object",
            at: start,
            what: format!("a record is an object, this is {what}").into(),
        }))
    }

    /// Reads one value with everything inside it, and what follows it up to the end of the record.
    fn value(&mut self) -> Read<()> {
        let mut at = 0;
        let mut open = Open {
            within: Within::Nothing,
            node: 0,
            depth: 0,
            seen: 0,
            names: 0,
        };
        let mut name = Name::default();
        loop {
            let byte;
            (byte, at) = self.token(at);
            match byte {
                b'"' => {
                    let (text, behind) = self.string(at)?;
                    self.writer.push(Kind::String, name, text);
                    at = behind;
                }
                b'-' | b'0'..=b'9' => {
                    let behind = self.number(at)?;
                    let text = (at as u32, behind as u32);
                    self.writer.push(Kind::Number, name, text);
                    at = behind;
                }
                b'{' | b'[' => {
                    if open.depth == MAX_DEPTH_LEVELS {
                        return Err(too_deep(at));
                    }
                    let (kind, within, end) = match byte {
                        b'{' => (Kind::Object, Within::Object, b'}'),
                        _ => (Kind::List, Within::List, b']'),
                    };
                    let next;
                    (next, at) = self.token(at + 1);
                    if next != end {
                        let around = (open.node, (open.seen, open.names));
                        open = Open {
                            within,
                            node: self.writer.open(kind, name, around),
                            depth: open.depth + 1,
                            seen: 0,
                            names: 0,
                        };
                        (name, at) = self.name_in(&mut open, at)?;
                        continue;
                    }
                    self.writer.push(kind, name, (0, 0));
                    at += 1;
                }
                b't' => at = self.word(at, "true", Kind::Boolean(true), name)?,
                b'f' => at = self.word(at, "false", Kind::Boolean(false), name)?,
                b'n' => at = self.word(at, "null", Kind::Null, name)?,
                _ => return Err(self.expected(at, "a value")),
            }
            // Behind a value: what ends here is closed.
            loop {
                let byte;
                (byte, at) = self.token(at);
                match (open.within, byte) {
                    (Within::Object | Within::List, b',') => break,
                    (Within::Object, b'}') | (Within::List, b']') => {
                        if open.names > MAX_PAIRWISE {
                            self.unique(open.node)?;
                        }
                        (open.node, (open.seen, open.names)) = self.writer.close(open.node);
                        open.depth -= 1;
                        open.within = match self.writer.kind(open.node) {
                            _ if open.depth == 0 => Within::Nothing,
                            Kind::Object => Within::Object,
                            _ => Within::List,
                        };
                        at += 1;
                    }
                    (Within::Nothing, _) if at == self.bytes.len() => return Ok(()),
                    (Within::Nothing, _) => {
                        return Err(self.expected(at, "the end of the record"));
                    }
                    (Within::Object, _) => return Err(self.expected(at, "`,` or `}`")),
                    (Within::List, _) => return Err(self.expected(at, "`,` or `]`")),
                }
            }
            if self.writer.values() > MAX_VALUES {
                return Err(Box::new(Fault {
                    code: "record_too_large",
                    at,
                    what: format!("more than {MAX_VALUES} values in one record").into(),
                }));
            }
            (name, at) = self.name_in(&mut open, at + 1)?;
        }
    }

    /// The name of the next value of an object, none in a list, and where the value is to be looked for.
    #[inline(always)]
    fn name_in(&mut self, open: &mut Open, at: usize) -> Read<(Name, usize)> {
        if open.within != Within::Object {
            return Ok((Name::default(), at));
        }
        let (byte, start) = self.token(at);
        if byte != b'"' {
            return Err(self.expected(start, "a name in quotes"));
        }
        let (name, behind) = self.name(start)?;
        let (byte, behind) = self.token(behind);
        if byte != b':' {
            return Err(self.expected(behind, "`:`"));
        }
        let bit = 1 << (name.mark().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59);
        let again =
            open.seen & bit != 0 && open.names < MAX_PAIRWISE && self.writer.has(open.node, name);
        open.seen |= bit;
        open.names = match again {
            true => MAX_PAIRWISE + 1,
            false => open.names.saturating_add(1),
        };
        Ok((name, behind + 1))
    }

    /// Reads the name whose opening quote is at `at`, and says where it ends.
    #[inline(always)]
    fn name(&mut self, at: usize) -> Read<(Name, usize)> {
        let from = at + 1;
        if let Some(word) = self.bytes[from..].first_chunk()
            && let Some(len) = first_special(u64::from_le_bytes(*word))
            && word[len] == b'"'
        {
            let stop = from + len;
            let name = Name::short(u64::from_le_bytes(*word), (from as u32, stop as u32));
            return Ok((name, stop + 1));
        }
        // Taken apart as in `string`.
        let (name, behind) = self.long_name(at)?;
        Ok((name, behind))
    }

    #[inline(never)]
    fn long_name(&mut self, at: usize) -> Read<(Name, usize)> {
        let (text, behind) = self.string(at)?;
        // Only strings with escapes stand behind the record.
        if text.0 as usize >= self.bytes.len() {
            self.escaped_name(text, at)?;
        }
        Ok((self.writer.name(text), behind))
    }

    /// Notes where a name with escapes stands. Only an escape can write NUL.
    #[inline(never)]
    fn escaped_name(&mut self, text: Range, at: usize) -> Read<()> {
        self.scratch.escaped.push((text.0, at));
        let name = &self.writer.text().as_bytes()[text.0 as usize..text.1 as usize];
        if memchr::memchr(0, name).is_none() {
            return Ok(());
        }
        Err(Box::new(Fault {
            code: "nul_in_name",
            at,
            what: format!("the name {} holds the character NUL", shown(name)).into(),
        }))
    }

    /// Refuses a name that stands twice in the object `node`.
    #[inline(never)]
    fn unique(&mut self, node: u32) -> Read<()> {
        let names = &mut self.scratch.names;
        names.clear();
        names.extend(self.writer.names(node).zip(0..));
        let of = |name: Name| self.writer.bytes(name);
        names.sort_unstable_by(|(a, first), (b, second)| {
            let marks = a.mark().cmp(&b.mark());
            marks.then_with(|| of(*a).cmp(of(*b)).then(first.cmp(second)))
        });
        let twice = |pair: &[(Name, usize)]| {
            pair[0].0.mark() == pair[1].0.mark() && of(pair[0].0) == of(pair[1].0)
        };
        let pairs = names.windows(2).filter(|pair| twice(pair));
        let Some((again, _)) = pairs.map(|pair| pair[1]).min_by_key(|(_, number)| *number) else {
            return Ok(());
        };
        let start = again.range().0;
        let escaped = self.scratch.escaped.iter().find(|(text, _)| *text == start);
        Err(Box::new(Fault {
            code: "duplicate_key",
            // A name without escapes stands right behind its quote.
            at: escaped.map_or(start as usize - 1, |(_, at)| *at),
            what: format!("the name {} stands twice in one object", shown(of(again))).into(),
        }))
    }

    /// Reads `word` at `at`, and says where it ends.
    #[inline(always)]
    fn word(&mut self, at: usize, word: &'static str, kind: Kind, name: Name) -> Read<usize> {
        if !self.bytes[at..].starts_with(word.as_bytes()) {
            return Err(self.no_word(at, word));
        }
        self.writer.push(kind, name, (0, 0));
        Ok(at + word.len())
    }

    #[cold]
    fn no_word(&self, at: usize, word: &str) -> Box<Fault> {
        let pairs = self.bytes[at..].iter().zip(word.bytes());
        let same = pairs.take_while(|(found, wanted)| *found == wanted).count();
        self.expected(at + same, &format!("`{word}`"))
    }

    /// Reads the number at `start`, and says where it ends.
    #[inline(always)]
    fn number(&self, start: usize) -> Read<usize> {
        let mut at = start + usize::from(self.peek(start) == b'-');
        at = match self.peek(at) {
            b'0' => at + 1,
            _ => self.digits(at)?,
        };
        if self.peek(at) == b'.' {
            at = self.digits(at + 1)?;
        }
        if let b'e' | b'E' = self.peek(at) {
            let sign = matches!(self.peek(at + 1), b'+' | b'-');
            at = self.digits(at + 1 + usize::from(sign))?;
        }
        Ok(at)
    }

    #[inline(always)]
    fn digits(&self, start: usize) -> Read<usize> {
        match self.bytes.get(start..).map_or(0, digits) {
            0 => Err(self.expected(start, "a digit")),
            count => Ok(start + count),
        }
    }

    /// The byte at `at`; at the end 0, which has no place between the tokens of JSON.
    #[inline(always)]
    pub(super) fn peek(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The first byte of the next token from `at` on, 0 at the end, and where it is.
    #[inline(always)]
    fn token(&self, at: usize) -> (u8, usize) {
        match self.bytes.get(at) {
            Some(byte) if *byte > b' ' => (*byte, at),
            _ => self.token_behind_space(at),
        }
    }

    #[inline(never)]
    fn token_behind_space(&self, mut at: usize) -> (u8, usize) {
        loop {
            match self.peek(at) {
                b' ' | b'\t' | b'\n' | b'\r' => at += 1,
                byte => return (byte, at),
            }
        }
    }

    #[cold]
    pub(super) fn expected(&self, at: usize, what: &str) -> Box<Fault> {
        let rest = self.record.get(at..);
        let found = match rest.and_then(|rest| rest.chars().next()) {
            None => "the end of the record".to_owned(),
            Some(found) if found.is_control() => format!("U+{:04X}", found as u32),
            Some(found) => format!("`{found}`"),
        };
        syntax(at, format!("expected {what}, found {found}").into())
    }
}

#[cold]
pub(super) fn syntax(at: usize, what: Cow<'static, str>) -> Box<Fault> {
    Box::new(Fault {
        code: "json_syntax",
        at,
        what,
    })
}

#[cold]
fn too_deep(at: usize) -> Box<Fault> {
    Box::new(Fault {
        code: "json_depth",
        at,
        what: format!("more than {MAX_DEPTH_LEVELS} objects and arrays inside each other").into(),
    })
}

/// A name for a message: at most 64 characters of it.
fn shown(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    match name.char_indices().nth(64) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    }
}
