//! The way through an XML document up to its records, and past them: a pull state machine in constant memory.
//!
//! Outside of records all is judged: tags and their names, namespaces, text, comments, processing instructions and the
//! XML declaration. A tag is judged when it stands there whole, so its length has a limit; all else is let go as it
//! comes. Records are left to others. A document type declaration is refused as soon as it is seen.

use super::super::document::Found;
use super::element::MAX_NAME_BYTES;
use crate::unpack::Encoding;
use crate::xml::RecordPath;
use crate::xml::grammar::{
    self, MAX_REFERENCE_BYTES, Malformed, Read, Tag, declaration, is_space, limit, name_len, wrong,
};
use crate::xml::scope::Scope;
use bytes::Bytes;
use memchr::{memchr, memmem};

/// The most elements inside each other on the way to the records.
pub const MAX_DEPTH_LEVELS: usize = 128;
/// The most bytes of a tag that is no record's, or of an XML declaration.
pub const MAX_TAG_BYTES: usize = 64 * 1024;

/// What the next bytes are part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing yet: it is the start.
    Start,
    /// Text, or the next tag.
    Between,
    Comment,
    Cdata,
    Instruction,
}

/// An element that is open around the place.
#[derive(Clone, Debug)]
struct Open {
    name: Box<str>,
    /// Each element down to it is one that the path leads through.
    is_on_the_way: bool,
    /// Declarations in force around it.
    outside: usize,
    /// Its start tag, where that declares namespaces.
    tag: Option<Box<[u8]>>,
}

/// How much of a tag was looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Partial {
    len: usize,
    quote: Option<u8>,
}

/// The state between two bytes.
#[derive(Clone, Debug)]
pub struct Walk {
    path: RecordPath,
    encoding: Encoding,
    /// The most bytes of a record's start tag.
    max_tag_bytes: usize,
    state: State,
    open: Vec<Open>,
    scope: Scope,
    partial: Partial,
    /// The root element has begun.
    has_root: bool,
    /// Something else than blanks was there.
    has_markup: bool,
    /// Bytes of the start tags that are kept.
    kept_bytes: usize,
    context: Option<Bytes>,
    /// The encoding that the XML declaration names.
    declared: Option<Box<str>>,
    /// Whether messages may say what stands between records.
    pub(super) says_text: bool,
}

/// What was read.
enum Token {
    /// So many bytes of it, the state says the rest.
    Taken(usize),
    /// So many bytes of it, and more must come.
    Wanting(usize),
    Record,
}

impl Walk {
    /// At the start of a document whose text had this encoding.
    pub fn new(path: &RecordPath, encoding: Encoding, max_record_bytes: usize) -> Self {
        Self {
            path: path.clone(),
            encoding,
            max_tag_bytes: max_record_bytes.max(MAX_TAG_BYTES),
            state: State::Start,
            open: Vec::new(),
            scope: Scope::default(),
            partial: Partial::default(),
            has_root: false,
            has_markup: false,
            kept_bytes: 0,
            context: None,
            declared: None,
            says_text: true,
        }
    }

    /// The start tags around the place, as far as they declare namespaces.
    pub fn context(&mut self) -> &Bytes {
        let open = &self.open;
        self.context.get_or_insert_with(|| {
            let tags = open.iter().filter_map(|open| open.tag.as_deref());
            tags.collect::<Vec<_>>().concat().into()
        })
    }

    /// The encoding that the XML declaration names; empty where it names none.
    pub fn declared(&self) -> &str {
        self.declared.as_deref().unwrap_or_default()
    }

    /// Reads `bytes` from `at` on. Bytes before what it says are never looked at again.
    pub fn read(&mut self, bytes: &[u8], mut at: usize, at_end: bool) -> Read<Found> {
        loop {
            let rest = &bytes[at..];
            if rest.is_empty() {
                return self.more(at, bytes.len(), at_end);
            }
            let token = match self.state {
                State::Start => self.start(rest),
                State::Between => self.between(rest),
                State::Comment => self.comment(rest),
                State::Cdata => self.body(rest, b"]]>"),
                State::Instruction => self.body(rest, b"?>"),
            };
            match token.map_err(|wrong| Malformed {
                at: at + wrong.at,
                ..wrong
            })? {
                Token::Taken(len) => at += len,
                Token::Wanting(len) => return self.more(at + len, bytes.len(), at_end),
                Token::Record => return Ok(Found::Element(at)),
            }
        }
    }

