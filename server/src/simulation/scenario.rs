//! What a simulation does, drawn from its seed: processes, jobs, the weather, faults, and what clients ask for.

use super::chance::Chance;
use super::menu::Menu;
use super::network::Weather;
use super::sabotage::Saboteur;
use super::truth::{self, Truth};
use super::world::Control;

/// How long a job is held without being renewed, in milliseconds: the shortest that the program takes.
pub const LEASE_MS: u64 = 3_000;

/// A job that is to be submitted.
#[derive(Clone, Debug)]
pub struct Task {
    /// The number of its spec on the menu.
    pub dish: usize,
    /// Its file.
    pub text: String,
    /// Whether the target wants the field `u` to be unique.
    pub is_unique: bool,
    /// What must become of its records.
    pub truth: Truth,
}

/// What a client does at a time.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// When, in milliseconds.
    pub at_ms: u64,
    /// The number of the task.
    pub task: usize,
    /// What it asks for.
    pub what: Ask,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// That the file is processed.
    Submit,
    /// That its job ends.
    Cancel,
    /// That its job goes on.
    Retry,
    /// That its job begins anew.
    Reset,
}

/// A simulation.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed of all that is drawn while it runs.
    pub seed: u64,
    /// How bad the network is while there are faults.
    pub weather: Weather,
    /// When faults end, in milliseconds.
    pub fine_from_ms: u64,
    /// What there is to load.
    pub tasks: Vec<Task>,
    /// What the client does, in order.
    pub acts: Vec<Act>,
    /// What happens to processes.
    pub controls: Vec<(u64, Control)>,
    /// Jobs that a process runs at once.
    pub workers: usize,
    /// Blocks that a job parses at once.
    pub parsers: usize,
    /// Tries without progress after which a job fails.
    pub max_attempts: u32,
    /// What is spoilt.
    pub saboteur: Saboteur,
}

impl Scenario {
    /// The scenario of a seed.
    pub fn draw(seed: u64, menu: &Menu) -> Self {
        let chance = &mut Chance::new(seed);
        let fine_from_ms = chance.between(4, 40) * 1_000;
        let tasks = (0..chance.between(1, 3))
            .map(|tag| {
                let records = records(chance);
                task(chance, menu, tag, records)
            })
            .collect::<Vec<_>>();
        let acts = acts(chance, tasks.len(), fine_from_ms);
        let controls = controls(chance, fine_from_ms);
        Self {
            seed: chance.next(),
            weather: weather(chance),
            fine_from_ms,
            tasks,
            acts,
            controls,
            workers: chance.between(1, 2) as usize,
            parsers: chance.between(1, 3) as usize,
            max_attempts: chance.between(2, 4) as u32,
            saboteur: Saboteur::default(),
        }
    }

    /// One job and no faults but those that are put in later: for what is tried everywhere.
    pub fn plain(seed: u64, menu: &Menu) -> Self {
        let chance = &mut Chance::new(seed);
        let records = chance.between(8, 24);
        let task = task(chance, menu, 0, records);
        let submit = Act {
            at_ms: 1,
            task: 0,
            what: Ask::Submit,
        };
        Self {
            seed: chance.next(),
            weather: Weather::FINE,
            fine_from_ms: 0,
            tasks: vec![task],
            acts: vec![submit],
            controls: vec![(1, Control::Start)],
            workers: 1,
            parsers: 2,
            max_attempts: 3,
            saboteur: Saboteur::default(),
        }
    }
}

fn records(chance: &mut Chance) -> u64 {
    match chance.between(0, 9) {
        0 => chance.between(1, 3),
        1..=6 => chance.between(10, 60),
        _ => chance.between(60, 200),
    }
}

fn task(chance: &mut Chance, menu: &Menu, tag: u64, records: u64) -> Task {
    // Most loads are inserts.
    let is_keyed = chance.one_in(4);
    let fitting: Vec<usize> = (0..menu.dishes.len())
        .filter(|&dish| menu.dishes[dish].is_keyed == is_keyed)
        .collect();
    let dish = *chance.pick(&fitting);
    let is_unique = !is_keyed && chance.one_in(3);
    let (text, truth) = truth::draw(chance, tag, records, is_keyed, is_unique);
    Task {
        dish,
        text,
        is_unique,
        truth,
    }
}

fn weather(chance: &mut Chance) -> Weather {
    let bad = chance.between(0, 3);
    Weather {
        delay_ms: *chance.pick(&[3, 30, 200]),
        lost_requests: bad * chance.between(0, 30),
        lost_replies: bad * chance.between(0, 40),
        late_requests: bad * chance.between(0, 20),
        late_ms: chance.between(500, 5 * LEASE_MS),
        patience_ms: chance.between(400, 6_000),
        tries: chance.between(1, 4),
    }
}

fn acts(chance: &mut Chance, tasks: usize, fine_from_ms: u64) -> Vec<Act> {
    let mut acts = Vec::new();
    for task in 0..tasks {
        let at_ms = chance.between(1, 2_000);
        let what = Ask::Submit;
        acts.push(Act { at_ms, task, what });
        if chance.one_in(2) {
            continue;
        }
        for _ in 0..chance.between(1, 5) {
            let at_ms = chance.between(at_ms + 1, fine_from_ms.max(at_ms + 2));
            let what =
                *chance.pick(&[Ask::Cancel, Ask::Cancel, Ask::Retry, Ask::Reset, Ask::Reset]);
            acts.push(Act { at_ms, task, what });
        }
    }
    acts.sort_by_key(|act| act.at_ms);
    acts
}

fn controls(chance: &mut Chance, fine_from_ms: u64) -> Vec<(u64, Control)> {
    let mut controls = Vec::new();
    for _ in 0..chance.between(1, 3) {
        controls.push((chance.between(1, 1_500), Control::Start));
    }
    for _ in 0..chance.between(0, 8) {
        let at_ms = chance.between(500, fine_from_ms);
        let which = chance.next();
        let for_ms = chance.between(100, 4 * LEASE_MS);
        controls.push(match chance.between(0, 9) {
            0..=2 => (at_ms, Control::Kill(which)),
            3 | 4 => (at_ms, Control::Stop(which, for_ms)),
            5 => (at_ms, Control::Close(which)),
            6 | 7 => (at_ms, Control::Cut(which, for_ms)),
            _ => (at_ms, Control::Start),
        });
        if chance.one_in(2) {
            controls.push((at_ms + chance.between(0, 4_000), Control::Start));
        }
    }
    // All at once, like a machine that lost its power.
    if chance.one_in(6) {
        let at_ms = chance.between(500, fine_from_ms);
        controls.push((at_ms, Control::KillAll));
        controls.push((at_ms + chance.between(1, 5_000), Control::Start));
    }
    controls
}
