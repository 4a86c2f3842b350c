//! The part buffers that all uploads share: a fixed number of fixed size, so that memory does not grow with clients.
//!
//! Whoever waits is served in turn, for a bounded time. A buffer becomes the bytes of a part without being copied, and
//! comes back by itself when the last of these bytes is dropped.

use crate::objects::PART_BYTES;
use bytes::{Buf as _, Bytes};
use pipeline::Fatal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many buffers there are, of [`PART_BYTES`] each: 128 MiB.
pub const BUFFERS: usize = 16;

/// The buffers. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    permits: Arc<Semaphore>,
    free: Arc<Free>,
}

/// Buffers that were used and are not now; the last one first, because its memory is there.
#[derive(Default)]
struct Free(Mutex<Vec<Vec<u8>>>);

impl Default for Pool {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(BUFFERS)),
            free: Arc::default(),
        }
    }
}

impl Pool {
    /// An empty buffer.
    ///
    /// # Errors
    /// `upload_busy`, when none came back within `max_wait`.
    pub async fn take(&self, max_wait: Duration) -> Result<Buffer, Fatal> {
        let permit = tokio::time::timeout(max_wait, self.permits.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            let message = "too many uploads are under way to take another one now";
            return Err(Fatal::transient("upload_busy", message).hint("try again in some seconds"));
        };
        let bytes = self.free.lock().pop();
        Ok(Buffer {
            bytes: bytes.unwrap_or_else(|| Vec::with_capacity(PART_BYTES)),
            free: self.free.clone(),
            _permit: permit,
        })
    }

    /// How many buffers nobody has.
    pub fn unused(&self) -> usize {
        self.permits.available_permits()
    }
}

impl Free {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A buffer for one part. Dropped, it is there again before another one may be taken.
pub struct Buffer {
    bytes: Vec<u8>,
    free: Arc<Free>,
    _permit: OwnedSemaphorePermit,
}

impl Buffer {
    /// Moves as much of `bytes` into it as there is room for.
    pub fn take_from(&mut self, bytes: &mut Bytes) {
        let length = bytes.len().min(PART_BYTES - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..length]);
        bytes.advance(length);
    }

    /// Its bytes, as they are.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        self.free.lock().push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn buffers_are_bounded_and_come_back() {
        let pool = Pool::default();
        let mut taken = Vec::new();
        for _ in 0..BUFFERS {
            taken.push(pool.take(Duration::ZERO).await.unwrap());
        }
        let busy = pool.take(Duration::ZERO).await.err().unwrap();
        assert_eq!(busy.code, "upload_busy");
        let mut buffer = taken.pop().unwrap();
        let mut bytes = Bytes::from(vec![7; PART_BYTES + 3]);
        buffer.take_from(&mut bytes);
        assert_eq!(bytes.len(), 3);
        let frozen = buffer.freeze();
        let place = frozen.as_ptr();
        let clone = frozen.clone();
        drop(frozen);
        assert_eq!((pool.unused(), clone.len()), (0, PART_BYTES));
        drop(clone);
        // The same memory again, empty.
        let buffer = pool.take(Duration::ZERO).await.unwrap();
        assert_eq!(
            (buffer.as_ref().len(), buffer.as_ref().as_ptr()),
            (0, place)
        );
        drop((buffer, taken));
        assert_eq!(pool.unused(), BUFFERS);
    }

    #[tokio::test]
    async fn who_waits_gets_the_buffer_that_comes_back() {
        let pool = Pool::default();
        let mut taken = Vec::new();
        for _ in 0..BUFFERS {
            taken.push(pool.take(Duration::ZERO).await.unwrap());
        }
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.take(Duration::from_secs(60)).await.is_ok() }
        });
        taken.pop();
        assert!(waiting.await.unwrap());
    }
}