    /// All is read but for what stands from `at` up to `end`, which is not whole.
    fn more(&self, at: usize, end: usize, at_end: bool) -> Read<Found> {
        let is_whole = match self.state {
            State::Start => at == end,
            // An input of nothing but blanks holds no records, and that is all there is to say.
            State::Between => {
                at == end && self.open.is_empty() && (self.has_root || !self.has_markup)
            }
            _ => false,
        };
        match (at_end, is_whole) {
            (false, _) => Ok(Found::More(at)),
            (true, true) => Ok(Found::Done),
            (true, false) => Err(Malformed {
                code: "truncated",
                at: end,
                what: "the input ends before the document does".to_owned(),
            }),
        }
    }

    fn start(&mut self, bytes: &[u8]) -> Read<Token> {
        const DECLARATION: &[u8] = b"<?xml";
        if let Some(behind) = bytes.strip_prefix(DECLARATION) {
            let Some(byte) = behind.first() else {
                return Ok(Token::Wanting(0));
            };
            if is_space(*byte) {
                let Some(end) = memmem::find(behind, b"?>") else {
                    return match bytes.len() > MAX_TAG_BYTES {
                        true => Err(too_long(0, "the XML declaration")),
                        false => Ok(Token::Wanting(0)),
                    };
                };
                let len = DECLARATION.len() + end + 2;
                if len > MAX_TAG_BYTES {
                    return Err(too_long(0, "the XML declaration"));
                }
                let text = utf8(&bytes[..len], 0)?;
                if let Some(label) = declaration(text)? {
                    self.judge_encoding(label)?;
                }
                self.state = State::Between;
                self.has_markup = true;
                return Ok(Token::Taken(len));
            }
        } else if DECLARATION.starts_with(bytes) {
            return Ok(Token::Wanting(0));
        }
        self.state = State::Between;
        Ok(Token::Taken(0))
    }

    /// The text has been decoded by what the spec says: the declaration must not say something else.
    fn judge_encoding(&mut self, label: &str) -> Read<()> {
        self.declared = Some(label.into());
        let is_ascii = matches!(&*label.to_ascii_lowercase(), "us-ascii" | "ascii");
        let said = match self.encoding {
            Encoding::Auto => None,
            Encoding::Of(standard) => Some(standard.name()),
        };
        let found = match Encoding::of_label(label) {
            Ok(Encoding::Of(standard)) => standard.name(),
            _ => "",
        };
        let is_wide = |name: &str| name.starts_with("UTF-16");
        let fits = match said {
            // A byte-order mark says which, and without one it is UTF-8.
            None => found == "UTF-8" || is_wide(found) || is_ascii,
            Some(said) if is_wide(said) => is_wide(found),
            Some(said) => said == found || is_ascii,
        };
        if fits {
            return Ok(());
        }
        let said = said.unwrap_or("auto: what the byte-order mark says, else UTF-8");
        Err(Malformed {
            code: "xml_encoding",
            at: 0,
            what: format!(
                "the XML declaration says encoding=\"{label}\", where [input] encoding is {said}"
            ),
        })
    }

    fn between(&mut self, bytes: &[u8]) -> Read<Token> {
        if bytes[0] != b'<' {
            return match self.open.is_empty() {
                true => self.blanks(bytes),
                false => text(bytes),
            };
        }
        self.has_markup = true;
        match bytes.get(1) {
            None => Ok(Token::Wanting(0)),
            Some(b'!') => self.comment_or_cdata(bytes),
            Some(b'?') => self.instruction(bytes),
            Some(_) => self.tag(bytes),
        }
    }

    fn blanks(&self, bytes: &[u8]) -> Read<Token> {
        match bytes.iter().position(|byte| !is_space(*byte)) {
            Some(0) if self.has_root => Err(wrong(0, "text stands behind the root element")),
            Some(0) => Err(wrong(0, "text stands before the root element")),
            len => Ok(Token::Taken(len.unwrap_or(bytes.len()))),
        }
    }

    /// What begins with `<!`.
    fn comment_or_cdata(&mut self, bytes: &[u8]) -> Read<Token> {
        const CDATA: &[u8] = b"<![CDATA[";
        const DOCTYPE: &[u8] = b"<!DOCTYPE";
        let is = |word: &[u8]| bytes.starts_with(word);
        if is(DOCTYPE) {
            return Err(Malformed {
                code: "xml_doctype",
                at: 0,
                what: "a document type declaration (DOCTYPE) is never read".to_owned(),
            });
        }
        if is(b"<!--") {
            self.state = State::Comment;
            return Ok(Token::Taken(4));
        }
        if is(CDATA) && !self.open.is_empty() {
            self.state = State::Cdata;
            return Ok(Token::Taken(CDATA.len()));
        }
        let words: [&[u8]; 3] = [b"<!--", CDATA, DOCTYPE];
        let may_be = |word: &[u8]| bytes.len() < word.len() && word.starts_with(bytes);
        match words.into_iter().any(may_be) {
            true => Ok(Token::Wanting(0)),
            false if is(CDATA) => Err(wrong(
                0,
                "a CDATA section stands outside of the root element",
            )),
            false => Err(wrong(
                0,
                "`<!` begins neither a comment nor a CDATA section",
            )),
        }
    }

