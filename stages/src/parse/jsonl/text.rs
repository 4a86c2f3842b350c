//! The grammar of RFC 8259, read into a [`Tree`] without recursion.
//!
//! The record is copied into the tree's buffer in one piece, and texts and numbers are ranges of it; only
//! strings with escapes are written anew, behind it. Each byte is looked at once.

use crate::record::{Kind, Name, Range, Tree, TreeWriter};
use pipeline::Problem;
use std::borrow::Cow;

/// The most objects and lists inside each other, the record itself counted. MongoDB stores no more
/// (<https://www.mongodb.com/docs/manual/reference/limits/>: "no more than 100 levels of nesting").
pub const MAX_DEPTH: usize = 100;

/// The most bytes of a record: twice as many must be countable in 32 bits.
const MAX_TEXT_BYTES: usize = u32::MAX as usize / 2;

/// The most names of an object that are compared each with each; more are sorted.
const MAX_PAIRWISE: u32 = 24;

/// A word with 1 in each byte.
const ONES: u64 = u64::MAX / 255;
/// A word with the high bit of each byte.
const HIGHS: u64 = ONES << 7;

/// What the byte behind a backslash stands for; 0 where it is `u`, or nothing.
const SIMPLE: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < SIMPLE_ESCAPES.len() {
        table[SIMPLE_ESCAPES[at].0 as usize] = SIMPLE_ESCAPES[at].1;
        at += 1;
    }
    table
};
const SIMPLE_ESCAPES: [(u8, u8); 8] = [
    (b'"', b'"'),
    (b'\\', b'\\'),
    (b'/', b'/'),
    (b'b', 0x8),
    (b'f', 0xc),
    (b'n', b'\n'),
    (b'r', b'\r'),
    (b't', b'\t'),
];

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
struct Fault {
    code: &'static str,
    at: usize,
    what: Cow<'static, str>,
}

/// What is read, or where and why not; boxed, because a result is handed on for each value.
type Read<T> = Result<T, Box<Fault>>;

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

/// Reads one record. Places in it are always a character's first byte, or the end.
struct Reader<'a> {
    record: &'a str,
    bytes: &'a [u8],
    writer: TreeWriter<'a>,
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
                    if open.depth == MAX_DEPTH {
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

    /// Reads the string whose opening quote is at `at`, and says where it ends.
    #[inline(always)]
    fn string(&mut self, at: usize) -> Read<(Range, usize)> {
        let from = at + 1;
        let stop = from + plain(&self.bytes[from..]);
        match self.peek(stop) {
            b'"' => Ok(((from as u32, stop as u32), stop + 1)),
            _ => {
                // Taken apart, so that what stays in registers above does not go through memory.
                let (text, behind) = self.escaped(from, stop)?;
                Ok((text, behind))
            }
        }
    }

    /// Reads a string from behind its opening quote; up to `stop` it is as it is written.
    #[inline(never)]
    fn escaped(&mut self, mut from: usize, mut stop: usize) -> Read<(Range, usize)> {
        let start = self.writer.text().len() as u32;
        loop {
            if from < stop {
                self.writer.text().push_str(&self.record[from..stop]);
            }
            match self.bytes.get(stop) {
                Some(b'\\') => {}
                Some(b'"') => {
                    let end = self.writer.text().len() as u32;
                    return Ok(((start, end), stop + 1));
                }
                Some(_) => {
                    let what = "a control character in a string must be escaped";
                    return Err(syntax(stop, what.into()));
                }
                None => return Err(self.expected(stop, "`\"`")),
            }
            let simple = self
                .bytes
                .get(stop + 1)
                .map_or(0, |byte| SIMPLE[*byte as usize]);
            let (character, behind) = match simple {
                0 => self.unicode(stop + 1)?,
                byte => (char::from(byte), stop + 2),
            };
            self.writer.text().push(character);
            from = behind;
            stop = from + plain(&self.bytes[from..]);
        }
    }

    /// Reads the escape at `at`, which is behind its backslash and not one of [`SIMPLE`]: `u`, four digits, and
    /// where they are half of a pair, the other half.
    fn unicode(&self, at: usize) -> Read<(char, usize)> {
        if self.peek(at) != b'u' {
            return Err(self.expected(at, "one of `\"\\/bfnrtu` behind `\\`"));
        }
        let (high, mut behind) = (self.hex(at + 1)?, at + 5);
        let mut code = high;
        if (0xd800..=0xdbff).contains(&high) && self.bytes[behind..].starts_with(b"\\u") {
            let low = self.hex(behind + 2)?;
            behind += 6;
            if (0xdc00..=0xdfff).contains(&low) {
                code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            }
        }
        match char::from_u32(code) {
            Some(character) => Ok((character, behind)),
            None => {
                let what = format!("`\\u{high:04x}` is half of a surrogate pair");
                Err(syntax(at - 1, what.into()))
            }
        }
    }

    fn hex(&self, start: usize) -> Read<u32> {
        let mut code = 0;
        for at in start..start + 4 {
            let digit = match self.peek(at) {
                byte @ b'0'..=b'9' => byte - b'0',
                byte => match byte | 0x20 {
                    lower @ b'a'..=b'f' => lower - b'a' + 10,
                    _ => {
                        let what = "four hexadecimal digits behind `\\u`";
                        return Err(self.expected(at, what));
                    }
                },
            };
            code = code << 4 | u32::from(digit);
        }
        Ok(code)
    }

    /// The byte at `at`; at the end 0, which has no place between the tokens of JSON.
    #[inline(always)]
    fn peek(&self, at: usize) -> u8 {
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
    fn expected(&self, at: usize, what: &str) -> Box<Fault> {
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
fn syntax(at: usize, what: Cow<'static, str>) -> Box<Fault> {
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
        what: format!("more than {MAX_DEPTH} objects and arrays inside each other").into(),
    })
}

/// How many bytes at the start of `bytes` are neither a quote, a backslash nor a control character.
#[inline(always)]
fn plain(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        if let Some(at) = first_special(u64::from_le_bytes(*word)) {
            return bytes.len() - rest.len() + at;
        }
        rest = behind;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    let stop = rest.iter().position(special).unwrap_or(rest.len());
    bytes.len() - rest.len() + stop
}

/// Where the first byte of `word` is that is a quote, a backslash or a control character. A byte is less than a
/// number exactly where subtracting it borrows into its high bit.
#[inline(always)]
fn first_special(word: u64) -> Option<usize> {
    // Changing one bit leaves control characters below 0x20, and puts the quote right above them.
    let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    let found = (quote_or_control | backslash) & !word & HIGHS;
    // The lowest hit is exact: a false one only stands above a true one.
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

/// How many bytes at the start of `bytes` are digits.
#[inline(always)]
fn digits(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        // Digits become 0 to 9, to which 0x76 can be added without reaching the high bit.
        let values = u64::from_le_bytes(*word) ^ (ONES * u64::from(b'0'));
        let found = ((values & !HIGHS) + ONES * 0x76 | values) & HIGHS;
        if found != 0 {
            return bytes.len() - rest.len() + found.trailing_zeros() as usize / 8;
        }
        rest = behind;
    }
    let stop = rest.iter().position(|byte| !byte.is_ascii_digit());
    bytes.len() - rest.len() + stop.unwrap_or(rest.len())
}

/// A name for a message: at most 64 characters of it.
fn shown(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    match name.char_indices().nth(64) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    }
}
