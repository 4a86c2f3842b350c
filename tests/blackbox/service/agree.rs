//! Every spec of `specs/`: a broken copy of its sample, whose rejects are corrected and sent again, leaves what the sample
//! itself leaves: the same documents at the same places, and the same books.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use hyper::Method;
use serde_json::{Value, json};
use testbed::api::{Api, bytes};

use super::backend::{Backend, DEADLINE};
use crate::golden::sample;

/// What is good somewhere in a sample, and what is bad in its place; neither holds anything that a format writes in another
/// way.
const FAULTS: [(&str, &str, &str); 14] = [
    ("access-log", "/Mar/2026:", "/Xar/2026:"),
    ("bank", ",00\";\"EUR\"", "x00\";\"EUR\""),
    (
        "baskets",
        "\"sold_at\": \"2026-04-03T09:1",
        "\"sold_at\": \"2026-04-33T09:1",
    ),
    ("catalog", "<since>2012-", "<since>2x12-"),
    ("events", "\"id\":\"0190b2a4-", "\"id\":\"0190z2a4-"),
    ("members", ";ja;", ";jx;"),
    ("news", "<updated>2026-02-", "<updated>2026-99-"),
    ("orders", "/07/2026 ", "/77/2026 "),
    ("places", "\"capacity\": \"7\"", "\"capacity\": \"x7\""),
    ("price-list", ",96", "x96"),
    ("readings", "A000000", "Ax00000"),
    ("register", "BE13", "Bx13"),
    ("sales-de", "10.04.2026 0", "10.44.2026 0"),
    ("stops", ",50.82", ",5x.82"),
];

fn specs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs")
}

/// The bytes of a sample, unpacked.
fn input(name: &str) -> (String, Vec<u8>) {
    let path = sample(&specs().join(name)).unwrap();
    let packed = std::fs::read(&path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut plain = packed.clone();
    if name.ends_with(".gz") {
        plain.clear();
        let mut decoder = MultiGzDecoder::new(&packed[..]);
        decoder.read_to_end(&mut plain).unwrap();
    }
    (name.to_owned(), plain)
}

/// The bytes as a file of this name holds them.
fn packed(name: &str, plain: &[u8]) -> Vec<u8> {
    if !name.ends_with(".gz") {
        return plain.to_vec();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// The same bytes with `to` wherever `from` is, in the encoding of the bytes; and how often that was.
fn replaced(bytes: &[u8], from: &str, to: &str) -> (Vec<u8>, usize) {
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let (from, to) = match bytes.starts_with(b"\xff\xfe") {
        true => (wide(from), wide(to)),
        false => (from.as_bytes().to_vec(), to.as_bytes().to_vec()),
    };
    let (mut out, mut count, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(&from) {
            out.extend_from_slice(&to);
            (count, at) = (count + 1, at + from.len());
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    (out, count)
}

/// Loads bytes with a spec, whatever its budget: the completed job.
async fn load(api: &Api, spec: &str, name: &str, input: Vec<u8>) -> Value {
    let query = format!("?spec={spec}&process=true");
    let submitted = api.upload(name, &query, input).await.is(202).json();
    let id = submitted["jobId"].as_str().unwrap();
    let ended = api
        .job_when(id, "at its end", DEADLINE, |job| {
            ["completed", "held", "failed"].contains(&job["state"].as_str().unwrap())
        })
        .await;
    if ended["state"] == "held" {
        let more = json!({ "maxRecords": 1_000_000 });
        api.post_json(&format!("/jobs/{id}/approve"), &more)
            .await
            .is(200);
    }
    api.job_in(id, "completed", DEADLINE).await
}

/// Books of a job, loaded and already loaded as one.
fn books(job: &Value) -> [u64; 4] {
    let count = |name: &str| job["stats"][name].as_u64().unwrap();
    let loaded = count("loaded") + count("alreadyLoaded");
    [count("read"), loaded, count("rejected"), count("dropped")]
}

/// The documents of a collection by record and part, without what names the job and its file.
async fn documents(backend: &Backend, collection: &str, lineage: &str) -> BTreeMap<String, Value> {
    let ended = backend.place.run(["export", collection]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut all = BTreeMap::new();
    for line in ended.stdout.lines() {
        let mut document: Value = serde_json::from_str(line).unwrap();
        let id = document.as_object_mut().unwrap().remove("_id").unwrap();
        // Behind the identity of the content, which is another one where the file is broken.
        all.insert(id.as_str().unwrap()[24..].to_owned(), document);
    }
    for document in all.values_mut() {
        if let Some(Value::Object(lineage)) = document.get_mut(lineage) {
            lineage.remove("job");
            lineage.remove("file");
        }
    }
    all
}

async fn agrees((name, good, bad): (&str, &str, &str)) {
    let (whole, broken) = (Backend::embedded().await, Backend::embedded().await);
    let text = std::fs::read_to_string(specs().join(format!("{name}.toml"))).unwrap();
    for backend in [&whole, &broken] {
        backend.spec(name, &text);
    }
    let said = |key: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{key} = ")));
        line.and_then(|line| line.split('"').nth(1))
            .unwrap_or_default()
    };
    let (collection, lineage) = (said("collection"), said("lineage"));
    let (file, sample) = input(name);
    let (faulty, faults) = replaced(&sample, good, bad);
    assert!(faults > 0 && replaced(&sample, bad, good).1 == 0, "{name}");

    let service = whole.serve().await;
    let expected = load(&service.api, name, &file, packed(&file, &sample)).await;
    service.kill().await;
    let service = broken.serve().await;
    let api = &service.api;
    let job = load(api, name, &file, packed(&file, &faulty)).await;
    let (read, before) = (books(&job)[0], books(&job)[2]);
    assert!(before > books(&expected)[2], "{name}: {job:#}");
    let id = job["jobId"].as_str().unwrap();
    let rejects = api.get(&format!("/jobs/{id}/rejects")).await.is(200);
    let (corrected, fixed) = replaced(&rejects.body, bad, good);
    assert!(fixed > 0, "{name}");
    let path = format!("/jobs/{id}/resubmit");
    let sent = api.send(Method::POST, &path, &[], bytes(corrected)).await;
    let child = sent.unwrap().is(202).json();
    let child = api
        .job_in(child["jobId"].as_str().unwrap(), "completed", DEADLINE)
        .await;
    assert_eq!(books(&child)[0], before, "{name}: {child:#}");
    let now = api.job(id).await;
    assert_eq!(books(&now), books(&expected), "{name}: {now:#} {child:#}");
    assert_eq!(books(&now)[0], read, "{name}");
    service.kill().await;
    let found = documents(&broken, collection, lineage).await;
    let wanted = documents(&whole, collection, lineage).await;
    assert_eq!(found.len(), wanted.len(), "{name}");
    for (id, document) in wanted {
        assert_eq!(found.get(&id), Some(&document), "{name}: {id}");
    }
}

#[tokio::test]
async fn rejects_of_every_spec_that_are_corrected_and_sent_again_leave_what_the_whole_file_leaves()
{
    let listed = std::fs::read_dir(specs()).unwrap();
    let names = listed.map(|entry| entry.unwrap().path());
    for path in names.filter(|path| path.extension().is_some_and(|end| end == "toml")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        // What records of several kinds, or of groups, mean stands in those beside them.
        let is_section = |line: &str| line.starts_with("[records.") || line == "[group]";
        let needs_others = text.lines().any(is_section);
        let has_fault = FAULTS.iter().any(|(spec, ..)| *spec == name);
        assert_eq!(has_fault, !needs_others, "{name}");
    }
    for fault in FAULTS {
        agrees(fault).await;
    }
}
