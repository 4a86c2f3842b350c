//! A completed job and the job that sends its rejects again: whose turn it is, and what moves when it is done.

use super::MongoQueue;
use super::checkpoint::Texts;
use super::document::{self, JOBS, binary, json, literal};
use crate::id::Id;
use crate::queue::{Moved, State};
use crate::tenant::Tenant;
use mongodb::bson::{Bson, Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn begin_child(
        &self,
        tenant: &Tenant,
        parent: Id,
        before: Option<Id>,
        child: Id,
    ) -> Result<bool, Fatal> {
        let command = begin(tenant, parent, before, child);
        Ok(self.matched(command).await? == 1)
    }

    pub(super) async fn move_rejects(
        &self,
        tenant: &Tenant,
        parent: Id,
        child: Id,
        moved: &Moved,
    ) -> Result<bool, Fatal> {
        let command = moves(tenant, parent, child, moved)?;
        if self.matched(command).await? == 1 {
            return Ok(true);
        }
        // Our own change, whose answer was lost.
        let found = self.find_document(tenant, parent).await?;
        let found = found.as_ref().map(document::read).transpose()?;
        let turn = found.and_then(|job| job.child);
        Ok(turn.is_some_and(|turn| turn.job == child && turn.is_moved))
    }
}

/// Gives the turn to `child`, where `before` had it, or meets itself.
pub(super) fn begin(tenant: &Tenant, parent: Id, before: Option<Id>, child: Id) -> Document {
    let before = before.map_or(Bson::Null, |before| binary(before.0).into());
    let mut query = document::one(tenant, parent);
    query.extend(doc! {
        "state": State::Completed.word(),
        "expired": { "$ne": true },
        "$or": [{ "child": before }, { "child": binary(child.0) }],
    });
    let is_there = doc! { "$eq": ["$child", binary(child.0)] };
    let set = doc! {
        "childMoved": { "$cond": [is_there, "$childMoved", { "$literal": false }] },
        "child": binary(child.0),
    };
    doc! { "update": JOBS, "updates": [{ "q": query, "u": [{ "$set": set }] }] }
}

/// The one statement that moves what `child` has loaded.
pub(super) fn moves(
    tenant: &Tenant,
    parent: Id,
    child: Id,
    moved: &Moved,
) -> Result<Document, Fatal> {
    let mut query = document::one(tenant, parent);
    query.extend(doc! { "child": binary(child.0), "childMoved": false });
    let mut set = Texts::of(&moved.checkpoint)?.set();
    set.insert("receipt", literal(&json(&moved.receipt)?));
    set.insert("childMoved", doc! { "$literal": true });
    set.insert("updatedAt", "$$NOW");
    Ok(doc! { "update": JOBS, "updates": [{ "q": query, "u": [{ "$set": set }] }] })
}
