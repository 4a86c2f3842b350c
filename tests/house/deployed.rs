//! What deploys the program agrees with it: its version, the compiler's, the names of its variables, the time that it
//! needs to end.

use crate::tree::{Breaches, read, root};
use std::collections::BTreeSet;
use toml::Table;

/// How long the program takes to end, in seconds, by its own promise (`server/src/serve.rs`).
const SHUTDOWN_SECONDS: u64 = 10;
/// Variables in compose.yaml that are not the program's: those of the other services.
const OTHERS: [&str; 4] = ["HOME", "MONGO_", "MONGODB_", "MINIO_"];

fn lines(path: &str) -> Vec<(usize, String)> {
    let text = read(&root().join(path));
    (1..).zip(text.lines().map(str::to_owned)).collect()
}

/// A key of `[workspace.package]`.
fn package(key: &str) -> String {
    let text = read(&root().join("Cargo.toml"));
    let manifest: Table = text
        .parse()
        .unwrap_or_else(|error| panic!("Cargo.toml: {error}"));
    let value = &manifest["workspace"]["package"][key];
    value
        .as_str()
        .unwrap_or_else(|| panic!("{key}: {value}"))
        .to_owned()
}

/// The names that `.env.example` tells of.
fn variables() -> BTreeSet<String> {
    let lines = lines(".env.example");
    let names = lines
        .iter()
        .filter_map(|(_, line)| line.trim_start_matches('#').split_once('='));
    names
        .map(|(name, _)| name.to_owned())
        .filter(|name| is_variable(name))
        .collect()
}

fn is_variable(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() > 1 && name.bytes().all(is_letter)
}

#[test]
fn what_deploys_sets_variables_that_the_program_reads() {
    let known = variables();
    let mut breaches = Breaches::of("a variable that is set for the program is one that it reads");
    let mut seen = 0;
    let mut judge = |path: &str, line: usize, name: &str| {
        seen += 1;
        if !known.contains(name) {
            breaches.add(path, line, &format!("{name} is not in .env.example"));
        }
    };
    for (number, line) in lines("deploy/compose.yaml") {
        let Some((name, _)) = line.trim().split_once(": ") else {
            continue;
        };
        let is_other = OTHERS.iter().any(|other| name.starts_with(other)) && name != "MONGODB_URI";
        // A secret of compose itself, which the service knows by another name.
        if is_variable(name) && !is_other && name != "S3_SECRET" {
            judge("deploy/compose.yaml", number, name);
        }
    }
    for (path, prefix) in [
        ("deploy/Dockerfile", "ENV "),
        ("deploy/sluicegate.service", "Environment="),
    ] {
        for (number, line) in lines(path) {
            let set = line
                .strip_prefix(prefix)
                .unwrap_or_default()
                .split_whitespace();
            for (name, _) in set.filter_map(|set| set.split_once('=')) {
                judge(path, number, name);
            }
        }
    }
    assert!(
        seen > 15,
        "the rule finds the variables where they are: {seen}"
    );
    breaches.settle();
}

#[test]
fn what_deploys_is_of_this_version_and_built_by_this_compiler() {
    let (version, rust) = (package("version"), package("rust-version"));
    let mut breaches =
        Breaches::of("what deploys names the version and the compiler of Cargo.toml");
    let mut judge = |path: &str, after: &str, wanted: &str, least: usize| {
        let mut seen = 0;
        for (number, line) in lines(path) {
            let Some((_, rest)) = line.split_once(after) else {
                continue;
            };
            seen += 1;
            let said: String = rest
                .chars()
                .take_while(|char| char.is_ascii_digit() || *char == '.')
                .collect();
            if said != wanted && !said.starts_with(&format!("{wanted}.")) {
                breaches.add(
                    path,
                    number,
                    &format!("{after}{said}, it should be {wanted}"),
                );
            }
        }
        assert!(seen >= least, "{path} has {seen} times {after:?}");
    };
    judge("deploy/Dockerfile", "FROM rust:", &rust, 1);
    judge(".github/workflows/ci.yml", "toolchain install ", &rust, 2);
    judge(
        ".github/workflows/release.yml",
        "toolchain install ",
        &rust,
        1,
    );
    judge(
        ".github/workflows/weekly.yml",
        "toolchain install ",
        &rust,
        1,
    );
    judge("deploy/compose.yaml", "image: sluicegate:", &version, 1);
    judge("deploy/Dockerfile", "-t sluicegate:", &version, 1);
    breaches.settle();
}

