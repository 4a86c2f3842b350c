//! Clients of the interface: the Postman collection, the lines with curl and the script of them, held against the service.
//!
//! `clients/sluicegate.postman_collection.json` is made here, from the OpenAPI document that the service gives, and from
//! nothing else. With `SLUICEGATE_BLESS=1` in the environment it is written instead of being compared.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Map, Value, json};
use testbed::service::Service;
use tokio::process::Command;

use super::backend::{Backend, DEADLINE};
use crate::golden::blessing;
use crate::job::place;

/// Before each request: the key, where there is one. An empty one would be refused.
const SEND_KEY: &str = "if (pm.variables.get(\"key\")) {\n  pm.request.headers.upsert({ key: \"Authorization\", value: `Bearer ${pm.variables.get(\"key\")}` });\n}";
/// Behind each request: what was made is what the next ones are about.
const KEEP_IDS: &str = "let answer = {};\ntry { answer = pm.response.json(); } catch { /* no JSON */ }\nfor (const name of [\"fileId\", \"jobId\"]) {\n  if (typeof answer[name] === \"string\") pm.collectionVariables.set(name, answer[name]);\n}";
/// The schema of a collection.
const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
/// What a browser or a client of sockets asks for, and Postman shows otherwise than as requests.
const NO_REQUESTS: [&str; 3] = ["/", "/web/{file}", "/ws/jobs/{jobId}"];

/// The collection of a document.
fn collection(document: &Value) -> Value {
    let mut folders: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if NO_REQUESTS.contains(&path.as_str()) {
            continue;
        }
        for (method, operation) in methods.as_object().unwrap() {
            let folder = operation["tags"][0].as_str().unwrap();
            let item = item(document, path, method, operation);
            folders.entry(folder).or_default().push(item);
        }
    }
    let folder = |(name, items)| json!({ "name": name, "item": items });
    let script = |when: &str, text: &str| json!({ "listen": when, "script": { "type": "text/javascript", "exec": text.lines().collect::<Vec<_>>() } });
    let variable = |name: &str, value: &str| json!({ "key": name, "value": value });
    json!({
        "info": {
            "name": document["info"]["title"],
            "description": "Made from GET /openapi.json. `base` is where the service listens, `key` an API key where it wants one; `fileId` and `jobId` are those of the last answer.",
            "schema": SCHEMA,
        },
        "auth": { "type": "noauth" },
        "event": [script("prerequest", SEND_KEY), script("test", KEEP_IDS)],
        "variable": [
            variable("base", "http://localhost:3000"),
            variable("key", ""),
            variable("fileId", ""),
            variable("jobId", ""),
        ],
        "item": folders.into_iter().map(folder).collect::<Vec<_>>(),
    })
}

/// An operation as a request.
fn item(document: &Value, path: &str, method: &str, operation: &Value) -> Value {
    let mut header = Vec::new();
    let mut query = Vec::new();
    let mut variable = Vec::new();
    for parameter in operation["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        match parameter["in"].as_str().unwrap() {
            "path" => variable.push(json!({ "key": name, "value": in_path(name) })),
            place => {
                let list = if place == "query" {
                    &mut query
                } else {
                    &mut header
                };
                list.push(json!({
                    "key": name,
                    "value": example(&parameter["schema"]),
                    "description": parameter["description"],
                    "disabled": true,
                }));
            }
        }
    }
    let segments: Vec<String> = path
        .split('/')
        .skip(1)
        .map(|segment| match segment.strip_prefix('{') {
            Some(name) => format!(":{}", name.trim_end_matches('}')),
            None => segment.to_owned(),
        })
        .collect();
    let mut url = json!({
        "raw": format!("{{{{base}}}}/{}", segments.join("/")),
        "host": ["{{base}}"],
        "path": segments,
    });
    for (name, list) in [("query", query), ("variable", variable)] {
        if !list.is_empty() {
            url[name] = list.into();
        }
    }
    let mut request = json!({
        "method": method.to_uppercase(),
        "header": header,
        "url": url,
        "description": description(operation),
    });
    if let Some(content) = operation["requestBody"]["content"].as_object() {
        let (media_type, content) = content.iter().next().unwrap();
        request["body"] = body(document, media_type, &content["schema"]);
        if matches!(media_type.as_str(), "application/json" | "text/plain") {
            let kind = json!({ "key": "Content-Type", "value": media_type });
            request["header"].as_array_mut().unwrap().push(kind);
        }
    }
    let name = format!("{} {path}", method.to_uppercase());
    json!({ "name": name, "request": request, "response": [] })
}

