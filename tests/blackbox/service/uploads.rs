//! Uploads: what is kept, what is refused, and that nothing is left of what was refused or broken off.

use std::path::Path;

use bytes::Bytes;
use hyper::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};
use testbed::api::{Api, chunks};
use testbed::eventually;

use super::backend::{Backend, DEADLINE};

/// More than two parts of 8 MiB.
const LARGE_BYTES: usize = 20 * 1024 * 1024 + 7;

/// Text that differs from byte to byte, so that parts in a wrong order are seen.
fn text(length: usize) -> Vec<u8> {
    (0..)
        .flat_map(|n: u64| format!("{n},").into_bytes())
        .take(length)
        .collect()
}

/// Every file, as `GET /files` tells it.
pub(super) async fn files(api: &Api) -> Vec<Value> {
    let list = api.get("/files?limit=200").await.is(200).json();
    list["items"].as_array().unwrap().clone()
}

fn entry_is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with(".part-")
}

/// The keys of all objects, and how many uploads are unfinished.
pub(super) async fn kept(backend: &Backend) -> (Vec<String>, usize) {
    let Some(s3) = &backend.s3 else {
        let mut keys = Vec::new();
        let mut unfinished = 0;
        let mut folders = vec![backend.place.path("data/objects")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if entry_is_unfinished(&path) {
                    unfinished += 1;
                } else {
                    keys.push(path.display().to_string());
                }
            }
        }
        return (keys, unfinished);
    };
    let listed = s3
        .client()
        .list_objects_v2()
        .bucket(s3.bucket())
        .send()
        .await
        .unwrap();
    let keys = listed
        .contents()
        .iter()
        .filter_map(|object| Some(object.key()?.to_owned()))
        .collect();
    // The server of this test cannot list unfinished uploads: the objects' own tests look at those.
    (keys, 0)
}

async fn an_upload_is_kept(backend: Backend) {
    let service = backend.serve().await;
    let api = &service.api;
    for (name, body) in [
        ("small.csv", text(3_000)),
        ("large.csv", text(LARGE_BYTES)),
        ("empty.csv", Vec::new()),
    ] {
        for form in [false, true] {
            let answer = match form {
                true => api.upload_form(&[], name, &body).await,
                false => api.upload(name, "", body.clone()).await,
            };
            let file = answer.is(201).json();
            let id = file["fileId"].as_str().unwrap();
            assert_eq!(id.len(), 24);
            let sha256 = hex::encode(Sha256::digest(&body));
            assert_eq!(
                (&file["size"], &file["sha256"]),
                (&body.len().into(), &sha256.clone().into())
            );
            let key = file["s3Key"].as_str().unwrap();
            assert!(
                key.starts_with("uploads/") && key.ends_with(&format!("/{id}/{name}")),
                "{key}"
            );
            assert!(
                backend
                    .object(key)
                    .await
                    .is_some_and(|object| object == body),
                "{key}"
            );
            let url = file["url"].as_str().unwrap();
            match &backend.s3 {
                Some(s3) => {
                    assert!(url.contains("X-Amz-Expires=900"), "{url}");
                    let place = s3.endpoint();
                    let path = url.strip_prefix(&place).unwrap();
                    let object = Api::new(&place).get(path).await.is(200);
                    assert_eq!(object.body, body);
                }
                None => assert_eq!(url, format!("/files/{id}/content")),
            }
            let record = api.get(&format!("/files/{id}")).await.is(200).json();
            assert_eq!(
                (&record["originalName"], &record["sha256"]),
                (&name.into(), &sha256.into())
            );
            assert_eq!(record["status"], "uploaded");
            let content = api.get(&format!("/files/{id}/content")).await.is(200);
            if backend.s3.is_some() {
                assert!(
                    content.json()["url"]
                        .as_str()
                        .is_some_and(|url| url.contains("X-Amz-Signature"))
                );
                let redirect = api.get(&format!("/files/{id}/content?redirect=1")).await;
                assert!(
                    matches!(redirect.status, 302 | 303 | 307),
                    "{}",
                    redirect.status
                );
            } else {
                assert_eq!(content.body, body);
            }
            api.delete(&format!("/files/{id}")).await.is(204);
            api.get(&format!("/files/{id}"))
                .await
                .refused(404, "not_found");
            assert_eq!(backend.object(key).await, None);
        }
    }
    assert_eq!(
        (files(api).await, kept(&backend).await),
        (vec![], (vec![], 0))
    );
}

#[tokio::test]
async fn an_upload_is_kept_in_a_folder() {
    an_upload_is_kept(Backend::embedded().await).await;
}

