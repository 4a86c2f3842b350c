//! `/jobs/{jobId}/errors` and `/rejects`: the records that were refused, with what is wrong with each; page by page, all
//! of them in a stream, or as they came.

use super::answer::{self, Response};
use super::jobs;
use super::list::ListView;
use super::problem::Problem;
use super::query::{self, LIMIT, PAGE};
use super::request::Call;
use super::route::{Kind, Operation, Param, json_or, raw};
use crate::page::{DEFAULT_ITEMS, MAX_ITEMS};
use crate::queue::Job;
use crate::rejects::download::{self, expired};
use crate::rejects::{Filter, Rejects, Run};
use crate::service::Service;
use bytes::Bytes;
use futures::Stream;
use pipeline::{Fatal, Reject};
use stages::ledger::RejectLine;
use std::sync::Arc;

/// Rejects that a stream reads at a time. One has at most about 200 KiB, and usually less than one.
const STREAMED_REJECTS: u32 = 100;
/// The most characters of a code and of a field.
const MAX_WORD_CHARS: usize = 1_024;
/// The header of the CSV.
const COLUMNS: &str = "record,line,offset,code,field,message,raw\r\n";
const TEXT: Kind = Kind::Text {
    max_chars: MAX_WORD_CHARS,
};
const CURSOR: Param = Param::new(
    query::CURSOR.name,
    Kind::Number {
        least: 0,
        most: u64::MAX >> 1,
    },
    query::CURSOR.about,
);
const FORMAT: Param = Param::new(
    "format",
    Kind::Word(&["jsonl", "csv"]),
    "All of them as a stream instead of a page.",
);

/// `GET /jobs/{jobId}/errors`.
pub const ERRORS: Operation = Operation::new(|call| Box::pin(errors(call)))
    .query(&[
        Param::new(
            "code",
            TEXT,
            "Only those whose leading problem has this code.",
        ),
        Param::new(
            "field",
            TEXT,
            "Only those whose leading problem is of this field.",
        ),
        FORMAT,
        PAGE,
        LIMIT,
        CURSOR,
    ])
    .answers(&[json_or::<ListView<RejectLine<'_>>>(
        200,
        "A page of rejects in the order of the file, or a stream of all. Those that were written behind the last checkpoint \
         are there too: while a job runs, and when it failed or was cancelled, there may be more than its stats count.",
        &["application/x-ndjson", "text/csv"],
    )])
    .refusals(&["not_found", "expired"]);

/// `GET /jobs/{jobId}/rejects`.
pub const REJECTS: Operation = Operation::new(|call| Box::pin(as_they_came(call)))
    .answers(&[raw(
        200,
        "The rejected records in the file's own dialect and encoding, with reference, code, field and message added. \
         CSV: four columns behind the record's own (`_reference`, `_code`, `_field`, `_message`; where the file has such a \
         title itself, all four end on a number, `_reference_2`). JSON: four members (`_reference`, `_code`, `_field`, `_message`). \
         XML: four attributes of the namespace `urn:sluicegate:rejects`. \
         Lines and fixed width: the four texts before the line, with tabs between. In CSV and lines no cell is a \
         formula: one that begins with = + - @, TAB, CR or LF, behind any number of apostrophes, and is no plain number \
         has one apostrophe more; who reads it back takes one away. \
         Of a job that failed for its header, or before it: the titles that are known, and no record.",
        &["text/csv", "application/x-ndjson", "application/json", "application/xml", "text/plain"],
    )])
    .refusals(&["not_found", "expired", "content_gone", "spec_broken"]);

/// The present run of a job that has its details still.
///
/// # Errors
/// `not_found`, `expired`.
async fn run_of(call: &Call) -> Result<(Job, Run), Problem> {
    let job = jobs::one(call, call.id("jobId", "job")?).await?;
    if job.expired {
        return Err(expired().into());
    }
    let run = Run {
        tenant: job.tenant.clone(),
        job: job.id,
        run: job.run,
    };
    Ok((job, run))
}

async fn errors(call: Call) -> Result<Response, Problem> {
    let (job, run) = run_of(&call).await?;
    let filter = Filter {
        code: call.query.get("code").map(str::to_owned),
        field: call.query.get("field").map(str::to_owned),
    };
    let rejects = call.service.stores.rejects.clone();
    let Some(format) = call.query.get(FORMAT.name) else {
        return page(&call, &*rejects, &run, &filter).await;
    };
    if [PAGE, LIMIT, CURSOR]
        .iter()
        .any(|param| call.query.get(param.name).is_some())
    {
        let message = "a stream has all rejects: it has no page, limit and cursor";
        return Err(Problem::new("bad_query", message));
    }
    Ok(if format == "csv" {
        let name = format!("{}-errors.csv", job.id);
        answer::download(
            "text/csv; charset=utf-8",
            &name,
            stream(rejects, run, filter, COLUMNS, csv),
        )
    } else {
        let name = format!("{}-errors.jsonl", job.id);
        answer::download(
            "application/x-ndjson",
            &name,
            stream(rejects, run, filter, "", jsonl),
        )
    })
}

