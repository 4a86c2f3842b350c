//! The background sender: takes what is due, posts it, and notes what came of it.
//!
//! Every process of the service runs one. A webhook is a sender's by a lease that outlives a delivery
//! ([`LEASE_MS`] and [`post::TIMEOUT`]): nobody else sends it meanwhile, and it is due again when the process dies. A
//! claim whose answer came late is put back, not sent. No more than [`MAX_AT_ONCE`] deliveries run at once, no more than
//! [`MAX_PER_TENANT`] of one tenant, and no more than [`MAX_PER_HOST`] to one host, but that every tenant may have one there:
//! what is due beyond that is not even taken, so a tenant whose host hangs holds up its own messages only, though others
//! tell the same host.

use super::post::{self, Outcome, Poster};
use super::resolve::{Resolve, SystemResolver};
use super::secret::SigningSecret;
use crate::http::event_body;
use crate::id::{Entropy, Id};
use crate::metrics::ByResult;
use crate::queue::callback::message_id;
use crate::queue::callback_url::shown;
use crate::queue::{CallbackUrl, Event, Job, Sent, Skip};
use crate::service::Service;
use crate::tenant::Tenant;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use pipeline::Fatal;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How long a webhook is one sender's, in milliseconds: three times as long as a delivery takes at most.
pub const LEASE_MS: u64 = 30_000;
/// How old a claim may be when its delivery begins, in milliseconds: it ends long before the lease.
const MAX_CLAIM_AGE_MS: u64 = 10_000;
/// Deliveries of a process that run at once.
pub const MAX_AT_ONCE: usize = 32;
/// Deliveries of a process for one tenant that run at once: more than to a host, so that the tenant's others go on.
pub const MAX_PER_TENANT: usize = 8;
/// Deliveries of a process to one host that run at once. A tenant that has none of these has one more.
pub const MAX_PER_HOST: usize = 4;
/// The waits before the tries behind the first one, in milliseconds.
pub const RETRIES_MS: [u64; 3] = [5_000, 60_000, 600_000];
/// How much longer a wait is by chance, at most: a part of it.
const JITTER_PART: u64 = 5;
/// The time between two looks where nothing was due, in milliseconds, and as long again by chance.
const IDLE_MS: u64 = 500;
/// How long a sender waits for what is under way when the process ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);
/// The most characters of an error that is kept.
const MAX_ERROR_CHARS: usize = 300;

/// The sender of this process. Dropping it ends it at once: what was under way is sent again by another.
pub struct Sender {
    closing: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Sender {
    /// Starts it, where there is a secret to sign with.
    ///
    /// # Errors
    /// `tls`, where it cannot be had at all.
    pub fn start(service: &Service) -> Result<Option<Self>, Fatal> {
        Self::with_resolver(service, Arc::new(SystemResolver))
    }

    /// The same, with what names stand for.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn with_resolver(
        service: &Service,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Option<Self>, Fatal> {
        let Some(secret) = service.config.webhook_secret.clone() else {
            return Ok(None);
        };
        let poster = Poster::new(resolver, service.config.webhook_allow.clone());
        let poster =
            poster.map_err(|error| Fatal::new("tls", "there is no TLS").because(&error))?;
        let closing = CancellationToken::new();
        let running = Running {
            shared: Arc::new(Shared {
                service: service.clone(),
                poster,
                secret,
            }),
            closing: closing.clone(),
            under_way: JoinSet::new(),
            places: HashMap::new(),
        };
        Ok(Some(Self {
            closing,
            task: AbortOnDropHandle::new(tokio::spawn(running.run())),
        }))
    }

    /// Takes nothing more, and waits up to 8 s for what is under way.
    pub async fn shutdown(self) {
        self.closing.cancel();
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.task).await;
    }
}

/// What deliveries share.
struct Shared {
    service: Service,
    poster: Poster,
    secret: SigningSecret,
}

/// An event that is sent now.
struct Due {
    tenant: Tenant,
    job: Id,
    owner: String,
    url: CallbackUrl,
    event: Event,
    body: Bytes,
}

/// For whom and where a task sends.
struct Place {
    /// By its key.
    tenant: String,
    host: String,
    /// Both, as [`Skip::places`] has them.
    place: String,
}

struct Running {
    shared: Arc<Shared>,
    closing: CancellationToken,
    under_way: JoinSet<()>,
    /// For whom and where each task sends.
    places: HashMap<tokio::task::Id, Place>,
}

impl Running {
    async fn run(mut self) {
        while !self.closing.is_cancelled() {
            if self.under_way.len() >= MAX_AT_ONCE {
                self.wait(None).await;
                continue;
            }
            let entropy = &self.shared.service.entropy;
            let (owner, asked) = (entropy.id().to_string(), Instant::now());
            let idle_ms = IDLE_MS + entropy.up_to(IDLE_MS);
            let skip = self.skip();
            let queue = &self.shared.service.stores.queue;
            match queue.claim_delivery(&owner, LEASE_MS, &skip).await {
                Ok(Some(job)) => {
                    if !self.begin(job, owner, asked, idle_ms).await {
                        self.wait(Some(idle_ms)).await;
                    }
                }
                Ok(None) => self.wait(Some(idle_ms)).await,
                Err(fatal) => {
                    tracing::warn!(%fatal, "no webhook can be taken");
                    self.wait(Some(idle_ms)).await;
                }
            }
        }
        while let Some(ended) = self.under_way.join_next_with_id().await {
            self.ended(ended);
        }
    }

