//! What a spec may say of a CSV in `[format.csv]`, and what it means once it is checked.
//!
//! The words are those of the Frictionless Table Dialect where it has them. [`CsvSpec`] is what was said,
//! every key optional; [`CsvDialect`] is checked and complete. Nothing here reads a byte of the input.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most rows that a header may have.
const MAX_HEADER_ROWS: u32 = 100;

/// `[format.csv]` as it stands in a spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvSpec {
    /// The character between fields, one ASCII character. Default: a comma.
    #[schemars(example = &";")]
    pub delimiter: Option<String>,
    /// The character that may enclose a field, one ASCII character; empty for none. Default: `"`.
    #[schemars(example = &"'")]
    pub quote_char: Option<String>,
    /// The character that, inside quotes, takes the meaning from the next one. Default: none.
    #[schemars(example = &r#"\"#)]
    pub escape_char: Option<String>,
    /// Whether two quotes inside quotes are one. Default: true.
    #[schemars(example = false)]
    pub double_quote: Option<bool>,
    /// The character that makes a line a comment when it is the first of a record. Default: none.
    #[schemars(example = &"#")]
    pub comment_char: Option<String>,
    /// Physical lines to pass over at the start of the file, blank ones counted. Default: 0.
    #[schemars(example = 3)]
    pub skip_rows: Option<u64>,
    /// Where the header is. Default: one row, the first.
    pub header: Option<CsvHeaderSpec>,
    /// The titles of the columns, for files without a header (`header = { rows = 0 }`).
    #[schemars(example = ["order_no", "total"])]
    pub columns: Option<Vec<String>>,
}

impl CsvSpec {
    /// Whether nothing says what columns are called.
    pub fn is_without_titles(&self) -> bool {
        let header = self.header.as_ref();
        header.and_then(|header| header.rows) == Some(0)
            && self.columns.as_ref().is_none_or(Vec::is_empty)
    }
}

/// `header` in `[format.csv]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvHeaderSpec {
    /// How many rows the header has; titles of several are joined with a space. 0: no header. Default: 1.
    #[schemars(example = 2)]
    pub rows: Option<u32>,
    /// The header is the first among so many rows that holds every required title. Default: it is the first
    /// row, whatever that holds.
    #[schemars(example = 50)]
    pub find_within: Option<u32>,
}

/// A checked dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvDialect {
    /// The byte between fields.
    pub delimiter: u8,
    /// The byte that may enclose a field; `None`: quotes mean nothing.
    pub quote_char: Option<u8>,
    /// Whether two quotes inside quotes are one.
    pub double_quote: bool,
    /// The byte that, inside quotes, takes the meaning from the next one.
    pub escape_char: Option<u8>,
    /// The byte that makes a comment when it is the first of a record. A comment ends at an LF.
    pub comment_char: Option<u8>,
    /// Physical lines to pass over at the start.
    pub skip_rows: u64,
    /// Where the header is.
    pub header: CsvHeader,
    /// The titles when the header has no rows.
    pub columns: Vec<String>,
}

/// Where the header of a CSV is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvHeader {
    /// How many rows it has.
    pub rows: u32,
    /// Among how many rows it is looked for by its titles; `None`: it is the first.
    pub find_within: Option<u32>,
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote_char: Some(b'"'),
            double_quote: true,
            escape_char: None,
            comment_char: None,
            skip_rows: 0,
            header: CsvHeader {
                rows: 1,
                find_within: None,
            },
            columns: Vec::new(),
        }
    }
}

impl CsvDialect {
    /// The same dialect for a reader of csv-core, which must see the bytes of records only.
    pub fn core_reader(&self) -> csv_core::Reader {
        csv_core::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .quoting(self.quote_char.is_some())
            .quote(self.quote_char.unwrap_or(b'"'))
            .double_quote(self.double_quote)
            .escape(self.escape_char)
            .comment(self.comment_char)
            .build()
    }
}

