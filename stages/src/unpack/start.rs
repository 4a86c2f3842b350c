//! The first bytes of a stream: looked at without losing them, and freed of a byte-order mark.
//!
//! Sources that peek promise the same bytes and the same error in the same place as the source they stand
//! around. Encodings other than UTF-8 are refused where a mark announces them, never guessed.

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pipeline::{Fatal, Source, room};

/// The longest byte-order mark that is looked for, in bytes.
const MAX_MARK_BYTES: usize = 3;

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

    /// Removes a UTF-8 byte-order mark.
    ///
    /// # Errors
    /// `encoding` for the mark of another encoding, and what [`Started::peek`] says.
    pub async fn strip_mark(&mut self) -> Result<(), Fatal> {
        let count = mark_bytes(self.peek(MAX_MARK_BYTES).await?)?;
        self.head.advance(count);
        Ok(())
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

/// The length of the UTF-8 byte-order mark with which a stream begins, 0 without one.
///
/// # Errors
/// `encoding` for the mark of UTF-16 or UTF-32: no UTF-8 text begins with it.
pub(super) fn mark_bytes(head: &[u8]) -> Result<usize, Fatal> {
    let encoding = match head {
        [0xef, 0xbb, 0xbf, ..] => return Ok(3),
        [0xff, 0xfe, ..] => "UTF-16, little-endian,",
        [0xfe, 0xff, ..] => "UTF-16, big-endian,",
        _ => return Ok(0),
    };
    Err(Fatal::new(
        "encoding",
        format!("the input's byte-order mark says that it is {encoding} which cannot be read yet"),
    )
    .hint("convert it: iconv -f UTF-16 -t UTF-8"))
}
