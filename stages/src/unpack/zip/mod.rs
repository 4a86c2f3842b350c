//! The unpacker `zip`: one file of a zip archive, read forward only.
//!
//! Which one is said by a pattern that matches the whole name of exactly one file; without a pattern the archive
//! must hold exactly one. Folders do not count. Local headers are read as they come, with their sizes of 64 bits,
//! or with the sizes behind deflated data. What is encrypted, packed by another method, or stored without a size is
//! refused by its name where it is chosen or cannot be passed over.
//!
//! The archive is read to its end behind the chosen file too: a second match fails the job with `member_ambiguous`, an
//! archive that ends before its end with `truncated`, and one whose directory does not list what was found with
//! `corrupt`. Checksum and sizes of the chosen file are verified, a mismatch is `truncated`. What came before stays.
//! Memory is one header of at most [`MAX_NAME_BYTES`] and 64 KiB, and one window.

mod body;
mod header;

use super::UnpackLimits;
use super::decode::{Decode, Step};
use crate::glob::name_matches;
use body::Body;
use header::{Fields, HEADER_BYTES, Header, LISTED_BYTES, Listed, Sums, shown};
use pipeline::Fatal;

/// The most files and folders of an archive.
pub const MAX_MEMBERS: u32 = 65_535;
/// The most bytes of the name of a file in an archive.
pub const MAX_NAME_BYTES: usize = 4096;
/// The most names that a message lists.
const MAX_NAMES_SHOWN: usize = 10;

/// What begins with these bytes, and what follows them at least.
const FILE: &[u8] = b"PK\x03\x04";
const LISTED: &[u8] = b"PK\x01\x02";
const SIGNATURE: &[u8] = b"PK\x05\x05";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const END: &[u8] = b"PK\x05\x06";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
const LOCATOR_64_BYTES: u64 = 16;
const END_BYTES: usize = 18;

/// The decoder of zip archives.
pub(super) struct Zip {
    /// The pattern of the name that is sought.
    member: Option<String>,
    limits: UnpackLimits,
    state: State,
    /// The bytes of what is being collected, as far as they came.
    held: Vec<u8>,
    /// How many of them there must be.
    wanted: usize,
    members: u32,
    listed: u32,
    /// The first names, as they are shown.
    names: Vec<String>,
    chosen: Option<Chosen>,
}

/// The file that is handed out.
struct Chosen {
    raw_name: Vec<u8>,
    shown: String,
    /// Once it is read.
    crc: Option<u32>,
    is_listed: bool,
}

/// What is being read.
enum State {
    Signature,
    Header,
    Name(Header),
    Body(Box<Body>, Header, bool),
    Descriptor(Header, Sums),
    /// So many bytes are passed over.
    Skip(u64),
    Listed,
    ListedName(Listed),
    /// A part of the directory that says its length first, in so many bytes.
    Sized(usize),
    End,
    /// The comment at the end: so many bytes.
    Comment(u64),
    /// Behind the end.
    Padding,
}

impl Zip {
    pub fn new(member: Option<String>, limits: UnpackLimits) -> Self {
        Self {
            member,
            limits,
            state: State::Signature,
            held: Vec::new(),
            wanted: FILE.len(),
            members: 0,
            listed: 0,
            names: Vec::new(),
            chosen: None,
        }
    }

    fn collect(&mut self, state: State, bytes: usize) {
        (self.state, self.wanted) = (state, bytes);
        self.held.clear();
    }

    /// Passes over so many bytes, up to the next signature.
    fn skip(&mut self, bytes: u64) {
        match bytes {
            0 => self.collect(State::Signature, FILE.len()),
            bytes => self.state = State::Skip(bytes),
        }
    }

