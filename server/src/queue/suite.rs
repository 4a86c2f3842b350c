//! What every store of jobs must do, as one function that the tests of each store call.
//!
//! It promises to meet a store only through [`Queue`], and knows no database. Leases that must run out are tiny;
//! whether one has, and what time it is, is asked of the store, never of a clock.

mod callbacks;
mod claims;
mod clients;
mod fairness;
mod fencing;
mod keys;
mod leases;
mod lists;
mod news;
mod races;
mod resubmits;
mod retention;
mod transitions;

use super::{Approval, Release, Renewal, SpecText, State};
use super::{Changed, Claim, Claimant, Held, Job, LoadPin, NewJob, Progress, Queue, Receipt};
use crate::id::{Entropy, Id, SystemEntropy};
use crate::job::{Failure, SpecPin};
use crate::tenant::Tenant;
use pipeline::{Accepted, Books, Busy, Cause, Checkpoint, Position, Tally};
use stages::identity::LoadIdentity;
use std::sync::Arc;
use std::time::Duration;

/// A lease that no case outlives, in milliseconds.
const LONG_MS: u64 = 600_000;
/// A lease that is waited out, in milliseconds.
const TINY_MS: u64 = 1;
/// Between two questions to the store while something is waited for.
const PAUSE: Duration = Duration::from_millis(2);
/// How long anything is waited for, at most.
const DEADLINE: Duration = Duration::from_secs(60);
/// Requests that are made at the same time.
const CONCURRENT: usize = 50;

/// A store that a case is given.
type Store = Arc<dyn Queue>;

/// Checks a store. Each call of `make` gives a new one, empty and independent of the others.
///
/// # Panics
/// When the store does not keep the contract; what it prints last names the case.
pub(crate) async fn conforms(make: impl AsyncFn() -> Store) {
    macro_rules! cases {
        ($($group:ident::$case:ident,)*) => { $(
            println!("{}::{}", stringify!($group), stringify!($case));
            $group::$case(make().await).await;
        )* };
    }
    cases! {
        transitions::every_transition_from_every_state,
        transitions::a_job_is_what_was_submitted,
        transitions::text_is_never_interpreted,
        transitions::a_transition_sets_and_clears_what_it_must,
        transitions::a_statement_sent_twice_finds_its_own_change,
        transitions::a_released_job_is_charged_without_progress_only,
        races::a_job_that_is_cancelled_as_it_is_completed_ends_once,
        resubmits::one_job_at_a_time_has_the_turn,
        resubmits::what_was_sent_again_moves_once,
        clients::a_retry_goes_on_and_a_reset_begins_anew,
        clients::a_changed_spec_is_not_reset,
        clients::an_approval_counts_for_its_fence_number_only,
        clients::an_approval_says_where_it_goes_on,
        clients::files_are_attached_once_and_bounded,
        fencing::a_late_worker_changes_nothing,
        fencing::a_claim_must_match_whole,
        fencing::a_checkpoint_takes_the_place_of_the_one_before,
        fencing::the_furthest_record_never_goes_back,
        fencing::tenants_never_see_each_others_jobs,
        claims::an_empty_queue_gives_nothing,
        claims::one_of_many_claims_each_job,
        claims::the_same_owner_finds_the_same_claim,
        claims::priority_is_first_then_age,
        claims::a_job_is_not_claimed_before_it_is_due,
        claims::a_job_that_is_not_due_hides_no_other,
        claims::nothing_is_left_to_repair,
        fairness::a_tenant_with_one_job_is_served_soon,
        fairness::priority_does_not_count_between_tenants,
        leases::a_lease_that_ran_out_is_taken,
        leases::a_lease_that_is_renewed_is_not_taken,
        leases::after_an_outage_expired_leases_are_left_alone,
        leases::leases_that_run_out_without_progress_end_the_job,
        leases::progress_begins_attempts_anew,
        lists::pages_follow_each_other,
        lists::filters_narrow_a_list,
        lists::a_list_has_nothing_long_of_its_jobs,
        lists::the_newest_job_of_a_file_is_found,
        lists::depth_counts_what_waits,
        news::what_is_known_is_no_news,
        news::between_times_only_rest_is_news,
        news::news_are_the_tenants_own_and_bounded,
        keys::a_key_is_new_the_same_or_anothers,
        keys::one_of_many_is_new,
        retention::ended_jobs_expire_and_others_do_not,
        retention::an_expired_job_keeps_its_figures,
        callbacks::a_job_without_a_webhook_tells_nobody,
        callbacks::ends_and_holds_are_due_with_the_transition,
        callbacks::an_event_keeps_what_it_tells,
        callbacks::running_out_of_attempts_is_told_too,
        callbacks::one_sender_at_a_time_has_it,
        callbacks::those_of_a_busy_tenant_or_host_are_passed_over,
        callbacks::what_a_dead_sender_had_is_due_again,
        callbacks::a_failure_is_tried_again_and_can_be_asked_for,
        callbacks::an_end_while_a_hold_is_sent_is_not_lost,
        callbacks::what_is_asked_for_while_it_is_sent_is_sent_once_more,
        callbacks::lists_leave_the_log_out_and_retention_takes_all,
        callbacks::a_job_that_is_there_takes_one_webhook_until_it_ends,
        callbacks::what_is_withdrawn_is_told_to_nobody,
        callbacks::what_waits_is_not_forgotten_for_what_comes,
        callbacks::a_tenant_has_a_default,
    }
}

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SystemEntropy)
}

