//! `/upload`: takes a file, from a form or as it is, and may ask for it to be loaded at once.

use super::answer::{self, Response};
use super::files::PRESIGNED;
use super::form::{Form, MAX_FORM_BYTES};
use super::job_view::CallbackView;
use super::problem::Problem;
use super::process::{
    CALLBACK_URL, FORCE, IDEMPOTENCY_KEY, MAX_IDEMPOTENCY_KEY_BYTES, PRIORITY, SPEC,
    SUBMIT_REFUSALS, once,
};
use super::query::is_true;
use super::request::{Call, broken};
use super::route::{Answered, BodyType, Kind, Operation, Param, json};
use super::scalars::StateWord;
use crate::files::{File, Status};
use crate::id::Id;
use crate::jobs::{self, Asked, IdempotencyKey, Submitted};
use crate::metrics::ByCode;
use crate::queue::{CallbackUrl, MAX_PRIORITY};
use crate::upload::Incoming;
use crate::webhook::accept;
use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;
use pipeline::Fatal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use tracing::Span;
use tracing::field::display;

/// The field of the file.
const FILE: &str = "file";
const PROCESS: Param = Param::new(
    "process",
    Kind::Flag,
    "Asks for the file to be loaded; the other parameters are about that.",
);
/// What the query and a form may say.
const PARAMS: &[Param] = &[SPEC, PROCESS, PRIORITY, FORCE, CALLBACK_URL];

/// `POST /upload`.
pub const FORM: Operation = upload(Operation::new(|call| Box::pin(form(call))))
    .body(BodyType::Multipart {
        fields: PARAMS,
        file: FILE,
    })
    .refusals(&refusals::<
        { OWN.len() + FORMS.len() + SUBMIT_REFUSALS.len() },
    >([OWN, FORMS, SUBMIT_REFUSALS]));

/// `POST` and `PUT /upload/{filename}`.
pub const RAW: Operation = upload(Operation::new(|call| Box::pin(raw(call))))
    .body(BodyType::Bytes)
    .refusals(&refusals::<{ OWN.len() + SUBMIT_REFUSALS.len() }>([
        OWN,
        &[],
        SUBMIT_REFUSALS,
    ]));

/// What every upload may be refused with.
pub const OWN: &[&str] = &[
    "body_incomplete",
    "body_too_slow",
    "file_too_large",
    "unsupported_type",
    "too_many_requests",
    "upload_busy",
    "upload_lost",
];
/// What forms may be refused with beside that.
pub const FORMS: &[&str] = &[
    "wrong_type",
    "bad_form",
    "bad_field",
    "unknown_field",
    "field_after_file",
    "no_file",
];