#[tokio::test]
async fn an_upload_is_kept_in_s3() {
    an_upload_is_kept(Backend::mongodb().await).await;
}

async fn what_is_refused_leaves_nothing(mut backend: Backend) {
    backend.place = backend.place.env("UPLOAD_MAX_BYTES", "10MiB");
    let service = backend.serve().await;
    let api = &service.api;
    let refused = async |name: &str, body: Vec<u8>, status, code: &str| {
        api.upload(name, "", body.clone())
            .await
            .refused(status, code);
        api.upload_form(&[], name, &body)
            .await
            .refused(status, code);
    };
    refused("page.exe", text(10), 415, "unsupported_type").await;
    refused(
        "orders.csv",
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(),
        415,
        "unsupported_type",
    )
    .await;
    refused(
        "orders.csv",
        b"%PDF-1.7\n".to_vec(),
        415,
        "unsupported_type",
    )
    .await;
    refused(
        "orders.csv",
        text(10 * 1024 * 1024 + 1),
        413,
        "file_too_large",
    )
    .await;
    // The size is judged on the stream where nobody says it before.
    let part = Bytes::from(text(1024 * 1024));
    let endless = chunks(futures::stream::iter(std::iter::repeat_n(part, 12)));
    let sent = api
        .send(Method::PUT, "/upload/orders.csv", &[], endless)
        .await;
    if let Ok(answer) = sent {
        answer.refused(413, "file_too_large");
    }
    assert_eq!(
        (files(api).await, kept(&backend).await),
        (vec![], (vec![], 0))
    );
    api.upload("orders.csv", "", text(10 * 1024 * 1024))
        .await
        .is(201);
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_in_a_folder() {
    what_is_refused_leaves_nothing(Backend::embedded().await).await;
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_in_s3() {
    what_is_refused_leaves_nothing(Backend::mongodb().await).await;
}

/// A client that is gone after `sent` bytes of a body that it said is longer.
async fn gone_after(api: &Api, sent: usize) {
    use tokio::io::AsyncWriteExt;
    let address = api.base().strip_prefix("http://").unwrap();
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PUT /upload/orders.csv HTTP/1.1\r\nhost: {address}\r\ncontent-length: {LARGE_BYTES}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&text(sent)).await.unwrap();
    connection.flush().await.unwrap();
}

async fn a_client_that_goes_away_leaves_nothing(backend: Backend) {
    let service = backend.serve().await;
    let part_bytes = 8 * 1024 * 1024;
    for sent in [0, 1, part_bytes - 1, part_bytes + 1, LARGE_BYTES - 1] {
        gone_after(&service.api, sent).await;
    }
    eventually("nothing is left", DEADLINE, async || {
        files(&service.api).await.is_empty() && kept(&backend).await == (vec![], 0)
    })
    .await;
    service.api.upload("orders.csv", "", text(10)).await.is(201);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_in_a_folder() {
    a_client_that_goes_away_leaves_nothing(Backend::embedded().await).await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_in_s3() {
    a_client_that_goes_away_leaves_nothing(Backend::mongodb().await).await;
}

#[tokio::test]
async fn an_upload_can_queue_its_job() {
    let backend = Backend::embedded().await;
    let (path, totals) = backend.orders("orders-1.csv", 5, 500);
    let body = std::fs::read(&path).unwrap();
    let service = backend.serve().await;
    let api = &service.api;
    let raw = api
        .upload(
            "orders-1.csv",
            "?spec=orders-e2e&process=true",
            body.clone(),
        )
        .await
        .is(202)
        .json();
    assert_eq!(raw["state"], "queued");
    let job = raw["jobId"].as_str().unwrap();
    super::backend::counts(&api.job_in(job, "completed", DEADLINE).await, &totals);
    let fields = [("spec", "orders-e2e"), ("process", "true")];
    let form = api
        .upload_form(&fields, "orders-1.csv", &body)
        .await
        .is(200)
        .json();
    assert_eq!(
        (&form["existing"], &form["jobId"]),
        (&true.into(), &raw["jobId"])
    );
    assert_ne!(form["fileId"], raw["fileId"]);
    let job = api.job(job).await;
    assert_eq!(
        job["fileIds"],
        serde_json::json!([raw["fileId"], form["fileId"]])
    );
    // A spec that is not there: the file is kept, and the answer says which it is.
    let refused = api
        .upload("orders-1.csv", "?spec=nowhere&process=true", body)
        .await;
    assert!(refused.json()["fileId"].is_string(), "{}", refused.text());
    refused.refused(422, "spec_not_found");
}