fn id() -> Id {
    entropy().id()
}

fn owner() -> String {
    id().to_string()
}

fn tenant(name: &str) -> Tenant {
    Tenant::of_key(name).unwrap()
}

fn new_job(tenant: &Tenant) -> NewJob {
    NewJob {
        id: id(),
        tenant: tenant.clone(),
        file: id(),
        spec: spec("orders", 3),
        load: LoadPin {
            content: "sha256:aa".into(),
            base: LoadIdentity([1; 12]),
            identity: LoadIdentity([2; 12]),
            generation: 4,
            load_number: 77,
            collection: "orders".into(),
        },
        priority: 0,
        bytes_total: Some(1_000),
        parent: None,
        callback: None,
    }
}

fn spec(name: &str, version: u32) -> SpecText {
    SpecText {
        pin: SpecPin {
            name: name.into(),
            version,
            sha256: "ab".repeat(32),
        },
        text: format!("name = \"{name}\"\nversion = {version}\n"),
        is_operators: false,
    }
}

fn claimant() -> Claimant {
    Claimant {
        worker: "host-1".into(),
        owner: owner(),
        lease_ms: LONG_MS,
        max_attempts: 3,
        take_expired: true,
    }
}

/// A checkpoint that ends at ordinal `end`, with one reject on its way.
fn checkpoint(end: u64) -> Checkpoint {
    let at = Position {
        ordinal: end,
        line: end + 1,
        offset: end * 10,
    };
    let mut books = Books::open(at, 1);
    books.counters.loaded = end.saturating_sub(1);
    books.counters.rejected = end.min(1);
    books.counters.dropped.insert("no.name $x".into(), 0);
    books.summary = serde_json::from_value(serde_json::json!([{
        "code": "pattern", "field": "a.b", "count": 1,
        "sample": { "at": Position::START, "message": "it does not match", "raw": "$x;\"1\"" },
    }]))
    .unwrap();
    books.totals = serde_json::from_value(serde_json::json!([
        { "term": "count()", "records": end, "values": end, "sum": format!("{end}e0") },
        { "term": "trailer.$x", "records": 1, "values": 0, "sum": null },
    ]))
    .unwrap();
    let carried = serde_json::from_value(serde_json::json!([
        { "kind": 3, "at": Position::START, "raw": "00ff24", "context": null },
    ]));
    Checkpoint {
        books,
        counted_from: Tally::default(),
        mark: Some(end * 100),
        head: "order_id;$total\n".into(),
        bytes_read: 0,
        carried: carried.unwrap(),
        secrets: std::collections::BTreeMap::new(),
        busy: None,
    }
}

fn progress(furthest: u64) -> Progress {
    Progress {
        furthest,
        bytes_read: furthest * 10,
        bytes_total: Some(1_000),
        records_per_second: 5,
        busy: Some(Busy {
            read: 7,
            frame: 20,
            parse: 999,
            write: 1000,
            rate: 0,
        }),
    }
}

fn renewal(furthest: u64) -> Renewal {
    Renewal {
        progress: progress(furthest),
        lease_ms: LONG_MS,
    }
}

fn receipt() -> Receipt {
    Receipt {
        revision: 1,
        documents: 9,
        digest: "cd".repeat(32),
    }
}

