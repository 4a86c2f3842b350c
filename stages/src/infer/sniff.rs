//! What kind of file it is, by its first bytes: encoding, format, and of CSV the delimiter, the quote, the preamble, the
//! comments and whether there is a header.
//!
//! It looks at a sample of bounded size and never at more; what the rest of the file says against it is found when all
//! of it is read.

use super::candidate::{CANDIDATES, Readers};
use super::column::MISSING;
use super::text::{list, quoted};
use super::xml;
use pipeline::Fatal;

/// The most rows of the sample that are looked at.
const MAX_ROWS: usize = 1000;
/// The most lines that a quoted cell is taken to have before its quote is taken for a stray one.
const MAX_CELL_LINES: u64 = 20;
/// Of the rows, so many in a hundred must have the same number of cells.
const MIN_ALIKE_PERCENT: usize = 60;
/// The delimiters that are tried.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// What a sample says of its file.
#[derive(Clone, Debug, Default)]
pub struct Sniffed {
    /// The label of the encoding, where it is not UTF-8, and why.
    pub encoding: Option<(String, String)>,
    /// The format.
    pub format: Format,
    /// What was seen, a line each.
    pub evidence: Vec<String>,
}

/// The format of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Delimited text.
    Csv {
        /// Between cells.
        delimiter: char,
        /// Around cells.
        quote: char,
        /// Before comments.
        comment: Option<char>,
        /// Lines before the header.
        skip_rows: u64,
        /// Whether the first row holds titles; else how many cells rows have.
        header: Result<(), usize>,
    },
    /// One JSON object a line.
    Jsonl,
    /// One JSON document, with records at this path.
    Json(String),
    /// One XML document.
    Xml {
        /// Where its records are.
        path: String,
        /// The prefixes of the path and of fields, each with its namespace.
        namespaces: Vec<(String, String)>,
    },
    /// Lines of which nothing else is known.
    #[default]
    Lines,
}

impl Format {
    /// What a spec says.
    pub fn words(&self) -> String {
        match self {
            Self::Jsonl => "[format.jsonl]\n".into(),
            Self::Json(path) => format!("[format.json]\nrecord_path = {}\n", quoted(path)),
            Self::Lines => "[format.lines]\n".into(),
            Self::Xml { path, namespaces } => {
                let mut words = format!("[format.xml]\nrecord_path = {}\n", quoted(path));
                if !namespaces.is_empty() {
                    let all = namespaces.iter();
                    let all: Vec<_> = all
                        .map(|(prefix, name)| format!("{prefix} = [{}]", quoted(name)))
                        .collect();
                    words.push_str(&format!("namespaces = {{ {} }}\n", all.join(", ")));
                }
                words
            }
            Self::Csv {
                delimiter,
                quote,
                comment,
                skip_rows,
                header,
            } => {
                let mut words = format!(
                    "[format.csv]\ndelimiter = {}\nquote_char = {}\n",
                    quoted(&delimiter.to_string()),
                    quoted(&quote.to_string())
                );
                if let Some(comment) = comment {
                    words.push_str(&format!(
                        "comment_char = {}\n",
                        quoted(&comment.to_string())
                    ));
                }
                if *skip_rows > 0 {
                    words.push_str(&format!("skip_rows = {skip_rows}\n"));
                }
                if let Err(cells) = header {
                    let columns: Vec<_> = (1..=*cells)
                        .map(|number| format!("\"column_{number}\""))
                        .collect();
                    words.push_str(&format!(
                        "header = {{ rows = 0 }}\ncolumns = [{}]\n",
                        columns.join(", ")
                    ));
                }
                words
            }
        }
    }
}

/// The label of an encoding that a sample of bytes without a byte-order mark is in, where it is not UTF-8.
pub fn encoding(sample: &[u8], is_whole: bool) -> Option<(String, String)> {
    let nul = |from: usize| {
        let bytes = sample.iter().skip(from).step_by(2);
        bytes.filter(|byte| **byte == 0).count() * 4 > sample.len()
    };
    for (label, from) in [("utf-16le", 1), ("utf-16be", 0)] {
        if sample.len() >= 4 && nul(from) {
            return Some((label.into(), "likely: most second bytes are NUL".into()));
        }
    }
    let (mut good, mut bad, mut high) = (0, 0, false);
    for chunk in sample.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        let invalid = chunk.invalid();
        // The sample may end within a character.
        let cut = !is_whole && invalid.as_ptr_range().end == sample.as_ptr_range().end;
        if !invalid.is_empty() && !cut {
            bad += 1;
            high |= invalid.iter().any(|byte| (0x80..=0x9f).contains(byte));
        }
    }
    if bad <= good {
        return None;
    }
    let why = match high {
        true => "it uses bytes from 0x80 to 0x9f, which Latin-1 has no letters for",
        false => "Latin-1 and Latin-9 look the same; see that letters and signs are right",
    };
    Some((
        "windows-1252".into(),
        format!("likely: {bad} places are no UTF-8, and {why}"),
    ))
}

