//! What stands around the records of a JSON document: read forward, token by token, by RFC 8259.
//!
//! It knows which containers are open, which of them lie on the way to the records, and what may come next; it says
//! where a record begins and where what is read so far proves that the record before was whole. Other values are judged and
//! forgotten: memory is a bit for each open container and a counter for each on the way. It never looks into a
//! record ([`super::element`]) and never counts lines.

use super::super::document::{Found, Malformed};
use super::element::is_blank;
use super::text::{self, Name};
use crate::json::MAX_DEPTH_LEVELS;
use crate::json::{RecordPath, Step};

pub type Read<T> = Result<T, Malformed>;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The value that is the document.
    Document,
    Value,
    /// The first value of an array, or its end.
    FirstValue,
    Name,
    /// The first name of an object, or its end.
    FirstName,
    Colon,
    /// A comma, or the end of the innermost container.
    Comma,
    /// Nothing but blanks.
    Nothing,
    /// What follows in a string that is a name or, if not, a value.
    InString {
        is_name: bool,
    },
    /// What follows in a number.
    InNumber(Number),
    /// A record, whose end somebody else looks for.
    Record,
    /// What stands where framing starts again.
    Restart,
}

/// How much of a number was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

/// An open container on the way to the records.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// Items before the present one.
    index: u64,
    /// The name on the way was there.
    seen: bool,
}

/// The state between two bytes.
#[derive(Clone, Debug)]
pub struct Walk {
    path: RecordPath,
    next: Next,
    /// A bit for each open container, the innermost lowest: whether it is an object.
    objects: u128,
    /// How many containers are open.
    depth: usize,
    /// The outermost open containers, as far as they are on the way.
    ways: Vec<Way>,
    /// The name before the present value, compared with that on the way.
    name: Name,
    /// A record was found, and nothing yet that shows it to be whole.
    unconfirmed: bool,
}

impl Walk {
    /// At the start of a document.
    pub fn new(path: &RecordPath) -> Self {
        Self {
            path: path.clone(),
            next: Next::Document,
            objects: 0,
            depth: 0,
            ways: Vec::new(),
            name: Name::default(),
            unconfirmed: false,
        }
    }

    /// At a place where an earlier record of a path that [`RecordPath::restarts`] was confirmed, or at the end.
    pub fn behind_a_record(path: &RecordPath) -> Self {
        let mut walk = Self::new(path);
        for step in path.steps() {
            walk.push(matches!(step, Step::Name(_)));
            walk.ways.push(Way {
                index: match step {
                    Step::Index(index) => *index,
                    Step::Name(_) | Step::Any => 0,
                },
                seen: true,
            });
        }
        walk.next = Next::Restart;
        walk
    }

    /// Goes on behind a record, of which may be known already that it is whole.
    pub fn behind_element(&mut self, is_known_whole: bool) {
        self.next = self.behind();
        self.unconfirmed = !is_known_whole;
    }

    /// Whether some container is open.
    pub fn is_in_container(&self) -> bool {
        self.depth > 0
    }

    /// Whether the innermost container is an array.
    pub fn is_in_array(&self) -> bool {
        self.depth > 0 && self.objects & 1 == 0
    }

    /// Reads `bytes` from `at` on. Bytes before what it says are never looked at again.
    pub fn read(&mut self, bytes: &[u8], mut at: usize, at_end: bool) -> Read<Found> {
        loop {
            match self.next {
                Next::InString { is_name } => {
                    let (behind, is_whole) = text::read(bytes, at, at_end, &mut self.name)?;
                    if !is_whole {
                        return self.more(bytes, behind, at_end);
                    }
                    at = behind;
                    self.next = if is_name { Next::Colon } else { self.behind() };
                    if is_name {
                        self.judge_name(at)?;
                    }
                    continue;
                }
                Next::InNumber(number) => {
                    match self.number(number, bytes, at, at_end)? {
                        Some(behind) => at = behind,
                        None => return self.more(bytes, bytes.len(), at_end),
                    }
                    continue;
                }
                _ => {}
            }
            let blanks = bytes[at..].iter().position(|byte| !is_blank(*byte));
            let Some(blanks) = blanks else {
                return self.more(bytes, bytes.len(), at_end);
            };
            at += blanks;
            match self.token(bytes, at, at_end)? {
                Token::Taken(len) => at += len,
                Token::Said(found) => return Ok(found),
            }
        }
    }

