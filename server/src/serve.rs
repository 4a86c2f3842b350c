//! The processes of the service: what `serve` and `worker` start, and how they end.
//!
//! ```text
//!   API runtime:   connections, handlers, control tasks of jobs, timers
//!   work runtime:  reading, parsing and writing of jobs, and nothing else
//! ```
//!
//! Two runtimes, so that however busy the jobs are, answers and lease renewals find a thread. A process ends on SIGTERM
//! or SIGINT: nothing new is taken, what is under way is brought to a checkpoint and given back, within
//! [`SHUTDOWN_TIMEOUT`] in all.

use crate::cli::signalled;
use crate::config::Config;
use crate::http::{self, Http};
use crate::jobs;
use crate::measure;
use crate::metrics::{ByTask, Metrics};
use crate::service::Service;
use crate::stores::Stores;
use crate::upload::sweeper::sweep;
use crate::webhook::Sender;
use crate::worker::{Workers, cleared, left};
use pipeline::Fatal;
use rustix::process::setpriority_process;
use rustix::thread::gettid;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How long a process takes to end, at most.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// How often abandoned uploads are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// How often ended jobs are looked for that are too old.
const RETENTION_INTERVAL: Duration = Duration::from_secs(600);
/// How often objects are looked for that a killed process was about to remove after success.
const CLEAR_INTERVAL: Duration = Duration::from_secs(600);
/// How often the queue is measured.
const DEPTH_INTERVAL: Duration = Duration::from_secs(5);
/// How far the threads that work on jobs stand back behind those that answer (nice(2)); on Linux a thread has its own.
const WORK_NICENESS: i32 = 10;
/// How often the process itself, and what it depends on, is looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(15);
/// Held while a process serves the embedded store of a data directory.
const LOCK_FILE: &str = "serve.lock";

/// What a process does.
pub struct Role {
    /// Whether it serves the API; else it works on jobs, and answers no more than how it is.
    pub has_api: bool,
    /// Where it answers; none: nowhere.
    pub listen: Option<SocketAddr>,
    /// Whether it may be reached from elsewhere, and by any name, without keys.
    pub is_insecure: bool,
}

/// Runs until the process is told to end.
///
/// # Errors
/// `bad_usage` for what could not be safe or would do nothing; `data_dir_in_use`; what opening the stores says;
/// `listen` when the address cannot be had.
pub async fn run(config: Config, role: Role) -> Result<(), Fatal> {
    judge(&config, &role)?;
    let lock = match config.mongodb_uri {
        None => Some(lock(&config.data_dir)?),
        Some(_) => None,
    };
    let began = Instant::now();
    let service = Service::open(config).await?;
    warn_of_what_is_not_there(&service).await;
    if lock.is_some() {
        left::give_back(&service).await;
        if let Err(error) = service.stores.queue.give_back_deliveries().await {
            tracing::warn!(%error, "webhooks of the process before wait for the end of its lease");
        }
    }
    let stop = CancellationToken::new();
    let server = match role.listen {
        Some(address) => Some(Server::bind(&service, address, &role, &stop).await?),
        None => None,
    };
    let work = work_runtime()?;
    let workers = (service.config.workers > 0)
        .then(|| Workers::start(service.clone(), process_name(), work.handle().clone()));
    let sender = Sender::start(&service)?;
    let command = if role.has_api { "serve" } else { "worker" };
    measure::begin(&service, command, began.elapsed());
    let _timers = timers(&service);
    tell(&service.config, server.as_ref());
    let served = server.map(|server| tokio::spawn(server.serve()));

    signalled().await;
    tracing::info!("ending: what is under way is brought to a checkpoint");
    stop.cancel();
    let work_ends = async {
        if let Some(workers) = workers {
            workers.shutdown().await;
        }
    };
    let serving_ends = async {
        if let Some(served) = served {
            let _ = served.await;
        }
    };
    // At once, not behind the others: what is being sent has all of the time to be answered and noted.
    let sending_ends = async {
        if let Some(sender) = sender {
            sender.shutdown().await;
        }
    };
    let ended = async { tokio::join!(work_ends, serving_ends, sending_ends) };
    if timeout(SHUTDOWN_TIMEOUT, ended).await.is_err() {
        tracing::warn!("not everything had ended when the time was over");
    }
    work.shutdown_background();
    tracing::info!(seconds = began.elapsed().as_secs(), "the process ends");
    Ok(())
}

