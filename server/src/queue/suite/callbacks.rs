//! Webhooks: due with the very transition that ends or holds a job, sent by one at a time, told again under the same name.

use super::*;
use crate::page::{From, Page};
use crate::queue::callback::{Attempt, MAX_EVENTS, MAX_PENDING, MAX_TOLD_CHARS};
use crate::queue::{Callback, Delivery, Filter, Resent, Sent, Skip, Told};

const URL: &str = "https://example.com/hook?a=$b.c";

async fn submitted(store: &Store, tenant: &Tenant) -> Job {
    let new = NewJob {
        callback: Some(URL.into()),
        ..new_job(tenant)
    };
    store.submit(&new).await.unwrap()
}

fn told(job: &Job) -> Vec<(u64, String, Delivery)> {
    let callback = job.callback.as_ref().expect("the job has a webhook");
    assert_eq!(&*callback.url, URL);
    let events = callback.events.iter();
    events
        .map(|event| (event.n, event.state.clone(), event.delivery))
        .collect()
}

fn tried(error: Option<&str>, again_ms: Option<u64>) -> Sent {
    Sent::Tried {
        status: error.map(|_| 500),
        error: error.map(str::to_owned),
        duration_ms: 12,
        again_ms,
    }
}

/// Takes the webhook that is due, whose job this is.
async fn sender_takes(store: &Store, job: &Job, owner: &str) -> Callback {
    let due = store
        .claim_delivery(owner, LONG_MS, &Skip::default())
        .await
        .unwrap();
    let due = due.expect("a webhook is due");
    assert_eq!((due.id, &due.tenant), (job.id, &job.tenant));
    assert_eq!(shown(&due), shown(&get(store, job).await), "it is whole");
    due.callback.unwrap()
}

async fn notes(store: &Store, job: &Job, owner: &str, n: u64, sent: &Sent) -> bool {
    let noted = store.note_delivery(&job.tenant, job.id, owner, n, sent);
    noted.await.unwrap()
}

pub(super) async fn a_job_without_a_webhook_tells_nobody(store: Store) {
    let tenant = tenant("acme");
    let (job, _) = in_state(&store, &tenant, State::Completed).await;
    assert_eq!(job.callback, None);
    assert!(
        store
            .claim_delivery("a", LONG_MS, &Skip::default())
            .await
            .unwrap()
            .is_none()
    );
    assert!(!notes(&store, &job, "a", 1, &tried(None, None)).await);
    let resent = store.resend_delivery(&tenant, job.id, 1).await.unwrap();
    assert!(matches!(resent, Resent::NoSuchTry));
    assert_eq!(store.depth().await.unwrap().pending_webhooks, 0);
}

pub(super) async fn ends_and_holds_are_due_with_the_transition(store: Store) {
    let tenant = tenant("acme");
    let pending = |n, state: &str| (n, state.to_owned(), Delivery::Pending);
    let job = submitted(&store, &tenant).await;
    assert_eq!(told(&job), []);
    let (_, claim) = taken_again(&store, job.id).await;
    assert!(
        store
            .claim_delivery("a", LONG_MS, &Skip::default())
            .await
            .unwrap()
            .is_none()
    );

    // Held, approved, failed, retried, cancelled, retried, completed: told as often, each as an event of its own.
    for _ in 0..2 {
        assert!(store.hold(&claim, &progress(0), &held()).await.unwrap());
    }
    assert_eq!(told(&get(&store, &job).await), [pending(1, "held")]);
    done(
        store
            .approve(&tenant, job.id, claim.fence, &approval())
            .await
            .unwrap(),
    );
    let (_, claim) = taken_again(&store, job.id).await;
    for _ in 0..2 {
        assert!(
            store
                .fail(&claim, &progress(0), &failure("x"))
                .await
                .unwrap()
        );
    }
    done(store.retry(&tenant, job.id, false).await.unwrap());
    done(store.cancel(&tenant, job.id).await.unwrap());
    refused(store.cancel(&tenant, job.id).await.unwrap());
    done(store.retry(&tenant, job.id, true).await.unwrap());
    let (_, claim) = taken_again(&store, job.id).await;
    for _ in 0..2 {
        assert!(
            store
                .finish(&claim, &progress(0), &receipt())
                .await
                .unwrap()
        );
    }
    let now = get(&store, &job).await;
    let all = [
        pending(1, "held"),
        pending(2, "failed"),
        pending(3, "cancelled"),
        pending(4, "completed"),
    ];
    assert_eq!(told(&now), all);
    assert_eq!(store.depth().await.unwrap().pending_webhooks, 1);
    assert_eq!(
        now.callback.unwrap().events[3].at_ms,
        now.finished_ms.unwrap(),
        "of one moment"
    );
}

