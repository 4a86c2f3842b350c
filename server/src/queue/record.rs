//! What the queue remembers of a job.

use super::{Callback, CallbackUrl};
use crate::id::Id;
use crate::job::{Failure, SpecPin};
use crate::tenant::Tenant;
use pipeline::{Accepted, Busy, Cause, Checkpoint};
use serde::{Deserialize, Serialize};
use stages::identity::LoadIdentity;

/// The most files of one content that a job lists.
pub const MAX_FILES: usize = 1_000;
/// The highest priority; 0 is the lowest and the usual one.
pub const MAX_PRIORITY: u8 = 9;

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// It waits for a worker.
    Queued,
    /// A worker has it.
    InProgress,
    /// It waits for somebody's word.
    Held,
    /// Every record has its outcome.
    Completed,
    /// It ended, and somebody may retry it.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::InProgress,
        Self::Held,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Those in which a job may still run.
    pub const RUNNABLE: [Self; 3] = [Self::Queued, Self::InProgress, Self::Held];

    /// Every state but that of success.
    pub const UNDONE: [Self; 5] = [
        Self::Queued,
        Self::InProgress,
        Self::Held,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Its word, in stores and answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Held => "held",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state with this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Those in which nothing of a job moves until somebody says so.
    pub const RESTING: [Self; 4] = [Self::Held, Self::Completed, Self::Failed, Self::Cancelled];

    /// Whether nothing of the job moves until somebody says so.
    pub fn is_resting(self) -> bool {
        Self::RESTING.contains(&self)
    }

    /// Whether the job has ended.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A spec that a job is pinned to: it runs with this text, whatever is registered later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecText {
    /// Name, version and hash.
    pub pin: SpecPin,
    /// The text; empty in lists.
    pub text: String,
    /// Whether it is the operator's (from `SPECS_DIR`) and may name any sink.
    pub is_operators: bool,
}

/// The load in `_loads` that a job was given when it was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadPin {
    /// What makes the content itself: `sha256:…`.
    pub content: String,
    /// The identity of generation 0.
    pub base: LoadIdentity,
    /// The identity of this generation.
    pub identity: LoadIdentity,
    /// 0, or one more for each `force=again`.
    pub generation: u32,
    /// Drawn in key modes from the target's counter; 0 otherwise.
    pub load_number: u64,
    /// The collection, table or path.
    pub collection: String,
}

/// A job that is submitted.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its id.
    pub id: Id,
    /// Whose it is.
    pub tenant: Tenant,
    /// The file.
    pub file: Id,
    /// The spec.
    pub spec: SpecText,
    /// The load.
    pub load: LoadPin,
    /// 0 to [`MAX_PRIORITY`]; compared within the tenant only.
    pub priority: u8,
    /// The size of the object, in bytes.
    pub bytes_total: Option<u64>,
    /// The job whose rejects it sends again.
    pub parent: Option<Id>,
    /// Where it tells of its ends and holds.
    pub callback: Option<CallbackUrl>,
}

/// Which job sends the rejects of a completed job again. One has the turn at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The job.
    pub job: Id,
    /// Whether what it has loaded is moved in the books.
    pub is_moved: bool,
}

/// What a completed job is once records of it were sent again.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// Its checkpoint, with the new books.
    pub checkpoint: Checkpoint,
    /// Its receipt, with the next revision.
    pub receipt: Receipt,
}

/// How far a job is, beyond its checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The ordinal up to which records are acknowledged or skipped; behind the last one it grows by one with each claim that
    /// comes to finish the sink. Its growth is what counts as progress.
    pub furthest: u64,
    /// Bytes of the stored object that are done.
    pub bytes_read: u64,
    /// The object's size, where it is known.
    pub bytes_total: Option<u64>,
    /// Records per second of this claim.
    pub records_per_second: u64,
    /// Where the time of the claim went that did something last.
    pub busy: Option<Busy>,
}

/// Why a job is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What somebody must accept.
    pub cause: Cause,
    /// The sentence that says by how much.
    pub message: String,
}

/// What proves a completed load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// 1, and one more for each resubmit.
    pub revision: u32,
    /// Documents that stand for loaded and already loaded records.
    pub documents: u64,
    /// The sum mod 2^256 of sha256 over every document's `_id` (in key modes over the key's canonical BSON), in
    /// hexadecimal digits.
    pub digest: String,
}

/// A word for a held job.
#[derive(Clone, Debug)]
pub struct Approval {
    /// All that was ever accepted, the present cause included.
    pub accepted: Accepted,
    /// The checkpoint to go on from: with its counts of `errors` begun anew, where these were the cause.
    pub checkpoint: Option<Checkpoint>,
    /// Another budget of rejects from here on.
    pub max_rejects: Option<u64>,
    /// Another version of the spec, from the checkpoint on.
    pub spec: Option<SpecText>,
}

