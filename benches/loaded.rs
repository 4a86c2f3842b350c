//! A service with jobs that run in it, beside which something else is measured: the program itself, with everything at its
//! defaults, on the embedded store or on a standalone MongoDB with S3.
//!
//! The program is the one that was built into `target/release` (or `SLUICEGATE_BINARY`). Nothing is measured here.

use crate::args::binary;
use serde_json::Value;
use std::time::Duration;
use testbed::api::Api;
use testbed::mongod::Mongod;
use testbed::orders::HEADER;
use testbed::process::Sluicegate;
use testbed::s3::S3;
use testbed::service::Service;
use testbed::{files, orders};

/// Jobs that run at once.
pub const JOBS: u64 = 4;
/// For a job to begin or to end.
const DEADLINE: Duration = Duration::from_secs(600);

/// A service, and the servers that it uses, which live until it has ended.
pub struct Loaded {
    service: Service,
    place: Sluicegate,
    _servers: Option<(Mongod, S3)>,
}

impl Loaded {
    /// Starts it with this spec of orders, which is named `orders-e2e`, and with these variables.
    pub async fn start(spec: &str, variables: &[(&str, String)], mongodb: bool) -> Self {
        let mut place = Sluicegate::new(binary());
        let servers = match mongodb {
            true => Some((Mongod::standalone().await, S3::start().await)),
            false => None,
        };
        if let Some((mongod, s3)) = &servers {
            place = place
                .env("MONGODB_URI", mongod.uri_for("bench"))
                .envs(s3.env())
                .env("S3_BUCKET", s3.bucket());
        }
        for (name, value) in variables {
            place = place.env(*name, value);
        }
        let _ = std::fs::create_dir(place.path("specs"));
        place.write("specs/orders.toml", spec);
        Self {
            service: Service::start(&place, &[]).await,
            place,
            _servers: servers,
        }
    }

    /// A client of it.
    pub fn api(&self) -> &Api {
        &self.service.api
    }

    /// Loads generated orders of about a megabyte, to the end.
    pub async fn load_little(&self) -> String {
        let job = self.submit(0, 1).await;
        self.api().job_in(&job, "completed", DEADLINE).await;
        job
    }

    /// Begins [`JOBS`] jobs of about `megabytes` each.
    pub async fn begin(&self, megabytes: u64) -> Vec<String> {
        let mut jobs = Vec::new();
        for seed in 1..=JOBS {
            jobs.push(self.submit(seed, megabytes).await);
        }
        for job in &jobs {
            let begun = |job: &Value| job["state"] != "queued";
            self.api().job_when(job, "begun", DEADLINE, begun).await;
        }
        jobs
    }

    /// How many of these jobs run.
    pub async fn running(&self, jobs: &[String]) -> u64 {
        let mut running = 0;
        for job in jobs {
            running += u64::from(self.api().job(job).await["state"] == "in_progress");
        }
        running
    }

    /// Cancels these jobs and ends the service.
    pub async fn end(self, jobs: &[String]) {
        for job in jobs {
            self.api().post(&format!("/jobs/{job}/cancel")).await;
        }
        self.service.stop().await;
    }

    /// Uploads generated orders of about `megabytes` and asks for their job.
    async fn submit(&self, seed: u64, megabytes: u64) -> String {
        let path = self.place.path(&format!("orders-{seed}.csv"));
        files::write_large(&path, HEADER, megabytes * 1_000_000, |ordinal| {
            orders::order(seed, ordinal)
        });
        let query = "?spec=orders-e2e&process=true";
        let submitted = self.api().upload_file(&path, query).await.is(202).json();
        let _ = std::fs::remove_file(path);
        submitted["jobId"].as_str().unwrap_or_default().to_owned()
    }
}

/// The machine and the stores, as a bench says them.
pub fn on(mongodb: bool) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let stores = if mongodb {
        "MongoDB and S3"
    } else {
        "embedded"
    };
    format!("{cores} cores, {stores}")
}

/// Runs a bench to its end.
pub fn run(bench: impl Future<Output = ()>) {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(bench),
        Err(error) => eprintln!("no runtime: {error}"),
    }
}
