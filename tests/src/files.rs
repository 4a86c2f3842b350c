//! Generated files on disk: small ones whose every record has its truth, and large ones for memory tests.
//!
//! Promises: memory does not depend on the file's size. A large file repeats its first records.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::truth::{Generated, Totals};

/// After so many records a large file begins again, so that it is written as fast as the disk takes it.
pub const PERIOD_RECORDS: u64 = 10_000;

/// Writes `head` (a CSV's header row, or nothing) and `records` to a new file.
///
/// # Panics
/// Where the file cannot be written.
pub fn write_file(path: &Path, head: &str, records: impl Iterator<Item = Generated>) -> Totals {
    let mut file = create(path);
    let mut totals = Totals {
        bytes: head.len() as u64,
        ..Totals::default()
    };
    write(path, &mut file, head.as_bytes());
    for record in records {
        write(path, &mut file, &record.bytes);
        totals.add(&record);
    }
    flush(path, file);
    totals
}

/// Writes `head` and the records of `record`, by ordinal, until the file has `at_least_bytes`. Record `n` of the file is
/// `record(n % PERIOD_RECORDS)`.
///
/// # Panics
/// Where the file cannot be written.
pub fn write_large(
    path: &Path,
    head: &str,
    at_least_bytes: u64,
    record: impl Fn(u64) -> Generated,
) -> Totals {
    let period: Vec<Generated> = (0..PERIOD_RECORDS).map(record).collect();
    let mut file = create(path);
    let mut totals = Totals {
        bytes: head.len() as u64,
        ..Totals::default()
    };
    write(path, &mut file, head.as_bytes());
    for record in period.iter().cycle() {
        if totals.bytes >= at_least_bytes {
            break;
        }
        write(path, &mut file, &record.bytes);
        totals.add(record);
    }
    flush(path, file);
    totals
}

/// Writes `before`, then one line of `line_bytes` bytes, its end apart, that begins with `start` and goes on with `x`,
/// then `after`.
///
/// # Panics
/// Where the file cannot be written.
pub fn write_long_line(path: &Path, before: &[u8], start: &[u8], line_bytes: u64, after: &[u8]) {
    let mut file = create(path);
    write(path, &mut file, before);
    write(path, &mut file, start);
    let filler = [b'x'; 64 * 1024];
    let mut left = line_bytes.saturating_sub(start.len() as u64);
    while left > 0 {
        let part = usize::try_from(left)
            .unwrap_or(filler.len())
            .min(filler.len());
        write(path, &mut file, &filler[..part]);
        left -= part as u64;
    }
    write(path, &mut file, b"\n");
    write(path, &mut file, after);
    flush(path, file);
}

fn create(path: &Path) -> BufWriter<File> {
    let file = File::create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    BufWriter::with_capacity(256 * 1024, file)
}

fn write(path: &Path, file: &mut BufWriter<File>, bytes: &[u8]) {
    file.write_all(bytes)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn flush(path: &Path, mut file: BufWriter<File>) {
    file.flush()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::{HEADER, order, orders};

    #[test]
    fn a_file_has_the_bytes_of_its_records() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        let totals = write_file(&path, HEADER, orders(1, 1_000));
        let written = std::fs::read(&path).unwrap();
        assert_eq!(totals.bytes, written.len() as u64);
        assert_eq!(totals.read, 1_000);
        let expected: Vec<u8> = HEADER
            .bytes()
            .chain(orders(1, 1_000).flat_map(|record| record.bytes))
            .collect();
        assert!(written == expected);
    }

    #[test]
    fn a_large_file_repeats_its_period() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.csv");
        let totals = write_large(&path, HEADER, 5_000_000, |ordinal| order(1, ordinal));
        let written = std::fs::read(&path).unwrap();
        assert_eq!(totals.bytes, written.len() as u64);
        assert!((5_000_000..5_010_000).contains(&totals.bytes), "{totals:?}");
        assert!(totals.read > PERIOD_RECORDS, "{totals:?}");
        let ordinals = (0..totals.read).map(|ordinal| ordinal % PERIOD_RECORDS);
        let expected: Vec<u8> = HEADER
            .bytes()
            .chain(ordinals.flat_map(|ordinal| order(1, ordinal).bytes))
            .collect();
        assert!(written == expected);
    }

    #[test]
    fn a_long_line_is_one_line_of_that_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.csv");
        write_long_line(&path, b"a,b\n1,2\n", b"start,", 1_000_000, b"3,4\n");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            (lines[0], lines[1], lines[3], lines.len()),
            ("a,b", "1,2", "3,4", 4)
        );
        assert_eq!(lines[2].len(), 1_000_000);
        assert!(lines[2].starts_with("start,xxx"));
    }
}
