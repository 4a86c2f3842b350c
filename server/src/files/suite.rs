//! What every store of files must do, as one function that the tests of each store call with the queue of the same
//! database.
//!
//! It meets a store only through [`Files`] and a queue only through [`Queue`], and knows no database. Time is asked of
//! the store, never of a clock.

mod jobs;
mod lists;

use super::{File, Files, NewFile, Outcome, Seen, Status};
use crate::id::{Entropy, Id, SystemEntropy};
use crate::job::{Failure, SpecPin};
use crate::page::{From, Listed, Page};
use crate::queue::{
    Claim, Claimant, Held, LoadPin, NewJob, Progress, Queue, Receipt, SpecText, State,
};
use crate::tenant::Tenant;
use pipeline::Cause;
use stages::identity::LoadIdentity;
use std::sync::Arc;
use std::time::Duration;

/// A lease that no case outlives, in milliseconds.
const LONG_MS: u64 = 600_000;
/// How long anything is waited for, at most.
const DEADLINE: Duration = Duration::from_secs(30);

/// A store of files, and the queue of the same database.
#[derive(Clone)]
pub struct Both {
    /// The files.
    pub files: Arc<dyn Files>,
    /// The queue.
    pub queue: Arc<dyn Queue>,
}

/// Checks a store. Each call of `make` gives a new one, empty and independent of the others.
///
/// # Panics
/// When the store does not keep the contract; what it prints last names the case.
pub async fn conforms(make: impl AsyncFn() -> Both) {
    macro_rules! cases {
        ($($case:path,)*) => { $(
            println!("{}", stringify!($case));
            $case(make().await).await;
        )* };
    }
    cases! {
        a_file_is_what_was_begun_and_committed,
        text_is_never_interpreted,
        beginning_again_changes_nothing,
        the_upload_of_a_file_that_is_uploading_is_noted,
        a_commit_met_again_is_the_file,
        only_what_is_uploading_is_renewed_and_discarded,
        abandoned_is_what_nobody_renews,
        an_object_that_is_gone_is_noted_once,
        what_is_to_go_is_found_until_it_went,
        jobs::the_status_is_of_the_newest_job,
        jobs::a_file_in_use_is_not_removed,
        jobs::the_object_of_a_file_in_use_stays,
        jobs::of_removing_and_queueing_one_sees_the_other,
        jobs::of_removals_at_once_none_is_in_the_way,
        tenants_never_see_each_others_files,
        lists::pages_follow_each_other,
        lists::a_status_narrows_a_list,
    }
}

fn id() -> Id {
    (&SystemEntropy as &dyn Entropy).id()
}

fn tenant(name: &str) -> Tenant {
    Tenant::of_key(name).unwrap()
}

fn new_file(tenant: &Tenant) -> NewFile {
    let id = id();
    NewFile {
        id,
        tenant: tenant.clone(),
        original_name: "orders.csv".into(),
        content_type: "text/csv".into(),
        key: format!("uploads/{id}"),
        bucket: Some("bucket".into()),
        upload: Some("upload-1".into()),
    }
}

impl Both {
    /// A file of `tenant` that is uploading.
    async fn begun(&self, tenant: &Tenant) -> NewFile {
        let file = new_file(tenant);
        self.files.begin(&file).await.unwrap();
        file
    }

    /// A file of `tenant` that is uploaded.
    pub(crate) async fn uploaded(&self, tenant: &Tenant) -> NewFile {
        let file = self.begun(tenant).await;
        let committed = self
            .files
            .commit(tenant, file.id, 5, "aa", None)
            .await
            .unwrap();
        assert!(committed.is_some_and(|committed| committed.is_uploaded));
        file
    }

    async fn seen(&self, file: &NewFile) -> Option<Seen> {
        self.files.file(&file.tenant, file.id).await.unwrap()
    }

    async fn status(&self, file: &NewFile) -> Option<Status> {
        self.seen(file).await.map(|seen| seen.status())
    }

