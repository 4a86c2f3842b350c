//! What ends a job, and whether another attempt may help.
//!
//! A [`Fatal`] is about the job: its source, its target, its bookkeeping. It is never used for a bad
//! record (see [`crate::Reject`]).

use std::fmt;

/// Whether the same job may succeed when it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The input or the spec is at fault: trying again gives the same answer.
    Never,
    /// It may heal by itself: a network fault, a busy server. Charged as an attempt.
    Later,
    /// A dependency is gone; waited out without charging an attempt.
    Outage,
}

/// The error that ends a job.
#[derive(Clone, Debug)]
pub struct Fatal {
    /// A stable word, `source_changed` say.
    pub code: &'static str,
    /// One sentence for a person.
    pub message: String,
    /// What the reader can do about it, where something can be said.
    pub hint: Option<String>,
    /// The errors underneath, outermost first.
    pub causes: Vec<String>,
    /// Whether another attempt may help.
    pub retry: Retry,
}

impl Fatal {
    /// An error that another attempt will meet again.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            causes: Vec::new(),
            retry: Retry::Never,
        }
    }

    /// An error that may be gone at the next attempt.
    pub fn transient(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            retry: Retry::Later,
            ..Self::new(code, message)
        }
    }

    /// A dependency that cannot be reached.
    pub fn outage(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            retry: Retry::Outage,
            ..Self::new(code, message)
        }
    }

    /// Adds what the reader can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds `error` and everything underneath it as causes.
    #[must_use]
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Fatal {}
