//! What a figure was measured on, and processor time, from Linux's `/proc`.

use std::fs::read_to_string;

/// Ticks of a second in `/proc`: what the kernel tells user space on every architecture.
const TICKS: f64 = 100.0;

/// Cores, memory and the load of the last minute, for people.
pub fn says() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|total| total.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{cores} cores, {:.0} GB of memory, load {}",
        kib.unwrap_or(f64::NAN) * 1024.0 / 1e9,
        load.split(' ').next().unwrap_or("unknown")
    )
}

/// Processor time of a process so far, user and system, in seconds; 0 where there is none.
pub fn cpu_seconds(process: u32) -> f64 {
    ticks(&format!("/proc/{process}/stat"), 11)
}

/// Processor time of all processes that this one has started and waited for, in seconds.
pub fn cpu_seconds_of_children() -> f64 {
    ticks("/proc/self/stat", 13)
}

/// The sum of two fields of a `stat`, `skipped` fields behind the state
/// (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
fn ticks(path: &str, skipped: usize) -> f64 {
    let stat = read_to_string(path).unwrap_or_default();
    // The name, in brackets, may hold anything.
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = behind_name.split_whitespace().skip(skipped).take(2);
    fields
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS
}

/// The value in the middle, or what is halfway between the two there. NaN where there is none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    f64::midpoint(at(values.len().saturating_sub(1) / 2), at(values.len() / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_where_it_was_done() {
        let before = cpu_seconds_of_children();
        let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let ended = std::process::Command::new("sh")
            .args(["-c", script])
            .status();
        assert!(ended.unwrap().success());
        assert!(cpu_seconds_of_children() > before);
        assert_eq!(cpu_seconds(0), 0.0, "no process has that number");
    }

    #[test]
    fn the_median_is_the_value_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 9.0].into_iter()), 3.0);
        assert!(median(std::iter::empty()).is_nan());
    }
}
