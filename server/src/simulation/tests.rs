//! Many seeds, every crash, every sabotage: no promise may be broken.
//!
//! `SLUICEGATE_SEEDS=N` says how many seeds are tried, `SLUICEGATE_SEED=S` tries one and prints what happens.

use super::menu::Menu;
use super::sabotage::{Sabotage, Saboteur};
use super::scenario::Scenario;
use super::world::{Crash, Outcome, World};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// Seeds that are tried where nobody says how many.
const SEEDS: u64 = 300;
/// Calm scenarios of which every event is crashed at.
const PLAIN_SEEDS: u64 = 5;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn run(scenario: Scenario, menu: &Menu) -> Outcome {
    World::new(scenario, menu, false).run()
}

/// Does `work` for each of `count` numbers, on as many threads as there are cores, each with a menu of its own.
fn each(count: u64, work: impl Fn(u64, &Menu) + Sync) {
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let menu = Menu::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    work(number, &menu);
                }
            });
        }
    });
}

/// Fails with what is wrong, and with how to see it again.
fn report(failures: Mutex<BTreeMap<u64, Vec<String>>>) {
    let failures = failures.into_inner().unwrap();
    let count = failures.len();
    for (seed, broken) in failures.iter().take(10) {
        println!(
            "seed {seed} (SLUICEGATE_SEED={seed} shows it):\n  {}",
            broken.join("\n  ")
        );
    }
    assert_eq!(
        count,
        0,
        "seeds broke a promise: {:?}",
        failures.keys().take(50).collect::<Vec<_>>()
    );
}

fn show(outcome: &Outcome) {
    for line in outcome.trace.lines() {
        println!("{line}");
    }
    println!("ends: {:?}\nbroken: {:#?}", outcome.ends, outcome.broken);
}