pub(super) async fn an_event_keeps_what_it_tells(store: Store) {
    let tenant = tenant("acme");
    let job = submitted(&store, &tenant).await;
    let kept = async |n: usize| {
        let callback = get(&store, &job).await.callback.unwrap();
        callback.events[n].told.clone().unwrap()
    };
    let (_, claim) = taken_again(&store, job.id).await;
    let end = checkpoint(9);
    assert!(store.save(&claim, 0, &end).await.unwrap());
    let why = failure("$no.name");
    assert!(store.fail(&claim, &progress(9), &why).await.unwrap());
    done(store.retry(&tenant, job.id, true).await.unwrap());
    let failed = Told {
        error: Some(why.message),
        rows_processed: 8,
        rows_failed: 1,
    };
    assert_eq!(kept(0).await, failed, "whatever became of the job");
    let (_, claim) = taken_again(&store, job.id).await;
    let long = Held {
        message: "é".repeat(MAX_TOLD_CHARS + 1),
        ..held()
    };
    assert!(store.hold(&claim, &progress(0), &long).await.unwrap());
    done(store.cancel(&tenant, job.id).await.unwrap());
    let cut = Told {
        error: Some("é".repeat(MAX_TOLD_CHARS)),
        ..Told::default()
    };
    assert_eq!(kept(1).await, cut);
    assert_eq!(kept(2).await, Told::default());
    let sent = sender_takes(&store, &job, "a").await;
    assert_eq!(sent.events[0].told, Some(failed.clone()));
    assert!(notes(&store, &job, "a", 1, &tried(Some("no"), None)).await);
    assert_eq!(kept(0).await, failed, "it stays through tries");
}

pub(super) async fn running_out_of_attempts_is_told_too(store: Store) {
    let tenant = tenant("acme");
    let failed = [(1, "failed".to_owned(), Delivery::Pending)];
    let job = submitted(&store, &tenant).await;
    let (_, claim) = taken_again(&store, job.id).await;
    let last = Release {
        max_attempts: 1,
        ..release(0, true)
    };
    for _ in 0..2 {
        assert!(store.release(&claim, &last).await.unwrap());
    }
    assert_eq!(told(&get(&store, &job).await), failed);

    let job = submitted(&store, &tenant).await;
    taken_briefly(&store, job.id).await;
    let until = get(&store, &job).await.lock_until_ms.unwrap();
    clock_is_past(&store, until).await;
    let once = Claimant {
        max_attempts: 1,
        ..claimant()
    };
    let given_up = store.claim(&once).await.unwrap().unwrap();
    assert_eq!((given_up.id, given_up.state), (job.id, State::Failed));
    assert_eq!(told(&get(&store, &job).await), failed);

    // Given back with attempts left, it has not ended.
    let job = submitted(&store, &tenant).await;
    let (_, claim) = taken_again(&store, job.id).await;
    assert!(store.release(&claim, &release(0, true)).await.unwrap());
    assert_eq!(told(&get(&store, &job).await), []);
}

