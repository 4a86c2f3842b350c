//! A server process that cannot outlive its test.
//!
//! The server is started by a small shell, the watchdog, in a process group of its own. The test holds the write end of a
//! pipe to it: a line is the name of a signal for the server, and the end of the pipe, which comes however the test ends,
//! kills the server and removes its folder.
//!
//! Never: signals a process that it did not start. The shell signals its own child, which keeps its number until the shell
//! has waited for it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// `$1` is the folder to remove when the test is gone; the rest is the server's command line. The shell's standard output
/// is the server's log. Exits as the server did.
const WATCHDOG: &str = r#"
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
(
    while read -r signal; do kill -s "$signal" "$server"; done
    : >"$folder/abandoned"
    kill -s KILL "$server"
) <&3 >/dev/null 2>&1 &
reader=$!
exec 3<&-
wait "$server"
code=$?
kill -s KILL "$reader"
[ ! -e "$folder/abandoned" ] || rm -rf "$folder"
exit "$code"
"#;

/// How long an ended server may take to be gone.
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// A server process, watched, with a folder and a log.
///
/// Dropping it kills the server, waits for its end and removes the folder.
pub struct Watched {
    command: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    child: Option<Child>,
    log_start_bytes: u64,
    folder: TempDir,
}

impl Watched {
    /// Makes an empty folder for a server that is started later. `name` is part of the folder's name.
    ///
    /// # Panics
    /// Where the folder cannot be made.
    pub fn new(name: &str) -> Watched {
        let folder = tempfile::Builder::new()
            .prefix(&format!("sluicegate-{name}-"))
            .tempdir()
            .unwrap_or_else(|error| panic!("no folder for {name}: {error}"));
        Watched {
            command: Vec::new(),
            environment: Vec::new(),
            child: None,
            log_start_bytes: 0,
            folder,
        }
    }

    /// The server's own folder. It is gone when this value is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sets the command line that [`Watched::spawn`] starts.
    pub fn set_command<A: Into<OsString>>(&mut self, command: impl IntoIterator<Item = A>) {
        self.command = command.into_iter().map(Into::into).collect();
    }

    /// Adds a variable to the server's environment.
    pub fn set_env(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Starts the server. A running one is killed first.
    ///
    /// # Panics
    /// Where there is no `sh` or the log cannot be written. That the server itself cannot start shows in
    /// [`Watched::exited`] and [`Watched::log`].
    pub fn spawn(&mut self) {
        self.end("KILL");
        let log = self.open_log();
        self.log_start_bytes = log.metadata().map_or(0, |metadata| metadata.len());
        let errors = log
            .try_clone()
            .unwrap_or_else(|error| panic!("the server's log: {error}"));
        let child = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(self.folder.path())
            .args(&self.command)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            // Apart from the test's group, so that what ends the test's group leaves the watchdog to do its work.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("sh does not start: {error}"));
        self.child = Some(child);
    }

    /// Sends the server a signal by its name without `SIG`, as `KILL`, `TERM`, `STOP` or `CONT`.
    ///
    /// # Panics
    /// Where the server does not run.
    pub fn signal(&mut self, name: &str) {
        let pipe = self.child.as_mut().and_then(|child| child.stdin.as_mut());
        let sent = pipe.is_some_and(|pipe| pipe.write_all(format!("{name}\n").as_bytes()).is_ok());
        assert!(sent, "SIG{name} to a server that does not run");
    }

    /// Sends `signal` and waits until the server is gone. Does nothing where none runs.
    ///
    /// # Panics
    /// Where the server is still there after 30 s.
    pub fn end(&mut self, signal: &str) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        if let Some(pipe) = child.stdin.as_mut() {
            // The server may have ended by itself: then nobody reads, and there is nothing to end.
            let _ = writeln!(pipe, "{signal}");
        }
        let rounds = END_TIMEOUT.as_millis() / 5;
        for _ in 0..rounds {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Dropping the pipe kills what did not listen.
        drop(child.stdin.take());
        let _ = child.wait();
        assert!(
            std::thread::panicking(),
            "the server outlived SIG{signal} by {END_TIMEOUT:?}"
        );
    }

    /// How the server ended, or `None` while it runs or where it was never started.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child
            .as_mut()
            .and_then(|child| child.try_wait().ok().flatten())
    }

    /// Where the server's standard output and error go, over all its starts.
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// What the server has written since its last start.
    pub fn log(&self) -> String {
        let all = std::fs::read(self.log_path()).unwrap_or_default();
        let start = usize::try_from(self.log_start_bytes).unwrap_or(usize::MAX);
        String::from_utf8_lossy(all.get(start..).unwrap_or_default()).into_owned()
    }

    /// The last 20 lines of [`Watched::log`], for a message.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn open_log(&self) -> File {
        let path = self.log_path();
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        opened.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end("KILL");
    }
}

/// A port of 127.0.0.1 that was free a moment ago, from 15,000 to 31,999: below the range from which Linux takes the ports
/// of outgoing connections, so that a server that is down for a moment finds its port again.
///
/// # Panics
/// Where none of 1,000 tried is free.
pub fn free_port() -> u16 {
    use std::hash::{BuildHasher, RandomState};

    let random = RandomState::new();
    (0..1_000u32)
        .map(|round| 15_000 + u16::try_from(random.hash_one(round) % 17_000).unwrap_or_default())
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .unwrap_or_else(|| panic!("no free port on 127.0.0.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(script: &str) -> Watched {
        let mut server = Watched::new("test");
        server.set_command(["sh", "-c", script]);
        server.spawn();
        server
    }

    async fn until_logged(server: &Watched, text: &str) {
        crate::eventually(text, Duration::from_secs(10), async || {
            server.log().contains(text)
        })
        .await;
    }

    #[tokio::test]
    async fn signals_reach_the_server_and_its_end_is_seen() {
        let mut server =
            watched("trap 'echo got it; exit 7' TERM; echo up; while :; do sleep 0.01; done");
        until_logged(&server, "up").await;
        assert!(server.exited().is_none());
        server.signal("TERM");
        crate::eventually("the server's end", Duration::from_secs(10), async || {
            server.exited().is_some()
        })
        .await;
        assert_eq!(server.exited().and_then(|status| status.code()), Some(7));
        assert!(server.log().contains("got it"));
    }

    #[tokio::test]
    async fn a_new_start_has_a_new_log() {
        let mut server = watched("echo start $$; sleep 600");
        until_logged(&server, "start").await;
        let first = server.log();
        server.spawn();
        until_logged(&server, "start").await;
        assert_ne!(server.log(), first);
        assert_eq!(server.log().lines().count(), 1);
    }

    #[tokio::test]
    async fn the_end_of_the_pipe_kills_the_server_and_removes_its_folder() {
        let mut server = watched("echo pid $$; sleep 600");
        until_logged(&server, "pid").await;
        let log = server.log();
        let process = Path::new("/proc").join(log.trim().trim_start_matches("pid "));
        let folder = server.folder().to_owned();
        assert!(process.exists());
        // What the kernel does for a test that was killed.
        drop(server.child.as_mut().and_then(|child| child.stdin.take()));
        crate::eventually("no server", Duration::from_secs(10), async || {
            !process.exists()
        })
        .await;
        crate::eventually("no folder", Duration::from_secs(10), async || {
            !folder.exists()
        })
        .await;
    }

    #[test]
    fn a_dropped_server_is_gone() {
        let server = watched("sleep 600");
        let folder = server.folder().to_owned();
        drop(server);
        assert!(!folder.exists());
    }
}
