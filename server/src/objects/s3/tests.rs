//! Keeping objects in S3 over connections that break, and addresses that anybody can read.

use super::super::suite::{bytes, in_bucket, read};
use super::*;
use stages::source::s3::{BackoffLimits, S3Limits};
use testbed::proxy::Cutter;
use testbed::s3::S3;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn quick() -> S3Limits {
    S3Limits {
        backoff: BackoffLimits {
            max_tries: 5,
            first_wait_ms: 1,
            max_wait_ms: 1,
        },
        ..S3Limits::default()
    }
}

/// Uploads two parts while the first answer to a request with `pattern` is lost.
async fn check_lost_answer(s3: &S3, pattern: &[u8]) {
    let cutter = Cutter::start(s3.port()).await;
    let objects = in_bucket(s3, cutter.port(), quick());
    let key = format!("uploads/{}.csv", hex::encode(pattern));
    let parts = [bytes(PART_BYTES, 1), bytes(77, 2)];
    cutter.lose_reply_to(pattern, 1);
    let upload = objects.begin(&key, "text/csv").await.unwrap();
    let mut kept = Vec::new();
    for (bytes, number) in parts.iter().zip(1..) {
        kept.push(objects.part(&upload, number, bytes.clone()).await.unwrap());
    }
    objects.complete(&upload, &kept).await.unwrap();
    assert_eq!(cutter.cuts(), 1, "{key}");
    assert!(
        read(&objects, &key).await.unwrap() == parts.concat(),
        "{key}"
    );
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() {
    let (s3s, moto) = (S3::start().await, S3::start_moto().await);
    for s3 in [&s3s, &moto] {
        for pattern in [&b"partNumber=2"[..], b"<CompleteMultipartUpload"] {
            check_lost_answer(s3, pattern).await;
        }
    }
}

#[tokio::test]
async fn an_abort_whose_answer_is_lost_is_done() {
    let (s3s, moto) = (S3::start().await, S3::start_moto().await);
    for s3 in [&s3s, &moto] {
        let cutter = Cutter::start(s3.port()).await;
        let objects = in_bucket(s3, cutter.port(), quick());
        let upload = objects.begin("uploads/a.csv", "text/csv").await.unwrap();
        objects.part(&upload, 1, bytes(5, 1)).await.unwrap();
        cutter.lose_reply_to(b"DELETE /", 1);
        objects.abort(&upload).await.unwrap();
        assert_eq!(cutter.cuts(), 1);
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_an_outage() {
    let s3 = S3::start().await;
    let cutter = Cutter::start(s3.port()).await;
    let objects = in_bucket(&s3, cutter.port(), quick());
    let upload = objects.begin("uploads/a.csv", "text/csv").await.unwrap();
    cutter.refuse(true);
    cutter.cut_all();
    let outcomes = [
        objects.put("uploads/b.csv", "text/csv", bytes(9, 1)).await,
        objects.begin("uploads/b.csv", "text/csv").await.map(drop),
        objects
            .part(&upload, 1, bytes(PART_BYTES, 1))
            .await
            .map(drop),
        objects.complete(&upload, &[]).await,
        objects.abort(&upload).await,
        objects.open("uploads/b.csv").await.map(drop),
        objects.remove("uploads/b.csv").await,
        objects.ping().await,
    ];
    for (n, outcome) in outcomes.into_iter().enumerate() {
        let fatal = outcome.unwrap_err();
        assert_eq!(
            (fatal.code, fatal.retry),
            ("objects_unavailable", Retry::Outage),
            "{n}"
        );
    }
    cutter.refuse(false);
    objects.ping().await.unwrap();
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_outage_and_no_missing_object() {
    let s3 = S3::start_moto().await;
    let client = S3Client::of(s3.client().config().to_builder(), quick(), 7);
    let objects = S3Objects::new(client, "nowhere");
    let put = objects.put("uploads/a.csv", "text/csv", bytes(9, 1)).await;
    for outcome in [put, objects.ping().await] {
        assert_eq!(outcome.unwrap_err().code, "objects_unavailable");
    }
}

/// A server that answers `answer` to the `n`-th request with this first line, and the port it listens on.
async fn scripted(answer: fn(&str, u32) -> (u16, &'static str)) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut seen: Vec<String> = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let line = head.lines().next().unwrap().to_owned();
            let before = seen.iter().filter(|other| **other == line).count();
            let (status, body) = answer(&line, u32::try_from(before).unwrap());
            seen.push(line);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    port
}

/// A policy of the bucket that was written before uploads were listed.
#[tokio::test]
async fn who_may_not_list_uploads_still_begins_and_sweeps_them() {
    let s3 = S3::start().await;
    let port = scripted(|line, before| match line {
        line if line.starts_with("POST ") && before == 0 => (503, ""),
        line if line.starts_with("POST ") => (
            200,
            "<InitiateMultipartUploadResult><UploadId>second</UploadId></InitiateMultipartUploadResult>",
        ),
        line if line.starts_with("GET ") && line.contains("uploads") => {
            (403, "<Error><Code>AccessDenied</Code></Error>")
        }
        _ => (400, ""),
    });
    let objects = in_bucket(&s3, port.await, quick());
    let upload = objects.begin("uploads/a.csv", "text/csv").await.unwrap();
    assert_eq!(upload.id.as_deref(), Some("second"));
    let unknown = Upload {
        id: Some(UNKNOWN_UPLOAD.into()),
        ..upload
    };
    objects.abort(&unknown).await.unwrap();
}

#[tokio::test]
async fn an_upload_that_was_begun_is_had_whatever_the_look_for_others_says() {
    let s3 = S3::start().await;
    let port = scripted(|line, before| match line {
        line if line.starts_with("POST ") && before == 1 => (
            200,
            "<InitiateMultipartUploadResult><UploadId>second</UploadId></InitiateMultipartUploadResult>",
        ),
        _ => (503, ""),
    });
    let objects = in_bucket(&s3, port.await, quick());
    let upload = objects.begin("uploads/a.csv", "text/csv").await.unwrap();
    assert_eq!(upload.id.as_deref(), Some("second"));
}

#[tokio::test]
async fn anybody_reads_a_signed_address_and_none_that_was_changed() {
    let s3 = S3::start().await;
    let objects = in_bucket(&s3, s3.port(), quick());
    let key = "uploads/orders.csv";
    objects
        .put(key, "text/csv", Bytes::from_static(b"a,b\n"))
        .await
        .unwrap();
    let valid = Duration::from_secs(900);
    let address = objects
        .presign(key, "Ordres \"é\".csv", valid)
        .await
        .unwrap()
        .unwrap();
    let path = address.strip_prefix(&s3.endpoint()).unwrap();
    let answer = get(&s3, path).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("a,b\n"),
        "{answer}"
    );
    assert!(path.contains("X-Amz-Expires=900"), "{path}");
    let changed = get(&s3, &path.replace("orders.csv", "others.csv")).await;
    assert!(changed.starts_with("HTTP/1.1 403"), "{changed}");
}

async fn get(s3: &S3, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", s3.port())).await.unwrap();
    let host = s3.endpoint().replace("http://", "");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[test]
fn names_of_downloads_are_plain_or_escaped() {
    let check = |name, expected: &str| assert_eq!(disposition(name), expected);
    check("orders.csv", "attachment; filename=\"orders.csv\"");
    check(
        "a\"\r\nb",
        "attachment; filename=\"a___b\"; filename*=UTF-8''a%22%0D%0Ab",
    );
    check(
        "é.csv",
        "attachment; filename=\"_.csv\"; filename*=UTF-8''%C3%A9.csv",
    );
}
