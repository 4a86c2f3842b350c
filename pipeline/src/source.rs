//! The source's contract: bytes, in order, of one pinned version of an object.

use crate::Fatal;
use async_trait::async_trait;
use bytes::BytesMut;

/// The most that one [`Source::read`] appends, in bytes.
pub const MAX_READ_BYTES: usize = 256 * 1024;

/// A stream of bytes that is pulled: nothing is read before there is room for it.
///
/// Unpackers (gzip, zstd, bzip2, xz, zip) are sources around a source. An implementation bounds what it reads ahead, in
/// bytes, and heals what it can (a cut connection) by itself.
#[async_trait]
pub trait Source: Send {
    /// Appends the next bytes to `into`, at most [`room`] for them, and says how many; 0 is the end.
    /// What was read before an error is given first: the call after it gives the error.
    ///
    /// # Errors
    /// `source_changed`, `truncated`, `corrupt`, `bomb`, or what the transport says, with whether
    /// another attempt may help.
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal>;

    /// Bytes taken from the stored object so far (compressed where it is), for progress. A source that
    /// was opened at an offset counts what lies before it too.
    fn bytes_read(&self) -> u64;
}

/// How many bytes a read may append to `into`: its spare capacity, [`MAX_READ_BYTES`] where it has none,
/// and never more than that.
pub fn room(into: &BytesMut) -> usize {
    match into.capacity() - into.len() {
        0 => MAX_READ_BYTES,
        spare => spare.min(MAX_READ_BYTES),
    }
}
