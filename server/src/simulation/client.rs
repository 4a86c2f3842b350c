//! The clients of a simulation: they submit, cancel and retry as the scenario says, through the program's own code, and
//! when the faults are over they want every job completed.

use super::network::Link;
use super::scenario::{Act, Ask};
use crate::id::Id;
use crate::jobs::{self, Asked, IdempotencyKey};
use crate::queue::State;
use crate::service::Service;
use crate::tenant::Tenant;
use pipeline::{Fatal, Retry};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, sleep_until};

/// The time between two looks at a job, in milliseconds.
const LOOK_MS: u64 = 700;

/// What the clients do.
pub struct Script {
    pub service: Service,
    pub link: Arc<Link>,
    /// The file and the name of the spec of each task.
    pub tasks: Vec<(Id, String)>,
    pub acts: Vec<Act>,
    /// When faults end, in milliseconds.
    pub fine_from_ms: u64,
    /// Whether a job that failed is retried until it is completed.
    pub insists: bool,
}

impl Script {
    /// Does it all, and ends when every job has ended well.
    pub async fn run(self) {
        let mut jobs = vec![None; self.tasks.len()];
        for act in &self.acts {
            sleep_until(self.link.moment(act.at_ms)).await;
            match (act.what, jobs[act.task]) {
                (Ask::Submit, _) => jobs[act.task] = Some(self.submit(act.task).await),
                (Ask::Cancel, Some(job)) => {
                    let asked = jobs::cancel(&self.service, &Tenant::NONE, job).await;
                    self.told("cancel", asked.err());
                }
                (what, Some(job)) => self.retry(job, what == Ask::Reset).await,
                (_, None) => {}
            }
        }
        sleep_until(self.link.moment(self.fine_from_ms)).await;
        for job in jobs.into_iter().flatten() {
            self.end(job).await;
        }
    }

    /// Asks until it is answered, as a client does that has an `Idempotency-Key`.
    async fn submit(&self, task: usize) -> Id {
        let (file, spec) = &self.tasks[task];
        loop {
            let asked = Asked {
                file: *file,
                spec: Some(spec.clone()),
                priority: 0,
                again: false,
                idempotency: Some(IdempotencyKey {
                    key: format!("key-{task}"),
                    request_sha256: spec.clone(),
                }),
                callback: None,
            };
            match jobs::submit(&self.service, &Tenant::NONE, asked).await {
                Ok(submitted) => return submitted.job.id,
                Err(fatal) => self.told("submit", Some(fatal)),
            }
            sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }

    async fn retry(&self, job: Id, reset: bool) {
        let asked = jobs::retry(&self.service, &Tenant::NONE, job, reset).await;
        self.told("retry", asked.err());
    }

    /// A refusal is right where the job was in another state by then, or where a later merge load has started.
    fn told(&self, what: &str, fatal: Option<Fatal>) {
        let Some(fatal) = fatal else { return };
        let is_right = fatal.retry != Retry::Never
            || matches!(
                fatal.code,
                "wrong_state" | "newer_load" | "load_in_progress"
            );
        if !is_right {
            self.link.broken(format!("{what} was refused: {fatal}"));
        }
    }

    /// Waits until a job is completed, and retries it where it failed or was cancelled.
    async fn end(&self, job: Id) {
        loop {
            let found = self.service.stores.queue.job(&Tenant::NONE, job).await;
            if let Ok(Some(found)) = found {
                let code = found.failure.as_ref().map(|failure| failure.code.as_str());
                match found.state {
                    State::Completed => return,
                    State::Failed if !self.insists || code == Some("newer_load") => return,
                    State::Failed | State::Cancelled => {
                        let asked = jobs::retry(&self.service, &Tenant::NONE, job, false).await;
                        // A later merge load has started: this one is not wanted any more.
                        if asked.is_err_and(|fatal| fatal.code == "newer_load") {
                            return;
                        }
                    }
                    State::Queued | State::InProgress | State::Held => {}
                }
            }
            sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }
}
