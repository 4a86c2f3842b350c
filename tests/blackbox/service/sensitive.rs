//! Personal data in files of every format, in good records and in broken ones: what is planted in a field that is sensitive,
//! masked or hashed stands in no output, no log and no store of rejects.

use std::path::Path;

use serde_json::Value;
use testbed::process::{Ended, Sluicegate};
use testbed::service::Service;

use super::backend::DEADLINE;
use crate::job::place;

/// What nobody may see but the target, where it is neither masked nor hashed.
const PLANTED: &str = "Qwxplant7";
/// What nobody may see at all.
const SALT: &str = "a-salt-of-the-environment";

const FIELDS: &str = r#"
[fields]
email = { type = "email", required = true, mask = { keep_last = 4 } }
ssn = { pattern = '\d+', sensitive = true }
again = { from = "ssn", max_length = 5 }
name = { max_length = 9, hash = { salt = "env:SALT_PEOPLE" } }
note = { sensitive = true }
"#;

const FIXED_FIELDS: &str = r#"
[fields]
email = { start = 1, width = 24, type = "email", required = true, mask = { keep_last = 4 } }
ssn = { start = 25, width = 12, pattern = '\d+', sensitive = true }
again = { start = 25, width = 4, type = "integer" }
name = { start = 37, width = 20, max_length = 9, hash = { salt = "env:SALT_PEOPLE" } }
note = { start = 57, width = 10, sensitive = true }
"#;

const REST: &str = r#"
[[steps]]
reject = { name = "odd", when = "int(note) == 7" }
[errors]
max_ratio = 1.0
[sink.mongodb]
collection = "people"
"#;

/// The values of email, ssn, name and note in records that have all of them: the first is good.
fn values() -> Vec<[String; 4]> {
    let planted = || PLANTED.to_owned();
    let email = || format!("{PLANTED}@x.org");
    let one = |ssn: &str, name: String, note: &str| [email(), ssn.into(), name, note.into()];
    vec![
        one("123", planted(), "1"),
        [planted(), "123".into(), planted(), "1".into()],
        one(PLANTED, planted(), "1"),
        one("123", format!("{PLANTED}xxx"), "1"),
        one("123", planted(), PLANTED),
        one("123", planted(), "7"),
    ]
}

struct Sample {
    name: &'static str,
    spec: String,
    input: Vec<u8>,
    /// Records that are no good beside those of [`values`].
    broken: u64,
}

fn csv() -> Sample {
    let mut input = b"email,ssn,name,note\n".to_vec();
    for value in values() {
        input.extend_from_slice(format!("{}\n", value.join(",")).as_bytes());
    }
    input.extend_from_slice(format!("{PLANTED},{PLANTED}\n").as_bytes());
    input.extend_from_slice(format!("{PLANTED}\u{fc},").as_bytes());
    input.extend_from_slice(b"\xff,1,1\n");
    input.extend_from_slice(format!("a@x.org,1,\"{PLANTED},1\n").as_bytes());
    Sample {
        name: "csv",
        spec: format!("[format.csv]\n{FIELDS}{REST}"),
        input,
        broken: 3,
    }
}

/// Records as objects: with a key that the spec does not know, twice the same key, and no JSON.
fn objects() -> Vec<String> {
    let object = |[email, ssn, name, note]: [String; 4]| {
        serde_json::json!({ "email": email, "ssn": ssn, "name": name, "note": note }).to_string()
    };
    let mut all: Vec<String> = values().into_iter().map(object).collect();
    all.push(format!("{{\"email\":\"a@x.org\",\"{PLANTED}\":1}}"));
    all.push(format!("{{\"{PLANTED}\":1,\"{PLANTED}\":1}}"));
    all.push(format!("{{\"ssn\":[{PLANTED}]}}"));
    all.push(format!("{{\"email\":\"a@x.org\",\"{PLANTED}\\u0000\":1}}"));
    all
}

const UNKNOWN: &str = "[columns]\nunknown = \"reject\"\n";

fn jsonl() -> Sample {
    Sample {
        name: "jsonl",
        spec: format!("[format.jsonl]\n{UNKNOWN}{FIELDS}{REST}"),
        input: objects().join("\n").into_bytes(),
        broken: 4,
    }
}

fn json() -> Sample {
    Sample {
        name: "json",
        spec: format!("[format.json]\nrecord_path = \"$[*]\"\n{UNKNOWN}{FIELDS}{REST}"),
        input: format!("[{}]", objects().join(",\n")).into_bytes(),
        broken: 4,
    }
}

fn xml() -> Sample {
    let element = |[email, ssn, name, note]: [String; 4]| {
        format!(
            "<p><email>{email}</email><ssn>{ssn}</ssn><name>{name}</name><note>{note}</note></p>"
        )
    };
    let mut all: Vec<String> = values().into_iter().map(element).collect();
    all.push(format!("<p><email>&{PLANTED};</email></p>"));
    all.push(format!("<p><email>a@x.org</email><{PLANTED}/></p>"));
    all.push(format!("<p><email>a@x.org</email><b {PLANTED}=1></b></p>"));
    Sample {
        name: "xml",
        spec: format!("[format.xml]\nrecord_path = \"/r/p\"\n{UNKNOWN}{FIELDS}{REST}"),
        input: format!("<r>{}</r>", all.join("\n")).into_bytes(),
        broken: 3,
    }
}

fn lines() -> Sample {
    let mut all: Vec<String> = values().iter().map(|value| value.join(";")).collect();
    all.push(PLANTED.to_owned());
    let pattern = "(?<email>[^;]*);(?<ssn>[^;]*);(?<name>[^;]*);(?<note>[^;]*)";
    Sample {
        name: "lines",
        spec: format!("[format.lines]\npattern = '{pattern}'\n{FIELDS}{REST}"),
        input: all.join("\n").into_bytes(),
        broken: 1,
    }
}

