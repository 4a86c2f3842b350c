//! A file becomes a spec: what it holds, read from its start to its end, is written down with the evidence.
//!
//! ```text
//! sample ─► encoding and format ─► every record by the parsers of a run ─► sketches ─► judged fields ─► TOML
//! ```
//!
//! Memory does not grow with the file: a sketch keeps counts, bounds, a few values and the first of what speaks against
//! each reading. Readings are tried by the readers that a run uses, so a spec whose undecided fields are decided loads
//! the file with the rejects that it foretells. Nothing ambiguous is guessed.

mod candidate;
mod column;
mod judge;
mod replay;
mod sniff;
mod text;
mod tree;
mod truth;
mod write;
mod xml;

#[cfg(test)]
mod tests;

use crate::open::{Opened, Opening, Row as Parsed, open};
use crate::plan::{Defaults, Plan};
use crate::source::Origin;
use crate::unpack::{Encoding, Unpack, open_at};
use bytes::BytesMut;
use candidate::Readers;
pub use candidate::{formats_for, is_iso};
pub use column::MISSING;
use column::{Column, Row};
use pipeline::{Accepted, Fatal};
use replay::Replay;
pub(crate) use sniff::segment as path_segment;
use sniff::{Format, Sniffed};
use std::collections::{BTreeMap, HashMap};
pub use text::quoted;
use tree::Place;
pub(crate) use write::{CHOICE, Names, collection, spec_name};

/// The bytes of which encoding and format are found.
const SAMPLE_BYTES: usize = 256 * 1024;
/// The most columns, or keys of JSON records, that are looked at.
pub const MAX_COLUMNS: usize = 1000;
/// The longest key, or name of an element, that is looked at, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// The most codes of rejects that are told apart.
const MAX_REJECT_CODES: usize = 50;
/// The most messages that are kept, in bytes.
const MAX_MESSAGE_BYTES: usize = 200;

/// What a file is inferred to be.
#[derive(Clone, Debug)]
pub struct Inferred {
    /// The commented spec.
    pub spec: String,
    /// Records that were read.
    pub records: u64,
    /// Records that every spec of this format rejects.
    pub rejects: u64,
    /// Fields that a person must decide.
    pub undecided: Vec<String>,
}

/// What was seen of a whole file.
#[derive(Default)]
struct Seen {
    records: u64,
    /// By code: how many, the first and what is wrong with it.
    broken: BTreeMap<String, (u64, Row, String)>,
    /// The columns of trees: whether it is a path, and its name.
    keys: HashMap<(bool, String), usize>,
    names: Vec<String>,
    /// Where each column stands in a tree.
    places: Vec<Place>,
    /// Whether records are elements of XML.
    is_xml: bool,
    columns: Vec<Column>,
    /// Keys over [`MAX_COLUMNS`].
    more_keys: bool,
    /// Keys over [`MAX_KEY_BYTES`], each time one was met.
    long_keys: u64,
}

/// Reads `origin` to its end and writes a spec with the name `name`.
///
/// # Errors
/// `cannot_infer` for what is not understood, and whatever reading the file says.
pub async fn infer(origin: &dyn Origin, name: &str) -> Result<Inferred, Fatal> {
    if origin.restartable() {
        return infer_twice(origin, None, name).await;
    }
    let replay = Replay::new(origin);
    infer_twice(&replay, Some(&replay), name).await
}

async fn infer_twice(
    origin: &dyn Origin,
    replay: Option<&Replay<'_>>,
    name: &str,
) -> Result<Inferred, Fatal> {
    let mut readers = Readers::new()?;
    let sniffed = sniffed(origin, &mut readers).await?;
    if let Some(replay) = replay {
        replay.let_go().await;
    }
    let plan = skeleton(&sniffed)?;
    let opened = match open(&plan, origin, None, &Accepted::default()).await? {
        Opening::Ready(opened) => opened,
        Opening::Held(breach, _) => return Err(Fatal::new("cannot_infer", breach.message)),
    };
    let mut seen = Seen::default();
    let titles = titles(&opened, &sniffed.format)?;
    seen.columns.resize_with(titles.len(), Column::default);
    seen.places.resize_with(titles.len(), Place::default);
    seen.is_xml = matches!(sniffed.format, Format::Xml { .. });
    seen.names = titles;
    opened
        .rows(&mut |at, row| seen.row(at.into(), row, &mut readers))
        .await?;
    Ok(write::spec(name, origin.pinned(), &sniffed, &seen))
}

