//! uploaded → uploaded, its object gone, in MongoDB.

use super::document::{FILES, UPLOADED, one};
use crate::id::Id;
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn mark_gone(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
) -> Result<(), Fatal> {
    let updated = doc! { "$cond": ["$contentGone", "$updatedAt", "$$NOW"] };
    let set = doc! { "contentGone": { "$literal": true }, "updatedAt": updated };
    let command = doc! {
        "update": FILES,
        "updates": [{ "q": one(tenant, id, UPLOADED), "u": [{ "$set": set }] }],
    };
    statements.write(command).await.map(drop)
}
