//! The file of a round, written by every core: its records are pure functions of seed and ordinal, so that chunks of it
//! are made side by side.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::thread;

use super::Width;
use crate::orders::{HEADER, order};
use crate::random::Random;
use crate::truth::{Generated, Totals};

/// Records that a thread makes at a time: about 4 MB.
const CHUNK_RECORDS: u64 = 32_768;
/// The title of the column that makes records wide; no field takes it.
const WIDE_TITLE: &str = "Trace";
/// What the chance of that column is told from that of the orders by.
const WIDE_SEED: u64 = 0x7472_6163_6500;

/// Writes the orders 0 to `records` - 1 of `seed`, so wide, with their header, and says what must become of them. Memory: one
/// chunk for each core.
///
/// # Panics
/// Where the file cannot be written.
pub(super) fn write(path: &Path, seed: u64, records: u64, width: Width) -> Totals {
    let failed = |error| -> ! { panic!("{}: {error}", path.display()) };
    let mut file = File::create(path).unwrap_or_else(|error| failed(error));
    let header = match width {
        Width::AsItIs => HEADER.to_owned(),
        Width::Wide => format!("{},{WIDE_TITLE}\n", HEADER.trim_end()),
    };
    file.write_all(header.as_bytes())
        .unwrap_or_else(|error| failed(error));
    let mut totals = Totals {
        bytes: header.len() as u64,
        ..Totals::default()
    };
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let mut from = 0;
    while from < records {
        let chunks: Vec<(Vec<u8>, Totals)> = thread::scope(|scope| {
            let made: Vec<_> = (0..threads)
                .map(|thread| (from + thread * CHUNK_RECORDS).min(records))
                .map(|start| scope.spawn(move || chunk(seed, start, records, width)))
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

/// The same file, as it is, in memory.
pub(super) fn bytes(seed: u64, records: u64) -> (Vec<u8>, Totals) {
    let mut bytes = HEADER.as_bytes().to_vec();
    let mut totals = Totals::default();
    for ordinal in 0..records {
        let record = order(seed, ordinal);
        bytes.extend_from_slice(&record.bytes);
        totals.add(&record);
    }
    totals.bytes = bytes.len() as u64;
    (bytes, totals)
}

/// The records from `start` on, as many as fit into a chunk or are left.
fn chunk(seed: u64, start: u64, records: u64, width: Width) -> (Vec<u8>, Totals) {
    let (mut bytes, mut totals) = (Vec::new(), Totals::default());
    for ordinal in start..(start + CHUNK_RECORDS).min(records) {
        let mut record = order(seed, ordinal);
        if width == Width::Wide {
            widen(&mut record, seed, ordinal);
        }
        bytes.extend_from_slice(&record.bytes);
        totals.add(&record);
    }
    (bytes, totals)
}

/// Puts one more cell behind the last one: 48 hexadecimal digits.
fn widen(record: &mut Generated, seed: u64, ordinal: u64) {
    let end = match record.bytes.ends_with(b"\r\n") {
        true => record.bytes.len() - 2,
        false => record.bytes.len() - 1,
    };
    let mut random = Random::of_item(seed ^ WIDE_SEED, ordinal);
    let mut draw = || random.below(u64::MAX);
    let cell = format!(",{:016x}{:016x}{:016x}", draw(), draw(), draw());
    record.bytes.splice(end..end, cell.into_bytes());
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
        let totals = write(&ours, 5, records, Width::AsItIs);
        assert_eq!(totals, write_file(&other, HEADER, orders(5, records)));
        assert!(std::fs::read(ours).unwrap() == std::fs::read(other).unwrap());
    }

    #[test]
    fn a_wide_record_has_one_cell_more_before_its_line_end() {
        for ordinal in 0..500 {
            let narrow = order(5, ordinal);
            let mut wide = narrow.clone();
            widen(&mut wide, 5, ordinal);
            assert_eq!(wide.bytes.len(), narrow.bytes.len() + 49);
            let end = narrow.bytes.iter().rev();
            let end = end.take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let cells = narrow.bytes.len() - end;
            assert_eq!(wide.bytes[..cells], narrow.bytes[..cells]);
            assert_eq!(wide.bytes[cells], b',');
            assert_eq!(wide.bytes[cells + 49..], narrow.bytes[cells..]);
        }
    }
}
