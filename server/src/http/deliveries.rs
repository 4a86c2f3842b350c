//! `/jobs/{jobId}/deliveries`: what became of a job's webhook, and the same message again.

use super::answer::{self, Response};
use super::job_view::JobView;
use super::jobs;
use super::list::ListView;
use super::problem::Problem;
use super::request::Call;
use super::route::{Operation, json};
use super::scalars::Time;
use crate::id::Id;
use crate::queue::callback::{Attempt, MAX_ATTEMPTS_LOGGED, message_id};
use crate::queue::{Callback, CallbackUrl, Resent};
use crate::webhook;
use http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// `GET /jobs/{jobId}/deliveries`.
pub const LIST: Operation = Operation::new(|call| Box::pin(list(call)))
    .answers(&[json::<ListView<DeliveryView>>(
        200,
        "The newest 100 tries, newest first, before them the one that is under way; empty where the job has no webhook, or has told nothing yet.",
    )])
    .refusals(&["not_found"]);

/// `POST /jobs/{jobId}/deliveries/{n}/resend`.
pub const RESEND: Operation = Operation::new(|call| Box::pin(resend(call)))
    .answers(&[json::<JobView>(
        202,
        "The message of that try is sent again, under the same id; its tries are counted anew, and those of before stay in the list.",
    )])
    .refusals(&["not_found", "webhooks_off"]);

/// A try to deliver a message. One that is under way has neither `status` nor `error` nor `durationMs`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// The number of the try in the job, from 1, whatever it told; what `resend` takes, once it has ended.
    n: u64,
    /// `job.completed`, `job.failed`, `job.cancelled` or `job.held`.
    r#type: String,
    /// Where to.
    url: CallbackUrl,
    /// When it ended; of one that is under way, when it began.
    at: Time,
    /// Which try of the message it was, from 1, since the message became due or was last sent again by hand.
    attempt: u32,
    /// The status of the answer, where there was one.
    status: Option<u16>,
    /// Why it failed; none: it was delivered, or is under way.
    error: Option<String>,
    /// How long it took; none: it is under way.
    duration_ms: Option<u64>,
    /// From when it is tried again; none: it is not. Of one that is under way, when it is tried again if the process that
    /// sends it dies.
    next_at: Option<Time>,
    /// The message's `webhook-id`.
    webhook_id: String,
}

impl DeliveryView {
    fn new(job: Id, url: &CallbackUrl, attempt: &Attempt) -> Self {
        Self {
            n: attempt.n,
            r#type: format!("job.{}", attempt.state),
            url: url.clone(),
            at: Time(attempt.at_ms),
            attempt: attempt.attempt,
            status: attempt.status,
            error: attempt.error.clone(),
            duration_ms: Some(attempt.duration_ms),
            next_at: attempt.next_ms.map(Time),
            webhook_id: message_id(job, attempt.event),
        }
    }

    /// The try that is under way. One whose time is over at `now_ms` is nobody's: its sender is dead, or cannot note what came
    /// of it.
    fn under_way(job: Id, callback: &Callback, now_ms: u64) -> Option<Self> {
        let taken = callback.taken.as_ref()?;
        if callback.due_ms.is_none_or(|due_ms| due_ms <= now_ms) {
            return None;
        }
        let mut events = callback.events.iter();
        let event = events.find(|event| event.n == taken.event)?;
        Some(Self {
            n: callback.last_attempt + 1,
            r#type: format!("job.{}", event.state),
            url: callback.url.clone(),
            at: Time(taken.at_ms),
            attempt: taken.attempt,
            status: None,
            error: None,
            duration_ms: None,
            next_at: callback.due_ms.map(Time),
            webhook_id: message_id(job, taken.event),
        })
    }
}

async fn list(call: Call) -> Result<Response, Problem> {
    let id = call.id("jobId", "job")?;
    let job = jobs::one(&call, id).await?;
    let callback = job.callback.as_ref();
    let now_ms = Timestamp::now().as_millisecond().max(0).cast_unsigned();
    let items: Vec<DeliveryView> = callback.map_or_else(Vec::new, |callback| {
        let newest = callback.log.iter().rev();
        let ended = newest.map(|attempt| DeliveryView::new(id, &callback.url, attempt));
        let under_way = DeliveryView::under_way(id, callback, now_ms).into_iter();
        under_way.chain(ended).take(MAX_ATTEMPTS_LOGGED).collect()
    });
    Ok(answer::ok(&ListView {
        page: Some(1),
        limit: MAX_ATTEMPTS_LOGGED as u32,
        total: Some(items.len() as u64),
        next: None,
        items,
    }))
}

async fn resend(mut call: Call) -> Result<Response, Problem> {
    call.nothing().await?;
    let id = call.id("jobId", "job")?;
    let n = call.path("n")?;
    let n = n.parse().map_err(|_| Problem::not_found("delivery"))?;
    if let Err(off) = webhook::signs(&call.service.config) {
        // What is not there is said first: it is so with a secret too.
        let job = jobs::one(&call, id).await?;
        let callback = job.callback.as_ref();
        return match callback.is_some_and(|callback| callback.remembers(n)) {
            true => Err(off.into()),
            false => Err(Problem::not_found("delivery")),
        };
    }
    let queue = &call.service.stores.queue;
    match queue.resend_delivery(call.tenant(), id, n).await? {
        Resent::Due(job) => Ok(answer::json(StatusCode::ACCEPTED, &JobView::from(*job))),
        Resent::NoSuchTry => Err(Problem::not_found("delivery")),
        Resent::Missing => Err(Problem::not_found("job")),
    }
}
