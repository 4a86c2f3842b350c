//! What the process takes of its machine: memory, processor time, open files, and the room that is left in `DATA_DIR`.
//!
//! The names and meanings are those that Prometheus's own clients use (`process_…`), so that any dashboard knows them. It is
//! measured on a timer, never within a scrape: a disk that hangs holds up nobody who asks. What a machine does not tell
//! (other systems than Linux have no `/proc`) is left as it was, and nothing is ever guessed: where there is no `DATA_DIR`,
//! because MongoDB and a bucket keep everything, no room is told.

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rustix::fs::statvfs;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// A gauge that is not told before it was measured: its 0 would be read as a full disk.
#[derive(Clone, Debug, Default)]
struct Measured(Arc<OnceLock<Gauge>>);

impl Measured {
    fn set(&self, value: i64) {
        let first = || {
            let gauge = Gauge::default();
            gauge.set(value);
            gauge
        };
        self.0.get_or_init(first).set(value);
    }
}

impl EncodeMetric for Measured {
    fn encode(&self, encoder: MetricEncoder) -> std::fmt::Result {
        self.0.get().map_or(Ok(()), |gauge| gauge.encode(encoder))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }

    fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }
}

/// What is measured.
#[derive(Default)]
pub struct Usage {
    resident_bytes: Gauge,
    cpu_seconds: Counter<f64, AtomicU64>,
    open_fds: Gauge,
    max_fds: Gauge,
    start_seconds: Gauge<f64, AtomicU64>,
    free_bytes: Measured,
}

impl Usage {
    /// Shows the process's own in `root`, and the room in the folder of data in `own`, where names have the service's prefix.
    pub fn register(&self, root: &mut Registry) {
        let Self {
            resident_bytes,
            cpu_seconds,
            open_fds,
            max_fds,
            start_seconds,
            free_bytes: _,
        } = self;
        root.register_with_unit(
            "process_resident_memory",
            "Memory of the process that is in RAM",
            Unit::Bytes,
            resident_bytes.clone(),
        );
        root.register_with_unit(
            "process_cpu",
            "Processor time that the process has used",
            Unit::Seconds,
            cpu_seconds.clone(),
        );
        root.register(
            "process_open_fds",
            "Open file descriptors",
            open_fds.clone(),
        );
        root.register(
            "process_max_fds",
            "How many file descriptors may be open",
            max_fds.clone(),
        );
        root.register_with_unit(
            "process_start_time",
            "When the process began, since 1970",
            Unit::Seconds,
            start_seconds.clone(),
        );
    }

    /// Shows the room in the folder of data, in a registry whose names have the service's prefix.
    pub fn register_room(&self, own: &mut Registry) {
        own.register_with_unit(
            "data_dir_free",
            "Room that is left for the service on the disk of DATA_DIR",
            Unit::Bytes,
            self.free_bytes.clone(),
        );
    }

    /// Notes that the process began `age` ago.
    pub fn began(&self, age: Duration) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let start = since.unwrap_or_default().saturating_sub(age);
        self.start_seconds.set(start.as_secs_f64());
    }

    /// Measures anew. May wait for the disk.
    pub fn measure(&self, data_dir: &Path) {
        if let Some(kib) = resident_kib() {
            self.resident_bytes.set(kib.saturating_mul(1024));
        }
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        self.cpu_seconds
            .inc_by((seconds - self.cpu_seconds.get()).max(0.0));
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // The folder itself is open while it is read.
            let open = open.count().saturating_sub(1);
            self.open_fds.set(i64::try_from(open).unwrap_or(i64::MAX));
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            self.max_fds.set(i64::try_from(most).unwrap_or(i64::MAX));
        }
        if let Ok(disk) = statvfs(data_dir) {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            self.free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
        }
    }
}

/// Memory in RAM, in KiB, as Linux tells it.
fn resident_kib() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_memory_time_and_files_and_leaves_room() {
        let usage = Usage::default();
        usage.began(Duration::from_secs(1));
        let folder = tempfile::tempdir().unwrap();
        usage.measure(folder.path());
        let first = usage.cpu_seconds.get();
        usage.measure(folder.path());
        assert!(usage.resident_bytes.get() > 1 << 20);
        assert!(usage.cpu_seconds.get() >= first && first > 0.0);
        assert!((1..=usage.max_fds.get()).contains(&usage.open_fds.get()));
        assert!(usage.start_seconds.get() > 1e9);
    }

    #[test]
    fn the_room_is_told_once_there_is_a_folder_of_data_and_stays_as_it_was_when_it_is_gone() {
        let (usage, mut registry) = (Usage::default(), Registry::default());
        usage.register_room(&mut registry);
        let told = || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix("data_dir_free_bytes "));
            assert_eq!(value.is_some(), text.contains("data_dir_free"), "{text}");
            value.map(|value| value.parse::<u64>().unwrap())
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        usage.measure(&data);
        assert_eq!(told(), None);
        std::fs::create_dir(&data).unwrap();
        usage.measure(&data);
        let room = told();
        assert!(room.is_some_and(|room| room > 0), "{room:?}");
        std::fs::remove_dir(&data).unwrap();
        usage.measure(&data);
        assert_eq!(told(), room);
    }
}
