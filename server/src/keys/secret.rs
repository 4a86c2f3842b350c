//! The secret of a key, and who a presented one speaks for.
//!
//! A secret is 256 random bits as text, `sg_` and 64 hexadecimal digits; only its SHA-256 is kept or compared. It is
//! never shown by `Debug`, in a log or in an error. A live key is remembered for [`REMEMBERED_MS`], so that a request
//! does not cost a read of the store, and a revocation takes effect within that time; that a key is not live is never
//! remembered.

use super::Keys;
use crate::config::Secret;
use crate::id::{Entropy, Id};
use crate::tenant::Tenant;
use pipeline::{Fatal, Retry};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::time::{Instant, timeout};

/// What every key begins with, so that scanners of source code can tell it.
pub const PREFIX: &str = "sg_";
/// The random bytes of a key.
const SECRET_BYTES: usize = 32;
/// How long a live key is remembered, in milliseconds.
pub const REMEMBERED_MS: u64 = 5_000;
/// How long the store is waited for where an older answer can be given, in milliseconds.
const MAX_ASKED_MS: u64 = 1_000;
/// For how long a key that was live is good for [`Authority::observer`] while the store does not answer, in milliseconds.
pub const OBSERVED_MS: u64 = 3_600_000;
/// The most keys that are remembered.
pub const MAX_REMEMBERED: usize = 1_024;

/// A new secret, and its hash.
///
/// # Errors
/// `no_randomness`: the system gives none.
pub fn make(entropy: &dyn Entropy) -> Result<(Secret, [u8; 32]), Fatal> {
    let mut bytes = [0; SECRET_BYTES];
    if !entropy.fill_secret(&mut bytes) {
        let message = "the system gives no random numbers to make a key of";
        return Err(Fatal::new("no_randomness", message));
    }
    let text = format!("{PREFIX}{}", hex::encode(bytes));
    let hash = hash(&text);
    Ok((Secret(text), hash))
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Whether a text can be a key at all: what cannot costs no read of the store.
fn has_form(presented: &str) -> bool {
    let digits = presented.strip_prefix(PREFIX);
    let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    digits.is_some_and(|digits| digits.len() == 2 * SECRET_BYTES && digits.bytes().all(hexadecimal))
}

/// Who presented a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key's id: for logs and limits.
    pub key: Id,
    /// Whom it speaks for.
    pub tenant: Tenant,
}

/// Says whom presented keys speak for.
pub struct Authority {
    keys: Arc<dyn Keys>,
    remembered: Mutex<HashMap<[u8; 32], Remembered>>,
    /// Set once a live key was seen, for the life of this process.
    wanted: AtomicBool,
    /// When it was last asked whether there is any key.
    asked: Mutex<Option<Instant>>,
}

struct Remembered {
    caller: Caller,
    /// When the store was asked, not when it answered: a revocation in between counts from then.
    asked: Instant,
}

impl Remembered {
    fn is_fresh(&self) -> bool {
        self.is_younger(REMEMBERED_MS)
    }

    fn is_younger(&self, ms: u64) -> bool {
        self.asked.elapsed() < Duration::from_millis(ms)
    }
}

impl Authority {
    /// An authority over the keys of a store.
    pub fn new(keys: Arc<dyn Keys>) -> Self {
        Self {
            keys,
            remembered: Mutex::default(),
            wanted: AtomicBool::new(false),
            asked: Mutex::default(),
        }
    }

    /// Whose key `presented` is; `None` when it is no live key.
    ///
    /// # Errors
    /// An outage, when the store cannot be asked.
    pub async fn caller(&self, presented: &str) -> Result<Option<Caller>, Fatal> {
        if !has_form(presented) {
            return Ok(None);
        }
        let sha256 = hash(presented);
        if let Some(caller) = self.recall(&sha256, REMEMBERED_MS) {
            return Ok(Some(caller));
        }
        let asked = Instant::now();
        let Some(key) = self.keys.find(sha256).await? else {
            return Ok(None);
        };
        // The store compares as databases do; what counts is this comparison.
        if !bool::from(key.sha256.ct_eq(&sha256)) || key.revoked_ms.is_some() {
            return Ok(None);
        }
        self.wanted.store(true, Ordering::Relaxed);
        let caller = Caller {
            key: key.id,
            tenant: key.tenant,
        };
        self.remember(sha256, caller.clone(), asked);
        Ok(Some(caller))
    }

    /// Whose key `presented` was when the store last answered, at most [`OBSERVED_MS`] ago, where the store does not answer
    /// now: for what shows nothing of anybody, and is wanted most in an outage.
    pub async fn observer(&self, presented: &str) -> Option<Caller> {
        let limit = Duration::from_millis(MAX_ASKED_MS);
        match timeout(limit, self.caller(presented)).await {
            Err(_) => {}
            Ok(Err(fatal)) if fatal.retry == Retry::Outage => {}
            Ok(_) => return None,
        }
        self.recall(&hash(presented), OBSERVED_MS)
    }

    /// Whether requests must present a key: there is a live one, or this process has seen one. Revoking the last key
    /// closes a running service, it does not open it. A first key is noticed within [`REMEMBERED_MS`], or when the store
    /// answers again: while it does not, the last answer counts, so that what needs no store is still served.
    ///
    /// # Errors
    /// An outage, when the store cannot be asked.
    pub async fn wants_keys(&self) -> Result<bool, Fatal> {
        if self.wanted.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let now = Instant::now();
        let fresh = |asked: Instant| now - asked < Duration::from_millis(REMEMBERED_MS);
        if lock(&self.asked).is_some_and(fresh) {
            return Ok(false);
        }
        let any = if lock(&self.asked).is_some() {
            let limit = Duration::from_millis(MAX_ASKED_MS);
            match timeout(limit, self.keys.any()).await {
                Err(_) => return Ok(false),
                Ok(Err(fatal)) if fatal.retry == Retry::Outage => return Ok(false),
                Ok(any) => any?,
            }
        } else {
            self.keys.any().await?
        };
        if any {
            self.wanted.store(true, Ordering::Relaxed);
        } else {
            *lock(&self.asked) = Some(now);
        }
        Ok(any)
    }

    /// A hash is no secret, and it is looked up by its value: to learn by time how much of it is right, one would have
    /// to find texts with hashes of one's choice.
    fn recall(&self, sha256: &[u8; 32], most_ms: u64) -> Option<Caller> {
        let remembered = lock(&self.remembered);
        let (known, found) = remembered.get_key_value(sha256)?;
        let same = bool::from(known.ct_eq(sha256));
        (same && found.is_younger(most_ms)).then(|| found.caller.clone())
    }

    fn remember(&self, sha256: [u8; 32], caller: Caller, asked: Instant) {
        let mut remembered = lock(&self.remembered);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.retain(|_, known| known.is_fresh());
        }
        if remembered.len() >= MAX_REMEMBERED {
            let oldest = remembered.iter().min_by_key(|(_, known)| known.asked);
            if let Some(oldest) = oldest.map(|(sha256, _)| *sha256) {
                remembered.remove(&oldest);
            }
        }
        remembered.insert(sha256, Remembered { caller, asked });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