    /// A job of this file that waits.
    pub(super) async fn queued(&self, file: &NewFile) -> Id {
        let job = NewJob {
            id: id(),
            tenant: file.tenant.clone(),
            file: file.id,
            spec: SpecText {
                pin: SpecPin {
                    name: "orders".into(),
                    version: 1,
                    sha256: "aa".repeat(32),
                },
                text: "spec = 1".into(),
                is_operators: false,
            },
            load: LoadPin {
                content: "sha256:aa".into(),
                base: LoadIdentity([1; 12]),
                identity: LoadIdentity([2; 12]),
                generation: 0,
                load_number: 0,
                collection: "orders".into(),
            },
            priority: 0,
            bytes_total: Some(5),
            parent: None,
            callback: None,
        };
        self.queue.submit(&job).await.unwrap().id
    }

    /// Claims the only job that waits.
    async fn claimed(&self) -> Claim {
        let claimant = Claimant {
            worker: "worker".into(),
            owner: id().to_string(),
            lease_ms: LONG_MS,
            max_attempts: 3,
            take_expired: true,
        };
        let job = self.queue.claim(&claimant).await.unwrap();
        job.and_then(|job| job.claim()).expect("a job waits")
    }

    /// A job of this file that is brought into `state`; no other job waits.
    pub(crate) async fn job_in(&self, file: &NewFile, state: State) -> Id {
        let (progress, queue) = (Progress::default(), &self.queue);
        let job = self.queued(file).await;
        let done = match state {
            State::Queued => true,
            State::InProgress => self.claimed().await.job == job,
            State::Held => {
                let held = Held {
                    cause: Cause::Errors,
                    message: "too many".into(),
                };
                let claim = self.claimed().await;
                queue.hold(&claim, &progress, &held).await.unwrap()
            }
            State::Completed => {
                let claim = self.claimed().await;
                let receipt = Receipt::default();
                queue.finish(&claim, &progress, &receipt).await.unwrap()
            }
            State::Failed => {
                let claim = self.claimed().await;
                queue.fail(&claim, &progress, &failure()).await.unwrap()
            }
            State::Cancelled => {
                let changed = queue.cancel(&file.tenant, job).await.unwrap();
                matches!(changed, crate::queue::Changed::Done(_))
            }
        };
        assert!(done, "{state:?}");
        job
    }

    async fn list(&self, tenant: &Tenant, status: Option<Status>, page: Page) -> Listed<Seen> {
        self.files.files(tenant, status, page).await.unwrap()
    }

    /// The ids of all files that were idle for so long.
    async fn abandoned(&self, idle_ms: u64) -> Vec<Id> {
        let files = self.files.abandoned(idle_ms, 1_000).await.unwrap();
        files.iter().map(|file| file.new.id).collect()
    }

    /// Lets others go first, for so many questions to the store.
    async fn delay(&self, questions: u32) {
        for _ in 0..2 * questions {
            assert_eq!(self.files.file(&tenant("clock"), id()).await.unwrap(), None);
        }
    }

    /// Waits until the clock of the store has gone on since everything so far.
    async fn a_moment(&self) {
        let first = self.now().await;
        let passed = async || self.now().await > first + 1;
        testbed::eventually("the store's clock goes on", DEADLINE, passed).await;
    }

    async fn now(&self) -> u64 {
        let mark = self.begun(&tenant("clock")).await;
        let seen = self.seen(&mark).await.unwrap();
        let discarded = self.files.discard(&mark.tenant, mark.id).await;
        assert!(discarded.unwrap());
        seen.file.created_ms
    }
}

fn failure() -> Failure {
    Failure {
        code: "truncated".into(),
        message: "it ends \"too early\"".into(),
        hint: None,
        causes: Vec::new(),
    }
}

fn page(number: u32, limit: u32) -> Page {
    Page {
        from: From::Number(number),
        limit,
    }
}

fn ids(listed: &Listed<Seen>) -> Vec<Id> {
    listed.items.iter().map(|seen| seen.file.new.id).collect()
}