/// Refuses what could not be safe or would do nothing.
fn judge(config: &Config, role: &Role) -> Result<(), Fatal> {
    let apart = !role.has_api || config.workers == 0;
    if apart && config.mongodb_uri.is_none() {
        let message = "API and workers can only run apart with MONGODB_URI: the embedded store is one process's";
        return Err(Fatal::new("bad_usage", message)
            .hint("set MONGODB_URI, or run `sluicegate serve` with workers"));
    }
    if !role.has_api && config.workers == 0 {
        return Err(Fatal::new(
            "bad_usage",
            "a worker with no workers would do nothing",
        ));
    }
    Ok(())
}

/// Says at once what would otherwise be said to the first client. Nothing of it keeps the service from starting: it may
/// come.
async fn warn_of_what_is_not_there(service: &Service) {
    let specs_dir = &service.config.specs_dir;
    if !specs_dir.is_dir() {
        let specs_dir = specs_dir.display();
        tracing::warn!(%specs_dir, "SPECS_DIR is no folder: there are no specs of the operator's");
    }
    if let Err(error) = service.stores.objects.ping().await {
        tracing::warn!(%error, "the store of the files' bytes does not answer");
    }
}

/// Locks the data directory for this process; the lock ends with the process, however it ends.
///
/// # Errors
/// `data_dir`; `data_dir_in_use`.
pub fn lock(data_dir: &Path) -> Result<File, Fatal> {
    let path = data_dir.join(LOCK_FILE);
    let opened = std::fs::create_dir_all(data_dir).and_then(|()| File::create(&path));
    let file = opened.map_err(|error| {
        Fatal::new(
            "data_dir",
            format!("nothing can be kept in {}", data_dir.display()),
        )
        .hint("DATA_DIR must be a folder that this user may write in, or a place for a new one")
        .because(&error)
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(Fatal::new(
            "data_dir_in_use",
            format!("another process serves {}", data_dir.display()),
        )
        .hint("one `serve` works on a data directory; several share the work with MONGODB_URI")),
    }
}

/// The API, on its address.
struct Server {
    listener: TcpListener,
    address: SocketAddr,
    with_keys: bool,
    http: Arc<Http>,
}

impl Server {
    async fn bind(
        service: &Service,
        address: SocketAddr,
        role: &Role,
        stop: &CancellationToken,
    ) -> Result<Self, Fatal> {
        let with_keys = service.authority.wants_keys().await?;
        if !address.ip().is_loopback() && !with_keys && !role.is_insecure {
            let message = format!(
                "{} can be reached from elsewhere, and there are no API keys",
                address.ip()
            );
            return Err(Fatal::new("bad_usage", message)
                .hint("make one with `sluicegate keys add TENANT`, or say --insecure"));
        }
        let cannot = |error: std::io::Error| {
            Fatal::new("listen", format!("{address} cannot be listened on"))
                .hint("another port is said with PORT or --port; 0 takes any that is free")
                .because(&error)
        };
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let bound = listener.local_addr().map_err(cannot)?;
        let (routes, aliases) = match role.has_api {
            true => (http::ROUTES, http::ALIASES),
            false => (http::WATCHED_ROUTES, &[][..]),
        };
        let http = Http::new(service.clone(), routes, aliases, stop.clone())?
            .for_any_host(role.is_insecure);
        say(&service.config, bound, with_keys);
        Ok(Self {
            listener,
            address: bound,
            with_keys,
            http: Arc::new(http),
        })
    }

    async fn serve(self) {
        http::serve(self.listener, self.http).await;
    }
}

/// Says where the service is and what it uses, for people and for scripts that wait for the first line.
fn say(config: &Config, bound: SocketAddr, with_keys: bool) {
    let data_dir = config.data_dir.display();
    let state = match config.mongodb_uri {
        Some(_) => "MongoDB".to_owned(),
        None => format!("the embedded store in {data_dir} (MONGODB_URI is not set)"),
    };
    let objects = match &config.s3_bucket {
        Some(bucket) => format!("bucket {bucket}"),
        None => format!("{data_dir}/objects (S3_BUCKET is not set)"),
    };
    let keys = match with_keys {
        true => "callers need an API key",
        false => "no API keys: everybody who reaches it may call",
    };
    let text = format!(
        "Listening on http://{bound}\n  files, jobs and documents: {state}\n  uploaded bytes: {objects}\n  {keys}\n"
    );
    // A closed standard output ends nothing.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}

/// Tells in the log what this process is and what it uses. Addresses of databases may hold passwords: they are left out.
fn tell(config: &Config, server: Option<&Server>) {
    let Config {
        data_dir,
        specs_dir,
        mongodb_uri,
        s3_bucket,
        workers,
        job_lease_ms,
        ..
    } = config;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        process = process_name(),
        listens = server.map(|server| tracing::field::display(server.address)),
        with_keys = server.map(|server| server.with_keys),
        stores = match mongodb_uri {
            Some(_) => "mongodb",
            None => "embedded",
        },
        bucket = s3_bucket.as_deref(),
        data_dir = %data_dir.display(),
        specs_dir = %specs_dir.display(),
        workers,
        job_lease_ms,
        "the process begins"
    );
}

/// What people know this process by: host and number.
pub fn process_name() -> String {
    // Linux only; elsewhere the number must do.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => std::process::id().to_string(),
        host => format!("{host}:{}", std::process::id()),
    }
}

