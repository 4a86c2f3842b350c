//! Rejects in memory, each with the number of the claim that stored it.

use super::lock;
use crate::id::Id;
use crate::rejects::{Filter, Rejects, Run};
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::{Fatal, Reject};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// By tenant, job, run and ordinal.
type Place = (String, [u8; 12], u32, u64);

/// A store of rejects.
#[derive(Default)]
pub struct MemoryRejects {
    /// Each with the fence number of the claim that has stored it.
    rejects: Mutex<BTreeMap<Place, (u64, Reject)>>,
}

impl MemoryRejects {
    fn wanted(&self, run: &Run, filter: &Filter, from: u64) -> Vec<Reject> {
        let rejects = lock(&self.rejects);
        let wanted = rejects.range(place(run, from)..=place(run, u64::MAX));
        let wanted = wanted.map(|(_, (_, reject))| reject);
        let wanted = wanted.filter(|reject| is_wanted(reject, filter));
        wanted.cloned().collect()
    }
}

fn place(run: &Run, ordinal: u64) -> Place {
    (run.tenant.key().to_owned(), run.job.0, run.run, ordinal)
}

fn is_wanted(reject: &Reject, filter: &Filter) -> bool {
    let code = reject.leading().map(|problem| &*problem.code);
    let field = reject
        .leading()
        .and_then(|problem| problem.field.as_deref());
    let asked = |asked: &Option<String>, found: Option<&str>| {
        asked.as_deref().is_none_or(|asked| found == Some(asked))
    };
    asked(&filter.code, code) && asked(&filter.field, field)
}

#[async_trait]
impl Rejects for MemoryRejects {
    async fn store(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        let mut stored = lock(&self.rejects);
        for reject in rejects {
            let place = place(run, reject.at.ordinal);
            if stored.get(&place).is_none_or(|(by, _)| *by < fence) {
                stored.insert(place, (fence, reject.clone()));
            }
        }
        Ok(())
    }

    async fn replace(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        let mut stored = lock(&self.rejects);
        for reject in rejects {
            if let Some(there) = stored.get_mut(&place(run, reject.at.ordinal))
                && there.0 < fence
            {
                *there = (fence, reject.clone());
            }
        }
        Ok(())
    }

    async fn remove_from(&self, run: &Run, fence: u64, from: u64) -> Result<(), Fatal> {
        let gone = place(run, from)..=place(run, u64::MAX);
        lock(&self.rejects).retain(|place, (by, _)| *by >= fence || !gone.contains(place));
        Ok(())
    }

    async fn remove(&self, run: &Run, ordinals: &[u64]) -> Result<(), Fatal> {
        let mut stored = lock(&self.rejects);
        for ordinal in ordinals {
            stored.remove(&place(run, *ordinal));
        }
        Ok(())
    }

    async fn count(&self, run: &Run, filter: &Filter) -> Result<u64, Fatal> {
        Ok(self.wanted(run, filter, 0).len() as u64)
    }

    async fn page(
        &self,
        run: &Run,
        filter: &Filter,
        from: u64,
        skip: u64,
        limit: u32,
    ) -> Result<Vec<Reject>, Fatal> {
        let wanted = self.wanted(run, filter, from).into_iter();
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        Ok(wanted.skip(skip).take(limit as usize).collect())
    }

    async fn of_records(&self, run: &Run, ordinals: &[u64]) -> Result<Vec<Reject>, Fatal> {
        let stored = lock(&self.rejects);
        let found = ordinals
            .iter()
            .filter_map(|ordinal| stored.get(&place(run, *ordinal)));
        Ok(found.map(|(_, reject)| reject.clone()).collect())
    }

    async fn remove_runs(
        &self,
        tenant: &Tenant,
        job: Id,
        before: u32,
        limit: u32,
    ) -> Result<bool, Fatal> {
        let limit = limit.max(1) as usize;
        let mut stored = lock(&self.rejects);
        let gone = |(of, id, run, _): &Place| {
            // No run is `u32::MAX`: that asks for all.
            of == tenant.key() && *id == job.0 && (*run < before || before == u32::MAX)
        };
        let places = stored.keys().filter(|place| gone(place));
        let places: Vec<Place> = places.take(limit).cloned().collect();
        for place in &places {
            stored.remove(place);
        }
        Ok(places.len() == limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_conforms() {
        crate::rejects::suite::conforms(&MemoryRejects::default()).await;
    }
}
