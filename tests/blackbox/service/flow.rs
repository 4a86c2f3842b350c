//! From an upload to its documents: the way of one file through the whole service.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testbed::orders::{HEADER, orders};

use super::backend::{Backend, DEADLINE, SEED, counts};
use crate::found::rejects_expected;

/// The sum mod 2^256 of sha256 over every `_id`, as anybody can make it.
fn digest(ids: impl Iterator<Item = Vec<u8>>) -> String {
    let mut sum = [0_u8; 32];
    for id in ids {
        let hash: [u8; 32] = Sha256::digest(&id).into();
        let mut carry = 0_u16;
        for (byte, more) in sum.iter_mut().zip(hash).rev() {
            let added = u16::from(*byte) + u16::from(more) + carry;
            (*byte, carry) = (added as u8, added >> 8);
        }
    }
    hex::encode(sum)
}

async fn an_upload_becomes_documents(backend: Backend) {
    let records = 20_000;
    let (path, totals) = backend.orders("orders-1.csv", SEED, records);
    let service = backend.serve().await;
    let api = &service.api;

    let file = api.upload_file(&path, "").await.is(201).json();
    let id = file["fileId"].as_str().unwrap();
    assert_eq!(
        (&file["uploadId"], &file["fileKey"]),
        (&file["fileId"], &file["fileId"])
    );
    assert_eq!(
        (&file["status"], &file["message"]),
        (&json!("uploaded"), &json!("uploaded"))
    );
    assert_eq!(file["size"], totals.bytes);
    let submitted = api
        .post(&format!("/process/{id}?spec=orders-slow"))
        .await
        .is(202)
        .json();
    assert_eq!(submitted["state"], "queued");
    assert_eq!(submitted["fileId"], id);
    let job = submitted["jobId"].as_str().unwrap();

    let running = api
        .job_when(job, "in progress with records", DEADLINE, |job| {
            job["state"] == "in_progress" && job["stats"]["read"].as_u64() > Some(0)
        })
        .await;
    assert!(
        running["progress"]
            .as_f64()
            .is_some_and(|progress| progress < 1.0),
        "{running:#}"
    );
    assert!(
        running["workerId"].is_string() && running["lockUntil"].is_string(),
        "{running:#}"
    );
    let seen = api.get(&format!("/files/{id}")).await.is(200).json();
    assert_eq!(seen["status"], "processing");

    let done = api.job_in(job, "completed", DEADLINE).await;
    counts(&done, &totals);
    assert_eq!(done["progress"], 1.0);
    assert_eq!(
        (&done["bytesRead"], &done["bytesTotal"]),
        (&json!(totals.bytes), &json!(totals.bytes))
    );
    assert_eq!(
        (&done["failure"], &done["callback"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(done["spec"]["name"], "orders-slow");
    assert!(done["finishedAt"].is_string() && done["startedAt"].is_string());
    let seen = api.get(&format!("/files/{id}")).await.is(200).json();
    assert_eq!(seen["status"], "processed");
    assert!(seen["processedAt"].is_string(), "{seen:#}");
    let documents = backend.documents("orders").await;
    documents.equal(orders(SEED, records));

    rejects(&service.api, job, records).await;
    receipt(&backend, &service.api, job, totals.loaded).await;
    let ended = service.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

/// The rejects are those of the generator, page by page and as a download.
async fn rejects(api: &testbed::api::Api, job: &str, records: u64) {
    let expected = rejects_expected(HEADER, orders(SEED, records));
    let lines = api
        .get(&format!("/jobs/{job}/errors?format=jsonl"))
        .await
        .is(200)
        .text();
    let mut paged = Vec::new();
    let mut page = 1;
    loop {
        let list = api
            .get(&format!("/jobs/{job}/errors?limit=200&page={page}"))
            .await
            .is(200)
            .json();
        assert_eq!(list["total"], expected.len());
        let items = list["items"].as_array().unwrap();
        paged.extend(items.iter().cloned());
        if items.len() < 200 {
            break;
        }
        page += 1;
    }
    let downloaded: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(paged, downloaded);
    assert_eq!(paged.len(), expected.len());
    for (reject, (record, expected)) in paged.iter().zip(&expected) {
        assert_eq!(&reject["record"], record);
        for name in ["line", "offset", "code", "field", "raw"] {
            assert_eq!(reject[name], expected[name], "{name} of record {record}");
        }
    }
    let code = paged[0]["code"].as_str().unwrap();
    let of_code = api
        .get(&format!("/jobs/{job}/errors?code={code}&limit=1"))
        .await
        .is(200)
        .json();
    let count = paged.iter().filter(|reject| reject["code"] == code).count();
    assert_eq!(of_code["total"], count);
    let csv = api
        .get(&format!("/jobs/{job}/errors?format=csv"))
        .await
        .is(200);
    assert!(
        csv.text()
            .starts_with("record,line,offset,code,field,message,raw"),
        "{}",
        csv.text()
    );
    let own = api
        .get(&format!("/jobs/{job}/rejects"))
        .await
        .is(200)
        .text();
    let header = HEADER.trim_end();
    assert!(own.starts_with(header), "{own:.200}");
}

async fn receipt(backend: &Backend, api: &testbed::api::Api, job: &str, loaded: u64) {
    let receipt = api
        .get(&format!("/jobs/{job}/receipt"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&receipt["jobId"], &receipt["revision"]),
        (&json!(job), &json!(1))
    );
    assert_eq!(receipt["documents"], loaded);
    let ids = backend.ids("orders").await;
    assert_eq!(receipt["digest"], digest(ids.into_iter()));
}

#[tokio::test]
async fn an_upload_becomes_documents_in_the_embedded_store() {
    an_upload_becomes_documents(Backend::embedded().await).await;
}

#[tokio::test]
async fn an_upload_to_s3_becomes_documents_in_mongodb() {
    an_upload_becomes_documents(Backend::mongodb().await).await;
}
