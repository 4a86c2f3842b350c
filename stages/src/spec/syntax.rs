//! Finds the syntax errors of a TOML text, all of them: the text is cut into statements (a header, or a key with
//! its value), each is parsed alone, and broken ones are blanked out, so that one slip hides neither the next one
//! nor the rest of the file. It never reports what a duplicate key or a meaning would be: that needs the whole.

use std::ops::Range;

use toml::de::{DeTable, Error};
use toml_parser::lexer::{Token, TokenKind};

/// Parts of one dotted key at most: each part is a level of nesting.
pub(super) const MAX_KEY_PARTS: usize = 16;

/// Tokens of one statement at most: bounds what a parser makes of a broken one.
const MAX_STATEMENT_TOKENS: usize = 65_536;

/// A piece of text that is not TOML.
pub(super) struct SyntaxError {
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// What is left of a text without its broken statements.
pub(super) struct Cleaned {
    /// As long as the text, the broken statements replaced by spaces.
    pub(super) text: String,
    pub(super) errors: Vec<SyntaxError>,
    /// Where a broken statement stands that took nothing with it.
    pub(super) gaps: Vec<usize>,
    /// A header was broken or a string never closed: whole tables may be missing.
    pub(super) torn: bool,
}

/// One header, or one key with its value.
struct Statement {
    range: Range<usize>,
    is_header: bool,
    /// What never ends or is too much, found while cutting.
    broken: Option<SyntaxError>,
    /// This statement swallowed the rest of the text.
    swallowed: bool,
}

/// Parses each statement of `text` alone and blanks out the broken ones.
pub(super) fn clean(text: &str) -> Cleaned {
    let mut bytes = text.as_bytes().to_vec();
    let mut cleaned = Cleaned {
        text: String::new(),
        errors: Vec::new(),
        gaps: Vec::new(),
        torn: false,
    };
    // Below a broken header nobody knows to which table a key belongs.
    let mut orphaned = false;
    for statement in statements(text) {
        if statement.is_header {
            orphaned = false;
        }
        let errors = check(text, &statement);
        let broken = !errors.is_empty();
        if broken || orphaned {
            blank(&mut bytes[statement.range.clone()]);
        }
        if broken {
            cleaned.errors.extend(errors);
            cleaned.torn |= statement.is_header || statement.swallowed;
            orphaned |= statement.is_header;
            cleaned.gaps.push(statement.range.start);
        }
    }
    // Whole statements became spaces, byte by byte: what is left is the text's own characters.
    cleaned.text = String::from_utf8(bytes).unwrap_or_default();
    cleaned
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes {
        if *byte != b'\n' && *byte != b'\r' {
            *byte = b' ';
        }
    }
}

/// The syntax errors of one statement, one per line: a second one there is most often an echo.
fn check(text: &str, statement: &Statement) -> Vec<SyntaxError> {
    let chunk = &text[statement.range.clone()];
    if let Some(error) = &statement.broken {
        return vec![SyntaxError {
            range: error.range.clone(),
            message: error.message.clone(),
            hint: error.hint.clone(),
        }];
    }
    let (_, mut errors) = DeTable::parse_recoverable(chunk);
    errors.retain(|error| !needs_whole_text(error));
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let mut found = Vec::new();
    let mut next_line = 0;
    for error in &errors {
        let start = error.span().map_or(0, |span| span.start);
        if found.is_empty() || start >= next_line {
            let rest = chunk.as_bytes().get(start..).unwrap_or_default();
            next_line = memchr::memchr(b'\n', rest).map_or(usize::MAX, |at| start + at + 1);
            found.push(describe(text, statement.range.start, error));
        }
    }
    found
}

/// Whether an error may look different once the whole text is parsed.
pub(super) fn needs_whole_text(error: &Error) -> bool {
    error.message() == "duplicate key" || error.message().starts_with("cannot extend")
}

fn describe(text: &str, offset: usize, error: &Error) -> SyntaxError {
    let range = error.span().unwrap_or_default();
    let range = offset + range.start..offset + range.end;
    let piece = text.get(range.clone()).unwrap_or_default();
    let is_word = piece.chars().all(|c| c.is_alphanumeric() || c == '_');
    let message = error.message();
    let unquoted = message.starts_with("string values must be quoted")
        || (message.starts_with("invalid boolean") && is_word);
    let (message, hint) = if unquoted && piece.is_empty() {
        ("a value is missing here".to_owned(), None)
    } else if unquoted {
        let hint = (piece.len() <= 60).then(|| format!("write \"{piece}\""));
        ("text must stand in quotes".to_owned(), hint)
    } else if message.starts_with("key with no value") {
        ("a key without a value, expected `=`".to_owned(), None)
    } else if message.starts_with("missing escaped value") {
        let hint =
            r"in single quotes a backslash is one: '\S+'; in double quotes it is written `\\`";
        (message.to_owned(), Some(hint.to_owned()))
    } else {
        (message.to_owned(), None)
    };
    SyntaxError {
        range,
        message,
        hint,
    }
}

/// Cuts `text` where statements end: at line ends outside of brackets, and where a line inside of brackets can
/// only be the beginning of another statement, because a bracket was never closed.
fn statements(text: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut cutter = Cutter::default();
    for token in toml_parser::Source::new(text).lex() {
        cutter.take(text, token, &mut found);
    }
    cutter.finish(None, &mut found);
    found
}

#[derive(Default)]
struct Cutter {
    range: Option<Range<usize>>,
    is_header: bool,
    /// Open brackets of the statement, with their places.
    open: Vec<(TokenKind, usize)>,
    /// The last token that is neither space, comment nor line end.
    last: Option<TokenKind>,
    key_dots: usize,
    tokens: usize,
    broken: Option<SyntaxError>,
    swallowed: bool,
}

impl Cutter {
    fn take(&mut self, text: &str, token: Token, found: &mut Vec<Statement>) {
        let span = token.span().start()..token.span().end();
        match token.kind() {
            TokenKind::Eof => {
                let open = self.open.last().copied();
                self.swallowed |= open.is_some_and(|(_, at)| text[at..].trim_end().contains('\n'));
                return self.finish(open, found);
            }
            TokenKind::Newline => {
                if self.open.is_empty() {
                    return self.finish(None, found);
                }
                if self.starts_statement(&text[span.end..]) {
                    let open = self.open.last().copied();
                    return self.finish(open, found);
                }
            }
            TokenKind::Whitespace | TokenKind::Comment if self.range.is_none() => return,
            kind => self.note(text, kind, &span),
        }
        let start = self.range.as_ref().map_or(span.start, |range| range.start);
        self.range = Some(start..span.end);
    }