/// The format of a sample of text.
///
/// # Errors
/// `cannot_infer` for XML whose records cannot be told, and for files without any line.
pub fn format(sample: &str, is_whole: bool, readers: &mut Readers) -> Result<Sniffed, Fatal> {
    let start = sample.trim_start();
    if start.is_empty() {
        let message = "there is nothing in it from which anything could be inferred";
        return Err(Fatal::new("cannot_infer", message));
    }
    if start.starts_with('<') {
        return xml::format(start);
    }
    let known = |format, evidence: String| Sniffed {
        format,
        evidence: vec![evidence],
        ..Sniffed::default()
    };
    if start.starts_with('[') {
        return Ok(known(
            Format::Json("$[*]".into()),
            "likely: a JSON document that is an array".into(),
        ));
    }
    if start.starts_with('{') {
        let whole_line = start.lines().find(|line| !line.trim().is_empty());
        let object = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        let lines = start
            .lines()
            .filter(|line| line.trim_start().starts_with('{'));
        let lines = lines.take(MAX_ROWS).count();
        let good = start
            .lines()
            .take(MAX_ROWS)
            .filter(|line| object(line))
            .count();
        if whole_line.is_some_and(object) && good * 2 > lines {
            // One line may also be a document; as a line it is one record, which loses nothing.
            return Ok(known(
                Format::Jsonl,
                format!("certain: {good} of the first {lines} lines are JSON objects"),
            ));
        }
        return match record_path(start) {
            Some(path) => Ok(known(
                Format::Json(path),
                "likely: the first array of objects in one JSON document".into(),
            )),
            None if good > 0 => Ok(known(
                Format::Jsonl,
                format!("likely: {good} of the first {lines} lines are JSON objects"),
            )),
            None => Err(Fatal::new(
                "cannot_infer",
                "it begins like one JSON document, and its beginning holds no array of objects",
            )
            .hint("[format.json] record_path says where the records are, $.data.items[*] say")),
        };
    }
    Ok(csv(sample, is_whole, readers))
}

/// The path of the first array whose first item is an object.
fn record_path(text: &str) -> Option<String> {
    /// What is around: an object with the name under which the next value stands, or an array.
    enum Around {
        Object(String),
        Array,
    }
    let mut around: Vec<Around> = Vec::new();
    let mut rest = text;
    let mut name: Option<String> = None;
    let mut before = ' ';
    while let Some(char) = rest.chars().next() {
        let after = &rest[char.len_utf8()..];
        match char {
            '"' => {
                let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                name = Some(strings.next()?.ok()?);
                rest = &rest[strings.byte_offset()..];
                before = '"';
                continue;
            }
            ':' => {
                if let (Some(Around::Object(key)), Some(name)) = (around.last_mut(), name.take()) {
                    *key = name;
                }
            }
            '{' => {
                if before == '['
                    && let [outer @ .., Around::Array] = &around[..]
                {
                    let mut path = String::from("$");
                    for entry in outer {
                        match entry {
                            Around::Object(key) => path.push_str(&segment(key)),
                            Around::Array => path.push_str("[*]"),
                        }
                    }
                    return Some(path + "[*]");
                }
                around.push(Around::Object(String::new()));
            }
            '[' => around.push(Around::Array),
            '}' | ']' => {
                around.pop();
            }
            _ => {}
        }
        if !char.is_whitespace() {
            before = char;
        }
        rest = after;
    }
    None
}

/// A name in a path of RFC 9535, which has no control characters as they are.
pub fn segment(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match plain {
        true => format!(".{key}"),
        false if key.contains(|c: char| c.is_control()) => {
            format!("[{}]", serde_json::Value::from(key))
        }
        false => format!("['{}']", key.replace('\\', "\\\\").replace('\'', "\\'")),
    }
}

/// One row of a sample.
struct Line {
    /// From 1.
    at: u64,
    cells: Vec<String>,
    comment: bool,
}

