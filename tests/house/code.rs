//! Rust source as tokens and paths, as far as the rules need it.
//!
//! Comments and literals are no code: a rule never takes fright at a word in a message. `use` trees are spread
//! out, so that `use a::{b, c::d}` is the paths `a::b` and `a::c::d`.

/// A Rust file without its comments and literals.
pub struct Code {
    /// The tokens in order.
    pub tokens: Vec<Token>,
    /// The comments, line by line, from 1.
    pub comments: Vec<(usize, String)>,
}

/// A token: a word, `::`, or one other character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

/// A path that the code names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its line, from 1.
    pub line: usize,
    /// The modules of this file around it, outermost first.
    pub inside: Vec<String>,
    /// Its parts; the last of a `use` may be `*`.
    pub parts: Vec<String>,
    /// What a `use` calls it from there on.
    pub alias: Option<String>,
}

impl Code {
    /// Reads the source of a file.
    pub fn of(source: &str) -> Self {
        let mut reader = Reader {
            rest: source.chars().collect(),
            at: 0,
            line: 1,
            code: Self {
                tokens: Vec::new(),
                comments: Vec::new(),
            },
        };
        reader.read();
        reader.code
    }

    /// Every path of the code: those of `use` items spread out, and those of more than one part elsewhere.
    pub fn paths(&self) -> Vec<Named> {
        let (mut found, mut inside, mut depth, mut at) =
            (Vec::new(), Vec::<(String, usize)>::new(), 0, 0);
        while at < self.tokens.len() {
            match self.word(at) {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    inside.retain(|(_, opened)| *opened < depth + 1);
                }
                "mod" if self.word(at + 2) == "{" => {
                    inside.push((self.word(at + 1).to_owned(), depth + 1));
                    at += 1;
                }
                "use" => {
                    let names: Vec<String> = inside.iter().map(|(name, _)| name.clone()).collect();
                    at = self.spread(at + 1, &[], &names, &mut found);
                    continue;
                }
                word if is_word(word) && self.word(at + 1) == "::" => {
                    let line = self.tokens[at].line;
                    let mut parts = vec![word.to_owned()];
                    while self.word(at + 1) == "::" && is_word(self.word(at + 2)) {
                        parts.push(self.word(at + 2).to_owned());
                        at += 2;
                    }
                    if parts.len() > 1 {
                        found.push(Named {
                            line,
                            inside: inside.iter().map(|(name, _)| name.clone()).collect(),
                            parts,
                            alias: None,
                        });
                    }
                }
                _ => {}
            }
            at += 1;
        }
        found
    }

    /// The text of token `at`; empty behind the last.
    pub fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    /// Spreads the `use` tree at token `at` and returns the token behind it.
    fn spread(
        &self,
        mut at: usize,
        before: &[String],
        inside: &[String],
        found: &mut Vec<Named>,
    ) -> usize {
        let mut parts = before.to_vec();
        loop {
            match self.word(at) {
                "::" => at += 1,
                "{" => {
                    at += 1;
                    while !matches!(self.word(at), "}" | "") {
                        at = self.spread(at, &parts, inside, found);
                        if self.word(at) == "," {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                word if is_word(word) || word == "*" => {
                    parts.push(word.to_owned());
                    let line = self.tokens[at].line;
                    at += 1;
                    if self.word(at) == "::" {
                        continue;
                    }
                    let mut alias = Some(word.to_owned());
                    if self.word(at) == "as" {
                        alias = Some(self.word(at + 1).to_owned());
                        at += 2;
                    }
                    // `a::{self}` is `a`.
                    if parts.len() > 1 && word == "self" {
                        parts.pop();
                        alias = alias
                            .filter(|alias| alias != "self")
                            .or(parts.last().cloned());
                    }
                    found.push(Named {
                        line,
                        inside: inside.to_vec(),
                        parts,
                        alias,
                    });
                    return at;
                }
                _ => return at + 1,
            }
        }
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    line: usize,
    code: Code,
}

impl Reader {
    fn read(&mut self) {
        while let Some(here) = self.peek(0) {
            match (here, self.peek(1)) {
                ('/', Some('/')) => self.line_comment(),
                ('/', Some('*')) => self.block_comment(),
                ('"', _) => self.string(),
                ('\'', _) => self.quote(),
                (':', Some(':')) => {
                    self.push("::".into());
                    self.at += 2;
                }
                (word, _) if word.is_alphanumeric() || word == '_' => self.word(),
                (space, _) if space.is_whitespace() => self.step(),
                (other, _) => {
                    self.push(other.into());
                    self.step();
                }
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.at + ahead).copied()
    }

    fn push(&mut self, text: String) {
        self.code.tokens.push(Token {
            line: self.line,
            text,
        });
    }

    fn step(&mut self) {
        self.line += usize::from(self.peek(0) == Some('\n'));
        self.at += 1;
    }

    fn line_comment(&mut self) {
        let mut text = String::new();
        while let Some(here) = self.peek(0).filter(|here| *here != '\n') {
            text.push(here);
            self.at += 1;
        }
        self.code.comments.push((self.line, text));
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (None, _) => return,
                _ => {
                    self.step();
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    /// A word, or the prefix of a literal.
    fn word(&mut self) {
        let start = self.at;
        while self
            .peek(0)
            .is_some_and(|here| here.is_alphanumeric() || here == '_')
        {
            self.at += 1;
        }
        let word: String = self.rest[start..self.at].iter().collect();
        let raw = matches!(word.as_str(), "r" | "br" | "cr");
        match self.peek(0) {
            Some('"') if raw => self.raw_string(0),
            Some('#') if raw => {
                let hashes = self.rest[self.at..]
                    .iter()
                    .take_while(|here| **here == '#')
                    .count();
                if self.peek(hashes) == Some('"') {
                    self.at += hashes;
                    self.raw_string(hashes);
                } else {
                    // A raw identifier, `r#type`.
                    self.at += 1;
                }
            }
            Some('"') if matches!(word.as_str(), "b" | "c") => self.string(),
            Some('\'') if word == "b" => self.quote(),
            _ => self.push(word),
        }
    }

    fn string(&mut self) {
        self.step();
        while let Some(here) = self.peek(0) {
            if here == '\\' {
                self.step();
            }
            self.step();
            if here == '"' {
                return;
            }
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        self.step();
        while let Some(here) = self.peek(0) {
            self.step();
            let closes = (0..hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if here == '"' && closes {
                self.at += hashes;
                return;
            }
        }
    }

    /// A character, or the tick of a lifetime.
    fn quote(&mut self) {
        self.at += 1;
        if self.peek(0) == Some('\\') {
            self.at += 2;
            while self.peek(0).is_some_and(|here| here != '\'') {
                self.step();
            }
            self.at += 1;
        } else if self.peek(1) == Some('\'') {
            self.step();
            self.at += 1;
        }
    }
}

fn shown(source: &str) -> Vec<String> {
    let line = |path: Named| {
        let inside: String = path.inside.iter().map(|name| format!("{name}/")).collect();
        let alias = path.alias.filter(|alias| Some(alias) != path.parts.last());
        let alias = alias
            .map(|alias| format!(" as {alias}"))
            .unwrap_or_default();
        format!("{} {inside}{}{alias}", path.line, path.parts.join("::"))
    };
    Code::of(source).paths().into_iter().map(line).collect()
}

#[test]
fn uses_are_spread_out() {
    assert_eq!(
        shown("use a;\npub use b::{c, d::{self, e as f}, g::*,\nh};"),
        [
            "1 a",
            "2 b::c",
            "2 b::d",
            "2 b::d::e as f",
            "2 b::g::*",
            "3 b::h"
        ]
    );
}

#[test]
fn paths_are_found_where_they_stand() {
    assert_eq!(
        shown("fn a() -> b::C<d::E> { f::<g::H>(i) }\nmod t { use super::x; }\nj::k::l!();"),
        ["1 b::C", "1 d::E", "1 g::H", "2 t/super::x", "3 j::k::l"]
    );
}

#[test]
fn comments_and_literals_are_no_code() {
    assert_eq!(
        shown(
            "// a::b\n/* c::d /* e::f */ g::h */ \"i::j \\\" k::l\" r#\"m::n\" o::p\"# 'q' '\\'' b'\"' s::t::<'u>()\n\"\nv::w\" x::y"
        ),
        ["2 s::t", "4 x::y"]
    );
}
