//! Entering loads and keeping them, over a real store of entries.

use super::*;
use futures::future::join_all;
use stages::identity::LoadName;
use stages::sink::sqlite::EmbeddedStore;
use std::sync::atomic::AtomicUsize;
use tokio::sync::Barrier;

/// A lease that no case outlives, in milliseconds.
const LEASE_MS: u64 = 600_000;

const NAME: LoadName<'_> = LoadName {
    tenant: None,
    content: "c",
    spec: "s",
    collection: "t",
};

struct Place {
    loads: Arc<EmbeddedStore>,
    _folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loads = EmbeddedStore::open(&folder.path().join("loads.db")).await;
        Self {
            loads: Arc::new(loads.unwrap()),
            _folder: folder,
        }
    }

    /// Asks as a job of this name, with a spec of this text.
    async fn ask(&self, job: &str, spec: &str, wish: Wish, gone: bool) -> Result<Entered, Fatal> {
        let request = Request {
            base: LoadIdentity::new(NAME, 0),
            spec: "s".into(),
            version: 1,
            spec_sha256: spec.repeat(32),
            collection: "t".into(),
            job: job.into(),
            owner: format!("owner of {job}"),
            lease_ms: LEASE_MS,
            numbered: false,
        };
        let identity = |generation| LoadIdentity::new(NAME, generation);
        let waiting = async |_: &Entry, _| {};
        enter(&*self.loads, request, identity, wish, gone, false, waiting).await
    }

    /// `job generation` of what was entered, or why it was not.
    async fn check(&self, job: &str, spec: &str, wish: Wish, gone: bool, expected: &str) {
        let told = match self.ask(job, spec, wish, gone).await {
            Ok(Entered::Ours(entry, _)) => format!("{} {}", entry.job, entry.generation),
            Ok(Entered::Existing(entry)) => format!("existing {}", entry.job),
            Ok(Entered::GivenUp(entry)) => format!("given up {}", entry.job),
            Err(fatal) => fatal.code.to_owned(),
        };
        assert_eq!(told, expected, "{job} with {spec} and {wish:?}");
    }

    async fn close(&self, acknowledged: bool, completed: bool) {
        let newest = self.loads.newest(LoadIdentity::new(NAME, 0)).await;
        let entry = newest.unwrap().unwrap();
        let closed = self.loads.close(&entry, acknowledged, completed).await;
        assert!(closed.unwrap());
    }
}

#[tokio::test]
async fn a_file_that_is_being_written_is_not_gone() {
    let place = Place::new().await;
    place.check("a", "aa", Wish::Load, true, "a 0").await;
    place
        .check("b", "aa", Wish::Load, true, "load_in_progress")
        .await;
    place.close(true, false).await;
    place.check("c", "aa", Wish::Load, true, "a 0").await;
    place.close(true, true).await;
    place
        .check("d", "aa", Wish::Load, false, "existing a")
        .await;
    place.check("e", "bb", Wish::Load, true, "e 1").await;
}

#[tokio::test]
async fn a_wait_ends_when_nobody_wants_to_wait_any_more() {
    let place = Place::new().await;
    place.check("a", "aa", Wish::Load, false, "a 0").await;
    // The lease runs for ten minutes; whoever asks has had enough at once.
    place
        .check("b", "aa", Wish::Resume, false, "given up a")
        .await;
    place.close(true, false).await;
    place.check("c", "aa", Wish::Resume, false, "a 0").await;
}

#[tokio::test]
async fn another_version_goes_on_with_nothing_of_the_one_before() {
    let place = Place::new().await;
    place.check("a", "aa", Wish::Load, false, "a 0").await;
    place.close(false, false).await;
    place.check("b", "aa", Wish::Resume, false, "a 0").await;
    place.close(false, false).await;
    place.check("c", "bb", Wish::Resume, false, "c 0").await;
}

#[tokio::test]
async fn a_lease_counts_from_when_it_was_taken() {
    let place = Place::new().await;
    let Ok(Entered::Ours(entry, taken)) = place.ask("a", "aa", Wish::Load, false).await else {
        panic!("nobody else asks");
    };
    // Two thirds have passed without a renewal.
    let taken = taken
        .checked_sub(Duration::from_millis(LEASE_MS / 3))
        .unwrap();
    let lease = Lease::new(place.loads.clone(), entry, taken, LEASE_MS / 2);
    assert_eq!(lease.keep().await.code, "lease_lost");
}

/// A lease that is waited out, in milliseconds.
const SHORT_MS: u64 = 50;