async fn a_file_is_what_was_begun_and_committed(store: Both) {
    for new in [
        new_file(&tenant("acme")),
        NewFile {
            bucket: None,
            upload: None,
            ..new_file(&Tenant::NONE)
        },
    ] {
        assert_eq!(store.seen(&new).await, None);
        store.files.begin(&new).await.unwrap();
        let begun = store.seen(&new).await.unwrap();
        assert_eq!(begun.status(), Status::Uploading);
        let expected = File {
            new: new.clone(),
            is_uploaded: false,
            size_bytes: 0,
            sha256: String::new(),
            version: None,
            uploaded_ms: None,
            content_gone: false,
            to_go_for: None,
            ..begun.file
        };
        assert_eq!(begun.file, expected);
        assert!(begun.file.created_ms > 0 && begun.file.updated_ms == begun.file.created_ms);
        store.a_moment().await;
        let size = 64 << 30;
        let committed = store
            .files
            .commit(&new.tenant, new.id, size, "ab12", Some("\"v1\""))
            .await;
        let committed = committed.unwrap().unwrap();
        let expected = File {
            is_uploaded: true,
            size_bytes: size,
            sha256: "ab12".into(),
            version: Some("\"v1\"".into()),
            uploaded_ms: Some(committed.updated_ms),
            updated_ms: committed.updated_ms,
            ..expected
        };
        assert_eq!(committed, expected);
        assert!(committed.updated_ms > committed.created_ms);
        let seen = store.seen(&new).await.unwrap();
        assert_eq!((seen.status(), seen.file), (Status::Uploaded, committed));
        assert_eq!(seen.newest, None);
    }
}

async fn text_is_never_interpreted(store: Both) {
    for text in [
        "$tenant",
        "$$NOW",
        "{\"$ne\":1}",
        "a\0b",
        "ü.ö",
        "' OR 1",
        "",
    ] {
        let mut new = new_file(&tenant("acme"));
        new.original_name = text.into();
        new.content_type = text.into();
        new.key = format!("{text}{}", new.id);
        new.bucket = Some(text.into());
        new.upload = Some(text.into());
        store.files.begin(&new).await.unwrap();
        let committed = store
            .files
            .commit(&new.tenant, new.id, 0, text, Some(text))
            .await;
        let committed = committed.unwrap().unwrap();
        assert_eq!((&committed.new, &*committed.sha256), (&new, text));
        assert_eq!(committed.version.as_deref(), Some(text));
        let again = store
            .files
            .commit(&new.tenant, new.id, 0, text, Some(text))
            .await;
        assert_eq!(again.unwrap(), Some(committed));
    }
}

async fn beginning_again_changes_nothing(store: Both) {
    let new = store.begun(&tenant("acme")).await;
    let begun = store.seen(&new).await;
    store.a_moment().await;
    let other = NewFile {
        tenant: tenant("other"),
        original_name: "other.csv".into(),
        ..new.clone()
    };
    for again in [&new, &other] {
        store.files.begin(again).await.unwrap();
        assert_eq!(store.seen(&new).await, begun);
    }
    let committed = store.files.commit(&new.tenant, new.id, 5, "aa", None).await;
    store.files.begin(&new).await.unwrap();
    let seen = store.seen(&new).await.map(|seen| seen.file);
    assert_eq!(seen, committed.unwrap());
}

async fn the_upload_of_a_file_that_is_uploading_is_noted(store: Both) {
    let (acme, other) = (tenant("acme"), tenant("other"));
    let (begun, uploaded) = (store.begun(&acme).await, store.uploaded(&acme).await);
    let note = async |tenant, id| {
        let noted = store.files.note_upload(tenant, id, "$upload-2").await;
        noted.unwrap()
    };
    assert!(!note(&other, begun.id).await && !note(&acme, uploaded.id).await);
    assert!(!note(&acme, id()).await);
    assert_eq!(store.seen(&begun).await.unwrap().file.new, begun);
    assert!(note(&acme, begun.id).await && note(&acme, begun.id).await);
    let upload = store.seen(&begun).await.unwrap().file.new.upload;
    assert_eq!(upload.as_deref(), Some("$upload-2"));
    assert_eq!(store.abandoned(0).await, [begun.id]);
    assert!(!note(&acme, begun.id).await, "it is lost to its upload");
    assert!(store.files.discard(&acme, begun.id).await.unwrap());
    assert!(!note(&acme, begun.id).await);
    assert_eq!(store.seen(&begun).await, None);
}

