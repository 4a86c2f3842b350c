//! What work cost: time, processor time and memory, as Linux's `/proc` tells them. 0 where there is no such file.

use benches::machine::cpu_seconds;
use std::process::id;
use std::time::Instant;

/// What one turn cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Seconds that passed.
    pub seconds: f64,
    /// Processor time of the process that did the work, in seconds.
    pub cpu_seconds: f64,
    /// Processor time of the server, in seconds.
    pub server_seconds: f64,
    /// The most memory that the process had resident since its start, in bytes.
    pub peak_rss_bytes: u64,
}

impl Cost {
    /// Runs `work` in this process and measures it; the server's part is for somebody else to fill in.
    pub fn of(work: impl FnOnce()) -> Self {
        let (from, cpu) = (Instant::now(), cpu_seconds(id()));
        work();
        Self {
            seconds: from.elapsed().as_secs_f64(),
            cpu_seconds: cpu_seconds(id()) - cpu,
            server_seconds: 0.0,
            peak_rss_bytes: peak_rss_bytes(),
        }
    }
}

/// `VmHWM` of this process, in bytes.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
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