/// What a job asks for that was given the load of `content` when it was submitted.
fn given(content: &str, job: &str, spec: &str) -> Request {
    Request {
        base: LoadIdentity::new(LoadName { content, ..NAME }, 0),
        spec: "s".into(),
        version: 1,
        spec_sha256: spec.repeat(32),
        collection: "t".into(),
        job: job.into(),
        owner: format!("owner of {job} with {spec}"),
        lease_ms: SHORT_MS,
        numbered: true,
    }
}

impl Place {
    /// Enters the load of a job, as its submission does.
    async fn submitted(&self, request: &Request) {
        let entered = self.loads.enter(request, request.base, 0).await.unwrap();
        let entered = entered.expect("it is new");
        assert!(self.loads.close(&entered, false, false).await.unwrap());
    }

    /// The load, or why it cannot be taken.
    async fn take(&self, request: &Request, merge: bool) -> Result<Entry, &'static str> {
        let taken = take(&*self.loads, request, (request.base, 0), merge).await;
        let taken = taken.map_err(|fatal| {
            // Only what another process does may pass by itself.
            assert_eq!(
                fatal.retry == Retry::Outage,
                fatal.code == "load_in_progress"
            );
            fatal.code
        });
        taken.map(|(entry, _)| entry)
    }
}

#[tokio::test]
async fn a_job_takes_the_load_that_it_was_given() {
    let place = Place::new().await;
    let first = given("a", "j", "aa");
    place.submitted(&first).await;
    let held = place.take(&first, false).await.unwrap();
    assert_eq!((held.fence, held.load_number), (2, 1));
    // The owner before it may be dead: its lease is waited out.
    let next = Request {
        owner: "next".into(),
        ..first.clone()
    };
    let taken = place.take(&next, false).await.unwrap();
    assert_eq!((taken.fence, taken.load_number), (3, 1));
    assert!(!place.loads.renew(&held, LEASE_MS, true).await.unwrap());
    // A newer generation of the same content is another job's.
    let again = LoadIdentity::new(
        LoadName {
            content: "a",
            ..NAME
        },
        1,
    );
    let other = given("a", "k", "aa");
    let newest = place.loads.enter(&other, again, 1).await.unwrap();
    assert!(place.loads.close(&taken, true, true).await.unwrap());
    let back = place.take(&first, false).await.unwrap();
    assert_eq!((back.identity, back.completed), (first.base, false));
    let now = place.loads.newest(first.base).await.unwrap().unwrap();
    assert_eq!(now.owner, newest.unwrap().owner);
}

#[tokio::test]
async fn a_job_leaves_a_load_to_whoever_has_it() {
    let place = Place::new().await;
    let job = given("a", "j", "aa");
    place.submitted(&job).await;
    let stranger = Request {
        lease_ms: LEASE_MS,
        ..given("a", "run", "bb")
    };
    let held = place.take(&stranger, false).await.unwrap();
    assert_eq!(place.take(&job, false).await, Err("load_in_progress"));
    assert!(place.loads.close(&held, true, false).await.unwrap());
    assert_eq!(place.take(&job, false).await, Err("loaded_by_other_spec"));
    // Its own, with the version that it was approved with, it takes.
    let same = given("a", "run", "cc");
    assert!(place.take(&same, false).await.is_ok());
}

/// A store in which loads are entered, and taken, when all have asked for that, and go on when all are held; once.
struct Together {
    loads: Arc<EmbeddedStore>,
    asked: Gate,
    held: Gate,
}

/// Opens for as many as come together first, and is open then.
struct Gate {
    all: Barrier,
    left: AtomicUsize,
}

impl Gate {
    fn new(count: usize) -> Self {
        Self {
            all: Barrier::new(count),
            left: AtomicUsize::new(count),
        }
    }

    async fn pass(&self) {
        let one_less = |left: usize| left.checked_sub(1);
        let passed = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if passed.is_ok() {
            self.all.wait().await;
        }
    }
}

impl Together {
    fn new(place: &Place, count: usize) -> Self {
        Self {
            loads: place.loads.clone(),
            asked: Gate::new(count),
            held: Gate::new(count),
        }
    }
}

#[async_trait]
impl Loads for Together {
    async fn newest(&self, base: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        self.loads.newest(base).await
    }

    async fn entry(&self, identity: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        self.loads.entry(identity).await
    }

    async fn enter(
        &self,
        request: &Request,
        identity: LoadIdentity,
        generation: u32,
    ) -> Result<Option<Entry>, Fatal> {
        self.asked.pass().await;
        let entered = self.loads.enter(request, identity, generation).await?;
        self.held.pass().await;
        Ok(entered)
    }

