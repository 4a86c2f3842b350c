//! Registered specs in memory.

use super::{Clock, lock};
use crate::specs::{MAX_VERSIONS, Owner, Put, Registered, Specs};
use async_trait::async_trait;
use pipeline::Fatal;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A store of specs.
pub struct MemorySpecs {
    clock: Clock,
    /// The most versions that an owner keeps.
    max_versions: u64,
    /// By owner, name and version.
    specs: Mutex<BTreeMap<(String, String, u32), Registered>>,
}

impl MemorySpecs {
    /// An empty store.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            max_versions: MAX_VERSIONS,
            specs: Mutex::default(),
        }
    }

    /// The versions of an owner's spec, lowest first.
    fn of(&self, owner: Owner<'_>, name: &str) -> Vec<Registered> {
        let key = |version| (owner.key().to_owned(), name.to_owned(), version);
        let specs = lock(&self.specs);
        let versions = specs.range(key(0)..=key(u32::MAX));
        versions.map(|(_, spec)| spec.clone()).collect()
    }
}

fn without_text(mut spec: Registered) -> Registered {
    spec.text.clear();
    spec
}

#[async_trait]
impl Specs for MemorySpecs {
    async fn put(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: u32,
        sha256: &str,
        text: &str,
    ) -> Result<Put, Fatal> {
        let mut specs = lock(&self.specs);
        let key = (owner.key().to_owned(), name.to_owned(), version);
        if let Some(there) = specs.get(&key).cloned() {
            return Ok(if there.sha256 == sha256 {
                Put::Identical(there)
            } else {
                Put::Other(there)
            });
        }
        let own = specs.keys().filter(|(other, ..)| other == owner.key());
        if own.count() as u64 >= self.max_versions {
            return Ok(Put::Full);
        }
        let new = Registered {
            name: name.to_owned(),
            version,
            sha256: sha256.to_owned(),
            text: text.to_owned(),
            created_ms: self.clock.now_ms(),
        };
        specs.insert(key, new.clone());
        Ok(Put::New(new))
    }

    async fn get(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<Registered>, Fatal> {
        let mut versions = self.of(owner, name);
        if let Some(version) = version {
            versions.retain(|spec| spec.version == version);
        }
        Ok(versions.pop())
    }

    async fn versions(&self, owner: Owner<'_>, name: &str) -> Result<Vec<Registered>, Fatal> {
        let versions = self.of(owner, name).into_iter().rev();
        Ok(versions.map(without_text).collect())
    }

    async fn newest(
        &self,
        owner: Owner<'_>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Registered>, Fatal> {
        let specs = lock(&self.specs);
        let mut newest: BTreeMap<&str, &Registered> = BTreeMap::new();
        for ((other, name, _), spec) in &*specs {
            if other == owner.key() && after.is_none_or(|after| &**name > after) {
                newest.insert(name, spec);
            }
        }
        let newest = newest.into_values().take(limit as usize);
        Ok(newest.cloned().map(without_text).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_conforms() {
        crate::specs::suite::conforms(async |max_versions| MemorySpecs {
            max_versions,
            ..MemorySpecs::new(Clock::new())
        })
        .await;
    }
}