    fn comment(&mut self, bytes: &[u8]) -> Read<Token> {
        let dashes = memmem::find(bytes, b"--");
        let (len, next) = match dashes {
            Some(at) => (at, bytes.get(at + 2)),
            None => (bytes.len() - usize::from(bytes.ends_with(b"-")), None),
        };
        let good = characters(&bytes[..len], dashes.is_none())?;
        match next {
            Some(b'>') => {
                self.state = State::Between;
                Ok(Token::Taken(len + 3))
            }
            Some(_) => Err(wrong(len, "`--` stands in a comment")),
            None => Ok(Token::Wanting(good)),
        }
    }

    /// What goes on up to `end`.
    fn body(&mut self, bytes: &[u8], end: &[u8]) -> Read<Token> {
        if let Some(at) = memmem::find(bytes, end) {
            characters(&bytes[..at], false)?;
            self.state = State::Between;
            return Ok(Token::Taken(at + end.len()));
        }
        let held = (1..end.len())
            .rev()
            .find(|&len| bytes.ends_with(&end[..len]));
        let len = bytes.len() - held.unwrap_or(0);
        Ok(Token::Wanting(characters(&bytes[..len], true)?))
    }

    /// A processing instruction up to its name.
    fn instruction(&mut self, bytes: &[u8]) -> Read<Token> {
        let inside = &bytes[2..];
        let end = inside
            .iter()
            .position(|&byte| is_space(byte) || byte == b'?');
        let Some(end) = end else {
            return match inside.len() > MAX_NAME_BYTES {
                true => Err(too_long(0, "the name of a processing instruction")),
                false => Ok(Token::Wanting(0)),
            };
        };
        if end > MAX_NAME_BYTES {
            return Err(too_long(0, "the name of a processing instruction"));
        }
        let name = utf8(&inside[..end], 2)?;
        if name_len(name) < name.len() {
            return Err(wrong(2, format!("{name:?} is no name")));
        }
        grammar::target(name, 2)?;
        if inside[end] == b'?' {
            match inside.get(end + 1) {
                None => return Ok(Token::Wanting(0)),
                Some(b'>') => {}
                Some(_) => return Err(wrong(2 + end, "a blank is missing behind the name")),
            }
        }
        self.state = State::Instruction;
        Ok(Token::Taken(2 + end))
    }

    fn tag(&mut self, bytes: &[u8]) -> Read<Token> {
        let closes = bytes[1] == b'/';
        let limit = if closes {
            MAX_TAG_BYTES
        } else {
            self.max_tag_bytes
        };
        let Partial { len, mut quote } = std::mem::take(&mut self.partial);
        let mut at = len.max(1);
        let end = loop {
            let Some(&byte) = bytes.get(at) else {
                break None;
            };
            if at >= limit {
                break Some(at);
            }
            match (byte, quote) {
                // A `<` stands in no tag, nor in a value: what was begun ends here.
                (b'<', _) => break Some(at),
                (b'>', None) => break Some(at + 1),
                (b'"' | b'\'', None) if !closes => quote = Some(byte),
                (_, Some(quoted)) if byte == quoted => quote = None,
                _ => {}
            }
            at += 1;
        };
        let Some(end) = end else {
            self.partial = Partial { len: at, quote };
            return Ok(Token::Wanting(0));
        };
        let (text, fault) = match std::str::from_utf8(&bytes[..end]) {
            Ok(text) => (text, None),
            Err(error) => {
                let good = &bytes[..error.valid_up_to()];
                (utf8(good, 0)?, Some(not_utf8(good.len())))
            }
        };
        match closes {
            true => fault.map_or_else(|| self.close(text), Err)?,
            false if self.enter(text, fault)? => return Ok(Token::Record),
            false => {}
        }
        Ok(Token::Taken(end))
    }