/// The lists, one behind the other.
pub const fn refusals<const N: usize>(lists: [&[&'static str]; 3]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut list, mut at, mut filled) = (0, 0, 0);
    while list < lists.len() {
        if at < lists[list].len() {
            all[filled] = lists[list][at];
            (at, filled) = (at + 1, filled + 1);
        } else {
            (list, at) = (list + 1, 0);
        }
    }
    all
}

const ANSWERS: &[Answered] = &[
    json::<UploadView>(201, "The file is kept."),
    json::<UploadView>(202, "The file is kept, and a new job has it."),
    json::<UploadView>(
        200,
        "The file is kept; a job of the same content and spec was there.",
    ),
];

/// What both ways of uploading take and answer.
const fn upload(operation: Operation) -> Operation {
    operation
        .query(PARAMS)
        .headers(&[IDEMPOTENCY_KEY])
        .answers(ANSWERS)
        .long()
}

/// A file that was uploaded, and the job that it got.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UploadView {
    /// The file.
    file_id: Id,
    /// The same.
    upload_id: Id,
    /// The same.
    file_key: Id,
    /// The key of its object.
    s3_key: String,
    /// Where its bytes are: an address that anybody can read for 15 minutes, or, where objects are kept in a folder, the
    /// path of the content in this interface.
    url: String,
    /// Bytes.
    size: u64,
    /// The hash of its bytes, in hexadecimal digits.
    sha256: String,
    #[schemars(schema_with = "words")]
    status: &'static str,
    /// `uploaded`.
    message: &'static str,
    /// The job, with `process=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<Id>,
    /// Its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<StateWord>,
    /// There, and true, when the job was there before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    existing: bool,
    /// The webhook of the job, where it has one: a job that was there may have another than was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback: Option<CallbackView>,
}

fn words(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": Status::ALL.map(Status::word) })
}

impl UploadView {
    fn new(file: File, url: Option<String>, submitted: Option<&Submitted>) -> Self {
        let id = file.new.id;
        let state = submitted.map(|submitted| submitted.job.state);
        let callback = submitted.and_then(|submitted| submitted.job.callback.as_ref());
        Self {
            file_id: id,
            upload_id: id,
            file_key: id,
            s3_key: file.new.key,
            url: url.unwrap_or_else(|| format!("/files/{id}/content")),
            size: file.size_bytes,
            sha256: file.sha256,
            status: Status::of(true, state).word(),
            message: "uploaded",
            job_id: submitted.map(|submitted| submitted.job.id),
            state: state.map(StateWord),
            existing: submitted.is_some_and(|submitted| submitted.existing),
            callback: callback.map(CallbackView::from),
        }
    }

    fn status(&self) -> StatusCode {
        match self.job_id {
            None => StatusCode::CREATED,
            Some(_) if self.existing => StatusCode::OK,
            Some(_) => StatusCode::ACCEPTED,
        }
    }
}

/// What is to be done with the file once it is there.
struct Wanted {
    process: bool,
    spec: Option<String>,
    priority: u8,
    again: bool,
    idempotency: Option<String>,
    callback: Option<CallbackUrl>,
}

impl Wanted {
    /// What the query and the fields of a form say together.
    fn read(call: &Call, mut fields: BTreeMap<&'static str, String>) -> Result<Self, Problem> {
        let mut said = |param: Param| {
            let query = call.query.get(param.name).map(str::to_owned);
            once(param, fields.remove(param.name), query)
        };
        let process = said(PROCESS)?.is_some_and(|text| is_true(&text));
        let spec = said(SPEC)?;
        let priority = said(PRIORITY)?.and_then(|text| text.parse().ok());
        let again = said(FORCE)?.is_some();
        let callback = said(CALLBACK_URL)?.map(CallbackUrl::from);
        if callback.is_some() && !process {
            let message = "`callbackUrl` is about the job: it wants process=true";
            return Err(Problem::new("bad_query", message));
        }
        if let Some(url) = &callback {
            // Known before the file is taken, like what follows.
            accept(&call.service.config, url)?;
        }
        let idempotency = call.header("idempotency-key", MAX_IDEMPOTENCY_KEY_BYTES)?;
        if process && again && idempotency.is_none() {
            // Known before the file is taken: not refused behind it.
            let message = "force=again wants the header Idempotency-Key";
            return Err(Problem::new("idempotency_key_required", message));
        }
        Ok(Self {
            process,
            spec,
            priority: priority.unwrap_or(0).min(MAX_PRIORITY),
            again,
            idempotency: idempotency.map(str::to_owned),
            callback,
        })
    }

    /// What it asks of jobs. A file that is uploaded again has another id: its content counts.
    fn asked(self, file: &File) -> Asked {
        let (spec, priority, again) = (self.spec, self.priority, self.again);
        let (name, content) = (&file.new.original_name, &file.sha256);
        let mut request = serde_json::json!(["upload", name, content, spec, priority, again]);
        if let (Some(callback), Some(request)) = (&self.callback, request.as_array_mut()) {
            // Only where it is there: keys of requests without it are those of before.
            request.push((**callback).into());
        }
        let request_sha256 = hex::encode(Sha256::digest(request.to_string()));
        Asked {
            file: file.new.id,
            spec,
            priority,
            again,
            idempotency: self.idempotency.map(|key| IdempotencyKey {
                key,
                request_sha256,
            }),
            callback: self.callback,
        }
    }
}

async fn form(mut call: Call) -> Result<Response, Problem> {
    admit(&call)?;
    let max_bytes = call.service.uploads.max_bytes();
    if announced(&call).is_some_and(|bytes| bytes > max_bytes.saturating_add(MAX_FORM_BYTES)) {
        let message = format!("files of more than {max_bytes} bytes are not taken");
        return Err(refused(&call, Fatal::new("file_too_large", message).into()));
    }
    let content_type = call.headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = std::mem::take(&mut call.body);
    let form = Form::read(content_type.as_deref(), body, PARAMS, FILE).await;
    let mut form = form.map_err(|problem| refused(&call, problem))?;
    let wanted = Wanted::read(&call, std::mem::take(&mut form.fields));
    let wanted = wanted.map_err(|problem| refused(&call, problem))?;
    let incoming = Incoming {
        original_name: std::mem::take(&mut form.file_name),
        content_type: std::mem::take(&mut form.content_type),
        declared_bytes: None,
    };
    receive(&call, wanted, incoming, form.into_file()).await
}

async fn raw(mut call: Call) -> Result<Response, Problem> {
    admit(&call)?;
    let content_type = call.headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let incoming = Incoming {
        original_name: call.path("filename")?,
        content_type: content_type.unwrap_or_default().to_owned(),
        declared_bytes: announced(&call),
    };
    let wanted = Wanted::read(&call, BTreeMap::new());
    let wanted = wanted.map_err(|problem| refused(&call, problem))?;
    let body = std::mem::take(&mut call.body).into_data_stream();
    let body = body.map_err(|error| broken(&*error));
    receive(&call, wanted, incoming, body).await
}

/// Counts the request against its key's and its address's rate.
fn admit(call: &Call) -> Result<(), Problem> {
    let admitted = call.service.uploads.admit(call.caller.key, call.address);
    admitted.map_err(|wait| {
        let seconds = wait.as_millis().div_ceil(1000) as u64;
        refused(call, Problem::too_many("uploads come too often", seconds))
    })
}

/// The size of the body, where the client says it.
fn announced(call: &Call) -> Option<u64> {
    call.headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

async fn receive(
    call: &Call,
    wanted: Wanted,
    incoming: Incoming,
    body: impl Stream<Item = Result<Bytes, Fatal>> + Send,
) -> Result<Response, Problem> {
    let file = kept(call, incoming, body).await?;
    let mut submitted = None;
    if wanted.process {
        let asked = wanted.asked(&file);
        match jobs::submit(&call.service, call.tenant(), asked).await {
            Ok(now) => {
                Span::current().record("job_id", display(now.job.id));
                submitted = Some(now);
            }
            Err(fatal) => {
                return Err(Problem::from(fatal).with("fileId", file.new.id.to_string()));
            }
        }
    }
    let url = address(call, &file).await;
    let view = UploadView::new(file, url, submitted.as_ref());
    Ok(answer::json(view.status(), &view))
}

/// Keeps a file, and counts it.
async fn kept(
    call: &Call,
    incoming: Incoming,
    body: impl Stream<Item = Result<Bytes, Fatal>> + Send,
) -> Result<File, Problem> {
    let body = std::pin::pin!(body);
    let received = call
        .service
        .uploads
        .receive(call.tenant(), incoming, body)
        .await;
    let file = received.map_err(|fatal| refused(call, fatal.into()))?;
    Span::current().record("file_id", display(file.new.id));
    call.service.metrics.uploads.inc();
    call.service.metrics.uploaded_bytes.inc_by(file.size_bytes);
    Ok(file)
}

/// Keeps the body of a request as a file of this name; of a form, the file in it.
pub async fn body_as_file(call: &mut Call, name: String) -> Result<File, Problem> {
    admit(call)?;
    let content_type = call.headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let declared_bytes = announced(call);
    let body = std::mem::take(&mut call.body);
    if !content_type.starts_with("multipart/form-data") {
        let incoming = Incoming {
            original_name: name,
            content_type,
            declared_bytes,
        };
        let body = body.into_data_stream().map_err(|error| broken(&*error));
        return kept(call, incoming, body).await;
    }
    let form = Form::read(Some(&content_type), body, &[], FILE).await;
    let mut form = form.map_err(|problem| refused(call, problem))?;
    let incoming = Incoming {
        original_name: name,
        content_type: std::mem::take(&mut form.content_type),
        declared_bytes: None,
    };
    kept(call, incoming, form.into_file()).await
}

/// Where anybody can read the file for a while, where the store says that. The file is kept by now: that no address can
/// be signed refuses nothing.
async fn address(call: &Call, file: &File) -> Option<String> {
    let objects = &call.service.stores.objects;
    let signed = objects.presign(&file.new.key, &file.new.original_name, PRESIGNED);
    match signed.await {
        Ok(url) => url,
        Err(fatal) => {
            tracing::warn!(%fatal, causes = fatal.causes.join(": "), "no address can be signed");
            None
        }
    }
}

/// Counts an upload that was not kept.
fn refused(call: &Call, problem: Problem) -> Problem {
    let code = problem.code();
    let refused = &call.service.metrics.refused_uploads;
    refused.get_or_create(&ByCode { code }).inc();
    problem
}
