//! The page in a real browser: scripts of `tests/page` drive Chromium against the real service.
//!
//! What a person would see is asserted there; what the service must answer comes from here. Pictures of every view, in both
//! themes and at two widths, are left in `target/page` for people to look at.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use testbed::api::Api;
use testbed::fetched;
use testbed::truth::Totals;
use tokio::process::Command;

use super::backend::{Backend, SEED};
use super::tenants::key;

/// Orders in the small file; about 3 % of them are bad by themselves.
const RECORDS: u64 = 2_000;
/// More that are bad, so that there are about 5 % in all and one cause stands out.
const MORE_BAD: u64 = 40;
/// The code of these.
const MORE_CODE: &str = "pattern";
/// Orders in the file that takes its time: some 10 s with `orders-slow`.
const SLOW_RECORDS: u64 = 80_000;
/// Records that would be markup.
const HOSTILE: &str = "<img src=x onerror=document.title=1>,a@b.example,01/02/2024 10:00,,1,EUR,1,1,new,true,\
                       <script>document.title=2</script>\n";

/// What webhooks are signed with.
const WEBHOOK_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A service with specs and files for all scripts.
struct Place {
    backend: Backend,
    small: PathBuf,
    totals: Totals,
}

impl Place {
    async fn new() -> Self {
        let backend = Backend::embedded().await;
        let any = |text: String| text.replace("max_ratio = 0.1", "max_ratio = 1.0");
        // The only one that matches the small file's name.
        backend.orders_spec("orders-page", |text| {
            any(text).replace("orders-e2e*", "page-*")
        });
        backend.orders_spec("orders-held", |text| {
            any(text).replace("max_records = 1_000_000_000", "max_records = 10")
        });
        let (small, mut totals) = backend.orders("page-small.csv", SEED, RECORDS);
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(&small)
            .unwrap();
        for number in 0..MORE_BAD {
            writeln!(file, "no-{number},,01/02/2024 10:00,,1,EUR,1,1,new,true,").unwrap();
        }
        totals.read += MORE_BAD;
        totals.rejected += MORE_BAD;
        Self {
            backend,
            small,
            totals,
        }
    }

    /// What a script is told, beside the address and the key.
    fn said(&self, api: &Api) -> Value {
        let (big, _) = self.backend.orders("big.csv", SEED, SLOW_RECORDS);
        let (other, _) = self.backend.orders("unknown.csv", SEED + 1, 200);
        let header = testbed::orders::HEADER;
        let hostile = self.backend.place.write(
            "<img src=x onerror=document.title=3>.csv",
            format!("{header}{HOSTILE}"),
        );
        let totals = &self.totals;
        json!({
            "base": api.base(),
            "pictures": pictures(),
            "small": self.small,
            "big": big,
            "other": other,
            "hostile": hostile,
            "code": MORE_CODE,
            "counts": {
                "read": totals.read,
                "loaded": totals.loaded,
                "rejected": totals.rejected,
                "dropped": totals.dropped,
            },
        })
    }
}

/// Where pictures are left: `target/page`.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("page")
}

/// Runs a script of `tests/page` to its end.
async fn drive(script: &str, said: Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/page");
    let ended = Command::new("python3")
        .arg("-S")
        .arg(path.join(script))
        .arg(said.to_string())
        .env(
            "PYTHONPATH",
            fetched("SLUICEGATE_TEST_PLAYWRIGHT", "playwright"),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CHROMIUM", fetched("SLUICEGATE_TEST_CHROMIUM", "chromium"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(
        ended.status.success(),
        "{script} {said}\n{}\n{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
}

#[tokio::test]
async fn a_person_loads_files_and_takes_the_rejects_home() {
    let place = Place::new().await;
    let service = place.backend.serve().await;
    drive("load.py", place.said(&service.api)).await;
    assert!(
        !service.stderr().contains("panicked"),
        "{}",
        service.stderr()
    );
}

#[tokio::test]
async fn the_page_asks_for_a_key_and_downloads_with_it() {
    let place = Place::new().await;
    let key = key(&place.backend.place, "acme").await;
    let service = place.backend.serve().await;
    let mut said = place.said(&service.api);
    said["key"] = key.into();
    drive("key.py", said).await;
}

#[tokio::test]
async fn the_page_follows_a_job_by_its_stream_or_by_asking() {
    let place = Place::new().await;
    let service = place.backend.serve().await;
    drive("live.py", place.said(&service.api)).await;
}

#[tokio::test]
async fn the_page_shows_what_became_of_a_webhook() {
    let mut place = Place::new().await;
    place.backend.place = place
        .backend
        .place
        .env("WEBHOOK_SECRET", WEBHOOK_SECRET)
        .env("WEBHOOK_ALLOW", "127.0.0.0/8");
    let service = place.backend.serve().await;
    drive("webhook.py", place.said(&service.api)).await;
}

#[tokio::test]
async fn the_page_is_read_in_both_themes_on_a_phone_and_by_keyboard() {
    let place = Place::new().await;
    let service = place.backend.serve().await;
    drive("look.py", place.said(&service.api)).await;
}

#[tokio::test]
async fn the_page_loads_and_runs_nothing_from_elsewhere() {
    let backend = Backend::embedded().await;
    let key = key(&backend.place, "acme").await;
    let service = backend.serve().await;
    let api = &service.api;
    // It is there without a key: it asks for one.
    let page = api.get("/").await.is(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let mut names: Vec<String> = Vec::new();
    for part in page.text().split("\"/web/").skip(1) {
        names.extend(part.split('"').next().map(str::to_owned));
    }
    assert!(names.contains(&"app.js".to_owned()), "{names:?}");
    for path in names
        .iter()
        .map(|name| format!("/web/{name}"))
        .chain(["/".to_owned()])
    {
        let file = api.get(&path).await.is(200);
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(file.header(name), value, "{path}");
        }
        let known = [("if-none-match", file.header("etag"))];
        let again = api
            .with_key(&key)
            .send(hyper::Method::GET, &path, &known, testbed::api::bytes(""))
            .await
            .unwrap()
            .is(304);
        assert!(again.body.is_empty() && again.header("etag") == file.header("etag"));
        let other = [("if-none-match", "\"other\"")];
        let sent = api.send(hyper::Method::GET, &path, &other, testbed::api::bytes(""));
        sent.await.unwrap().is(200);
    }
    api.get("/web/nothing.js").await.refused(404, "not_found");
}
