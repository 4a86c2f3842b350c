//! The webhook of a job as a document: events as documents, so that a transition can add one; the log as JSON text.

use super::document::{json, parsed};
use super::reply::integer;
use crate::queue::{Callback, CallbackUrl, Delivery, Event, Taken, Told};
use crate::tenant::Tenant;
use mongodb::bson::{Bson, DateTime, Document, doc};
use pipeline::Fatal;

/// Reads the record of a job, where it has one. A log that a projection has left out is empty.
pub(super) fn read(job: &Document) -> Result<Option<Callback>, Fatal> {
    let Ok(record) = job.get_document("callback") else {
        return Ok(None);
    };
    let text = |name: &str| record.get_str(name).ok().map(str::to_owned);
    let events = record.get_array("events").ok().into_iter().flatten();
    let events = events.filter_map(|event| read_event(event.as_document()?));
    Ok(Some(Callback {
        url: CallbackUrl::from(text("url").unwrap_or_default()),
        last_event: number(record, "lastEvent"),
        events: events.collect(),
        last_attempt: number(record, "lastAttempt"),
        log: parsed(record, "log")?.unwrap_or_default(),
        due_ms: time(record, "due"),
        owner: text("owner"),
        taken: record.get_document("taken").ok().and_then(read_taken),
    }))
}

/// The record of a tenant's job as it is written, but for its revision.
pub(super) fn write(tenant: &Tenant, callback: &Callback) -> Result<Document, Fatal> {
    let mut record = doc! {
        "url": &*callback.url,
        "place": callback.place(tenant),
        "lastEvent": callback.last_event as i64,
        "events": callback.events.iter().map(write_event).collect::<Vec<_>>(),
        "lastAttempt": callback.last_attempt as i64,
        "log": json(&callback.log)?,
    };
    put(&mut record, "due", callback.due_ms.map(moment));
    put(
        &mut record,
        "owner",
        callback.owner.as_ref().map(Bson::from),
    );
    put(
        &mut record,
        "taken",
        callback.taken.as_ref().map(write_taken),
    );
    Ok(record)
}

fn read_taken(taken: &Document) -> Option<Taken> {
    Some(Taken {
        event: number(taken, "event"),
        at_ms: time(taken, "at")?,
        attempt: number(taken, "attempt"),
        is_asked_again: taken.get_bool("isAskedAgain").unwrap_or_default(),
    })
}

fn write_taken(taken: &Taken) -> Bson {
    let document = doc! {
        "event": taken.event as i64,
        "at": moment(taken.at_ms),
        "attempt": i64::from(taken.attempt),
        "isAskedAgain": taken.is_asked_again,
    };
    document.into()
}

fn read_event(event: &Document) -> Option<Event> {
    Some(Event {
        n: number(event, "n"),
        state: event.get_str("state").ok()?.to_owned(),
        at_ms: time(event, "at")?,
        delivery: match event.get_str("delivery").ok()? {
            "delivered" => Delivery::Delivered,
            "failed" => Delivery::Failed,
            _ => Delivery::Pending,
        },
        attempts: number(event, "attempts"),
        next_ms: time(event, "next"),
        delivered_ms: time(event, "deliveredAt"),
        told: event.contains_key("rowsProcessed").then(|| Told {
            error: event.get_str("error").ok().map(str::to_owned),
            rows_processed: number(event, "rowsProcessed"),
            rows_failed: number(event, "rowsFailed"),
        }),
    })
}

fn write_event(event: &Event) -> Bson {
    let mut document = doc! {
        "n": event.n as i64,
        "state": &event.state,
        "at": moment(event.at_ms),
        "delivery": match event.delivery {
            Delivery::Pending => "pending",
            Delivery::Delivered => "delivered",
            Delivery::Failed => "failed",
        },
        "attempts": i64::from(event.attempts),
    };
    put(&mut document, "next", event.next_ms.map(moment));
    put(&mut document, "deliveredAt", event.delivered_ms.map(moment));
    if let Some(told) = &event.told {
        put(&mut document, "error", told.error.as_ref().map(Bson::from));
        document.insert("rowsProcessed", told.rows_processed as i64);
        document.insert("rowsFailed", told.rows_failed as i64);
    }
    document.into()
}

fn put(document: &mut Document, name: &str, value: Option<Bson>) {
    document.extend(value.map(|value| (name.to_owned(), value)));
}

fn moment(ms: u64) -> Bson {
    DateTime::from_millis(ms.try_into().unwrap_or(i64::MAX)).into()
}

fn time(document: &Document, name: &str) -> Option<u64> {
    let time = document.get_datetime(name).ok()?;
    time.timestamp_millis().try_into().ok()
}

fn number<T: TryFrom<i64> + Default>(document: &Document, name: &str) -> T {
    let number = document.get(name).and_then(integer);
    number
        .and_then(|number| number.try_into().ok())
        .unwrap_or_default()
}