fn csv(sample: &str, is_whole: bool, readers: &mut Readers) -> Sniffed {
    let mut best: Option<(usize, usize, usize, char, char, Vec<Line>)> = None;
    for quote in ['"', '\''] {
        // An apostrophe is a quote only where cells begin with it more often than with the other.
        if quote == '\'' && starts(sample, '\'') <= starts(sample, '"') {
            continue;
        }
        for delimiter in DELIMITERS {
            let rows = rows(sample, delimiter, quote, is_whole);
            let Some((cells, alike)) = most(&rows) else {
                continue;
            };
            let counted = rows.iter().filter(|row| !row.comment).count();
            if cells < 2 || alike * 100 < counted * MIN_ALIKE_PERCENT {
                continue;
            }
            let score = (alike * 1000 / counted.max(1), cells);
            if best.as_ref().is_none_or(|best| {
                score.0 * score.1.min(4) > best.0 * best.1.min(4)
                    || (score.0 * score.1.min(4) == best.0 * best.1.min(4) && score.1 > best.1)
            }) {
                best = Some((score.0, cells, alike, delimiter, quote, rows));
            }
        }
    }
    let Some((_, cells, alike, delimiter, quote, rows)) = best else {
        return Sniffed {
            evidence: vec![
                "undecided: no delimiter gives rows with equal numbers of cells".into(),
                "fixed width? a pattern of its own? a CSV of one column?".into(),
            ],
            ..Sniffed::default()
        };
    };
    let mut evidence = vec![format!(
        "certain: {alike} of the first {} rows have {cells} cells between {}",
        rows.len(),
        quoted(&delimiter.to_string())
    )];
    if alike < rows.len() {
        evidence[0] = evidence[0].replacen("certain", "likely", 1);
    }
    let is_comment = |row: &Line| row.comment && row.cells.len() != cells;
    let commented = rows.iter().find(|row| is_comment(row));
    let comment = commented.map(|_| '#');
    if let Some(row) = commented {
        evidence.push(format!(
            "comments begin with #, the first is line {}",
            row.at
        ));
    }
    let first = rows
        .iter()
        .find(|row| row.cells.len() == cells && (comment.is_none() || !row.comment));
    let mut skip_rows = 0;
    let mut header = Ok(());
    if let Some(first) = first {
        let before = rows
            .iter()
            .filter(|row| row.at < first.at && !is_comment(row))
            .count();
        if before > 0 {
            skip_rows = first.at - 1;
            evidence.push(format!(
                "{skip_rows} lines of another shape before line {}",
                first.at
            ));
        }
        if let Some(cell) = first.cells.iter().find(|cell| is_value(cell, readers)) {
            header = Err(cells);
            evidence.push(format!(
                "no header: {} in line {} is a value, no title",
                quoted(cell),
                first.at
            ));
        } else {
            let typed = rows
                .iter()
                .filter(|row| row.at > first.at)
                .any(|row| row.cells.iter().any(|cell| is_value(cell, readers)));
            evidence.push(match typed {
                true => format!("line {} is the header: nothing in it is a number or a date", first.at),
                false => format!(
                    "likely: line {} is the header; nothing but texts stand below it, so it may be a record: {}",
                    first.at,
                    list(&first.cells.iter().take(5).map(|cell| quoted(cell)).collect::<Vec<_>>())
                ),
            });
        }
    }
    Sniffed {
        format: Format::Csv {
            delimiter,
            quote,
            comment,
            skip_rows,
            header,
        },
        evidence,
        encoding: None,
    }
}

/// How many cells seem to begin with a quote.
fn starts(sample: &str, quote: char) -> usize {
    let mut before = '\n';
    let mut count = 0;
    for c in sample.chars() {
        count += usize::from(c == quote && (before == '\n' || DELIMITERS.contains(&before)));
        before = c;
    }
    count
}

/// Something that is read as more than a text, and no word for nothing.
fn is_value(cell: &str, readers: &mut Readers) -> bool {
    let cell = cell.trim();
    !MISSING.contains(&cell) && (0..CANDIDATES.len()).any(|number| readers.reads(number, cell))
}

/// The number of cells that most rows have, and how many have it.
fn most(rows: &[Line]) -> Option<(usize, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for row in rows.iter().filter(|row| !row.comment) {
        *counts.entry(row.cells.len()).or_insert(0) += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(cells, count)| (*count, *cells))
}

/// The rows of a sample; what a quote swallows without an end is given back.
fn rows(sample: &str, delimiter: char, quote: char, is_whole: bool) -> Vec<Line> {
    let mut rows = Vec::new();
    let (mut rest, mut line) = (sample, 1);
    while !rest.is_empty() && rows.len() < MAX_ROWS {
        let (cells, length, lines) = row(rest, delimiter, quote);
        let is_cut = length == rest.len() && !is_whole;
        if is_cut && !rows.is_empty() {
            break;
        }
        let raw = &rest[..length];
        if !raw.trim_matches(['\r', '\n']).is_empty() {
            rows.push(Line {
                at: line,
                cells,
                comment: raw.starts_with('#'),
            });
        }
        line += lines;
        rest = &rest[length..];
    }
    rows
}

