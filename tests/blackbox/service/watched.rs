//! What the alert rules, the dashboard and the guide for those who run the service name is what running processes tell: every
//! metric, every label, and where their values are words of the program, every value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use hyper::Method;
use serde_json::Value;
use testbed::api::{Api, bytes};
use testbed::process::Running;
use testbed::{eventually, fetched};
use tokio::process::Command;

use super::backend::{Backend, DEADLINE, SEED};

/// What a process prints before its address, once it listens.
const LISTENING: &str = "Listening on ";
/// What Prometheus itself adds to every series, and labels that no process tells.
const OF_PROMETHEUS: [&str; 3] = ["job", "instance", "le"];
/// Labels whose values are all there from the beginning, or made to be there below.
const WITH_ALL_VALUES: [&str; 6] = ["dependency", "method", "outcome", "result", "state", "way"];

/// The values of each label of each metric.
type Series = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn deploy(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    std::fs::read_to_string(path.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A label as it stands between braces: name, operator, value.
type Label = (String, String, String);

/// The labels between two braces.
fn labels(text: &str) -> Vec<Label> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find(['=', '!']) {
        let name = rest[..end].trim_matches([',', ' ']).to_owned();
        let quote = rest[end..].find('"').unwrap() + end;
        let close = rest[quote + 1..].find('"').unwrap() + quote + 1;
        let operator = rest[end..quote].to_owned();
        found.push((name, operator, rest[quote + 1..close].to_owned()));
        rest = &rest[close + 1..];
    }
    found
}

/// Adds what a process tells.
async fn scrape(api: &Api, series: &mut Series) {
    let text = api.get("/metrics").await.is(200).text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let end = line.find(['{', ' ']).unwrap();
        let metric = series.entry(line[..end].to_owned()).or_default();
        let within = line
            .split_once('{')
            .and_then(|(_, rest)| rest.rsplit_once('}'));
        for (name, _, value) in within.map_or_else(Vec::new, |(within, _)| labels(within)) {
            metric.entry(name).or_default().insert(value);
        }
    }
}

