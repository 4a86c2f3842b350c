//! API keys: who may call, and for which tenant.
//!
//! A key is 256 random bits, shown once; what is kept is its SHA-256, so a store that leaks gives no key away.

pub mod mongo;
pub mod secret;
pub mod sqlite;
#[cfg(test)]
pub mod suite;

use crate::id::Id;
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;

/// The most keys that a tenant has at once: the old one and the new one of a rotation.
pub const MAX_LIVE_KEYS: u64 = 2;

/// The most keys that a list shows.
pub const MAX_LISTED: u32 = 10_000;

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its id, by which it is revoked.
    pub id: Id,
    /// Whom it speaks for.
    pub tenant: Tenant,
    /// SHA-256 of the secret.
    pub sha256: [u8; 32],
    /// When it was made, in milliseconds since 1970 by the store's clock.
    pub created_ms: u64,
    /// When it was revoked.
    pub revoked_ms: Option<u64>,
}

/// A store of keys.
///
/// # Errors
/// Every method fails with an outage when the store cannot be reached.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Enters a key; `None` when the tenant has [`MAX_LIVE_KEYS`] live ones.
    async fn add(&self, id: Id, tenant: &Tenant, sha256: [u8; 32]) -> Result<Option<Key>, Fatal>;

    /// All keys, by tenant, then newest first, at most [`MAX_LISTED`].
    async fn list(&self) -> Result<Vec<Key>, Fatal>;

    /// Revokes a key. `false`: there was no live key with this id.
    async fn revoke(&self, id: Id) -> Result<bool, Fatal>;

    /// The live key with this hash.
    async fn find(&self, sha256: [u8; 32]) -> Result<Option<Key>, Fatal>;

    /// Whether there is any live key.
    async fn any(&self) -> Result<bool, Fatal>;

    /// Whether a tenant has a key, or had one that was revoked.
    async fn knows(&self, tenant: &Tenant) -> Result<bool, Fatal>;
}
