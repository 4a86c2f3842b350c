//! The file of a round, written by every core: its records are pure functions of seed and ordinal, so that chunks of it
//! are made side by side.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::thread;

use crate::orders::{HEADER, order};
use crate::truth::Totals;

/// Records that a thread makes at a time: about 4 MB.
const CHUNK_RECORDS: u64 = 32_768;

/// Writes the orders 0 to `records` - 1 of `seed` with their header, and says what must become of them. Memory: one
/// chunk for each core.
///
/// # Panics
/// Where the file cannot be written.
pub(super) fn write(path: &Path, seed: u64, records: u64) -> Totals {
    let failed = |error| -> ! { panic!("{}: {error}", path.display()) };
    let mut file = File::create(path).unwrap_or_else(|error| failed(error));
    file.write_all(HEADER.as_bytes())
        .unwrap_or_else(|error| failed(error));
    let mut totals = Totals {
        bytes: HEADER.len() as u64,
        ..Totals::default()
    };
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let mut from = 0;
    while from < records {
        let chunks: Vec<(Vec<u8>, Totals)> = thread::scope(|scope| {
            let made: Vec<_> = (0..threads)
                .map(|thread| (from + thread * CHUNK_RECORDS).min(records))
                .map(|start| scope.spawn(move || chunk(seed, start, records)))
                .collect();
            made.into_iter()
                .map(|made| made.join().unwrap_or_else(|_| panic!("no order")))
                .collect()
        });
        for (bytes, made) in chunks {
            file.write_all(&bytes).unwrap_or_else(|error| failed(error));
            totals.bytes += made.bytes;
            totals.read += made.read;
            totals.loaded += made.loaded;
            totals.rejected += made.rejected;
            totals.dropped += made.dropped;
            totals.blank_lines += made.blank_lines;
        }
        from += threads * CHUNK_RECORDS;
    }
    totals
}

/// The records from `start` on, as many as fit into a chunk or are left.
fn chunk(seed: u64, start: u64, records: u64) -> (Vec<u8>, Totals) {
    let (mut bytes, mut totals) = (Vec::new(), Totals::default());
    for ordinal in start..(start + CHUNK_RECORDS).min(records) {
        let record = order(seed, ordinal);
        bytes.extend_from_slice(&record.bytes);
        totals.add(&record);
    }
    (bytes, totals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::write_file;
    use crate::orders::orders;

    #[test]
    fn it_is_the_file_that_one_thread_writes() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (folder.path().join("ours"), folder.path().join("other"));
        let records = CHUNK_RECORDS * 2 + 17;
        let totals = write(&ours, 5, records);
        assert_eq!(totals, write_file(&other, HEADER, orders(5, records)));
        assert!(std::fs::read(ours).unwrap() == std::fs::read(other).unwrap());
    }
}
