//! Sources that bound another one: at most so many bytes, or not the first so many.

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pipeline::{Fatal, MAX_READ_BYTES, Source, room};

/// A source that ends with `file_too_large` behind its limit, for input whose size is not known before.
pub(super) struct Limited<S> {
    source: S,
    max_bytes: Option<u64>,
    given_bytes: u64,
    /// The source gave more than is allowed.
    exceeded: bool,
}

impl<S: Source> Limited<S> {
    /// No limit without `max_bytes`.
    pub fn new(source: S, max_bytes: Option<u64>) -> Self {
        Self {
            source,
            max_bytes,
            given_bytes: 0,
            exceeded: false,
        }
    }
}

#[async_trait]
impl<S: Source> Source for Limited<S> {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let max_bytes = self.max_bytes.unwrap_or(u64::MAX);
        if !self.exceeded {
            let (start, left_bytes) = (into.len(), max_bytes - self.given_bytes);
            let mut count = self.source.read(into).await?;
            if count as u64 > left_bytes {
                self.exceeded = true;
                count = left_bytes as usize;
                into.truncate(start + count);
            }
            self.given_bytes += count as u64;
            if count > 0 || !self.exceeded {
                return Ok(count);
            }
        }
        Err(too_large(self.source.bytes_read(), max_bytes))
    }

    fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }
}

/// The end of a job whose input is longer than its spec allows.
pub(super) fn too_large(found_bytes: u64, max_bytes: u64) -> Fatal {
    let message =
        format!("the input has {found_bytes} bytes or more, max_bytes allows {max_bytes}");
    Fatal::new("file_too_large", message).hint("raise max_bytes if that is its right size")
}

/// `source` without its next `skip_bytes` bytes: what is done already when only its start can be opened.
///
/// Its reads give `source_changed` when the source ends within them.
pub fn skip(source: Box<dyn Source>, skip_bytes: u64) -> Box<dyn Source> {
    match skip_bytes {
        0 => source,
        left_bytes => Box::new(Skip {
            source,
            left_bytes,
            buffer: BytesMut::new(),
        }),
    }
}

struct Skip {
    source: Box<dyn Source>,
    left_bytes: u64,
    buffer: BytesMut,
}

#[async_trait]
impl Source for Skip {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        while self.left_bytes > 0 {
            self.buffer.clear();
            self.buffer.reserve(MAX_READ_BYTES);
            let count = self.source.read(&mut self.buffer).await?;
            if count == 0 {
                return Err(Fatal::new(
                    "source_changed",
                    "the input ends before the place where the run stopped",
                ));
            }
            let skipped = self.left_bytes.min(count as u64);
            self.buffer.advance(skipped as usize);
            self.left_bytes -= skipped;
        }
        if self.buffer.is_empty() {
            return self.source.read(into).await;
        }
        let count = self.buffer.len().min(room(into));
        into.extend_from_slice(&self.buffer[..count]);
        self.buffer.advance(count);
        Ok(count)
    }

    fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }
}
