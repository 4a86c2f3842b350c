//! What an authority remembers, and what it never shows.

use super::*;
use crate::id::SystemEntropy;
use crate::keys::Key;
use crate::keys::sqlite::{SCHEMA, SqliteKeys};
use async_trait::async_trait;
use stages::sqlite::Database;

/// The store of a test, with its folder.
struct Place {
    keys: Arc<SqliteKeys>,
    authority: Authority,
    _folder: tempfile::TempDir,
}

async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service.db");
    let database = Database::open(&path, &[SCHEMA]).await.unwrap();
    let keys = Arc::new(SqliteKeys::new(database));
    Place {
        authority: Authority::new(keys.clone()),
        keys,
        _folder: folder,
    }
}

impl Place {
    async fn add(&self, tenant: &str) -> (Id, String) {
        let entropy: &dyn Entropy = &SystemEntropy;
        let (secret, sha256) = make(entropy).unwrap();
        let tenant = tenant.parse().unwrap();
        let added = self.keys.add(entropy.id(), &tenant, sha256).await.unwrap();
        (added.unwrap().id, secret.0)
    }

    async fn tenant_of(&self, presented: &str) -> Option<String> {
        let caller = self.authority.caller(presented).await.unwrap();
        caller.map(|caller| caller.tenant.to_string())
    }
}

/// Lets the time of `tokio` pass, while the store's threads take the time that they need.
async fn pass(ms: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(ms)).await;
    tokio::time::resume();
}

/// Keys that are there, or not to be reached.
struct Reached {
    keys: Arc<SqliteKeys>,
    is_out: AtomicBool,
}

#[async_trait]
impl Keys for Reached {
    async fn add(&self, id: Id, tenant: &Tenant, sha256: [u8; 32]) -> Result<Option<Key>, Fatal> {
        self.keys.add(id, tenant, sha256).await
    }

    async fn list(&self) -> Result<Vec<Key>, Fatal> {
        self.keys.list().await
    }

    async fn revoke(&self, id: Id) -> Result<bool, Fatal> {
        self.keys.revoke(id).await
    }

    async fn find(&self, sha256: [u8; 32]) -> Result<Option<Key>, Fatal> {
        if self.is_out.load(Ordering::Relaxed) {
            return Err(Fatal::outage("target_unavailable", "it is out"));
        }
        self.keys.find(sha256).await
    }

    async fn any(&self) -> Result<bool, Fatal> {
        self.keys.any().await
    }

    async fn knows(&self, tenant: &Tenant) -> Result<bool, Fatal> {
        self.keys.knows(tenant).await
    }
}

#[tokio::test]
async fn who_was_known_observes_an_outage_and_nothing_else() {
    let place = place().await;
    let keys = Arc::new(Reached {
        keys: place.keys.clone(),
        is_out: AtomicBool::new(false),
    });
    let authority = Authority::new(keys.clone());
    let (id, known) = place.add("acme").await;
    let (_, unknown) = place.add("beta").await;
    assert!(authority.caller(&known).await.unwrap().is_some());
    // As long as the store answers, it alone says who is whose.
    assert_eq!(authority.observer(&known).await, None);
    keys.is_out.store(true, Ordering::Relaxed);
    pass(REMEMBERED_MS + 1).await;
    assert!(authority.caller(&known).await.is_err());
    assert_eq!(
        authority.observer(&known).await.map(|caller| caller.key),
        Some(id)
    );
    assert_eq!(authority.observer(&unknown).await, None);
    assert_eq!(authority.observer("sg_").await, None);
    pass(OBSERVED_MS).await;
    assert_eq!(authority.observer(&known).await, None);
}

#[test]
fn a_secret_is_long_random_and_not_shown() {
    let (one, sha256) = make(&SystemEntropy).unwrap();
    let (other, _) = make(&SystemEntropy).unwrap();
    assert!(has_form(&one.0) && one.0.len() == 67, "{}", one.0.len());
    assert_ne!(one.0, other.0);
    assert_eq!(sha256, hash(&one.0));
    assert!(!format!("{one:?}").contains(&one.0[3..]));
}

