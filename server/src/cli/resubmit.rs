//! `resubmit`: sends the rejected records of a job of the service again, corrected, as `POST /jobs/{jobId}/resubmit` does, and
//! waits for their end.
//!
//! Where nobody serves the data directory, and beside the workers of a MongoDB, this process works too until then, on whatever
//! is due. An end that comes from outside gives its jobs back; the records that were sent are a job of the service, and stay one.

use super::run::refuse;
use super::{Exit, ResubmitArgs, print, signalled};
use crate::config::Config;
use crate::id::Id;
use crate::jobs::{self, Correction, Submitted};
use crate::queue::{Job, State};
use crate::serve;
use crate::service::Service;
use crate::stores::SERVICE_FILE;
use crate::tenant::Tenant;
use crate::upload::Incoming;
use crate::worker::{Workers, left};
use bytes::Bytes;
use futures::TryStreamExt as _;
use pipeline::Fatal;
use std::path::Path;
use std::time::Duration;
use tokio::fs::File;
use tokio::runtime::Handle;
use tokio::time::sleep;
use tokio_util::io::ReaderStream;

/// How often it is looked whether the job has ended.
const POLL: Duration = Duration::from_millis(100);

/// Sends the file, and says what became of its records.
pub async fn resubmit(config: &Config, args: ResubmitArgs) -> Exit {
    match sent(config, &args).await {
        Ok(exit) => exit,
        Err(fatal) => {
            let exit = match fatal.code {
                "bad_usage" | "bad_uri" | "reserved_database" | "unsupported_type" => Exit::Usage,
                _ => Exit::Failed,
            };
            refuse(&fatal, exit)
        }
    }
}

async fn sent(config: &Config, args: &ResubmitArgs) -> Result<Exit, Fatal> {
    let bad_usage = |message: String| Fatal::new("bad_usage", message);
    let parent: Id = args.job.parse().map_err(|_| {
        bad_usage(format!("{:?} is no id of a job", args.job))
            .hint("24 hexadecimal digits, as the service answers them: jobId")
    })?;
    let tenant = match &args.tenant {
        None => Tenant::NONE,
        Some(name) => name
            .parse()
            .map_err(|_| bad_usage(format!("no tenant can be called {name:?}")))?,
    };
    let file = File::open(&args.file).await;
    let file = file.map_err(|error| {
        let message = format!("{} cannot be read", args.file.display());
        bad_usage(message).because(&error)
    })?;
    if config.mongodb_uri.is_none() && !config.data_dir.join(SERVICE_FILE).exists() {
        let message = format!(
            "no service has kept its jobs in {}",
            config.data_dir.display()
        );
        return Err(Fatal::new("not_found", message)
            .hint("DATA_DIR, or MONGODB_URI, says where the service keeps them"));
    }
    // One process serves a data directory. Where another one does, that works on the job.
    let lock = match config.mongodb_uri {
        Some(_) => None,
        None => match serve::lock(&config.data_dir) {
            Err(fatal) if fatal.code == "data_dir_in_use" => None,
            lock => Some(lock?),
        },
    };
    let works = lock.is_some() || config.mongodb_uri.is_some();
    let config = Config {
        workers: 1,
        ..config.clone()
    };
    let service = Service::open(config).await?;
    if lock.is_some() {
        left::give_back(&service).await;
    }
    let submitted = submitted(&service, &tenant, parent, &args.file, file).await?;
    let (child, existing) = (submitted.job.id, submitted.existing);
    match existing {
        false => eprintln!("Job {child} sends them again."),
        true => eprintln!("This file was sent before, by job {child}: it is not sent once more."),
    }
    let workers = works.then(|| {
        let name = serve::process_name();
        Workers::start(service.clone(), name, Handle::current())
    });
    let ended = tokio::select! {
        ended = end(&service, &tenant, child) => Some(ended),
        () = signalled() => None,
    };
    if let Some(workers) = workers {
        workers.shutdown().await;
    }
    drop(lock);
    match ended {
        None => Ok(Exit::Interrupted),
        Some(ended) => {
            let first = jobs::find(&*service.stores.queue, &tenant, parent).await?;
            Ok(told(&ended?, &first, existing))
        }
    }
}

async fn submitted(
    service: &Service,
    tenant: &Tenant,
    parent: Id,
    path: &Path,
    file: File,
) -> Result<Submitted, Fatal> {
    let original_name = jobs::resubmittable(service, tenant, parent).await?;
    let incoming = Incoming {
        original_name,
        content_type: String::new(),
        declared_bytes: None,
    };
    let unread = |error: std::io::Error| {
        Fatal::new("input", format!("{} cannot be read", path.display())).because(&error)
    };
    let body = ReaderStream::new(file).map_err(unread);
    let body = std::pin::pin!(body.map_ok(Bytes::from));
    let file = service.uploads.receive(tenant, incoming, body).await?;
    let correction = Correction {
        parent,
        file: file.new.id,
        idempotency: None,
    };
    jobs::resubmit(service, tenant, correction).await
}

/// The job, once it has ended or is held.
async fn end(service: &Service, tenant: &Tenant, id: Id) -> Result<Job, Fatal> {
    loop {
        let job = jobs::find(&*service.stores.queue, tenant, id).await?;
        if job.state.is_terminal() || job.state == State::Held {
            return Ok(job);
        }
        sleep(POLL).await;
    }
}

/// Prints what became of the records; `existing`: of a file that was sent before.
fn told(child: &Job, parent: &Job, existing: bool) -> Exit {
    let counters = |job: &Job| {
        let saved = job.checkpoint.as_ref();
        saved
            .map(|saved| saved.books.counters.clone())
            .unwrap_or_default()
    };
    let (own, first) = (counters(child), counters(parent));
    let before = match existing {
        true => format!(
            "Job {} has sent this file before, so nothing is loaded now. What became of it then:\n\n",
            child.id
        ),
        false => String::new(),
    };
    let mut text = format!(
        "{before}{:>12}  read\n{:>12}  loaded\n{:>12}  rejected\n{:>12}  dropped\n\n",
        own.read,
        own.loaded + own.already_loaded,
        own.rejected,
        own.dropped_total()
    );
    let failure = child.failure.as_ref();
    let why = failure.map(|failure| format!(": {} ({})", failure.message, failure.code));
    let why = why.unwrap_or_default();
    let (end, exit) = match child.state {
        State::Completed if own.rejected > 0 => {
            ("Completed, with rejects".to_owned(), Exit::Rejects)
        }
        State::Completed => ("Completed".to_owned(), Exit::Done),
        State::Held => ("Held: approve or cancel the job".to_owned(), Exit::Held),
        state => (format!("{}{why}", state.word()), Exit::Failed),
    };
    text += &format!(
        "{end}. Job {} has {} loaded and {} rejected now.\n",
        parent.id,
        first.loaded + first.already_loaded,
        first.rejected
    );
    match print(&text) {
        Exit::Done => exit,
        failed => failed,
    }
}