impl CsvSpec {
    /// Checks the spec and fills in the defaults.
    ///
    /// # Errors
    /// Every problem, as the path of its key below `format.csv` and a message.
    pub fn dialect(&self) -> Result<CsvDialect, Vec<(String, String)>> {
        self.dialect_of(false)
    }

    /// The same, where fields are `numbered`: a file without a header need not name its columns then.
    ///
    /// # Errors
    /// Likewise.
    pub fn dialect_of(&self, numbered: bool) -> Result<CsvDialect, Vec<(String, String)>> {
        let mut problems = Vec::new();
        let default = CsvDialect::default();
        let dialect = CsvDialect {
            delimiter: character("delimiter", self.delimiter.as_deref(), &mut problems)
                .unwrap_or(default.delimiter),
            quote_char: match self.quote_char.as_deref() {
                Some("") => None,
                said => character("quote_char", said, &mut problems).or(default.quote_char),
            },
            double_quote: self.double_quote.unwrap_or(default.double_quote),
            escape_char: character("escape_char", self.escape_char.as_deref(), &mut problems),
            comment_char: character("comment_char", self.comment_char.as_deref(), &mut problems),
            skip_rows: self.skip_rows.unwrap_or(default.skip_rows),
            header: self.header(&mut problems),
            columns: self.columns.clone().unwrap_or_default(),
        };
        dialect.distinct(&mut problems);
        if dialect.quote_char.is_none() && dialect.escape_char.is_some() {
            problems.push((
                "escape_char".into(),
                "an escape character counts inside quotes only, and quote_char is empty".into(),
            ));
        }
        self.check_columns(&dialect, numbered, &mut problems);
        if problems.is_empty() {
            Ok(dialect)
        } else {
            Err(problems)
        }
    }

    fn header(&self, problems: &mut Vec<(String, String)>) -> CsvHeader {
        let default = CsvDialect::default().header;
        let said = self.header.clone().unwrap_or_default();
        let header = CsvHeader {
            rows: said.rows.unwrap_or(default.rows),
            find_within: said.find_within,
        };
        if header.rows > MAX_HEADER_ROWS {
            problems.push((
                "header.rows".into(),
                format!("a header has at most {MAX_HEADER_ROWS} rows"),
            ));
        }
        match header.find_within {
            Some(0) => problems.push((
                "header.find_within".into(),
                "the header is looked for in at least 1 row".into(),
            )),
            Some(_) if header.rows == 0 => problems.push((
                "header.find_within".into(),
                "there is no header to find: rows is 0".into(),
            )),
            _ => {}
        }
        header
    }

    fn check_columns(
        &self,
        dialect: &CsvDialect,
        numbered: bool,
        problems: &mut Vec<(String, String)>,
    ) {
        let said = !dialect.columns.is_empty() || numbered && self.columns.is_none();
        if dialect.header.rows == 0 && !said {
            let message = "without a header (rows = 0) the columns must be named: columns = [...]";
            let key = if self.columns.is_some() {
                "columns"
            } else {
                "header.rows"
            };
            problems.push((key.into(), message.into()));
        }
        if dialect.header.rows > 0 && self.columns.is_some() {
            let message = "columns are for files without a header: header = { rows = 0 }";
            problems.push(("columns".into(), message.into()));
        }
        for (index, title) in dialect.columns.iter().enumerate() {
            if !title.is_empty() && dialect.columns[..index].contains(title) {
                problems.push(("columns".into(), format!("`{title}` is named twice")));
            }
        }
    }
}

impl CsvDialect {
    /// Two characters that mean different things must differ.
    fn distinct(&self, problems: &mut Vec<(String, String)>) {
        let named = [
            ("delimiter", Some(self.delimiter)),
            ("quote_char", self.quote_char),
            ("escape_char", self.escape_char),
            ("comment_char", self.comment_char),
        ];
        for (index, (key, byte)) in named.iter().enumerate() {
            let earlier = named[..index]
                .iter()
                .find(|(_, other)| byte.is_some() && other == byte);
            if let Some((other, _)) = earlier {
                problems.push(((*key).into(), format!("is the same character as {other}")));
            }
        }
    }
}

