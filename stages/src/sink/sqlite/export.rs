//! A collection's documents as JSON Lines, in the order of `_id`.
//!
//! They are those of one moment, whatever is written meanwhile. Memory is one page of [`PAGE_BYTES`] and a
//! document, however many there are.

use super::table;
use crate::record::write_hex;
use crate::sqlite::Snapshot;
use pipeline::Fatal;
use rusqlite::types::ValueRef;
use std::collections::VecDeque;
use std::path::Path;

/// A page is read up to here, in bytes.
const PAGE_BYTES: usize = 256 * 1024;

/// The documents of a collection, each a line without its end: `{"_id":"…",…}`.
pub struct Export {
    snapshot: Snapshot,
    /// Reads what lies behind an id; none when there is nothing more.
    statement: Option<String>,
    last: Vec<u8>,
    page: VecDeque<String>,
}

impl Export {
    /// The documents of a collection in the file at `path`; none where there is no such collection.
    ///
    /// # Errors
    /// When there is no such file, or it is no SQLite database.
    pub fn open(path: &Path, collection: &str) -> Result<Self, Fatal> {
        let snapshot = Snapshot::open(path)?;
        let exists = snapshot.read(|connection| table::is_collection(connection, collection))?;
        let table = table::identifier(collection);
        Ok(Self {
            snapshot,
            statement: exists
                .then(|| format!("SELECT id, doc FROM {table} WHERE id > ?1 ORDER BY id")),
            last: Vec::new(),
            page: VecDeque::new(),
        })
    }

    /// The collections that there are, where the one that was asked for is none of them; asked before the first document.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn others(&self) -> Result<Option<Vec<String>>, Fatal> {
        match self.statement {
            Some(_) => Ok(None),
            None => self.snapshot.read(table::collections).map(Some),
        }
    }

    fn turn(&mut self, statement: &str) -> Result<(), Fatal> {
        let (last, page) = (&mut self.last, &mut self.page);
        self.snapshot.read(|connection| {
            let mut statement = connection.prepare_cached(statement)?;
            let mut rows = statement.query([last.as_slice()])?;
            let mut bytes = 0;
            while bytes < PAGE_BYTES {
                let Some(row) = rows.next()? else { break };
                let (id, doc) = (row.get_ref(0)?.as_blob()?, row.get_ref(1)?);
                let line = line(id, doc);
                bytes += line.len();
                page.push_back(line);
                last.clear();
                last.extend_from_slice(id);
            }
            Ok(())
        })
    }
}

impl Iterator for Export {
    type Item = Result<String, Fatal>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && let Some(statement) = self.statement.take()
        {
            if let Err(fatal) = self.turn(&statement) {
                return Some(Err(fatal));
            }
            if !self.page.is_empty() {
                self.statement = Some(statement);
            }
        }
        self.page.pop_front().map(Ok)
    }
}

/// A document with its id in front.
fn line(id: &[u8], doc: ValueRef<'_>) -> String {
    let doc = match doc {
        ValueRef::Text(text) => String::from_utf8_lossy(text),
        _ => "{}".into(),
    };
    let mut line = b"{\"_id\":\"".to_vec();
    write_hex(id, &mut line);
    line.push(b'"');
    let entries = doc.strip_prefix('{').unwrap_or("}");
    if entries != "}" {
        line.push(b',');
    }
    line.extend_from_slice(entries.as_bytes());
    String::from_utf8_lossy(&line).into_owned()
}
