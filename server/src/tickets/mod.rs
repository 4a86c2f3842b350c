//! Tickets: what a browser shows instead of a key where it cannot send a header, on a WebSocket or an EventSource.
//!
//! A ticket is 256 random bits, given out once, good once, for [`LIFE_MS`], for the things of the tenant that asked for it
//! and nothing but watching. What is kept is its SHA-256, in the store, so that it is good at every process. It stands in
//! an address, where logs may keep it: that it is good once and soon is no more is what makes that bearable.

pub mod mongo;
pub mod sqlite;
#[cfg(test)]
pub mod suite;

use crate::config::Secret;
use crate::id::Entropy;
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;
use sha2::{Digest, Sha256};

/// How long a ticket is good, in milliseconds.
pub const LIFE_MS: u64 = 60_000;
/// The most tickets that a tenant has at once, neither used nor too old.
pub const MAX_LIVE: u64 = 200;

/// What every ticket begins with.
const PREFIX: &str = "st_";
/// The random bytes of a ticket.
const SECRET_BYTES: usize = 32;

/// A store of tickets.
///
/// # Errors
/// Every method fails with an outage when the store cannot be reached.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// Enters a ticket. Returns until when it is good, in milliseconds since 1970 by the store's clock; `None` when the
    /// tenant has [`MAX_LIVE`].
    async fn add(&self, tenant: &Tenant, sha256: [u8; 32]) -> Result<Option<u64>, Fatal>;

    /// Takes the ticket with this hash away, and says whose it was. `None`: there is none that is still good. Of several
    /// that take it at once one gets it; where the answer is lost, nobody does. What is none is read, and nothing written.
    async fn take(&self, sha256: [u8; 32]) -> Result<Option<Tenant>, Fatal>;
}

/// A new ticket, and its hash.
///
/// # Errors
/// `no_randomness`: the system gives none.
pub fn make(entropy: &dyn Entropy) -> Result<(Secret, [u8; 32]), Fatal> {
    let mut bytes = [0; SECRET_BYTES];
    if !entropy.fill_secret(&mut bytes) {
        let message = "the system gives no random numbers to make a ticket of";
        return Err(Fatal::new("no_randomness", message));
    }
    let text = format!("{PREFIX}{}", hex::encode(bytes));
    let hash = hash(&text);
    Ok((Secret(text), hash))
}

/// Whose ticket this is; from now on nobody's. `None`: it is none that is good.
///
/// # Errors
/// An outage, when the store cannot be asked.
pub async fn take(tickets: &dyn Tickets, shown: &str) -> Result<Option<Tenant>, Fatal> {
    let digits = shown.strip_prefix(PREFIX);
    let is_one = digits.is_some_and(|digits| {
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        digits.len() == 2 * SECRET_BYTES && digits.bytes().all(hexadecimal)
    });
    // What cannot be a ticket costs no statement.
    match is_one {
        true => tickets.take(hash(shown)).await,
        false => Ok(None),
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