    /// Goes on from what was collected.
    fn advance(&mut self) -> Result<(), Fatal> {
        let held = std::mem::take(&mut self.held);
        match std::mem::replace(&mut self.state, State::Padding) {
            State::Signature => self.signature(&held)?,
            State::Header => {
                let header = Header::of(&held);
                if header.name_bytes > MAX_NAME_BYTES {
                    let message = format!(
                        "a name in the zip archive has {} bytes; at most {MAX_NAME_BYTES} are read",
                        header.name_bytes
                    );
                    return Err(Fatal::new("member_name_too_long", message));
                }
                let bytes = header.name_bytes + header.extra_bytes;
                self.collect(State::Name(header), bytes);
            }
            State::Name(mut header) => {
                let (name, extra) = held.split_at(header.name_bytes);
                header.named(name, extra)?;
                self.begin(header)?;
            }
            State::Descriptor(header, came) => match described(&held, came, header.is_zip64) {
                Described::Whole => self.collect(State::Signature, FILE.len()),
                Described::Wants(bytes) => {
                    self.collect(State::Descriptor(header, came), bytes);
                    self.held = held;
                }
                Described::Differs => return Err(mismatch()),
            },
            State::Listed => {
                let listed = Listed::of(&held);
                let bytes = listed.name_bytes;
                self.collect(State::ListedName(listed), bytes);
            }
            State::ListedName(listed) => {
                self.listed = self.listed.saturating_add(1);
                if let Some(chosen) = &mut self.chosen {
                    chosen.is_listed |= chosen.raw_name == held && chosen.crc == Some(listed.crc);
                }
                self.skip(listed.rest_bytes as u64);
            }
            State::Sized(2) => self.skip(Fields(&held).u16().into()),
            State::Sized(_) => self.skip(Fields(&held).u64()),
            State::End => {
                let mut fields = Fields(&held);
                fields.skip(END_BYTES - 2);
                self.state = State::Comment(fields.u16().into());
            }
            state @ (State::Body(..) | State::Skip(_) | State::Comment(_) | State::Padding) => {
                self.state = state;
            }
        }
        Ok(())
    }

    fn signature(&mut self, signature: &[u8]) -> Result<(), Fatal> {
        let in_directory = self.listed > 0;
        match signature {
            FILE if !in_directory => self.collect(State::Header, HEADER_BYTES),
            LISTED => self.collect(State::Listed, LISTED_BYTES),
            SIGNATURE => self.collect(State::Sized(2), 2),
            END_64 => self.collect(State::Sized(8), 8),
            LOCATOR_64 => self.skip(LOCATOR_64_BYTES),
            END => self.collect(State::End, END_BYTES),
            _ if self.members == 0 => {
                return Err(corrupt("it does not begin as a zip archive does"));
            }
            _ => {
                return Err(corrupt(
                    "what follows a file is neither a file nor the directory",
                ));
            }
        }
        Ok(())
    }

    /// Begins with the file whose header was read.
    fn begin(&mut self, header: Header) -> Result<(), Fatal> {
        self.members += 1;
        if self.members > MAX_MEMBERS {
            let message = format!("the zip archive holds more than {MAX_MEMBERS} files");
            return Err(Fatal::new("too_many_members", message).hint("split the archive"));
        }
        let name = shown(&header.name);
        let is_match = match &self.member {
            _ if header.is_folder() => false,
            Some(pattern) => name_matches(pattern, &header.name),
            None => true,
        };
        if !header.is_folder() && self.names.len() < MAX_NAMES_SHOWN {
            self.names.push(name.clone());
        }
        if is_match && let Some(first) = &self.chosen {
            return Err(self.ambiguous(&first.shown, &name));
        }
        // What is not wanted needs not be read where its size is known.
        match header.sums() {
            Some(sums) if !is_match => {
                self.skip(sums.packed_bytes);
                return Ok(());
            }
            _ => {}
        }
        let method = header.method()?;
        if is_match {
            self.chosen = Some(Chosen {
                raw_name: header.raw_name.clone(),
                shown: name,
                crc: None,
                is_listed: false,
            });
        }
        let body = Body::new(method, header.sums(), is_match, self.limits);
        self.state = State::Body(Box::new(body), header, is_match);
        Ok(())
    }

    /// Goes on behind the file that was read.
    fn finish(&mut self, header: Header, is_chosen: bool, came: Sums) {
        if is_chosen && let Some(chosen) = &mut self.chosen {
            chosen.crc = Some(came.crc);
        }
        match header.sums() {
            Some(_) => self.collect(State::Signature, FILE.len()),
            None => self.collect(State::Descriptor(header, came), 4),
        }
    }

    /// Judges the archive at its end.
    fn judge(&self) -> Result<(), Fatal> {
        match &self.chosen {
            _ if self.listed != self.members => Err(corrupt(&format!(
                "it holds {} files, and its directory lists {}",
                self.members, self.listed
            ))),
            None => Err(self.not_found()),
            Some(chosen) if !chosen.is_listed => Err(corrupt(&format!(
                "its directory lists no {} with that checksum",
                chosen.shown
            ))),
            Some(_) => Ok(()),
        }
    }

    fn not_found(&self) -> Fatal {
        let message = match &self.member {
            Some(pattern) if !self.names.is_empty() => format!(
                "no file of the zip archive is called {}; the first are {}",
                shown(pattern),
                self.names.join(", ")
            ),
            _ => "the zip archive holds no file".to_owned(),
        };
        Fatal::new("member_not_found", message)
            .hint("[input] member names one, with its folders; * is any text")
    }