    /// Judges a start tag; `true` where it is a record's. Whether that is well-formed is judged by others.
    fn enter(&mut self, text: &str, fault: Option<Malformed>) -> Read<bool> {
        if self.open.is_empty() && self.has_root {
            return Err(wrong(0, "a second element stands behind the root element"));
        }
        let mut tag = Tag::read(text, 0);
        let outside = self.scope.len();
        let declared = self.scope.enter(&tag);
        let depth = self.open.len();
        let is_inside = self.open.last().is_none_or(|open| open.is_on_the_way);
        let step = self.path.steps().get(depth).filter(|_| is_inside);
        let is_on_the_way = step.is_some_and(|step| {
            let Ok((uri, local)) = self.scope.element(tag.name, 0) else {
                return false;
            };
            let mut name = String::new();
            self.path.namespaces.write(uri, local, &mut name);
            !local.is_empty() && step.is(&name)
        });
        let fault = tag.fault.take().or(fault);
        if tag.name.len() > MAX_NAME_BYTES {
            return Err(too_long(0, "the name of an element"));
        }
        if is_on_the_way && depth + 1 == self.path.steps().len() {
            self.scope.leave(outside);
            self.has_root = true;
            return Ok(true);
        }
        if text.len() >= MAX_TAG_BYTES {
            return Err(too_long(0, "a start tag outside of records"));
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        declared?;
        self.scope.element(tag.name, 1)?;
        self.scope.attributes(&tag)?;
        self.has_root = true;
        if tag.is_empty {
            self.scope.leave(outside);
            return Ok(false);
        }
        if depth == MAX_DEPTH_LEVELS {
            return Err(Malformed {
                code: "xml_depth",
                at: 0,
                what: format!("more than {MAX_DEPTH_LEVELS} elements inside each other"),
            });
        }
        let declares = self.scope.len() > outside;
        self.open.push(Open {
            name: tag.name.into(),
            is_on_the_way,
            outside,
            tag: declares.then(|| text.as_bytes().into()),
        });
        if declares {
            self.context = None;
            self.kept_bytes += text.len();
        }
        if self.kept_bytes > MAX_TAG_BYTES {
            return Err(too_long(0, "what the elements around the place declare"));
        }
        Ok(false)
    }

    fn close(&mut self, text: &str) -> Read<()> {
        let name = grammar::end_tag(text, 0)?;
        let Some(open) = self.open.pop() else {
            return Err(wrong(0, format!("`</{name}>` closes nothing")));
        };
        if *open.name != *name {
            let what = format!("`</{name}>` stands where `</{}>` is due", open.name);
            return Err(wrong(0, what));
        }
        self.scope.leave(open.outside);
        if let Some(tag) = open.tag {
            self.context = None;
            self.kept_bytes -= tag.len();
        }
        Ok(())
    }
}

/// Text in an element, up to the next `<`.
fn text(bytes: &[u8]) -> Read<Token> {
    let less = memchr(b'<', bytes);
    let mut len = less.unwrap_or(bytes.len());
    if less.is_none() {
        // The end may be that of a part only: of `]]>`, of a reference, of a character.
        let brackets = bytes.iter().rev().take(2).take_while(|byte| **byte == b']');
        len -= brackets.count();
        let reference = memchr::memrchr(b'&', bytes);
        let is_open = |at: &usize| {
            memchr(b';', &bytes[*at..]).is_none() && bytes.len() - *at <= MAX_REFERENCE_BYTES
        };
        len = len.min(reference.filter(is_open).unwrap_or(len));
    }
    let piece = &bytes[..len];
    let (good, error) = match std::str::from_utf8(piece) {
        Ok(text) => (text, None),
        Err(error) => (utf8(&piece[..error.valid_up_to()], 0)?, Some(error)),
    };
    grammar::text(good, 0)?;
    match error {
        None if less.is_some() => Ok(Token::Taken(len)),
        None => Ok(Token::Wanting(len)),
        Some(error) if error.error_len().is_none() && less.is_none() && len == bytes.len() => {
            Ok(Token::Wanting(good.len()))
        }
        Some(_) => Err(not_utf8(good.len())),
    }
}

/// Checks characters, of which the last may be cut where `is_cut`, and returns how many bytes are good.
fn characters(bytes: &[u8], is_cut: bool) -> Read<usize> {
    let (good, error) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => (utf8(&bytes[..error.valid_up_to()], 0)?, Some(error)),
    };
    grammar::chars(good, 0)?;
    match error {
        Some(error) if error.error_len().is_some() || !is_cut => Err(not_utf8(good.len())),
        _ => Ok(good.len()),
    }
}

fn utf8(bytes: &[u8], at: usize) -> Read<&str> {
    std::str::from_utf8(bytes).map_err(|error| not_utf8(at + error.valid_up_to()))
}

fn not_utf8(at: usize) -> Malformed {
    Malformed {
        code: "encoding",
        at,
        what: "it is not UTF-8".to_owned(),
    }
}

fn too_long(at: usize, what: &str) -> Malformed {
    limit(at, format!("{what} is too long"))
}
