//! The sender over a store: each event once while nothing dies, again when it fails, and as the same message.

use super::*;
use crate::config::Config;
use crate::id::{Entropy, Id, SystemEntropy};
use crate::job::SpecPin;
use crate::queue::{
    Callback, Changed, Claimant, Delivery, LoadPin, NewJob, Progress, Receipt, Resent, SpecText,
};
use crate::service::Service;
use crate::tenant::Tenant;
use crate::webhook::sender::{
    MAX_AT_ONCE, MAX_PER_HOST, MAX_PER_TENANT, RETRIES_MS, Sender, again_ms,
};
use crate::webhook::{SigningSecret, accept};
use stages::identity::LoadIdentity;
use std::collections::BTreeSet;
use std::sync::Arc;
use tempfile::TempDir;

/// 32 bytes.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

struct Place {
    service: Service,
    _folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: folder.path().to_owned(),
            webhook_secret: SigningSecret::parse(SECRET),
            webhook_allow: vec!["127.0.0.0/8".parse().unwrap()],
            ..Config::defaults()
        };
        Self {
            service: Service::open(config).await.unwrap(),
            _folder: folder,
        }
    }

    fn sender(&self) -> Sender {
        let names = Arc::new(Names::new(&[]));
        let sender = Sender::with_resolver(&self.service, names);
        sender.unwrap().expect("there is a secret")
    }

    async fn submit(&self, url: &str) -> Id {
        self.submit_for(&Tenant::NONE, url).await
    }

    async fn submit_for(&self, tenant: &Tenant, url: &str) -> Id {
        let entropy: &dyn Entropy = &SystemEntropy;
        let new = NewJob {
            id: entropy.id(),
            tenant: tenant.clone(),
            file: entropy.id(),
            spec: SpecText {
                pin: SpecPin {
                    name: "orders".into(),
                    version: 1,
                    sha256: "aa".into(),
                },
                text: String::new(),
                is_operators: false,
            },
            load: LoadPin {
                content: "sha256:aa".into(),
                base: LoadIdentity([1; 12]),
                identity: LoadIdentity([1; 12]),
                generation: 0,
                load_number: 0,
                collection: "orders".into(),
            },
            priority: 0,
            bytes_total: None,
            parent: None,
            callback: Some(url.into()),
        };
        self.service.stores.queue.submit(&new).await.unwrap().id
    }

    /// A job that is cancelled, which is told.
    async fn cancelled(&self, url: &str) -> Id {
        let id = self.submit(url).await;
        let cancelled = self.service.stores.queue.cancel(&Tenant::NONE, id).await;
        assert!(matches!(cancelled.unwrap(), Changed::Done(_)));
        id
    }

    async fn callback(&self, id: Id) -> Callback {
        let job = self.service.stores.queue.job(&Tenant::NONE, id).await;
        job.unwrap().unwrap().callback.unwrap()
    }

    async fn comes_to(&self, id: Id, delivery: Delivery) -> Callback {
        until("the delivery", async || {
            let callback = self.callback(id).await;
            callback
                .newest()
                .is_some_and(|event| event.delivery == delivery)
                && callback.owner.is_none()
        })
        .await;
        self.callback(id).await
    }
}

#[tokio::test]
async fn an_event_is_signed_and_delivered_once() {
    let place = Place::new().await;
    let receiver = good().await;
    let senders = [place.sender(), place.sender()];
    let mut jobs = Vec::new();
    for _ in 0..20 {
        jobs.push(place.cancelled(&receiver.url("/hook")).await);
    }
    for id in &jobs {
        let callback = place.comes_to(*id, Delivery::Delivered).await;
        assert_eq!((callback.log.len(), callback.log[0].status), (1, Some(200)));
    }
    for sender in senders {
        sender.shutdown().await;
    }
    let received = receiver.received();
    let ids: BTreeSet<_> = received
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    assert_eq!(
        (received.len(), ids.len()),
        (jobs.len(), jobs.len()),
        "each once"
    );
    let secret = SigningSecret::parse(SECRET).unwrap();
    for one in received {
        let timestamp = one.header("webhook-timestamp").parse().unwrap();
        let signature = secret.sign(one.header("webhook-id"), timestamp, &one.body);
        assert_eq!(one.header("webhook-signature"), signature);
        let body = one.json();
        assert_eq!(
            (&body["type"], &body["status"]),
            (&"job.cancelled".into(), &"FAILED".into())
        );
        assert_eq!(body["data"]["jobId"], body["jobId"]);
        assert_eq!(
            one.header("webhook-id"),
            format!("msg_{}_1", body["jobId"].as_str().unwrap())
        );
    }
    let text = place.service.metrics.text();
    assert!(
        text.contains("sluicegate_webhooks_total{result=\"delivered\"} 20"),
        "{text}"
    );
}