    /// All of `bytes` is read but for what stands from `at` on, which is not whole.
    fn more(&mut self, bytes: &[u8], at: usize, at_end: bool) -> Read<Found> {
        match self.next {
            _ if !at_end => Ok(Found::More(at)),
            // An input without a document holds no records, and that is all there is to say.
            Next::Document | Next::Nothing | Next::Restart => Ok(Found::Done),
            _ => Err(Malformed {
                code: "truncated",
                at: bytes.len(),
                what: "the input ends before the document does".to_owned(),
            }),
        }
    }

    fn token(&mut self, bytes: &[u8], at: usize, at_end: bool) -> Read<Token> {
        let byte = bytes[at];
        match (self.next, byte) {
            (Next::Restart, _) => {
                self.objects |= u128::from(matches!(byte, b'}' | b'"'));
                self.next = if byte == b'"' {
                    Next::Name
                } else {
                    Next::Comma
                };
                return Ok(Token::Taken(0));
            }
            (Next::FirstValue, b']') | (Next::FirstName, b'}') => self.pop(),
            (Next::Document | Next::Value | Next::FirstValue, _) => {
                return self.value(bytes, at, at_end);
            }
            (Next::Name | Next::FirstName, b'"') => {
                if std::mem::take(&mut self.unconfirmed) {
                    return Ok(Token::Said(Found::Confirmed(at)));
                }
                let name = match self.way() {
                    Some((_, Step::Name(_))) => self.depth - 1,
                    _ => self.path.steps().len(),
                };
                match self.path.steps().get(name) {
                    Some(Step::Name(name)) => self.name.begin(Some(name)),
                    _ => self.name.begin(None),
                }
                self.next = Next::InString { is_name: true };
            }
            (Next::Colon, b':') => self.next = Next::Value,
            (Next::Comma, _) => return self.comma(bytes, at),
            (Next::Name | Next::FirstName, _) => {
                return Err(expected(bytes, at, "a name in quotes"));
            }
            (Next::Colon, _) => return Err(expected(bytes, at, "`:`")),
            _ => return Err(expected(bytes, at, "the end of the document")),
        }
        Ok(Token::Taken(1))
    }

    /// What stands behind a value in a container.
    fn comma(&mut self, bytes: &[u8], at: usize) -> Read<Token> {
        let is_object = self.objects & 1 == 1;
        let shows_whole = match bytes[at] {
            b',' | b']' if !is_object => true,
            b'}' if is_object => true,
            b',' => false,
            _ if is_object => return Err(expected(bytes, at, "`,` or `}`")),
            _ => return Err(expected(bytes, at, "`,` or `]`")),
        };
        if shows_whole && std::mem::take(&mut self.unconfirmed) {
            return Ok(Token::Said(Found::Confirmed(at)));
        }
        match bytes[at] {
            b',' => {
                let depth = self.depth;
                if let Some(way) = self.ways.get_mut(depth - 1) {
                    way.index += 1;
                }
                self.next = if is_object { Next::Name } else { Next::Value };
            }
            _ => self.pop(),
        }
        Ok(Token::Taken(1))
    }

    /// The innermost container, if it is on the way, and the step that leads on from it.
    fn way(&self) -> Option<(&Way, &Step)> {
        let number = self.depth.checked_sub(1)?;
        self.ways.get(number).zip(self.path.steps().get(number))
    }

    /// Whether the value that begins now is on the way, or a record.
    fn is_on_the_way(&self) -> bool {
        match self.way() {
            None => self.depth == 0,
            Some((_, Step::Any)) => true,
            Some((_, Step::Name(_))) => !self.is_in_array() && self.name.is_equal(),
            Some((way, Step::Index(index))) => self.is_in_array() && way.index == *index,
        }
    }

    /// A name was read, whose quote closes before `at`.
    fn judge_name(&mut self, at: usize) -> Read<()> {
        let Some((_, Step::Name(name))) = self.way() else {
            return Ok(());
        };
        if !self.name.is_equal() {
            return Ok(());
        }
        let what =
            format!("the name {name:?}, on the way to the records, stands twice in one object");
        let depth = self.depth;
        let way = self.ways.get_mut(depth - 1);
        match way.is_some_and(|way| std::mem::replace(&mut way.seen, true)) {
            false => Ok(()),
            true => Err(Malformed {
                code: "duplicate_key",
                at: at - 1,
                what,
            }),
        }
    }