/// What a path's parameter is at first.
fn in_path(name: &str) -> String {
    match name {
        "fileId" | "jobId" => format!("{{{{{name}}}}}"),
        "filename" => "orders.csv".to_owned(),
        "name" => "orders".to_owned(),
        _ => "1".to_owned(),
    }
}

/// A value that a schema lets pass, as text.
fn example(schema: &Value) -> String {
    if let Some(word) = schema["enum"].get(0).and_then(Value::as_str) {
        return word.to_owned();
    }
    schema["minimum"]
        .as_u64()
        .map_or_else(String::new, |least| least.to_string())
}

/// What it does and what it answers where it does as was asked; refusals say themselves what they are.
fn description(operation: &Value) -> String {
    let answers = operation["responses"].as_object().unwrap();
    let answers = answers.iter().filter(|(status, _)| status.as_str() < "400");
    let answer = |(status, answer): (&String, &Value)| {
        format!("- {status}: {}", answer["description"].as_str().unwrap())
    };
    let answers: Vec<String> = answers.map(answer).collect();
    format!(
        "{}.\n\n{}",
        operation["summary"].as_str().unwrap(),
        answers.join("\n")
    )
}

/// A body to begin with: the members of JSON, the fields of a form, a file.
fn body(document: &Value, media_type: &str, schema: &Value) -> Value {
    match media_type {
        "application/json" => {
            let name = schema["$ref"].as_str().unwrap().trim_start_matches('#');
            let members = document.pointer(name).unwrap()["properties"].as_object();
            let empty: Map<String, Value> = Map::new();
            let about: Vec<String> = members
                .unwrap_or(&empty)
                .iter()
                .map(|(name, member)| {
                    format!("{name}: {}", member["description"].as_str().unwrap_or(""))
                })
                .collect();
            json!({
                "mode": "raw",
                "raw": "{}",
                "options": { "raw": { "language": "json" } },
                "description": about.join("\n"),
            })
        }
        "multipart/form-data" => {
            let required = schema["required"].as_array().unwrap();
            let fields = schema["properties"].as_object().unwrap().iter();
            let (files, texts): (Vec<_>, Vec<_>) =
                fields.partition(|(name, _)| required.contains(&json!(name)));
            // The file stands behind the fields that are about it.
            let texts = texts.into_iter().map(|(name, schema)| {
                json!({ "key": name, "type": "text", "value": example(schema), "disabled": true })
            });
            let files = files
                .into_iter()
                .map(|(name, _)| json!({ "key": name, "type": "file", "src": [] }));
            json!({ "mode": "formdata", "formdata": texts.chain(files).collect::<Vec<_>>() })
        }
        "text/plain" => json!({ "mode": "raw", "raw": "" }),
        _ => json!({ "mode": "file", "file": { "src": "" } }),
    }
}

#[tokio::test]
async fn the_postman_collection_is_made_of_the_openapi_document() {
    let backend = Backend::embedded().await;
    let service = backend.serve().await;
    let document = service.api.get("/openapi.json").await.is(200).json();
    let made = collection(&document);
    let text = serde_json::to_string_pretty(&made).unwrap() + "\n";
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/sluicegate.postman_collection.json");
    if blessing() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "the collection is another one by now: SLUICEGATE_BLESS=1 tests/run the_postman_collection writes it"
    );
    // Every operation of the document is a request, once.
    let operations = document["paths"].as_object().unwrap();
    let wanted: usize = operations
        .iter()
        .filter(|(path, _)| !NO_REQUESTS.contains(&path.as_str()))
        .map(|(_, methods)| methods.as_object().unwrap().len())
        .sum();
    let folders = made["item"].as_array().unwrap();
    let requests = folders
        .iter()
        .flat_map(|folder| folder["item"].as_array().unwrap());
    assert_eq!(requests.count(), wanted);
}

