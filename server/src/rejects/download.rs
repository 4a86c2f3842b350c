//! The rejected records of a job in the file's own dialect, so that they can be corrected and sent back.
//!
//! ```text
//! Rejects ── page by page ──► the record as it came ──► with `_reference`, `_code`, `_field`, `_message` behind it
//!                                  ▲
//!                    the object, where a reject kept only the start of a long record
//! ```
//!
//! The file has the encoding of the upload. A record's bytes are never changed but for a mark before what a spreadsheet
//! would compute ([`stages::corrected::formula`]): a CSV has its own header with four more columns and each record with four more
//! cells, JSON Lines have four more members. What would swallow its neighbours, a record whose quote never closes, stands
//! in one cell; a line that is no JSON object stands in the member `_raw`. The records of a JSON document come as one, in
//! which the spec's path leads to them. Those of an XML document likewise, with four more attributes. Lines and records of
//! fixed width stand behind the four texts, with tabs between. Memory is one page of rejects, one record and one read. A
//! dialect's cells and lines are in [`csv`], [`jsonl`], [`xml`] and [`lines`]; long records come from [`whole`].

mod csv;
mod jsonl;
mod lines;
#[cfg(test)]
mod tests;
mod whole;
mod xml;

use super::{Filter, Rejects, Run};
use crate::queue::Job;
use crate::specs::catalog::Catalog;
use crate::stores::Stores;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use pipeline::{Fatal, Position, Reject, Retry};
use stages::frame::csv::{CsvDialect, Head};
use stages::open::csv_head;
use stages::plan::{FormatPlan, Plan};
use stages::source::Origin;
use stages::unpack::Reencoder;
use std::collections::VecDeque;
use std::sync::Arc;
use whole::{Record, Whole};

/// Rejects that are read at a time. One has at most about 200 KiB, and usually less than one.
const PAGE_REJECTS: u32 = 100;
/// The size at which a chunk is handed out, in bytes; one record more at most.
const CHUNK_BYTES: usize = 64 * 1024;

/// What can be saved as a file.
pub struct Download {
    /// Its type.
    pub media_type: &'static str,
    /// How its name ends, without a dot.
    pub extension: &'static str,
    /// Its bytes.
    pub bytes: BoxStream<'static, Result<Bytes, Fatal>>,
}

/// That there are no rejects of a job any more.
pub fn expired() -> Fatal {
    let message = "the job's details were removed after their time";
    Fatal::new("expired", message)
}

/// The rejected records of a job's present run, by the plan that the job is pinned to.
///
/// # Errors
/// `expired` when the job's details are removed; what the catalogue says of the job's spec; `content_gone` when nothing is left from which a CSV's header could be known; an outage when a store cannot be
/// reached. The stream ends with an outage that comes later.
pub async fn of_job(stores: &Stores, catalog: &Catalog, job: &Job) -> Result<Download, Fatal> {
    if job.expired {
        return Err(expired());
    }
    let plan = catalog.plan_of(&job.tenant, &job.spec).await?;
    let head = job.checkpoint.as_ref().map(|checkpoint| &*checkpoint.head);
    let origin = origin(stores, job).await?;
    let run = Run {
        tenant: job.tenant.clone(),
        job: job.id,
        run: job.run,
    };
    records(stores.rejects.clone(), run, plan, head, origin).await
}

/// The object of a job, where it is still there, and still the one that was uploaded.
async fn origin(stores: &Stores, job: &Job) -> Result<Option<Box<dyn Origin>>, Fatal> {
    let Some(id) = job.file() else {
        return Ok(None);
    };
    let seen = stores.files.file(&job.tenant, id).await?;
    let Some(file) = seen.map(|seen| seen.file).filter(|file| !file.content_gone) else {
        return Ok(None);
    };
    match stores.objects.open(&file.new.key).await {
        Ok(origin) => {
            let version = origin.pinned().content.as_deref();
            let is_same = file.may_be(stores.objects.bucket(), version);
            Ok(is_same.then_some(origin))
        }
        Err(fatal) if fatal.code == "not_found" => Ok(None),
        Err(fatal) => Err(fatal),
    }
}

/// The rejected records of a run. `head` is what its checkpoint keeps of the input's head; `origin` its input, where that
/// is still there.
///
/// # Errors
/// As [`of_job`].
pub async fn records(
    rejects: Arc<dyn Rejects>,
    run: Run,
    plan: Arc<Plan>,
    head: Option<&str>,
    origin: Option<Box<dyn Origin>>,
) -> Result<Download, Fatal> {
    let mut whole = Whole::new(plan.clone(), origin);
    let form = whole.form().await?;
    let mut last = Vec::new();
    let (dialect, first) = match &plan.format {
        FormatPlan::Jsonl => (Dialect::Jsonl, Vec::new()),
        FormatPlan::Lines(..) | FormatPlan::Fixed(..) => (Dialect::Lines, Vec::new()),
        FormatPlan::Xml(xml) => {
            let writer = xml::Writer::new(&xml.path, form);
            let (before, behind) = writer.around();
            last = behind.into_bytes();
            (Dialect::Xml(writer), before.into_bytes())
        }
        FormatPlan::Json(path) => {
            let (before, behind) = path.around();
            last = (behind + "\n").into_bytes();
            (Dialect::Json, (before + "\n").into_bytes())
        }
        FormatPlan::Csv(dialect) => {
            let head = known_head(&plan, dialect, head, whole.origin()).await?;
            let raw = whole.head(head.end.offset).await?;
            let writer = csv::Writer::new(dialect.clone(), raw.as_deref(), head.columns.len());
            let first = writer.head(raw.as_deref(), &head.columns);
            (Dialect::Csv(writer), first)
        }
    };
    let (media_type, extension) = match dialect {
        Dialect::Csv(_) => ("text/csv", "csv"),
        Dialect::Jsonl => ("application/x-ndjson", "jsonl"),
        Dialect::Lines => ("text/plain", "txt"),
        Dialect::Json => ("application/json", "json"),
        Dialect::Xml(_) => ("application/xml", "xml"),
    };
    let walk = Walk {
        rejects,
        run,
        dialect,
        whole,
        text: Reencoder::new(form),
        first,
        last,
        is_first: true,
        next: Some(0),
        page: VecDeque::new(),
    };
    let chunks = stream::try_unfold(walk, |mut walk| async move {
        let chunk = walk.chunk().await?;
        Ok(chunk.map(|chunk| (chunk, walk)))
    });
    Ok(Download {
        media_type,
        extension,
        bytes: chunks.boxed(),
    })
}