#[tokio::test]
async fn a_hold_and_an_end_are_two_messages() {
    let place = Place::new().await;
    let receiver = good().await;
    let id = place.submit(&receiver.url("/")).await;
    let queue = &place.service.stores.queue;
    let claimant = Claimant {
        worker: "w".into(),
        owner: "o".into(),
        lease_ms: 600_000,
        max_attempts: 3,
        take_expired: false,
    };
    let claim = queue
        .claim(&claimant)
        .await
        .unwrap()
        .unwrap()
        .claim()
        .unwrap();
    let held = crate::queue::Held {
        cause: pipeline::Cause::Errors,
        message: "too many".into(),
    };
    assert!(
        queue
            .hold(&claim, &Progress::default(), &held)
            .await
            .unwrap()
    );
    let _sender = place.sender();
    place.comes_to(id, Delivery::Delivered).await;
    let approval = crate::queue::Approval {
        accepted: pipeline::Accepted::default(),
        checkpoint: None,
        max_rejects: None,
        spec: None,
    };
    queue
        .approve(&Tenant::NONE, id, claim.fence, &approval)
        .await
        .unwrap();
    let claimant = Claimant {
        owner: "p".into(),
        ..claimant
    };
    let claim = queue
        .claim(&claimant)
        .await
        .unwrap()
        .unwrap()
        .claim()
        .unwrap();
    let receipt = Receipt::default();
    assert!(
        queue
            .finish(&claim, &Progress::default(), &receipt)
            .await
            .unwrap()
    );
    until("both", async || receiver.received().len() == 2).await;
    let received = receiver.received();
    let told = received.iter().map(|one| {
        let body = one.json();
        (
            body["type"].as_str().unwrap().to_owned(),
            body["error"].clone(),
            one.header("webhook-id").to_owned(),
        )
    });
    let expected = [
        ("job.held".into(), "too many".into(), format!("msg_{id}_1")),
        (
            "job.completed".into(),
            serde_json::Value::Null,
            format!("msg_{id}_2"),
        ),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_failure_is_told_as_it_was_also_behind_a_retry() {
    let place = Place::new().await;
    let receiver = good().await;
    let id = place.submit(&receiver.url("/")).await;
    let queue = &place.service.stores.queue;
    let claimant = Claimant {
        worker: "w".into(),
        owner: "o".into(),
        lease_ms: 600_000,
        max_attempts: 3,
        take_expired: false,
    };
    let job = queue.claim(&claimant).await.unwrap().unwrap();
    let failure = crate::job::Failure {
        code: "source_changed".into(),
        message: "the source has changed".into(),
        hint: None,
        causes: Vec::new(),
    };
    let (claim, progress) = (job.claim().unwrap(), Progress::default());
    assert!(queue.fail(&claim, &progress, &failure).await.unwrap());
    let retried = queue.retry(&Tenant::NONE, id, true).await.unwrap();
    assert!(matches!(retried, Changed::Done(_)));
    let claimant = Claimant {
        owner: "p".into(),
        ..claimant
    };
    let job = queue.claim(&claimant).await.unwrap().unwrap();
    assert!(job.worker.is_some() && job.lock_until_ms.is_some());
    let _sender = place.sender();
    place.comes_to(id, Delivery::Delivered).await;
    let body = receiver.received()[0].json();
    assert_eq!(
        (&body["type"], &body["error"]),
        (&"job.failed".into(), &"the source has changed".into())
    );
    let data = &body["data"];
    assert_eq!(data["state"], "in_progress");
    // Which machine runs it, no stranger is told.
    for name in ["workerId", "lockUntil"] {
        assert_eq!(data.get(name), Some(&serde_json::Value::Null), "{name}");
    }
}

#[tokio::test]
async fn what_fails_is_tried_again_later_and_resent_as_the_same() {
    let place = Place::new().await;
    let receiver =
        Receiver::start(|number, _| Answers::Status(if number == 1 { 503 } else { 200 })).await;
    let id = place.cancelled(&receiver.url("/")).await;
    let _sender = place.sender();
    until("the first try", async || {
        place.callback(id).await.log.len() == 1
    })
    .await;
    let callback = place.callback(id).await;
    let event = callback.newest().unwrap();
    assert_eq!((event.delivery, event.attempts), (Delivery::Pending, 1));
    let wait_ms = event.next_ms.unwrap() - callback.log[0].at_ms;
    assert!(
        (RETRIES_MS[0]..=RETRIES_MS[0] * 6 / 5).contains(&wait_ms),
        "{wait_ms}"
    );
    let resent = place
        .service
        .stores
        .queue
        .resend_delivery(&Tenant::NONE, id, 1)
        .await;
    assert!(matches!(resent.unwrap(), Resent::Due(_)));
    place.comes_to(id, Delivery::Delivered).await;
    let ids = receiver.received();
    let ids: BTreeSet<_> = ids
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test]
async fn a_host_that_hangs_holds_up_its_own_messages_only() {
    let place = Place::new().await;
    let hanging = Receiver::start(|_, _| Answers::Hangs).await;
    // Another host, by its address.
    let other = Receiver::at("127.0.0.2:0", |_, _| Answers::Status(200)).await;
    for _ in 0..MAX_PER_HOST * 8 {
        place.cancelled(&hanging.url("/")).await;
    }
    let good = place.cancelled(&other.url("/")).await;
    let sender = place.sender();
    place.comes_to(good, Delivery::Delivered).await;
    assert!(hanging.connections() <= MAX_PER_HOST as u64);
    drop(sender);
}

#[tokio::test]
async fn a_tenant_does_not_wait_for_what_others_tell_the_same_host() {
    let place = Place::new().await;
    let queue = &place.service.stores.queue;
    let shared = Receiver::start(|_, request| match &*request.path {
        "/hangs" => Answers::Hangs,
        _ => Answers::Status(200),
    });
    let shared = shared.await;
    let slow: Tenant = "slow".parse().unwrap();
    for _ in 0..MAX_PER_HOST * 8 {
        let id = place.submit_for(&slow, &shared.url("/hangs")).await;
        let cancelled = queue.cancel(&slow, id).await.unwrap();
        assert!(matches!(cancelled, Changed::Done(_)));
    }
    let sender = place.sender();
    until("the host to be full", async || {
        shared.connections() >= MAX_PER_HOST as u64
    })
    .await;
    // More than one: each goes on when that of before has ended.
    let mut good = Vec::new();
    for _ in 0..3 {
        good.push(place.cancelled(&shared.url("/")).await);
    }
    for id in good {
        place.comes_to(id, Delivery::Delivered).await;
    }
    let hangs = shared.received().into_iter();
    let hangs = hangs.filter(|one| one.path == "/hangs").count();
    assert!(hangs <= MAX_PER_HOST, "{hangs}");
    drop(sender);
}

#[tokio::test]
async fn a_tenant_whose_hosts_hang_holds_up_its_own_messages_only() {
    let place = Place::new().await;
    let queue = &place.service.stores.queue;
    let slow: Tenant = "slow".parse().unwrap();
    let mut hanging = Vec::new();
    // Hosts enough for all deliveries of a process.
    for n in 2..2 + MAX_AT_ONCE / MAX_PER_HOST {
        hanging.push(Receiver::at(&format!("127.0.1.{n}:0"), |_, _| Answers::Hangs).await);
    }
    for receiver in &hanging {
        for _ in 0..MAX_PER_HOST {
            let id = place.submit_for(&slow, &receiver.url("/")).await;
            let cancelled = queue.cancel(&slow, id).await.unwrap();
            assert!(matches!(cancelled, Changed::Done(_)));
        }
    }
    let other = good().await;
    let good = place.cancelled(&other.url("/")).await;
    let sender = place.sender();
    place.comes_to(good, Delivery::Delivered).await;
    let connections: u64 = hanging.iter().map(Receiver::connections).sum();
    assert!(connections <= MAX_PER_TENANT as u64, "{connections}");
    drop(sender);
}

#[test]
fn waits_grow_and_end() {
    let entropy: &dyn Entropy = &SystemEntropy;
    for (attempts, wait_ms) in RETRIES_MS.into_iter().enumerate() {
        let waits = (0..100).map(|_| again_ms(attempts as u32, entropy).unwrap());
        let waits: BTreeSet<u64> = waits.collect();
        assert!(
            waits
                .iter()
                .all(|wait| (wait_ms..=wait_ms * 6 / 5).contains(wait))
        );
        assert!(waits.len() > 1, "not all at once");
    }
    assert_eq!(again_ms(RETRIES_MS.len() as u32, entropy), None);
}

#[tokio::test]
async fn without_a_secret_nothing_is_taken_or_sent() {
    let config = Config::defaults();
    let refused = accept(&config, "https://example.com/").err().unwrap();
    assert_eq!(refused.code, "webhooks_off");
    let mut place = Place::new().await;
    let config = Config {
        webhook_secret: None,
        ..(*place.service.config).clone()
    };
    place.service.config = Arc::new(config);
    assert!(Sender::start(&place.service).unwrap().is_none());
}
