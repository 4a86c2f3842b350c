//! Reading from real S3 servers, over connections that break, stall and end, and from objects that change.

use super::*;
use pipeline::MAX_READ_BYTES;
use std::sync::Mutex;
use testbed::proxy::Cutter;
use testbed::s3::S3;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const KIB: u64 = 1024;

/// Small ranges and short waits, so that a small object is read like a large one.
fn small() -> S3Limits {
    S3Limits {
        range_bytes: 256 * KIB,
        backoff: BackoffLimits {
            max_tries: 5,
            first_wait_ms: 1,
            max_wait_ms: 1,
        },
        ..S3Limits::default()
    }
}

fn client(s3: &S3, port: u16, limits: S3Limits) -> S3Client {
    S3Client::of(s3.client_at(port).config().to_builder(), limits, 7)
}

async fn pin(s3: &S3, port: u16, key: &str, limits: S3Limits) -> Result<S3Origin, Fatal> {
    S3Origin::pin(&client(s3, port, limits), s3.bucket(), key).await
}

fn bytes(count: usize, seed: usize) -> Vec<u8> {
    let byte = |n: usize| (n.wrapping_mul(2_654_435_761) >> 13) as u8;
    (seed..seed + count).map(byte).collect()
}

/// Everything that `source` gives, and the error behind it; an error must stay.
async fn drain(source: &mut dyn Source) -> (Vec<u8>, Option<Fatal>) {
    let mut all = Vec::new();
    let mut into = BytesMut::with_capacity(MAX_READ_BYTES);
    loop {
        into.clear();
        match source.read(&mut into).await {
            Ok(0) => return (all, None),
            Ok(count) => assert_eq!(count, into.len()),
            Err(fatal) => {
                let again = source.read(&mut into).await.unwrap_err();
                assert_eq!(again.code, fatal.code);
                return (all, Some(fatal));
            }
        }
        all.extend_from_slice(&into);
    }
}

async fn check_whole(s3: &S3) {
    let whole = bytes(21_000_001, 0);
    s3.put("a/whole.csv", whole.clone()).await;
    let limits = S3Limits::default();
    let origin = pin(s3, s3.port(), "a/whole.csv", limits).await.unwrap();
    let pinned = origin.pinned();
    assert_eq!(pinned.size_bytes, Some(21_000_001));
    assert_eq!(pinned.name, "whole.csv");
    for offset in [0, 1, 8 * 1024 * KIB, 20_000_000, 21_000_001] {
        let mut source = origin.read_from(offset).await.unwrap();
        let (rest, fatal) = drain(&mut *source).await;
        assert!(
            fatal.is_none() && rest == whole[offset as usize..],
            "{offset}"
        );
        assert_eq!(source.bytes_read(), 21_000_001);
    }
    assert_eq!(origin.head(10).await.unwrap(), whole[..10]);
    let behind = origin.read_from(21_000_002).await.err().unwrap();
    assert_eq!(behind.code, "source_changed");
}

#[tokio::test]
async fn object_is_read_whole_and_from_any_offset() {
    check_whole(&S3::start().await).await;
}

#[tokio::test]
async fn object_is_read_whole_and_from_any_offset_from_moto() {
    check_whole(&S3::start_moto().await).await;
}

#[tokio::test]
async fn cut_connection_goes_on_from_the_last_byte() {
    let s3 = S3::start().await;
    let whole = bytes(3_000_000, 1);
    s3.put("key", whole.clone()).await;
    let cutter = Cutter::start(s3.port()).await;
    // Without read-ahead every byte is asked for once it is wanted: no cut can go unnoticed.
    for max_ranges_ahead in [0, 2] {
        let limits = S3Limits {
            max_ranges_ahead,
            ..small()
        };
        let origin = pin(&s3, cutter.port(), "key", limits).await.unwrap();
        let before = cutter.cuts();
        cutter.cut_after(100_000, 3);
        let mut source = origin.read_from(0).await.unwrap();
        let (got, fatal) = drain(&mut *source).await;
        assert!(fatal.is_none() && got == whole, "{fatal:?}");
        assert_eq!(cutter.cuts() - before, 3);
    }
}

