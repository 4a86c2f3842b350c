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

use benches::args::Args;
use benches::loaded::{JOBS, Loaded, on, run};
use testbed::api::Api;
use testbed::orders::SPEC;

/// How often a client asks.
const INTERVAL_MS: u64 = 100;

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

async fn measure(asked: &Asked) {
    let loaded = Loaded::start(SPEC, &[], asked.mongodb).await;
    let api = loaded.api();
    let job = loaded.load_little().await;

    let idle = poll(api, &job, asked).await;
    idle.say("idle");
    let jobs = loaded.begin(asked.megabytes).await;
    let busy = poll(api, &job, asked).await;
    let running = loaded.running(&jobs).await;
    busy.say(&format!("{JOBS} jobs, {running} at the end"));
    let ratio = busy.at(0.99) / idle.at(0.99).max(f64::EPSILON);
    println!("p99 with jobs / p99 idle: {ratio:.2}");
    loaded.end(&jobs).await;
}

fn main() {
    let asked = Asked::read();
    println!(
        "{} clients, one request each every {INTERVAL_MS} ms, {} s, {}",
        asked.clients,
        asked.seconds,
        on(asked.mongodb)
    );
    run(measure(&asked));
}