pub(super) async fn one_sender_at_a_time_has_it(store: Store) {
    let tenant = tenant("acme");
    let job = submitted(&store, &tenant).await;
    done(store.cancel(&tenant, job.id).await.unwrap());
    let senders = (0..CONCURRENT).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .claim_delivery(&format!("sender-{n}"), LONG_MS, &Skip::default())
                .await
        })
    });
    let mut owners = Vec::new();
    for sender in senders.collect::<Vec<_>>() {
        let claimed = sender.await.unwrap().unwrap();
        owners.extend(claimed.map(|job| job.callback.unwrap().owner.unwrap()));
    }
    assert_eq!(owners.len(), 1, "{owners:?}");
    assert!(!notes(&store, &job, "another", 1, &tried(None, None)).await);
    let sent = tried(None, None);
    assert!(notes(&store, &job, &owners[0], 1, &sent).await);
    assert!(!notes(&store, &job, &owners[0], 1, &sent).await, "once");
    let now = get(&store, &job).await;
    assert_eq!(told(&now), [(1, "cancelled".into(), Delivery::Delivered)]);
    let callback = now.callback.unwrap();
    assert!(callback.events[0].delivered_ms >= Some(job.created_ms));
    assert_eq!((callback.due_ms, callback.owner), (None, None));
    assert!(
        store
            .claim_delivery("a", LONG_MS, &Skip::default())
            .await
            .unwrap()
            .is_none()
    );
}

pub(super) async fn those_of_a_busy_tenant_or_host_are_passed_over(store: Store) {
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let first = submitted(&store, &acme).await;
    done(store.cancel(&acme, first.id).await.unwrap());
    let busy = |tenants: &[&Tenant], places: &[(&Tenant, &str)]| Skip {
        tenants: tenants
            .iter()
            .map(|tenant| tenant.key().to_owned())
            .collect(),
        places: places
            .iter()
            .map(|(tenant, host)| format!("{}@{host}", tenant.key()))
            .collect(),
    };
    let before = shown(&get(&store, &first).await);
    for skip in [
        busy(&[&acme], &[]),
        busy(&[&globex], &[(&acme, "example.com")]),
    ] {
        let claimed = store.claim_delivery("a", LONG_MS, &skip).await.unwrap();
        assert!(claimed.is_none(), "{skip:?}");
    }
    assert_eq!(
        shown(&get(&store, &first).await),
        before,
        "nothing is written"
    );
    let second = submitted(&store, &globex).await;
    done(store.cancel(&globex, second.id).await.unwrap());
    let skip = busy(&[&acme], &[(&globex, "other.example")]);
    let claimed = store.claim_delivery("a", LONG_MS, &skip).await.unwrap();
    assert_eq!(claimed.unwrap().id, second.id, "who waits behind them");
    let again = tried(Some("no"), Some(0));
    assert!(notes(&store, &second, "a", 1, &again).await);
    let skip = busy(&[&acme], &[(&globex, "example.com")]);
    let claimed = store.claim_delivery("b", LONG_MS, &skip).await.unwrap();
    assert!(claimed.is_none(), "a record that was written again");

    // At the same host, another tenant's is not held up.
    let skip = busy(&[], &[(&acme, "example.com")]);
    let claimed = store.claim_delivery("c", LONG_MS, &skip).await.unwrap();
    assert_eq!(claimed.unwrap().id, second.id);
    sender_takes(&store, &first, "b").await;
}

pub(super) async fn what_a_dead_sender_had_is_due_again(store: Store) {
    let tenant = tenant("acme");
    let job = submitted(&store, &tenant).await;
    done(store.cancel(&tenant, job.id).await.unwrap());
    let died = store
        .claim_delivery("dead", TINY_MS, &Skip::default())
        .await
        .unwrap();
    assert_eq!(died.unwrap().id, job.id);
    let next = wait_for("the lease to run out", async || {
        store
            .claim_delivery("next", LONG_MS, &Skip::default())
            .await
            .unwrap()
    });
    let callback = next.await.callback.unwrap();
    assert_eq!(callback.next().map(|event| event.n), Some(1), "the same");
    assert!(!notes(&store, &job, "dead", 1, &tried(None, None)).await);
    assert!(notes(&store, &job, "next", 1, &tried(None, None)).await);
}