/// Reads a range, replaces the object, reads on.
async fn check_replaced(s3: &S3) {
    let (old, new) = (bytes(1_000_000, 2), bytes(1_000_000, 3));
    s3.put("key", old.clone()).await;
    let limits = S3Limits {
        max_ranges_ahead: 0,
        ..small()
    };
    let origin = pin(s3, s3.port(), "key", limits).await.unwrap();
    let mut source = origin.read_from(0).await.unwrap();
    let mut got = BytesMut::with_capacity(100_000);
    source.read(&mut got).await.unwrap();
    s3.put("key", new).await;
    let (rest, fatal) = drain(&mut *source).await;
    got.extend_from_slice(&rest);
    let fatal = fatal.unwrap();
    assert_eq!((fatal.code, fatal.retry), ("source_changed", Retry::Never));
    // The range that was there already, and nothing of the new object.
    assert!(got.len() as u64 == limits.range_bytes && old.starts_with(&got));
    // The server said so: it was asked with If-Match.
    let said = fatal.causes.join(" ");
    assert!(
        said.contains("PreconditionFailed") || said.contains("412"),
        "{said}"
    );
    // The new version is another content, with an identity of its own.
    let again = pin(s3, s3.port(), "key", limits).await.unwrap();
    assert_ne!(again.pinned().content, origin.pinned().content);
}

#[tokio::test]
async fn replaced_object_is_source_changed() {
    check_replaced(&S3::start().await).await;
}

#[tokio::test]
async fn replaced_object_is_source_changed_on_moto() {
    check_replaced(&S3::start_moto().await).await;
}

#[tokio::test]
async fn answer_of_another_version_or_place_is_refused() {
    let s3 = S3::start().await;
    s3.put("key", &b"0123456789"[..]).await;
    let origin = pin(&s3, s3.port(), "key", small()).await.unwrap();
    let answer = |etag: &str, range: Option<&str>| {
        GetObjectOutput::builder()
            .e_tag(etag)
            .set_content_range(range.map(str::to_owned))
            .build()
    };
    let object = &origin.object;
    for (etag, range, start, expected) in [
        (&*object.etag, Some("bytes 3-9/10"), 3, None),
        (&*object.etag, None, 0, None),
        ("\"other\"", Some("bytes 3-9/10"), 3, Some("source_changed")),
        (&*object.etag, Some("bytes 2-9/10"), 3, Some("s3_refused")),
        (&*object.etag, None, 3, Some("s3_refused")),
    ] {
        let got = object.is_what_was_asked(&answer(etag, range), start..10);
        assert_eq!(got.err().map(|fatal| fatal.code), expected, "{range:?}");
    }
}

#[tokio::test]
async fn object_that_is_gone_is_not_found() {
    let s3 = S3::start().await;
    s3.put("key", bytes(600_000, 4)).await;
    let origin = pin(&s3, s3.port(), "key", small()).await.unwrap();
    let delete = s3.client().delete_object().bucket(s3.bucket()).key("key");
    delete.send().await.unwrap();
    let (got, fatal) = drain(&mut *origin.read_from(0).await.unwrap()).await;
    assert_eq!((got.len(), fatal.unwrap().code), (0, "not_found"));
}

#[tokio::test]
async fn what_cannot_be_read_has_its_own_code() {
    let s3 = S3::start().await;
    s3.put("key", &b"a"[..]).await;
    let missing = pin(&s3, s3.port(), "missing", small()).await.err().unwrap();
    assert_eq!((missing.code, missing.retry), ("not_found", Retry::Never));
    let client = client(&s3, s3.port(), small());
    let no_bucket = S3Origin::pin(&client, "no-such-bucket", "key").await;
    assert_eq!(no_bucket.err().unwrap().code, "not_found");
    let stranger = aws_sdk_s3::config::Credentials::new("stranger", "secret", None, None, "test");
    let config = s3.client().config().to_builder();
    let stranger = S3Client::of(config.credentials_provider(stranger), small(), 7);
    let denied = S3Origin::pin(&stranger, s3.bucket(), "key")
        .await
        .err()
        .unwrap();
    assert_eq!((denied.code, denied.retry), ("access_denied", Retry::Never));
}

#[tokio::test]
async fn empty_object_is_read_without_a_range() {
    let s3 = S3::start().await;
    s3.put("empty", &b""[..]).await;
    let origin = pin(&s3, s3.port(), "empty", small()).await.unwrap();
    assert_eq!(origin.pinned().size_bytes, Some(0));
    assert_eq!(origin.head(10).await.unwrap(), "");
    let (got, fatal) = drain(&mut *origin.read_from(0).await.unwrap()).await;
    assert!(got.is_empty() && fatal.is_none());
}

