//! The keys that a run has seen: the first in memory, and beyond a limit in a file of buckets, in constant memory.
//!
//! A bucket is a page of the file, found by the first bits of a key; when one is full, every bucket is split in two, in
//! place. Keys are hashes, so buckets fill evenly. The file has no name once it is open: nothing of it outlives the run,
//! not even a killed one. It promises that a key is found if and only if it was entered; it never guesses.

use pipeline::{Fatal, Seen, UniqueKey};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The most keys that are kept in memory: with them a table takes about 8 MiB.
const MAX_KEYS_IN_MEMORY: usize = 128 * 1024;
/// Bytes of a bucket: a page of most disks.
const BUCKET_BYTES: usize = 4096;
/// Bytes in front of the entries of a bucket; the first two are their number.
const BUCKET_HEAD_BYTES: usize = 16;
/// A key and the ordinal of its record.
const ENTRY_BYTES: usize = 24;
/// Entries of a full bucket.
const MAX_ENTRIES: usize = (BUCKET_BYTES - BUCKET_HEAD_BYTES) / ENTRY_BYTES;
/// The most bits that tell a bucket: a file of 256 GiB, which holds some 7,000,000,000 keys.
const MAX_BUCKET_BITS: u32 = 26;
/// The most names that are tried for a new file.
const MAX_NAMES: u32 = 10_000;

/// What remembers keys.
pub struct Table {
    max_keys_in_memory: usize,
    max_bucket_bits: u32,
    /// Where a file may be made; none: there is memory only.
    folder: Option<PathBuf>,
    state: State,
}

enum State {
    Memory(HashMap<UniqueKey, u64>),
    File(Buckets),
}

impl Table {
    /// An empty table, which makes a file in `folder` when memory is full; the folder is made with it.
    pub fn in_folder(folder: Option<PathBuf>) -> Self {
        Self::with_limits(folder, MAX_KEYS_IN_MEMORY, MAX_BUCKET_BITS)
    }

    pub(super) fn with_limits(
        folder: Option<PathBuf>,
        max_keys_in_memory: usize,
        max_bucket_bits: u32,
    ) -> Self {
        Self {
            max_keys_in_memory,
            max_bucket_bits,
            folder,
            state: State::Memory(HashMap::new()),
        }
    }

    /// Bytes of the file; none where all is in memory.
    #[cfg(test)]
    pub(super) fn file_bytes(&self) -> Option<u64> {
        match &self.state {
            State::Memory(_) => None,
            State::File(buckets) => Some((BUCKET_BYTES as u64) << buckets.bits),
        }
    }
}

impl Seen for Table {
    fn first(&mut self, key: UniqueKey) -> Result<Option<u64>, Fatal> {
        match &mut self.state {
            State::Memory(keys) => Ok(keys.get(&key).copied()),
            State::File(buckets) => buckets.first(key).map_err(|error| broken(&error)),
        }
    }

    fn enter(&mut self, key: UniqueKey, ordinal: u64) -> Result<(), Fatal> {
        if let State::Memory(keys) = &mut self.state {
            if keys.len() < self.max_keys_in_memory {
                keys.insert(key, ordinal);
                return Ok(());
            }
            let Some(folder) = &self.folder else {
                return Err(full(keys.len() as u64));
            };
            let moved = Buckets::of(keys, folder).map_err(|error| broken(&error))?;
            self.state = State::File(moved);
        }
        if let State::File(buckets) = &mut self.state {
            while !buckets
                .enter(key, ordinal)
                .map_err(|error| broken(&error))?
            {
                if buckets.bits >= self.max_bucket_bits {
                    return Err(full(buckets.count));
                }
                buckets.split().map_err(|error| broken(&error))?;
            }
        }
        Ok(())
    }
}

/// A disk may be full or gone for a while: the run goes on later.
fn broken(error: &io::Error) -> Fatal {
    Fatal::transient(
        "unique_file",
        "the file of the values that must be unique cannot be written or read",
    )
    .hint("it lies in DATA_DIR, which wants up to 80 bytes for each record of the input")
    .because(error)
}

fn full(count: u64) -> Fatal {
    let message = format!("{count} values that must be unique are the most that are remembered");
    Fatal::new("unique_limit", message)
        .hint("split the file, or let a unique index of the target judge")
}

/// Buckets in a file.
struct Buckets {
    file: File,
    /// Bits of a key that tell its bucket.
    bits: u32,
    /// Keys in all buckets.
    count: u64,
    /// The bucket that was read last, and its number.
    last: Bucket,
    last_number: Option<u64>,
}

