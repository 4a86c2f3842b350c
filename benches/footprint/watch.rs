//! The memory of a process over time, from Linux's `/proc`, by phases.
//!
//! Promises: however long a process is watched, at most [`MAX_POINTS`] points are kept, each the most of its stretch of
//! time. The peak of a phase is the kernel's own high-water mark (`VmHWM`), which is set back when a phase begins; where
//! the kernel refuses that, it is the most that was seen.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The most points that are kept.
const MAX_POINTS: usize = 4_096;
/// The stretch of time of one point at first; it doubles when there are too many.
const POINT_SECONDS: f64 = 0.1;
/// How often the process is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What a process holds now, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The most that was resident at once since the mark was set back (`VmHWM`).
    pub high_water: u64,
    /// What is resident (`VmRSS`).
    pub resident: u64,
    /// What of it belongs to no file (`RssAnon`): heap and stacks.
    pub anonymous: u64,
}

/// What a phase took at most, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// Resident.
    pub resident: u64,
    /// Heap and stacks, as looks every 20 ms saw them.
    pub anonymous: u64,
}

/// A phase that has ended, in seconds since the watch began.
#[derive(Clone, Debug)]
pub struct Phase {
    /// What was done.
    pub name: String,
    /// When it began.
    pub from_seconds: f64,
    /// When it ended.
    pub to_seconds: f64,
}

/// The most of each stretch of time, in bytes.
struct Points {
    seconds: f64,
    most: Vec<u64>,
}

impl Points {
    fn add(&mut self, at_seconds: f64, bytes: u64) {
        let index = (at_seconds / self.seconds) as usize;
        if index >= MAX_POINTS {
            let pairs = self.most.chunks(2);
            self.most = pairs
                .map(|pair| pair.iter().copied().max().unwrap_or(0))
                .collect();
            self.seconds *= 2.0;
            return self.add(at_seconds, bytes);
        }
        // A look that came late leaves a gap, which is filled with what was seen last.
        let last = self.most.last().copied().unwrap_or(bytes);
        let length = self.most.len().max(index + 1);
        self.most.resize(length, last);
        self.most[index] = self.most[index].max(bytes);
    }
}

struct Seen {
    points: Points,
    /// Since the phase began.
    peak: Peak,
    high_water: u64,
}

/// A process that is watched. Dropping it ends the watching.
pub struct Watch {
    process: u32,
    began: Instant,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    phases: Vec<Phase>,
}

impl Watch {
    /// Watches a process from now on.
    pub fn start(process: u32) -> Self {
        let points = Points {
            seconds: POINT_SECONDS,
            most: Vec::new(),
        };
        let seen = Arc::new(Mutex::new(Seen {
            points,
            peak: Peak::default(),
            high_water: 0,
        }));
        let (stop, began) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let thread = std::thread::spawn({
            let (seen, stop) = (seen.clone(), stop.clone());
            move || {
                while !stop.load(Ordering::Relaxed)
                    && let Some(memory) = look(process)
                {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    let at_seconds = began.elapsed().as_secs_f64();
                    seen.points.add(at_seconds, memory.resident);
                    seen.peak.resident = seen.peak.resident.max(memory.resident);
                    seen.peak.anonymous = seen.peak.anonymous.max(memory.anonymous);
                    seen.high_water = memory.high_water;
                    drop(seen);
                    std::thread::sleep(LOOK_INTERVAL);
                }
            }
        });
        Self {
            process,
            began,
            seen,
            stop,
            thread: Some(thread),
            phases: Vec::new(),
        }
    }

    /// Does `work` as a phase: what it gives, what the process took at most meanwhile, and how long it took in seconds.
    pub async fn phase<T>(&mut self, name: &str, work: impl Future<Output = T>) -> (T, Peak, f64) {
        let set_back = set_back(self.process);
        self.seen().peak = Peak::default();
        let from_seconds = self.began.elapsed().as_secs_f64();
        let done = work.await;
        let to_seconds = self.began.elapsed().as_secs_f64();
        let now = look(self.process);
        let mut peak = {
            let seen = self.seen();
            let mut peak = seen.peak;
            peak.anonymous = peak.anonymous.max(now.map_or(0, |now| now.anonymous));
            if set_back {
                // A process that has ended is asked in vain: then it is what was seen last.
                let high_water = now.map_or(seen.high_water, |now| now.high_water);
                peak.resident = peak.resident.max(high_water);
            }
            peak
        };
        peak.resident = peak.resident.max(peak.anonymous);
        self.phases.push(Phase {
            name: name.to_owned(),
            from_seconds,
            to_seconds,
        });
        (done, peak, to_seconds - from_seconds)
    }

    /// The points so far (seconds, bytes) and the phases that have ended.
    pub fn history(&self) -> (Vec<(f64, f64)>, Vec<Phase>) {
        let seen = self.seen();
        let points = seen.points.most.iter().enumerate();
        let points =
            points.map(|(index, bytes)| (index as f64 * seen.points.seconds, *bytes as f64));
        (points.collect(), self.phases.clone())
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ends within one look.
            let _ = thread.join();
        }
    }
}

/// What a process holds; nothing where it has ended.
pub fn look(process: u32) -> Option<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    memory_of(&status)
}

fn memory_of(status: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1_024)
    };
    Some(Memory {
        high_water: bytes("VmHWM:")?,
        resident: bytes("VmRSS:")?,
        anonymous: bytes("RssAnon:")?,
    })
}

/// Sets the high-water mark back to what is resident now
/// (<https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html>), and says whether that was allowed.
fn set_back(process: u32) -> bool {
    std::fs::write(format!("/proc/{process}/clear_refs"), "5").is_ok()
}