fn failure(code: &str) -> Failure {
    Failure {
        code: code.into(),
        message: format!("it failed: {code}"),
        hint: Some("try again".into()),
        causes: vec!["the first cause".into(), "$second".into()],
    }
}

fn held() -> Held {
    Held {
        cause: Cause::UnknownColumns(vec!["colour".into(), "$size.x".into()]),
        message: "there are unknown columns".into(),
    }
}

fn release(delay_ms: u64, charge: bool) -> Release {
    Release {
        delay_ms,
        failure: Some(failure("target_busy")),
        charge,
        max_attempts: 3,
    }
}

fn approval() -> Approval {
    Approval {
        accepted: Accepted::default(),
        checkpoint: None,
        max_rejects: None,
        spec: None,
    }
}

/// Submits a job that is like all others.
async fn submit(store: &Store, tenant: &Tenant) -> Job {
    store.submit(&new_job(tenant)).await.unwrap()
}

/// What a fresh owner is given.
async fn claim(store: &Store) -> Option<Job> {
    store.claim(&claimant()).await.unwrap()
}

/// Submits a job and claims it; no other is due.
async fn taken(store: &Store, tenant: &Tenant) -> (Job, Claim) {
    let submitted = submit(store, tenant).await;
    taken_again(store, submitted.id).await
}

/// Claims this job; no other is due.
async fn taken_again(store: &Store, job: Id) -> (Job, Claim) {
    let claimed = claim(store).await.expect("a job is due");
    assert_eq!(claimed.id, job);
    let claim = claimed.claim().expect("a claimed job has an owner");
    (claimed, claim)
}

/// Claims this job with a lease that runs out at once.
async fn taken_briefly(store: &Store, job: Id) -> Claim {
    let brief = Claimant {
        lease_ms: TINY_MS,
        ..claimant()
    };
    let claimed = store.claim(&brief).await.unwrap().expect("a job is due");
    assert_eq!(claimed.id, job);
    claimed.claim().unwrap()
}

/// Makes a job that is in this state, with the claim of the last worker that had it, which did not release it.
async fn in_state(store: &Store, tenant: &Tenant, state: State) -> (Job, Claim) {
    let (job, claim) = taken(store, tenant).await;
    let done = match state {
        State::InProgress => true,
        State::Held => store.hold(&claim, &progress(0), &held()).await.unwrap(),
        State::Queued => {
            assert!(store.hold(&claim, &progress(0), &held()).await.unwrap());
            let approved = store
                .approve(tenant, job.id, claim.fence, &approval())
                .await;
            matches!(approved.unwrap(), Changed::Done(_))
        }
        State::Completed => {
            let end = checkpoint(9);
            assert!(store.save(&claim, 0, &end).await.unwrap());
            let finished = store.finish(&claim, &progress(9), &receipt()).await;
            finished.unwrap()
        }
        State::Failed => {
            let failed = store
                .fail(&claim, &progress(0), &failure("source_changed"))
                .await;
            failed.unwrap()
        }
        State::Cancelled => {
            let cancelled = store.cancel(tenant, job.id).await.unwrap();
            matches!(cancelled, Changed::Done(_))
        }
    };
    assert!(done, "{state:?}");
    let job = get(store, &job).await;
    assert_eq!(job.state, state);
    (job, claim)
}

/// The job as it is now.
async fn get(store: &Store, job: &Job) -> Job {
    let found = store.job(&job.tenant, job.id).await.unwrap();
    found.expect("the job is there")
}

/// The job that a client's change left.
fn done(changed: Changed) -> Job {
    match changed {
        Changed::Done(job) => *job,
        other => panic!("it was not done: {other:?}"),
    }
}

/// The job from whose state there is no such change.
fn refused(changed: Changed) -> Job {
    match changed {
        Changed::WrongState(job) => *job,
        other => panic!("it was not refused: {other:?}"),
    }
}

/// Everything of a job that can be compared.
fn shown(job: &Job) -> String {
    format!("{job:#?}")
}

/// Asks until there is an answer.
async fn wait_for<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, wait).await;
    waited.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// Waits until the store's clock is past `ms`.
async fn clock_is_past(store: &Store, ms: u64) {
    let clock = tenant("clock");
    wait_for("the store's clock", async || {
        let job = submit(store, &clock).await;
        let now = done(store.cancel(&clock, job.id).await.unwrap()).updated_ms;
        (now > ms).then_some(())
    })
    .await;
}
