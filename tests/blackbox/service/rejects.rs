//! `sluicegate rejects`: the same bytes as the service answers, in both stores, beside a running service and without one.

use super::backend::{Backend, DEADLINE};
use crate::people::says;

const SPEC: &str = "spec = 1\nname = \"rows\"\n[format.csv]\n[fields]\na = {}\nn = { type = \"integer\" }\n\
    [errors]\nmax_ratio = 1.0\n[sink.mongodb]\ncollection = \"rows\"\n";

async fn the_command_writes_what_the_service_answers(backend: Backend) {
    backend.spec("rows", SPEC);
    let place = &backend.place;
    let nobody = "0".repeat(24);
    if backend.mongod.is_none() {
        let nothing = place.run(["rejects", &nobody]).await;
        says(&nothing, 1, &["not_found", "DATA_DIR"]);
        assert!(!place.path("data").exists(), "no store was made");
    }
    let service = backend.serve().await;
    let api = &service.api;
    let long = "x".repeat(5_000);
    let input = format!("a,n\r\nä,1\r\nö,x\r\n{long},y\r\n");
    let file = api.upload("rows.csv", "", input).await.is(201).json();
    let file = file["fileId"].as_str().unwrap();
    let job = api.post(&format!("/process/{file}?spec=rows")).await;
    let job = job.is(202).json();
    let job = job["jobId"].as_str().unwrap();
    api.job_in(job, "completed", DEADLINE).await;
    let answer = api.get(&format!("/jobs/{job}/rejects")).await.is(200);
    let expected = answer.text();
    assert_eq!(expected.lines().count(), 3, "{expected}");
    assert!(expected.contains(&format!("{long},y,{job}:3,type,n,")));

    // A job that failed for its header has none, and says so with what it has.
    let other = api.upload("other.csv", "", "x,y\n").await.is(201).json();
    let other = other["fileId"].as_str().unwrap();
    let other = api.post(&format!("/process/{other}?spec=rows")).await;
    let other = other.is(202).json();
    let other = other["jobId"].as_str().unwrap();
    let failed = api.job_in(other, "failed", DEADLINE).await;
    assert_eq!(failed["failure"]["code"], "column_missing");
    let none = api.get(&format!("/jobs/{other}/rejects")).await.is(200);
    assert_eq!(none.text(), "x,y,_reference,_code,_field,_message\n");

    let printed = place.run(["rejects", job]).await;
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    assert_eq!(printed.stdout, expected);
    says(
        &place.run(["rejects", &nobody]).await,
        1,
        &["not_found", &nobody, "--tenant"],
    );
    let others = place.run(["rejects", job, "--tenant", "acme"]).await;
    says(&others, 1, &["not_found", "acme"]);
    says(&place.run(["rejects", "mine"]).await, 2, &["24 hexa"]);
    service.kill().await;

    let written = place.run(["rejects", job, "--out", "bad.csv"]).await;
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    assert_eq!(written.stdout, "");
    let found = std::fs::read_to_string(place.path("bad.csv")).unwrap();
    assert_eq!(found, expected);
    assert!(!place.path("bad.csv.part").exists());
    let again = place.run(["rejects", job, "--out", "bad.csv"]).await;
    says(&again, 2, &["bad.csv", "there already"]);
    let unknown = place.run(["rejects", &nobody, "--out", "none.csv"]).await;
    says(&unknown, 1, &["not_found"]);
    for name in ["none.csv", "none.csv.part"] {
        assert!(!place.path(name).exists(), "{name}");
    }
}

#[tokio::test]
async fn the_command_writes_what_the_service_answers_on_the_embedded_store() {
    the_command_writes_what_the_service_answers(Backend::embedded().await).await;
}

#[tokio::test]
async fn the_command_writes_what_the_service_answers_on_mongodb() {
    the_command_writes_what_the_service_answers(Backend::mongodb().await).await;
}
