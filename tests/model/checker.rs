//! The checker: looks at every state that a model can reach, breadth first.
//!
//! Because it goes breadth first, the steps to a state in which something is wrong are the fewest that there are; they
//! are told in the model's own words. Behind the search it asks of every state whether a good end can still be reached
//! from it. It never samples and never stops early: more states than it may hold are a panic, not a result.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// The most states of one search.
const MAX_STATES: usize = 40_000_000;

/// What is explored.
pub trait Model {
    /// Everything that a later step can depend on.
    type State: Copy + Eq + Hash;
    /// One thing that happens, in words.
    type Step: Display;

    /// Where it begins.
    fn start(&self) -> Self::State;

    /// Appends every step that can be taken in `state`, with the state behind it; the same ones in the same order each
    /// time.
    fn steps(&self, state: &Self::State, next: &mut Vec<(Self::Step, Self::State)>);

    /// What is wrong with a state.
    fn wrong(&self, state: &Self::State) -> Option<&'static str>;

    /// What is wrong with a step, though both its ends may be right.
    fn wrong_step(
        &self,
        before: &Self::State,
        step: &Self::Step,
        after: &Self::State,
    ) -> Option<&'static str>;

    /// Whether everything has come to its good end.
    fn is_end(&self, state: &Self::State) -> bool;
}

/// A whole space in which nothing is wrong.
#[derive(Debug)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// Steps between them.
    pub steps: usize,
    /// Steps to the state that is farthest from the start.
    pub depth: usize,
}

/// The shortest way to something that is wrong.
#[derive(Debug)]
pub struct Broken {
    /// What is wrong.
    pub what: &'static str,
    /// The steps to it, in words.
    pub trace: Vec<String>,
}

/// What is wrong with a state from which no good end can be reached.
pub const DEAD_END: &str = "from here no good end can be reached any more";

/// A state's number and those of the states behind it.
struct Found {
    /// The state from which it was found first, and by which of its steps.
    from: u32,
    choice: u32,
}

/// Explores all of `model`.
pub fn explore<M: Model>(model: &M) -> Result<Explored, Broken> {
    let mut search = Search {
        model,
        numbers: HashMap::default(),
        found: Vec::new(),
        next: Vec::new(),
    };
    search.run()
}

struct Search<'a, M: Model> {
    model: &'a M,
    numbers: HashMap<M::State, u32, BuildHasherDefault<Mixer>>,
    found: Vec<Found>,
    /// The states of the next depth.
    next: Vec<(u32, M::State)>,
}

