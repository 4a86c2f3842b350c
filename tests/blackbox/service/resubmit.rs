//! Rejects that are corrected and sent again: each loads once, at its own `_id`, and moves in the books of its job, whoever
//! dies meanwhile and however often it is sent.

use hyper::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testbed::api::{Answer, Api, bytes};

use super::backend::{Backend, DEADLINE, read};
use super::tenants::key;
use crate::people::says;

/// Every tenth record is bad.
const BAD: u64 = 10;

fn spec(name: &str, more: &str) -> String {
    format!(
        "spec = 1\nname = \"{name}\"\n[format.csv]\ndelimiter = \";\"\n[fields]\nt = {{ required = true }}\n\
         n = {{ type = \"integer\" }}\n[errors]\nmax_ratio = 1.0\n[sink.mongodb]\ncollection = \"{name}\"\n\
         lineage = \"source\"\n{more}"
    )
}

/// So many records; `bad` is the second cell of the bad ones.
fn input(records: u64, bad: &str) -> String {
    let row = |at: u64| match at % BAD {
        3 => format!("=row {at};{}\r\n", bad.replace('N', &at.to_string())),
        _ => format!("row {at};{at}\r\n"),
    };
    let rows: String = (0..records).map(row).collect();
    format!("t;n\r\n{rows}")
}

/// Uploads an input and loads it: the completed job.
async fn load(api: &Api, spec: &str, input: String) -> Value {
    let query = format!("?spec={spec}&process=true");
    let submitted = api.upload("rows.csv", &query, input).await.is(202).json();
    let id = submitted["jobId"].as_str().unwrap();
    api.job_in(id, "completed", DEADLINE).await
}

fn id(job: &Value) -> &str {
    job["jobId"].as_str().unwrap()
}

async fn rejects(api: &Api, job: &Value) -> String {
    let answer = api.get(&format!("/jobs/{}/rejects", id(job))).await;
    answer.is(200).text()
}

async fn resubmit(api: &Api, job: &str, file: String) -> Answer {
    let path = format!("/jobs/{job}/resubmit");
    let sent = api.send(Method::POST, &path, &[], bytes(file)).await;
    sent.unwrap()
}

/// Sends a file of corrected rejects, and waits for its end.
async fn corrected(api: &Api, job: &Value, file: String) -> Value {
    let child = resubmit(api, id(job), file).await.is(202).json();
    assert_eq!(child["parentJobId"], job["jobId"], "{child}");
    let child = api.job_in(id(&child), "completed", DEADLINE).await;
    assert_eq!(child["parentJobId"], job["jobId"], "{child}");
    child
}

/// `read`, `loaded` with `alreadyLoaded`, `rejected`.
fn books(job: &Value) -> [u64; 3] {
    let count = |name: &str| job["stats"][name].as_u64().unwrap();
    [
        count("read"),
        count("loaded") + count("alreadyLoaded"),
        count("rejected"),
    ]
}

/// Asserts that the receipt of a job is that of the documents that are there.
async fn receipt_of_what_is_there(backend: &Backend, api: &Api, job: &Value, revision: u32) {
    let receipt = api.get(&format!("/jobs/{}/receipt", id(job))).await;
    let receipt = receipt.is(200).json();
    assert_eq!(receipt["revision"], revision, "{receipt}");
    let ids = backend.ids(job["spec"]["name"].as_str().unwrap()).await;
    assert_eq!(receipt["documents"], ids.len() as u64, "{receipt}");
    let mut sum = [0_u8; 32];
    for id in ids {
        let mut carry = 0;
        for (byte, term) in sum.iter_mut().zip(Sha256::digest(id)).rev() {
            carry += u32::from(*byte) + u32::from(term);
            *byte = carry as u8;
            carry >>= 8;
        }
    }
    assert_eq!(receipt["digest"], hex::encode(sum), "{receipt}");
}

/// Asserts that the collection holds what the whole file holds, corrected: at the same places.
async fn holds_the_corrected_file(backend: &Backend, collection: &str, records: u64) {
    let found = backend.documents(collection).await;
    assert_eq!(found.len() as u64, records);
    for (ordinal, document) in found.each() {
        let expected = match ordinal % BAD {
            3 => format!("=row {ordinal}"),
            _ => format!("row {ordinal}"),
        };
        assert_eq!(document["t"], expected, "{document}");
        assert_eq!(document["n"], *ordinal, "{document}");
        assert_eq!(document["source"]["record"], ordinal + 1, "{document}");
        assert_eq!(document["source"]["line"], ordinal + 2, "{document}");
    }
}

