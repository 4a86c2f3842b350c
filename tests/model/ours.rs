//! The protocol as the program follows it: nothing is wrong in any state that can be reached.
//!
//! The bounds are the number of records, of a batch, and of troubles: crashes, lost answers, leases that run out under
//! their worker, cancellations, failures, releases, each of them at any moment. `SLUICEGATE_FULL=1` allows more of them.

use crate::checker::{Explored, Model, explore};
use crate::insert::{Insert, Kind};
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
