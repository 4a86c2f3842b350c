//! What clients that watch jobs cost the others, and how evenly they are told.
//!
//! ```sh
//! cargo build --release && cargo bench --workspace --bench watching
//! cargo bench --workspace --bench watching -- --sockets 100 --rounds 3 --seconds 10 --mongodb
//! ```
//!
//! Four jobs run, slowed down so that they outlast the rounds. In each round pollers ask for `GET /jobs` and `GET /livez`,
//! first while nobody watches, then while a hundred sockets do, so that both are of the same minutes. What counts is p99 of
//! the second against the first, of all rounds together, and the time between two messages of progress on a socket: from
//! 1.5 to 2.5 s is as promised. The service is the program that was built into `target/release` (or `SLUICEGATE_BINARY`),
//! with everything at its defaults, on the embedded store or on a standalone MongoDB with S3.

use std::time::{Duration, Instant};

use benches::args::Args;
use benches::loaded::{JOBS, Loaded, on, run};
use testbed::api::Api;
use testbed::orders::SPEC;
use testbed::watching::Socket;

/// What is asked for, in turn.
const PATHS: [&str; 2] = ["/jobs", "/livez"];
/// How often a poller asks.
const INTERVAL_MS: u64 = 50;
/// Pollers of each path.
const POLLERS: u64 = 10;
/// For progress to begin, before a round with sockets is measured.
const SETTLE: Duration = Duration::from_secs(2);
/// What is promised of the time between two messages, in seconds.
const PROMISED: std::ops::RangeInclusive<f64> = 1.5..=2.5;

/// What is asked for on the command line.
struct Asked {
    sockets: usize,
    rounds: u64,
    seconds: u64,
    megabytes: u64,
    pause_ms: u64,
    mongodb: bool,
}

impl Asked {
    fn read() -> Self {
        let options = [
            "--sockets N",
            "--rounds N",
            "--seconds N",
            "--megabytes N",
            "--pause-ms N",
            "--mongodb",
        ];
        let args = Args::of_this_process(&options);
        Self {
            sockets: args.number("--sockets", 100) as usize,
            rounds: args.number("--rounds", 3),
            seconds: args.number("--seconds", 10),
            megabytes: args.number("--megabytes", 600),
            pause_ms: args.number("--pause-ms", 10),
            mongodb: args.has("--mongodb"),
        }
    }
}

/// Figures of one kind.
#[derive(Default)]
struct Figures(Vec<f64>);

impl Figures {
    fn at(&mut self, share: f64) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let index = (self.0.len() as f64 * share) as usize;
        let index = index.min(self.0.len().saturating_sub(1));
        self.0.get(index).copied().unwrap_or_default()
    }

    fn say(&mut self, what: &str, unit: &str) {
        println!(
            "{what:<26} {:>7}   least {:>6.2} {unit}   p50 {:>6.2} {unit}   p99 {:>6.2} {unit}   most {:>6.2} {unit}",
            self.0.len(),
            self.at(0.0),
            self.at(0.5),
            self.at(0.99),
            self.at(1.0)
        );
    }
}

/// Latencies in milliseconds, by path.
type ByPath = [Figures; PATHS.len()];

/// Asks for every path until the time is over. A latency counts from when it was to be asked for.
async fn poll(api: &Api, seconds: u64, into: &mut ByPath) {
    let until = Instant::now() + Duration::from_secs(seconds);
    let pollers = (0..POLLERS * PATHS.len() as u64).map(|poller| {
        let (api, which) = (Api::new(api.base()), poller as usize % PATHS.len());
        let offset = Duration::from_millis(INTERVAL_MS * poller / (POLLERS * PATHS.len() as u64));
        let poller = tokio::spawn(async move {
            let first = tokio::time::Instant::now() + offset;
            let mut beat = tokio::time::interval_at(first, Duration::from_millis(INTERVAL_MS));
            let mut latencies = Vec::new();
            while Instant::now() < until {
                let due = beat.tick().await;
                api.get(PATHS[which]).await.is(200);
                latencies.push(due.elapsed().as_secs_f64() * 1000.0);
            }
            latencies
        });
        (which, poller)
    });
    for (which, poller) in pollers.collect::<Vec<_>>() {
        into[which].0.extend(poller.await.unwrap_or_default());
    }
}

/// Times between two messages of progress on a socket, in seconds, until it is told to end.
async fn gaps(mut socket: Socket, mut end: tokio::sync::watch::Receiver<bool>) -> Vec<f64> {
    let (mut last, mut gaps) = (None::<Instant>, Vec::new());
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = end.changed() => return gaps,
        };
        match message {
            Ok(message) if message["type"] == "progress" => {
                let now = Instant::now();
                gaps.extend(last.map(|last| (now - last).as_secs_f64()));
                last = Some(now);
            }
            Ok(_) => {}
            Err(_) => return gaps,
        }
    }
}

async fn measure(asked: &Asked) {
    let pause = format!("{SPEC}rate = {{ pause = \"{}ms\" }}\n", asked.pause_ms);
    let workers = [("WORKERS", JOBS.to_string())];
    let loaded = Loaded::start(&pause, &workers, asked.mongodb).await;
    let (api, jobs) = (loaded.api(), loaded.begin(asked.megabytes).await);
    let (mut alone, mut beside) = (ByPath::default(), ByPath::default());
    let mut between = Figures::default();
    for _ in 0..asked.rounds {
        poll(api, asked.seconds, &mut alone).await;
        let (end, ended) = tokio::sync::watch::channel(false);
        let mut watching = Vec::new();
        for client in 0..asked.sockets {
            let path = format!("/ws/jobs/{}", jobs[client % jobs.len()]);
            match Socket::open(api, &path, &[]).await {
                Ok(socket) => watching.push(tokio::spawn(gaps(socket, ended.clone()))),
                Err(refused) => println!("a socket was refused: {refused:?}"),
            }
        }
        tokio::time::sleep(SETTLE).await;
        poll(api, asked.seconds, &mut beside).await;
        let _ = end.send(true);
        for socket in watching {
            between.0.extend(socket.await.unwrap_or_default());
        }
    }
    println!(
        "{} of {JOBS} jobs run at the end",
        loaded.running(&jobs).await
    );
    for (which, path) in PATHS.iter().enumerate() {
        alone[which].say(&format!("{path}, nobody watches"), "ms");
        beside[which].say(&format!("{path}, {} sockets", asked.sockets), "ms");
        let (before, now) = (alone[which].at(0.99), beside[which].at(0.99));
        println!(
            "  p99 with them / without: {:.2}",
            now / before.max(f64::EPSILON)
        );
    }
    between.say("between two progresses", "s");
    let outside = between.0.iter().filter(|gap| !PROMISED.contains(*gap));
    println!(
        "  outside of 2 ± 0.5 s: {} of {}",
        outside.count(),
        between.0.len()
    );
    loaded.end(&jobs).await;
}

fn main() {
    let asked = Asked::read();
    println!(
        "{} sockets on {JOBS} jobs, {} rounds of 2 times {} s, {}",
        asked.sockets,
        asked.rounds,
        asked.seconds,
        on(asked.mongodb)
    );
    run(measure(&asked));
}