    /// Waits for the end of a delivery, for the end of the process, or for `most_ms` milliseconds.
    async fn wait(&mut self, most_ms: Option<u64>) {
        let is_idle = most_ms.is_some();
        tokio::select! {
            biased;
            () = self.closing.cancelled() => {}
            Some(ended) = self.under_way.join_next_with_id() => self.ended(ended),
            () = sleep(Duration::from_millis(most_ms.unwrap_or_default())), if is_idle => {}
        }
    }

    fn ended(&mut self, ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.places.remove(&id);
    }

    /// Who has as many deliveries under way as it may have.
    fn skip(&mut self) -> Skip {
        while let Some(ended) = self.under_way.try_join_next_with_id() {
            self.ended(ended);
        }
        let (mut tenants, mut hosts, mut places) = (HashMap::new(), HashMap::new(), HashMap::new());
        for Place {
            tenant,
            host,
            place,
        } in self.places.values()
        {
            *tenants.entry(tenant).or_insert(0) += 1;
            *hosts.entry(host).or_insert(0) += 1;
            places.insert(place, host);
        }
        let full = tenants
            .into_iter()
            .filter(|(_, count)| *count >= MAX_PER_TENANT);
        // Whoever has one there waits for it; whoever has none does not wait for others.
        let crowded = places
            .into_iter()
            .filter(|(_, host)| hosts[*host] >= MAX_PER_HOST);
        Skip {
            tenants: full.map(|(tenant, _)| tenant.clone()).collect(),
            places: crowded.map(|(place, _)| place.clone()).collect(),
        }
    }

    /// Begins to send what was taken. `false`: it was put back.
    async fn begin(&mut self, job: Job, owner: String, asked: Instant, delay_ms: u64) -> bool {
        let Some((url, place, event)) = job.callback.as_ref().and_then(|callback| {
            let event = callback.next()?.clone();
            let place = Place {
                tenant: job.tenant.key().to_owned(),
                host: callback.host(),
                place: callback.place(&job.tenant),
            };
            Some((callback.url.clone(), place, event))
        }) else {
            return false;
        };
        let (tenant, id) = (job.tenant.clone(), job.id);
        let is_late = asked.elapsed() > Duration::from_millis(MAX_CLAIM_AGE_MS);
        if is_late || self.closing.is_cancelled() {
            let put_back = Sent::PutBack { delay_ms };
            let queue = &self.shared.service.stores.queue;
            let noted = queue.note_delivery(&tenant, id, &owner, event.n, &put_back);
            if let Err(fatal) = noted.await {
                tracing::warn!(job_id = %id, %fatal, "a webhook was not put back: its lease runs out");
            }
            return false;
        }
        let body = event_body(job, &event);
        let due = Due {
            tenant,
            job: id,
            owner,
            url,
            event,
            body,
        };
        let task = self.under_way.spawn(send(self.shared.clone(), due));
        self.places.insert(task.id(), place);
        true
    }
}

/// Posts one event, and notes what came of it.
async fn send(shared: Arc<Shared>, due: Due) {
    let Shared {
        service,
        poster,
        secret,
    } = &*shared;
    let began = Instant::now();
    let id = message_id(due.job, due.event.n);
    let (outcome, rest) = match headers(secret, &id, &due.body) {
        Some(headers) => poster.post(&due.url, headers, due.body.clone()).await,
        None => return,
    };
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Outcome { status, error } = outcome;
    let error = error.map(|error| error.chars().take(MAX_ERROR_CHARS).collect::<String>());
    let again_ms = again_ms(due.event.attempts, &*service.entropy);
    let (url, attempt) = (shown(&due.url), due.event.attempts + 1);
    let job_id = due.job;
    match &error {
        None => tracing::info!(%job_id, webhook_id = id, url, attempt, status, "webhook delivered"),
        Some(error) => {
            tracing::warn!(%job_id, webhook_id = id, url, attempt, status, error, again_ms, "webhook not delivered");
        }
    }
    let result = match (&error, again_ms) {
        (None, _) => "delivered",
        (Some(_), Some(_)) => "retried",
        (Some(_), None) => "failed",
    };
    service
        .metrics
        .webhooks
        .get_or_create(&ByResult { result })
        .inc();
    let sent = Sent::Tried {
        status,
        error,
        duration_ms,
        again_ms,
    };
    let queue = &service.stores.queue;
    match queue
        .note_delivery(&due.tenant, due.job, &due.owner, due.event.n, &sent)
        .await
    {
        Ok(true) => {}
        Ok(false) => tracing::warn!(%job_id, webhook_id = id, "somebody else has the webhook"),
        Err(fatal) => tracing::warn!(%job_id, webhook_id = id, %fatal, "it will be sent again"),
    }
    // Behind the note: a receiver that drips has its message, whatever becomes of this process.
    rest.drain().await;
}

/// After how long it is tried again that has failed once more behind `attempts` tries; none: it is given up.
pub fn again_ms(attempts: u32, entropy: &dyn Entropy) -> Option<u64> {
    let wait_ms = RETRIES_MS.get(attempts as usize)?;
    Some(wait_ms + entropy.up_to(wait_ms / JITTER_PART))
}

/// The headers of a message; none where the clock shows no time.
fn headers(secret: &SigningSecret, id: &str, body: &[u8]) -> Option<HeaderMap> {
    let timestamp_s = Timestamp::now().as_second();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp_s.to_string()),
        ("webhook-signature", secret.sign(id, timestamp_s, body)),
    ] {
        headers.insert(name, HeaderValue::try_from(value).ok()?);
    }
    Some(headers)
}

// A delivery ends before the sender's claim on it does.
const _: () = assert!(post::TIMEOUT.as_millis() as u64 + MAX_CLAIM_AGE_MS < LEASE_MS);
