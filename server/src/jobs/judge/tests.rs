//! Every situation and its outcome, a line each.

use super::*;
use crate::job::SpecPin;
use crate::jobs::OWNER;
use crate::queue::{LoadPin, Progress, SpecText};
use crate::tenant::Tenant;
use pipeline::Accepted;
use stages::identity::LoadIdentity;

const CANDIDATE: Id = Id([1; 12]);
const OTHER: Id = Id([2; 12]);

/// An entry as words say it: `acknowledged`, `completed`, `live` (a worker's or `run`'s), `brief` (live for a moment),
/// `other` (another text), `ours` (its job is the candidate).
fn entry(words: &str) -> Entry {
    let has = |word: &str| words.split(' ').any(|one| one == word);
    let job = if has("ours") { CANDIDATE } else { OTHER };
    Entry {
        identity: LoadIdentity([1; 12]),
        base: LoadIdentity([1; 12]),
        generation: 3,
        spec: "orders".into(),
        version: 1,
        spec_sha256: if has("other") { "bb" } else { "aa" }.into(),
        collection: "orders".into(),
        job: job.to_string(),
        load_number: 7,
        acknowledged: has("acknowledged"),
        completed: has("completed"),
        owner: if has("brief") { OWNER } else { "w" }.into(),
        fence: 1,
        live: has("live") || has("brief"),
    }
}

/// The entry's job, in the state that stands first in `words`; `-` for none. `other`: with another text.
fn job(entry: &Entry, words: &str) -> Option<Job> {
    let state = State::of_word(words.split(' ').next().unwrap_or_default())?;
    let sha256 = if words.contains("other") { "bb" } else { "aa" };
    Some(Job {
        id: entry.job.parse().unwrap(),
        tenant: Tenant::NONE,
        files: vec![Id([9; 12])],
        spec: SpecText {
            pin: SpecPin {
                name: "orders".into(),
                version: 1,
                sha256: sha256.into(),
            },
            text: String::new(),
            is_operators: false,
        },
        load: LoadPin {
            content: "sha256:00".into(),
            base: entry.base,
            identity: entry.identity,
            generation: entry.generation,
            load_number: entry.load_number,
            collection: entry.collection.clone(),
        },
        priority: 0,
        state,
        attempts: 0,
        run: 0,
        fence: 0,
        owner: None,
        worker: None,
        lock_until_ms: None,
        created_ms: 0,
        queued_ms: 0,
        due_ms: 0,
        started_ms: None,
        finished_ms: None,
        updated_ms: 0,
        checkpoint: None,
        progress: Progress::default(),
        accepted: Accepted::default(),
        max_rejects: None,
        spec_changed: false,
        spec_from: None,
        parent: None,
        child: None,
        callback: None,
        held: None,
        failure: None,
        receipt: None,
        expired: false,
    })
}

/// `asked`: `again`, `numbered` (a key mode), `newer` (a later load has started), `gone` (an ended job cannot be retried).
fn check(newest: &str, queued: &str, asked: &str, expected: &str) {
    let newest = (newest != "none").then(|| entry(newest));
    let job = newest.as_ref().and_then(|entry| job(entry, queued));
    let situation = Situation {
        spec_sha256: "aa",
        candidate: CANDIDATE,
        again: asked.contains("again"),
        numbered: asked.contains("numbered"),
        can_be_retried: !asked.contains("gone"),
        newer: asked.contains("newer"),
        newest: newest.clone(),
        job,
    };
    let whose = |id| if id == CANDIDATE { "ours" } else { "theirs" };
    let verdict = match judge(situation) {
        Ok(Verdict::Enter(generation, id)) => format!("enter {generation} {}", whose(id)),
        Ok(Verdict::Take(_, id)) => format!("take {}", whose(id)),
        Ok(Verdict::Existing(_)) => "existing".into(),
        Ok(Verdict::Wait(_)) => "wait".into(),
        Err(fatal) => fatal.code.into(),
    };
    assert_eq!(verdict, expected, "{newest:?}, {queued}, {asked}");
}

#[test]
fn content_that_was_never_asked_for_is_loaded() {
    check("none", "-", "", "enter 0 ours");
    check("none", "-", "again", "enter 0 ours");
    check("none", "-", "numbered newer", "enter 0 ours");
}