fn character(key: &str, said: Option<&str>, problems: &mut Vec<(String, String)>) -> Option<u8> {
    match said?.as_bytes() {
        [b'\r' | b'\n'] => {
            let message = "a line end always ends a record: it cannot have another meaning";
            problems.push((key.into(), message.into()));
            None
        }
        [byte] => Some(*byte),
        _ => {
            let message = format!("must be exactly one ASCII character, {:?} is not", said?);
            problems.push((key.into(), message));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str, expected: Result<CsvDialect, &[&str]>) {
        let spec: CsvSpec = toml::from_str(toml).unwrap();
        let found = spec.dialect().map_err(|problems| {
            let text = |(key, message): (String, String)| format!("{key}: {message}");
            problems.into_iter().map(text).collect::<Vec<_>>()
        });
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{toml}"),
            (Err(found), Err(expected)) => assert_eq!(found, expected, "{toml}"),
            (found, expected) => panic!("{toml}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn what_a_spec_may_say() {
        let default = CsvDialect::default;
        check("", Ok(default()));
        check(
            "delimiter = ';'",
            Ok(CsvDialect {
                delimiter: b';',
                ..default()
            }),
        );
        check(
            "quote_char = ''",
            Ok(CsvDialect {
                quote_char: None,
                ..default()
            }),
        );
        check(
            "double_quote = false\nescape_char = '\\'\ncomment_char = '#'\nskip_rows = 3",
            Ok(CsvDialect {
                double_quote: false,
                escape_char: Some(b'\\'),
                comment_char: Some(b'#'),
                skip_rows: 3,
                ..default()
            }),
        );
        check(
            "header = { rows = 2, find_within = 50 }",
            Ok(CsvDialect {
                header: CsvHeader {
                    rows: 2,
                    find_within: Some(50),
                },
                ..default()
            }),
        );
        check(
            "header = { rows = 0 }\ncolumns = ['a', '', '']",
            Ok(CsvDialect {
                header: CsvHeader {
                    rows: 0,
                    find_within: None,
                },
                columns: vec!["a".into(), String::new(), String::new()],
                ..default()
            }),
        );
    }

    #[test]
    fn every_problem_is_named() {
        let one = "must be exactly one ASCII character";
        check(
            "delimiter = '||'",
            Err(&[&format!("delimiter: {one}, \"||\" is not")]),
        );
        check(
            "delimiter = ''",
            Err(&[&format!("delimiter: {one}, \"\" is not")]),
        );
        check(
            "comment_char = '§'",
            Err(&[&format!("comment_char: {one}, \"§\" is not")]),
        );
        check(
            "delimiter = \"\\n\"",
            Err(&["delimiter: a line end always ends a record: it cannot have another meaning"]),
        );
        check(
            "quote_char = ','\nescape_char = '#'\ncomment_char = '#'",
            Err(&[
                "quote_char: is the same character as delimiter",
                "comment_char: is the same character as escape_char",
            ]),
        );
        check(
            "quote_char = ''\nescape_char = '\\'",
            Err(&[
                "escape_char: an escape character counts inside quotes only, and quote_char is empty",
            ]),
        );
        check(
            "header = { rows = 0, find_within = 0 }",
            Err(&[
                "header.find_within: the header is looked for in at least 1 row",
                "header.rows: without a header (rows = 0) the columns must be named: columns = [...]",
            ]),
        );
        check(
            "header = { rows = 0, find_within = 5 }\ncolumns = ['a', 'a']",
            Err(&[
                "header.find_within: there is no header to find: rows is 0",
                "columns: `a` is named twice",
            ]),
        );
        check(
            "header = { rows = 101 }\ncolumns = ['a']",
            Err(&[
                "header.rows: a header has at most 100 rows",
                "columns: columns are for files without a header: header = { rows = 0 }",
            ]),
        );
        assert!(
            toml::from_str::<CsvSpec>("quote = '\"'").is_err(),
            "an unknown key"
        );
    }
}
