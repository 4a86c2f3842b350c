//! `/process/{fileId}`: asks for a file to be loaded.

use super::answer::{self, Response};
use super::job_view::CallbackView;
use super::jobs::MAX_SPEC_CHARS;
use super::problem::Problem;
use super::request::Call;
use super::route::{self, Kind, Operation, Param, optional_json};
use super::scalars::StateWord;
use crate::id::Id;
use crate::jobs::{self, Asked, IdempotencyKey, Submitted};
use crate::queue::{CallbackUrl, MAX_PRIORITY};
use crate::webhook::MAX_URL_CHARS;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The most bytes of an `Idempotency-Key`.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;

/// Which spec.
pub const SPEC: Param = Param::new(
    "spec",
    Kind::Text {
        max_chars: MAX_SPEC_CHARS,
    },
    "The spec, `orders` (its newest version) or `orders@3`; none: the one that matches the file's name.",
);
/// How soon.
pub const PRIORITY: Param = Param::new(
    "priority",
    Kind::Number {
        least: 0,
        most: MAX_PRIORITY as u64,
    },
    "The higher, the sooner, among the tenant's own jobs.",
);
/// Whether anew.
pub const FORCE: Param = Param::new(
    "force",
    Kind::Word(&["again"]),
    "Loads the content anew, as a generation of its own beside the old one; wants an `Idempotency-Key`.",
);

/// Whom to tell.
pub const CALLBACK_URL: Param = Param::new(
    "callbackUrl",
    Kind::Text {
        max_chars: MAX_URL_CHARS,
    },
    "Is told when the job ends or is held, by a signed POST; none: what the tenant's jobs tell. An address is judged now, a name whenever it is resolved to send something. A job that was there takes it where it has none and has not ended; `callback` of the answer is the one that it has.",
);

/// Under which a request can be sent again.
pub const IDEMPOTENCY_KEY: Param = Param::new(
    "Idempotency-Key",
    Kind::Text {
        max_chars: MAX_IDEMPOTENCY_KEY_BYTES,
    },
    "The same request under the same key gets the same job for 24 hours.",
);

/// `POST /process/{fileId}`.
pub const PROCESS: Operation = Operation::new(|call| Box::pin(process(call)))
    .query(&[SPEC, PRIORITY, FORCE, CALLBACK_URL])
    .headers(&[IDEMPOTENCY_KEY])
    .body(optional_json::<Process>())
    .answers(&[
        route::json::<JobRef>(202, "A new job."),
        route::json::<JobRef>(
            200,
            "The job of the same content and spec, or of the same request.",
        ),
    ])
    .refusals(SUBMIT_REFUSALS);

/// What a submission may be refused with.
pub const SUBMIT_REFUSALS: &[&str] = &[
    "bad_header",
    "idempotency_key_required",
    "idempotency_key_reused",
    "not_found",
    "not_uploaded",
    "content_gone",
    "spec_not_found",
    "bad_spec_reference",
    "no_matching_spec",
    "several_matching_specs",
    "too_many_specs",
    "spec_broken",
    "version_changed",
    "specs_full",
    "sink_not_allowed",
    "secret_not_allowed",
    "load_in_progress",
    "loaded_by_other_spec",
    "bad_callback",
    "webhooks_off",
];

/// What is asked for; each member may be said in the query instead.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Process {
    /// The spec, `orders` or `orders@3`.
    spec: Option<String>,
    /// The higher, the sooner, among the tenant's own jobs.
    #[schemars(range(min = 0, max = 9))]
    priority: Option<u8>,
    /// Loads the content anew.
    force: Option<Force>,
    /// Is told when the job ends or is held, by a signed POST.
    callback_url: Option<CallbackUrl>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Force {
    Again,
}

/// The job that a request got.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobRef {
    /// The job.
    pub job_id: Id,
    /// The file.
    pub file_id: Id,
    /// The job's state.
    pub state: StateWord,
    /// The job whose rejects the file sends again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_job_id: Option<Id>,
    /// There, and true, when the job was there before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub existing: bool,
    /// The webhook of the job, where it has one: a job that was there may have another than was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback: Option<CallbackView>,
}

impl JobRef {
    /// The job that a request for `file` got.
    pub fn new(file: Id, submitted: &Submitted) -> Self {
        Self {
            job_id: submitted.job.id,
            file_id: file,
            state: StateWord(submitted.job.state),
            parent_job_id: submitted.job.parent,
            existing: submitted.existing,
            callback: submitted.job.callback.as_ref().map(CallbackView::from),
        }
    }

    /// 202 for a new job, 200 for one that was there.
    pub fn status(&self) -> StatusCode {
        if self.existing {
            StatusCode::OK
        } else {
            StatusCode::ACCEPTED
        }
    }
}

async fn process(mut call: Call) -> Result<Response, Problem> {
    let file = call.id("fileId", "file")?;
    let said: Process = call.json().await?;
    let query = &call.query;
    let spec = once(SPEC, said.spec, query.get(SPEC.name).map(str::to_owned))?;
    let priority = query.number(PRIORITY.name).map(|number| number as u8);
    let priority = once(PRIORITY, said.priority, priority)?.unwrap_or(0);
    if priority > MAX_PRIORITY {
        let message = format!("`priority` must be a whole number from 0 to {MAX_PRIORITY}");
        return Err(Problem::new("bad_json", message));
    }
    let force = query.get(FORCE.name).map(|_| Force::Again);
    let again = once(FORCE, said.force, force)?.is_some();
    let callback = query.get(CALLBACK_URL.name).map(CallbackUrl::from);
    let callback = once(CALLBACK_URL, said.callback_url, callback)?;
    let key = call.header("idempotency-key", MAX_IDEMPOTENCY_KEY_BYTES)?;
    let idempotency = key.map(|key| IdempotencyKey {
        key: key.to_owned(),
        request_sha256: request_sha256(file, spec.as_deref(), priority, again, callback.as_deref()),
    });
    let asked = Asked {
        file,
        spec,
        priority,
        again,
        idempotency,
        callback,
    };
    let submitted = jobs::submit(&call.service, call.tenant(), asked).await?;
    let job = JobRef::new(file, &submitted);
    Ok(answer::json(job.status(), &job))
}

/// What is said in the body or in the query; in both only where it is the same.
///
/// # Errors
/// `bad_query`, where they say different things.
pub fn once<T: PartialEq>(
    param: Param,
    body: Option<T>,
    query: Option<T>,
) -> Result<Option<T>, Problem> {
    match (&body, &query) {
        (Some(one), Some(other)) if one != other => {
            let message = format!(
                "`{}` says one thing in the body, another in the query",
                param.name
            );
            Err(Problem::new("bad_query", message))
        }
        _ => Ok(body.or(query)),
    }
}

/// A hash of all that a request asks for.
fn request_sha256(
    file: Id,
    spec: Option<&str>,
    priority: u8,
    again: bool,
    callback: Option<&str>,
) -> String {
    let mut request = vec![
        json!("process"),
        json!(file),
        json!(spec),
        json!(priority),
        json!(again),
    ];
    // Only where it is there: keys of requests without it are those of before.
    request.extend(callback.map(|callback| json!(callback)));
    let request = serde_json::Value::from(request);
    hex::encode(Sha256::digest(request.to_string()))
}