#[test]
fn the_same_text_is_the_same_job() {
    for state in ["queued", "in_progress", "held"] {
        for asked in ["", "gone", "numbered", "numbered newer"] {
            check("live", state, asked, "existing");
            check("brief", state, asked, "existing");
            check("acknowledged", state, asked, "existing");
        }
    }
    check("acknowledged completed", "completed", "", "existing");
    check("acknowledged completed", "completed", "gone", "existing");
    check("completed", "completed", "", "existing");
    for state in ["failed", "cancelled"] {
        check("acknowledged", state, "", "existing");
        check("", state, "", "existing");
        check("live", state, "", "existing");
        // What can never be retried must not keep its content from being loaded.
        check("acknowledged", state, "gone", "take ours");
        check("", state, "gone", "take ours");
        check("live", state, "gone", "wait");
    }
}

#[test]
fn in_key_modes_the_last_one_asked_for_wins() {
    for state in ["completed", "failed", "cancelled"] {
        check("acknowledged", state, "numbered", "existing");
        check("acknowledged", state, "numbered newer", "enter 4 ours");
        check("acknowledged", state, "newer", "existing");
    }
    check("completed", "-", "numbered newer", "enter 4 ours");
    check("completed", "-", "numbered", "take theirs");
    check("", "-", "numbered newer", "enter 4 ours");
}

#[test]
fn another_text_waits_takes_over_or_is_refused() {
    for state in ["queued", "in_progress", "held"] {
        for newest in ["", "live", "brief", "acknowledged", "other"] {
            check(newest, &format!("{state} other"), "", "load_in_progress");
        }
    }
    for state in ["completed other", "failed other", "cancelled other"] {
        check("acknowledged other", state, "", "loaded_by_other_spec");
        check("acknowledged live other", state, "", "loaded_by_other_spec");
        check(
            "acknowledged completed other",
            state,
            "",
            "loaded_by_other_spec",
        );
        // Completed with nothing loaded: there is nothing that another text would double.
        check("completed other", state, "", "take ours");
        check("completed live other", state, "", "wait");
        check("completed other", state, "numbered", "take ours");
        check("completed other", state, "numbered newer", "enter 4 ours");
        check(
            "acknowledged other",
            state,
            "numbered newer",
            "loaded_by_other_spec",
        );
        check("other", state, "", "take ours");
        check("other", state, "gone", "take ours");
        check("live other", state, "", "wait");
    }
    // The job says with which text it runs; the entry may not have been told yet.
    check("acknowledged other", "held", "", "existing");
    check("acknowledged", "held other", "", "load_in_progress");
}

#[test]
fn a_load_whose_job_is_not_in_the_queue_is_gone_on_with() {
    for (newest, expected) in [
        ("brief", "wait"),
        ("brief other", "wait"),
        ("brief acknowledged", "wait"),
        ("live", "load_in_progress"),
        ("live other", "load_in_progress"),
        ("live acknowledged", "load_in_progress"),
        ("", "take theirs"),
        ("other", "take ours"),
        ("acknowledged", "take theirs"),
        ("acknowledged completed", "take theirs"),
        ("completed", "take theirs"),
        ("acknowledged other", "loaded_by_other_spec"),
        ("acknowledged completed other", "loaded_by_other_spec"),
        ("completed other", "take ours"),
    ] {
        check(newest, "-", "", expected);
        check(newest, "-", "gone", expected);
    }
}

#[test]
fn a_generation_is_entered_once_for_each_request() {
    for state in ["-", "queued", "completed", "failed other"] {
        for newest in [
            "",
            "live",
            "brief",
            "acknowledged completed",
            "acknowledged other",
        ] {
            check(newest, state, "again", "enter 4 ours");
        }
    }
    check("ours brief", "-", "again", "wait");
    check("ours", "-", "again", "take ours");
    check("ours other", "-", "again", "take ours");
    check("ours", "queued", "again", "existing");
    check("ours", "completed", "again", "existing");
}

#[test]
fn a_refusal_names_both_ways_out() {
    let hint = |newest: &str, queued: &str| {
        let newest = entry(newest);
        let job = job(&newest, queued);
        let situation = Situation {
            spec_sha256: "aa",
            candidate: CANDIDATE,
            again: false,
            numbered: false,
            can_be_retried: true,
            newer: false,
            newest: Some(newest),
            job,
        };
        judge(situation).unwrap_err().hint.unwrap_or_default()
    };
    let retry = format!("retry of job {OTHER}");
    for (queued, way) in [
        ("failed other", retry.as_str()),
        ("cancelled other", retry.as_str()),
        ("completed other", "keep what job"),
        ("-", "orders@1"),
    ] {
        let hint = hint("acknowledged other", queued);
        assert!(hint.contains(way), "{queued}: {hint}");
        assert!(hint.contains("force=again"), "{queued}: {hint}");
    }
}
