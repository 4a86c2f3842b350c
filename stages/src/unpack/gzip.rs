//! The unpacker `gzip`: every member of a gzip file (RFC 1952), each with its checksum and length verified.
//!
//! The container is read here, so that each error has its class: an input that ends anywhere but behind a
//! member is `truncated`, and so is one whose checksum or length does not match what came; everything else that is
//! wrong is `corrupt`. Zero bytes behind the last member are
//! padding, as of tapes; anything else there is `corrupt`. Memory is one window of 32 KiB.

use super::decode::{Decode, Step};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use pipeline::Fatal;

/// The most bytes of one member's header, with its file name and its comment.
const MAX_HEADER_BYTES: usize = 128 * 1024;

/// RFC 1952, section 2.3.1: which parts the header has.
const HAS_CHECK: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// The decoder of gzip.
pub(super) struct Gzip {
    state: State,
    inflate: Decompress,
    /// Of the open member's bytes.
    crc: Crc,
}

enum State {
    /// In a member's header.
    Header(Header),
    /// In a member's deflated data.
    Body,
    /// In a member's checksum and length; so many of their bytes are read.
    Trailer([u8; 8], usize),
    /// Behind a member.
    Between,
    /// In the zero bytes behind the last member.
    Padding,
}

impl Gzip {
    pub fn new() -> Self {
        Self {
            state: State::Header(Header::default()),
            inflate: Decompress::new(false),
            crc: Crc::new(),
        }
    }

    /// Takes one byte of what is not deflated data.
    fn take(&mut self, byte: u8) -> Result<(), Fatal> {
        match &mut self.state {
            State::Header(header) => {
                if header.take(byte)? {
                    self.inflate.reset(false);
                    self.crc.reset();
                    self.state = State::Body;
                }
            }
            State::Trailer(bytes, filled) => {
                bytes[*filled] = byte;
                *filled += 1;
                if *filled == bytes.len() {
                    let [a, b, c, d, length @ ..] = *bytes;
                    self.verify(u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes(length))?;
                    self.state = State::Between;
                }
            }
            State::Between if byte != 0 => {
                let mut header = Header::default();
                header
                    .take(byte)
                    .map_err(|_| corrupt("other bytes follow a member"))?;
                self.state = State::Header(header);
            }
            State::Between => self.state = State::Padding,
            State::Padding if byte == 0 => {}
            State::Padding => return Err(corrupt("other bytes follow the padding")),
            State::Body => {}
        }
        Ok(())
    }

    fn verify(&self, crc: u32, length: u32) -> Result<(), Fatal> {
        if crc != self.crc.sum() {
            return Err(mismatch("checksum"));
        }
        // Both count modulo 2^32.
        if length != self.crc.amount() {
            return Err(mismatch("length"));
        }
        Ok(())
    }

    fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (taken, given) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(input, output, FlushDecompress::None);
        let taken = (self.inflate.total_in() - taken) as usize;
        let given = (self.inflate.total_out() - given) as usize;
        self.crc.update(&output[..given]);
        if let Ok(Status::StreamEnd) = status {
            self.state = State::Trailer([0; 8], 0);
        }
        Step {
            taken,
            given,
            failed: status
                .err()
                .map(|error| corrupt("the deflated data is invalid").because(&error)),
        }
    }
}

impl Decode for Gzip {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut step = Step::default();
        while let Some(&byte) = input.get(step.taken)
            && !matches!(self.state, State::Body)
        {
            step.taken += 1;
            if let Err(fatal) = self.take(byte) {
                step.failed = Some(fatal);
                return step;
            }
        }
        if let State::Body = self.state {
            let inflated = self.inflate(&input[step.taken..], output);
            step.taken += inflated.taken;
            step.given = inflated.given;
            step.failed = inflated.failed;
        }
        step
    }

    fn end(&self) -> Result<(), Fatal> {
        match self.state {
            State::Between | State::Padding => Ok(()),
            State::Header(_) | State::Body | State::Trailer(..) => Err(truncated()),
        }
    }
}

