//! API keys in memory.

use super::{Clock, lock};
use crate::id::Id;
use crate::keys::{Key, Keys, MAX_LISTED, MAX_LIVE_KEYS};
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;
use std::cmp::Reverse;
use std::sync::Mutex;

/// A store of keys.
pub struct MemoryKeys {
    clock: Clock,
    keys: Mutex<Vec<Key>>,
}

impl MemoryKeys {
    /// An empty store.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            keys: Mutex::default(),
        }
    }
}

#[async_trait]
impl Keys for MemoryKeys {
    async fn add(&self, id: Id, tenant: &Tenant, sha256: [u8; 32]) -> Result<Option<Key>, Fatal> {
        let mut keys = lock(&self.keys);
        let live = keys
            .iter()
            .filter(|key| key.tenant == *tenant && key.revoked_ms.is_none());
        if live.count() as u64 >= MAX_LIVE_KEYS {
            return Ok(None);
        }
        let key = Key {
            id,
            tenant: tenant.clone(),
            sha256,
            created_ms: self.clock.now_ms(),
            revoked_ms: None,
        };
        keys.push(key.clone());
        Ok(Some(key))
    }

    async fn list(&self) -> Result<Vec<Key>, Fatal> {
        let mut keys = lock(&self.keys).clone();
        keys.sort_by(|a, b| {
            let order = |key: &Key| (Reverse(key.created_ms), Reverse(key.id.0));
            (a.tenant.key(), order(a)).cmp(&(b.tenant.key(), order(b)))
        });
        keys.truncate(MAX_LISTED as usize);
        Ok(keys)
    }

    async fn revoke(&self, id: Id) -> Result<bool, Fatal> {
        let mut keys = lock(&self.keys);
        let live = keys
            .iter_mut()
            .find(|key| key.id == id && key.revoked_ms.is_none());
        let Some(key) = live else { return Ok(false) };
        key.revoked_ms = Some(self.clock.now_ms());
        Ok(true)
    }

    async fn find(&self, sha256: [u8; 32]) -> Result<Option<Key>, Fatal> {
        let keys = lock(&self.keys);
        let live = keys
            .iter()
            .find(|key| key.sha256 == sha256 && key.revoked_ms.is_none());
        Ok(live.cloned())
    }

    async fn any(&self) -> Result<bool, Fatal> {
        let keys = lock(&self.keys);
        Ok(keys.iter().any(|key| key.revoked_ms.is_none()))
    }

    async fn knows(&self, tenant: &Tenant) -> Result<bool, Fatal> {
        Ok(lock(&self.keys).iter().any(|key| key.tenant == *tenant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_conforms() {
        crate::keys::suite::conforms(async || MemoryKeys::new(Clock::new())).await;
    }
}
