//! Loads are remembered: the same content loads nothing twice.
//!
//! Beside the documents of a target stands `_loads`, an entry for each content, spec and collection, for ever.
//! This file says what an entry is, what a store of entries must do ([`Loads`]) and how a new request is
//! judged ([`judge`]). It knows no database: the stores stand beside their sinks. Time is always the
//! store's own; nothing here reads a clock.

#[cfg(test)]
pub(crate) mod suite;

use crate::identity::LoadIdentity;
#[cfg(test)]
use crate::identity::LoadName;
use async_trait::async_trait;
use pipeline::Fatal;

/// What `_loads` remembers of one load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The identity of this generation; the entry's `_id`.
    pub identity: LoadIdentity,
    /// The identity of generation 0, which all generations share.
    pub base: LoadIdentity,
    /// 0, or one more for each `force=again`.
    pub generation: u32,
    /// The spec's name.
    pub spec: String,
    /// The version of the spec that loads it.
    pub version: u32,
    /// The hash of the spec's text, in hexadecimal digits.
    pub spec_sha256: String,
    /// The target collection or table, or a file's path.
    pub collection: String,
    /// The job that loads it.
    pub job: String,
    /// In key modes: taken once from the target's counter, in the order in which loads start. 0 otherwise.
    pub load_number: u64,
    /// Whether the target has acknowledged anything of it.
    pub acknowledged: bool,
    /// Whether it is completed.
    pub completed: bool,
    /// Who writes it.
    pub owner: String,
    /// One more for each owner.
    pub fence: u64,
    /// Whether the owner's lease still runs, by the store's own clock, when the entry was read.
    pub live: bool,
}

/// A load that asks to be entered.
#[derive(Clone, Debug)]
pub struct Request {
    /// The identity of generation 0.
    pub base: LoadIdentity,
    /// The spec's name.
    pub spec: String,
    /// The spec's version.
    pub version: u32,
    /// The hash of the spec's text, in hexadecimal digits.
    pub spec_sha256: String,
    /// The target collection or table, or a file's path.
    pub collection: String,
    /// The job that wants to load.
    pub job: String,
    /// A fresh random name for this process's try.
    pub owner: String,
    /// How long the owner holds the entry without renewing it, in milliseconds.
    pub lease_ms: u64,
    /// Whether the mode has a key, so that the load needs a number.
    pub numbered: bool,
}

/// A store of entries, beside the documents of a target. Every change is one atomic statement. Once
/// acknowledged, it survives a crash.
#[async_trait]
pub trait Loads: Send + Sync {
    /// The entry of the newest generation with this base.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn newest(&self, base: LoadIdentity) -> Result<Option<Entry>, Fatal>;

    /// The entry of one generation.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn entry(&self, identity: LoadIdentity) -> Result<Option<Entry>, Fatal>;

    /// Enters generation `generation` of a request, owned and locked, with a load number where it wants one.
    /// `None` when that generation is entered already.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn enter(
        &self,
        request: &Request,
        identity: LoadIdentity,
        generation: u32,
    ) -> Result<Option<Entry>, Fatal>;

    /// Takes an entry whose lease has run out: new owner, version, hash and job from `request`, fence + 1, not
    /// completed. `None` when `entry.fence` is not its fence any more, or the lease still runs.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn take(&self, request: &Request, entry: &Entry) -> Result<Option<Entry>, Fatal>;

    /// Lengthens the lease to `lease_ms` from now and notes whether anything was acknowledged (never back to
    /// no). `false` when owner and fence do not match: somebody else has the load.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn renew(&self, entry: &Entry, lease_ms: u64, acknowledged: bool) -> Result<bool, Fatal>;

    /// Notes that the job of an entry goes on with another version of its spec. Lease, owner and what was loaded stay
    /// as they are. `false` when owner and fence do not match: somebody else has the load.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn repin(&self, entry: &Entry, version: u32, spec_sha256: &str) -> Result<bool, Fatal>;

    /// Ends the lease, and notes completion and acknowledgement. `false` when owner and fence do not match.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn close(
        &self,
        entry: &Entry,
        acknowledged: bool,
        completed: bool,
    ) -> Result<bool, Fatal>;

    /// Whether a load of the same collection with a greater load number was entered. One that ended before
    /// anything of it was acknowledged, because it was refused say, does not count.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn newer_exists(&self, entry: &Entry) -> Result<bool, Fatal>;

    /// Whether another load of the same collection has a lease that still runs.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn rival_is_live(&self, entry: &Entry) -> Result<bool, Fatal>;
}

/// What the requester wants beyond the usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Load it, if it is not loaded.
    Load,
    /// Go on from the last checkpoint (`--resume`).
    Resume,
    /// Load it again as a new generation (`--force again`).
    Again,
}

/// What a request may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Enter this generation.
    Enter(u32),
    /// Take the entry over and load.
    Take(Entry),
    /// Nothing: the same content was completed by the same spec.
    Existing(Entry),
    /// Wait: somebody holds the lease, and may be dead.
    Wait(Entry),
}

