//! Objects in memory, pinned when they are opened: one that is replaced or removed while it is read fails its reader.

use super::lock;
use crate::objects::{Objects, PART_BYTES, Part, Upload};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use pipeline::{Fatal, Source};
use stages::source::{Origin, Pinned};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The most bytes that one read appends.
const READ_BYTES: usize = 64 * 1024;

/// A store of objects. Clones share everything.
#[derive(Clone, Default)]
pub struct MemoryObjects {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    /// Each with the number of the version that it is.
    objects: BTreeMap<String, (u64, Bytes)>,
    /// The parts of uploads that were begun and not ended, by their keys.
    uploads: BTreeMap<String, BTreeMap<u32, Bytes>>,
    /// How many versions there ever were.
    versions: u64,
}

impl Kept {
    fn replace(&mut self, key: &str, bytes: Bytes) {
        self.versions += 1;
        let version = self.versions;
        self.objects.insert(key.to_owned(), (version, bytes));
    }
}

impl MemoryObjects {
    /// The keys of all objects that are whole.
    pub fn keys(&self) -> Vec<String> {
        lock(&self.kept).objects.keys().cloned().collect()
    }
}

#[async_trait]
impl Objects for MemoryObjects {
    fn bucket(&self) -> Option<&str> {
        None
    }

    async fn put(&self, key: &str, _content_type: &str, bytes: Bytes) -> Result<(), Fatal> {
        lock(&self.kept).replace(key, bytes);
        Ok(())
    }

    async fn begin(&self, key: &str, _content_type: &str) -> Result<Upload, Fatal> {
        lock(&self.kept)
            .uploads
            .insert(key.to_owned(), BTreeMap::new());
        Ok(Upload {
            key: key.to_owned(),
            id: None,
        })
    }

    async fn part(&self, upload: &Upload, number: u32, bytes: Bytes) -> Result<Part, Fatal> {
        if number == 0 || bytes.len() > PART_BYTES {
            return Err(refused());
        }
        let mut kept = lock(&self.kept);
        let parts = kept.uploads.get_mut(&upload.key).ok_or_else(lost)?;
        let tag = bytes.len().to_string();
        parts.insert(number, bytes);
        Ok(Part { number, tag })
    }

    async fn complete(&self, upload: &Upload, parts: &[Part]) -> Result<(), Fatal> {
        let mut kept = lock(&self.kept);
        let key = &upload.key;
        let Some(uploaded) = kept.uploads.get(key) else {
            return match kept.objects.contains_key(key) {
                true => Ok(()),
                false => Err(lost()),
            };
        };
        let mut whole = BytesMut::new();
        for (part, number) in parts.iter().zip(1u32..) {
            let bytes = uploaded.get(&number).ok_or_else(refused)?;
            let is_full = bytes.len() == PART_BYTES || number as usize == parts.len();
            if part.number != number || part.tag != bytes.len().to_string() || !is_full {
                return Err(refused());
            }
            whole.extend_from_slice(bytes);
        }
        if parts.is_empty() {
            return Err(refused());
        }
        kept.uploads.remove(key);
        kept.replace(key, whole.freeze());
        Ok(())
    }

    async fn abort(&self, upload: &Upload) -> Result<(), Fatal> {
        lock(&self.kept).uploads.remove(&upload.key);
        Ok(())
    }

    async fn open(&self, key: &str) -> Result<Box<dyn Origin>, Fatal> {
        let kept = lock(&self.kept);
        let Some((version, bytes)) = kept.objects.get(key) else {
            return Err(Fatal::new("not_found", format!("there is no object {key}")));
        };
        Ok(Box::new(MemoryObject {
            store: self.clone(),
            key: key.to_owned(),
            version: *version,
            pinned: Pinned {
                size_bytes: Some(bytes.len() as u64),
                content: Some(format!("memory:{key}:{version}")),
                name: key.rsplit('/').next().unwrap_or(key).to_owned(),
            },
        }))
    }

    async fn remove(&self, key: &str) -> Result<(), Fatal> {
        lock(&self.kept).objects.remove(key);
        Ok(())
    }

    async fn presign(&self, _: &str, _: &str, _: Duration) -> Result<Option<String>, Fatal> {
        Ok(None)
    }

    async fn ping(&self) -> Result<(), Fatal> {
        Ok(())
    }
}

/// One version of an object.
#[derive(Clone)]
struct MemoryObject {
    store: MemoryObjects,
    key: String,
    version: u64,
    pinned: Pinned,
}

impl MemoryObject {
    /// The bytes of this version, as long as it stands.
    fn bytes(&self) -> Result<Bytes, Fatal> {
        match lock(&self.store.kept).objects.get(&self.key) {
            Some((version, bytes)) if *version == self.version => Ok(bytes.clone()),
            _ => {
                let message = format!("{} is not what it was", self.key);
                Err(Fatal::new("source_changed", message))
            }
        }
    }
}

#[async_trait]
impl Origin for MemoryObject {
    fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal> {
        self.bytes()?;
        Ok(Box::new(Reading {
            of: self.clone(),
            at: offset as usize,
            read: 0,
        }))
    }
}

/// An object that is being read.
struct Reading {
    of: MemoryObject,
    at: usize,
    read: u64,
}

#[async_trait]
impl Source for Reading {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let bytes = self.of.bytes()?;
        let rest = bytes.get(self.at..).unwrap_or_default();
        let piece = &rest[..rest.len().min(READ_BYTES)];
        into.extend_from_slice(piece);
        self.at += piece.len();
        self.read += piece.len() as u64;
        Ok(piece.len())
    }

    fn bytes_read(&self) -> u64 {
        self.read
    }
}

fn refused() -> Fatal {
    Fatal::new("objects_refused", "memory takes no such parts")
}

fn lost() -> Fatal {
    Fatal::transient("upload_lost", "the upload was given up meanwhile")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::suite;

    #[tokio::test]
    async fn it_conforms() {
        let objects = MemoryObjects::default();
        suite::conforms(&objects).await;
        assert_eq!(objects.keys(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn an_object_that_is_replaced_or_removed_fails_its_reader() {
        for removed in [false, true] {
            let objects = MemoryObjects::default();
            let put = |bytes: &'static [u8]| objects.put("a", "text/csv", bytes.into());
            put(b"first").await.unwrap();
            let origin = objects.open("a").await.unwrap();
            let mut source = origin.read_from(0).await.unwrap();
            match removed {
                true => objects.remove("a").await.unwrap(),
                false => put(b"other").await.unwrap(),
            }
            let mut into = BytesMut::new();
            let read = source.read(&mut into).await.unwrap_err();
            assert_eq!((read.code, &into[..]), ("source_changed", &b""[..]));
            let again = origin.read_from(2).await.err().unwrap();
            assert_eq!(again.code, "source_changed");
        }
    }
}