impl Buckets {
    /// A new file with these keys, with room for twice as many.
    fn of(keys: &HashMap<UniqueKey, u64>, folder: &Path) -> io::Result<Self> {
        let wanted = (keys.len() * 2).div_ceil(MAX_ENTRIES).max(2);
        let mut buckets = Self {
            file: nameless(folder)?,
            bits: wanted.next_power_of_two().trailing_zeros(),
            count: 0,
            last: Bucket::empty(),
            last_number: None,
        };
        buckets
            .file
            .set_len((BUCKET_BYTES as u64) << buckets.bits)?;
        let mut sorted: Vec<(UniqueKey, u64)> = keys.iter().map(|(key, at)| (*key, *at)).collect();
        sorted.sort_unstable();
        for (key, ordinal) in sorted {
            while !buckets.enter(key, ordinal)? {
                buckets.split()?;
            }
        }
        Ok(buckets)
    }

    fn first(&mut self, key: UniqueKey) -> io::Result<Option<u64>> {
        self.load(key)?;
        Ok(self.last.find(key))
    }

    /// False where the key's bucket is full.
    fn enter(&mut self, key: UniqueKey, ordinal: u64) -> io::Result<bool> {
        let number = self.load(key)?;
        if !self.last.push(key, ordinal) {
            return Ok(false);
        }
        self.last.write(&self.file, number)?;
        self.count += 1;
        Ok(true)
    }

    /// Reads the bucket of `key`, and gives its number.
    fn load(&mut self, key: UniqueKey) -> io::Result<u64> {
        let number = (key >> (UniqueKey::BITS - self.bits)) as u64;
        if self.last_number != Some(number) {
            // While it is being read it is no bucket.
            self.last_number = None;
            self.last.read(&self.file, number)?;
            self.last_number = Some(number);
        }
        Ok(number)
    }

    /// Splits every bucket by one more bit, the last one first: the two halves of a bucket never lie before it, so
    /// none is written over that is still to be read.
    fn split(&mut self) -> io::Result<()> {
        self.last_number = None;
        let bits = self.bits + 1;
        self.file.set_len((BUCKET_BYTES as u64) << bits)?;
        for number in (0..1_u64 << self.bits).rev() {
            self.last.read(&self.file, number)?;
            let mut halves = [Bucket::empty(), Bucket::empty()];
            for (key, ordinal) in self.last.entries() {
                let half = (key >> (UniqueKey::BITS - bits)) as usize & 1;
                halves[half].push(key, ordinal);
            }
            for (half, at) in halves.iter().zip(number * 2..) {
                half.write(&self.file, at)?;
            }
        }
        self.bits = bits;
        Ok(())
    }
}

/// A page of entries, in no order.
struct Bucket(Box<[u8; BUCKET_BYTES]>);

impl Bucket {
    fn empty() -> Self {
        Self(Box::new([0; BUCKET_BYTES]))
    }

    fn len(&self) -> usize {
        usize::from(u16::from_be_bytes([self.0[0], self.0[1]])).min(MAX_ENTRIES)
    }

    fn entries(&self) -> impl Iterator<Item = (UniqueKey, u64)> {
        let entries = self.0[BUCKET_HEAD_BYTES..].as_chunks::<ENTRY_BYTES>().0;
        entries[..self.len()].iter().map(|entry| {
            let (mut key, mut ordinal) = ([0; 16], [0; 8]);
            key.copy_from_slice(&entry[..16]);
            ordinal.copy_from_slice(&entry[16..]);
            (UniqueKey::from_be_bytes(key), u64::from_be_bytes(ordinal))
        })
    }

    fn find(&self, wanted: UniqueKey) -> Option<u64> {
        let found = self.entries().find(|(key, _)| *key == wanted);
        found.map(|(_, ordinal)| ordinal)
    }

    /// False where it is full.
    fn push(&mut self, key: UniqueKey, ordinal: u64) -> bool {
        let count = self.len();
        if count == MAX_ENTRIES {
            return false;
        }
        let at = BUCKET_HEAD_BYTES + count * ENTRY_BYTES;
        self.0[at..at + 16].copy_from_slice(&key.to_be_bytes());
        self.0[at + 16..at + ENTRY_BYTES].copy_from_slice(&ordinal.to_be_bytes());
        self.0[..2].copy_from_slice(&((count + 1) as u16).to_be_bytes());
        true
    }

    fn read(&mut self, file: &File, number: u64) -> io::Result<()> {
        file.read_exact_at(&mut self.0[..], number * BUCKET_BYTES as u64)
    }

    fn write(&self, file: &File, number: u64) -> io::Result<()> {
        file.write_all_at(&self.0[..], number * BUCKET_BYTES as u64)
    }
}

/// A new file in `folder` whose name is gone: it ends with the process at the latest.
fn nameless(folder: &Path) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    for number in 0..MAX_NAMES {
        let path = folder.join(format!("unique-{}-{number}.part", std::process::id()));
        match options.open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
