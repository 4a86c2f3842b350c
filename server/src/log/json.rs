//! A line of the log as one JSON object, flat: `jq .jobId` finds a job's lines.
//!
//! ```json
//! {"timestamp":"…","level":"INFO","target":"sluicegate::worker::attempt","message":"claimed","jobId":"…","tenant":"acme","fence":1}
//! ```
//!
//! Fields stand behind the first four, named as in the HTTP interface. Of spans that have the same field the innermost
//! counts, and the line's own before all. A field never hides one of the first four.

use serde_json::{Map, Value};
use std::fmt;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The fields of every line, in their order.
const FIRST: [&str; 4] = ["timestamp", "level", "target", "message"];

/// Writes a line.
pub(super) struct Line;

impl<S> FormatEvent<S, JsonFields> for Line
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut own = String::new();
        JsonFields::new().format_fields(Writer::new(&mut own), event)?;
        let mut own = object(&own);
        let message = own.remove("message").unwrap_or_default();
        let mut fields = Map::new();
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(of_span) = span.extensions().get::<FormattedFields<JsonFields>>() {
                fields.extend(renamed(object(of_span)));
            }
        }
        fields.extend(renamed(own));
        let metadata = event.metadata();
        let first = [
            timestamp.into(),
            metadata.level().as_str().into(),
            metadata.target().into(),
            message,
        ];
        let mut separator = '{';
        for (name, value) in FIRST.into_iter().zip(&first) {
            write!(writer, "{separator}{}:{value}", Value::from(name))?;
            separator = ',';
        }
        for (name, value) in fields {
            if !FIRST.contains(&&*name) {
                write!(writer, ",{}:{value}", Value::from(name))?;
            }
        }
        writeln!(writer, "}}")
    }
}

/// Fields as they were formatted; what is none of [`JsonFields`]' has none.
fn object(formatted: &str) -> Map<String, Value> {
    serde_json::from_str(formatted).unwrap_or_default()
}

/// With names as the HTTP interface has them: `job_id` is `jobId`.
fn renamed(fields: Map<String, Value>) -> impl Iterator<Item = (String, Value)> {
    fields.into_iter().map(|(name, value)| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        let name = words.fold(first, |name, word| {
            let mut letters = word.chars();
            let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
            name + &capital.into_iter().chain(letters).collect::<String>()
        });
        (name, value)
    })
}
