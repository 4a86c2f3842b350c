//! The protocol as the program follows it: nothing is wrong in any state that can be reached.
//!
//! The bounds are the number of records, of a batch, and of troubles: crashes, lost answers, leases that run out under
//! their worker, cancellations, failures, releases, each of them at any moment. `SLUICEGATE_FULL=1` allows more of them.

use crate::checker::{Explored, Model, explore};
use crate::insert::{Insert, Kind};
use crate::job::Life;
use crate::keys::{Keys, Mode};
use std::time::Instant;

/// Explores a model, prints how large it is, and wants at least so many states: a bound that cuts off what it is
/// there for is seen.
pub fn holds<M: Model>(name: &str, model: &M, min_states: usize) {
    let from = Instant::now();
    let explored = explore(model).unwrap_or_else(|broken| panic!("{name}: {}", broken.told()));
    let Explored {
        states,
        steps,
        depth,
    } = explored;
    let took = from.elapsed();
    println!("{name}: {states} states, {steps} steps, {depth} deep, {took:.1?}");
    assert!(
        states >= min_states,
        "{name}: only {states} states were explored"
    );
}

/// `small`, or `full` where more was asked for.
pub fn sized<T>(small: T, full: T) -> T {
    match std::env::var_os("SLUICEGATE_FULL") {
        Some(_) => full,
        None => small,
    }
}

#[test]
fn every_record_has_one_outcome_after_two_troubles() {
    let input = &[Kind::Loads, Kind::Malformed, Kind::Rivalled];
    let model = Insert::of(input, sized(2, 3));
    holds("insert, three records", &model, 400_000);
}

#[test]
fn every_record_of_two_has_one_outcome_after_two_troubles() {
    let model = Insert::of(&[Kind::Loads, Kind::Rivalled], sized(2, 3));
    holds("insert, two records", &model, 40_000);
}

#[test]
fn every_record_of_four_has_one_outcome_after_a_trouble() {
    let input = &[Kind::Rivalled, Kind::Dropped, Kind::Loads, Kind::Malformed];
    let model = Insert::of(input, sized(1, 2));
    holds("insert, four records", &model, 10_000);
}

#[test]
fn whichever_of_two_records_comes_first_has_their_value() {
    let input = &[Kind::Twin, Kind::Loads, Kind::Twin];
    let model = Insert::of(input, sized(1, 2));
    holds("insert, twins", &model, 5_000);
}

#[test]
fn answers_may_come_as_late_as_they_like() {
    let input = &[Kind::Loads, Kind::Malformed, Kind::Rivalled];
    let mut model = Insert::of(input, sized(1, 2));
    model.answers_at_once = false;
    holds("insert, late answers", &model, 50_000);
}

#[test]
fn a_worker_that_never_fences_itself_does_no_harm() {
    let input = &[Kind::Loads, Kind::Malformed, Kind::Rivalled];
    let mut model = Insert::of(input, sized(1, 2));
    model.protocol.fences_itself = false;
    holds("insert, no allowance", &model, 10_000);
}

fn keys(modes: [Mode; 2]) -> Keys {
    // A record is the set of the fields that it sets.
    let later: &[u8] = sized(&[0b10], &[0b10, 0b11]);
    Keys::of(modes, [&[0b01, 0b10], later], sized(2, 3))
}

#[test]
fn the_newest_of_two_upserts_stands() {
    holds("upsert and upsert", &keys([Mode::Upsert; 2]), 10_000);
}

#[test]
fn the_newest_of_an_upsert_and_a_replace_stands() {
    let model = keys([Mode::Upsert, Mode::Replace]);
    holds("upsert and replace", &model, 10_000);
    let mut there = keys([Mode::Replace; 2]);
    there.is_there = true;
    holds("replace and replace", &there, 1_000);
}

#[test]
fn the_fields_of_two_merges_are_the_newest_of_each() {
    holds("merge and merge", &keys([Mode::Merge; 2]), 1_000);
}

#[test]
fn a_delete_takes_what_is_older() {
    let mut model = keys([Mode::Upsert, Mode::Delete]);
    model.protocol.waits_for_late_statements = true;
    holds("upsert, then delete", &model, 1_000);
    let model = keys([Mode::Delete, Mode::Upsert]);
    holds("delete and upsert", &model, 5_000);
}

#[test]
fn a_job_that_gets_further_is_never_given_up() {
    holds("life", &Life::of(3, None, sized(3, 5)), 1_000);
}

#[test]
fn a_record_that_kills_its_worker_is_given_up() {
    for poison in 0..3 {
        let mut model = Life::of(3, Some(poison), 0);
        holds("poison", &model, 10);
        model.max_attempts = 3;
        holds("poison, three attempts", &model, 10);
    }
}
