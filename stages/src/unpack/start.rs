//! The first bytes of a stream: looked at without losing them, and passed over where they are a mark.
//!
//! Sources that peek promise the same bytes and the same error in the same place as the source they stand
//! around. What the bytes mean is not known here.

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pipeline::{Fatal, Source, room};

/// A source whose first bytes can be looked at.
pub(super) struct Started {
    source: Box<dyn Source>,
    head: BytesMut,
    /// What the source gave behind `head`, if it ended or failed while it was looked at.
    end: Option<Result<usize, Fatal>>,
}

impl Started {
    pub fn new(source: Box<dyn Source>) -> Self {
        Self {
            source,
            head: BytesMut::new(),
            end: None,
        }
    }

    /// The next bytes, at least `min_bytes` of them unless the stream ends or fails before.
    ///
    /// # Errors
    /// What the source says, when there is no byte before the error.
    pub async fn peek(&mut self, min_bytes: usize) -> Result<&[u8], Fatal> {
        while self.head.len() < min_bytes && self.end.is_none() {
            let read = self.source.read(&mut self.head).await;
            if !matches!(read, Ok(1..)) {
                self.end = Some(read);
            }
        }
        match &self.end {
            Some(Err(fatal)) if self.head.is_empty() => Err(fatal.clone()),
            _ => Ok(&self.head),
        }
    }

    /// Leaves out the next bytes, of those that were looked at.
    pub fn pass(&mut self, bytes: usize) {
        self.head.advance(bytes.min(self.head.len()));
    }
}

#[async_trait]
impl Source for Started {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        if !self.head.is_empty() {
            let count = self.head.len().min(room(into));
            into.extend_from_slice(&self.head[..count]);
            self.head.advance(count);
            return Ok(count);
        }
        match &self.end {
            Some(end) => end.clone(),
            None => self.source.read(into).await,
        }
    }

    fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }
}