pub(super) async fn a_failure_is_tried_again_and_can_be_asked_for(store: Store) {
    let tenant = tenant("acme");
    let job = submitted(&store, &tenant).await;
    done(store.cancel(&tenant, job.id).await.unwrap());
    sender_takes(&store, &job, "a").await;
    let error = "the receiver said $no.1";
    assert!(notes(&store, &job, "a", 1, &tried(Some(error), Some(0))).await);
    sender_takes(&store, &job, "b").await;
    assert!(notes(&store, &job, "b", 1, &Sent::PutBack { delay_ms: 0 }).await);
    sender_takes(&store, &job, "c").await;
    assert!(notes(&store, &job, "c", 1, &tried(Some(error), None)).await);
    assert!(
        store
            .claim_delivery("d", LONG_MS, &Skip::default())
            .await
            .unwrap()
            .is_none()
    );
    let now = get(&store, &job).await;
    assert_eq!(told(&now), [(1, "cancelled".into(), Delivery::Failed)]);
    let log = now.callback.unwrap().log;
    let of = |try_: &Attempt| (try_.n, try_.event, try_.attempt, try_.next_ms.is_some());
    assert_eq!(
        log.iter().map(of).collect::<Vec<_>>(),
        [(1, 1, 1, true), (2, 1, 2, false)]
    );
    assert_eq!(log[1].error.as_deref(), Some(error));
    assert_eq!((log[1].status, log[1].duration_ms), (Some(500), 12));

    let missing = store.resend_delivery(&tenant, job.id, 3).await.unwrap();
    assert!(matches!(missing, Resent::NoSuchTry));
    let other = super::tenant("globex");
    let missing = store.resend_delivery(&other, job.id, 1).await.unwrap();
    assert!(matches!(missing, Resent::Missing));
    let Resent::Due(resent) = store.resend_delivery(&tenant, job.id, 1).await.unwrap() else {
        panic!("it is not due");
    };
    assert_eq!(told(&resent), [(1, "cancelled".into(), Delivery::Pending)]);
    let callback = sender_takes(&store, &job, "e").await;
    assert_eq!(callback.events[0].attempts, 0, "it begins anew");
    assert!(notes(&store, &job, "e", 1, &tried(None, None)).await);
    let log = get(&store, &job).await.callback.unwrap().log;
    assert_eq!((log[2].n, log[2].attempt), (3, 1));
}

pub(super) async fn an_end_while_a_hold_is_sent_is_not_lost(store: Store) {
    let tenant = tenant("acme");
    let job = submitted(&store, &tenant).await;
    let (_, claim) = taken_again(&store, job.id).await;
    assert!(store.hold(&claim, &progress(0), &held()).await.unwrap());
    sender_takes(&store, &job, "a").await;
    done(store.cancel(&tenant, job.id).await.unwrap());
    assert!(
        store
            .claim_delivery("b", LONG_MS, &Skip::default())
            .await
            .unwrap()
            .is_none(),
        "the first one is being sent"
    );
    let later = tried(Some("no"), Some(LONG_MS));
    assert!(notes(&store, &job, "a", 1, &later).await);
    let callback = sender_takes(&store, &job, "b").await;
    assert_eq!(callback.next().map(|event| event.n), Some(2));
}