    fn value(&mut self, bytes: &[u8], at: usize, at_end: bool) -> Read<Token> {
        let is_on_the_way = self.is_on_the_way();
        let byte = bytes[at];
        if is_on_the_way && self.depth == self.path.steps().len() {
            // What ends a record before its first byte is none.
            if matches!(byte, b',' | b']' | b'}') && self.depth > 0 {
                return Err(expected(bytes, at, "a value"));
            }
            self.next = Next::Record;
            return Ok(Token::Said(Found::Element(at)));
        }
        match byte {
            b'{' | b'[' => {
                if self.depth == MAX_DEPTH_LEVELS {
                    return Err(Malformed {
                        code: "json_depth",
                        at,
                        what: format!(
                            "more than {MAX_DEPTH_LEVELS} objects and arrays inside each other"
                        ),
                    });
                }
                self.push(byte == b'{');
                if is_on_the_way {
                    self.ways.push(Way::default());
                }
                self.next = match byte {
                    b'{' => Next::FirstName,
                    _ => Next::FirstValue,
                };
            }
            b'"' => {
                self.name.begin(None);
                self.next = Next::InString { is_name: false };
            }
            b'-' => self.next = Next::InNumber(Number::Minus),
            b'0' => self.next = Next::InNumber(Number::Zero),
            b'1'..=b'9' => self.next = Next::InNumber(Number::Whole),
            b't' => return self.word(bytes, at, at_end, "true"),
            b'f' => return self.word(bytes, at, at_end, "false"),
            b'n' => return self.word(bytes, at, at_end, "null"),
            _ => return Err(expected(bytes, at, "a value")),
        }
        Ok(Token::Taken(1))
    }

    fn word(&mut self, bytes: &[u8], at: usize, at_end: bool, word: &str) -> Read<Token> {
        let pairs = bytes[at..].iter().zip(word.bytes());
        let same = pairs
            .take_while(|(found, wanted)| **found == *wanted)
            .count();
        if same == word.len() {
            self.next = self.behind();
            return Ok(Token::Taken(same));
        }
        if at + same < bytes.len() {
            return Err(expected(bytes, at + same, &format!("`{word}`")));
        }
        // It is looked at again from its start.
        let next = std::mem::replace(&mut self.next, Next::Value);
        let more = self.more(bytes, at, at_end);
        self.next = next;
        more.map(Token::Said)
    }

    /// Goes on in a number; `None` where it may go on behind `bytes`.
    fn number(
        &mut self,
        mut number: Number,
        bytes: &[u8],
        mut at: usize,
        at_end: bool,
    ) -> Read<Option<usize>> {
        use Number::{Exponent, Fraction, Minus, Point, Power, Sign, Whole, Zero};
        loop {
            let byte = bytes.get(at).copied();
            number = match (number, byte) {
                (Minus, Some(b'0')) => Zero,
                (Minus | Whole, Some(b'0'..=b'9')) => Whole,
                (Zero | Whole, Some(b'.')) => Point,
                (Point | Fraction, Some(b'0'..=b'9')) => Fraction,
                (Zero | Whole | Fraction, Some(b'e' | b'E')) => Exponent,
                (Exponent, Some(b'+' | b'-')) => Sign,
                (Exponent | Sign | Power, Some(b'0'..=b'9')) => Power,
                (_, None) if !at_end => {
                    self.next = Next::InNumber(number);
                    return Ok(None);
                }
                (Minus | Point | Exponent | Sign, Some(_)) => {
                    return Err(expected(bytes, at, "a digit"));
                }
                (Minus | Point | Exponent | Sign, None) => return Ok(None),
                (Zero | Whole | Fraction | Power, _) => {
                    self.next = self.behind();
                    return Ok(Some(at));
                }
            };
            at += 1;
        }
    }

    fn push(&mut self, is_object: bool) {
        self.objects = self.objects << 1 | u128::from(is_object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
        self.ways.truncate(self.depth);
        self.next = self.behind();
    }

    /// What comes behind a value.
    fn behind(&self) -> Next {
        match self.depth {
            0 => Next::Nothing,
            _ => Next::Comma,
        }
    }
}

enum Token {
    /// So many bytes of it, the state says the rest.
    Taken(usize),
    Said(Found),
}

/// What should stand at `at`, and what does.
pub fn expected(bytes: &[u8], at: usize, what: &str) -> Malformed {
    let found = match bytes.get(at) {
        None => "the end".to_owned(),
        Some(byte @ b'!'..=b'~') => format!("`{}`", char::from(*byte)),
        Some(byte) => format!("the byte 0x{byte:02X}"),
    };
    Malformed {
        code: "json_syntax",
        at,
        what: format!("expected {what}, found {found}"),
    }
}