impl<M: Model> Search<'_, M> {
    fn run(&mut self) -> Result<Explored, Broken> {
        let start = self.model.start();
        self.number(start, 0, 0)?;
        // Behind each state the numbers of its neighbours; `ends` says where each one's stop.
        let mut neighbours: Vec<u32> = Vec::new();
        let mut ends: Vec<usize> = Vec::new();
        let mut is_good: Vec<bool> = Vec::new();
        let mut depth = 0;
        let mut steps = Vec::new();
        loop {
            let here = std::mem::take(&mut self.next);
            for (number, state) in &here {
                self.model.steps(state, &mut steps);
                for (choice, (step, after)) in steps.drain(..).enumerate() {
                    if let Some(what) = self.model.wrong_step(state, &step, &after) {
                        let mut trace = self.trace(*number);
                        trace.push(step.to_string());
                        return Err(Broken { what, trace });
                    }
                    neighbours.push(self.number(after, *number, choice)?);
                }
                ends.push(neighbours.len());
                is_good.push(self.model.is_end(state));
            }
            if self.next.is_empty() {
                break;
            }
            depth += 1;
        }
        self.no_dead_end(&neighbours, &ends, is_good)?;
        Ok(Explored {
            states: self.found.len(),
            steps: neighbours.len(),
            depth,
        })
    }

    /// The number of a state, which is looked at where it is new.
    fn number(&mut self, state: M::State, from: u32, choice: usize) -> Result<u32, Broken> {
        let new = self.found.len() as u32;
        let number = *self.numbers.entry(state).or_insert(new);
        if number < new {
            return Ok(number);
        }
        assert!(
            self.found.len() < MAX_STATES,
            "more than {MAX_STATES} states: the model has no bound, or the bound is too wide"
        );
        self.found.push(Found {
            from,
            choice: choice as u32,
        });
        if let Some(what) = self.model.wrong(&state) {
            let trace = self.trace(new);
            return Err(Broken { what, trace });
        }
        self.next.push((new, state));
        Ok(new)
    }

    /// Carries "a good end can be reached" backwards until nothing changes.
    fn no_dead_end(
        &self,
        neighbours: &[u32],
        ends: &[usize],
        mut is_good: Vec<bool>,
    ) -> Result<(), Broken> {
        let mut changed = true;
        while changed {
            changed = false;
            for number in (0..ends.len()).rev() {
                if is_good[number] {
                    continue;
                }
                let first = number.checked_sub(1).map_or(0, |before| ends[before]);
                let mut behind = neighbours[first..ends[number]].iter();
                if behind.any(|&neighbour| is_good[neighbour as usize]) {
                    is_good[number] = true;
                    changed = true;
                }
            }
        }
        match is_good.iter().position(|good| !good) {
            None => Ok(()),
            Some(number) => Err(Broken {
                what: DEAD_END,
                trace: self.trace(number as u32),
            }),
        }
    }

    /// The steps from the start to a state, taken again.
    fn trace(&self, number: u32) -> Vec<String> {
        let mut choices = Vec::new();
        let mut at = number;
        while at > 0 {
            let Found { from, choice } = self.found[at as usize];
            choices.push(choice as usize);
            at = from;
        }
        let mut state = self.model.start();
        let mut steps = Vec::new();
        let mut trace = Vec::new();
        for choice in choices.into_iter().rev() {
            self.model.steps(&state, &mut steps);
            let (step, after) = steps.swap_remove(choice);
            trace.push(step.to_string());
            state = after;
            steps.clear();
        }
        trace
    }
}

impl Broken {
    /// The steps, one below the other.
    pub fn told(&self) -> String {
        let steps = self.trace.iter().enumerate();
        let lines = steps.map(|(at, step)| format!("  {:>2}. {step}\n", at + 1));
        format!("{}\n{}", self.what, lines.collect::<String>())
    }
}

/// A hash of small numbers: quick, and the same in every process, so that a search is the same too.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u8(*byte);
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter that goes up by one or two until `top`, and may fall into a hole at 3.
    struct Counter {
        top: u8,
        forbidden: u8,
        hole: bool,
    }

    impl Model for Counter {
        type State = u8;
        type Step = u8;

        fn start(&self) -> u8 {
            0
        }

        fn steps(&self, state: &u8, next: &mut Vec<(u8, u8)>) {
            if self.hole && *state == 3 {
                next.push((0, 3));
                return;
            }
            let up = [1, 2].into_iter().filter(|by| state + by <= self.top);
            next.extend(up.map(|by| (by, state + by)));
        }

        fn wrong(&self, state: &u8) -> Option<&'static str> {
            (*state == self.forbidden).then_some("forbidden")
        }

        fn wrong_step(&self, before: &u8, _: &u8, after: &u8) -> Option<&'static str> {
            (after < before).then_some("back")
        }

        fn is_end(&self, state: &u8) -> bool {
            *state == self.top
        }
    }

    fn counter(forbidden: u8, hole: bool) -> Counter {
        Counter {
            top: 9,
            forbidden,
            hole,
        }
    }

    #[test]
    fn the_whole_space_is_looked_at() {
        let explored = explore(&counter(100, false)).expect("nothing is wrong");
        assert_eq!(
            (explored.states, explored.steps, explored.depth),
            (10, 17, 5)
        );
    }

    #[test]
    fn the_trace_is_the_shortest() {
        let broken = explore(&counter(5, false)).expect_err("5 is reached");
        assert_eq!((broken.what, broken.trace.len()), ("forbidden", 3));
    }

    #[test]
    fn a_dead_end_is_found() {
        let broken = explore(&counter(100, true)).expect_err("3 is a hole");
        assert_eq!((broken.what, broken.trace.len()), (DEAD_END, 2));
    }
}
