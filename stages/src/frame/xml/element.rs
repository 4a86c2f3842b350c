//! Where a record of an XML document ends: at the end tag of its own name that closes it.
//!
//! Only tags of the record's own name are counted, so an element inside of it that is never closed, or closed under
//! another name, spoils this record alone. Comments, CDATA sections, processing instructions and values of attributes
//! are passed over; a `<` in a value, which none may hold, ends the tag that it stands in. What stands in the record is not
//! judged further. All of it is a pure function of the record's bytes, however they arrive.

use crate::xml::grammar::is_space;
use memchr::{memchr, memchr2};

/// The most bytes of the record's name that are compared.
pub const MAX_NAME_BYTES: usize = 1024;

const CDATA: &[u8] = b"CDATA[";

/// A record whose end is looked for, from its `<` on.
#[derive(Clone, Debug, Default)]
pub struct Element {
    /// The name in the first tag.
    name: Vec<u8>,
    has_name: bool,
    /// Elements of that name that are open.
    open: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// Behind `<`.
    Less,
    /// Behind `<!`.
    Bang,
    /// Behind `<!-`.
    BangDash,
    /// So many bytes behind `<![` are those of a CDATA section.
    Section(usize),
    /// In a comment, behind so many `-`.
    Comment(usize),
    /// In a CDATA section, behind so many `]`.
    Cdata(usize),
    /// In a processing instruction, behind a `?` or not.
    Instruction(bool),
    /// In the name of a tag, of which so many bytes were compared.
    Name {
        closes: bool,
        len: usize,
        same: bool,
    },
    /// Behind the name of a tag.
    Tag(Tag),
    /// In the value of an attribute.
    Value(u8, Tag),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag {
    closes: bool,
    /// It has the record's name.
    same: bool,
    /// The last byte was a `/`.
    slash: bool,
}

impl Element {
    /// Goes on with the next bytes. Says where in them the record has ended, one past its last byte.
    pub fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let rest = &bytes[at..];
            at += match self.state {
                State::Text => match memchr(b'<', rest) {
                    Some(less) => {
                        self.state = State::Less;
                        less + 1
                    }
                    None => rest.len(),
                },
                State::Comment(0) => self.until(b'-', rest, State::Comment(1)),
                State::Cdata(0) => self.until(b']', rest, State::Cdata(1)),
                State::Instruction(false) => self.until(b'?', rest, State::Instruction(true)),
                State::Value(quote, tag) => match memchr2(quote, b'<', rest) {
                    Some(found) if rest[found] == quote => {
                        self.state = State::Tag(tag);
                        found + 1
                    }
                    Some(found) => {
                        self.end_tag(Tag {
                            slash: false,
                            ..tag
                        });
                        self.state = State::Less;
                        found + 1
                    }
                    None => rest.len(),
                },
                _ => {
                    if let Some(taken) = self.byte(byte) {
                        return Some(at + taken);
                    }
                    1
                }
            };
        }
        None
    }

    fn until(&mut self, byte: u8, rest: &[u8], next: State) -> usize {
        match memchr(byte, rest) {
            Some(found) => {
                self.state = next;
                found + 1
            }
            None => rest.len(),
        }
    }

    /// Goes on with one byte. Where the record ends, whether behind the byte, 1, or before it, 0.
    fn byte(&mut self, byte: u8) -> Option<usize> {
        self.state = match (self.state, byte) {
            (State::Less, b'!') => State::Bang,
            (State::Less, b'?') => State::Instruction(false),
            (State::Less, b'/') => self.begin_name(true),
            (State::Less, b'<') => State::Less,
            // What cannot begin a name is text behind a `<` that should not be there.
            (State::Less, _) if !can_begin_name(byte) => State::Text,
            (State::Less, _) => {
                self.state = self.begin_name(false);
                return self.byte(byte);
            }
            (State::Bang, b'-') => State::BangDash,
            (State::BangDash, b'-') => State::Comment(0),
            (State::Bang, b'[') => State::Section(0),
            (State::Section(at), _) if byte == CDATA[at] => match at + 1 {
                at if at == CDATA.len() => State::Cdata(0),
                at => State::Section(at),
            },
            (State::Bang | State::BangDash | State::Section(_), _) => {
                self.state = State::Text;
                return self.again(byte);
            }
            (State::Comment(1), b'-') => State::Comment(2),
            (State::Comment(2), b'>') => State::Text,
            (State::Comment(2), b'-') => State::Comment(2),
            (State::Comment(_), _) => State::Comment(0),
            (State::Cdata(1), b']') => State::Cdata(2),
            (State::Cdata(2), b'>') => State::Text,
            (State::Cdata(2), b']') => State::Cdata(2),
            (State::Cdata(_), _) => State::Cdata(0),
            (State::Instruction(true), b'>') => State::Text,
            (State::Instruction(_), _) => State::Instruction(byte == b'?'),
            (State::Name { closes, len, same }, _) => {
                if is_space(byte) || matches!(byte, b'/' | b'>' | b'<') {
                    self.has_name = true;
                    self.state = State::Tag(Tag {
                        closes,
                        same: same && len == self.name.len(),
                        slash: false,
                    });
                    return self.byte(byte);
                }
                if !self.has_name && self.name.len() < MAX_NAME_BYTES {
                    self.name.push(byte);
                }
                let same = same && (self.name.get(len) == Some(&byte) || len >= MAX_NAME_BYTES);
                State::Name {
                    closes,
                    len: (len + 1).min(MAX_NAME_BYTES),
                    same,
                }
            }
            (State::Tag(tag), b'>') => {
                self.state = State::Text;
                return self.end_tag(tag).then_some(1);
            }
            (State::Tag(tag), b'<') => {
                self.state = State::Less;
                return self
                    .end_tag(Tag {
                        slash: false,
                        ..tag
                    })
                    .then_some(0);
            }
            (State::Tag(tag), quote @ (b'"' | b'\'')) if !tag.closes => State::Value(quote, tag),
            (State::Tag(tag), _) => State::Tag(Tag {
                slash: byte == b'/',
                ..tag
            }),
            (State::Text | State::Value(..), _) => return self.again(byte),
        };
        None
    }

    /// Looks at a byte of text.
    fn again(&mut self, byte: u8) -> Option<usize> {
        if byte == b'<' {
            self.state = State::Less;
        }
        None
    }

    fn begin_name(&self, closes: bool) -> State {
        State::Name {
            closes,
            len: 0,
            same: true,
        }
    }

    /// Counts a tag; `true` where it ends the record.
    fn end_tag(&mut self, tag: Tag) -> bool {
        match tag {
            Tag { same: false, .. } => return false,
            Tag { closes: true, .. } => self.open = self.open.saturating_sub(1),
            Tag { slash: true, .. } => {}
            _ => self.open += 1,
        }
        self.open == 0
    }
}

/// Whether a name may begin with this byte; those of other characters than ASCII all may.
fn can_begin_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || !byte.is_ascii()
}