fn fixed() -> Sample {
    let line =
        |[email, ssn, name, note]: [String; 4]| format!("{email:24}{ssn:12}{name:20}{note:10}");
    let mut all: Vec<String> = values().into_iter().map(line).collect();
    all.push(format!("{:24}{PLANTED}", "a@x.org"));
    Sample {
        name: "fixed",
        spec: format!("[format.fixed]\n{FIXED_FIELDS}{REST}"),
        input: all.join("\n").into_bytes(),
        broken: 1,
    }
}

#[track_caller]
fn is_clean(said: &str, by: &str) {
    for word in [PLANTED, SALT] {
        if let Some(at) = said.find(word) {
            let from = said[..at].char_indices().rev().nth(150);
            let from = from.map_or(0, |(from, _)| from);
            panic!("{by} says: {}", &said[from..at + word.len()]);
        }
    }
}

#[track_caller]
fn ended_clean(ended: &Ended, code: i32, by: &str) {
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, Some(code), "{by}: {said}");
    is_clean(&said, by);
}

/// Databases below a folder, with what is not yet written into them.
fn databases(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            databases(&path, found);
        } else if name.contains(".db") {
            found.push((name, std::fs::read(&path).unwrap()));
        }
    }
}

async fn commands(place: &Sluicegate, sample: &Sample, input: &str) {
    let (name, rejects) = (sample.name, format!("{}.rejects", sample.name));
    let bad = 5 + sample.broken;
    let run = place
        .run(["run", name, input, "--json", "--rejects", &rejects])
        .await;
    ended_clean(&run, 3, &format!("run {name}"));
    let job: Value = serde_json::from_str(&run.stdout).unwrap();
    let count = |what: &str| job["stats"][what].as_u64();
    let counts = (count("loaded"), count("rejected"));
    assert_eq!(counts, (Some(1), Some(bad)), "{name}: {}", run.stderr);
    let told = std::fs::read_to_string(place.path(&rejects)).unwrap();
    assert_eq!(told.lines().count() as u64, bad);
    is_clean(&told, &format!("--rejects of {name}"));
    let plain = place.run(["run", name, input, "--dry-run"]).await;
    ended_clean(&plain, 3, &format!("run of {name} for a person"));
    let checked = place.run(["check", name, input]).await;
    ended_clean(&checked, 3, &format!("check {name}"));
    let checked = place.run(["check", name, input, "--json"]).await;
    ended_clean(&checked, 3, &format!("check {name} --json"));
    let shown = place.run(["preview", name, input, "-n", "100"]).await;
    ended_clean(&shown, 0, &format!("preview {name}"));
    assert!(shown.stdout.contains("not shown"), "{}", shown.stdout);
}

async fn over_http(place: &Sluicegate, service: &Service, sample: &Sample, input: &str) {
    let (name, api) = (sample.name, &service.api);
    let query = format!("?spec={name}&process=true");
    let upload = api.upload(input, &query, sample.input.clone()).await;
    let upload = upload.is(202).json();
    let job = upload["jobId"].as_str().unwrap();
    let ended = api.job_in(job, "completed", DEADLINE).await;
    assert_eq!(ended["stats"]["rejected"], 5 + sample.broken, "{ended}");
    is_clean(&ended.to_string(), &format!("the job of {name}"));
    for route in ["errors", "rejects"] {
        let answer = api.get(&format!("/jobs/{job}/{route}")).await.is(200);
        let text = answer.text();
        assert!(text.contains("not shown"), "{text}");
        is_clean(&text, &format!("/{route} of {name}"));
    }
    let written = place.run(["rejects", job]).await;
    ended_clean(&written, 0, &format!("rejects of {name}"));
}

#[tokio::test]
async fn what_is_sensitive_stands_in_no_output_no_log_and_no_store() {
    let place = place()
        .env("SALT_PEOPLE", SALT)
        .env("LOG_FORMAT", "json")
        .env("RUST_LOG", "debug");
    std::fs::create_dir(place.path("specs")).unwrap();
    let samples = [csv(), jsonl(), json(), xml(), lines(), fixed()];
    for sample in &samples {
        let text = format!("spec = 1\nname = \"{}\"\n{}", sample.name, sample.spec);
        // Each into a collection of its own.
        let text = text.replace("\"people\"", &format!("\"people_{}\"", sample.name));
        place.write(&format!("specs/{}.toml", sample.name), &text);
        let input = format!("input.{}", ending(sample.name));
        let input = format!("{}-{input}", sample.name);
        place.write(&input, &sample.input);
        commands(&place, sample, &input).await;
    }
    let service = Service::start(&place, &[]).await;
    for sample in &samples {
        let input = format!("{}-sent.{}", sample.name, ending(sample.name));
        // The same content by the same spec would be the same load.
        let mut sent = Sample {
            input: sample.input.clone(),
            spec: String::new(),
            ..*sample
        };
        sent.input.push(b'\n');
        over_http(&place, &service, &sent, &input).await;
    }
    let ended = service.kill().await;
    is_clean(&ended.stdout, "the service");
    is_clean(&ended.stderr, "the log");
    let mut found = Vec::new();
    databases(&place.path("data"), &mut found);
    assert!(found.len() >= 2, "the store is there");
    for (name, bytes) in found {
        is_clean(&String::from_utf8_lossy(&bytes), &name);
    }
}

fn ending(format: &str) -> &str {
    match format {
        "lines" | "fixed" => "txt",
        other => other,
    }
}
