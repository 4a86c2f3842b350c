//! The controller against a simulated target: alone, beside others, and after it has become slower for good.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The usual size of a batch.
const BATCH_BYTES: f64 = 300_000.0;

/// A target that serves so many writes at once at full speed, and shares itself among more.
#[derive(Clone, Copy, Debug)]
struct Target {
    /// A batch takes so long alone, in milliseconds.
    batch_ms: f64,
    /// The size of a batch, as a multiple of [`BATCH_BYTES`].
    size: f64,
    /// The share of a batch's time that does not depend on its size.
    fixed: f64,
    at_once: f64,
    /// Latencies differ by so much, at random: 0.3 is from 85 to 115 %.
    noise: f64,
    /// Every so many writes one takes twenty times as long; 0 is never.
    outlier_every: u64,
}

/// It takes 5 ms for a batch, and as long as four are written at once.
const ALONE: Target = Target {
    batch_ms: 5.0,
    size: 1.0,
    fixed: 0.0,
    at_once: 4.0,
    noise: 0.2,
    outlier_every: 0,
};

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>).
struct Random(u64);

impl Random {
    fn below_one(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A load that has a batch ready whenever one may be written.
struct Load {
    controller: Controller,
    random: Random,
    now_ms: f64,
    /// End and bytes of each write under way.
    writes: Vec<(f64, Begun, usize)>,
    written: u64,
}

impl Load {
    fn new(most: usize, seed: u64) -> Self {
        Self {
            controller: Controller::new(most, most),
            random: Random(seed),
            now_ms: 0.0,
            writes: Vec::new(),
            written: 0,
        }
    }

    /// Writes so many batches beside `others` writes of somebody else. Returns batches per second, and the mean limit.
    fn write(&mut self, batches: u64, target: Target, others: f64) -> (f64, f64) {
        let (from_ms, mut limits) = (self.now_ms, 0);
        for _ in 0..batches {
            while self.writes.len() < self.controller.limit() {
                let begun = self.controller.begin(now(self.now_ms), 0);
                let share = ((self.writes.len() as f64 + 1.0 + others) / target.at_once).max(1.0);
                let noise = 1.0 + (self.random.below_one() - 0.5) * target.noise;
                self.written += 1;
                let is_outlier =
                    target.outlier_every > 0 && self.written.is_multiple_of(target.outlier_every);
                let outlier = if is_outlier { 20.0 } else { 1.0 };
                let work = target.fixed + (1.0 - target.fixed) * target.size;
                let ms = target.batch_ms * work * share * noise * outlier;
                // Now and then most of a batch was rejected: it takes no less time for that.
                let is_rejected = self.random.below_one() < 0.02;
                let bytes = BATCH_BYTES * target.size * if is_rejected { 0.01 } else { 1.0 };
                self.writes.push((self.now_ms + ms, begun, bytes as usize));
            }
            let first = (0..self.writes.len())
                .min_by(|&a, &b| self.writes[a].0.total_cmp(&self.writes[b].0))
                .unwrap();
            let (end_ms, begun, bytes) = self.writes.swap_remove(first);
            self.now_ms = end_ms;
            self.controller.end(begun, Some(bytes), now(end_ms));
            let limit = self.controller.limit();
            assert!((1..=self.controller.most).contains(&limit), "{limit}");
            limits += limit;
        }
        let seconds = (self.now_ms - from_ms) / 1e3;
        (batches as f64 / seconds, limits as f64 / batches as f64)
    }
}

fn now(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1e3)
}

prop_compose! {
    fn targets()(
        batch_ms in 0.01..200.0_f64,
        at_once in 1.0..16.0_f64,
        noise in 0.0..0.8_f64,
        outlier_every in prop_oneof![Just(0_u64), 25..200_u64],
    ) -> Target {
        Target { batch_ms, at_once, noise, outlier_every, ..ALONE }
    }
}

/// The same cases each time: what is held here is likely of any target, and certain of none.
fn the_same_cases() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(2026),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(the_same_cases())]

    #[test]
    fn a_target_that_nobody_else_uses_is_used_fully(
        target in targets(),
        most in 1..17_usize,
        seed: u64,
    ) {
        let mut load = Load::new(most, seed);
        let (_, limit) = load.write(5_000, target, 0.0);
        prop_assert!(limit > 0.97 * most as f64, "{limit} of {most}");
    }

    #[test]
    fn a_target_that_others_slow_down_is_left_to_them(
        target in targets(),
        batch_ms in MIN_SLOW_MS * 2.0..8.0,
        most in 2..9_usize,
        times in 4.0..8.0_f64,
        seed: u64,
    ) {
        // All of it takes less time than anything needs to become normal.
        let target = Target { batch_ms, ..target };
        let mut load = Load::new(most, seed);
        load.write(500, target, 0.0);
        // As many others that even one write of ours takes so many times as long as all of ours did.
        let others = times * (most as f64).max(target.at_once);
        load.write(128, target, others);
        let (_, limit) = load.write(64, target, others);
        prop_assert!(limit < 1.5, "{limit} of {most} while others work");
        load.write(64 * most as u64, target, 0.0);
        let (_, limit) = load.write(1_000, target, 0.0);
        prop_assert!(limit > 0.97 * most as f64, "{limit} of {most} after they have gone");
    }

    #[test]
    fn batches_that_become_larger_or_smaller_are_no_slow_target(
        target in targets(),
        sizes in proptest::collection::vec((0.02..50.0_f64, 20..300_u64), 2..8),
        fixed in 0.0..1.0_f64,
        most in 2..17_usize,
        seed: u64,
    ) {
        let mut load = Load::new(most, seed);
        for (size, batches) in sizes {
            let (_, limit) = load.write(batches, Target { size, fixed, ..target }, 0.0);
            prop_assert!(limit > 0.97 * most as f64, "{limit} of {most} at {size}");
        }
    }

    #[test]
    fn others_are_seen_whatever_became_of_the_batches(
        target in targets(),
        most in 2..9_usize,
        size in prop_oneof![0.02..0.3_f64, 3.0..50.0_f64],
        fixed in 0.0..1.0_f64,
        times in 4.0..8.0_f64,
        seed: u64,
    ) {
        let work = fixed + (1.0 - fixed) * size;
        // Long enough to be noticed, and so short that nothing becomes normal meanwhile.
        let before = Target { fixed, batch_ms: 3.0 * MIN_SLOW_MS / work, ..target };
        let target = Target { size, ..before };
        let mut load = Load::new(most, seed);
        load.write(200, before, 0.0);
        load.write(500, target, 0.0);
        let others = times * (most as f64).max(target.at_once);
        load.write(128, target, others);
        let (_, limit) = load.write(64, target, others);
        prop_assert!(limit < 1.5, "{limit} of {most} while others work");
        load.write(64 * most as u64, target, 0.0);
        let (_, limit) = load.write(1_000, target, 0.0);
        prop_assert!(limit > 0.97 * most as f64, "{limit} of {most} after they have gone");
    }
}

