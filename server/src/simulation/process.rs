//! A simulated process: a runtime of its own, with a clock of its own, on which the real workers run.
//!
//! Killing it drops the runtime with everything on it at once, as SIGKILL does. Stopping it does not poll it any more;
//! when it goes on, its clock has jumped, and what was due meanwhile is due all at once, as behind SIGSTOP and SIGCONT.

use super::network::Link;
use crate::service::Service;
use crate::worker::Workers;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{advance, sleep_until};

/// A time that never comes.
const NOT_YET: u64 = u64::MAX;

/// A runtime whose clock stands until it is moved.
pub fn runtime() -> Runtime {
    let builder = &mut Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

/// A process.
pub struct Process {
    runtime: Runtime,
    pub link: Arc<Link>,
    workers: Option<Workers>,
    /// How far it has run, in milliseconds.
    pub local_ms: u64,
    /// Whether it is stopped.
    pub is_stopped: bool,
    /// When it was told to end, in milliseconds.
    pub closing_ms: Option<u64>,
    /// When it had done what it was to do, in milliseconds; [`NOT_YET`] before.
    ended_ms: Arc<AtomicU64>,
}

impl Process {
    /// A process of workers.
    pub fn of_workers(link: Arc<Link>, now_ms: u64, service: Service) -> Self {
        let mut process = Self::new(link, now_ms);
        let _here = process.runtime.enter();
        let name = format!("process-{}", process.link.process);
        let work = process.runtime.handle().clone();
        process.workers = Some(Workers::start(service, name, work));
        drop(_here);
        process
    }

    /// A process that does `script`, and ends.
    pub fn of_script(
        link: Arc<Link>,
        now_ms: u64,
        script: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let process = Self::new(link, now_ms);
        let (link, ended_ms) = (process.link.clone(), process.ended_ms.clone());
        process.runtime.spawn(async move {
            script.await;
            ended_ms.store(link.now_ms(), Ordering::Relaxed);
        });
        process
    }

    fn new(link: Arc<Link>, now_ms: u64) -> Self {
        let runtime = runtime();
        {
            let _here = runtime.enter();
            link.moment(now_ms);
        }
        Self {
            runtime,
            link,
            workers: None,
            local_ms: now_ms,
            is_stopped: false,
            closing_ms: None,
            ended_ms: Arc::new(AtomicU64::new(NOT_YET)),
        }
    }

    /// When it had done what it was to do, in milliseconds.
    pub fn ended_ms(&self) -> Option<u64> {
        let ended_ms = self.ended_ms.load(Ordering::Relaxed);
        (ended_ms != NOT_YET).then_some(ended_ms)
    }

    /// Whether it claims jobs.
    pub fn is_worker(&self) -> bool {
        self.workers.is_some() && self.closing_ms.is_none()
    }

    /// Lets it run until `at_ms`, or until it has sent something.
    pub fn run_until(&mut self, at_ms: u64) {
        let link = &self.link;
        self.local_ms = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = link.sent.notified() => {}
                () = sleep_until(link.moment(at_ms)) => {}
            }
            link.now_ms()
        });
    }

    /// It goes on, at `now_ms`.
    pub fn go_on(&mut self, now_ms: u64) {
        self.is_stopped = false;
        let link = &self.link;
        self.local_ms = self.runtime.block_on(async {
            let gap_ms = now_ms.saturating_sub(link.now_ms());
            advance(std::time::Duration::from_millis(gap_ms)).await;
            link.now_ms()
        });
    }

    /// Tells it to end by itself.
    pub fn close(&mut self, now_ms: u64) {
        self.closing_ms = Some(now_ms);
        if let Some(workers) = self.workers.take() {
            let (link, ended_ms) = (self.link.clone(), self.ended_ms.clone());
            self.runtime.spawn(async move {
                workers.shutdown().await;
                ended_ms.store(link.now_ms(), Ordering::Relaxed);
            });
        }
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(self) {
        self.link.die();
        drop(self.runtime);
    }
}