fn work_runtime() -> Result<Runtime, Fatal> {
    let built = Builder::new_multi_thread()
        .enable_all()
        .thread_name("work")
        .on_thread_start(|| {
            // Where it cannot be set, answers only come later.
            let _ = setpriority_process(Some(gettid()), WORK_NICENESS);
        })
        .build();
    built.map_err(|error| Fatal::new("threads", "no threads to work on").because(&error))
}

/// What is done again and again while the process lives. Ends when it is dropped.
fn timers(service: &Service) -> Vec<AbortOnDropHandle<()>> {
    let (sweeping, retaining, measuring) = (service.clone(), service.clone(), service.clone());
    let (clearing, watching, metrics) = (service.clone(), service.clone(), &*service.metrics);
    // A process that sends them has nothing to say of those that wait.
    let is_told = Arc::new(AtomicBool::new(service.config.webhook_secret.is_some()));
    vec![
        every(SWEEP_INTERVAL, "abandoned uploads", metrics, move || {
            let Stores { objects, files, .. } = sweeping.stores.clone();
            async move { sweep(&*objects, &*files).await.map(drop) }
        }),
        every(RETENTION_INTERVAL, "retention", metrics, move || {
            let service = retaining.clone();
            async move {
                let days = service.config.retention_days;
                jobs::sweep(&service, days).await.map(drop)
            }
        }),
        every(
            CLEAR_INTERVAL,
            "objects of loaded files",
            metrics,
            move || {
                let stores = clearing.stores.clone();
                async move { cleared::sweep(&stores).await.map(drop) }
            },
        ),
        every(DEPTH_INTERVAL, "the queue's depth", metrics, move || {
            let (service, is_told) = (measuring.clone(), is_told.clone());
            async move { measure::queue(&service, &is_told).await }
        }),
        every(WATCH_INTERVAL, "the process", metrics, move || {
            let service = watching.clone();
            async move { measure::process(&service).await }
        }),
    ]
}

/// Does `work` every `period`; what fails is told, and done again the next time.
fn every<F, W>(
    period: Duration,
    what: &'static str,
    metrics: &Metrics,
    work: F,
) -> AbortOnDropHandle<()>
where
    F: Fn() -> W + Send + 'static,
    W: Future<Output = Result<(), Fatal>> + Send,
{
    let failed = metrics
        .failed_upkeep
        .get_or_create_owned(&ByTask { task: what });
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut beat = interval(period);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            if let Err(error) = work().await {
                failed.inc();
                tracing::warn!(%error, causes = ?error.causes, what, "will be tried again");
            }
        }
    }))
}
