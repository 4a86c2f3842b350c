//! `.env.example` says of every variable what the program makes of it, and of no other one.

use super::Config;
use crate::log::Format;
use stages::sink::Flow;
use stages::spec::ByteSize;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const EXAMPLE: &str = include_str!("../../../.env.example");

/// A line that sets a variable, or would without its `#`.
struct Line {
    name: &'static str,
    value: &'static str,
    /// Whether it is the default: what is not has a `#` before it.
    is_default: bool,
    /// Whether a comment stands before it.
    is_told: bool,
}

/// The lines of `.env.example` that name variables.
fn lines() -> Vec<Line> {
    let mut is_told = false;
    let mut found = Vec::new();
    for line in EXAMPLE.lines() {
        let (is_default, text) = match line.strip_prefix('#') {
            Some(rest) => (false, rest),
            None => (true, line),
        };
        let is_name = |name: &str| {
            let mut bytes = name.bytes();
            !name.is_empty()
                && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        match text.split_once('=') {
            Some((name, value)) if is_name(name) => {
                found.push(Line {
                    name,
                    value,
                    is_default,
                    is_told,
                });
                is_told = false;
            }
            _ => is_told = line.starts_with("# "),
        }
    }
    found
}

/// Variables that are not the configuration's: the AWS SDK reads its own, specs name salts.
fn is_read_elsewhere(name: &str) -> bool {
    name.starts_with("AWS_") || name.starts_with("SALT_")
}

/// What an empty environment means, as a person would write it; nothing for what is not set. Whoever adds a field to the
/// configuration has to add it here too.
fn defaults() -> BTreeMap<&'static str, Option<String>> {
    let Config {
        data_dir,
        specs_dir,
        mongodb_uri,
        job_batch_records,
        job_write_pause_ms,
        job_lease_ms,
        job_max_attempts,
        host,
        port,
        metrics_port,
        s3_bucket,
        s3_prefix,
        workers,
        upload_max_bytes,
        upload_types,
        upload_rate_per_minute,
        retention_days,
        webhook_secret,
        webhook_allow,
        log_filter,
        log_format,
    } = Config::defaults();
    let flow = Flow::default();
    let folder = |path: &Path| Some(format!("./{}", path.display()));
    let format = match log_format {
        Format::Text => "text",
        Format::Json => "json",
    };
    BTreeMap::from([
        ("DATA_DIR", folder(&data_dir)),
        ("SPECS_DIR", folder(&specs_dir)),
        ("MONGODB_URI", mongodb_uri.map(|uri| uri.0)),
        (
            "JOB_BATCH_SIZE",
            Some(
                job_batch_records
                    .unwrap_or(flow.batch.max_records)
                    .to_string(),
            ),
        ),
        (
            "JOB_WRITE_PAUSE_MS",
            Some(job_write_pause_ms.unwrap_or(flow.rate.pause_ms).to_string()),
        ),
        ("JOB_LEASE_SECONDS", Some((job_lease_ms / 1000).to_string())),
        ("JOB_MAX_ATTEMPTS", Some(job_max_attempts.to_string())),
        ("HOST", Some(host.to_string())),
        ("PORT", Some(port.to_string())),
        ("METRICS_PORT", metrics_port.map(|port| port.to_string())),
        ("S3_BUCKET", s3_bucket),
        (
            "S3_PREFIX",
            Some(s3_prefix).filter(|prefix| !prefix.is_empty()),
        ),
        ("WORKERS", Some(workers.to_string())),
        ("UPLOAD_MAX_BYTES", Some(upload_max_bytes.to_string())),
        ("UPLOAD_TYPES", upload_types.map(|types| types.join(","))),
        (
            "UPLOAD_RATE_PER_MINUTE",
            Some(upload_rate_per_minute.to_string()),
        ),
        ("RETENTION_DAYS", Some(retention_days.to_string())),
        (
            "WEBHOOK_SECRET",
            webhook_secret.map(|_| "a secret".to_owned()),
        ),
        (
            "WEBHOOK_ALLOW",
            (!webhook_allow.is_empty()).then(|| "a network".to_owned()),
        ),
        ("RUST_LOG", log_filter),
        ("LOG_FORMAT", Some(format.to_owned())),
    ])
}

#[test]
fn the_example_names_every_variable_that_is_read_and_no_other() {
    let asked = RefCell::new(BTreeSet::<String>::new());
    let read = Config::read(&|name| {
        asked.borrow_mut().insert(name.to_owned());
        Ok(None)
    });
    assert!(read.is_ok());
    let lines = lines();
    let own = lines.iter().filter(|line| !is_read_elsewhere(line.name));
    let named: BTreeSet<String> = own.map(|line| line.name.to_owned()).collect();
    assert_eq!(named, asked.into_inner());
    let told: BTreeSet<String> = defaults().keys().map(|&name| name.to_owned()).collect();
    assert_eq!(named, told, "and each is a field of the configuration");
    let all: BTreeSet<&str> = lines.iter().map(|line| line.name).collect();
    assert_eq!(all.len(), lines.len(), "none is named twice");
    for line in lines {
        assert!(line.is_told, "nothing is said of {}", line.name);
    }
}

#[test]
fn what_the_example_shows_as_a_default_is_one() {
    let defaults = defaults();
    for Line {
        name,
        value,
        is_default,
        ..
    } in lines()
    {
        if is_read_elsewhere(name) {
            assert!(!is_default, "{name} has no default of this program's");
            continue;
        }
        let default = defaults[name].as_deref();
        let size = value.parse::<ByteSize>().ok();
        let size = size.map(|size| size.bytes().to_string());
        let is_same =
            default == Some(value) || (name == "UPLOAD_MAX_BYTES" && default == size.as_deref());
        assert_eq!(
            is_same, is_default,
            "{name}={value}, the default is {default:?}"
        );
        assert_eq!(
            default.is_some(),
            is_default,
            "{name} has a default, so it is shown"
        );
    }
}

#[test]
fn what_the_example_shows_is_taken() {
    let example: BTreeMap<&str, &str> =
        lines().iter().map(|line| (line.name, line.value)).collect();
    let read = Config::read(&|name| Ok(example.get(name).map(|&value| value.to_owned())));
    let problems = read.err().map(|bad| bad.to_string());
    assert_eq!(problems, None);
}

#[test]
fn the_types_of_files_that_the_example_shows_are_those_that_are_taken() {
    let lines = lines();
    let shown = lines
        .iter()
        .find(|line| line.name == "UPLOAD_TYPES")
        .unwrap();
    let shown: BTreeSet<&str> = shown.value.split(',').collect();
    assert_eq!(shown, BTreeSet::from(crate::upload::DEFAULT_TYPES));
}