async fn a_commit_met_again_is_the_file(store: Both) {
    let (new, acme) = (store.begun(&tenant("acme")).await, tenant("acme"));
    let commit = async |size, sha256| store.files.commit(&acme, new.id, size, sha256, None).await;
    let first = commit(5, "aa").await.unwrap();
    assert!(first.is_some());
    store.a_moment().await;
    assert_eq!(commit(5, "aa").await.unwrap(), first);
    assert_eq!(commit(6, "aa").await.unwrap(), None);
    assert_eq!(commit(5, "bb").await.unwrap(), None);
    assert_eq!(store.seen(&new).await.map(|seen| seen.file), first);
    let unknown = store.files.commit(&acme, id(), 5, "aa", None).await;
    assert_eq!(unknown.unwrap(), None);
}

async fn only_what_is_uploading_is_renewed_and_discarded(store: Both) {
    let acme = tenant("acme");
    let check = async |id, renewed, discarded, what| {
        let (files, acme) = (&store.files, &acme);
        assert_eq!(files.renew(acme, id).await.unwrap(), renewed, "{what}");
        assert_eq!(files.discard(acme, id).await.unwrap(), discarded, "{what}");
    };
    check(id(), false, false, "unknown").await;
    let uploaded = store.uploaded(&acme).await;
    check(uploaded.id, false, false, "uploaded").await;
    assert_eq!(store.status(&uploaded).await, Some(Status::Uploaded));
    let begun = store.begun(&acme).await;
    check(begun.id, true, true, "uploading").await;
    check(begun.id, false, false, "discarded").await;
    assert_eq!(store.seen(&begun).await, None);
    let late = store.files.commit(&acme, begun.id, 5, "aa", None).await;
    assert_eq!(late.unwrap(), None);
    assert!(!store.files.remove(&acme, begun.id).await.unwrap());
}

async fn abandoned_is_what_nobody_renews(store: Both) {
    let (acme, other) = (tenant("acme"), tenant("other"));
    assert_eq!(store.abandoned(0).await, []);
    let mut begun = Vec::new();
    for tenant in [&acme, &other, &acme] {
        begun.push(store.begun(tenant).await);
        store.a_moment().await;
    }
    let uploaded = store.uploaded(&acme).await;
    let [first, second, third] = [0, 1, 2].map(|index| begun[index].id);
    for idle_ms in [LONG_MS, u64::MAX] {
        assert_eq!(store.abandoned(idle_ms).await, []);
    }
    // Never by age: the oldest one is renewed.
    assert!(store.files.renew(&acme, first).await.unwrap());
    let two = store.files.abandoned(0, 2).await.unwrap();
    let two: Vec<_> = two.into_iter().map(|file| file.new).collect();
    assert_eq!(two, [begun[1].clone(), begun[2].clone()]);
    // Who was given is lost to its upload, and given again.
    for lost in &two {
        assert!(!store.files.renew(&lost.tenant, lost.id).await.unwrap());
        let late = store
            .files
            .commit(&lost.tenant, lost.id, 5, "aa", None)
            .await;
        assert_eq!(late.unwrap(), None);
        assert_eq!(store.seen(lost).await, None);
        let listed = store.list(&lost.tenant, None, page(1, 10)).await;
        assert!(!ids(&listed).contains(&lost.id));
    }
    assert_eq!(store.abandoned(LONG_MS).await, [second, third]);
    assert!(store.files.renew(&acme, first).await.unwrap());
    assert!(store.files.discard(&other, second).await.unwrap());
    assert!(!store.files.discard(&other, second).await.unwrap());
    assert_eq!(store.abandoned(LONG_MS).await, [third]);
    assert_eq!(store.abandoned(0).await, [third, first]);
    assert_eq!(store.status(&uploaded).await, Some(Status::Uploaded));
}

