//! Objects in memory.

use crate::objects::*;
use async_trait::async_trait;
use bytes::Bytes;
use pipeline::Fatal;
use stages::source::Origin;
use std::time::Duration;

/// A store of objects.
#[derive(Default)]
pub struct MemoryObjects;

#[async_trait]
impl Objects for MemoryObjects {
    fn bucket(&self) -> Option<&str> {
        unimplemented!()
    }
    async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<(), Fatal> {
        unimplemented!()
    }
    async fn begin(&self, key: &str, content_type: &str) -> Result<Upload, Fatal> {
        unimplemented!()
    }
    async fn part(&self, upload: &Upload, number: u32, bytes: Bytes) -> Result<Part, Fatal> {
        unimplemented!()
    }
    async fn complete(&self, upload: &Upload, parts: &[Part]) -> Result<(), Fatal> {
        unimplemented!()
    }
    async fn abort(&self, upload: &Upload) -> Result<(), Fatal> {
        unimplemented!()
    }
    async fn open(&self, key: &str) -> Result<Box<dyn Origin>, Fatal> {
        unimplemented!()
    }
    async fn remove(&self, key: &str) -> Result<(), Fatal> {
        unimplemented!()
    }
    async fn presign(
        &self,
        key: &str,
        file_name: &str,
        valid: Duration,
    ) -> Result<Option<String>, Fatal> {
        unimplemented!()
    }
    async fn ping(&self) -> Result<(), Fatal> {
        unimplemented!()
    }
}
