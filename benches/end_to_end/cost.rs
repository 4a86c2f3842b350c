//! What work cost: time, processor time and memory, as Linux's `/proc` tells them. 0 where there is no such file.

use std::time::Instant;

/// What one turn cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Seconds that passed.
    pub seconds: f64,
    /// Processor time of the process that did the work, in seconds.
    pub busy_seconds: f64,
    /// Processor time of the server, in seconds.
    pub server_seconds: f64,
    /// The most memory that the process had resident since its start, in bytes.
    pub peak_rss_bytes: u64,
}

impl Cost {
    /// Runs `work` in this process and measures it; the server's part is for somebody else to fill in.
    pub fn of(work: impl FnOnce()) -> Self {
        let (from, busy) = (Instant::now(), busy_seconds("self"));
        work();
        Self {
            seconds: from.elapsed().as_secs_f64(),
            busy_seconds: busy_seconds("self") - busy,
            server_seconds: 0.0,
            peak_rss_bytes: peak_rss_bytes(),
        }
    }
}

/// Processor time of a process so far, by its number or `self`: fields 14 and 15 of its `stat`, in hundredths of a second
/// (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
pub fn busy_seconds(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// `VmHWM` of this process, in bytes.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The middle one of the values, the upper one of two; NaN where there is none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    share(values, 0.5)
}

/// The value that this share of the values lies below; NaN where there is none.
pub fn share(values: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}
