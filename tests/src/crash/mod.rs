//! Loads that are disturbed: real processes and servers are killed, stopped and cut off in the middle of a file, and
//! what is left is compared with the truth.
//!
//! ```text
//!  servers ── one per run of the harness: mongod, S3
//!    └─ round ── one file, one load: upload ─ disturb ─ disturb ─ … ─ completed ─ verify ─ drop
//!         ├─ crew    the processes of ours: serve, workers
//!         ├─ state   the job and its documents, as the stores hold them
//!         ├─ faults  what is done to crew and servers, and how long it takes to recover
//!         ├─ claim   how long nobody has the job of a worker that was killed
//!         └─ verdict documents, rejects, books and receipt against the truth
//!  upgrade ── files that come in one after the other (feed) while each process is replaced by one of another version
//! ```
//!
//! Promises: a round is a pure function of place, fault, seed, records and pause, as far as the machine's own timing
//! allows: moments are numbers of records in the target, never times. Memory does not depend on the records.
//! Never: forgives. What is missing, double, wrong or done again too often is counted and told.

mod claim;
mod crew;
mod disturb;
mod faults;
mod feed;
mod file;
mod onlooker;
mod report;
mod round;
mod servers;
mod sleeper;
mod state;
mod tally;
mod upgrade;
mod verdict;

use std::fmt::{Display, Formatter};

pub use crew::Ran;
pub use disturb::LOST_WITHOUT_US;
pub use report::Report;
pub use round::{Outcome, Round, Took, play};
pub use servers::Servers;
pub use upgrade::{Step, Upgrade, Upgraded, upgrade};

/// The lease of jobs in these rounds, in seconds: the shortest there is, so that a round does not wait long for that of
/// a dead worker.
pub const LEASE_SECONDS: u64 = 3;

/// Where documents, state and objects are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A standalone mongod and S3: `serve --workers 0` and two `worker`.
    Standalone,
    /// A replica set of three nodes and S3: the same processes.
    ReplicaSet,
    /// SQLite and a folder: `serve` alone.
    Embedded,
    /// SQLite and S3: `serve` alone.
    EmbeddedS3,
}

/// How wide the records of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// About 150 bytes.
    AsItIs,
    /// About 200 bytes: there is a column more, which no field takes.
    Wide,
}

/// What is done to a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL to the process that has the job; a new one is started.
    Kill,
    /// SIGSTOP to the process that has the job for three leases, then SIGCONT.
    Stall,
    /// SIGKILL to every process of ours; new ones are started.
    AllAtOnce,
    /// SIGKILL to the primary of the set; the node is started again.
    Primary,
    /// SIGKILL to every node of MongoDB; they are started again.
    Mongod,
    /// Connections to S3 are cut again and again, and none is accepted for some seconds.
    S3,
    /// One of the others, by the seed.
    Mixed,
}

impl Place {
    /// All of them.
    pub const ALL: [Place; 4] = [
        Place::Standalone,
        Place::ReplicaSet,
        Place::Embedded,
        Place::EmbeddedS3,
    ];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Place::Standalone => "standalone",
            Place::ReplicaSet => "replica-set",
            Place::Embedded => "embedded",
            Place::EmbeddedS3 => "embedded-s3",
        }
    }

    /// Whether documents and state are in MongoDB.
    pub fn has_mongod(self) -> bool {
        matches!(self, Place::Standalone | Place::ReplicaSet)
    }

    /// Whether objects are in S3.
    pub fn has_s3(self) -> bool {
        self != Place::Embedded
    }
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 7] = [
        Fault::Kill,
        Fault::Stall,
        Fault::AllAtOnce,
        Fault::Primary,
        Fault::Mongod,
        Fault::S3,
        Fault::Mixed,
    ];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Fault::Kill => "kill",
            Fault::Stall => "stall",
            Fault::AllAtOnce => "all-at-once",
            Fault::Primary => "primary",
            Fault::Mongod => "mongod",
            Fault::S3 => "s3",
            Fault::Mixed => "mixed",
        }
    }

    /// Whether there is such a thing in `place`. On the embedded store one process is all of them, so `all-at-once` is
    /// `kill` there.
    pub fn is_of(self, place: Place) -> bool {
        match self {
            Fault::Kill | Fault::Stall | Fault::Mixed => true,
            Fault::AllAtOnce | Fault::Mongod => place.has_mongod(),
            Fault::Primary => place == Place::ReplicaSet,
            Fault::S3 => place.has_s3(),
        }
    }

    /// Whether it takes the servers from every round that uses them.
    pub fn is_of_servers(self) -> bool {
        matches!(self, Fault::Primary | Fault::Mongod | Fault::Mixed)
    }

    /// How often a round is disturbed, unless it is told otherwise.
    pub fn times(self) -> u64 {
        match self {
            Fault::Kill | Fault::S3 | Fault::Mixed => 3,
            Fault::AllAtOnce | Fault::Mongod => 2,
            Fault::Stall | Fault::Primary => 1,
        }
    }
}

impl Display for Place {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.word())
    }
}

impl Display for Fault {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.word())
    }
}
