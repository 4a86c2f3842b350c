//! What every store of objects keeps to: one suite, run on a folder and on two servers of S3.

use super::folder::FolderObjects;
use super::s3::S3Objects;
use super::{Objects, PART_BYTES, Part, UNKNOWN_UPLOAD, Upload};
use bytes::{Bytes, BytesMut};
use futures::future::try_join_all;
use pipeline::Fatal;
use stages::source::s3::{S3Client, S3Limits};
use std::time::Duration;
use testbed::s3::S3;

/// The store in a bucket of a server, by way of `port`.
pub fn in_bucket(s3: &S3, port: u16, limits: S3Limits) -> S3Objects {
    let config = s3.client_at(port).config().to_builder();
    S3Objects::new(S3Client::of(config, limits, 7), s3.bucket())
}

/// `count` bytes that tell their places apart.
pub fn bytes(count: usize, seed: usize) -> Bytes {
    let byte = |n: usize| (n.wrapping_mul(2_654_435_761) >> 13) as u8;
    (seed..seed + count).map(byte).collect()
}

/// The whole object, or why there is none.
pub async fn read(objects: &dyn Objects, key: &str) -> Result<Bytes, Fatal> {
    let origin = objects.open(key).await?;
    let mut source = origin.read_from(0).await?;
    let mut all = BytesMut::new();
    while source.read(&mut all).await? > 0 {}
    assert_eq!(origin.pinned().size_bytes, Some(all.len() as u64));
    Ok(all.freeze())
}

async fn missing(objects: &dyn Objects, key: &str) {
    assert_eq!(
        read(objects, key).await.unwrap_err().code,
        "not_found",
        "{key}"
    );
}

/// Keeps `parts` at once, the last first.
async fn keep(objects: &dyn Objects, upload: &Upload, parts: &[Bytes]) -> Vec<Part> {
    let numbered = parts.iter().enumerate().rev();
    let kept = numbered.map(|(n, bytes)| objects.part(upload, n as u32 + 1, bytes.clone()));
    let mut kept = try_join_all(kept).await.unwrap();
    kept.sort_by_key(|part| part.number);
    kept
}

async fn check_small(objects: &dyn Objects) {
    for (key, bytes) in [
        ("uploads/empty.csv", Bytes::new()),
        ("uploads/one/a b é.csv", Bytes::from_static(b"a,b\n1,2\n")),
        ("uploads/two/large.csv", bytes(300_000, 1)),
    ] {
        missing(objects, key).await;
        objects.put(key, "text/csv", bytes.clone()).await.unwrap();
        objects.put(key, "text/csv", bytes.clone()).await.unwrap();
        assert!(read(objects, key).await.unwrap() == bytes, "{key}");
        objects.remove(key).await.unwrap();
        missing(objects, key).await;
        objects.remove(key).await.unwrap();
    }
}

async fn check_parts(objects: &dyn Objects) {
    let key = "uploads/2026-04-03/0123/orders.csv";
    let parts = [bytes(PART_BYTES, 1), bytes(PART_BYTES, 2), bytes(12_345, 3)];
    let upload = objects.begin(key, "text/csv").await.unwrap();
    assert_eq!(upload.key, key);
    // A part that is kept again replaces itself.
    objects
        .part(&upload, 3, bytes(PART_BYTES, 9))
        .await
        .unwrap();
    let kept = keep(objects, &upload, &parts).await;
    missing(objects, key).await;
    objects.complete(&upload, &kept).await.unwrap();
    objects.complete(&upload, &kept).await.unwrap();
    assert!(read(objects, key).await.unwrap() == parts.concat());
    // What the sweeper does where the record alone was not committed.
    objects.abort(&upload).await.unwrap();
    assert_eq!(
        read(objects, key).await.unwrap().len(),
        2 * PART_BYTES + 12_345
    );
    objects.remove(key).await.unwrap();
    missing(objects, key).await;
}

async fn check_abort(objects: &dyn Objects) {
    let key = "uploads/aborted.csv";
    let upload = objects.begin(key, "text/csv").await.unwrap();
    let kept = keep(objects, &upload, &[bytes(PART_BYTES, 1), bytes(5, 2)]).await;
    objects.abort(&upload).await.unwrap();
    objects.abort(&upload).await.unwrap();
    missing(objects, key).await;
    objects.part(&upload, 3, bytes(5, 3)).await.unwrap_err();
    objects.complete(&upload, &kept).await.unwrap_err();
    missing(objects, key).await;
    let never_begun = Upload {
        key: key.to_owned(),
        id: None,
    };
    objects.abort(&never_begun).await.unwrap();
    let perhaps_begun = Upload {
        key: key.to_owned(),
        id: Some(UNKNOWN_UPLOAD.to_owned()),
    };
    objects.abort(&perhaps_begun).await.unwrap();
    objects
        .part(&perhaps_begun, 1, bytes(5, 3))
        .await
        .unwrap_err();
}

async fn check_addresses(objects: &dyn Objects) {
    objects.ping().await.unwrap();
    let valid = Duration::from_secs(60);
    let address = objects.presign("uploads/a.csv", "a.csv", valid).await;
    // A folder has no bucket, and no address.
    assert_eq!(address.unwrap().is_some(), objects.bucket().is_some());
}

/// Checks a store that is empty.
///
/// # Panics
/// When the store does not keep the contract.
pub async fn conforms(objects: &dyn Objects) {
    check_small(objects).await;
    check_parts(objects).await;
    check_abort(objects).await;
    check_addresses(objects).await;
}

#[tokio::test]
async fn objects_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data/objects");
    let objects = FolderObjects::open(root.clone()).await.unwrap();
    conforms(&objects).await;
    assert_eq!(files_below(&root), Vec::<String>::new());
}

#[tokio::test]
async fn objects_in_s3s() {
    let s3 = S3::start().await;
    conforms(&in_bucket(&s3, s3.port(), S3Limits::default())).await;
}

#[tokio::test]
async fn objects_in_moto() {
    let s3 = S3::start_moto().await;
    let objects = in_bucket(&s3, s3.port(), S3Limits::default());
    conforms(&objects).await;
    assert_eq!(uploads_in(&s3).await, 0);
    // Of uploads whose names nobody knows, those of the very key go.
    let other = objects.begin("uploads/a.csv.gz", "text/csv").await.unwrap();
    for _ in 0..2 {
        objects.begin("uploads/a.csv", "text/csv").await.unwrap();
    }
    assert_eq!(uploads_in(&s3).await, 3);
    let unknown = |key: &str| Upload {
        key: key.to_owned(),
        id: Some(UNKNOWN_UPLOAD.to_owned()),
    };
    for key in ["uploads/a.csv", "uploads/a", "uploads/b.csv"] {
        objects.abort(&unknown(key)).await.unwrap();
        assert_eq!(uploads_in(&s3).await, 1, "{key}");
    }
    objects.abort(&other).await.unwrap();
    assert_eq!(uploads_in(&s3).await, 0);
}

/// The multipart uploads that moto knows.
pub async fn uploads_in(s3: &S3) -> usize {
    let listed = s3
        .client()
        .list_multipart_uploads()
        .bucket(s3.bucket())
        .send()
        .await;
    listed.unwrap().uploads().len()
}

/// The files in a folder and below, by their paths.
pub fn files_below(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path.display().to_string()),
        }
    }
    found
}
