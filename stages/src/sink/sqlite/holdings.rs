//! What the embedded store holds of a load in a key mode: the documents that it wrote last.
//!
//! A term is the SHA-256 of the key as a JSON array of its values, as the key's index holds them.

use super::table::{Table, expression};
use crate::identity::sequence;
use crate::sink::{Target, term};
use pipeline::Holdings;
use rusqlite::{Connection, params};

/// Finds the documents of one load.
pub(super) struct Finder {
    select: String,
    load_number: u64,
}

impl Finder {
    pub fn new(table: &Table, target: &Target, load_number: u64) -> Self {
        let key = target.key.iter().map(|path| expression(path));
        let key = key.collect::<Vec<_>>().join(" || ',' || ");
        Self {
            select: format!(
                "SELECT '[' || {key} || ']' FROM {} WHERE position BETWEEN ?1 AND ?2",
                table.quoted
            ),
            load_number,
        }
    }

    /// Reads them one by one.
    pub fn holdings(&self, connection: &Connection) -> rusqlite::Result<Holdings> {
        let (first, last) = (
            sequence(self.load_number, 0, 0),
            sequence(self.load_number, u64::MAX, 0),
        );
        let mut select = connection.prepare_cached(&self.select)?;
        let mut rows = select.query(params![first, last])?;
        let mut holdings = Holdings::default();
        while let Some(row) = rows.next()? {
            holdings.documents += 1;
            holdings.digest.add(term(row.get_ref(0)?.as_bytes()?));
        }
        Ok(holdings)
    }
}