#[test]
fn whatever_the_network_and_the_processes_do_no_promise_is_broken() {
    if let Some(seed) = number("SLUICEGATE_SEED") {
        let menu = Menu::new();
        let outcome = World::new(Scenario::draw(seed, &menu), &menu, true).run();
        show(&outcome);
        assert!(outcome.broken.is_empty(), "seed {seed}");
        return;
    }
    let (seeds, began) = (number("SLUICEGATE_SEEDS").unwrap_or(SEEDS), Instant::now());
    let failures = Mutex::new(BTreeMap::new());
    let (events, ends) = (AtomicU64::new(0), Mutex::new(BTreeMap::<_, u64>::new()));
    each(seeds, |seed, menu| {
        let outcome = run(Scenario::draw(seed, menu), menu);
        events.fetch_add(outcome.trace.events(), Ordering::Relaxed);
        for (state, _) in outcome.ends {
            *ends.lock().unwrap().entry(state).or_default() += 1;
        }
        if !outcome.broken.is_empty() {
            failures.lock().unwrap().insert(seed, outcome.broken);
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{seeds} seeds in {seconds:.1} s, {:.0} per second, {} events, jobs {:?}",
        seeds as f64 / seconds,
        events.into_inner(),
        ends.into_inner().unwrap()
    );
    report(failures);
}

#[test]
fn a_seed_gives_the_same_events_every_time() {
    each(12, |seed, menu| {
        let trace = |menu: &Menu| run(Scenario::draw(seed, menu), menu).trace;
        let (first, second) = (trace(menu), trace(&Menu::new()));
        assert!(first.events() > 20, "something happens");
        assert_eq!(
            (first.hash(), first.events()),
            (second.hash(), second.events()),
            "seed {seed}"
        );
    });
}

#[test]
fn a_process_may_die_at_any_event() {
    let menu = Menu::new();
    let began = Instant::now();
    // Every event of a few calm runs, each once before and once behind what it brings.
    let calm = |seed| run(Scenario::plain(seed, &menu), &menu);
    let mut crashes = Vec::new();
    for seed in 0..PLAIN_SEEDS {
        let calm = calm(seed);
        assert_eq!(calm.broken, [""; 0]);
        let events = (0..calm.events).flat_map(|at| [false, true].map(|after| Crash { at, after }));
        crashes.extend(events.map(|crash| (seed, crash)));
    }
    let failures = Mutex::new(BTreeMap::new());
    each(crashes.len() as u64, |number, menu| {
        let (seed, crash) = crashes[number as usize];
        let world = World::new(Scenario::plain(seed, menu), menu, false);
        let outcome = world.with_crash(crash).run();
        if !outcome.broken.is_empty() {
            let told = format!("plain {seed}, {crash:?}: {}", outcome.broken.join("; "));
            failures.lock().unwrap().insert(number, vec![told]);
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    println!("{} crashes in {seconds:.1} s", crashes.len());
    report(failures);
}

/// What came of some seeds with a saboteur.
#[derive(Default)]
struct Spoilt {
    /// How jobs ended: state and code.
    ends: BTreeMap<String, u64>,
    /// Seeds with a job that was completed though it was wrong.
    unnoticed: BTreeMap<u64, Vec<String>>,
}

/// Runs seeds in which a drawn batch, reject or object is spoilt: calm ones, or with all faults.
fn spoil(what: Sabotage, seeds: u64, calm: bool) -> Spoilt {
    let spoilt = Mutex::new(Spoilt::default());
    each(seeds, |seed, menu| {
        let mut scenario = match calm {
            true => Scenario::plain(seed, menu),
            false => Scenario::draw(seed, menu),
        };
        let task = &scenario.tasks[0];
        let pick =
            |from: &BTreeSet<u64>| from.iter().nth(seed as usize % from.len().max(1)).copied();
        let place = match what {
            Sabotage::LosesReject => pick(&task.truth.rejected),
            // Behind a line, so that nothing of the text itself is broken.
            Sabotage::CutsObject => {
                let ends = task.text.match_indices('\n').map(|(at, _)| at as u64 + 1);
                pick(&ends.filter(|&at| at < task.text.len() as u64).collect())
            }
            _ => pick(&task.truth.loaded),
        };
        let Some(place) = place else { return };
        scenario.saboteur = Saboteur {
            plan: Some((what, place)),
        };
        let outcome = run(scenario, menu);
        let mut spoilt = spoilt.lock().unwrap();
        for (state, code) in outcome.ends {
            let end = format!("{state} {}", code.unwrap_or_default());
            *spoilt.ends.entry(end).or_default() += 1;
        }
        if !outcome.broken.is_empty() {
            spoilt.unnoticed.insert(seed, outcome.broken);
        }
    });
    spoilt.into_inner().unwrap()
}

#[test]
fn no_job_is_completed_whose_books_were_spoilt() {
    for what in Sabotage::NOTICED {
        let Spoilt { ends, unnoticed } = spoil(what, 20, true);
        assert!(
            ends.get("failed books").is_some_and(|&count| count > 5),
            "{what:?}: {ends:?}"
        );
        assert_eq!(ends.len(), 1, "{what:?}: {ends:?}");
        assert_eq!(unnoticed, BTreeMap::new(), "{what:?}");
        // Among faults and other jobs, whose records may not be spoilt: whatever is completed is right.
        let Spoilt { ends, unnoticed } = spoil(what, 10, false);
        assert!(ends.contains_key("failed books"), "{what:?}: {ends:?}");
        assert_eq!(unnoticed, BTreeMap::new(), "{what:?}");
    }
}

#[test]
fn an_object_that_ends_early_is_no_file_with_fewer_records() {
    let Spoilt { ends, unnoticed } = spoil(Sabotage::CutsObject, 20, true);
    assert_eq!(unnoticed, BTreeMap::new());
    assert!(
        ends.keys().all(|end| !end.starts_with("completed")),
        "{ends:?}"
    );
}

/// The limit of the books: they are made of what the target acknowledges. Only the target itself shows that it has lied.
#[test]
fn a_target_that_acknowledges_what_it_did_not_write_is_seen_by_reading_it_only() {
    let Spoilt { ends, unnoticed } = spoil(Sabotage::Lies, 20, true);
    assert_eq!(ends.into_keys().collect::<Vec<_>>(), ["completed "]);
    // In a key mode, what another batch wrote to the same keys may hide it.
    let seen = unnoticed.len();
    assert!(seen > 15, "{seen}");
}
