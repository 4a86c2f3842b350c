//! Look-ups: a text is replaced by what a table has for it, and the replacement is then read as the field's type.
//! The table stands in the spec, or in a CSV file beside it that is read with the spec, whole and with a limit.

#[cfg(test)]
mod tests;

use super::plan::PlanProblem;
use super::spec::FieldSpec;
use super::value::shown;
use crate::spec::field_path;
use csv_core::{ReadRecordResult, ReaderBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::path::Path;

/// The most bytes of all the files together in which one spec looks things up.
pub const MAX_LOOKUP_BYTES: u64 = 4 * 1024 * 1024;

/// The most columns of such a file.
const MAX_COLUMNS: usize = 1000;

/// `lookup`: what the text of a field stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupSpec {
    /// The table itself: texts, and what they stand for.
    #[schemars(example = serde_json::json!({ "DE": "Germany" }))]
    pub values: Option<BTreeMap<String, String>>,
    /// Instead of it, a CSV file beside the spec, in UTF-8 with a row of titles. Its content belongs to the spec: with
    /// another one, it is another text of the spec. Files are for the command line only.
    #[schemars(example = &"countries.csv")]
    pub file: Option<String>,
    /// The title of the file's column of texts.
    #[schemars(example = &"code")]
    pub key: Option<String>,
    /// The title of the file's column of what they stand for.
    #[schemars(example = &"name")]
    pub value: Option<String>,
    /// What stands between the file's cells; `,` without it.
    #[schemars(example = &";")]
    pub delimiter: Option<char>,
    /// What becomes of a text that is not in the table; `reject` without it.
    #[schemars(example = &"keep")]
    pub missing: Option<MissingKey>,
}

/// What becomes of a text that is not in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingKey {
    /// The record is rejected, `lookup`.
    #[default]
    Reject,
    /// It stays as it is.
    Keep,
    /// It is null.
    Null,
}

/// A table, ready to be asked.
#[derive(Debug)]
pub struct Lookup {
    table: HashMap<Box<str>, Box<str>>,
    missing: MissingKey,
}

/// What a table says of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Looked<'l> {
    /// It stands for this one.
    For(&'l str),
    /// It stands for nothing, and becomes null.
    Null,
    /// It stands for nothing, and is a reject.
    Unknown,
}

impl Lookup {
    /// The table of a spec whose files are read.
    pub fn new(spec: &LookupSpec) -> Self {
        let pairs = spec.values.iter().flatten();
        Self {
            table: pairs
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            missing: spec.missing.unwrap_or_default(),
        }
    }

    /// What `text` stands for.
    pub fn look<'l>(&'l self, text: &'l str) -> Looked<'l> {
        match (self.table.get(text), self.missing) {
            (Some(value), _) => Looked::For(value),
            (None, MissingKey::Keep) => Looked::For(text),
            (None, MissingKey::Null) => Looked::Null,
            (None, MissingKey::Reject) => Looked::Unknown,
        }
    }
}

/// Reads the files of all look-ups into their `values`, so that nothing else opens one. `folder` is where the spec
/// lies; without one, files are refused. Gives the hash of the files, in the order of the fields, where there are any.
pub fn read_files(
    fields: &mut [(String, FieldSpec)],
    folder: Option<&Path>,
    problems: &mut Vec<PlanProblem>,
) -> Option<Sha256> {
    let (mut hash, mut left_bytes) = (None, MAX_LOOKUP_BYTES);
    for (name, spec) in fields {
        let Some(lookup) = &mut spec.lookup else {
            continue;
        };
        let path = field_path(name, "lookup");
        let mut tell = |key: &str, code, message: String, hint: &str| {
            let path = match key {
                "" => path.clone(),
                key => format!("{path}.{key}"),
            };
            problems.push(PlanProblem::new(path, code, message).hint(hint));
        };
        let example = "lookup = { file = \"countries.csv\", key = \"code\", value = \"name\" }";
        let of_file = [
            ("key", lookup.key.is_some()),
            ("value", lookup.value.is_some()),
            ("delimiter", lookup.delimiter.is_some()),
        ];
        match (&lookup.values, &lookup.file) {
            (Some(_), Some(_)) => {
                let message = "`values` and `file` both are the table".to_owned();
                tell("file", "impossible", message, "remove one of the two");
            }
            (None, None) => {
                let message = "a look-up wants a table".to_owned();
                tell(
                    "",
                    "required",
                    message,
                    "values = { DE = \"Germany\" }, or a file",
                );
            }
            (Some(_), None) => {
                for (key, _) in of_file.iter().filter(|(_, said)| *said) {
                    let message = format!("`{key}` is for a `file`");
                    tell(key, "not_applicable", message, example);
                }
            }
            (None, Some(file)) => {
                let read = table_of_file(lookup, file, folder, &mut left_bytes);
                match read {
                    Ok((bytes, values)) => {
                        let hash = hash.get_or_insert_with(Sha256::new);
                        hash.update(Sha256::digest(file.as_bytes()));
                        hash.update(Sha256::digest(&bytes));
                        lookup.values = Some(values);
                        lookup.file = None;
                    }
                    Err((code, key, message)) => tell(key, code, message, example),
                }
            }
        }
    }
    hash
}

