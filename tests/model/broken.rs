//! The protocol with one part left out: the checker must find what goes wrong then, and tells in how few steps.
//!
//! A part that could be left out without harm would be no part of the protocol, and a checker that finds nothing here
//! would find nothing anywhere.

use crate::checker::{Model, explore};
use crate::insert::{Insert, Kind, Protocol, truth};

/// Explores a broken model, prints the way to what is wrong, and wants it to be one of `expected`.
pub fn breaks<M: Model>(name: &str, model: &M, expected: &[&str]) {
    let broken = explore(model).expect_err("the checker finds what is wrong");
    println!("{name}: {} steps to: {}", broken.trace.len(), broken.told());
    assert!(expected.contains(&broken.what), "{}", broken.what);
}

/// A load whose protocol lacks what `leave_out` takes away.
fn without(leave_out: impl FnOnce(&mut Protocol)) -> Insert {
    let input = &[Kind::Loads, Kind::Malformed, Kind::Rivalled];
    let mut model = Insert::of(input, 2);
    leave_out(&mut model.protocol);
    model
}

/// The same, where only harm counts, not that somebody may do what he should not.
fn harmed_without(leave_out: impl FnOnce(&mut Protocol)) -> Insert {
    let mut model = without(leave_out);
    model.asks_for_the_owner = false;
    model
}

#[test]
fn ids_that_the_server_makes_double_a_record() {
    let model = without(|protocol| protocol.ids_of_the_source = false);
    breaks("automatic ids", &model, &[truth::TWICE]);
}

#[test]
fn a_checkpoint_before_the_write_loses_a_record() {
    let model = without(|protocol| protocol.checkpoint_last = false);
    breaks("checkpoint first", &model, &[truth::GAP]);
}

#[test]
fn counters_that_are_added_to_count_twice() {
    let model = without(|protocol| protocol.absolute_counters = false);
    breaks("$inc", &model, &[truth::COUNTERS]);
}

#[test]
fn acknowledgements_out_of_order_leave_a_gap() {
    let model = without(|protocol| protocol.in_order = false);
    breaks("acks out of order", &model, &[truth::GAP]);
}

#[test]
fn a_checkpoint_that_does_not_name_the_one_before_goes_back() {
    let model = without(|protocol| protocol.save_names_the_one_before = false);
    breaks("no previous end", &model, &[truth::BACKWARDS]);
}

#[test]
fn a_checkpoint_without_a_fence_covers_what_its_successor_removed() {
    let leave_out = |protocol: &mut Protocol| protocol.save_is_fenced = false;
    breaks(
        "no fence on save",
        &without(leave_out),
        &[truth::NOT_THE_OWNER],
    );
    let harm = [truth::GAP, truth::FORGOTTEN, truth::COUNTERS];
    breaks("no fence on save, harm", &harmed_without(leave_out), &harm);
}

#[test]
fn a_finish_without_a_fence_completes_a_job_that_starts_over() {
    let leave_out = |protocol: &mut Protocol| protocol.finish_is_fenced = false;
    breaks(
        "no fence on finish",
        &without(leave_out),
        &[truth::NOT_THE_OWNER],
    );
    let model = harmed_without(leave_out);
    breaks("no fence on finish, harm", &model, &[truth::TOO_SOON]);
}

#[test]
fn rejects_that_are_not_removed_outlive_their_reason() {
    let model = without(|protocol| protocol.removes_rejects = false);
    breaks("rejects stay", &model, &[truth::TWO_OUTCOMES, truth::BOOKS]);
}

#[test]
fn rejects_of_all_runs_together_outlive_a_reset() {
    let model = without(|protocol| protocol.rejects_by_run = false);
    breaks(
        "rejects without a run",
        &model,
        &[truth::TWO_OUTCOMES, truth::BOOKS],
    );
}

#[test]
fn a_removal_that_spares_nothing_takes_its_successors_rejects() {
    let model = without(|protocol| protocol.removal_is_fenced = false);
    breaks("removal without a fence", &model, &[truth::GAP]);
}
