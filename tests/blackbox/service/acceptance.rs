//! `deploy/accept`, the script that accepts an installation: it passes where all is well, and says what is not.

use std::path::Path;
use std::process::{Output, Stdio};

use testbed::eventually;
use testbed::service::Service;
use tokio::process::{Child, Command};

use super::backend::{Backend, DEADLINE};
use super::tenants::key;

/// What is tried, in this order.
const TRIED: [&str; 6] = [
    "upload",
    "process",
    "concurrency",
    "large",
    "crash",
    "security",
];

fn accept(service: &Service, key: Option<&str>, args: &[&str]) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/accept");
    Command::new("python3")
        .arg(script)
        .arg(service.api.base())
        .args(args)
        .env("SLUICEGATE_KEY", key.unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn ended(script: Child) -> Output {
    let ended = tokio::time::timeout(DEADLINE, script.wait_with_output()).await;
    ended.unwrap().unwrap()
}

/// The verdict on each, by its word.
fn verdicts(output: &Output) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(&output.stdout);
    let words = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    });
    words
        .filter(|(tried, _)| TRIED.contains(&tried.as_str()))
        .collect()
}

fn told(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn a_service_on_the_embedded_default_is_accepted() {
    let backend = Backend::embedded().await;
    let service = backend.serve().await;
    let output = ended(accept(&service, None, &["--megabytes", "5"])).await;
    assert!(output.status.success(), "{}", told(&output));
    for (tried, verdict) in verdicts(&output) {
        let expected = if tried == "crash" { "--" } else { "ok" };
        assert_eq!(verdict, expected, "{tried}: {}", told(&output));
    }
    assert_eq!(verdicts(&output).len(), TRIED.len());
    let files = service.api.get("/files").await.is(200).json();
    assert_eq!(files["items"].as_array().unwrap().len(), 0, "{files:#}");
}

#[tokio::test]
async fn a_service_with_keys_on_mongodb_whose_worker_is_killed_is_accepted() {
    let backend = Backend::mongodb().await;
    let key = key(&backend.place, "acme").await;
    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    let mut worker = backend.place.start(["worker"]);
    let crash = format!("kill -s KILL {}", worker.process());
    let args = ["--megabytes", "10", "--crash", &crash];
    let script = accept(&service, Some(&key), &args);
    eventually("the worker is killed", DEADLINE, async || !worker.runs()).await;
    let next = backend.place.start(["worker"]);
    let output = ended(script).await;
    assert!(output.status.success(), "{}", told(&output));
    assert!(
        verdicts(&output).iter().all(|(_, verdict)| verdict == "ok"),
        "{}",
        told(&output)
    );
    assert_eq!(verdicts(&output).len(), TRIED.len());
    next.kill().await;
}

#[tokio::test]
async fn what_is_not_as_it_must_be_is_not_accepted() {
    let backend = Backend::embedded().await;
    let key = key(&backend.place, "acme").await;
    let service = backend.serve().await;
    // Without the key nothing can be said.
    let output = ended(accept(&service, None, &[])).await;
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    // Nothing crashes where the command fails.
    let args = ["--key", &key, "--megabytes", "1", "--only", "crash"];
    let output = ended(accept(
        &service,
        None,
        &[&args[..], &["--crash", "false"]].concat(),
    ))
    .await;
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let verdict = ("crash".to_owned(), "NOT".to_owned());
    assert_eq!(verdicts(&output), [verdict], "{}", told(&output));
}