/// Code, key below `lookup`, and a sentence.
type Wrong = (&'static str, &'static str, String);

fn table_of_file(
    lookup: &LookupSpec,
    file: &str,
    folder: Option<&Path>,
    left_bytes: &mut u64,
) -> Result<(Vec<u8>, BTreeMap<String, String>), Wrong> {
    let Some(folder) = folder else {
        let message = "the service reads no files for a spec: write the table into `values`";
        return Err(("not_here", "file", message.to_owned()));
    };
    let is_beside = Path::new(file).file_name().is_some_and(|name| name == file);
    if !is_beside {
        let message = format!("{file:?} is no name of a file beside the spec");
        return Err(("bad_value", "file", message));
    }
    let (Some(key), Some(value)) = (&lookup.key, &lookup.value) else {
        let key = if lookup.key.is_none() { "key" } else { "value" };
        let message = format!("`{key}` says which column of {file} it is");
        return Err(("required", "", message));
    };
    let most = *left_bytes + 1;
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(folder.join(file));
    if let Err(error) = opened.and_then(|opened| opened.take(most).read_to_end(&mut bytes)) {
        let message = format!("{file} beside the spec cannot be read: {error}");
        return Err(("not_found", "file", message));
    }
    let Some(left) = left_bytes.checked_sub(bytes.len() as u64) else {
        let message = format!("the tables of a spec have at most {MAX_LOOKUP_BYTES} bytes in all");
        return Err(("bad_table", "file", message));
    };
    *left_bytes = left;
    let delimiter = lookup.delimiter.unwrap_or(',');
    let delimiter = u8::try_from(delimiter)
        .ok()
        .filter(u8::is_ascii)
        .ok_or_else(|| {
            let message = format!("{delimiter:?} is more than one byte");
            ("bad_value", "delimiter", message)
        })?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let message = format!("{file} is not UTF-8 behind byte {}", error.valid_up_to());
        ("bad_table", "file", message)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let table = table(file, text, delimiter, [("key", key), ("value", value)])?;
    Ok((bytes, table))
}

/// The table that the CSV text of `file` has in these two columns, each with the key that names it.
fn table(
    file: &str,
    text: &str,
    delimiter: u8,
    wanted: [(&'static str, &String); 2],
) -> Result<BTreeMap<String, String>, Wrong> {
    let (mut titles, mut number) = (None::<(usize, [usize; 2])>, 0_u64);
    let mut table = BTreeMap::new();
    rows(text, delimiter, |row| {
        number += 1;
        let Some((cells, [key, value])) = titles else {
            titles = Some((row.len(), columns(file, row, wanted)?));
            return Ok(());
        };
        if row.len() != cells {
            let message = format!(
                "row {number} of {file} has {} cells, not {cells}",
                row.len()
            );
            return Err(("bad_table", "file", message));
        }
        let (key, value) = (row[key], row[value]);
        match table.get(key) {
            None => drop(table.insert(key.to_owned(), value.to_owned())),
            Some(before) if before == value => {}
            Some(before) => {
                let (key, value, before) = (shown(key), shown(value), shown(before));
                let message = format!("row {number} of {file}: {key} is {value}, and was {before}");
                return Err(("bad_table", "file", message));
            }
        }
        Ok(())
    })?;
    if titles.is_none() {
        columns(file, &[], wanted)?;
    }
    Ok(table)
}

/// Where the two columns stand among the titles.
fn columns(
    file: &str,
    titles: &[&str],
    wanted: [(&'static str, &String); 2],
) -> Result<[usize; 2], Wrong> {
    let mut found = [0; 2];
    for (place, (key, title)) in found.iter_mut().zip(wanted) {
        let Some(column) = titles.iter().position(|one| one == title) else {
            let listed = titles.iter().take(10).map(|one| shown(one));
            let listed = listed.collect::<Vec<_>>().join(", ");
            let message = format!("{file} has no column {title:?}, but {listed}");
            return Err(("unknown_column", key, message));
        };
        *place = column;
    }
    Ok(found)
}

/// Calls `each` for every row of a CSV text.
fn rows(
    text: &str,
    delimiter: u8,
    mut each: impl FnMut(&[&str]) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    let mut input = text.as_bytes();
    // A row is never longer than the text, which has a limit.
    let (mut cells, mut ends) = (vec![0; text.len() + 1], vec![0; MAX_COLUMNS + 1]);
    let (mut cell_bytes, mut count) = (0, 0);
    loop {
        let (result, read, written, ended) =
            reader.read_record(input, &mut cells[cell_bytes..], &mut ends[count..]);
        input = &input[read..];
        cell_bytes += written;
        count += ended;
        match result {
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::Record => {
                let starts = [0].into_iter().chain(ends[..count].iter().copied());
                let row = starts
                    .zip(&ends[..count])
                    // Text that is cut at delimiters of one byte remains text.
                    .map(|(start, end)| str::from_utf8(&cells[start..*end]).unwrap_or_default());
                each(&row.collect::<Vec<_>>())?;
                (cell_bytes, count) = (0, 0);
            }
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                let message = format!("a row has more than {MAX_COLUMNS} columns");
                return Err(("bad_table", "file", message));
            }
            ReadRecordResult::End => return Ok(()),
        }
    }
}