/// The cells of the first row, its bytes with the line end, and its lines.
fn row(text: &str, delimiter: char, quote: char) -> (Vec<String>, usize, u64) {
    let (mut cells, mut cell) = (Vec::new(), String::new());
    let (mut quoted, mut lines) = (false, 0);
    let mut chars = text.char_indices().peekable();
    let mut fresh = true;
    while let Some((at, c)) = chars.next() {
        if quoted {
            lines += u64::from(c == '\n');
            if lines > MAX_CELL_LINES {
                break;
            }
            match c {
                _ if c != quote => cell.push(c),
                _ if chars.next_if(|(_, next)| *next == quote).is_some() => cell.push(c),
                _ => quoted = false,
            }
            continue;
        }
        match c {
            '\r' | '\n' => {
                let crlf = c == '\r' && chars.next_if(|(_, next)| *next == '\n').is_some();
                cells.push(cell);
                return (cells, at + 1 + usize::from(crlf), lines + 1);
            }
            _ if c == delimiter => cells.push(std::mem::take(&mut cell)),
            _ if c == quote && fresh => quoted = true,
            _ => cell.push(c),
        }
        fresh = c == delimiter;
    }
    if !quoted {
        cells.push(cell);
        return (cells, text.len(), lines + 1);
    }
    // The quote was never closed: it means nothing here.
    let end = text.find('\n').map_or(text.len(), |at| at + 1);
    let line = text[..end].trim_end_matches(['\r', '\n']);
    (line.split(delimiter).map(str::to_owned).collect(), end, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sample: &str, expected: &str) {
        let mut readers = Readers::new().unwrap();
        let found = match format(sample, true, &mut readers) {
            Ok(sniffed) => sniffed.format.words().replace('\n', " "),
            Err(fatal) => fatal.code.to_owned(),
        };
        assert_eq!(found.trim_end(), expected, "{sample:?}");
    }

    #[test]
    fn the_first_bytes_say_what_format_it_is() {
        let csv = |delimiter| format!("[format.csv] delimiter = {delimiter} quote_char = \"\\\"\"");
        check("a,b\n1,2\n", &csv("\",\""));
        check("a;b\n1,5;2\n3,5;2\n", &csv("\";\""));
        check("a\tb\n1\t2\n", &csv("\"\\t\""));
        check("a,b\n\"1\n,2\",2\n\"open,3\n4,5\n6,7\n", &csv("\",\""));
        check(
            "Report of May\n\na;b;c\n1;2;3\n4;5;6\n7;8;9\n",
            &(csv("\";\"") + " skip_rows = 2"),
        );
        check(
            "# made by hand\na;b\n1;2\n",
            "[format.csv] delimiter = \";\" quote_char = \"\\\"\" comment_char = \"#\"",
        );
        check(
            "1,2\n3,4\n",
            &(csv("\",\"") + " header = { rows = 0 } columns = [\"column_1\", \"column_2\"]"),
        );
        check("{\"a\":1}\n{\"a\":2}\n", "[format.jsonl]");
        check("[{\"a\":1}]", "[format.json] record_path = \"$[*]\"");
        check(
            "{\n\"meta\":{\"n\":[1,2]},\n\"da ta\":{\"no\":[1,{}],\"x\":[\n{\"a\":1}]}}",
            "[format.json] record_path = \"$['da ta'].x[*]\"",
        );
        check("one line\nand another\n", "[format.lines]");
        check("<rss/>", "cannot_infer");
        check("<a><b/><b/></a>", "[format.xml] record_path = \"/a/b\"");
        check(" \n", "cannot_infer");
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_told_from_broken_records() {
        let label = |bytes: &[u8]| encoding(bytes, false).map(|(label, _)| label);
        assert_eq!(label("für Zoë".as_bytes()), None);
        assert_eq!(label(b"Zo\xc3"), None, "cut within a character");
        assert_eq!(label(b"f\xfcr Zo\xeb und"), Some("windows-1252".into()));
        assert_eq!(label(b"\xc3\xbc\xc3\xbc\xff"), None, "a broken record");
        assert_eq!(label(b"a\0,\0b\0"), Some("utf-16le".into()));
        assert_eq!(label(b"\0a\0,\0b"), Some("utf-16be".into()));
    }
}
