//! Files that come in one after the other while services go away and come back, as a client sends them that does not give
//! up: to the next service where one does not answer, under a key that makes a repetition the same request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use mongodb::Database;
use mongodb::bson::{Document, doc};
use tokio::sync::RwLock;
use tokio::time::{Instant, sleep};

use super::file;
use crate::api::{self, Api};
use crate::truth::Totals;

/// Jobs that wait or run at the same time: what comes more waits with the client.
const MOST_UNFINISHED: u64 = 6;
/// Clients that send at the same time.
pub(super) const CLIENTS: usize = 3;
/// The most files of a feed.
const MOST_FILES: u64 = 500;
/// How long a file may be sent again and again, and how long there may be no room for one more.
const FILE_LIMIT: Duration = Duration::from_secs(180);
/// Between two tries, and between two looks at the queue.
const INTERVAL: Duration = Duration::from_millis(20);

/// Where files can be sent.
#[derive(Clone)]
pub(super) struct Address {
    /// Whether the new version answers there.
    pub is_new: bool,
    /// A client of it.
    pub api: Api,
}

/// A file that was taken.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// Its job.
    pub job: String,
    /// What its records come from.
    pub seed: u64,
    /// The truth about them.
    pub totals: Totals,
    /// Whether the new version took it.
    pub by_new: bool,
    /// How often it was sent in vain before.
    pub in_vain: u64,
}

/// What a client sends; clones share all of it.
#[derive(Clone)]
pub(super) struct Feed {
    /// Where to; as many at any time.
    pub addresses: Arc<RwLock<Vec<Address>>>,
    /// Files that were taken so far.
    pub sent: Arc<RwLock<Vec<Sent>>>,
    /// Set when no more are to be sent.
    pub is_over: Arc<AtomicBool>,
    /// Files that were begun so far.
    pub begun: Arc<AtomicU64>,
    /// The service's own database.
    pub state: Database,
    /// The seed of the first file; each later one has the next.
    pub seed: u64,
    /// The records of each file.
    pub records: u64,
}

impl Feed {
    /// Sends files until it is over.
    ///
    /// # Panics
    /// Where one is refused, or taken by nobody in time.
    pub async fn run(self) {
        while self.has_room().await {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            if number >= MOST_FILES {
                return;
            }
            let sent = self.send(number).await;
            self.sent.write().await.push(sent);
        }
    }

    /// Waits until there is room for one more job; false once it is over.
    async fn has_room(&self) -> bool {
        let jobs = self.state.collection::<Document>("jobs");
        let unfinished = doc! { "state": { "$in": ["queued", "in_progress"] } };
        let until = Instant::now() + FILE_LIMIT;
        while !self.is_over.load(Ordering::Relaxed) {
            let counted = jobs.count_documents(unfinished.clone()).await;
            if counted.is_ok_and(|counted| counted < MOST_UNFINISHED) {
                return true;
            }
            assert!(
                Instant::now() < until,
                "no job has ended for {FILE_LIMIT:?}"
            );
            sleep(INTERVAL).await;
        }
        false
    }

    async fn send(&self, number: u64) -> Sent {
        let (seed, records) = (self.seed + number, self.records);
        let made = tokio::task::spawn_blocking(move || file::bytes(seed, records)).await;
        let (bytes, totals) = made.unwrap_or_else(|error| panic!("{error}"));
        let bytes = Bytes::from(bytes);
        let path = format!("/upload/orders-{seed}.csv?spec=orders-e2e&process=true");
        let key = format!("file-{seed}");
        let until = Instant::now() + FILE_LIMIT;
        let mut in_vain = 0;
        loop {
            let address = {
                let addresses = self.addresses.read().await;
                let next = (number + in_vain) % addresses.len() as u64;
                addresses[usize::try_from(next).unwrap_or(0)].clone()
            };
            let body = api::bytes(bytes.clone());
            let headers = [("idempotency-key", key.as_str())];
            let answer = address.api.send(Method::PUT, &path, &headers, body).await;
            let why = match answer {
                Ok(answer) if matches!(answer.status, 200 | 202) => {
                    let job = answer.json()["jobId"].as_str().map(str::to_owned);
                    return Sent {
                        job: job.unwrap_or_else(|| panic!("no job in {}", answer.text())),
                        seed,
                        totals,
                        by_new: address.is_new,
                        in_vain,
                    };
                }
                // What ends answers so, or not at all.
                Ok(answer) if answer.status >= 500 => answer.text(),
                Ok(answer) => panic!("{key} is refused: {} {}", answer.status, answer.text()),
                Err(error) => error,
            };
            in_vain += 1;
            assert!(Instant::now() < until, "nobody takes {key}: {why}");
            sleep(INTERVAL).await;
        }
    }
}
