//! The source `stdin`: standard input, once and from its start.
//!
//! A thread of its own reads, at most two chunks ahead: a read of standard input cannot be broken off, and
//! in tokio's blocking pool it would hold up the end of the program. Its content has no identity and its
//! size is not known.

use super::{Origin, Pinned};
use async_trait::async_trait;
use bytes::{Buf, Bytes, BytesMut};
use pipeline::{Fatal, MAX_READ_BYTES, Source, room};
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc;

/// Chunks that wait to be taken, beside the one that is being read.
const READ_AHEAD_CHUNKS: usize = 1;

/// Standard input, or any other reader that is read once.
pub struct StdinOrigin {
    reader: Mutex<Option<Box<dyn Read + Send>>>,
    pinned: Pinned,
}

impl StdinOrigin {
    /// Standard input.
    pub fn new() -> Self {
        Self::of(io::stdin())
    }

    fn of(reader: impl Read + Send + 'static) -> Self {
        Self {
            reader: Mutex::new(Some(Box::new(reader))),
            pinned: Pinned {
                size_bytes: None,
                content: None,
                name: "-".to_owned(),
            },
        }
    }
}

impl Default for StdinOrigin {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Origin for StdinOrigin {
    fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    fn restartable(&self) -> bool {
        false
    }

    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = match (offset, reader.take()) {
            (0, Some(reader)) => reader,
            _ => {
                return Err(Fatal::new(
                    "not_restartable",
                    "standard input can be read only once, from its start",
                )
                .hint("keep the input in a file to go on after an interruption"));
            }
        };
        let (sender, chunks) = mpsc::channel(READ_AHEAD_CHUNKS);
        std::thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read_all(reader, &sender))
            .map_err(|error| {
                Fatal::transient("read_failed", "no thread for standard input").because(&error)
            })?;
        Ok(Box::new(StdinSource {
            chunks,
            chunk: Bytes::new(),
            bytes_read: 0,
            end: None,
        }))
    }
}

/// Ends with the reader (an empty chunk), with an error, or when nobody takes the chunks any more.
fn read_all(mut reader: Box<dyn Read + Send>, sender: &mpsc::Sender<io::Result<Bytes>>) {
    let mut buffer = vec![0; MAX_READ_BYTES];
    loop {
        let chunk = match reader.read(&mut buffer) {
            Ok(count) => Ok(Bytes::copy_from_slice(&buffer[..count])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let last = !matches!(&chunk, Ok(bytes) if !bytes.is_empty());
        if sender.blocking_send(chunk).is_err() || last {
            return;
        }
    }
}

struct StdinSource {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
    bytes_read: u64,
    /// How it ended, for every further read.
    end: Option<Result<usize, Fatal>>,
}

#[async_trait]
impl Source for StdinSource {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        if let Some(end) = &self.end {
            return end.clone();
        }
        if self.chunk.is_empty() {
            let failed = Fatal::new("read_failed", "cannot read standard input");
            let end = match self.chunks.recv().await {
                Some(Ok(chunk)) => {
                    self.chunk = chunk;
                    self.chunk.is_empty().then_some(Ok(0))
                }
                Some(Err(error)) => Some(Err(failed.because(&error))),
                // The thread ended without saying how: this is no end of the input.
                None => Some(Err(failed)),
            };
            if let Some(end) = end {
                return self.end.insert(end).clone();
            }
        }
        let count = self.chunk.len().min(room(into));
        into.extend_from_slice(&self.chunk[..count]);
        self.chunk.advance(count);
        self.bytes_read += count as u64;
        Ok(count)
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    async fn read_whole(source: &mut dyn Source, room_bytes: usize) -> Result<Vec<u8>, Fatal> {
        let mut all = Vec::new();
        loop {
            let mut into = BytesMut::with_capacity(room_bytes);
            if source.read(&mut into).await? == 0 {
                return Ok(all);
            }
            all.extend_from_slice(&into);
        }
    }

    #[tokio::test]
    async fn reads_everything_in_order() {
        let bytes: Vec<u8> = (0..1_000_003u32).map(|n| (n % 251) as u8).collect();
        for room_bytes in [1000, MAX_READ_BYTES] {
            let origin = StdinOrigin::of(Cursor::new(bytes.clone()));
            let mut source = origin.read_from(0).await.unwrap();
            assert!(read_whole(&mut *source, room_bytes).await.unwrap() == bytes);
            assert_eq!(source.bytes_read(), bytes.len() as u64);
        }
    }

    #[tokio::test]
    async fn is_read_once_and_from_the_start() {
        let origin = StdinOrigin::of(Cursor::new("abc"));
        let later = origin.read_from(1).await.err().unwrap();
        assert_eq!(later.code, "not_restartable");
        let origin = StdinOrigin::of(Cursor::new("abc"));
        let mut first = origin.read_from(0).await.unwrap();
        let again = origin.read_from(0).await.err().unwrap();
        assert_eq!(again.code, "not_restartable");
        assert_eq!(read_whole(&mut *first, 9).await.unwrap(), b"abc");
    }

    #[tokio::test]
    async fn gives_what_came_before_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("unplugged"))
            }
        }
        let origin = StdinOrigin::of(Read::chain(Cursor::new("abc"), Broken));
        let mut source = origin.read_from(0).await.unwrap();
        let mut into = BytesMut::new();
        assert_eq!(source.read(&mut into).await.unwrap(), 3);
        let fatal = source.read(&mut into).await.unwrap_err();
        assert_eq!((fatal.code, &into[..]), ("read_failed", &b"abc"[..]));
        assert_eq!(fatal.causes, ["unplugged"]);
    }

    #[tokio::test]
    async fn has_no_size_and_no_identity() {
        let origin = StdinOrigin::new();
        assert_eq!(origin.pinned().size_bytes, None);
        assert_eq!(origin.pinned().content, None);
    }
}
