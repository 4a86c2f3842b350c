//! What of an answer can be compared: everything but the time of day.

use crate::queue::{Changed, Job, Remembered, State};
use std::fmt::Debug;

/// An answer of a queue.
pub(super) trait Shown {
    /// All of it that two queues answer alike.
    fn shown(&self) -> String;
}

impl Shown for Job {
    fn shown(&self) -> String {
        let mut job = self.clone();
        let times = (
            job.lock_until_ms.take().is_some(),
            job.started_ms.take().is_some(),
            job.finished_ms.take().is_some(),
            job.due_ms - job.queued_ms,
            job.created_ms == job.updated_ms,
        );
        (job.created_ms, job.updated_ms) = (0, 0);
        (job.queued_ms, job.due_ms) = (0, 0);
        format!("{times:?} {job:#?}")
    }
}

impl Shown for Changed {
    fn shown(&self) -> String {
        match self {
            Self::Done(job) => format!("done {}", job.shown()),
            Self::WrongState(job) => format!("wrong state {}", job.shown()),
            Self::Missing => "missing".to_owned(),
        }
    }
}

impl Shown for Option<Job> {
    fn shown(&self) -> String {
        self.as_ref().map_or("none".to_owned(), Shown::shown)
    }
}

impl Shown for Vec<Job> {
    fn shown(&self) -> String {
        let jobs: Vec<String> = self.iter().map(Shown::shown).collect();
        jobs.join("\n")
    }
}

impl<T: Debug> Shown for (Vec<Job>, T) {
    fn shown(&self) -> String {
        format!("{:?} {}", self.1, self.0.shown())
    }
}

/// Answers that are compared as they are.
macro_rules! plainly {
    ($($kind:ty),*) => { $(
        impl Shown for $kind {
            fn shown(&self) -> String {
                format!("{self:?}")
            }
        }
    )* };
}

plainly!((), bool, u64, Remembered, Vec<(State, u64)>);
