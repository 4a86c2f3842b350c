//! Tenants: who may call, and that nobody sees what is another's.

use hyper::Method;
use serde_json::json;
use testbed::api::{Api, bytes};
use testbed::process::Sluicegate;
use testbed::service::Service;

use super::backend::{Backend, DEADLINE, SEED, counts};

/// Makes a key for a tenant and returns it.
pub async fn key(place: &Sluicegate, tenant: &str) -> String {
    let ended = place.run(["keys", "add", tenant]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
        .stdout
        .split_whitespace()
        .find(|word| word.starts_with("sg_"))
        .unwrap()
        .to_owned()
}

async fn what_is_anothers_is_not_there(backend: Backend) {
    let keys = [
        key(&backend.place, "acme").await,
        key(&backend.place, "zeta").await,
    ];
    let service = backend.serve().await;
    let nobody = &service.api;
    for path in ["/files", "/jobs", "/specs", "/metrics", "/openapi.json"] {
        nobody.get(path).await.refused(401, "unauthorized");
    }
    nobody.get("/healthz").await.is(200);
    nobody.get("/livez").await.is(200);
    nobody
        .with_key("sg_wrong")
        .get("/jobs")
        .await
        .refused(401, "unauthorized");
    let [acme, zeta] = keys.each_ref().map(|key| nobody.with_key(key));
    let by_header = [("x-api-key", keys[0].as_str())];
    nobody
        .send(
            hyper::Method::GET,
            "/jobs",
            &by_header,
            testbed::api::bytes(""),
        )
        .await
        .unwrap()
        .is(200);

    let (path, totals) = backend.orders("orders-1.csv", SEED, 500);
    let submitted = acme
        .upload_file(&path, "?spec=orders-e2e&process=true")
        .await
        .is(202)
        .json();
    let (file, job) = (
        submitted["fileId"].as_str().unwrap(),
        submitted["jobId"].as_str().unwrap(),
    );
    counts(&acme.job_in(job, "completed", DEADLINE).await, &totals);
    let spec = "spec = 1\nname = \"mine\"\n[format.csv]\n[fields]\na = {}\n[sink.mongodb]\ncollection = \"things\"\n";
    acme.put("/specs/mine", spec).await.is(201);
    acme.put("/specs/mine", spec).await.is(200);
    acme.put("/specs/mine", spec.replace("things", "others"))
        .await
        .refused(409, "version_exists");
    acme.put(
        "/specs/orders-e2e",
        spec.replace("\"mine\"", "\"orders-e2e\""),
    )
    .await
    .refused(409, "name_taken");
    let elsewhere = spec.replace(
        "[sink.mongodb]\ncollection = \"things\"",
        "[sink.jsonl]\npath = \"/etc/passwd\"",
    );
    acme.put("/specs/theirs", elsewhere.replace("\"mine\"", "\"theirs\""))
        .await
        .is(422);

    // Another tenant gets what somebody gets who asks for what is not there, to the letter.
    let none = "0".repeat(24);
    for (method, theirs) in [
        ("GET", "/files/{file}"),
        ("GET", "/files/{file}/content"),
        ("DELETE", "/files/{file}"),
        ("POST", "/process/{file}?spec=orders-e2e"),
        ("GET", "/jobs/{job}"),
        ("GET", "/jobs/{job}/errors"),
        ("GET", "/jobs/{job}/rejects"),
        ("GET", "/jobs/{job}/receipt"),
        ("POST", "/jobs/{job}/cancel"),
        ("POST", "/jobs/{job}/retry"),
        ("POST", "/jobs/{job}/approve"),
        ("GET", "/upload/{file}/status"),
        ("POST", "/upload/{file}/retry"),
        ("GET", "/status/{job}"),
        ("GET", "/specs/mine"),
    ] {
        let there = theirs.replace("{file}", file).replace("{job}", job);
        let missing = theirs
            .replace("{file}", &none)
            .replace("{job}", &none)
            .replace("mine", "nowhere");
        let [there, missing] = [
            ask(&zeta, method, &there).await,
            ask(&zeta, method, &missing).await,
        ];
        assert_eq!(there, missing, "{method} {theirs}");
        assert_eq!(there.0, 404, "{method} {theirs}");
    }
    for path in ["/files", "/jobs"] {
        assert_eq!(zeta.get(path).await.is(200).json()["total"], 0);
    }
    // The same content is another job for another tenant, in a database of its own.
    let submitted = zeta
        .upload_file(&path, "?spec=orders-e2e&process=true")
        .await
        .is(202)
        .json();
    counts(
        &zeta
            .job_in(submitted["jobId"].as_str().unwrap(), "completed", DEADLINE)
            .await,
        &totals,
    );
    assert_eq!(
        backend.count("orders").await,
        0,
        "nothing is in the database of nobody"
    );

    // A key that is revoked is none.
    let listed = backend.place.run(["keys", "list"]).await.stdout;
    let line = listed.lines().find(|line| line.contains("zeta")).unwrap();
    let id = line
        .split_whitespace()
        .find(|word| word.len() == 24)
        .unwrap();
    assert!(!listed.contains(&keys[1]), "a key is shown once");
    let revoked = backend.place.run(["keys", "revoke", id]).await;
    assert_eq!(revoked.code, Some(0), "{}", revoked.stderr);
    testbed::eventually("the key is refused", DEADLINE, async || {
        zeta.get("/jobs").await.status == 401
    })
    .await;
    acme.get("/jobs").await.is(200);
    assert!(!service.stderr().contains(&keys[0]) && !service.stdout().contains(&keys[0]));
}

/// Status and problem of a request, without what differs by request.
async fn ask(api: &Api, method: &str, path: &str) -> (u16, serde_json::Value) {
    let method = method.parse().unwrap();
    let answer = api
        .send(method, path, &[], testbed::api::bytes(""))
        .await
        .unwrap();
    let mut problem = answer.json();
    problem["requestId"] = json!(null);
    (answer.status, problem)
}

#[tokio::test]
async fn what_is_anothers_is_not_there_in_the_embedded_store() {
    what_is_anothers_is_not_there(Backend::embedded().await).await;
}

#[tokio::test]
async fn what_is_anothers_is_not_there_in_mongodb() {
    what_is_anothers_is_not_there(Backend::mongodb().await).await;
}

#[tokio::test]
async fn no_keys_only_on_loopback() {
    let backend = Backend::embedded().await;
    let refused = backend
        .place
        .run(["serve", "--host", "0.0.0.0", "--port", "0"])
        .await;
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--insecure"), "{}", refused.stderr);
    for args in [["worker"].as_slice(), &["serve", "--workers", "0"]] {
        let refused = backend.place.run(args).await;
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains("MONGODB_URI"), "{}", refused.stderr);
    }
    let service = backend.serve().await;
    let second = backend.place.run(["serve", "--port", "0"]).await;
    assert_eq!(
        second.code,
        Some(2),
        "one serve for each data directory: {}",
        second.stderr
    );
    drop(service);
}

#[tokio::test]
async fn without_keys_other_names_are_answered_only_where_the_operator_says_so() {
    for (args, status) in [([].as_slice(), 421), (&["--insecure"], 200)] {
        let backend = Backend::embedded().await;
        let service = Service::start(&backend.place, args).await;
        let named = [("host", "sluicegate:3000")];
        let sent = service.api.send(Method::GET, "/jobs", &named, bytes(""));
        let answer = sent.await.unwrap().is(status);
        if status == 421 {
            answer.refused(421, "foreign_host");
        }
        let foreign = [("origin", "https://evil.example")];
        let sent = service
            .api
            .send(Method::PUT, "/upload/orders.csv", &foreign, bytes("a\n"));
        sent.await.unwrap().refused(403, "foreign_origin");
    }
}
