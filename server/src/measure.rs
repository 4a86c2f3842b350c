//! What is measured on timers, for metrics and for `/healthz`: the queue, what the process depends on, and what it takes.
//!
//! A scrape reads what was measured last and asks nobody: however often it comes, and however slow a store is, it costs the
//! same. What cannot be measured stays as it was; that a dependency is silent is itself a measure.

use crate::metrics::{Build, ByDependency, ByState};
use crate::queue::State;
use crate::service::Service;
use pipeline::Fatal;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// For how long a dependency may take to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// What a dependency answers that is well.
pub const WELL: &str = "ok";

/// What the process depends on (`mongodb` or `sqlite`, `s3` or `folder`), and what each answered: [`WELL`], `unavailable` or
/// `timeout`. Takes 2 s at most.
pub async fn dependencies(service: &Service) -> BTreeMap<&'static str, &'static str> {
    let stores = &service.stores;
    let (database, objects) =
        tokio::join!(in_time(stores.queue.ping()), in_time(stores.objects.ping()));
    let bytes = match service.config.s3_bucket {
        Some(_) => "s3",
        None => "folder",
    };
    BTreeMap::from([(database_of(service), database), (bytes, objects)])
}

fn database_of(service: &Service) -> &'static str {
    match service.config.mongodb_uri {
        Some(_) => "mongodb",
        None => "sqlite",
    }
}

/// What a dependency answered; why it does not is for the log alone, since anybody may ask.
async fn in_time(ping: impl Future<Output = Result<(), Fatal>>) -> &'static str {
    match timeout(PING_TIMEOUT, ping).await {
        Ok(Ok(())) => WELL,
        Ok(Err(fatal)) => {
            tracing::warn!(%fatal, causes = fatal.causes.join(": "), "a dependency fails");
            "unavailable"
        }
        Err(_) => "timeout",
    }
}

/// Says in the metrics what this process is: `command` is the one that it was started by.
pub fn begin(service: &Service, command: &'static str, age: Duration) {
    let build = Build {
        version: env!("CARGO_PKG_VERSION"),
        command,
        store: database_of(service),
    };
    service.metrics.builds.get_or_create(&build).set(1);
    service.metrics.usage.began(age);
}

/// Measures what the process depends on, and what it takes of its machine.
///
/// # Errors
/// `usage`, when the threads that may wait for a disk are gone.
pub async fn process(service: &Service) -> Result<(), Fatal> {
    for (dependency, answer) in dependencies(service).await {
        let by = ByDependency { dependency };
        let is_well = i64::from(answer == WELL);
        service.metrics.dependencies.get_or_create(&by).set(is_well);
    }
    let (metrics, config) = (service.metrics.clone(), service.config.clone());
    let measured = tokio::task::spawn_blocking(move || metrics.usage.measure(&config.data_dir));
    measured
        .await
        .map_err(|error| Fatal::new("usage", "the process was not measured").because(&error))
}

/// Measures the queue. Says once, unless it `is_told`, that webhooks wait which this process cannot sign.
///
/// # Errors
/// When the store does not answer.
pub async fn queue(service: &Service, is_told: &AtomicBool) -> Result<(), Fatal> {
    let depth = service.stores.queue.depth().await?;
    if depth.pending_webhooks > 0 && !is_told.swap(true, Ordering::Relaxed) {
        let pending = depth.pending_webhooks;
        tracing::warn!(
            pending,
            "webhooks wait: WEBHOOK_SECRET is not set here, and only a process that has it sends them"
        );
    }
    for state in [State::Queued, State::InProgress, State::Held] {
        let jobs = depth.jobs.iter().find(|(other, _)| *other == state);
        let by = ByState {
            state: state.word(),
        };
        let count = jobs.map_or(0, |(_, count)| *count);
        service
            .metrics
            .jobs
            .get_or_create(&by)
            .set(count.cast_signed());
    }
    let pending = depth.pending_webhooks.cast_signed();
    service.metrics.pending_webhooks.set(pending);
    let oldest = Duration::from_millis(depth.oldest_due_ms);
    service.metrics.oldest_due_seconds.set(oldest.as_secs_f64());
    Ok(())
}
