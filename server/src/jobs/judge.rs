//! What becomes of a request for a load that may have been asked for before. Pure: everything that counts is in the
//! [`Situation`], and was read in the order of its fields.
//!
//! | the newest entry of the load | its job in the queue | what happens |
//! |---|---|---|
//! | none | | a new job, generation 0 |
//! | any, and `force=again` | | a new job, the next generation; where our own earlier try has entered one, that one |
//! | any | not ended, the same text of the spec | that job |
//! | any | not ended, another text | `load_in_progress` |
//! | any | completed, or failed or cancelled and can be retried; the same text | that job; in key modes a new generation where a later load has started since |
//! | any | failed or cancelled, and can never be retried; the same text | a new job takes it over |
//! | something acknowledged | ended, another text | `loaded_by_other_spec` |
//! | nothing acknowledged, perhaps completed | ended, another text | a new job takes it over, as soon as nobody holds it; in key modes a new generation where it was completed and a later load has started since |
//! | held for a moment by a request | not there | waited for |
//! | held by `run` | not there | `load_in_progress` |
//! | held by nobody, the same text | not there | its job is put into the queue; in key modes as above |
//! | held by nobody, nothing acknowledged, another text | not there | a new job takes it over |
//! | held by nobody, something acknowledged, another text | not there | `loaded_by_other_spec` |
//!
//! A job that is not in the queue is put there under the id that its entry has: so whoever asks for the same ends what
//! a crash cut off, and the request that is sent again under its `Idempotency-Key` finds it.

use super::is_brief;
use crate::id::Id;
use crate::queue::{Job, State};
use pipeline::Fatal;
use stages::load::Entry;

/// What is known when a load is asked for.
pub(super) struct Situation<'a> {
    /// The hash of the spec's text that is asked for.
    pub spec_sha256: &'a str,
    /// The id of the request's job, should it get a new one.
    pub candidate: Id,
    /// Whether a new generation is wanted.
    pub again: bool,
    /// Whether the mode has a key.
    pub numbered: bool,
    /// The newest entry of the load.
    pub newest: Option<Entry>,
    /// Its job, where it is in the queue.
    pub job: Option<Job>,
    /// Whether that job, failed or cancelled, could be retried: its details and its content are still there.
    pub can_be_retried: bool,
    /// In key modes: whether a later load of the same target has started.
    pub newer: bool,
}

/// What a request gets.
#[derive(Debug)]
pub(super) enum Verdict {
    /// A new job with this id, and a generation of its own.
    Enter(u32, Id),
    /// A job with this id, which takes the entry over.
    Take(Entry, Id),
    /// This job.
    Existing(Box<Job>),
    /// Nothing yet: somebody holds the entry for a moment.
    Wait(Entry),
}

/// Judges a request.
///
/// # Errors
/// `load_in_progress`, `loaded_by_other_spec`.
pub(super) fn judge(situation: Situation<'_>) -> Result<Verdict, Fatal> {
    let candidate = situation.candidate;
    let Some(entry) = situation.newest else {
        return Ok(Verdict::Enter(0, candidate));
    };
    let anew = Verdict::Enter(entry.generation.saturating_add(1), candidate);
    let is_ours = entry.job == candidate.to_string();
    if situation.again && !is_ours {
        return Ok(anew);
    }
    let is_newer = situation.numbered && situation.newer;
    let is_touched = entry.acknowledged;
    // Its number is older than what stands in the target by now.
    let is_late = is_newer && entry.completed;
    let Some(job) = situation.job else {
        return if entry.live {
            match is_brief(&entry) {
                true => Ok(Verdict::Wait(entry)),
                false => Err(in_progress(&entry)),
            }
        } else if is_touched && entry.spec_sha256 != situation.spec_sha256 {
            Err(loaded_by_other_spec(&entry, None))
        } else if is_newer {
            Ok(anew)
        } else {
            let id = match entry.spec_sha256 == situation.spec_sha256 {
                true => entry.job.parse().unwrap_or(candidate),
                false => candidate,
            };
            Ok(Verdict::Take(entry, id))
        };
    };
    let is_same = job.spec.pin.sha256 == situation.spec_sha256;
    if !job.state.is_terminal() {
        return match is_same {
            true => Ok(Verdict::Existing(Box::new(job))),
            false => Err(in_progress(&entry)),
        };
    }
    let is_final = job.state == State::Completed || situation.can_be_retried;
    if is_same && is_newer {
        Ok(anew)
    } else if is_same && is_final {
        Ok(Verdict::Existing(Box::new(job)))
    } else if !is_same && is_touched {
        Err(loaded_by_other_spec(&entry, Some(&job)))
    } else if entry.live {
        // The job has ended, so its worker lets go of the load at any moment.
        Ok(Verdict::Wait(entry))
    } else if is_late {
        Ok(anew)
    } else {
        Ok(Verdict::Take(entry, candidate))
    }
}

/// Somebody else is loading this content.
pub(super) fn in_progress(entry: &Entry) -> Fatal {
    Fatal::new(
        "load_in_progress",
        format!(
            "job {} is loading this content with {}@{}",
            entry.job, entry.spec, entry.version
        ),
    )
    .hint("wait until it has ended, or cancel it")
}

fn loaded_by_other_spec(entry: &Entry, job: Option<&Job>) -> Fatal {
    let Entry {
        collection,
        spec,
        version,
        spec_sha256,
        ..
    } = entry;
    let short = &spec_sha256[..spec_sha256.len().min(12)];
    let fatal = Fatal::new(
        "loaded_by_other_spec",
        format!(
            "this content was loaded into {collection} by {spec}@{version} with another text (sha256 {short}…)"
        ),
    );
    let again = "or load it anew beside what is there with force=again";
    fatal.hint(match job {
        Some(job) if job.state != State::Completed => {
            format!(
                "either go on with that version (retry of job {}), {again}",
                job.id
            )
        }
        Some(job) => format!("either keep what job {} has loaded, {again}", job.id),
        None => format!("either go on with that version ({spec}@{version}), {again}"),
    })
}

#[cfg(test)]
mod tests;
