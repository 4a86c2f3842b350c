//! What both servers must do alike, and what the strict one refuses.

use super::*;
use aws_sdk_s3::error::ProvideErrorMetadata;

async fn both() -> [S3; 2] {
    [S3::start().await, S3::start_moto().await]
}

#[tokio::test]
async fn s3_returns_what_was_put() {
    for server in both().await {
        let bytes: Vec<u8> = (0..1_000_000u32)
            .map(|index| (index * 7 % 251) as u8)
            .collect();
        server.put("in/a.csv", bytes.clone()).await;
        assert!(server.get("in/a.csv").await == bytes);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b");
        std::fs::write(&path, b"from a file").unwrap();
        server.put_file("b", &path).await;
        assert_eq!(server.get("b").await, "from a file");
    }
}

#[tokio::test]
async fn s3_gives_ranges_of_the_version_that_is_asked_for() {
    for server in both().await {
        let e_tag = server.put("a", "0123456789").await;
        let client = server.client();
        let range = |e_tag: &str| {
            client
                .get_object()
                .bucket(BUCKET)
                .key("a")
                .range("bytes=3-5")
                .if_match(e_tag)
                .send()
        };
        let part = range(&e_tag).await.unwrap();
        assert_eq!(part.content_range.as_deref(), Some("bytes 3-5/10"));
        assert_eq!(part.body.collect().await.unwrap().into_bytes(), "345");
        let other = server.put("a", "abcdefghij").await;
        assert_ne!(other, e_tag);
        let refused = range(&e_tag).await.unwrap_err();
        assert_eq!(
            refused
                .raw_response()
                .map(|response| response.status().as_u16()),
            Some(412)
        );
        assert_eq!(
            range(&other)
                .await
                .unwrap()
                .body
                .collect()
                .await
                .unwrap()
                .into_bytes(),
            "def"
        );
    }
}

#[tokio::test]
async fn s3_embedded_refuses_a_wrong_key() {
    let server = S3::start().await;
    let wrong = Credentials::new(ACCESS_KEY, "wrong", None, None, "test");
    let config = server
        .client()
        .config()
        .to_builder()
        .credentials_provider(wrong)
        .build();
    let refused = Client::from_conf(config)
        .list_objects_v2()
        .bucket(BUCKET)
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some("SignatureDoesNotMatch"));
}

#[tokio::test]
async fn s3_takes_a_file_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|at| (at % 251) as u8).collect();
    std::fs::write(&path, &bytes).unwrap();
    for server in [S3::start().await, S3::start_moto().await] {
        server.put_in_parts("large", &path).await;
        assert!(server.get("large").await == bytes);
    }
}
