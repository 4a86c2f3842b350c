//! A spec and all that it extends as one text of TOML, which says the same by itself: what jobs are pinned to, and what the
//! hash of such a spec is of. It depends on values and their order alone, never on comments or spelling, and must never
//! be written otherwise for the same values: versions that were used would seem to have changed.

use super::path::Step;
use super::source::{Kind, ROOT, Source};
use std::fmt::Write as _;

impl Source {
    /// The one text that says what this spec says with all that it extends; nothing where it extends nothing.
    pub fn flat(&self) -> Option<String> {
        self.child(ROOT, "extends")?;
        let entries = || {
            let all = self.children(ROOT).iter().copied();
            let named = all.filter_map(|at| Some((self.key(at)?, at)));
            named.filter(|(key, _)| *key != "extends")
        };
        let mut text = String::new();
        // Behind a header nothing belongs to the document itself any more.
        for (key, at) in entries().filter(|(_, at)| self.header(*at).is_none()) {
            let _ = writeln!(text, "{} = {}", quoted_key(key), self.value(at));
        }
        for (key, at) in entries() {
            let (open, close) = match self.header(at) {
                Some(Header::Table) => ("[", "]"),
                Some(Header::Tables) => ("[[", "]]"),
                None => continue,
            };
            let tables = match self.header(at) {
                Some(Header::Tables) => self.children(at).to_vec(),
                _ => vec![at],
            };
            for table in tables {
                let _ = writeln!(text, "\n{open}{}{close}", quoted_key(key));
                for child in self.children(table) {
                    let key = quoted_key(self.key(*child).unwrap_or_default());
                    let _ = writeln!(text, "{key} = {}", self.value(*child));
                }
            }
        }
        Some(text)
    }

    fn key(&self, index: usize) -> Option<&str> {
        match &self.node(index).step {
            Step::Key(key) => Some(key),
            _ => None,
        }
    }

    /// The header under which the entry of a document is written.
    fn header(&self, index: usize) -> Option<Header> {
        let is_table = |at: &usize| matches!(self.node(*at).kind, Kind::Table(_));
        match &self.node(index).kind {
            Kind::Table(_) => Some(Header::Table),
            Kind::Array(items) if !items.is_empty() && items.iter().all(is_table) => {
                Some(Header::Tables)
            }
            _ => None,
        }
    }

    /// A value in one line. As deep as what was parsed, which has a limit.
    fn value(&self, index: usize) -> String {
        match &self.node(index).kind {
            Kind::Table(children) if children.is_empty() => "{}".to_owned(),
            Kind::Table(children) => {
                let entry = |at: &usize| {
                    let key = quoted_key(self.key(*at).unwrap_or_default());
                    format!("{key} = {}", self.value(*at))
                };
                let entries: Vec<_> = children.iter().map(entry).collect();
                format!("{{ {} }}", entries.join(", "))
            }
            Kind::Array(items) => {
                let items: Vec<_> = items.iter().map(|at| self.value(*at)).collect();
                format!("[{}]", items.join(", "))
            }
            Kind::String(text) => quoted(text),
            Kind::Integer { digits, radix } => match radix {
                2 => format!("0b{digits}"),
                8 => format!("0o{digits}"),
                16 => format!("0x{digits}"),
                _ => digits.clone(),
            },
            Kind::Float(text) | Kind::Datetime(text) => text.clone(),
            Kind::Boolean(value) => value.to_string(),
        }
    }
}

/// What stands above the entries of a table.
enum Header {
    /// `[name]`
    Table,
    /// `[[name]]`
    Tables,
}

fn quoted_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !key.is_empty() && key.chars().all(is_bare) {
        true => key.to_owned(),
        false => quoted(key),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
