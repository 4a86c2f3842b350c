//! The service under test: `sluicegate serve` and `sluicegate worker` as child processes.

use std::time::Duration;

use crate::api::Api;
use crate::eventually;
use crate::process::{Ended, Running, Sluicegate};

/// How long a server may take to listen.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// What `serve` prints before its address, once it listens.
const LISTENING: &str = "Listening on ";

/// A server that listens. Dropping it kills it.
pub struct Service {
    running: Running,
    /// A client of it, without a key.
    pub api: Api,
}

impl Service {
    /// Starts `sluicegate serve ARGS` in `place`, on a free port, and waits until it listens.
    ///
    /// # Panics
    /// Where it ends, or does not listen in time.
    pub async fn start(place: &Sluicegate, args: &[&str]) -> Service {
        let mut running = place.start([&["serve", "--port", "0"], args].concat());
        let mut base = None;
        eventually("the server listens", START_DEADLINE, async || {
            assert!(
                running.runs(),
                "the server has ended: {}{}",
                running.stdout(),
                running.stderr()
            );
            base = running
                .stdout()
                .lines()
                .find_map(|line| line.strip_prefix(LISTENING).map(str::to_owned));
            base.is_some()
        })
        .await;
        Service {
            api: Api::new(&base.unwrap_or_default()),
            running,
        }
    }

    /// What it has logged.
    pub fn stderr(&self) -> String {
        self.running.stderr()
    }

    /// What it has printed.
    pub fn stdout(&self) -> String {
        self.running.stdout()
    }

    /// Its number.
    pub fn process(&self) -> u32 {
        self.running.process()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.running.runs()
    }

    /// Sends a signal ([`Running::signal`]).
    ///
    /// # Panics
    /// Where it has ended.
    pub async fn signal(&mut self, name: &str) {
        self.running.signal(name).await;
    }

    /// SIGTERM, and the end ([`Running::stop`]).
    ///
    /// # Panics
    /// Where it has ended before, or does not end in the time that it promises.
    pub async fn stop(self) -> Ended {
        self.running.stop().await
    }

    /// SIGKILL, and the end.
    pub async fn kill(self) -> Ended {
        self.running.kill().await
    }

    /// Waits for the end.
    pub async fn end(self) -> Ended {
        self.running.end().await
    }
}