impl Approval {
    /// The ordinal from which on its version of the spec applies; none where it names no other one.
    pub fn spec_from(&self) -> Option<u64> {
        let end = self.checkpoint.as_ref().map(|from| from.books.end.ordinal);
        self.spec.as_ref().map(|_| end.unwrap_or(0))
    }
}

/// Which jobs are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states; empty: in any.
    pub states: Vec<State>,
    /// That list this file.
    pub file: Option<Id>,
    /// Of this spec, by name.
    pub spec: Option<String>,
    /// And of this version of it.
    pub version: Option<u32>,
}

/// What is known of a job that somebody watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The job.
    pub id: Id,
    /// In which state it was.
    pub state: State,
    /// When it had changed last, in milliseconds since 1970; 0 where nothing is known of it.
    pub updated_ms: u64,
    /// Whether any change is wanted, or only that it came to rest.
    pub wants_any: bool,
}

impl Known {
    /// Nothing: the job is wanted as it is.
    pub fn nothing(id: Id) -> Self {
        Self {
            id,
            state: State::Queued,
            updated_ms: 0,
            wants_any: true,
        }
    }

    /// Whether a job that is as this one says is wanted.
    pub fn wants(&self, state: State, updated_ms: u64) -> bool {
        let other = state != self.state;
        match self.wants_any {
            true => other || updated_ms != self.updated_ms,
            false => other && state.is_resting(),
        }
    }
}

/// A worker's hold on a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose job it is.
    pub tenant: Tenant,
    /// The job.
    pub job: Id,
    /// The run of it: the number of resets.
    pub run: u32,
    /// The random name of this claim.
    pub owner: String,
    /// One more for each claim.
    pub fence: u64,
}

/// Jobs by state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// How many jobs are in each state; states without jobs may be missing. Ended ones need not be counted.
    pub jobs: Vec<(State, u64)>,
    /// For how long the oldest due job has waited, in milliseconds.
    pub oldest_due_ms: u64,
    /// Jobs whose webhook has something to send.
    pub pending_webhooks: u64,
}

/// A job. Times are the store's, in milliseconds since 1970.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: Id,
    /// Whose it is.
    pub tenant: Tenant,
    /// Every file of its content that it was asked for; the first one is the one that is read.
    pub files: Vec<Id>,
    /// Its spec.
    pub spec: SpecText,
    /// Its load.
    pub load: LoadPin,
    /// 0 to [`MAX_PRIORITY`].
    pub priority: u8,
    /// Where it is in its life.
    pub state: State,
    /// Tries without progress.
    pub attempts: u32,
    /// Resets.
    pub run: u32,
    /// One more for each claim.
    pub fence: u64,
    /// The owner of the present claim, and the worker's name.
    pub owner: Option<String>,
    /// The worker that has it, or had it last.
    pub worker: Option<String>,
    /// Until when it is the owner's.
    pub lock_until_ms: Option<u64>,
    /// When it was submitted.
    pub created_ms: u64,
    /// When it was last queued.
    pub queued_ms: u64,
    /// From when it may be claimed; what the order of claims is by.
    pub due_ms: u64,
    /// When it was first claimed, of this run.
    pub started_ms: Option<u64>,
    /// When it ended.
    pub finished_ms: Option<u64>,
    /// When anything of it changed last.
    pub updated_ms: u64,
    /// Where it goes on.
    pub checkpoint: Option<Checkpoint>,
    /// How far it is.
    pub progress: Progress,
    /// What was accepted.
    pub accepted: Accepted,
    /// Another budget of rejects than the spec's.
    pub max_rejects: Option<u64>,
    /// Whether another version of the spec was pinned by an approval: then it cannot be reset.
    pub spec_changed: bool,
    /// The ordinal from which on that version applies; none where the spec is that of the start, or where an earlier
    /// program has changed it.
    pub spec_from: Option<u64>,
    /// Why it is held.
    pub held: Option<Held>,
    /// Why it failed, or was last released.
    pub failure: Option<Failure>,
    /// Set when it is completed.
    pub receipt: Option<Receipt>,
    /// Whether retention has taken its details.
    pub expired: bool,
    /// The job whose rejects it sends again.
    pub parent: Option<Id>,
    /// Who sends its own rejects again, or was the last to do so.
    pub child: Option<Turn>,
    /// Whom it tells of its ends and holds; in lists without the log.
    pub callback: Option<Callback>,
}

impl Job {
    /// The claim of its present owner.
    pub fn claim(&self) -> Option<Claim> {
        Some(Claim {
            tenant: self.tenant.clone(),
            job: self.id,
            run: self.run,
            owner: self.owner.clone()?,
            fence: self.fence,
        })
    }

    /// The file that is read.
    pub fn file(&self) -> Option<Id> {
        self.files.first().copied()
    }
}
