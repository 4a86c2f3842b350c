//! `knows`: whether a tenant has a key, or had one.

use super::MongoKeys;
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;

impl MongoKeys {
    pub(super) async fn knows_tenant(&self, tenant: &Tenant) -> Result<bool, Fatal> {
        let of = doc! { "$match": { "tenant": { "$eq": tenant.key() } } };
        Ok(!self.read(vec![of], 1).await?.is_empty())
    }
}
