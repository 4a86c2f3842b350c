//! Uploads as others pack and encode them: taken by name, type and first bytes, loaded, and their rejects given back.

use serde_json::json;

use super::backend::{Backend, DEADLINE};
use crate::packed::python;

const SPEC: &str = "spec = 1\nname = \"rows\"\n[input]\nencoding = \"ENCODING\"\nmember = \"*.csv\"\n\
    [format.csv]\n[fields]\na = {}\nn = { type = \"integer\" }\n[errors]\nmax_ratio = 1.0\n\
    [sink.mongodb]\ncollection = \"rows\"\n";

async fn an_upload_of_each_kind_is_loaded(backend: Backend) {
    for (name, encoding) in [
        ("plain", "utf-8"),
        ("wide", "auto"),
        ("old", "windows-1252"),
    ] {
        let spec = SPEC.replace("\"rows\"", &format!("\"{name}\""));
        backend.spec(name, &spec.replace("ENCODING", encoding));
    }
    let service = backend.serve().await;
    let api = &service.api;
    for (name, spec, script) in [
        (
            "rows.csv.bz2",
            "plain",
            "bz2.compress('a,n\\nä,1\\nö,x\\n'.encode(), 1)",
        ),
        (
            "rows.csv.xz",
            "plain",
            "xz('a,n\\nä,1\\nö,x\\n\\n'.encode())",
        ),
        (
            "rows.zip",
            "plain",
            "zipped('a,n\\nä,1\\nö,x\\n'.encode(), more=['readme.txt'])",
        ),
        ("rows.csv", "wide", "'a,n\\nä,1\\nö,x\\n'.encode('utf-16')"),
        ("rows.csv", "old", "'a,n\\nä,1\\nö,x\\n'.encode('cp1252')"),
    ] {
        python(&backend.place, &format!("write('made', {script})"));
        let bytes = std::fs::read(backend.place.path("made")).unwrap();
        let file = api.upload(name, "", bytes).await.is(201).json();
        let file = file["fileId"].as_str().unwrap();
        let process = format!("/process/{file}?spec={spec}");
        let job = api.post(&process).await.is(202).json();
        let job = job["jobId"].as_str().unwrap();
        let ended = api.job_in(job, "completed", DEADLINE).await;
        assert_eq!(
            (&ended["stats"]["loaded"], &ended["stats"]["rejected"]),
            (&json!(1), &json!(1)),
            "{name} {spec}: {ended:#}"
        );
        // In the encoding of the file.
        let rejects = api.get(&format!("/jobs/{job}/rejects")).await.is(200);
        let record: &[u8] = match spec {
            "wide" => b"\xf6\0,\0x\0",
            "old" => b"\xf6,x",
            _ => "ö,x".as_bytes(),
        };
        let found = rejects
            .body
            .windows(record.len())
            .any(|part| part == record);
        assert!(found, "{}", rejects.text());
    }
    assert_eq!(backend.count("plain").await, 3);
    for collection in ["wide", "old"] {
        let documents = backend.documents(collection).await;
        assert_eq!(documents.values(), [&json!({ "a": "ä", "n": 1 })]);
    }
    // What only says that it is one is not taken.
    api.upload("rows.csv.xz", "", &b"\x7fELF\x02\x01\x01\0\0\0"[..])
        .await
        .refused(415, "unsupported_type");
    service.kill().await;
}

#[tokio::test]
async fn an_upload_of_each_kind_is_loaded_on_the_embedded_store() {
    an_upload_of_each_kind_is_loaded(Backend::embedded().await).await;
}

#[tokio::test]
async fn an_upload_of_each_kind_is_loaded_on_mongodb() {
    an_upload_of_each_kind_is_loaded(Backend::mongodb().await).await;
}