pub(super) async fn what_is_asked_for_while_it_is_sent_is_sent_once_more(store: Store) {
    let tenant = tenant("acme");
    let job = submitted(&store, &tenant).await;
    done(store.cancel(&tenant, job.id).await.unwrap());
    sender_takes(&store, &job, "a").await;
    assert!(notes(&store, &job, "a", 1, &tried(Some("no"), Some(0))).await);
    let callback = sender_takes(&store, &job, "b").await;
    let taken = callback.taken.expect("a try is under way");
    assert_eq!(
        (taken.event, taken.attempt, taken.is_asked_again),
        (1, 2, false)
    );
    assert!(callback.due_ms >= Some(taken.at_ms + LONG_MS));
    let resent = store.resend_delivery(&tenant, job.id, 1).await.unwrap();
    assert!(matches!(resent, Resent::Due(_)));
    assert!(notes(&store, &job, "b", 1, &tried(None, None)).await);
    let callback = get(&store, &job).await.callback.unwrap();
    assert_eq!((callback.taken, callback.log[1].attempt), (None, 2));
    let callback = sender_takes(&store, &job, "c").await;
    assert_eq!(callback.taken.unwrap().attempt, 1, "its tries begin anew");
    assert!(notes(&store, &job, "c", 1, &tried(None, None)).await);
    let now = get(&store, &job).await;
    assert_eq!(told(&now), [(1, "cancelled".into(), Delivery::Delivered)]);
}

pub(super) async fn lists_leave_the_log_out_and_retention_takes_all(store: Store) {
    let tenant = tenant("acme");
    let job = submitted(&store, &tenant).await;
    done(store.cancel(&tenant, job.id).await.unwrap());
    sender_takes(&store, &job, "a").await;
    assert!(notes(&store, &job, "a", 1, &tried(Some("no"), Some(LONG_MS))).await);
    let page = Page {
        from: From::Number(1),
        limit: 1,
    };
    let listed = store.jobs(&tenant, &Filter::default(), page).await.unwrap();
    assert_eq!(told(&listed.items[0]).len(), 1);
    assert!(listed.items[0].callback.as_ref().unwrap().log.is_empty());
    wait_for("it to expire", async || {
        (store.expire(0, 10).await.unwrap().len() == 1).then_some(())
    })
    .await;
    assert_eq!(get(&store, &job).await.callback, None);
    assert_eq!(store.depth().await.unwrap().pending_webhooks, 0);
}

pub(super) async fn a_job_that_is_there_takes_one_webhook_until_it_ends(store: Store) {
    let tenant = tenant("acme");
    let add = async |job: &Job, tenant: &Tenant, url: &str| {
        let added = store.add_callback(tenant, job.id, url).await.unwrap();
        added.map(|job| job.callback.map(|callback| callback.url.to_string()))
    };
    let (job, _) = in_state(&store, &tenant, State::Held).await;
    assert_eq!(add(&job, &super::tenant("globex"), "x").await, None);
    assert_eq!(add(&job, &tenant, URL).await, Some(Some(URL.into())));
    assert_eq!(add(&job, &tenant, "x").await, Some(Some(URL.into())));
    assert_eq!(told(&get(&store, &job).await), [], "the hold was before");
    done(store.cancel(&tenant, job.id).await.unwrap());
    assert_eq!(sender_takes(&store, &job, "a").await.events[0].n, 1);

    let (ended, _) = in_state(&store, &tenant, State::Completed).await;
    assert_eq!(add(&ended, &tenant, URL).await, Some(None));
    assert_eq!(get(&store, &ended).await.callback, None);
}

