//! The webhook's log through a real socket: what is under way, what ended, and what is asked for again.

use super::*;
use crate::queue::{Sent, Skip};
use crate::webhook::SigningSecret;
use serde_json::json;

/// Where the job tells of its end.
const URL: &str = "https://hook.example/a?token=of-the-client";
/// Longer than a test.
const LEASE_MS: u64 = 600_000;

/// A server whose one job was cancelled, which is to be told. `signs`: whether it has a secret.
async fn told(signs: bool) -> (Server, Id) {
    let server = match signs {
        true => Server::with_secret().await,
        false => Server::start().await,
    };
    let file = server.file(&Tenant::NONE, "parcels-1.csv", b"n\n1\n").await;
    let job = server.job(&Tenant::NONE, file).await;
    let queue = &server.service.stores.queue;
    queue.add_callback(&Tenant::NONE, job, URL).await.unwrap();
    queue.cancel(&Tenant::NONE, job).await.unwrap();
    (server, job)
}

impl Server {
    /// One that can sign what it sends; nothing is sent, as no sender runs.
    async fn with_secret() -> Self {
        let secret = SigningSecret::parse("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
        Self::configured(ROUTES, ALIASES, Limits::default(), |config| {
            config.webhook_secret = secret;
        })
        .await
    }

    async fn sender_takes(&self, owner: &str) {
        self.sender_takes_for(owner, LEASE_MS).await;
    }

    async fn sender_takes_for(&self, owner: &str, lease_ms: u64) {
        let queue = &self.service.stores.queue;
        let nobody = Skip::default();
        let taken = queue.claim_delivery(owner, lease_ms, &nobody);
        assert!(taken.await.unwrap().is_some(), "it is due");
    }

    async fn sender_notes(&self, job: Id, owner: &str, status: u16, again_ms: Option<u64>) {
        let sent = Sent::Tried {
            status: Some(status),
            error: (status >= 300).then(|| format!("{status}")),
            duration_ms: 12,
            again_ms,
        };
        let queue = &self.service.stores.queue;
        let noted = queue.note_delivery(&Tenant::NONE, job, owner, 1, &sent);
        assert!(noted.await.unwrap());
    }

    async fn deliveries(&self, job: Id) -> Vec<Value> {
        let path = format!("/jobs/{job}/deliveries");
        let list = self.send(&self.api, Method::GET, &path, "").await;
        let list = list.is(200).json();
        assert_eq!(list["limit"], 100, "{list}");
        list["items"].as_array().unwrap().clone()
    }

    async fn resend(&self, job: Id, n: u64) -> Answer {
        let path = format!("/jobs/{job}/deliveries/{n}/resend");
        self.send(&self.api, Method::POST, &path, "").await
    }
}

/// The number of a delivery, which try of its message it was, and its status.
fn brief(delivery: &Value) -> Value {
    json!([
        delivery["n"],
        delivery["attempt"],
        delivery["status"],
        delivery["durationMs"]
    ])
}

#[tokio::test]
async fn a_delivery_is_seen_from_its_begin_and_its_tries_are_counted_anew_when_it_is_asked_for() {
    let (server, job) = told(true).await;
    assert!(server.deliveries(job).await.is_empty());
    server.sender_takes("a").await;
    let under_way = server.deliveries(job).await.remove(0);
    assert_eq!(brief(&under_way), json!([1, 1, null, null]));
    assert_eq!(
        (&under_way["error"], &under_way["type"], &under_way["url"]),
        (&Value::Null, &json!("job.cancelled"), &json!(URL))
    );
    let at = |delivery: &Value, name: &str| delivery[name].as_str().unwrap().to_owned();
    assert!(
        at(&under_way, "at") < at(&under_way, "nextAt"),
        "{under_way}"
    );
    assert_eq!(under_way["webhookId"], format!("msg_{job}_1"));
    server.resend(job, 1).await.refused(404, "not_found");

    server.sender_notes(job, "a", 500, Some(0)).await;
    let ended = server.deliveries(job).await;
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!(brief(&ended[0]), json!([1, 1, 500, 12]));
    server.sender_takes("b").await;
    server.sender_notes(job, "b", 500, None).await;
    let attempts = async || {
        let path = format!("/jobs/{job}");
        let job = server.send(&server.api, Method::GET, &path, "").await;
        job.is(200).json()["callback"]["attempts"].clone()
    };
    assert_eq!(attempts().await, 2);

    // Asked for again: the counter begins anew, the list does not.
    server.resend(job, 1).await.is(202);
    assert_eq!(attempts().await, 0);
    server.sender_takes("c").await;
    let list: Vec<Value> = server.deliveries(job).await.iter().map(brief).collect();
    let expected = [
        json!([3, 1, null, null]),
        json!([2, 2, 500, 12]),
        json!([1, 1, 500, 12]),
    ];
    assert_eq!(list, expected, "newest first");
}

#[tokio::test]
async fn a_try_whose_sender_is_dead_is_not_under_way() {
    let (server, job) = told(true).await;
    server.sender_takes_for("a", 1).await;
    let gone = async {
        while !server.deliveries(job).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(60), gone).await;
    assert!(gone.is_ok(), "it is shown for ever");
    let found = server.service.stores.queue.job(&Tenant::NONE, job).await;
    let callback = found.unwrap().unwrap().callback.unwrap();
    assert!(callback.taken.is_some(), "nobody else has taken it");
    server.sender_takes("b").await;
    let again = server.deliveries(job).await.remove(0);
    assert_eq!(brief(&again), json!([1, 1, null, null]));
}

#[tokio::test]
async fn nothing_is_promised_again_where_nothing_can_be_signed() {
    let (server, job) = told(false).await;
    server.sender_takes("a").await;
    server.sender_notes(job, "a", 500, None).await;
    let refused = server.resend(job, 1).await;
    let refused = refused.refused(422, "webhooks_off").json();
    assert!(
        refused["hint"].as_str().unwrap().contains("WEBHOOK_SECRET"),
        "{refused}"
    );
    server.resend(job, 2).await.refused(404, "not_found");
    let found = server.service.stores.queue.job(&Tenant::NONE, job).await;
    let callback = found.unwrap().unwrap().callback.unwrap();
    assert_eq!(callback.due_ms, None, "it is as it was");
}