/// Judges a request against the newest entry of its base. `newer` says whether a later load of the same
/// target was entered, which in key modes makes completed content loadable again.
///
/// # Errors
/// `load_in_progress` while somebody else loads the same content; `loaded_by_other_spec` when another text
/// of the spec has loaded anything of it; `nothing_to_resume` when there is no entry to go on with.
pub fn judge(
    request: &Request,
    newest: Option<Entry>,
    newer: bool,
    wish: Wish,
) -> Result<Verdict, Fatal> {
    let Some(entry) = newest else {
        return match wish {
            Wish::Load | Wish::Again => Ok(Verdict::Enter(0)),
            Wish::Resume => Err(Fatal::new(
                "nothing_to_resume",
                "this content was never loaded with this spec into this target",
            )
            .hint("run it without --resume")),
        };
    };
    if wish == Wish::Again {
        return Ok(Verdict::Enter(entry.generation + 1));
    }
    let same_spec = entry.spec_sha256 == request.spec_sha256;
    if entry.live {
        return match wish {
            Wish::Resume if same_spec => Ok(Verdict::Wait(entry)),
            _ => Err(Fatal::new(
                "load_in_progress",
                format!("job {} is loading this content with {}@{}", entry.job, entry.spec, entry.version),
            )
            .hint("wait until it has ended; if it was killed, `--resume` waits for its lease to run out and goes on")),
        };
    }
    let is_done = entry.completed && same_spec;
    if !entry.acknowledged && !is_done {
        // A load that was completed keeps its number, which a later one would stand before.
        return Ok(match entry.completed && request.numbered && newer {
            true => Verdict::Enter(entry.generation + 1),
            false => Verdict::Take(entry),
        });
    }
    if !same_spec {
        return Err(Fatal::new(
            "loaded_by_other_spec",
            format!(
                "this content was loaded into {} by {}@{} with another text (sha256 {}…)",
                entry.collection,
                entry.spec,
                entry.version,
                &entry.spec_sha256[..entry.spec_sha256.len().min(12)]
            ),
        )
        .hint(format!(
            "either go on with that version ({}@{}, `--resume`), or load it anew beside what is there with `--force again`",
            entry.spec, entry.version
        )));
    }
    if !entry.completed {
        return Ok(Verdict::Take(entry));
    }
    if request.numbered && newer {
        return Ok(Verdict::Enter(entry.generation + 1));
    }
    Ok(Verdict::Existing(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(state: &str) -> Entry {
        let has = |word| state.contains(word);
        Entry {
            identity: LoadIdentity([1; 12]),
            base: LoadIdentity([1; 12]),
            generation: 3,
            spec: "orders".into(),
            version: 1,
            spec_sha256: if has("other") {
                "bb".into()
            } else {
                "aa".into()
            },
            collection: "orders".into(),
            job: "j".into(),
            load_number: 7,
            acknowledged: has("acknowledged"),
            completed: has("completed"),
            owner: "o".into(),
            fence: 1,
            live: has("live"),
        }
    }

    fn check(state: &str, wish: Wish, expected: &str) {
        let request = Request {
            base: LoadIdentity([1; 12]),
            spec: "orders".into(),
            version: 2,
            spec_sha256: "aa".into(),
            collection: "orders".into(),
            job: "k".into(),
            owner: "p".into(),
            lease_ms: 30_000,
            numbered: state.contains("numbered"),
        };
        let newest = (state != "none").then(|| entry(state));
        let verdict = match judge(&request, newest, state.contains("newer"), wish) {
            Ok(Verdict::Enter(generation)) => format!("enter {generation}"),
            Ok(Verdict::Take(_)) => "take".into(),
            Ok(Verdict::Existing(_)) => "existing".into(),
            Ok(Verdict::Wait(_)) => "wait".into(),
            Err(fatal) => fatal.code.into(),
        };
        assert_eq!(verdict, expected, "{state} with {wish:?}");
    }

    #[test]
    fn requests_are_judged_by_the_newest_entry() {
        check("none", Wish::Load, "enter 0");
        check("none", Wish::Again, "enter 0");
        check("none", Wish::Resume, "nothing_to_resume");
        check("acknowledged completed", Wish::Load, "existing");
        check("acknowledged completed", Wish::Resume, "existing");
        check("acknowledged completed", Wish::Again, "enter 4");
        check("acknowledged completed numbered", Wish::Load, "existing");
        check(
            "acknowledged completed numbered newer",
            Wish::Load,
            "enter 4",
        );
        check("acknowledged completed newer", Wish::Load, "existing");
        check(
            "acknowledged completed other",
            Wish::Load,
            "loaded_by_other_spec",
        );
        check("acknowledged other", Wish::Resume, "loaded_by_other_spec");
        check("acknowledged other", Wish::Again, "enter 4");
        check("other", Wish::Load, "take");
        // Completed, and every record was rejected or dropped: nothing is there that another text would double.
        check("completed", Wish::Load, "existing");
        check("completed other", Wish::Load, "take");
        check("completed other", Wish::Resume, "take");
        check("completed other numbered", Wish::Load, "take");
        check("completed other numbered newer", Wish::Load, "enter 4");
        check("completed other live", Wish::Load, "load_in_progress");
        check("acknowledged", Wish::Load, "take");
        check("acknowledged", Wish::Resume, "take");
        check("live", Wish::Load, "load_in_progress");
        check("live other", Wish::Load, "load_in_progress");
        check("live other", Wish::Resume, "load_in_progress");
        check("live acknowledged", Wish::Resume, "wait");
    }
}