async fn corrected_rejects_are_loaded_at_their_places(backend: Backend) {
    let records = 200;
    let bad = records / BAD;
    backend.spec("rows", &spec("rows", ""));
    let service = backend.serve().await;
    let api = &service.api;
    let job = load(api, "rows", input(records, "no N")).await;
    assert_eq!(books(&job), [records, records - bad, bad]);
    receipt_of_what_is_there(&backend, api, &job, 1).await;
    let file = rejects(api, &job).await;
    assert!(file.contains("\r\n'=row 3;no 3;"), "{file}");

    // A part of them, in another order, one twice, one without a reference, one of another job, one still bad.
    let lines: Vec<&str> = file.lines().collect();
    let fixed = |line: &str| line.replacen(";no ", ";", 1);
    let still = lines[1].replacen(";no 3;", ";no;", 1);
    let mut part = vec![lines[0].to_owned()];
    part.extend(lines[2..=10].iter().rev().map(|line| fixed(line)));
    part.push(fixed(lines[5]));
    part.push(still);
    part.push("extra;1;;;;".to_owned());
    part.push(format!("extra;1;{}:4;;;", "0".repeat(24)));
    part.push(format!("extra;1;{}:1;;;", id(&job)));
    let child = corrected(api, &job, part.join("\r\n")).await;
    assert_eq!(books(&child), [14, 9, 5], "{child:#}");
    let errors = api.get(&format!("/jobs/{}/errors", id(&child))).await;
    let errors = errors.is(200).json();
    let codes: Vec<&str> = errors["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["code"].as_str().unwrap())
        .collect();
    let unknown = "unknown_reference";
    assert_eq!(
        codes,
        ["duplicate_reference", "type", unknown, unknown, unknown]
    );
    for (item, why) in [
        (2, "no reference stands beside"),
        (3, "of another job"),
        (4, "never rejected"),
    ] {
        let message = errors["items"][item]["message"].as_str().unwrap();
        assert!(message.contains(why), "{message}");
    }
    let now = api.job(id(&job)).await;
    assert_eq!(books(&now), [records, records - bad + 9, bad - 9]);
    let counted = now["errors"].as_array().unwrap().iter();
    let counted: u64 = counted.map(|kind| kind["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, bad - 9, "{now:#}");
    receipt_of_what_is_there(&backend, api, &job, 2).await;
    let errors = api.get(&format!("/jobs/{}/errors", id(&job))).await;
    let errors = errors.is(200).json();
    assert_eq!(errors["total"], bad - 9);
    assert_eq!(errors["items"][0]["record"], 4);
    assert!(
        errors["items"][0]["message"]
            .as_str()
            .unwrap()
            .contains("\"no\""),
        "{errors}"
    );
    // With its reason stands the record that was sent last.
    assert_eq!(errors["items"][0]["raw"], "=row 3;no", "{errors}");
    let left = rejects(api, &job).await;
    assert!(left.contains("\r\n'=row 3;no;"), "{left}");

    // What is left, and some that were sent before: those are rejects of nobody any more.
    let rest: Vec<String> = file.lines().map(fixed).collect();
    let child = corrected(api, &job, rest.join("\r\n")).await;
    assert_eq!(books(&child), [bad, bad - 9, 9]);
    let errors = api.get(&format!("/jobs/{}/errors", id(&child))).await;
    let errors = errors.is(200).json();
    for item in errors["items"].as_array().unwrap() {
        assert_eq!(item["code"], "reference_settled", "{errors:#}");
    }
    let now = api.job(id(&job)).await;
    assert_eq!(books(&now), [records, records, 0], "{now:#}");
    assert_eq!(now["errors"], Value::Array(Vec::new()), "{now:#}");
    receipt_of_what_is_there(&backend, api, &job, 3).await;
    holds_the_corrected_file(&backend, "rows", records).await;
    assert_eq!(rejects(api, &job).await.lines().count(), 1);

    // The same file again is the same job.
    let again = resubmit(api, id(&job), rest.join("\r\n"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&again["jobId"], &again["existing"]),
        (&child["jobId"], &true.into())
    );
    // A child's rejects are its parent's.
    let refused = resubmit(api, id(&child), file.clone()).await;
    refused.refused(409, "wrong_state");
}

#[tokio::test]
async fn corrected_rejects_are_loaded_at_their_places_on_the_embedded_store() {
    corrected_rejects_are_loaded_at_their_places(Backend::embedded().await).await;
}

#[tokio::test]
async fn corrected_rejects_are_loaded_at_their_places_on_mongodb() {
    corrected_rejects_are_loaded_at_their_places(Backend::mongodb().await).await;
}

#[tokio::test]
async fn corrected_rejects_are_loaded_at_their_places_on_a_replica_set() {
    corrected_rejects_are_loaded_at_their_places(Backend::replica_set(1).await).await;
}

/// Two files with the same records at the same moment, and the process killed in the middle of the first, and behind it.
async fn sent_twice_and_killed_it_is_loaded_once(backend: Backend) {
    let records = 20_000;
    let bad = records / BAD;
    let slow = "batch = { records = 100 }\nrate = { pause = \"25ms\" }\n";
    backend.spec("rows", &spec("rows", slow));
    let service = backend.serve().await;
    let job = load(&service.api, "rows", input(records, "no N")).await;
    let file = rejects(&service.api, &job).await;
    let fixed: Vec<String> = file
        .lines()
        .map(|line| line.replacen(";no ", ";", 1))
        .collect();
    let mut other = fixed.clone();
    other[1..].reverse();
    let first = resubmit(&service.api, id(&job), fixed.join("\r\n"));
    let second = resubmit(&service.api, id(&job), other.join("\r\n"));
    let (first, second) = tokio::join!(first, second);
    let (first, second) = (first.is(202).json(), second.is(202).json());
    let in_the_middle = async |job: &Value| {
        let api = &service.api;
        api.job_when(id(job), "begun", DEADLINE, |job| {
            read(job) > 0 || job["state"] == "completed"
        })
        .await;
    };
    tokio::select! {
        () = in_the_middle(&first) => {}
        () = in_the_middle(&second) => {}
    }
    service.kill().await;
    // And again as soon as the books have moved: what is behind that is done by the next process.
    let service = backend.serve().await;
    let is_moved = |job: &Value| job["stats"]["rejected"] == 0;
    let moved = service.api.job_when(id(&job), "moved", DEADLINE, is_moved);
    moved.await;
    service.kill().await;
    let service = backend.serve().await;
    let api = &service.api;
    let first = api.job_in(id(&first), "completed", DEADLINE).await;
    let second = api.job_in(id(&second), "completed", DEADLINE).await;
    let [one, other] = [books(&first), books(&second)];
    assert_eq!([one[0], other[0]], [bad, bad]);
    assert_eq!(one[1] + other[1], bad, "{first:#} {second:#}");
    assert_eq!(books(&api.job(id(&job)).await), [records, records, 0]);
    let left = api.get(&format!("/jobs/{}/errors", id(&job))).await;
    assert_eq!(left.is(200).json()["total"], 0, "their rejects are gone");
    receipt_of_what_is_there(&backend, api, &job, 3).await;
    holds_the_corrected_file(&backend, "rows", records).await;
}

#[tokio::test]
async fn sent_twice_and_killed_it_is_loaded_once_on_the_embedded_store() {
    sent_twice_and_killed_it_is_loaded_once(Backend::embedded().await).await;
}

#[tokio::test]
async fn sent_twice_and_killed_it_is_loaded_once_on_mongodb() {
    sent_twice_and_killed_it_is_loaded_once(Backend::mongodb().await).await;
}

#[tokio::test]
async fn sent_twice_and_killed_it_is_loaded_once_on_a_replica_set() {
    sent_twice_and_killed_it_is_loaded_once(Backend::replica_set(1).await).await;
}

/// What a child has written and not moved is its own to finish, so the file that it does that with stays.
async fn the_file_of_an_unfinished_child_stays(backend: Backend) {
    let slow = "batch = { records = 100 }\nrate = { pause = \"25ms\" }\n";
    backend.spec("rows", &spec("rows", slow));
    let service = backend.serve().await;
    let api = &service.api;
    let records = 20_000;
    let job = load(api, "rows", input(records, "no N")).await;
    let fixed = rejects(api, &job).await.replace(";no ", ";");
    // One that has written nothing is in nobody's way.
    let wrong = resubmit(api, id(&job), input(20, "N")).await.is(202).json();
    let wrong = api.job_in(id(&wrong), "failed", DEADLINE).await;
    let file = |job: &Value| format!("/files/{}", job["fileId"].as_str().unwrap());
    api.delete(&file(&wrong)).await.is(204);

    let child = resubmit(api, id(&job), fixed).await.is(202).json();
    api.job_when(id(&child), "begun", DEADLINE, |job| read(job) > 0)
        .await;
    api.delete(&file(&child)).await.refused(409, "file_in_use");
    let cancelled = api.post(&format!("/jobs/{}/cancel", id(&child))).await;
    cancelled.is(200);
    let refused = api.delete(&file(&child)).await;
    let refused = refused.refused(409, "file_in_use").json();
    let says = refused["error"].as_str().unwrap();
    assert!(says.contains(id(&child)), "{refused}");

    api.post(&format!("/jobs/{}/retry", id(&child)))
        .await
        .is(200);
    api.job_in(id(&child), "completed", DEADLINE).await;
    assert_eq!(books(&api.job(id(&job)).await), [records, records, 0]);
    api.delete(&file(&child)).await.is(204);
    holds_the_corrected_file(&backend, "rows", records).await;
}

#[tokio::test]
async fn the_file_of_an_unfinished_child_stays_on_the_embedded_store() {
    the_file_of_an_unfinished_child_stays(Backend::embedded().await).await;
}

#[tokio::test]
async fn the_file_of_an_unfinished_child_stays_on_mongodb() {
    the_file_of_an_unfinished_child_stays(Backend::mongodb().await).await;
}

#[tokio::test]
async fn what_cannot_be_sent_again_is_refused_by_name() {
    let backend = Backend::embedded().await;
    backend.spec("rows", &spec("rows", ""));
    let service = backend.serve().await;
    let api = &service.api;
    let nobody = "0".repeat(24);
    let refused = resubmit(api, &nobody, "x".into()).await;
    refused.refused(404, "not_found");
    let job = load(api, "rows", input(20, "no N")).await;
    // A file without the added columns.
    let child = resubmit(api, id(&job), input(20, "N")).await.is(202).json();
    let child = api.job_in(id(&child), "failed", DEADLINE).await;
    assert_eq!(child["failure"]["code"], "no_references", "{child:#}");
    // A job that has not ended well.
    let refused = resubmit(api, id(&child), "x".into()).await;
    refused.refused(409, "wrong_state");
    assert_eq!(books(&api.job(id(&job)).await), [20, 18, 2]);
    // It has written nothing, so it stands in nobody's way.
    let fixed = rejects(api, &job).await.replace(";no ", ";");
    corrected(api, &job, fixed).await;
    assert_eq!(books(&api.job(id(&job)).await), [20, 20, 0]);
    service.kill().await;
    // Somebody else's.
    let place = &backend.place;
    let (acme, other) = (key(place, "acme").await, key(place, "other").await);
    let service = backend.serve().await;
    let (acme, other) = (service.api.with_key(&acme), service.api.with_key(&other));
    let job = load(&acme, "rows", input(20, "no N")).await;
    let refused = resubmit(&other, id(&job), "x".into()).await;
    refused.refused(404, "not_found");
}

async fn the_command_sends_them_too(backend: Backend) {
    backend.spec("rows", &spec("rows", ""));
    let place = &backend.place;
    let nobody = "0".repeat(24);
    let service = backend.serve().await;
    let job = load(&service.api, "rows", input(100, "no N")).await;
    let file = rejects(&service.api, &job).await;
    let lines: Vec<String> = file
        .lines()
        .map(|line| line.replacen(";no ", ";", 1))
        .collect();
    place.write("half.csv", lines[..6].join("\n"));
    place.write(
        "rest.csv",
        format!("{}\n{}\nextra;1;;;;\n", lines[0], lines[6..].join("\n")),
    );
    let none = place.run(["resubmit", &nobody, "half.csv"]).await;
    says(&none, 1, &["not_found"]);
    says(
        &place.run(["resubmit", "x", "half.csv"]).await,
        2,
        &["24 hexa"],
    );
    says(
        &place.run(["resubmit", id(&job), "no.csv"]).await,
        2,
        &["no.csv"],
    );
    // Beside a running service, and where nobody serves.
    let half = place.run(["resubmit", id(&job), "half.csv"]).await;
    assert_eq!(half.code, Some(0), "{half:?}");
    assert!(!half.stdout.contains("before"), "{half:?}");
    assert!(
        half.stdout.contains("95 loaded and 5 rejected now"),
        "{half:?}"
    );
    let again = place.run(["resubmit", id(&job), "half.csv"]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(
        again
            .stdout
            .contains("has sent this file before, so nothing is loaded now"),
        "{again:?}"
    );
    service.kill().await;
    let rest = place.run(["resubmit", id(&job), "rest.csv"]).await;
    assert_eq!(rest.code, Some(3), "{rest:?}");
    assert!(
        rest.stdout.contains("100 loaded and 0 rejected now"),
        "{rest:?}"
    );
    holds_the_corrected_file(&backend, "rows", 100).await;
}

#[tokio::test]
async fn the_command_sends_them_too_on_the_embedded_store() {
    the_command_sends_them_too(Backend::embedded().await).await;
}

#[tokio::test]
async fn the_command_sends_them_too_on_mongodb() {
    the_command_sends_them_too(Backend::mongodb().await).await;
}

/// A held job goes on with a corrected version of its spec: what was loaded before stays, the answer says behind which record
/// the version applies, and what was refused before is loaded by it when it is sent again as it is.
#[tokio::test]
async fn a_held_job_goes_on_with_a_corrected_version_which_its_rejects_are_sent_again_under() {
    let backend = Backend::embedded().await;
    let service = backend.serve().await;
    let api = &service.api;
    let text = |version: u64, field: &str| {
        let budget = "[errors]\nmax_records = 2\n";
        spec("weights", "")
            .replace("[fields]", &format!("{budget}[fields]"))
            .replace("[errors]\nmax_ratio = 1.0\n", "")
            .replacen("name = ", &format!("version = {version}\nname = "), 1)
            .replace("n = { type = \"integer\" }", field)
    };
    let first = text(1, "n = { type = \"integer\", default = \"0\" }");
    let second = text(2, "n = { type = \"integer\", strip = [\" kg\"] }");
    let other = text(3, "n = {}").replace("delimiter = \";\"", "delimiter = \"|\"");
    for text in [first, second, other] {
        api.put("/specs/weights", text).await.is(201);
    }
    let row = |at: u64| match at {
        0..20 => format!("row {at};{at}\n"),
        _ => format!("row {at};{at} kg\n"),
    };
    let input: String = (0..50).map(row).collect();
    let query = "?spec=weights@1&process=true";
    let submitted = api.upload("rows.csv", query, format!("t;n\n{input}")).await;
    let submitted = submitted.is(202).json();
    let job = api.job_in(id(&submitted), "held", DEADLINE).await;
    assert_eq!(job["failure"]["code"], "errors", "{job:#}");
    assert_eq!(books(&job), [23, 20, 3]);
    let approve = format!("/jobs/{}/approve", id(&job));
    let other = api
        .post_json(&approve, &json!({ "spec": "weights@3" }))
        .await;
    other.refused(422, "spec_incompatible");
    assert_eq!(api.job(id(&job)).await["state"], "held");
    let approved = api
        .post_json(&approve, &json!({ "spec": "weights@2" }))
        .await;
    let approved = approved.is(200).json();
    assert_eq!(approved["specAfterRecord"], 23, "{approved:#}");
    assert_eq!(approved["spec"]["version"], 2);
    let done = api.job_in(id(&job), "completed", DEADLINE).await;
    assert_eq!(books(&done), [50, 47, 3]);
    assert_eq!(done["specAfterRecord"], 23);
    let reset = api
        .post(&format!("/jobs/{}/retry?reset=true", id(&job)))
        .await;
    reset.refused(409, "wrong_state");
    let file = rejects(api, &done).await;
    let child = corrected(api, &done, file).await;
    assert_eq!(books(&child), [3, 3, 0], "{child:#}");
    assert_eq!(books(&api.job(id(&job)).await), [50, 50, 0]);
    receipt_of_what_is_there(&backend, api, &done, 2).await;
    let found = backend.documents("weights").await;
    for (ordinal, document) in found.each() {
        assert_eq!(document["n"], *ordinal, "{document}");
    }
    assert_eq!(found.len(), 50);

    // Ended instead: what was loaded stays, and nothing goes on.
    let submitted = api
        .upload("more.csv", query, format!("t;n\n{input}more;1\n"))
        .await
        .is(202)
        .json();
    api.job_in(id(&submitted), "held", DEADLINE).await;
    let ended = api.post(&format!("/jobs/{}/cancel", id(&submitted))).await;
    assert_eq!(ended.is(200).json()["state"], "cancelled");
    let path = format!("/jobs/{}/approve", id(&submitted));
    api.post(&path).await.refused(409, "wrong_state");
    let refused = resubmit(api, id(&submitted), "x".into()).await;
    refused.refused(409, "wrong_state");
    assert_eq!(backend.count("weights").await, 70);
}
