//! The documents of the bounds: those of a load of ours, in a file, one behind the other as BSON.

use futures::TryStreamExt;
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::{Client, Collection};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Ready documents, in memory.
pub struct Documents {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Documents {
    /// Reads a file that [`keep`] wrote.
    ///
    /// # Panics
    /// Where there is none.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{error}"));
        let (mut ends, mut at) = (Vec::new(), 0);
        while let Some(length) = bytes[at..].first_chunk::<4>() {
            at += u32::from_le_bytes(*length) as usize;
            ends.push(at);
        }
        Self { bytes, ends }
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of the documents `from` to `to`, which is not one of them.
    pub fn bytes(&self, from: usize, to: usize) -> &[u8] {
        let end = |count: usize| count.checked_sub(1).map_or(0, |last| self.ends[last]);
        &self.bytes[end(from)..end(to)]
    }

    /// Each as the driver takes it.
    ///
    /// # Panics
    /// Where one is no document.
    pub fn raw(&self) -> Vec<RawDocumentBuf> {
        let each = (0..self.len()).map(|index| self.bytes(index, index + 1).to_vec());
        each.map(|bytes| {
            RawDocumentBuf::from_bytes(bytes).unwrap_or_else(|error| panic!("{error}"))
        })
        .collect()
    }
}

/// Writes every document of a collection to a file.
///
/// # Panics
/// Where they cannot be read or written.
pub async fn keep(client: &Client, database: &str, collection: &str, path: &Path) {
    let collection: Collection<RawDocumentBuf> = client.database(database).collection(collection);
    let file = File::create(path).unwrap_or_else(|error| panic!("{error}"));
    let mut file = BufWriter::new(file);
    let found = collection.find(doc! {}).await;
    let mut found = found.unwrap_or_else(|error| panic!("{error}"));
    while let Some(document) = found
        .try_next()
        .await
        .unwrap_or_else(|error| panic!("{error}"))
    {
        let written = file.write_all(document.as_bytes());
        written.unwrap_or_else(|error| panic!("{error}"));
    }
    file.flush().unwrap_or_else(|error| panic!("{error}"));
}