/// A target of one core per write, as others come and go.
#[test]
fn the_limit_follows_the_others() {
    let target = ALONE;
    let mut load = Load::new(4, 7);
    let mut limits = Vec::new();
    for others in [0.0, 5.0, 20.0, 0.0] {
        load.write(150, target, others);
        limits.push(load.write(300, target, others).1);
    }
    assert!(limits[0] > 3.9 && limits[3] > 3.9, "{limits:?}");
    assert!(
        (1.5..3.5).contains(&limits[1]) && limits[2] < 1.5,
        "{limits:?}"
    );
}

#[test]
fn what_lasts_is_normal() {
    let target = ALONE;
    let mut load = Load::new(4, 7);
    load.write(500, target, 0.0);
    let slower = Target {
        batch_ms: 20.0,
        ..target
    };
    let (_, limit) = load.write(500, slower, 0.0);
    assert!(limit < 1.5, "{limit}");
    // Four times as slow is normal after twice the time.
    while load.now_ms < 2.0 * DOUBLES_AFTER_SECONDS * 1e3 {
        load.write(100, slower, 0.0);
    }
    let (_, limit) = load.write(1_000, slower, 0.0);
    assert!(limit > 3.9, "{limit}");
}

#[test]
fn what_takes_no_time_is_never_slow() {
    let mut load = Load::new(4, 7);
    for batch_ms in [0.001, 1.5, 0.001, 0.5] {
        let target = Target {
            batch_ms,
            at_once: 64.0,
            noise: 0.8,
            outlier_every: 50,
            ..ALONE
        };
        let (_, limit) = load.write(1_000, target, 0.0);
        assert!(limit > 3.99, "{batch_ms} ms: {limit}");
    }
}

/// Writes so many batches one after the other, each of so many milliseconds, with `together` under way in all runs.
fn one_by_one(controller: &mut Controller, batches: u64, ms: u64, together: usize) {
    for batch in 0..batches {
        let from = Duration::from_millis(batch * ms);
        let begun = controller.begin(from, together);
        controller.end(begun, Some(300_000), from + Duration::from_millis(ms));
    }
}

#[test]
fn what_other_runs_write_in_turns_is_not_somebody_elses_load() {
    // The target does one thing at a time, and each run has one batch under way at most: the source is slow.
    let mut controller = Controller::new(4, 4);
    one_by_one(&mut controller, 200, 10, 1);
    one_by_one(&mut controller, 200, 40, 4);
    assert_eq!(controller.limit(), 4);
    // Somebody else's load is.
    one_by_one(&mut controller, 200, 40, 1);
    assert_eq!(controller.limit(), 1);
}

#[test]
fn batches_of_which_nothing_is_written_say_nothing() {
    let mut controller = Controller::new(4, 4);
    one_by_one(&mut controller, 200, 10, 1);
    for _ in 0..200 {
        let begun = controller.begin(Duration::ZERO, 1);
        controller.end(begun, None, Duration::from_secs(1));
    }
    assert_eq!(controller.limit(), 4);
}
