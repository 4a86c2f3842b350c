//! Tickets in memory: each is good once, and until the clock says that it is old.

use super::{Clock, lock};
use crate::tenant::Tenant;
use crate::tickets::{LIFE_MS, MAX_LIVE, Tickets};
use async_trait::async_trait;
use pipeline::Fatal;
use std::collections::HashMap;
use std::sync::Mutex;

/// A store of tickets.
pub struct MemoryTickets {
    clock: Clock,
    /// Whose each is, and until when it is good.
    tickets: Mutex<HashMap<[u8; 32], (Tenant, u64)>>,
}

impl MemoryTickets {
    /// An empty store.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            tickets: Mutex::default(),
        }
    }
}

#[async_trait]
impl Tickets for MemoryTickets {
    async fn add(&self, tenant: &Tenant, sha256: [u8; 32]) -> Result<Option<u64>, Fatal> {
        let now = self.clock.now_ms();
        let mut tickets = lock(&self.tickets);
        tickets.retain(|_, (_, until)| *until > now);
        let own = tickets.values().filter(|(owner, _)| owner == tenant);
        if own.count() as u64 >= MAX_LIVE {
            return Ok(None);
        }
        tickets.insert(sha256, (tenant.clone(), now + LIFE_MS));
        Ok(Some(now + LIFE_MS))
    }

    async fn take(&self, sha256: [u8; 32]) -> Result<Option<Tenant>, Fatal> {
        let now = self.clock.now_ms();
        let taken = lock(&self.tickets).remove(&sha256);
        Ok(taken.and_then(|(tenant, until)| (until > now).then_some(tenant)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_conforms() {
        let make = async || MemoryTickets::new(Clock::new());
        crate::tickets::suite::conforms(make, async |tickets: &MemoryTickets| {
            let mut tickets = lock(&tickets.tickets);
            tickets
                .values_mut()
                .for_each(|(_, until)| *until -= LIFE_MS);
        })
        .await;
    }
}