    fn ambiguous(&self, first: &str, second: &str) -> Fatal {
        let message = match &self.member {
            Some(pattern) => format!(
                "several files of the zip archive are called {}: {first}, {second}",
                shown(pattern)
            ),
            None => format!(
                "the zip archive holds several files: {}",
                self.names.join(", ")
            ),
        };
        Fatal::new("member_ambiguous", message)
            .hint("[input] member = \"orders.csv\" chooses one; * is any text")
    }
}

impl Decode for Zip {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut step = Step::default();
        loop {
            let left = &input[step.taken..];
            match &mut self.state {
                State::Body(body, ..) => {
                    let came = body.decode(left, output);
                    step.taken += came.taken;
                    (step.given, step.failed) = (came.given, came.failed);
                    if step.failed.is_some() {
                        return step;
                    }
                    let Some(sums) = body.ended() else {
                        return step;
                    };
                    let state = std::mem::replace(&mut self.state, State::Padding);
                    if let State::Body(_, header, is_chosen) = state {
                        self.finish(header, is_chosen, sums);
                    }
                    if step.given > 0 {
                        return step;
                    }
                }
                State::Skip(bytes) | State::Comment(bytes) => {
                    let count = (*bytes).min(left.len() as u64);
                    *bytes -= count;
                    step.taken += count as usize;
                    if *bytes > 0 {
                        return step;
                    }
                    let is_end = matches!(self.state, State::Comment(_));
                    match is_end {
                        true => self.state = State::Padding,
                        false => self.collect(State::Signature, FILE.len()),
                    }
                    if is_end {
                        step.failed = self.judge().err();
                        return step;
                    }
                }
                State::Padding => {
                    if left.iter().any(|byte| *byte != 0) {
                        step.failed = Some(corrupt("other bytes follow its end"));
                    }
                    step.taken = input.len();
                    return step;
                }
                _ => {
                    let count = left.len().min(self.wanted - self.held.len());
                    self.held.extend_from_slice(&left[..count]);
                    step.taken += count;
                    if self.held.len() < self.wanted {
                        return step;
                    }
                    if let Err(fatal) = self.advance() {
                        step.failed = Some(fatal);
                        return step;
                    }
                }
            }
        }
    }

    fn end(&self) -> Result<(), Fatal> {
        match self.state {
            State::Padding => Ok(()),
            _ => Err(
                Fatal::new("truncated", "the zip archive ends before its end")
                    .hint("it was cut while it was written or transferred: get it again"),
            ),
        }
    }
}

/// What sizes behind the data say.
enum Described {
    Whole,
    /// So many bytes tell.
    Wants(usize),
    Differs,
}

/// Compares what stands behind the data with what came. Its signature may be missing, and writers do not agree when
/// sizes have 64 bits, so what came says how it is to be read.
fn described(held: &[u8], came: Sums, is_zip64: bool) -> Described {
    let signature_bytes = if held.starts_with(DESCRIPTOR) { 4 } else { 0 };
    let narrow_bytes = signature_bytes + 12;
    if held.len() < narrow_bytes {
        return Described::Wants(narrow_bytes);
    }
    let mut fields = Fields(&held[signature_bytes..]);
    if fields.u32() != came.crc {
        return Described::Differs;
    }
    let sizes = fields.0;
    let narrow = (u64::from(fields.u32()), u64::from(fields.u32()));
    // An empty file looks the same in both ways, up to here.
    let is_narrow = narrow == (came.packed_bytes, came.bytes) && !(is_zip64 && came.bytes == 0);
    let wide_bytes = narrow_bytes + 8;
    if is_narrow {
        return Described::Whole;
    }
    if held.len() < wide_bytes {
        return Described::Wants(wide_bytes);
    }
    let mut fields = Fields(sizes);
    match (fields.u64(), fields.u64()) == (came.packed_bytes, came.bytes) {
        true => Described::Whole,
        false => Described::Differs,
    }
}

fn unsupported(name: &str, why: &str) -> Fatal {
    let message = format!("{name} in the zip archive cannot be read: {why}");
    Fatal::new("unsupported_compression", message)
        .hint("make the archive with zip, which deflates, or unpack it first")
}

/// A file that does not end as it says: told as one that was cut.
fn mismatch() -> Fatal {
    let message = "the zip archive is damaged: checksum or size of a file do not match";
    Fatal::new("truncated", message).hint("unzip -t says the same of a damaged file: get it again")
}

fn corrupt(why: &str) -> Fatal {
    Fatal::new("corrupt", format!("the zip archive is corrupt: {why}"))
        .hint("unzip -t says the same of a damaged file: get it again")
}

#[cfg(test)]
mod tests;
