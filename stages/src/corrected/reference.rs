//! References: what stands beside a record of corrected ones, what it names, and why one is refused.

use pipeline::{Position, Problem};

/// The code of a record that names no reject of the job.
pub const UNKNOWN: &str = "unknown_reference";
/// The code of a record whose reference is that of a record which is no reject any more.
pub const SETTLED: &str = "reference_settled";
/// The code of a record whose reference was there before.
pub const DUPLICATE: &str = "duplicate_reference";

/// Which record of which job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The job's id.
    pub job: String,
    /// The record's ordinal.
    pub ordinal: u64,
}

impl Reference {
    /// A reference as it is written: `<job>:<number of the record, from 1>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (job, number) = text.trim().split_once(':')?;
        let number: u64 = number.parse().ok()?;
        let is_id = !job.is_empty() && job.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then_some(Self {
            job: job.to_owned(),
            ordinal: number.checked_sub(1)?,
        })
    }
}

/// What stands where a record's reference belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Beside {
    #[default]
    Nothing,
    /// Something that is no reference.
    Other,
    Reference(Reference),
}

impl Beside {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes);
        match text.ok().and_then(Reference::parse) {
            Some(reference) => Self::Reference(reference),
            None if bytes.trim_ascii().is_empty() => Self::Nothing,
            None => Self::Other,
        }
    }

    /// What it names of a job.
    pub(crate) fn named(self, job: &str) -> Named {
        match self {
            Self::Reference(reference) if reference.job == job => Named::Record(reference.ordinal),
            Self::Reference(_) => Named::Nothing(Refusal::OtherJob),
            Self::Other => Named::Nothing(Refusal::NoReference),
            Self::Nothing => Named::Nothing(Refusal::Missing),
        }
    }
}

/// What a record names of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// The job's record with this ordinal.
    Record(u64),
    /// None, and why.
    Nothing(Refusal),
}

/// Why a reference is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing stands beside the record.
    Missing,
    /// What stands there is no reference.
    NoReference,
    /// It is one of another job's record.
    OtherJob,
    /// The job has not refused that record.
    NeverRejected,
    /// The job has loaded or dropped that record, or a job that has sent its rejects again has.
    Settled,
    /// It was there before, in the same file.
    Duplicate,
}

impl Refusal {
    /// The code of the record's problem.
    pub fn code(self) -> &'static str {
        match self {
            Self::Settled => SETTLED,
            Self::Duplicate => DUPLICATE,
            _ => UNKNOWN,
        }
    }

    pub(super) fn problem(self) -> Problem {
        let message = match self {
            Self::Missing => {
                "no reference stands beside the record: where it is to be loaded is not known"
            }
            Self::NoReference => {
                "what stands where the reference belongs is none: it was changed, or is of another column"
            }
            Self::OtherJob => "the reference is of a record of another job",
            Self::NeverRejected => "the job has never rejected a record of this number",
            Self::Settled => {
                "the record is no reject of the job any more: it was loaded or dropped before, and nothing is written now"
            }
            Self::Duplicate => "an earlier record of this file has the same reference",
        };
        let code = self.code();
        Problem::of_record(code, message)
    }
}

/// What a reference means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referred {
    /// The record that stood there in the first input.
    At(Position),
    /// The same, where it had bytes that were no text: what stands for them has to go.
    NoText(Position),
    /// Nothing: it is refused.
    Refused(Refusal),
}

impl Referred {
    /// Where the record stood in the first input.
    pub fn place(&self) -> Option<Position> {
        match self {
            Self::At(place) | Self::NoText(place) => Some(*place),
            Self::Refused(_) => None,
        }
    }
}
