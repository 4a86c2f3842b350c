//! The registry of specs: texts by tenant, name and version, which never change once they are there.
//!
//! It keeps texts and judges none. Specs in `SPECS_DIR` are everybody's and are not kept here.

pub mod mongo;
pub mod sqlite;

use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;

/// The most versions that a tenant keeps, of all its specs together.
pub const MAX_VERSIONS: u64 = 10_000;

/// A registered version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The spec's name.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// The hash of its text, in hexadecimal digits.
    pub sha256: String,
    /// The text; empty in lists.
    pub text: String,
    /// When it was registered, in milliseconds since 1970 by the store's clock.
    pub created_ms: u64,
}

/// What came of registering a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    New(Registered),
    /// The same text was there.
    Identical(Registered),
    /// Another text was there under this version.
    Other(Registered),
    /// The tenant has [`MAX_VERSIONS`].
    Full,
}

/// A store of specs.
///
/// # Errors
/// Every method fails with an outage when the store cannot be reached.
#[async_trait]
pub trait Specs: Send + Sync {
    /// Registers a version.
    async fn put(
        &self,
        tenant: &Tenant,
        name: &str,
        version: u32,
        sha256: &str,
        text: &str,
    ) -> Result<Put, Fatal>;

    /// A version; none said: the highest.
    async fn get(
        &self,
        tenant: &Tenant,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<Registered>, Fatal>;

    /// The versions of a spec, highest first, without texts.
    async fn versions(&self, tenant: &Tenant, name: &str) -> Result<Vec<Registered>, Fatal>;

    /// The highest version of each spec of a tenant, by name, behind the name `after`, at most `limit`, with texts.
    async fn newest(
        &self,
        tenant: &Tenant,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Registered>, Fatal>;
}