/// The lines of the README that call the service by curl.
fn curl_lines() -> Vec<String> {
    let text = include_str!("../../../README.md");
    let section = text.split("### With curl\n").nth(1).unwrap();
    let block = section.split("```sh\n").nth(1).unwrap();
    let block = block.split("```").next().unwrap();
    block
        .lines()
        .filter(|line| line.contains("curl "))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn the_lines_with_curl_are_answered() {
    let place = place();
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    std::os::unix::fs::symlink(specs, place.path("specs")).unwrap();
    place.write(
        "parcels.toml",
        "spec = 1\nname = \"parcels\"\n[format.csv]\n[fields]\nn = { type = \"integer\" }\n[sink.mongodb]\ncollection = \"parcels\"\n",
    );
    let service = Service::start(&place, &[]).await;
    let api = &service.api;
    let orders = place.path("specs/orders/input.csv");
    let sent = api
        .upload_file(&orders, "?spec=orders&process=true")
        .await
        .is(202)
        .json();
    let (file, job) = (
        sent["fileId"].as_str().unwrap(),
        sent["jobId"].as_str().unwrap(),
    );
    api.job_in(job, "completed", DEADLINE).await;
    let lines = curl_lines();
    assert!(lines.len() > 10, "{lines:#?}");
    for line in lines {
        let line = line.replace("localhost:3000", api.base().trim_start_matches("http://"));
        let ended = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &line])
            .env("FILE", file)
            .env("JOB", job)
            .env("KEY", "")
            .current_dir(place.folder())
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(
            ended.status.success() && !said.is_empty(),
            "{line}\n{said}{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        // A job that is completed is neither cancelled nor retried: that is an answer too.
        let refused = said
            .split("\"code\":\"")
            .nth(1)
            .filter(|_| said.contains("\"requestId\""));
        let code = refused.and_then(|rest| rest.split('"').next());
        assert!(matches!(code, None | Some("wrong_state")), "{line}\n{said}");
    }
}

/// What the script says, and with which code it ends.
async fn demo(base: &str, key: &str, arguments: &[&str], folder: &Path) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/demo.sh");
    let ended = Command::new("bash")
        .arg(script)
        .args(arguments)
        .env("BASE", base)
        .env("KEY", key)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let (said, told) = (ended.stdout, ended.stderr);
    let both = [said, told].map(|text| String::from_utf8_lossy(&text).into_owned());
    (ended.status.code(), both.concat())
}

#[tokio::test]
async fn the_script_goes_from_upload_to_result() {
    let place = place();
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    std::os::unix::fs::symlink(specs, place.path("specs")).unwrap();
    let key = super::tenants::key(&place, "acme").await;
    let service = Service::start(&place, &[]).await;
    let base = service.api.base();
    let mut receipts = Vec::new();
    for _ in 0..2 {
        let (code, said) = demo(base, &key, &[], place.folder()).await;
        assert_eq!(code, Some(0), "{said}");
        assert!(!said.contains(&key), "the key is shown");
        let receipt = said.lines().find(|line| line.contains("\"digest\":"));
        receipts.push(receipt.unwrap_or_else(|| panic!("{said}")).to_owned());
    }
    // The second time it is the same job.
    assert_eq!(receipts[0], receipts[1]);
    // Some of them are no UTF-8: that is what was wrong.
    let rejects = std::fs::read(place.path("input.csv.rejects")).unwrap();
    let lines = rejects.iter().filter(|byte| **byte == b'\n').count();
    assert!(lines > 70, "{lines} lines");

    let (code, said) = demo(base, "", &[], place.folder()).await;
    assert!(code == Some(1) && said.contains("unauthorized"), "{said}");
    place.write("other.csv", "a,b\n1,2\n");
    let (code, said) = demo(base, &key, &["other.csv", "orders"], place.folder()).await;
    assert!(
        code == Some(1) && said.contains("the job is failed"),
        "{said}"
    );
    let (code, said) = demo(base, &key, &["nowhere.csv"], place.folder()).await;
    assert!(
        code == Some(2) && said.contains("clients/demo.sh FILE SPEC"),
        "{said}"
    );
}