/// The head of a CSV as its checkpoint keeps it, or as it is found in the input where nothing was saved yet: a job may have
/// failed for what its titles are. Where the input has none, there are no columns, and no rejects.
async fn known_head(
    plan: &Plan,
    dialect: &CsvDialect,
    kept: Option<&str>,
    origin: Option<&dyn Origin>,
) -> Result<Head, Fatal> {
    if let Some(kept) = kept {
        return serde_json::from_str(kept).map_err(|error| {
            Fatal::new("internal", "a checkpoint holds no header").because(&error)
        });
    }
    let gone = || Fatal::new("content_gone", "the file is gone, and its header with it");
    let origin = origin.ok_or_else(gone)?;
    match csv_head(plan, dialect, origin).await {
        Err(fatal) if fatal.retry == Retry::Never => match fatal.code {
            "not_found" | "source_changed" => Err(gone()),
            _ => Ok(Head {
                columns: Vec::new(),
                end: Position::START,
                skipped: 0,
            }),
        },
        found => found,
    }
}

enum Dialect {
    Csv(csv::Writer),
    Jsonl,
    /// Objects of one JSON document.
    Json,
    /// Elements of one XML document.
    Xml(xml::Writer),
    /// Lines, each behind what is said of it.
    Lines,
}

/// What is said where nothing of a record is kept.
const HIDDEN: &str = " (the record is not shown: its spec has sensitive fields)";

/// What is said about a record beside it.
struct Said {
    /// Which record it is: opaque, `<job>:<number of the record, from 1>`.
    reference: String,
    /// The code of the leading problem.
    code: String,
    /// The field of the leading problem; empty where it is of the whole record.
    field: String,
    /// What is said about the leading problem.
    message: String,
}

impl Said {
    fn of(run: &Run, reject: &Reject, record: &Record) -> Self {
        let leading = reject.leading();
        let mut message = leading.map_or_else(String::new, |problem| problem.message.clone());
        if let Some(why) = record.why_cut() {
            message += &format!(
                " ({why}: only its first {} bytes are here)",
                reject.raw.len()
            );
        }
        if reject.raw.is_empty() {
            message += HIDDEN;
        }
        Self {
            reference: format!("{}:{}", run.job, reject.at.ordinal + 1),
            code: leading.map_or_else(String::new, |problem| problem.code.to_string()),
            field: leading
                .and_then(|problem| problem.field.clone())
                .unwrap_or_default(),
            message,
        }
    }
}

/// A walk through the rejects of a run.
struct Walk {
    rejects: Arc<dyn Rejects>,
    run: Run,
    dialect: Dialect,
    whole: Whole,
    /// Writes the file's encoding.
    text: Reencoder,
    /// What stands before the first record.
    first: Vec<u8>,
    /// What stands behind the last one.
    last: Vec<u8>,
    /// No record was written.
    is_first: bool,
    /// The ordinal from which the next page is read; none behind the last one.
    next: Option<u64>,
    page: VecDeque<Reject>,
}

impl Walk {
    async fn chunk(&mut self) -> Result<Option<Bytes>, Fatal> {
        let mut chunk = std::mem::take(&mut self.first);
        while chunk.len() < CHUNK_BYTES {
            let Some(reject) = self.reject().await? else {
                chunk.append(&mut self.last);
                break;
            };
            let record = self.whole.record(&reject).await?;
            let said = Said::of(&self.run, &reject, &record);
            let bytes = record.bytes(&reject);
            match &self.dialect {
                Dialect::Csv(writer) => writer.record(bytes, &said, &mut chunk)?,
                Dialect::Jsonl => jsonl::record(bytes, &said, &mut chunk)?,
                Dialect::Json => {
                    if !self.is_first {
                        chunk.push(b',');
                    }
                    jsonl::record(bytes, &said, &mut chunk)?;
                }
                Dialect::Lines => lines::record(bytes, &said, &mut chunk),
                Dialect::Xml(writer) => {
                    writer.record(bytes, self.whole.context(), &said, &mut chunk);
                }
            }
            self.is_first = false;
        }
        if !chunk.is_empty() {
            return Ok(Some(self.text.piece(chunk).into()));
        }
        let end = self.text.end();
        Ok((!end.is_empty()).then(|| end.into()))
    }

    async fn reject(&mut self) -> Result<Option<Reject>, Fatal> {
        if self.page.is_empty()
            && let Some(from) = self.next.take()
        {
            let all = Filter::default();
            let page = self
                .rejects
                .page(&self.run, &all, from, 0, PAGE_REJECTS)
                .await?;
            self.page = page.into();
            self.next = self.page.back().map(|last| last.at.ordinal + 1);
        }
        Ok(self.page.pop_front())
    }
}
