//! The program under test as a child process.
//!
//! Promises: a folder of its own as working directory and home, an environment that holds nothing of the machine's but
//! `PATH` and `TMPDIR`, output and peak memory kept, and no child left behind.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// How long a run may take, unless [`Sluicegate::deadline`] says otherwise.
const DEADLINE: Duration = Duration::from_secs(300);

/// How long the service may take to end after SIGTERM: the 10 s that it promises, and 2 s for a machine that is busy.
const STOP_DEADLINE: Duration = Duration::from_secs(10 + 2);

/// How often a run's memory is looked at. The peak is the kernel's own high-water mark, so only what is taken within the
/// last interval before the end can be missed.
const MEMORY_INTERVAL: Duration = Duration::from_millis(5);

/// A place to run the program in, any number of times.
pub struct Sluicegate {
    binary: PathBuf,
    folder: TempDir,
    environment: Vec<(OsString, OsString)>,
    deadline: Duration,
}

/// A run that goes on. Dropping it kills it.
pub struct Running {
    child: Child,
    memory: JoinHandle<u64>,
    /// Holds standard output and error.
    outputs: TempDir,
    deadline: Duration,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The most memory that was resident at once.
    pub peak_rss_bytes: u64,
}

impl Sluicegate {
    /// A new place for `binary`, usually `env!("CARGO_BIN_EXE_sluicegate")`.
    ///
    /// # Panics
    /// Where no folder can be made.
    pub fn new(binary: impl Into<PathBuf>) -> Sluicegate {
        let folder = tempfile::Builder::new().prefix("sluicegate-run-").tempdir();
        let folder = folder.unwrap_or_else(|error| panic!("no folder to run in: {error}"));
        Sluicegate {
            binary: binary.into(),
            folder,
            environment: Vec::new(),
            deadline: DEADLINE,
        }
    }

    /// Adds a variable to every run's environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Sluicegate {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Adds variables to every run's environment, those of [`crate::s3::S3::env`] say.
    pub fn envs<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Sluicegate {
        self.environment.extend(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        self
    }

    /// How long a run may take: 5 min where this is not called.
    pub fn deadline(mut self, deadline: Duration) -> Sluicegate {
        self.deadline = deadline;
        self
    }

    /// The working directory of every run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the working directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the working directory.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, contents)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Runs the program to its end, with nothing on standard input.
    ///
    /// # Panics
    /// Where it does not start or does not end.
    pub async fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ended {
        self.start(args).end().await
    }

    /// Runs the program to its end with `input` on standard input.
    ///
    /// # Panics
    /// Where it does not start or does not end.
    pub async fn run_with_stdin<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: Vec<u8>,
    ) -> Ended {
        let mut running = self.spawn(args, Stdio::piped());
        let pipe = running.child.stdin.take();
        let fed = tokio::spawn(async move {
            if let Some(mut pipe) = pipe {
                // The program may end before it has read everything.
                let _ = pipe.write_all(&input).await;
            }
        });
        let ended = running.end().await;
        fed.abort();
        ended
    }

    /// Starts the program, with nothing on standard input.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Running {
        self.spawn(args, Stdio::null())
    }

    fn spawn<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, stdin: Stdio) -> Running {
        let outputs = tempfile::Builder::new()
            .prefix("sluicegate-output-")
            .tempdir();
        let outputs = outputs.unwrap_or_else(|error| panic!("no folder for output: {error}"));
        let output = |name: &str| -> Stdio {
            let path = outputs.path().join(name);
            File::create(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
                .into()
        };
        let inherited = ["PATH", "TMPDIR"].map(|name| (name, std::env::var_os(name)));
        let child = Command::new(&self.binary)
            .args(args)
            .env_clear()
            .envs(
                inherited
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("HOME", self.folder.path())
            // Without keys the SDK would ask a metadata service on the network.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(stdin)
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        // A thread, because the test may block its own runtime.
        let process = child.id();
        let memory = std::thread::spawn(move || watch_memory(process));
        Running {
            child,
            memory,
            outputs,
            deadline: self.deadline,
        }
    }
}

impl Running {
    /// What the program has written to standard output so far.
    pub fn stdout(&self) -> String {
        self.output("stdout")
    }

    /// What the program has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.output("stderr")
    }

    /// The number of the process; 0 once it has been waited for.
    pub fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Whether the program still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal by its name without `SIG`: `INT`, `TERM`, `STOP`, `CONT`.
    ///
    /// # Panics
    /// Where the program has ended.
    pub async fn signal(&mut self, name: &str) {
        assert!(
            self.runs(),
            "SIG{name} to a program that has ended: {}",
            self.stderr()
        );
        // The child keeps its number until it is waited for, which only `self` does.
        let process = self.child.id().unwrap_or_default().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "kill", name, &process])
            .status()
            .await;
        assert!(
            sent.is_ok_and(|status| status.success()),
            "SIG{name} cannot be sent"
        );
    }

    /// SIGKILL, and the end.
    ///
    /// # Panics
    /// Where the program outlives that.
    pub async fn kill(mut self) -> Ended {
        // A program that has ended by itself needs no signal.
        let _ = self.child.start_kill();
        self.end().await
    }

    /// SIGKILL as soon as `condition` holds, looked at every 2 ms. A program that ends first is told by its exit code.
    ///
    /// # Panics
    /// Where neither comes before the deadline.
    pub async fn kill_when(mut self, mut condition: impl AsyncFnMut(&Running) -> bool) -> Ended {
        let deadline = self.deadline;
        let reached = tokio::time::timeout(deadline, async {
            while self.runs() && !condition(&self).await {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        assert!(
            reached.await.is_ok(),
            "after {deadline:?} neither the condition nor the end\n{}",
            self.stderr()
        );
        self.kill().await
    }

    /// SIGTERM, and the end, which the program promises within 10 s.
    ///
    /// # Panics
    /// Where it has ended before, or breaks its promise.
    pub async fn stop(mut self) -> Ended {
        self.signal("TERM").await;
        self.end_within(STOP_DEADLINE).await
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// Where the program still runs after the deadline.
    pub async fn end(self) -> Ended {
        let deadline = self.deadline;
        self.end_within(deadline).await
    }

    async fn end_within(mut self, deadline: Duration) -> Ended {
        let waited = tokio::time::timeout(deadline, self.child.wait()).await;
        let Ok(Ok(status)) = waited else {
            panic!(
                "the program has not ended after {deadline:?}\n{}",
                self.stderr()
            );
        };
        let (stdout, stderr) = (self.stdout(), self.stderr());
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr,
            // The child has been waited for, so this takes one interval at most.
            peak_rss_bytes: self.memory.join().unwrap_or(0),
        }
    }

    fn output(&self, name: &str) -> String {
        let bytes = std::fs::read(self.outputs.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The kernel's high-water mark of a process's resident memory, from Linux's `/proc`, when it was last there to be read.
fn watch_memory(process: Option<u32>) -> u64 {
    let process = process.unwrap_or_default();
    let mut peak_bytes = 0;
    while let Some(bytes) = peak_rss_bytes(process) {
        peak_bytes = bytes.max(peak_bytes);
        std::thread::sleep(MEMORY_INTERVAL);
    }
    peak_bytes
}

/// The kernel's high-water mark of the resident memory of the process with this number (`VmHWM`), in bytes; none once it
/// has ended.
pub fn peak_rss_bytes(process: u32) -> Option<u64> {
    // A zombie has a status without memory: the end either way.
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    high_water_bytes(&status)
}

fn high_water_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests;
