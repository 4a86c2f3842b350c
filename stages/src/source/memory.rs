//! Bytes in memory as an input: the examples of a spec, and tests.

use super::{Origin, Pinned};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use pipeline::{Fatal, Source};

/// The most bytes that one read appends.
const READ_BYTES: usize = 64 * 1024;

/// Bytes that are an input.
pub struct MemoryOrigin {
    bytes: Bytes,
    pinned: Pinned,
}

impl MemoryOrigin {
    /// An input of `bytes` with the name `name`.
    pub fn new(name: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let size_bytes = Some(bytes.len() as u64);
        Self {
            bytes,
            pinned: Pinned {
                size_bytes,
                content: None,
                name: name.to_owned(),
            },
        }
    }
}

#[async_trait]
impl Origin for MemoryOrigin {
    fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal> {
        let from = (offset as usize).min(self.bytes.len());
        Ok(Box::new(MemorySource {
            rest: self.bytes.slice(from..),
            read: 0,
        }))
    }
}

struct MemorySource {
    rest: Bytes,
    read: u64,
}

#[async_trait]
impl Source for MemorySource {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let piece = self.rest.split_to(self.rest.len().min(READ_BYTES));
        into.extend_from_slice(&piece);
        self.read += piece.len() as u64;
        Ok(piece.len())
    }

    fn bytes_read(&self) -> u64 {
        self.read
    }
}