#[tokio::test]
async fn server_that_is_gone_is_an_outage_behind_what_came() {
    let s3 = S3::start().await;
    let whole = bytes(1_000_000, 5);
    s3.put("key", whole.clone()).await;
    let cutter = Cutter::start(s3.port()).await;
    let limits = S3Limits {
        max_ranges_ahead: 0,
        ..small()
    };
    let origin = pin(&s3, cutter.port(), "key", limits).await.unwrap();
    cutter.cut_after(100_000, usize::MAX);
    let mut source = origin.read_from(0).await.unwrap();
    let mut into = BytesMut::with_capacity(1);
    source.read(&mut into).await.unwrap();
    cutter.refuse(true);
    cutter.cut_all();
    let (rest, fatal) = drain(&mut *source).await;
    let fatal = fatal.unwrap();
    assert_eq!((fatal.code, fatal.retry), ("s3_unreachable", Retry::Outage));
    let got = [&into[..], &rest].concat();
    assert!(whole.starts_with(&got) && got.len() < whole.len());
    let again = pin(&s3, cutter.port(), "key", limits).await.err().unwrap();
    assert_eq!((again.code, again.retry), ("s3_unreachable", Retry::Outage));
}

#[tokio::test]
async fn read_ahead_is_bounded() {
    let s3 = S3::start().await;
    s3.put("key", bytes(3_000_000, 6)).await;
    let origin = pin(&s3, s3.port(), "key", small()).await.unwrap();
    let mut source = origin.open(0..3_000_000);
    assert_eq!(source.ranges.len(), 0);
    let mut into = BytesMut::with_capacity(1000);
    while source.read(&mut into).await.unwrap() > 0 {
        into.clear();
        // The range that is read, and two ahead of it.
        assert!(source.ranges.len() <= 3);
        assert!(source.ahead.start <= source.at + 3 * 256 * KIB);
    }
    // The pieces of a range that wait to be read are bounded by its size.
    let mut source = origin.open(0..3_000_000);
    source.get_ahead();
    assert!(
        source
            .ranges
            .iter()
            .all(|range| range.pieces.max_capacity() <= 3)
    );
}

/// Forwards connections to a server; the first ones stop after so many bytes of answer, without an end.
async fn staller(port: u16, after_bytes: usize, times: usize) -> (u16, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own_port = listener.local_addr().unwrap().port();
    let stalled = Arc::new(Mutex::new(0));
    let count = stalled.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let count = count.clone();
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let requests = tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                });
                let (mut buffer, mut sent) = (vec![0; 4096], 0);
                while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
                    sent += length;
                    let stalls = sent > after_bytes && {
                        let mut stalled = count.lock().unwrap();
                        *stalled += 1;
                        *stalled <= times
                    };
                    if stalls {
                        // Until the client has given up.
                        let _ = requests.await;
                        return;
                    }
                    if to_client.write_all(&buffer[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (own_port, stalled)
}

#[tokio::test]
async fn stalled_connection_goes_on_from_the_last_byte() {
    let s3 = S3::start().await;
    let whole = bytes(400_000, 8);
    s3.put("key", whole.clone()).await;
    let (port, stalled) = staller(s3.port(), 50_000, 3).await;
    let limits = S3Limits {
        stall_timeout_ms: 500,
        backoff: BackoffLimits {
            max_tries: 20,
            ..small().backoff
        },
        ..small()
    };
    let origin = pin(&s3, port, "key", limits).await.unwrap();
    let (got, fatal) = drain(&mut *origin.read_from(0).await.unwrap()).await;
    assert!(fatal.is_none() && got == whole, "{fatal:?}");
    assert!(*stalled.lock().unwrap() >= 3);
}

#[tokio::test]
async fn server_that_sends_nothing_is_an_outage() {
    let s3 = S3::start().await;
    s3.put("key", bytes(400_000, 9)).await;
    let (port, _) = staller(s3.port(), 0, usize::MAX).await;
    let limits = S3Limits {
        stall_timeout_ms: 20,
        ..small()
    };
    let fatal = pin(&s3, port, "key", limits).await.err().unwrap();
    assert_eq!((fatal.code, fatal.retry), ("s3_unreachable", Retry::Outage));
}
