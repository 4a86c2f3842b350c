//! A hard limit on the memory of a process: a control group where one can be made, else the limit of the process itself.
//!
//! Promises: each limit holds the processes of its own script alone; a program is started inside of it and keeps its number; what holds it, and what that means, is told; a
//! group that was made is removed. A control group counts what the kernel counts: resident memory, and the pages of
//! files that the group has read or written, which the kernel takes back before it kills.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many groups this process has made: their names are never used again.
static GROUPS: AtomicU64 = AtomicU64::new(0);

/// A limit that processes can be started in.
pub struct Limit {
    /// How much, in bytes.
    pub bytes: u64,
    holder: Holder,
}

enum Holder {
    /// A group of cgroup v2.
    Unified(PathBuf),
    /// A group of the memory controller of cgroup v1.
    Memory(PathBuf),
    /// A scope of systemd, of the system or of the user.
    Scope(&'static str),
    /// `RLIMIT_DATA`.
    Data,
}

impl Limit {
    /// `RLIMIT_DATA`, which every machine has.
    pub fn of_data(bytes: u64) -> Self {
        Self {
            bytes,
            holder: Holder::Data,
        }
    }

    /// The limit that says most on this machine: a control group where one can be made, else [`Self::of_data`].
    pub fn of(bytes: u64) -> Self {
        let holder = unified(bytes).or_else(|| memory(bytes)).or_else(|| {
            let scopes = ["--system", "--user"].into_iter();
            scopes.map(Holder::Scope).find(|scope| {
                let Some(words) = scope.words(bytes) else {
                    return false;
                };
                let tried = Command::new(&words[0])
                    .args(&words[1..])
                    .arg("true")
                    .output();
                tried.is_ok_and(|tried| tried.status.success())
            })
        });
        Self {
            bytes,
            holder: holder.unwrap_or(Holder::Data),
        }
    }

    /// Writes a shell script to `path` that runs `binary` with its own arguments inside the limit, as the same process.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_script(&self, path: &Path, binary: &Path) -> io::Result<()> {
        fs::write(path, self.script(&fs::canonicalize(binary)?))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
    }

    fn script(&self, binary: &Path) -> String {
        let binary = quoted(&binary.to_string_lossy());
        let enter = match &self.holder {
            Holder::Unified(group) | Holder::Memory(group) => {
                let procs = group.join("cgroup.procs");
                format!("echo $$ >{}\nexec", quoted(&procs.to_string_lossy()))
            }
            Holder::Scope(_) => {
                let words = self.holder.words(self.bytes).unwrap_or_default();
                format!("exec {}", words.join(" "))
            }
            Holder::Data => format!("ulimit -d {}\nexec", self.bytes / 1024),
        };
        format!("#!/bin/sh\nset -e\n{enter} {binary} \"$@\"\n")
    }

    /// What holds it, for people.
    pub fn says(&self) -> String {
        let megabytes = self.bytes / 1_000_000;
        match &self.holder {
            Holder::Unified(group) => format!("{megabytes} MB by cgroup v2 ({})", group.display()),
            Holder::Memory(group) => format!("{megabytes} MB by cgroup v1 ({})", group.display()),
            Holder::Scope(which) => format!("{megabytes} MB by systemd-run --scope {which}"),
            Holder::Data => format!(
                "{megabytes} MB by RLIMIT_DATA: all private memory that it may map to write to, resident or not"
            ),
        }
    }

    /// How often the kernel has killed for this limit; nothing where that is not counted.
    pub fn kills(&self) -> Option<u64> {
        let path = match &self.holder {
            Holder::Unified(group) => group.join("memory.events"),
            Holder::Memory(group) => group.join("memory.oom_control"),
            Holder::Scope(_) | Holder::Data => return None,
        };
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line?.trim().parse().ok()
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        if let Holder::Unified(group) | Holder::Memory(group) = &self.holder {
            // It is empty once its process has ended; one that is left is empty too, and costs nothing.
            let _ = fs::remove_dir(group);
        }
    }
}

impl Holder {
    /// The command line that comes before the program's own.
    fn words(&self, bytes: u64) -> Option<Vec<String>> {
        let Self::Scope(which) = self else {
            return None;
        };
        let fixed = ["systemd-run", which, "--scope", "--quiet"].map(str::to_owned);
        let limits = [
            "-p".to_owned(),
            format!("MemoryMax={bytes}"),
            "-p".to_owned(),
            "MemorySwapMax=0".to_owned(),
        ];
        Some(fixed.into_iter().chain(limits).collect())
    }
}

/// The control group of this process in the hierarchy whose line in `/proc/self/cgroup` begins so, and the root: a group
/// is made below the first of them that allows it.
fn parents(root: &str, line_begins: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let all = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let line = all.lines().find(|line| line_begins(line));
    let own = line.and_then(|line| line.splitn(3, ':').nth(2));
    let own = own.map(|own| Path::new(root).join(own.trim_start_matches('/')));
    own.into_iter().chain([PathBuf::from(root)]).collect()
}

fn unified(bytes: u64) -> Option<Holder> {
    let parents = parents("/sys/fs/cgroup", |line| line.starts_with("0::"));
    let made = parents.into_iter().find_map(|parent| {
        let controllers = fs::read_to_string(parent.join("cgroup.controllers")).ok()?;
        if !controllers.split_whitespace().any(|name| name == "memory") {
            return None;
        }
        // Groups below have the controller only where their parent hands it on.
        let _ = fs::write(parent.join("cgroup.subtree_control"), "+memory");
        group(&parent, |group| {
            // Without swap there may be no such file.
            let _ = fs::write(group.join("memory.swap.max"), "0");
            fs::write(group.join("memory.max"), bytes.to_string()).is_ok()
        })
    });
    made.map(Holder::Unified)
}

fn memory(bytes: u64) -> Option<Holder> {
    let parents = parents("/sys/fs/cgroup/memory", |line| line.contains(":memory:"));
    let made = parents.into_iter().find_map(|parent| {
        group(&parent, |group| {
            let file = group.join("memory.limit_in_bytes");
            fs::write(file, bytes.to_string()).is_ok()
        })
    });
    made.map(Holder::Memory)
}

/// A new group below `parent`, where `limited` can set its limit.
fn group(parent: &Path, limited: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let (process, number) = (std::process::id(), GROUPS.fetch_add(1, Ordering::Relaxed));
    let group = parent.join(format!("sluicegate-memory-{process}-{number}"));
    fs::create_dir(&group).ok()?;
    if limited(&group) && group.join("cgroup.procs").exists() {
        return Some(group);
    }
    let _ = fs::remove_dir(&group);
    None
}

/// A word of a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
