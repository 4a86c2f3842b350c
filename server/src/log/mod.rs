//! The log: what is written to standard error, and how.
//!
//! Each line carries the ids of what it belongs to, because the spans around it do: a request's `request_id`, a job's
//! `job_id`, and the `tenant` of both. Of crates that are not ours nothing below `info` is told unless they are named:
//! they would print headers, and with them keys. What is logged never holds a secret or what a file holds: whoever logs
//! names ids, codes and counts.

mod json;
mod panics;
#[cfg(test)]
mod tests;

pub use panics::tell_panics;

use std::io::IsTerminal as _;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What the targets of this program's own crates are called.
const OURS: [&str; 3] = ["sluicegate", "stages", "pipeline"];

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs to standard error from now on: what `wanted` (`RUST_LOG`) says, or everything from `default` on.
pub fn to_stderr(format: Format, wanted: Option<&str>, default: LevelFilter) {
    let is_terminal = std::io::stderr().is_terminal();
    let filter = filter(wanted, default);
    match format {
        Format::Text => tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(is_terminal)
            .init(),
        Format::Json => in_json(filter, std::io::stderr).init(),
    }
}

fn in_json(
    filter: EnvFilter,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .fmt_fields(JsonFields::new())
        .event_format(json::Line)
        .finish()
}

/// What is told. A level that is said of everything is meant of this program: of what it uses, `info` is enough.
fn filter(wanted: Option<&str>, default: LevelFilter) -> EnvFilter {
    let Some(wanted) = wanted else {
        // What it warns of is told again by whoever needed it, and in words.
        let quiet = "aws_config=error".parse().ok();
        let filter = EnvFilter::default().add_directive(default.into());
        return quiet.into_iter().fold(filter, EnvFilter::add_directive);
    };
    let mut directives = Vec::new();
    for directive in wanted.split(',').map(str::trim) {
        match directive.parse::<LevelFilter>() {
            Ok(level) if level > LevelFilter::INFO => {
                directives.push("info".to_owned());
                directives.extend(OURS.map(|target| format!("{target}={level}")));
            }
            _ => directives.push(directive.to_owned()),
        }
    }
    EnvFilter::new(directives.join(","))
}

/// Whether [`to_stderr`] understands this.
pub fn is_filter(wanted: &str) -> bool {
    EnvFilter::builder().parse(wanted).is_ok()
}
