//! Memory of the service does not grow with what it is sent.
//!
//! `SLUICEGATE_FULL=1` takes the sizes that are promised: an upload of 2 GB. Otherwise 300 MB, with the same limits.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use hyper::Method;
use testbed::api::{Api, chunks};

use super::backend::Backend;

/// What an upload of any size may add, in bytes.
const MAX_UPLOAD_BYTES: u64 = 64 * 1024 * 1024;
/// What a service may have at all, in bytes.
pub const MAX_RSS_BYTES: u64 = 256 * 1024 * 1024;
/// Uploads at once, and the size of each, in bytes.
const MANY: usize = 50;
const EACH_BYTES: u64 = 10_000_000;
const CHUNK_BYTES: usize = 64 * 1024;

fn large_bytes() -> u64 {
    match std::env::var("SLUICEGATE_FULL") {
        Ok(_) => 2_000_000_000,
        Err(_) => 300_000_000,
    }
}

/// Uploads `length` bytes that are made as they are sent.
async fn upload(api: &Api, length: u64) {
    let chunk = Bytes::from(b"a,b\n".repeat(CHUNK_BYTES / 4));
    let whole = (length / CHUNK_BYTES as u64) as usize;
    let body = futures::stream::iter(std::iter::repeat_n(chunk.clone(), whole));
    let rest = chunk.slice(..(length % CHUNK_BYTES as u64) as usize);
    let body = chunks(body.chain(futures::stream::iter([rest])));
    let length = length.to_string();
    let headers = [("content-length", length.as_str())];
    let sent = api
        .send(Method::PUT, "/upload/large.csv", &headers, body)
        .await
        .unwrap();
    sent.is(201);
}

/// The peak of a process's resident memory so far, in bytes.
pub(super) fn peak_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim()
        .strip_suffix(" kB")
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

async fn uploads_are_bounded(backend: Backend) {
    let backend = Backend {
        place: backend.place.deadline(Duration::from_secs(600)),
        ..backend
    };
    let service = backend.serve().await;
    upload(&service.api, 1000).await;
    let before = peak_bytes(service.process());
    upload(&service.api, large_bytes()).await;
    let after = peak_bytes(service.process());
    println!(
        "one upload of {} MB: {} MB before, {} MB after",
        large_bytes() / 1_000_000,
        before >> 20,
        after >> 20
    );
    assert!(
        after <= before + MAX_UPLOAD_BYTES,
        "{before} B before, {after} B after"
    );

    let uploads = (0..MANY).map(|_| {
        let api = Api::new(service.api.base());
        tokio::spawn(async move { upload(&api, EACH_BYTES).await })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await.unwrap();
    }
    let most = peak_bytes(service.process());
    println!(
        "{MANY} uploads of {EACH_BYTES} B at once: {} MB",
        most >> 20
    );
    assert!(most <= MAX_RSS_BYTES, "{most} B");
}

#[tokio::test]
async fn memory_of_uploads_to_a_folder_is_bounded() {
    uploads_are_bounded(Backend::embedded().await).await;
}

#[tokio::test]
async fn memory_of_uploads_to_s3_is_bounded() {
    uploads_are_bounded(Backend::mongodb().await).await;
}
