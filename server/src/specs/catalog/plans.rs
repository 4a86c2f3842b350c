//! What the catalogue remembers, each within a limit: plans, which are large, and small facts by their key.

use stages::plan::Plan;
use std::collections::HashMap;
use std::sync::Arc;

/// The most plans that are kept.
pub const MAX_PLANS: usize = 64;
/// The most bytes of text that the kept plans were made of.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// Plans by the hash of their text; what was used longest ago leaves first.
#[derive(Default)]
pub struct Plans {
    kept: HashMap<String, Kept>,
    text_bytes: usize,
    uses: u64,
}

struct Kept {
    plan: Arc<Plan>,
    text_bytes: usize,
    /// The number of its last use.
    used: u64,
}

impl Plans {
    /// The plan of the text with this hash.
    pub fn get(&mut self, sha256: &str) -> Option<Arc<Plan>> {
        self.uses += 1;
        let kept = self.kept.get_mut(sha256)?;
        kept.used = self.uses;
        Some(kept.plan.clone())
    }

    /// Keeps a plan that was made of `text_bytes` bytes, and makes room for it.
    pub fn insert(&mut self, plan: Arc<Plan>, text_bytes: usize) {
        self.uses += 1;
        let kept = Kept {
            text_bytes,
            used: self.uses,
            plan: plan.clone(),
        };
        self.text_bytes += text_bytes;
        if let Some(before) = self.kept.insert(plan.sha256.clone(), kept) {
            self.text_bytes -= before.text_bytes;
        }
        while self.kept.len() > MAX_PLANS || self.text_bytes > MAX_TEXT_BYTES {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            let Some(oldest) = oldest.map(|(sha256, _)| sha256.clone()) else {
                return;
            };
            if let Some(gone) = self.kept.remove(&oldest) {
                self.text_bytes -= gone.text_bytes;
            }
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.kept.len()
    }
}

/// Small facts by their key. When it is full, it begins anew: all of them can be asked for again.
pub struct Known<T> {
    facts: HashMap<String, T>,
    limit: usize,
}

impl<T: Clone> Known<T> {
    /// Room for `limit` facts.
    pub fn new(limit: usize) -> Self {
        Self {
            facts: HashMap::new(),
            limit,
        }
    }

    /// What is known under a key.
    pub fn get(&self, key: &str) -> Option<T> {
        self.facts.get(key).cloned()
    }

    /// Notes a fact.
    pub fn insert(&mut self, key: String, fact: T) {
        if self.facts.len() >= self.limit {
            self.facts.clear();
        }
        self.facts.insert(key, fact);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stages::plan::Defaults;

    fn plan(number: usize) -> Arc<Plan> {
        let text = format!(
            "spec = 1\nname = \"n{number}\"\n[format.jsonl]\n[columns]\nunknown = \"keep\"\n\
             [sink.mongodb]\ncollection = \"c\"\n"
        );
        Arc::new(Plan::read("spec", &text, Defaults::default()).unwrap())
    }

    #[test]
    fn plans_that_were_used_longest_ago_leave() {
        let mut plans = Plans::default();
        let first = plan(0);
        plans.insert(first.clone(), 100);
        for number in 1..2 * MAX_PLANS {
            plans.insert(plan(number), 100);
            assert!(plans.get(&first.sha256).is_some(), "it is in use");
        }
        assert_eq!(
            (plans.len(), plans.text_bytes),
            (MAX_PLANS, 100 * MAX_PLANS)
        );
        assert!(plans.get(&plan(1).sha256).is_none());
        assert!(plans.get(&plan(2 * MAX_PLANS - 1).sha256).is_some());
    }

    #[test]
    fn large_texts_leave_room_for_fewer() {
        let mut plans = Plans::default();
        for number in 0..20 {
            plans.insert(plan(number), 1 << 20);
            plans.insert(plan(number), 1 << 20);
        }
        assert_eq!((plans.len(), plans.text_bytes), (8, 8 << 20));
    }

    #[test]
    fn facts_have_a_limit() {
        let mut known = Known::new(3);
        for number in 0..10 {
            known.insert(number.to_string(), number);
            assert_eq!(known.get(&number.to_string()), Some(number));
            assert!(known.facts.len() <= 3);
        }
    }
}
