//! `/jobs`: lists jobs, and shows one, at once or when it has ended.

use super::answer::{self, Response};
use super::job_view::JobView;
use super::list::{self, ListView};
use super::problem::Problem;
use super::query::{self, Query};
use super::request::Call;
use super::route::{Kind, Operation, Param, json};
use crate::id::Id;
use crate::queue::{Filter, Job, State};
use crate::specs::folder::Reference;
use std::time::Duration;
use tokio::time::Instant;

/// The longest that an answer is waited with, in seconds.
const MAX_WAIT_SECONDS: u64 = 60;
/// How often a job that is waited for is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// The words of the states, and those of other systems.
const STATES: &[&str] = &[
    "queued",
    "in_progress",
    "held",
    "completed",
    "failed",
    "cancelled",
    "PENDING",
    "PROCESSING",
    "COMPLETED",
    "FAILED",
];
/// The most characters of a spec's name or reference.
pub const MAX_SPEC_CHARS: usize = 100;

/// `GET /jobs`.
pub const LIST: Operation = Operation::new(|call| Box::pin(list(call)))
    .query(&[
        Param::new("state", Kind::Word(STATES), "Only jobs in this state."),
        Param::new("status", Kind::Word(STATES), "As `state`."),
        Param::new("fileId", Kind::Id, "Only jobs that list this file."),
        Param::new(
            "spec",
            Kind::Text {
                max_chars: MAX_SPEC_CHARS,
            },
            "Only jobs of this spec: `orders` (in any version) or `orders@3`.",
        ),
        query::PAGE,
        query::LIMIT,
        query::CURSOR,
    ])
    .answers(&[json::<ListView<JobView>>(
        200,
        "A page of jobs, newest first. They are without `errors`, which `GET /jobs/{jobId}` has.",
    )]);

/// `GET /jobs/{jobId}`.
pub const GET: Operation = Operation::new(|call| Box::pin(get(call)))
    .query(&[Param::new(
        "wait",
        Kind::Number {
            least: 0,
            most: MAX_WAIT_SECONDS,
        },
        "Answers when the job has ended, or after so many seconds.",
    )])
    .answers(&[json::<JobView>(200, "The job.")])
    .refusals(&["not_found"])
    .long();

async fn list(call: Call) -> Result<Response, Problem> {
    let page = call.query.page()?;
    let spec = call.query.get("spec").map(Reference::parse).transpose();
    let spec = spec.map_err(|why| Problem::new("bad_query", why))?;
    let filter = Filter {
        states: states(&call.query)?,
        file: call.query.id("fileId"),
        spec: spec.map(|spec| spec.name.to_owned()),
        version: spec.and_then(|spec| spec.version),
    };
    let queue = &call.service.stores.queue;
    let listed = queue.jobs(call.tenant(), &filter, page).await?;
    Ok(list::answer(listed, page, JobView::listed))
}

/// The states of a filter.
fn states(query: &Query) -> Result<Vec<State>, Problem> {
    let word = match (query.get("state"), query.get("status")) {
        (Some(_), Some(_)) => {
            let message = "`state` and `status` are the same filter: say one";
            return Err(Problem::new("bad_query", message));
        }
        (word, None) | (None, word) => word,
    };
    Ok(match word {
        Some("PENDING") => vec![State::Queued],
        Some("PROCESSING") => vec![State::InProgress, State::Held],
        Some("COMPLETED") => vec![State::Completed],
        Some("FAILED") => vec![State::Failed, State::Cancelled],
        word => word.and_then(State::of_word).into_iter().collect(),
    })
}

async fn get(call: Call) -> Result<Response, Problem> {
    let id = call.id("jobId", "job")?;
    let wait = Duration::from_secs(call.query.number("wait").unwrap_or(0));
    let until = Instant::now() + wait;
    loop {
        let job = one(&call, id).await?;
        let left = until.saturating_duration_since(Instant::now());
        if job.state.is_terminal() || left.is_zero() || call.stop.is_cancelled() {
            return Ok(answer::ok(&JobView::from(job)));
        }
        let pause = tokio::time::sleep(LOOK_INTERVAL.min(left));
        call.stop.run_until_cancelled(pause).await;
    }
}

/// The job with this id.
///
/// # Errors
/// `not_found`, also for another tenant's.
pub async fn one(call: &Call, id: Id) -> Result<Job, Problem> {
    let found = call.service.stores.queue.job(call.tenant(), id).await?;
    found.ok_or_else(|| Problem::not_found("job"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_words_of_other_systems_too() {
        let read = |text: &str| states(&Query::read(text, LIST.query).unwrap());
        use State::{Cancelled, Completed, Failed, Held, InProgress, Queued};
        for (text, expected) in [
            ("", vec![]),
            ("state=held", vec![Held]),
            ("status=in_progress", vec![InProgress]),
            ("state=PENDING", vec![Queued]),
            ("status=PROCESSING", vec![InProgress, Held]),
            ("state=COMPLETED", vec![Completed]),
            ("state=FAILED", vec![Failed, Cancelled]),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        assert!(read("state=held&status=held").is_err());
        assert!(
            State::ALL
                .iter()
                .all(|state| STATES.contains(&state.word()))
        );
    }
}