/// What compose.yaml says of one of its services.
fn service(name: &str) -> String {
    let text = read(&root().join("deploy/compose.yaml"));
    let begin = format!("\n  {name}:\n");
    let (_, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("there is no service {name}"));
    let of_it = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    of_it.collect::<Vec<_>>().join("\n")
}

/// The alerts that tell of workers fire where none is scraped.
#[test]
fn the_worker_of_the_composition_can_be_scraped_and_is_asked_where_it_listens() {
    let worker = service("worker");
    let (_, rest) = worker
        .split_once("METRICS_PORT: \"")
        .unwrap_or_else(|| panic!("the worker has no METRICS_PORT: {worker}"));
    let port = rest.split('"').next().unwrap_or_default();
    assert!(worker.contains("HOST: 0.0.0.0"), "{worker}");
    let asked = format!("sluicegate, health, \"http://127.0.0.1:{port}\"]");
    assert!(worker.contains(&asked), "{worker}");
    let guide = read(&root().join("deploy/README.md"));
    let scraped = format!("names: [worker], type: A, port: {port}");
    assert!(guide.contains(&scraped), "{scraped}");
}

/// What is an argument stands in the list of processes of the machine; what `printf` is given does not, for the shell has it
/// within itself.
#[test]
fn no_secret_is_an_argument_of_a_program() {
    let mut breaches = Breaches::of("secrets go by environment or standard input");
    let paths = ["deploy/compose/bucket.sh", "deploy/README.md", "README.md"];
    for path in paths {
        for (number, line) in lines(path) {
            let commands = line.split('|').map(str::trim);
            let is_program = |command: &&str| {
                ["mc ", "curl ", "deploy/"]
                    .iter()
                    .any(|begin| command.starts_with(begin))
            };
            for command in commands.filter(is_program) {
                let secrets = ["$KEY", "PASSWORD", "SECRET"];
                if secrets.iter().any(|secret| command.contains(secret)) {
                    breaches.add(path, number, command);
                }
            }
        }
    }
    breaches.settle();
}

/// What the guide deploys with comes with the program, and after the tests.
#[test]
fn a_release_has_what_deploys_it_and_waits_for_its_tests() {
    let release = read(&root().join(".github/workflows/release.yml"));
    let packed = release
        .lines()
        .find_map(|line| line.trim().strip_prefix("git archive HEAD "))
        .unwrap_or_else(|| panic!("release.yml packs nothing of git"));
    let packed: BTreeSet<&str> = packed
        .split_whitespace()
        .take_while(|word| *word != "|")
        .collect();
    for name in [".env.example", "clients", "deploy", "specs"] {
        assert!(packed.contains(name), "{name} is not in {packed:?}");
    }
    assert!(release.contains("needs: [ci, build]") && release.contains("ci.yml"));
    let ci = read(&root().join(".github/workflows/ci.yml"));
    assert!(ci.contains("  workflow_call:"), "{ci}");
}

/// What is shown of deployments runs without a person, somewhere.
#[test]
fn every_command_that_shows_a_deployment_runs_in_a_workflow() {
    let workflow = |name: &str| read(&root().join(".github/workflows").join(name));
    let (ci, weekly) = (workflow("ci.yml"), workflow("weekly.yml"));
    for command in ["deploy/check", "/accept http://"] {
        assert!(ci.contains(command), "ci.yml does not run {command}");
    }
    assert!(weekly.contains("schedule:"), "{weekly}");
    for command in ["deploy/topology", "deploy/upgrade-check "] {
        assert!(
            weekly.contains(command),
            "weekly.yml does not run {command}"
        );
    }
}

#[test]
fn whoever_ends_the_program_gives_it_the_time_that_it_promises_to_need() {
    let seconds = |path: &str, after: &str| -> u64 {
        let lines = lines(path);
        let found = lines
            .iter()
            .find_map(|(_, line)| line.trim().strip_prefix(after));
        let text = found.unwrap_or_else(|| panic!("{path} has no {after}"));
        let text = text.trim_end_matches('s');
        text.parse().unwrap_or_else(|_| panic!("{after}{text}"))
    };
    let serve = read(&root().join("server/src/serve.rs"));
    let said = format!("SHUTDOWN_TIMEOUT: Duration = Duration::from_secs({SHUTDOWN_SECONDS})");
    assert!(serve.contains(&said), "{said}");
    let unit = seconds("deploy/sluicegate.service", "TimeoutStopSec=");
    let compose = seconds("deploy/compose.yaml", "stop_grace_period: ");
    assert!(unit > SHUTDOWN_SECONDS && compose > SHUTDOWN_SECONDS);
}
