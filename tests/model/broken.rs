//! The protocol with one part left out: the checker must find what goes wrong then, and tells in how few steps.
//!
//! A part that could be left out without harm would be no part of the protocol, and a checker that finds nothing here
//! would find nothing anywhere.

use crate::checker::{Model, explore};
use crate::insert::{Insert, Kind, Protocol, truth};
use crate::job::{GIVEN_UP, Life, TOO_OFTEN, TWO_OWNERS};
use crate::keys::truth::{LOST_FIELD, OLDER, RESURRECTED, TWICE as KEY_TWICE};
use crate::keys::{self, Keys, Mode};

/// Explores a broken model, prints the way to what is wrong, and wants it to be one of `expected`.
pub fn breaks<M: Model>(name: &str, model: &M, expected: &[&str]) {
    let Err(broken) = explore(model) else {
        panic!("{name}: the checker finds nothing");
    };
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

#[test]
fn what_a_record_gets_must_not_change_while_statements_are_under_way() {
    // No part is left out: rejects of a worker that is gone have no fence against being stored late, so they may stand
    // beside a document where somebody takes away what had refused it in that very moment.
    let mut model = without(|_| {});
    model.rival_goes_any_time = true;
    breaks(
        "a rival that goes in between",
        &model,
        &[truth::TWO_OUTCOMES, truth::BOOKS],
    );
}

/// Two loads of two records: one sets one field, the other both.
fn keys_without(mode: Mode, leave_out: impl FnOnce(&mut keys::Protocol)) -> Keys {
    let mut model = Keys::of([mode; 2], [&[0b01, 0b10], &[0b10]], 2);
    leave_out(&mut model.protocol);
    model
}

#[test]
fn without_the_filter_on_the_sequence_an_older_document_comes_over_a_newer_one() {
    let model = keys_without(Mode::Upsert, |protocol| protocol.newest_wins = false);
    breaks("no filter on _src.seq", &model, &[OLDER]);
}

#[test]
fn without_a_unique_index_two_upserts_make_two_documents() {
    let model = keys_without(Mode::Upsert, |protocol| protocol.unique_index = false);
    breaks("no unique index", &model, &[KEY_TWICE]);
}

#[test]
fn a_lookup_that_does_not_compare_takes_an_older_document_for_a_newer_one() {
    let mut model = keys_without(Mode::Upsert, |protocol| protocol.lookup_compares = false);
    model.modes = [Mode::Upsert, Mode::Replace];
    breaks("a lookup that does not compare", &model, &[OLDER]);
}

#[test]
fn a_merge_with_two_batches_in_flight_loses_a_field() {
    let model = keys_without(Mode::Merge, |protocol| protocol.one_merge_batch = false);
    breaks("merge, two batches in flight", &model, &[LOST_FIELD]);
}

#[test]
fn merges_beside_each_other_lose_a_field() {
    let leave_out = |protocol: &mut keys::Protocol| {
        (protocol.one_merge_at_a_time, protocol.later_merge_refuses) = (false, false);
    };
    breaks(
        "merges side by side",
        &keys_without(Mode::Merge, leave_out),
        &[LOST_FIELD],
    );
}

#[test]
fn a_merge_that_goes_on_behind_a_later_one_loses_a_field() {
    let model = keys_without(Mode::Merge, |protocol| protocol.later_merge_refuses = false);
    breaks("an earlier merge goes on", &model, &[LOST_FIELD]);
}

#[test]
fn a_delete_leaves_nothing_that_would_keep_an_older_upsert_away() {
    // No part is left out: what a delete removes is not remembered, so a load that is to be deleted has to be at its
    // end, and what its lost workers have sent applied, before the delete begins.
    let model = Keys::of([Mode::Upsert, Mode::Delete], [&[0b01], &[0]], 1);
    breaks("a delete beside an older upsert", &model, &[RESURRECTED]);
}

#[test]
fn without_a_charge_for_a_crash_a_poison_kills_workers_for_ever() {
    let mut model = Life::of(2, Some(1), 0);
    model.crashes_are_charged = false;
    breaks("crashes are free", &model, &[TOO_OFTEN]);
}

#[test]
fn without_progress_a_long_job_is_given_up() {
    let mut model = Life::of(3, None, 3);
    model.progress_counts = false;
    breaks("progress does not count", &model, &[GIVEN_UP]);
}

#[test]
fn outages_that_are_charged_fail_a_job() {
    let mut model = Life::of(3, None, 3);
    model.outages_are_free = false;
    breaks("outages are charged", &model, &[GIVEN_UP]);
}

#[test]
fn a_renewal_without_a_fence_speaks_for_another_worker() {
    let mut model = Life::of(3, None, 3);
    model.renewal_is_fenced = false;
    breaks("no fence on renew", &model, &[TWO_OWNERS]);
}