pub(super) async fn what_is_withdrawn_is_told_to_nobody(store: Store) {
    let tenant = tenant("acme");
    let withdraw = async |job: &Job| {
        let withdrawn = done(store.withdraw(&tenant, job.id).await.unwrap());
        assert_eq!(withdrawn.state, State::Cancelled);
        assert_eq!(shown(&withdrawn), shown(&get(&store, job).await));
        withdrawn
    };
    let queued = submitted(&store, &tenant).await;
    assert_eq!(withdraw(&queued).await.callback, None);
    refused(store.withdraw(&tenant, queued.id).await.unwrap());
    let other = super::tenant("globex");
    let missing = store.withdraw(&other, queued.id).await.unwrap();
    assert!(matches!(missing, Changed::Missing), "{missing:?}");
    let running = submitted(&store, &tenant).await;
    taken_again(&store, running.id).await;
    assert_eq!(withdraw(&running).await.callback, None);
    let (without, _) = in_state(&store, &tenant, State::Queued).await;
    assert_eq!(withdraw(&without).await.callback, None);
    assert_eq!(store.depth().await.unwrap().pending_webhooks, 0);

    // Another request has found it, and its receiver has heard of it.
    let known = submitted(&store, &tenant).await;
    let (_, claim) = taken_again(&store, known.id).await;
    assert!(store.hold(&claim, &progress(0), &held()).await.unwrap());
    let found = submitted(&store, &tenant).await;
    assert!(store.attach(&tenant, found.id, id()).await.unwrap());
    for (job, events) in [(found, 1), (known, 2)] {
        assert_eq!(told(&withdraw(&job).await).len(), events);
    }
    assert_eq!(store.depth().await.unwrap().pending_webhooks, 2);
}

pub(super) async fn what_waits_is_not_forgotten_for_what_comes(store: Store) {
    let tenant = tenant("acme");
    let job = submitted(&store, &tenant).await;
    let ends = async || {
        done(store.cancel(&tenant, job.id).await.unwrap());
        done(store.retry(&tenant, job.id, false).await.unwrap());
    };
    let more = MAX_EVENTS as u64 + 2;
    for _ in 0..more {
        ends().await;
    }
    let waiting = |told: &[(u64, String, Delivery)]| -> Vec<u64> {
        let told = told.iter();
        let waiting = told.filter(|(_, _, delivery)| *delivery == Delivery::Pending);
        waiting.map(|(n, _, _)| *n).collect()
    };
    let now = told(&get(&store, &job).await);
    let first: Vec<u64> = (1..=MAX_PENDING as u64).collect();
    assert_eq!((now.len(), waiting(&now)), (MAX_EVENTS, first));
    assert_eq!(
        now[MAX_PENDING],
        (more, "cancelled".into(), Delivery::Failed)
    );

    // The next sender finds it out, and goes on with the oldest; what it delivered makes room.
    let callback = sender_takes(&store, &job, "a").await;
    let logged: Vec<_> = callback.log.iter().map(|one| one.event).collect();
    assert_eq!(
        (callback.next().map(|event| event.n), logged),
        (Some(1), vec![more])
    );
    assert!(notes(&store, &job, "a", 1, &tried(None, None)).await);
    ends().await;
    let now = told(&get(&store, &job).await);
    assert_eq!((now.len(), waiting(&now)[0], now[0].0), (MAX_EVENTS, 2, 2));
    assert_eq!(waiting(&now).last(), Some(&(more + 1)));
    sender_takes(&store, &job, "b").await;
}

pub(super) async fn a_tenant_has_a_default(store: Store) {
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let of = async |tenant: &Tenant| store.default_callback(tenant).await.unwrap();
    assert_eq!(of(&acme).await, None);
    store
        .set_default_callback(&acme, Some("https://a.example"))
        .await
        .unwrap();
    store.set_default_callback(&acme, Some(URL)).await.unwrap();
    store
        .set_default_callback(&Tenant::NONE, Some("x"))
        .await
        .unwrap();
    assert_eq!(of(&acme).await.as_deref(), Some(URL));
    assert_eq!(
        (of(&globex).await, of(&Tenant::NONE).await),
        (None, Some("x".into()))
    );
    store.set_default_callback(&acme, None).await.unwrap();
    store.set_default_callback(&acme, None).await.unwrap();
    assert_eq!(of(&acme).await, None);
}
