//! Who may depend on whom: `pipeline ← stages ← server`. Tests and benches see all, nobody sees them.
//!
//! Cargo lets a crate import only what its manifest names, so the manifests are what is read.

use crate::tree::{Breaches, read, root};
use toml::{Table, Value};

/// What `pipeline` may depend on: it knows no format, file, network, TOML or database. `tracing` is there so that what
/// its tasks log carries the ids of their run.
const PIPELINE_MAY: [&str; 8] = [
    "async-stream",
    "async-trait",
    "bytes",
    "futures",
    "serde",
    "tokio",
    "tokio-util",
    "tracing",
];
/// What only its tests may depend on.
const PIPELINE_TESTS_MAY: [&str; 2] = ["proptest", "tokio"];
/// Features of tokio that read or write outside the process.
const IO_FEATURES: [&str; 7] = [
    "fs", "full", "io-std", "net", "process", "signal", "io-uring",
];

/// The crates of the workspace that a crate may depend on, by its folder.
const LAYERS: [(&str, &[&str]); 3] = [
    ("pipeline", &[]),
    ("stages", &["pipeline"]),
    ("server", &["pipeline", "stages"]),
];
/// The crates of the workspace.
const CRATES: [&str; 6] = [
    "pipeline",
    "stages",
    "server",
    "sluicegate",
    "testbed",
    "benches",
];

struct Dependency {
    name: String,
    line: usize,
    features: Vec<String>,
}

/// The dependencies in the tables whose name ends in `table`, those for one platform included.
fn dependencies(folder: &str, table: &str) -> Vec<Dependency> {
    let text = read(&root().join(folder).join("Cargo.toml"));
    let manifest: Table = text
        .parse()
        .unwrap_or_else(|error| panic!("{folder}/Cargo.toml: {error}"));
    let mut found = Vec::new();
    collect(&manifest, table, &mut |name, value| {
        let line = text.lines().position(|line| {
            let rest = line.trim_start().strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        });
        let features = value.get("features").and_then(Value::as_array);
        found.push(Dependency {
            name: name.to_owned(),
            line: line.map_or(1, |line| line + 1),
            features: features
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        });
    });
    found
}

fn collect(table: &Table, wanted: &str, each: &mut impl FnMut(&str, &Value)) {
    for (key, value) in table {
        match value {
            Value::Table(inner) if key == wanted => {
                inner.iter().for_each(|(name, value)| each(name, value))
            }
            Value::Table(inner) if key == "target" => {
                inner
                    .values()
                    .filter_map(Value::as_table)
                    .for_each(|inner| collect(inner, wanted, each));
            }
            _ => {}
        }
    }
}

#[test]
fn pipeline_depends_on_nothing_that_it_must_not_know() {
    let mut breaches = Breaches::of("pipeline knows no format, file, network, TOML or database");
    let tables = [
        ("dependencies", &PIPELINE_MAY[..]),
        ("build-dependencies", &[]),
        ("dev-dependencies", &PIPELINE_TESTS_MAY),
    ];
    for (table, may) in tables {
        for dependency in dependencies("pipeline", table) {
            if !may.contains(&&*dependency.name) {
                let what = format!("{} is not among its {table}", dependency.name);
                breaches.add("pipeline/Cargo.toml", dependency.line, &what);
            }
            for feature in dependency
                .features
                .iter()
                .filter(|feature| IO_FEATURES.contains(&&***feature))
            {
                let what = format!("{} with `{feature}` does I/O", dependency.name);
                breaches.add("pipeline/Cargo.toml", dependency.line, &what);
            }
        }
    }
    breaches.settle();
}

#[test]
fn crates_depend_downwards_only() {
    let mut breaches =
        Breaches::of("pipeline ← stages ← server; tests and benches see all, nobody sees them");
    for (folder, may) in LAYERS {
        let found = dependencies(folder, "dependencies");
        assert!(!found.is_empty(), "{folder} depends on something");
        for dependency in found
            .into_iter()
            .chain(dependencies(folder, "build-dependencies"))
        {
            let ours = CRATES.contains(&&*dependency.name);
            if ours && !may.contains(&&*dependency.name) {
                let what = format!("{folder} must not depend on {}", dependency.name);
                breaches.add(&format!("{folder}/Cargo.toml"), dependency.line, &what);
            }
        }
    }
    breaches.settle();
}
