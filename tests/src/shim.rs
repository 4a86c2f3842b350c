//! A hand inside the program under test: a wrong wall clock and a full disk, by a small C library that is preloaded
//! into it (`shim/shim.c`, Linux only).
//!
//! Promises: it reaches only the processes that are given its variables, and of those only the wall clock, or the files
//! in one folder. It is compiled once, into the folder of the test that runs.
//! Never: changes what a file holds already.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

const SOURCE: &str = include_str!("shim/shim.c");

/// The environment of a process whose wall clock is ahead by so many seconds, or behind.
///
/// # Panics
/// Where there is no C compiler.
pub fn wrong_clock(offset_seconds: i64) -> Vec<(String, OsString)> {
    vec![
        preload(),
        (
            "SHIM_CLOCK_OFFSET_S".to_owned(),
            offset_seconds.to_string().into(),
        ),
    ]
}

/// A disk that can be full, as the processes see it that are given its environment. It has room at first.
pub struct Disk {
    /// Holds the file that says so.
    flag: TempDir,
    folder: PathBuf,
}

impl Disk {
    /// The disk of `folder`, which is there.
    ///
    /// # Panics
    /// Where it is not there.
    pub fn of(folder: &Path) -> Self {
        let flag = tempfile::Builder::new()
            .prefix("sluicegate-disk-")
            .tempdir();
        let real = folder
            .canonicalize()
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self {
            flag: flag.unwrap_or_else(|error| panic!("no folder for a flag: {error}")),
            folder: real,
        }
    }

    /// What a process needs to see it.
    ///
    /// # Panics
    /// Where there is no C compiler.
    pub fn env(&self) -> Vec<(String, OsString)> {
        let text = |name: &str, path: &Path| (name.to_owned(), path.as_os_str().to_owned());
        vec![
            preload(),
            text("SHIM_FULL_WHILE", &self.flag()),
            text("SHIM_FULL_UNDER", &self.folder),
        ]
    }

    /// From now on no file in the folder grows.
    ///
    /// # Panics
    /// Where that cannot be said.
    pub fn fill(&self) {
        let flag = self.flag();
        std::fs::write(&flag, "").unwrap_or_else(|error| panic!("{}: {error}", flag.display()));
    }

    /// There is room again.
    ///
    /// # Panics
    /// Where it is not full.
    pub fn make_room(&self) {
        let flag = self.flag();
        std::fs::remove_file(&flag).unwrap_or_else(|error| panic!("{}: {error}", flag.display()));
    }

    fn flag(&self) -> PathBuf {
        self.flag.path().join("full")
    }
}

fn preload() -> (String, OsString) {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    let library = LIBRARY.get_or_init(compiled);
    ("LD_PRELOAD".to_owned(), library.clone().into())
}

/// The library beside the running test, compiled where this text of it is not there yet.
fn compiled() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_else(|error| panic!("no test runs: {error}"));
    let folder = test.parent().unwrap_or(Path::new("/"));
    let mut hasher = DefaultHasher::new();
    SOURCE.hash(&mut hasher);
    let library = folder.join(format!("shim-{:016x}.so", hasher.finish()));
    if library.exists() {
        return library;
    }
    let scratch = tempfile::tempdir_in(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let (source, made) = (
        scratch.path().join("shim.c"),
        scratch.path().join("shim.so"),
    );
    std::fs::write(&source, SOURCE).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let output = Command::new(&compiler)
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-o"])
        .args([&made, &source])
        .output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "{}: {error}. These tests need a C compiler: install one as `cc`, or name it in CC",
            compiler.display()
        )
    });
    assert!(
        output.status.success(),
        "{} does not compile tests/src/shim/shim.c:\n{}",
        compiler.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    // Another process may have made the same one: either is as good.
    std::fs::rename(&made, &library)
        .unwrap_or_else(|error| panic!("{}: {error}", library.display()));
    library
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    /// What the first line says that a shell prints, and whether it ended well.
    fn shell(script: &str, env: Vec<(String, OsString)>) -> (String, bool) {
        let output = Command::new("sh")
            .args(["-c", script])
            .envs(env)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (text.trim().to_owned(), output.status.success())
    }

    #[test]
    fn a_clock_is_wrong_by_what_was_said() {
        let here = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        for offset in [-600, 0, 600] {
            let (told, _) = shell("date +%s", wrong_clock(offset));
            let told = Duration::from_secs(told.parse().unwrap()).as_secs_f64();
            let off = told - here.as_secs_f64() - offset as f64;
            assert!(off.abs() < 60.0, "{offset}: {off}");
        }
    }

    #[test]
    fn a_full_disk_takes_nothing_more_and_keeps_what_it_has() {
        let (on_it, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let disk = Disk::of(on_it.path());
        let file = on_it.path().join("a");
        let write = |text: &str, into: &Path| {
            let script = format!("printf {text} >> {}", into.display());
            shell(&script, disk.env()).1
        };
        assert!(write("one", &file));
        disk.fill();
        assert!(!write("two", &file));
        assert!(write("two", &beside.path().join("a")));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one");
        // What is there may be written over.
        let over = format!("printf onetwo 1<> {}", file.display());
        shell(&over, disk.env());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one");
        disk.make_room();
        assert!(write("two", &file));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "onetwo");
    }
}
