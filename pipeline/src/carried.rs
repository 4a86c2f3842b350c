//! What records are carried to those behind them: the latest of each kind whose values later records need.
//!
//! A header says what holds for the details below it. So the framer marks such records ([`crate::Frame::carries`]),
//! each block says which of them were the last before it ([`crate::Block::carried`]), and the checkpoint keeps those
//! before its end: a run that goes on in the middle of a file knows them without reading it again. The raw record is
//! kept, not what was made of it, so that it is read by the same code wherever a run starts.

use crate::{Block, Fatal, Position};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most bytes of all carried records together, with what stands around them.
pub const MAX_CARRIED_BYTES: usize = 64 * 1024;

/// The latest record of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Carried {
    /// Its kind ([`crate::Frame::kind`]).
    pub kind: u8,
    /// Where it stands.
    pub at: Position,
    /// Its raw bytes, line end included; none where the framer broke it off, so that what it says is not known.
    #[serde(with = "hexadecimal")]
    pub raw: Option<Bytes>,
    /// What its parser must know of the input before it ([`Block::context`]).
    #[serde(with = "hexadecimal")]
    pub context: Option<Bytes>,
}

impl Carried {
    /// Record `index` of `block`.
    pub(crate) fn of(block: &Block, index: usize) -> Self {
        let frame = &block.frames[index];
        let raw = || Bytes::copy_from_slice(block.raw(index));
        Self {
            kind: frame.kind,
            at: block.position(index),
            raw: frame.broken.is_none().then(raw),
            context: (!block.context.is_empty()).then(|| block.context.clone()),
        }
    }

    fn bytes(&self) -> usize {
        let len = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        len(&self.raw) + len(&self.context)
    }
}

impl Block {
    /// What is carried to record `index`, from the records before it; behind the last one, to the next block.
    pub fn carried_to(&self, index: usize) -> Vec<Carried> {
        let Some(before) = &self.carried else {
            return Vec::new();
        };
        let mut all: Vec<Carried> = Vec::new();
        let is_new = |all: &[Carried], kind| all.iter().all(|other| other.kind != kind);
        // Of several only the last one counts: the others need not be copied.
        for (at, frame) in self.frames[..index].iter().enumerate().rev() {
            if frame.carries && is_new(&all, frame.kind) {
                all.push(Carried::of(self, at));
            }
        }
        for one in before {
            if is_new(&all, one.kind) {
                all.push(one.clone());
            }
        }
        all.sort_by_key(|one| one.kind);
        all
    }
}

/// Checks that what is carried fits into a checkpoint.
///
/// # Errors
/// `context_too_large`.
pub fn check_carried(all: &[Carried]) -> Result<(), Fatal> {
    let bytes: usize = all.iter().map(Carried::bytes).sum();
    if bytes <= MAX_CARRIED_BYTES {
        return Ok(());
    }
    let at = all.iter().map(|one| one.at).max();
    let message = format!(
        "the records whose values later ones need have {bytes} bytes at line {}, more than {MAX_CARRIED_BYTES}",
        at.map_or(0, |at| at.line)
    );
    let hint = "they are kept in every checkpoint: `use = \"context\"` is for short records, such as headers";
    Err(Fatal::new("context_too_large", message).hint(hint))
}

/// Bytes that need not be text, as hexadecimal digits.
mod hexadecimal {
    use super::{Bytes, Deserialize, Deserializer, Serialize, Serializer};
    use serde::de::Error;

    pub fn serialize<S: Serializer>(bytes: &Option<Bytes>, to: S) -> Result<S::Ok, S::Error> {
        let digits = |bytes: &Bytes| {
            let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
            let both = bytes
                .iter()
                .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
            both.collect::<String>()
        };
        bytes.as_ref().map(digits).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Bytes>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let Some(text) = text else { return Ok(None) };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let pairs = text.as_bytes().chunks(2).map(|pair| match *pair {
            [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
            _ => None,
        });
        let bytes: Option<Vec<u8>> = pairs.collect();
        let wrong = || D::Error::custom("a carried record must be pairs of hexadecimal digits");
        Ok(Some(bytes.ok_or_else(wrong)?.into()))
    }
}
