//! A writer of a zip archive of one deflated file, whose sizes stand behind it, so that nothing is written twice. Its name
//! is the spec's `member` with something for each `*` and `?`. Files of 4 GiB and more have sizes of 64 bits.

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use std::io::{Result, Write};

/// What stands in place of `*` and `?` in a name, and the name where a spec says none.
const FOR_ANY: &str = "data";
const FOR_ONE: &str = "1";
const NAME: &str = "data";

/// Flags: the sizes stand behind the data, the name is UTF-8. The method is deflate; the time is the format's first.
const FLAGS: u16 = 1 << 3 | 1 << 11;
const DEFLATED: u16 = 8;
const FIRST_DAY: u32 = 0x0021_0000;
const VERSION: u16 = 45;

/// The writer.
pub struct ZipEncoder<W: Write> {
    encoder: DeflateEncoder<Counted<W>>,
    crc: Crc,
    bytes: u64,
    header_bytes: u64,
    name: String,
}

struct Counted<W> {
    to: W,
    bytes: u64,
}

impl<W: Write> ZipEncoder<W> {
    pub(super) fn new(to: W, member: Option<&str>) -> Result<Self> {
        let name = member.unwrap_or(NAME);
        let name = name.replace('*', FOR_ANY).replace('?', FOR_ONE);
        let mut to = Counted { to, bytes: 0 };
        let mut header = b"PK\x03\x04".to_vec();
        common(&mut header, [0; 3], &name);
        // Sizes of 64 bits, so that those behind the data have them too.
        header.extend_from_slice(&20u16.to_le_bytes());
        header.extend_from_slice(name.as_bytes());
        header.extend_from_slice(&wide(0, 0));
        to.write_all(&header)?;
        Ok(Self {
            header_bytes: to.bytes,
            encoder: DeflateEncoder::new(to, Compression::default()),
            crc: Crc::new(),
            bytes: 0,
            name,
        })
    }

    /// Writes what is left, and gives back what was written into.
    pub(super) fn finish(self) -> Result<W> {
        let (crc, bytes, name) = (self.crc.sum(), self.bytes, self.name);
        let mut to = self.encoder.finish()?;
        let packed_bytes = to.bytes - self.header_bytes;
        let mut end = b"PK\x07\x08".to_vec();
        end.extend_from_slice(&crc.to_le_bytes());
        end.extend_from_slice(&packed_bytes.to_le_bytes());
        end.extend_from_slice(&bytes.to_le_bytes());
        let start = to.bytes + end.len() as u64;
        let mut listed = b"PK\x01\x02".to_vec();
        listed.extend_from_slice(&VERSION.to_le_bytes());
        common(&mut listed, [crc, u32::MAX, u32::MAX], &name);
        listed.extend_from_slice(&20u16.to_le_bytes());
        // No comment, disk, attributes; at the archive's start.
        listed.extend_from_slice(&[0; 14]);
        listed.extend_from_slice(name.as_bytes());
        listed.extend_from_slice(&wide(bytes, packed_bytes));
        end.extend_from_slice(&listed);
        let listed_bytes = listed.len() as u64;
        end.extend_from_slice(b"PK\x06\x06");
        end.extend_from_slice(&44u64.to_le_bytes());
        end.extend_from_slice(&[VERSION.to_le_bytes(), VERSION.to_le_bytes()].concat());
        end.extend_from_slice(&[0; 8]);
        for number in [1, 1, listed_bytes, start] {
            end.extend_from_slice(&number.to_le_bytes());
        }
        end.extend_from_slice(b"PK\x06\x07\0\0\0\0");
        end.extend_from_slice(&(start + listed_bytes).to_le_bytes());
        end.extend_from_slice(&1u32.to_le_bytes());
        end.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
        end.extend_from_slice(&(listed_bytes as u32).to_le_bytes());
        end.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0, 0]);
        to.write_all(&end)?;
        Ok(to.to)
    }
}

/// What a header and a directory's entry have in common, up to the length of the name.
fn common(into: &mut Vec<u8>, sums: [u32; 3], name: &str) {
    for number in [VERSION, FLAGS, DEFLATED] {
        into.extend_from_slice(&number.to_le_bytes());
    }
    into.extend_from_slice(&FIRST_DAY.to_le_bytes());
    for number in sums {
        into.extend_from_slice(&number.to_le_bytes());
    }
    into.extend_from_slice(&(name.len() as u16).to_le_bytes());
}

/// The extra field of sizes of 64 bits.
fn wide(bytes: u64, packed_bytes: u64) -> Vec<u8> {
    let mut field = [1u16.to_le_bytes(), 16u16.to_le_bytes()].concat();
    field.extend_from_slice(&bytes.to_le_bytes());
    field.extend_from_slice(&packed_bytes.to_le_bytes());
    field
}

impl<W: Write> Write for ZipEncoder<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let count = self.encoder.write(bytes)?;
        self.crc.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> Result<()> {
        self.encoder.flush()
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let count = self.to.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush()
    }
}
