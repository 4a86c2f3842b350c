//! What stands in a line, and which lines there are.

use super::*;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing::Instrument as _;
use tracing::subscriber::{DefaultGuard, set_default, with_default};

/// A log that is kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn subscriber(&self, wanted: Option<&str>) -> impl Subscriber + Send + Sync + use<> {
        let kept = self.clone();
        in_json(filter(wanted, LevelFilter::INFO), move || kept.clone())
    }

    /// Keeps what this thread logs.
    fn here(&self) -> DefaultGuard {
        set_default(self.subscriber(None))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        let text = self.text();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// What `log` writes, without the time.
fn check(log: impl FnOnce(), expected: Value) {
    let kept = Kept::default();
    with_default(kept.subscriber(None), log);
    let mut lines = kept.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = lines[0].as_object_mut().unwrap();
    let timestamp = line.remove("timestamp").unwrap();
    let is_utc = timestamp.as_str().is_some_and(|time| time.ends_with('Z'));
    assert!(is_utc, "{timestamp}");
    assert_eq!(line.remove("target"), Some(json!(module_path!())));
    assert_eq!(lines[0], expected);
}

#[test]
fn a_line_is_flat_and_has_the_fields_of_its_spans() {
    check(
        || tracing::warn!(status = 200, "answered"),
        json!({"level": "WARN", "message": "answered", "status": 200}),
    );
    check(
        || {
            let outer = tracing::error_span!("request", request_id = "r1", tenant = "outer");
            let _outer = outer.entered();
            let empty = tracing::field::Empty;
            let inner = tracing::error_span!("job", job_id = %7, tenant = empty).entered();
            inner.record("tenant", "acme");
            tracing::info!(bytes_read = 5_u64, done = true, "ended");
        },
        json!({
            "level": "INFO", "message": "ended", "requestId": "r1", "jobId": "7", "tenant": "acme",
            "bytesRead": 5, "done": true,
        }),
    );
}

#[test]
fn what_is_not_there_is_left_out_and_what_is_given_is_only_text() {
    check(
        || {
            let span = tracing::error_span!("job", job_id = %7, tenant = None::<&str>);
            let _in = span.entered();
            tracing::error!(fault = ?"two\nlines \"quoted\"", level = "none", "{}", "a\nb");
        },
        json!({
            "level": "ERROR", "message": "a\nb", "jobId": "7", "fault": "\"two\\nlines \\\"quoted\\\"\"",
        }),
    );
}

#[test]
fn the_first_fields_come_first() {
    let kept = Kept::default();
    with_default(kept.subscriber(None), || tracing::info!(a = 1, "said"));
    let text = kept.text();
    let places = FIRST_FIELDS.map(|name| text.find(&format!("\"{name}\":")));
    assert!(places.is_sorted() && places[0] == Some(1), "{text}");
}

const FIRST_FIELDS: [&str; 5] = ["timestamp", "level", "target", "message", "a"];

#[test]
fn a_level_for_everything_is_meant_of_this_program() {
    for (wanted, ours, theirs) in [
        (None, "info", "info"),
        (Some("error"), "error", "error"),
        (Some("debug"), "debug", "info"),
        (Some("trace"), "trace", "info"),
        (Some("debug,hyper=trace"), "debug", "trace"),
        (Some("warn,stages=debug"), "warn", "warn"),
        (Some("off"), "", ""),
    ] {
        let most = |log: fn(usize)| {
            let kept = Kept::default();
            with_default(kept.subscriber(wanted), || (0..5).for_each(log));
            let lines = kept.lines();
            let last = lines.last().and_then(|line| line["level"].as_str());
            last.unwrap_or_default().to_lowercase()
        };
        macro_rules! at {
            ($target:literal) => {
                |level| match level {
                    0 => tracing::error!(target: $target, "said"),
                    1 => tracing::warn!(target: $target, "said"),
                    2 => tracing::info!(target: $target, "said"),
                    3 => tracing::debug!(target: $target, "said"),
                    _ => tracing::trace!(target: $target, "said"),
                }
            };
        }
        assert_eq!(most(at!("sluicegate::worker")), ours, "{wanted:?}");
        assert_eq!(most(at!("hyper::proto")), theirs, "{wanted:?}");
    }
}

#[test]
fn filters_are_judged() {
    for (wanted, good) in [
        ("info", true),
        ("warn,stages::sink=debug", true),
        ("sluicegate=loud", false),
    ] {
        assert_eq!(is_filter(wanted), good, "{wanted}");
    }
}

#[tokio::test]
async fn a_panic_is_told_with_its_place_and_its_ids() {
    let kept = Kept::default();
    let _here = kept.here();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(super::panics::tell));
    let task = async { panic!("no room for {}", "'4111'") };
    let span = tracing::error_span!("job", job_id = %7, tenant = "acme");
    let ended = tokio::spawn(task.instrument(span)).await;
    std::panic::set_hook(before);
    assert!(ended.is_err());
    let lines = kept.lines();
    let line = lines
        .iter()
        .find(|line| line["message"] == "panicked")
        .unwrap();
    assert_eq!(
        (&line["jobId"], &line["tenant"]),
        (&json!("7"), &json!("acme"))
    );
    assert_eq!(
        (&line["level"], &line["reason"]),
        (&json!("ERROR"), &json!("no room for"))
    );
    let place = line["place"].as_str().unwrap();
    assert!(place.contains(file!()), "{place}");
}