/// Encoding and format, by the first bytes.
async fn sniffed(origin: &dyn Origin, readers: &mut Readers) -> Result<Sniffed, Fatal> {
    let (bytes, is_whole, marked) = match sample(origin, Encoding::default()).await {
        Ok((bytes, is_whole)) => (bytes, is_whole, false),
        // A byte-order mark says something else than UTF-8.
        Err(fatal) if fatal.code == "encoding" => {
            let (bytes, is_whole) = sample(origin, Encoding::Auto).await?;
            (bytes, is_whole, true)
        }
        Err(fatal) => return Err(fatal),
    };
    let encoding = match marked {
        true => Some(("auto".into(), "certain: the byte-order mark says it".into())),
        false => sniff::encoding(&bytes, is_whole),
    };
    let bytes = match &encoding {
        Some((label, _)) if !marked => {
            let encoding = Encoding::of_label(label)
                .map_err(|_| Fatal::new("infer", format!("{label} is no encoding")))?;
            sample(origin, encoding).await?.0
        }
        _ => bytes,
    };
    let text = String::from_utf8_lossy(&bytes);
    let sniffed = sniff::format(&text, is_whole, readers)?;
    Ok(Sniffed {
        encoding,
        ..sniffed
    })
}

/// The first decoded bytes, and whether they are all.
async fn sample(origin: &dyn Origin, encoding: Encoding) -> Result<(BytesMut, bool), Fatal> {
    let how = Unpack {
        encoding,
        ..Unpack::default()
    };
    let mut source = open_at(origin, &how, 0).await?.source;
    let mut bytes = BytesMut::with_capacity(SAMPLE_BYTES);
    while bytes.len() < SAMPLE_BYTES {
        if source.read(&mut bytes).await? == 0 {
            return Ok((bytes, true));
        }
    }
    Ok((bytes, false))
}

/// A spec that reads the records and takes nothing of them.
fn skeleton(sniffed: &Sniffed) -> Result<Plan, Fatal> {
    let fields = match sniffed.format {
        Format::Csv { .. } => "[fields]\nfirst = { column = 1 }",
        Format::Lines => "[fields]\nline = {}",
        Format::Jsonl | Format::Json(_) => "[fields]\nfirst = {}",
        Format::Xml { .. } => "[columns]\nunknown = \"keep\"",
    };
    let text = format!(
        "spec = 1\nname = \"inferred\"\n{}{}[sink.null]\n{fields}\n",
        write::input(sniffed),
        sniffed.format.words(),
    );
    Plan::read("inferred", &text, Defaults::default())
        .map_err(|problems| Fatal::new("infer", problems.render(false)))
}

fn titles(opened: &Opened, format: &Format) -> Result<Vec<String>, Fatal> {
    let titles = match format {
        Format::Csv { .. } => opened.titles(),
        Format::Lines => vec!["line".to_owned()],
        Format::Jsonl | Format::Json(_) | Format::Xml { .. } => Vec::new(),
    };
    if titles.len() > MAX_COLUMNS {
        let message = format!(
            "{} columns are more than the {MAX_COLUMNS} that are looked at",
            titles.len()
        );
        return Err(Fatal::new("cannot_infer", message));
    }
    Ok(titles)
}

impl Seen {
    fn row(&mut self, at: Row, row: Parsed<'_>, readers: &mut Readers) {
        self.records += 1;
        match row {
            Parsed::Broken(code, message) => self.broken(code, message, at),
            Parsed::Cells(cells) => {
                for (index, column) in self.columns.iter_mut().enumerate() {
                    if let Some(text) = cells.get(index) {
                        column.text(text, at, readers);
                    }
                }
            }
            Parsed::Tree(tree) => match tree.root() {
                Some(root) if self.is_xml => self.element(root, &[], false, at, readers),
                Some(root) => self.object(root, None, at, readers),
                None => {}
            },
        }
    }

    fn broken(&mut self, code: &str, message: &str, at: Row) {
        if let Some((count, ..)) = self.broken.get_mut(code) {
            *count += 1;
        } else if self.broken.len() < MAX_REJECT_CODES {
            let end = message.floor_char_boundary(MAX_MESSAGE_BYTES);
            let message = message[..end].to_owned();
            self.broken.insert(code.to_owned(), (1, at, message));
        }
    }

    /// How many records could not be read.
    fn rejects(&self) -> u64 {
        self.broken.values().map(|(count, ..)| count).sum()
    }
}
