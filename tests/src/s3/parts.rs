//! An object in parts by the bare client: what an upload through the program is compared with.
//!
//! Never: more than [`PARTS_IN_FLIGHT`] parts in memory.

use std::path::Path;

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::{BUCKET, S3};

/// The size of a part, in bytes: the program's own.
const PART_BYTES: u64 = 8 * 1024 * 1024;
/// Parts under way at once: as many as the program has.
const PARTS_IN_FLIGHT: usize = 4;

impl S3 {
    /// Stores a file in parts of 8 MiB, four at once.
    ///
    /// # Panics
    /// Where the file cannot be read, or a request is refused.
    pub async fn put_in_parts(&self, key: &str, path: &Path) {
        let client = self.client();
        let object = || (Some(BUCKET.to_owned()), Some(key.to_owned()));
        let (bucket, name) = object();
        let begun = client.create_multipart_upload();
        let begun = begun.set_bucket(bucket).set_key(name).send().await;
        let begun = begun.unwrap_or_else(|error| panic!("{}", DisplayErrorContext(error)));
        let upload = begun.upload_id().unwrap_or_default();
        let length = std::fs::metadata(path).map_or(0, |file| file.len());
        let parts = stream::iter(0..length.div_ceil(PART_BYTES)).map(|part| {
            let sent = client.upload_part().upload_id(upload);
            let (bucket, name) = object();
            async move {
                let bytes = read(path, part * PART_BYTES).await?;
                let number = part as i32 + 1;
                let sent = sent.set_bucket(bucket).set_key(name).part_number(number);
                let sent = sent.body(ByteStream::from(bytes)).send().await;
                let sent = sent.unwrap_or_else(|error| panic!("{}", DisplayErrorContext(error)));
                let tag = sent.e_tag().unwrap_or_default();
                let part = CompletedPart::builder().part_number(number).e_tag(tag);
                Ok::<_, std::io::Error>(part.build())
            }
        });
        let parts: Result<Vec<_>, _> = parts.buffered(PARTS_IN_FLIGHT).try_collect().await;
        let parts = parts.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let whole = CompletedMultipartUpload::builder().set_parts(Some(parts));
        let (bucket, name) = object();
        let ended = client.complete_multipart_upload().upload_id(upload);
        let ended = ended.set_bucket(bucket).set_key(name);
        let ended = ended.multipart_upload(whole.build()).send().await;
        ended.unwrap_or_else(|error| panic!("{}", DisplayErrorContext(error)));
    }
}

/// A part's bytes, from `start` on.
async fn read(path: &Path, start: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path).await?;
    file.seek(std::io::SeekFrom::Start(start)).await?;
    let mut bytes = Vec::with_capacity(PART_BYTES as usize);
    file.take(PART_BYTES).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
