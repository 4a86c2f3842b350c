//! The registry of specs: texts by owner, name and version, which never change once they are there.
//!
//! It keeps texts and judges none. Specs in `SPECS_DIR` are everybody's; of those only the versions that a job was
//! submitted with are remembered here, under an owner of their own, so that one which was changed afterwards is
//! noticed. A tenant never reads them here.

pub mod catalog;
pub mod folder;
pub mod mongo;
pub mod sqlite;
#[cfg(test)]
pub mod suite;

use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;

/// The most versions that an owner keeps, of all its specs together. Where several are registered at the same moment,
/// a store may let a few more in.
pub const MAX_VERSIONS: u64 = 10_000;

/// Whose a registered text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// A tenant's.
    Tenant(&'a Tenant),
    /// The operator's: a file of `SPECS_DIR` as it was when a job was submitted with it.
    Operator,
}

impl<'a> Owner<'a> {
    /// What stores keep: a tenant's key, or a word that is no tenant's, because names of tenants have letters and
    /// digits only.
    pub fn key(self) -> &'a str {
        match self {
            Self::Tenant(tenant) => tenant.key(),
            Self::Operator => "@operator",
        }
    }
}

impl<'a> From<&'a Tenant> for Owner<'a> {
    fn from(tenant: &'a Tenant) -> Self {
        Self::Tenant(tenant)
    }
}

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
    /// The owner has [`MAX_VERSIONS`].
    Full,
}

impl Put {
    /// What a put of a text with this hash finds where `there` is registered.
    fn of_known(there: Registered, sha256: &str) -> Self {
        if there.sha256 == sha256 {
            Self::Identical(there)
        } else {
            Self::Other(there)
        }
    }
}

/// A store of specs.
///
/// # Errors
/// Every method fails with an outage when the store cannot be reached.
#[async_trait]
pub trait Specs: Send + Sync {
    /// Registers a version. Sent again after its answer was lost, it may answer [`Put::Identical`].
    async fn put(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: u32,
        sha256: &str,
        text: &str,
    ) -> Result<Put, Fatal>;

    /// A version; none said: the highest.
    async fn get(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<Registered>, Fatal>;

    /// The versions of a spec, highest first, without texts.
    async fn versions(&self, owner: Owner<'_>, name: &str) -> Result<Vec<Registered>, Fatal>;

    /// The highest version of each spec of an owner, ordered by the bytes of the name, behind the name `after`, at most
    /// `limit`, without texts.
    async fn newest(
        &self,
        owner: Owner<'_>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Registered>, Fatal>;
}