    /// Follows brackets, dotted keys and strings.
    fn note(&mut self, text: &str, kind: TokenKind, span: &Range<usize>) {
        self.tokens += 1;
        if self.tokens == MAX_STATEMENT_TOKENS {
            self.fail(span.clone(), "this entry has too many parts".to_owned());
        }
        if self.range.is_none() {
            self.is_header = kind == TokenKind::LeftSquareBracket;
        }
        match kind {
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket if !self.is_header => {
                self.open.push((kind, span.start));
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                self.open.pop();
            }
            TokenKind::MlBasicString | TokenKind::MlLiteralString => {
                let piece = &text[span.clone()];
                let quotes = &piece[..3];
                if piece.len() < 6 || (!piece.ends_with(quotes) && span.end == text.len()) {
                    self.broken = Some(SyntaxError {
                        range: span.start..span.start + 3,
                        message: "this string is never closed".to_owned(),
                        hint: Some(format!("end it with {quotes}")),
                    });
                    self.swallowed = true;
                }
            }
            TokenKind::Dot => {
                self.key_dots += 1;
                if self.key_dots == MAX_KEY_PARTS {
                    let message = format!("a dotted key has at most {MAX_KEY_PARTS} parts");
                    self.fail(span.clone(), message);
                }
            }
            TokenKind::Equals | TokenKind::Comma => self.key_dots = 0,
            _ => {}
        }
        if !matches!(kind, TokenKind::Whitespace | TokenKind::Comment) {
            self.last = Some(kind);
        }
    }

    /// Breaks the statement, unless it is broken already.
    fn fail(&mut self, range: Range<usize>, message: String) {
        self.broken.get_or_insert(SyntaxError {
            range,
            message,
            hint: None,
        });
    }

    /// Whether the line that begins `rest` cannot belong to the open bracket.
    fn starts_statement(&self, rest: &str) -> bool {
        let line = rest.lines().next().unwrap_or_default().trim_start();
        let in_array = matches!(self.open.last(), Some((TokenKind::LeftSquareBracket, _)));
        let after_comma = matches!(
            self.last,
            Some(TokenKind::Comma | TokenKind::LeftCurlyBracket)
        );
        is_header_line(line) || ((in_array || !after_comma) && is_key_line(line))
    }

    fn finish(&mut self, open: Option<(TokenKind, usize)>, found: &mut Vec<Statement>) {
        let Cutter {
            range,
            is_header,
            broken,
            swallowed,
            ..
        } = std::mem::take(self);
        let Some(range) = range else { return };
        let broken = broken.or_else(|| {
            let (kind, place) = open?;
            let (what, end) = match kind {
                TokenKind::LeftCurlyBracket => ("this table is", "}"),
                _ => ("this array is", "]"),
            };
            Some(SyntaxError {
                range: place..place + 1,
                message: format!("{what} never closed"),
                hint: Some(format!("end it with `{end}`")),
            })
        });
        found.push(Statement {
            range,
            is_header,
            broken,
            swallowed,
        });
    }
}

/// `[name.of.table]` or `[[name]]`, and not an array of values.
fn is_header_line(line: &str) -> bool {
    let Some(inner) = line.strip_prefix('[') else {
        return false;
    };
    let inner = inner.strip_prefix('[').unwrap_or(inner).trim_start();
    let name_end = inner
        .find(|c: char| !is_key_char(c) && c != '.')
        .unwrap_or(inner.len());
    let (name, rest) = inner.split_at(name_end);
    let rest = rest.trim_start();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !matches!(name, "true" | "false" | "inf" | "nan");
    let after = rest.trim_start_matches(']').trim();
    is_name && rest.starts_with(']') && (after.is_empty() || after.starts_with('#'))
}

/// `name = …` or `name.of.key = …`.
fn is_key_line(line: &str) -> bool {
    let end = line
        .find(|c: char| !is_key_char(c) && c != '.')
        .unwrap_or(line.len());
    end > 0 && line[end..].trim_start().starts_with('=')
}

fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}
