//! renew: a longer lease, and how far the job is.

use super::MongoQueue;
use super::document::{self, JOBS, in_ms};
use super::leave;
use crate::queue::{Claim, Renewal};
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn renew_claim(
        &self,
        claim: &Claim,
        renewal: &Renewal,
    ) -> Result<bool, Fatal> {
        Ok(self.matched(renew(claim, renewal)).await? == 1)
    }
}

/// Renews a claim; sent again, it does the same.
pub(super) fn renew(claim: &Claim, renewal: &Renewal) -> Document {
    let mut set = document::progress(&renewal.progress);
    set.insert("lockUntil", in_ms(renewal.lease_ms));
    set.insert("updatedAt", "$$NOW");
    doc! {
        "update": JOBS,
        "updates": [{ "q": leave::held_by(claim), "u": [{ "$set": set }] }],
    }
}