#[test]
fn a_key_is_made_of_real_randomness_or_not_at_all() {
    struct Broken;
    impl Entropy for Broken {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
        fn fill_secret(&self, _: &mut [u8]) -> bool {
            false
        }
    }
    assert_eq!(make(&Broken).unwrap_err().code, "no_randomness");
}

#[test]
fn what_is_no_key_is_told_by_its_form() {
    let good = format!("sg_{}", "0f".repeat(32));
    for (text, expected) in [
        (good.as_str(), true),
        ("", false),
        ("sg_", false),
        (&good[3..], false),
        (&good[..66], false),
        (&format!("{good}0"), false),
        (&good.to_uppercase(), false),
        (&good.replace("0f", "0F"), false),
        (&format!(" {good}"), false),
        (&good.replace('f', "ä"), false),
    ] {
        assert_eq!(has_form(text), expected, "{text:?}");
    }
}

#[tokio::test]
async fn a_key_speaks_for_its_tenant() {
    let place = place().await;
    let (_, acme) = place.add("acme").await;
    let (_, bolt) = place.add("bolt").await;
    assert_eq!(place.tenant_of(&acme).await.as_deref(), Some("acme"));
    assert_eq!(place.tenant_of(&bolt).await.as_deref(), Some("bolt"));
    assert_eq!(place.tenant_of(&acme).await.as_deref(), Some("acme"));
    let mut other = acme.clone().into_bytes();
    other[66] = if other[66] == b'0' { b'1' } else { b'0' };
    let other = String::from_utf8(other).unwrap();
    for wrong in [&other, "", "sg_", "Bearer x", &acme[..66]] {
        assert_eq!(place.tenant_of(wrong).await, None, "{wrong}");
    }
}

#[tokio::test]
async fn a_revoked_key_ends_within_the_time_that_it_is_remembered() {
    let place = place().await;
    let (id, key) = place.add("acme").await;
    assert!(place.tenant_of(&key).await.is_some());
    assert!(place.keys.revoke(id).await.unwrap());
    pass(REMEMBERED_MS + 1).await;
    assert_eq!(place.tenant_of(&key).await, None);
    // A key that was not live yet is asked for again at once.
    let (secret, sha256) = make(&SystemEntropy).unwrap();
    assert_eq!(place.tenant_of(&secret.0).await, None);
    let tenant = "bolt".parse().unwrap();
    place.keys.add(Id([1; 12]), &tenant, sha256).await.unwrap();
    assert!(place.tenant_of(&secret.0).await.is_some());
}

#[tokio::test]
async fn few_keys_are_remembered() {
    let place = place().await;
    let caller = Caller {
        key: Id([0; 12]),
        tenant: Tenant::NONE,
    };
    for number in 0..2 * MAX_REMEMBERED {
        let mut sha256 = [0; 32];
        sha256[..8].copy_from_slice(&number.to_be_bytes());
        let authority = &place.authority;
        authority.remember(sha256, caller.clone(), Instant::now());
        assert_eq!(
            authority.recall(&sha256, REMEMBERED_MS).as_ref(),
            Some(&caller)
        );
    }
    assert_eq!(lock(&place.authority.remembered).len(), MAX_REMEMBERED);
}

#[tokio::test]
async fn the_first_key_closes_the_service_and_the_last_does_not_open_it() {
    let place = place().await;
    assert!(!place.authority.wants_keys().await.unwrap());
    let (id, _) = place.add("acme").await;
    pass(REMEMBERED_MS + 1).await;
    assert!(place.authority.wants_keys().await.unwrap());
    assert!(place.keys.revoke(id).await.unwrap());
    pass(REMEMBERED_MS + 1).await;
    assert!(place.authority.wants_keys().await.unwrap());
}