/// A metric that an expression names, and the selectors behind it.
fn metrics_of(expression: &str) -> Vec<(String, Vec<Label>)> {
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = ["sluicegate_", "process_"]
        .iter()
        .filter_map(|begin| rest.find(begin))
        .min()
    {
        rest = &rest[at..];
        let end = rest.find(|c| !is_in_name(c)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let within = behind
            .strip_prefix('{')
            .and_then(|behind| behind.split_once('}'));
        found.push((
            name.to_owned(),
            within.map_or_else(Vec::new, |(within, _)| labels(within)),
        ));
        rest = behind;
    }
    found
}

/// The labels by which an expression groups, or a text shows series.
fn grouped_by(expression: &str) -> Vec<String> {
    let groups = expression.split(" by (").skip(1);
    let groups = groups.filter_map(|group| group.split_once(')'));
    groups
        .flat_map(|(names, _)| names.split(','))
        .map(|name| name.trim().to_owned())
        .collect()
}

fn shown(text: &str) -> Vec<String> {
    let parts = text
        .split("{{")
        .skip(1)
        .filter_map(|part| part.split_once("}}"));
    let names = parts.map(|(name, _)| name.trim());
    let names = names.filter(|name| !name.starts_with("$value"));
    names
        .map(|name| name.trim_start_matches("$labels.").to_owned())
        .collect()
}

/// Asserts that what an expression names is told, and that what is shown beside it is a label of that.
fn is_told(series: &Series, what: &str, expression: &str, texts: &[&str]) {
    let mut of_all: BTreeSet<&str> = OF_PROMETHEUS.into();
    let named = metrics_of(expression);
    assert!(
        !named.is_empty() || expression.contains("up{job=\"sluicegate\"}"),
        "{what} asks for nothing of the service: {expression}"
    );
    for (name, selectors) in &named {
        let metric = series
            .get(name)
            .unwrap_or_else(|| panic!("{what}: no process tells {name}"));
        of_all.extend(metric.keys().map(String::as_str));
        for (label, operator, value) in selectors {
            if OF_PROMETHEUS.contains(&label.as_str()) {
                continue;
            }
            let values = metric.get(label);
            let values = values.unwrap_or_else(|| panic!("{what}: {name} has no label {label}"));
            let is_wanted = operator == "=" || operator == "=~";
            if is_wanted && WITH_ALL_VALUES.contains(&label.as_str()) {
                for value in value.split('|') {
                    assert!(
                        values.contains(value),
                        "{what}: {label} of {name} is never {value}: {values:?}"
                    );
                }
            }
        }
    }
    let labels = grouped_by(expression);
    let shown = texts.iter().flat_map(|text| shown(text));
    for label in labels.into_iter().chain(shown) {
        assert!(
            of_all.contains(label.as_str()),
            "{what}: there is no label {label} in {expression}"
        );
    }
}

/// YAML as Python reads it.
async fn yaml(text: &str) -> Value {
    let read = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
    let mut child = Command::new("python3")
        .args(["-S", "-c", read])
        .env("PYTHONPATH", fetched("SLUICEGATE_TEST_MOTO", "moto"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, text.as_bytes())
        .await
        .unwrap();
    drop(stdin);
    let ended = child.wait_with_output().await.unwrap();
    assert!(ended.status.success(), "it is no YAML");
    serde_json::from_slice(&ended.stdout).unwrap()
}

fn rules_are_told(series: &Series, rules: &Value) {
    let mut names = BTreeSet::new();
    let groups = rules["groups"].as_array().unwrap();
    for rule in groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
    {
        let text = |pointer: &str| {
            let found = rule.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_else(|| panic!("{pointer} of {rule}"))
        };
        let name = text("/alert");
        assert!(names.insert(name.to_owned()), "{name} stands there twice");
        assert!(
            ["critical", "warning", "info"].contains(&text("/labels/severity")),
            "{name}"
        );
        assert!(
            text("/annotations/runbook_url").starts_with("README.md#"),
            "{name}"
        );
        let texts = [
            text("/annotations/summary"),
            text("/annotations/description"),
        ];
        is_told(series, name, text("/expr"), &texts);
    }
    assert!(names.len() > 20, "{names:?}");
}

fn dashboard_is_told(series: &Series, dashboard: &Value) {
    let variable = &dashboard["templating"]["list"][0];
    assert_eq!(
        (&variable["name"], &variable["type"]),
        (&"datasource".into(), &"datasource".into())
    );
    let mut expressions = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().unwrap_or(&Vec::new()) {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let legend = target["legendFormat"].as_str().unwrap();
            is_told(series, title, target["expr"].as_str().unwrap(), &[legend]);
            expressions += 1;
        }
    }
    assert!(expressions > 20, "{expressions}");
}

/// The table of metrics in the guide names each of them, and no other.
fn guide_is_told(series: &Series, guide: &str) {
    let mut told: BTreeSet<String> = BTreeSet::new();
    for (name, _) in metrics_of(guide) {
        let is_there = series.contains_key(&name) || series.contains_key(&format!("{name}_count"));
        assert!(is_there, "the guide names {name}, which no process tells");
        told.insert(name);
    }
    let parts = ["_bucket", "_count", "_sum"];
    let whole = series.keys().map(|name| {
        let part = parts.iter().find_map(|part| name.strip_suffix(part));
        part.unwrap_or(name)
    });
    let whole: BTreeSet<&str> = whole.collect();
    let missing: Vec<&&str> = whole.iter().filter(|name| !told.contains(**name)).collect();
    assert!(missing.is_empty(), "the guide does not name {missing:?}");
}

/// Waits until a process listens, and for where.
async fn address(running: &Running) -> Api {
    let mut base = None;
    eventually("it listens", DEADLINE, async || {
        let said = running.stdout();
        let mut lines = said.lines();
        base = lines.find_map(|line| line.strip_prefix(LISTENING).map(str::to_owned));
        base.is_some()
    })
    .await;
    Api::new(&base.unwrap())
}

/// Loads a file, with rejects; a second one is refused before it is read.
async fn use_it(backend: &Backend, api: &Api) {
    let job = backend.begin(api, "orders-any", SEED, 500).await;
    api.job_in(&job, "completed", DEADLINE).await;
    api.send(Method::PUT, "/upload/page.exe", &[], bytes(b"a".to_vec()))
        .await
        .unwrap()
        .refused(415, "unsupported_type");
    api.get("/jobs").await.is(200);
}

#[tokio::test]
async fn alerts_dashboard_and_guide_name_what_is_told() {
    let mut series = Series::new();
    let embedded = Backend::embedded().await;
    let service = embedded.serve().await;
    use_it(&embedded, &service.api).await;
    scrape(&service.api, &mut series).await;

    let apart = Backend::mongodb().await;
    let service = testbed::service::Service::start(&apart.place, &["--workers", "0"]).await;
    let worker = apart.place.start(["worker", "--metrics-port", "0"]);
    let watched = address(&worker).await;
    use_it(&apart, &service.api).await;
    scrape(&service.api, &mut series).await;
    scrape(&watched, &mut series).await;
    let commands = &series["sluicegate_build_info"]["command"];
    assert_eq!(commands.iter().collect::<Vec<_>>(), ["serve", "worker"]);

    rules_are_told(&series, &yaml(&deploy("alerts.yaml")).await);
    dashboard_is_told(
        &series,
        &serde_json::from_str(&deploy("grafana.json")).unwrap(),
    );
    let guide = deploy("README.md");
    let guide = guide.split("\n## What to watch\n").nth(1).unwrap();
    guide_is_told(&series, guide.split("\n## ").next().unwrap());
}

/// A process of workers tells how it is where it is given a port, what it has loaded among it, and nothing else; `serve` tells
/// of no records there, because it has loaded none.
#[tokio::test]
async fn a_worker_tells_how_it_is_on_a_port_of_its_own() {
    let backend = Backend::mongodb().await;
    let service = testbed::service::Service::start(&backend.place, &["--workers", "0"]).await;
    let worker = backend.place.start(["worker", "--metrics-port", "0"]);
    let watched = address(&worker).await;
    watched.get("/livez").await.is(200);
    let health = watched.get("/healthz").await.is(200).json();
    assert_eq!(
        health["checks"],
        serde_json::json!({ "mongodb": "ok", "s3": "ok" })
    );
    watched.get("/jobs").await.refused(404, "no_route");
    use_it(&backend, &service.api).await;

    let loaded = async |api: &Api| {
        let text = api.get("/metrics").await.is(200).text();
        let begin = "sluicegate_records_total{outcome=\"loaded\"} ";
        let count = text.lines().find_map(|line| line.strip_prefix(begin));
        count.unwrap().parse::<u64>().unwrap()
    };
    assert!(loaded(&watched).await > 400);
    assert_eq!(loaded(&service.api).await, 0);
    let ended = worker.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
