//! The source's contract: bytes, in order, of one pinned version of an object.

use crate::Fatal;
use async_trait::async_trait;
use bytes::BytesMut;

/// A stream of bytes that is pulled: nothing is read before there is room for it.
///
/// Unpackers (gzip, zstd) are sources around a source. An implementation bounds what it reads ahead, in
/// bytes, and heals what it can (a cut connection) by itself.
#[async_trait]
pub trait Source: Send {
    /// Appends the next bytes to `into`, at most what its spare capacity or 256 KiB takes, and says how
    /// many; 0 is the end.
    ///
    /// # Errors
    /// `source_changed`, `truncated`, `corrupt`, `bomb`, or what the transport says, with whether
    /// another attempt may help.
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal>;

    /// Bytes taken from the stored object so far (compressed where it is), for progress.
    fn bytes_read(&self) -> u64;
}