    async fn take(&self, request: &Request, entry: &Entry) -> Result<Option<Entry>, Fatal> {
        self.asked.pass().await;
        let taken = self.loads.take(request, entry).await?;
        self.held.pass().await;
        Ok(taken)
    }

    async fn renew(&self, entry: &Entry, lease_ms: u64, acknowledged: bool) -> Result<bool, Fatal> {
        self.loads.renew(entry, lease_ms, acknowledged).await
    }

    async fn repin(&self, entry: &Entry, version: u32, spec_sha256: &str) -> Result<bool, Fatal> {
        self.loads.repin(entry, version, spec_sha256).await
    }

    async fn close(
        &self,
        entry: &Entry,
        acknowledged: bool,
        completed: bool,
    ) -> Result<bool, Fatal> {
        self.loads.close(entry, acknowledged, completed).await
    }

    async fn newer_exists(&self, entry: &Entry) -> Result<bool, Fatal> {
        self.loads.newer_exists(entry).await
    }

    async fn rival_is_live(&self, entry: &Entry) -> Result<bool, Fatal> {
        self.loads.rival_is_live(entry).await
    }
}

/// The contents of merge loads that begin in the same moment.
const AT_ONCE: [&str; 3] = ["a", "b", "c"];

/// Checks that of all loads the one with the lowest number is held, and the others are not. Returns it.
fn one_is_held(all: Vec<Result<Entry, Fatal>>) -> Entry {
    let (held, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    let codes: Vec<_> = refused
        .into_iter()
        .map(|one| one.unwrap_err().code)
        .collect();
    assert_eq!(codes, ["load_in_progress"; 2]);
    let held = held.into_iter().next().unwrap().unwrap();
    assert_eq!(held.load_number, 1);
    held
}

#[tokio::test]
async fn of_merge_loads_that_are_entered_at_once_the_first_goes_on() {
    let place = Place::new().await;
    let together = &Together::new(&place, AT_ONCE.len());
    let asked = AT_ONCE.map(async |content| {
        let request = Request {
            lease_ms: LEASE_MS,
            ..given(content, content, "aa")
        };
        let name = LoadName { content, ..NAME };
        let identity = |generation| LoadIdentity::new(name, generation);
        let waiting = async |_: &Entry, _| {};
        let entered = enter(
            together,
            request,
            identity,
            Wish::Load,
            false,
            true,
            waiting,
        );
        match entered.await? {
            Entered::Ours(entry, _) => Ok(entry),
            Entered::Existing(_) | Entered::GivenUp(_) => panic!("it is new"),
        }
    });
    one_is_held(join_all(asked).await);
}

#[tokio::test]
async fn of_merge_jobs_that_are_taken_at_once_the_first_goes_on_and_the_others_after_it() {
    let place = Place::new().await;
    let requests = AT_ONCE.map(|content| Request {
        lease_ms: LEASE_MS,
        ..given(content, content, "aa")
    });
    for request in &requests {
        place.submitted(request).await;
    }
    let together = &Together::new(&place, AT_ONCE.len());
    let asked = requests.each_ref().map(async |request| {
        let taken = take(together, request, (request.base, 0), true).await;
        taken.map(|(entry, _)| entry)
    });
    let first = one_is_held(join_all(asked).await);
    assert!(place.loads.close(&first, true, true).await.unwrap());
    for (request, number) in requests.iter().zip(1..).skip(1) {
        let next = place.take(request, true).await.unwrap();
        assert_eq!(next.load_number, number);
        assert!(place.loads.close(&next, true, true).await.unwrap());
    }
}

#[tokio::test]
async fn merge_loads_go_one_at_a_time_and_in_their_order() {
    let place = Place::new().await;
    let (first, second) = (given("a", "j", "aa"), given("b", "k", "aa"));
    place.submitted(&first).await;
    place.submitted(&second).await;
    let long = |request: &Request| Request {
        lease_ms: LEASE_MS,
        ..request.clone()
    };
    let held = place.take(&long(&first), true).await.unwrap();
    assert_eq!(place.take(&second, true).await, Err("load_in_progress"));
    // It has left no trace that would keep the first from going on.
    assert!(place.loads.close(&held, true, false).await.unwrap());
    let held = place.take(&first, true).await.unwrap();
    assert!(place.loads.close(&held, true, false).await.unwrap());
    let later = place.take(&second, true).await.unwrap();
    assert!(place.loads.close(&later, true, false).await.unwrap());
    assert_eq!(place.take(&first, true).await, Err("newer_load"));
    // Without an order there is nothing to wait for.
    assert!(place.take(&first, false).await.is_ok());
}