fn truncated() -> Fatal {
    Fatal::new("truncated", "the gzip input ends before its end")
        .hint("it was cut while it was written or transferred: get it again")
}

/// A member that does not end as it says: told as one that was cut.
fn mismatch(what: &str) -> Fatal {
    Fatal::new(
        "truncated",
        format!("the gzip input is damaged: the {what} at the end of a member does not match"),
    )
    .hint("gzip -t says the same of a damaged file: get it again")
}

fn corrupt(why: &str) -> Fatal {
    Fatal::new("corrupt", format!("the gzip input is corrupt: {why}"))
        .hint("gzip -t says the same of a damaged file: get it again")
}

/// A member's header, as far as it is read.
#[derive(Default)]
struct Header {
    part: Part,
    flags: u8,
    /// Of the bytes so far.
    crc: Crc,
}

#[derive(Default)]
enum Part {
    /// The ten bytes that each header has; so many are read.
    #[default]
    Magic,
    Method,
    Flags,
    /// Time, level and system: so many bytes are left.
    Fixed(u8),
    ExtraLength(Option<u8>),
    Extra(u16),
    Name,
    Comment,
    Check(u16, Option<u8>),
}

impl Header {
    /// Takes the next byte; says whether it was the last.
    fn take(&mut self, byte: u8) -> Result<bool, Fatal> {
        let at = self.crc.amount() as usize;
        if at >= MAX_HEADER_BYTES {
            return Err(corrupt("a member's header is too long"));
        }
        self.crc.update(&[byte]);
        self.part = match self.part {
            Part::Magic if byte != [0x1f, 0x8b][at] => {
                return Err(corrupt("it does not begin as gzip does"));
            }
            Part::Magic if at == 0 => Part::Magic,
            Part::Magic => Part::Method,
            Part::Method if byte != 8 => return Err(corrupt("its method is not deflate")),
            Part::Method => Part::Flags,
            Part::Flags if byte & RESERVED != 0 => {
                return Err(corrupt("its header has unknown flags"));
            }
            Part::Flags => {
                self.flags = byte;
                Part::Fixed(6)
            }
            Part::Fixed(1) => return self.next(HAS_EXTRA),
            Part::Fixed(left) => Part::Fixed(left - 1),
            Part::ExtraLength(None) => Part::ExtraLength(Some(byte)),
            Part::ExtraLength(Some(low)) => match u16::from_le_bytes([low, byte]) {
                0 => return self.next(HAS_NAME),
                left => Part::Extra(left),
            },
            Part::Extra(1) => return self.next(HAS_NAME),
            Part::Extra(left) => Part::Extra(left - 1),
            Part::Name if byte == 0 => return self.next(HAS_COMMENT),
            Part::Name => Part::Name,
            Part::Comment if byte == 0 => return self.next(HAS_CHECK),
            Part::Comment => Part::Comment,
            Part::Check(sum, None) => Part::Check(sum, Some(byte)),
            Part::Check(sum, Some(low)) if sum == u16::from_le_bytes([low, byte]) => {
                return Ok(true);
            }
            Part::Check(..) => return Err(corrupt("its header's checksum does not match")),
        };
        Ok(false)
    }

    /// Goes on with the first part that the header has, `from` or behind it; says whether there is none.
    fn next(&mut self, from: u8) -> Result<bool, Fatal> {
        // In the order of the file, which is not the order of the bits.
        let parts = [
            (HAS_EXTRA, Part::ExtraLength(None)),
            (HAS_NAME, Part::Name),
            (HAS_COMMENT, Part::Comment),
            (HAS_CHECK, Part::Check(self.crc.sum() as u16, None)),
        ];
        let mut rest = parts.into_iter().skip_while(|(flag, _)| *flag != from);
        match rest.find(|(flag, _)| self.flags & flag != 0) {
            Some((_, part)) => {
                self.part = part;
                Ok(false)
            }
            None => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests;
