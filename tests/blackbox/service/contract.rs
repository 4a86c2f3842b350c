//! The OpenAPI document is what the service does: requests are made of it, and every answer must be in it.

use std::process::Stdio;

use testbed::fetched;
use tokio::process::Command;

use super::backend::{Backend, DEADLINE, SEED};

/// Examples of each operation: enough to meet every kind of wrong parameter.
const EXAMPLES: &str = "40";

#[tokio::test]
async fn schemathesis_finds_no_answer_outside_of_the_document() {
    let backend = Backend::embedded().await;
    let service = backend.serve().await;
    // Something to find: a file, its job and its rejects.
    let (path, _) = backend.orders("orders-1.csv", SEED, 500);
    let query = "?spec=orders-e2e&process=true";
    let submitted = service.api.upload_file(&path, query).await.is(202).json();
    let job = submitted["jobId"].as_str().unwrap();
    service.api.job_in(job, "completed", DEADLINE).await;

    let document = format!("{}/openapi.json", service.api.base());
    let ended = Command::new("python3")
        .args(["-S", "-m", "schemathesis.cli", "--no-color", "run", &document])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"])
        .args(["--phases", "examples,coverage,fuzzing"])
        // One at a time: its workers race in Python's own cache of source lines now and then.
        .args(["--max-examples", EXAMPLES, "--seed", "7", "--request-timeout", "60", "--workers", "1"])
        .args(["--continue-on-failure"])
        .env("PYTHONPATH", fetched("SLUICEGATE_TEST_SCHEMATHESIS", "schemathesis"))
        .current_dir(backend.place.folder())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert!(
        !service.stderr().contains("panicked"),
        "{}",
        service.stderr()
    );
}