async fn an_object_that_is_gone_is_noted_once(store: Both) {
    let acme = tenant("acme");
    let (begun, uploaded) = (store.begun(&acme).await, store.uploaded(&acme).await);
    store.a_moment().await;
    for (file, expected) in [(begun.id, false), (uploaded.id, true), (id(), false)] {
        let noted = store.files.mark_gone(&acme, file, &State::UNDONE).await;
        assert_eq!(noted.unwrap(), expected);
    }
    assert!(!store.seen(&begun).await.unwrap().file.content_gone);
    let gone = store.seen(&uploaded).await.unwrap();
    assert!(gone.file.content_gone && gone.file.updated_ms > gone.file.created_ms);
    assert_eq!(gone.status(), Status::Uploaded);
    store.a_moment().await;
    let again = store.files.mark_gone(&acme, uploaded.id, &State::UNDONE);
    assert!(again.await.unwrap());
    assert_eq!(store.seen(&uploaded).await, Some(gone));
}

async fn what_is_to_go_is_found_until_it_went(store: Both) {
    let (acme, other) = (tenant("acme"), tenant("other"));
    let (begun, stays) = (store.begun(&acme).await, store.uploaded(&acme).await);
    let mut going = Vec::new();
    for tenant in [&acme, &other, &acme] {
        going.push(store.uploaded(tenant).await);
    }
    going.sort_by_key(|file| file.id);
    let listed = async |after: Option<Id>, limit| {
        let files = store.files.to_go(after, limit).await.unwrap();
        assert!(files.iter().all(|file| file.to_go_for.is_some()));
        files.into_iter().map(|file| file.new).collect::<Vec<_>>()
    };
    let asks = async |file: &NewFile| store.seen(file).await.unwrap().file.to_go_for;
    let (first, second) = (id(), id());
    let all: Vec<Id> = going.iter().map(|file| file.id).collect();
    for job in [first, first, second] {
        // Each tenant's of them, whatever else is named.
        for tenant in [&acme, &other] {
            store.files.mark_to_go(tenant, &all, job).await.unwrap();
        }
        for file in &going {
            assert_eq!(asks(file).await, Some(job));
        }
    }
    store.files.mark_to_go(&acme, &[], first).await.unwrap();
    for (tenant, file) in [(&acme, begun.id), (&other, stays.id), (&acme, id())] {
        store
            .files
            .mark_to_go(tenant, &[file], first)
            .await
            .unwrap();
        store.files.went(tenant, file).await.unwrap();
    }
    assert_eq!(asks(&stays).await, None);
    store.files.went(&Tenant::NONE, going[0].id).await.unwrap();
    assert_eq!(listed(None, 10).await, going);
    assert_eq!(listed(None, 2).await, going[..2]);
    assert_eq!(listed(Some(going[0].id), 10).await, going[1..]);
    let (last, went) = (&going[2], &going[1]);
    store.files.went(&went.tenant, went.id).await.unwrap();
    assert!(store.files.remove(&last.tenant, last.id).await.unwrap());
    assert_eq!(listed(None, 10).await, going[..1]);
    assert_eq!(asks(went).await, None);
}

async fn tenants_never_see_each_others_files(store: Both) {
    let acme = tenant("acme");
    let (begun, uploaded) = (store.begun(&acme).await, store.uploaded(&acme).await);
    for stranger in [tenant("other"), Tenant::NONE] {
        for file in [begun.id, uploaded.id] {
            let files = &store.files;
            assert_eq!(files.file(&stranger, file).await.unwrap(), None);
            assert!(!files.renew(&stranger, file).await.unwrap());
            assert!(!files.discard(&stranger, file).await.unwrap());
            assert!(!files.remove(&stranger, file).await.unwrap());
            let committed = files.commit(&stranger, file, 5, "aa", None).await;
            assert_eq!(committed.unwrap(), None);
            assert!(!files.mark_gone(&stranger, file, &[]).await.unwrap());
        }
        // A stranger's job that names the file says nothing about it.
        let named = NewFile {
            tenant: stranger.clone(),
            ..uploaded.clone()
        };
        store.queued(&named).await;
        let listed = store.list(&stranger, None, page(1, 10)).await;
        assert_eq!((ids(&listed), listed.total), (vec![], Some(0)));
    }
    assert_eq!(store.status(&begun).await, Some(Status::Uploading));
    let seen = store.seen(&uploaded).await.unwrap();
    assert_eq!(
        (seen.status(), seen.file.content_gone),
        (Status::Uploaded, false)
    );
    assert!(store.files.remove(&acme, uploaded.id).await.unwrap());
}
