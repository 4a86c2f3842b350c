//! Whose turn it is: tenants with due jobs are served in turn, and sleep while they have none.

use super::jobs::Jobs;
use crate::queue::State;
use std::collections::{BTreeMap, BTreeSet};

/// A tenant that ever had a job.
#[derive(Default)]
struct Turn {
    /// Whether claims look for its due jobs.
    is_waiting: bool,
    /// When they look again, while it is not.
    wake_ms: Option<u64>,
    /// A count that orders tenants: greater than any other when it was served last.
    served: u64,
}

/// The turns of all tenants, by their keys.
#[derive(Default)]
pub(super) struct Turns(BTreeMap<String, Turn>);

impl Turns {
    /// Has claims look at a tenant from `due` on; whether they would not have done so.
    pub(super) fn wake(&mut self, tenant: &str, due: u64) -> bool {
        let is_new = !self.0.contains_key(tenant);
        let turn = self.0.entry(tenant.to_owned()).or_default();
        let is_late = !turn.is_waiting && turn.wake_ms.is_none_or(|wake| wake > due);
        if is_late {
            turn.wake_ms = Some(due);
        }
        is_new || is_late
    }

    /// The tenant whose turn it is, if any has waiting jobs.
    pub(super) fn next(&mut self, now: u64) -> Option<String> {
        for turn in self.0.values_mut() {
            if turn.wake_ms.is_some_and(|wake| wake <= now) {
                *turn = Turn {
                    is_waiting: true,
                    wake_ms: None,
                    served: turn.served,
                };
            }
        }
        let waiting = self.0.iter().filter(|(_, turn)| turn.is_waiting);
        let first = waiting.min_by_key(|(tenant, turn)| (turn.served, *tenant));
        first.map(|(tenant, _)| tenant.clone())
    }

    /// Leaves a tenant without due jobs alone until its next one is due.
    pub(super) fn sleep(&mut self, tenant: &str, until: Option<u64>) {
        if let Some(turn) = self.0.get_mut(tenant) {
            turn.is_waiting = false;
            turn.wake_ms = until;
        }
    }

    /// Puts a tenant behind all others.
    pub(super) fn served(&mut self, tenant: &str) {
        let last = self.0.values().map(|turn| turn.served).max();
        if let Some(turn) = self.0.get_mut(tenant) {
            turn.served = last.unwrap_or_default() + 1;
        }
    }
}

impl Jobs {
    /// Wakes tenants with queued jobs whom no claim would look at in time, and forgets old idempotency keys.
    pub(super) fn repair(&mut self, now: u64) -> u64 {
        self.keys.clean(now);
        let queued = self.rows.iter().map(|row| &row.job);
        let queued = queued.filter(|job| job.state == State::Queued);
        let tenants: BTreeSet<_> = queued.map(|job| job.tenant.key().to_owned()).collect();
        let mut woken = 0;
        for tenant in tenants {
            if let Some(due) = self.earliest(&tenant) {
                woken += u64::from(self.turns.wake(&tenant, due));
            }
        }
        woken
    }
}