async fn as_they_came(call: Call) -> Result<Response, Problem> {
    let job = jobs::one(&call, call.id("jobId", "job")?).await?;
    let Service {
        stores, catalog, ..
    } = &call.service;
    let rejects = download::of_job(stores, catalog, &job).await?;
    let name = format!("{}-rejects.{}", job.id, rejects.extension);
    Ok(answer::download(rejects.media_type, &name, rejects.bytes))
}

async fn page(
    call: &Call,
    rejects: &dyn Rejects,
    run: &Run,
    filter: &Filter,
) -> Result<Response, Problem> {
    let limit = call
        .query
        .number(LIMIT.name)
        .unwrap_or(DEFAULT_ITEMS.into());
    let limit = limit.min(MAX_ITEMS.into()) as u32;
    let (number, from) = (call.query.number(PAGE.name), call.query.number(CURSOR.name));
    if number.is_some() && from.is_some() {
        return Err(query::page_and_cursor());
    }
    let (page, total) = match from {
        Some(_) => (None, None),
        None => (
            Some(number.unwrap_or(1)),
            Some(rejects.count(run, filter).await?),
        ),
    };
    let skip = page.map_or(0, |page| (page - 1) * u64::from(limit));
    // One more than is shown says whether there is a next page, and where it begins.
    let from = from.unwrap_or(0);
    let mut found = rejects.page(run, filter, from, skip, limit + 1).await?;
    let next = found
        .get(limit as usize)
        .map(|reject| reject.at.ordinal.to_string());
    found.truncate(limit as usize);
    Ok(answer::ok(&ListView {
        items: found.iter().map(RejectLine::from).collect(),
        page: page.map(|page| page as u32),
        limit,
        total,
        next,
    }))
}

/// All rejects of a run behind `head`, each as `write` puts it.
fn stream(
    rejects: Arc<dyn Rejects>,
    run: Run,
    filter: Filter,
    head: &'static str,
    write: fn(&Reject, &mut Vec<u8>) -> Result<(), Fatal>,
) -> impl Stream<Item = Result<Bytes, Fatal>> + Send {
    futures::stream::try_unfold(Some((0, head)), move |next| {
        let (rejects, run, filter) = (rejects.clone(), run.clone(), filter.clone());
        async move {
            let Some((from, head)) = next else {
                return Ok(None);
            };
            let found = rejects
                .page(&run, &filter, from, 0, STREAMED_REJECTS)
                .await?;
            let mut chunk = head.as_bytes().to_vec();
            for reject in &found {
                write(reject, &mut chunk)?;
            }
            let last = found
                .last()
                .filter(|_| found.len() == STREAMED_REJECTS as usize);
            let next = last.map(|reject| (reject.at.ordinal + 1, ""));
            Ok(Some((Bytes::from(chunk), next)))
        }
    })
}

fn jsonl(reject: &Reject, into: &mut Vec<u8>) -> Result<(), Fatal> {
    serde_json::to_writer(&mut *into, &RejectLine::from(reject))
        .map_err(|error| Fatal::new("internal", "a reject is no JSON").because(&error))?;
    into.push(b'\n');
    Ok(())
}

fn csv(reject: &Reject, into: &mut Vec<u8>) -> Result<(), Fatal> {
    let line = RejectLine::from(reject);
    let numbers = format!("{},{},{}", line.record, line.line, line.offset);
    into.extend_from_slice(numbers.as_bytes());
    for text in [
        line.code,
        line.field.unwrap_or_default(),
        line.message,
        &line.raw,
    ] {
        into.push(b',');
        cell(text, into);
    }
    into.extend_from_slice(b"\r\n");
    Ok(())
}

/// A cell of the CSV, which people open in spreadsheets: what would be a formula there is text (a quote before it). The
/// other formats have the value as it is.
fn cell(text: &str, into: &mut Vec<u8>) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let mark = if formula { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        let text = text.replace('"', "\"\"");
        into.extend_from_slice(format!("\"{mark}{text}\"").as_bytes());
    } else {
        into.extend_from_slice(format!("{mark}{text}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_in_every_spreadsheet() {
        for (text, expected) in [
            ("", ""),
            ("a b", "a b"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\nb", "\"a\nb\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1,A2)", "\"'@SUM(A1,A2)\""),
            ("-1", "'-1"),
        ] {
            let mut bytes = Vec::new();
            cell(text, &mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{text}");
        }
    }
}
