//! Entering loads and keeping them, over a real store of entries.

use super::*;
use stages::identity::LoadName;
use stages::sink::sqlite::EmbeddedStore;

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
        enter(&*self.loads, request, identity, wish, gone, false, |_| {}).await
    }

    /// `job generation` of what was entered, or why it was not.
    async fn check(&self, job: &str, spec: &str, wish: Wish, gone: bool, expected: &str) {
        let told = match self.ask(job, spec, wish, gone).await {
            Ok(Entered::Ours(entry, _)) => format!("{} {}", entry.job, entry.generation),
            Ok(Entered::Existing(entry)) => format!("existing {}", entry.job),
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
