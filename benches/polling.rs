//! How quickly the API answers while workers are full.
//!
//! ```sh
//! cargo build --release && cargo bench --workspace --bench polling
//! cargo bench --workspace --bench polling -- --clients 100 --seconds 20 --mongodb
//! ```
//!
//! Clients ask for a job every 100 ms each, first of a service that does nothing else, then of the same service while
//! four jobs run in it. What counts is p99 of the second against the first. The service is the program that was built
//! into `target/release` (or `SLUICEGATE_BINARY`), with everything at its defaults, on the embedded store or on a
//! standalone MongoDB with S3.

use std::time::{Duration, Instant};

use benches::args::{Args, binary};
use testbed::api::Api;
use testbed::mongod::Mongod;
use testbed::orders::{HEADER, SPEC};
use testbed::process::Sluicegate;
use testbed::s3::S3;
use testbed::service::Service;
use testbed::{files, orders};

/// How often a client asks.
const INTERVAL_MS: u64 = 100;
/// Jobs that run at once.
const JOBS: u64 = 4;
/// For a job to begin or to end.
const DEADLINE: Duration = Duration::from_secs(600);

/// What is asked for on the command line.
struct Asked {
    clients: usize,
    seconds: u64,
    megabytes: u64,
    mongodb: bool,
}

impl Asked {
    fn read() -> Self {
        let options = ["--clients N", "--seconds N", "--megabytes N", "--mongodb"];
        let args = Args::of_this_process(&options);
        Self {
            clients: args.number("--clients", 100) as usize,
            seconds: args.number("--seconds", 15),
            megabytes: args.number("--megabytes", 1_000),
            mongodb: args.has("--mongodb"),
        }
    }
}

/// Latencies of every answer, sorted.
struct Latencies(Vec<Duration>);

impl Latencies {
    fn at(&self, share: f64) -> f64 {
        let index = ((self.0.len() as f64 * share) as usize).min(self.0.len().saturating_sub(1));
        self.0
            .get(index)
            .map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }

    fn say(&self, what: &str) {
        println!(
            "{what:<28} {:>7} answers   p50 {:>6.2} ms   p99 {:>6.2} ms   most {:>6.2} ms",
            self.0.len(),
            self.at(0.5),
            self.at(0.99),
            self.at(1.0)
        );
    }
}

/// Every client asks for `job` at its own beat until the time is over. A latency counts from when the client was to ask,
/// to the millisecond of the timer: one slow answer makes the next ones late, and that is seen.
async fn poll(api: &Api, job: &str, asked: &Asked) -> Latencies {
    let until = Instant::now() + Duration::from_secs(asked.seconds);
    let clients = (0..asked.clients).map(|client| {
        let (api, path) = (Api::new(api.base()), format!("/jobs/{job}"));
        let offset = Duration::from_millis(INTERVAL_MS * client as u64 / asked.clients as u64);
        tokio::spawn(async move {
            let mut beat = tokio::time::interval_at(
                tokio::time::Instant::now() + offset,
                Duration::from_millis(INTERVAL_MS),
            );
            let mut latencies = Vec::new();
            while Instant::now() < until {
                let due = beat.tick().await;
                api.get(&path).await.is(200);
                latencies.push(due.elapsed());
            }
            latencies
        })
    });
    let mut all = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        all.extend(client.await.unwrap_or_default());
    }
    all.sort();
    Latencies(all)
}

/// Uploads generated orders of about `megabytes` and asks for their job.
async fn submit(place: &Sluicegate, api: &Api, seed: u64, megabytes: u64) -> String {
    let path = place.path(&format!("orders-{seed}.csv"));
    files::write_large(&path, HEADER, megabytes * 1_000_000, |ordinal| {
        orders::order(seed, ordinal)
    });
    let query = "?spec=orders-e2e&process=true";
    let submitted = api.upload_file(&path, query).await.is(202).json();
    let _ = std::fs::remove_file(path);
    submitted["jobId"].as_str().unwrap_or_default().to_owned()
}

async fn measure(asked: &Asked) {
    let mut place = Sluicegate::new(binary());
    // Both live until the service has ended.
    let servers = match asked.mongodb {
        true => Some((Mongod::standalone().await, S3::start().await)),
        false => None,
    };
    if let Some((mongod, s3)) = &servers {
        place = place
            .env("MONGODB_URI", mongod.uri_for("bench"))
            .envs(s3.env())
            .env("S3_BUCKET", s3.bucket());
    }
    let _ = std::fs::create_dir(place.path("specs"));
    place.write("specs/orders.toml", SPEC);
    let service = Service::start(&place, &[]).await;
    let api = &service.api;
    let job = submit(&place, api, 0, 1).await;
    api.job_in(&job, "completed", DEADLINE).await;

    let idle = poll(api, &job, asked).await;
    idle.say("idle");
    let mut jobs = Vec::new();
    for seed in 1..=JOBS {
        jobs.push(submit(&place, api, seed, asked.megabytes).await);
    }
    for job in &jobs {
        let begun = |job: &serde_json::Value| job["state"] != "queued";
        api.job_when(job, "begun", DEADLINE, begun).await;
    }
    let busy = poll(api, &job, asked).await;
    let mut running = 0;
    for job in &jobs {
        running += u64::from(api.job(job).await["state"] == "in_progress");
    }
    busy.say(&format!("{JOBS} jobs, {running} at the end"));
    let ratio = busy.at(0.99) / idle.at(0.99).max(f64::EPSILON);
    println!("p99 with jobs / p99 idle: {ratio:.2}");
    for job in &jobs {
        api.post(&format!("/jobs/{job}/cancel")).await;
    }
    service.stop().await;
}

fn main() {
    let asked = Asked::read();
    println!(
        "{} clients, one request each every {INTERVAL_MS} ms, {} s, {} cores, {}",
        asked.clients,
        asked.seconds,
        std::thread::available_parallelism().map_or(1, usize::from),
        if asked.mongodb {
            "MongoDB and S3"
        } else {
            "embedded"
        }
    );
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(measure(&asked)),
        Err(error) => eprintln!("no runtime: {error}"),
    }
}
