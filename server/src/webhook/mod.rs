//! Webhooks: the ends and holds of jobs, told to whoever asked to be told.
//!
//! ```text
//!  queue ── what is due, under a lease ──► sender ──► resolve ─► judge every address ─► connect to that one ─► POST
//!    ▲                                        │
//!    └───────── delivered, again, failed ─────┘
//! ```
//!
//! A message is signed as <https://www.standardwebhooks.com> says, and told at least once: what becomes due stands in
//! the job itself, and a process that dies with it leaves it to the next. Whom a client names is whom the service
//! connects to, so it never reaches an address that is not public, unless the operator lists its network
//! (`WEBHOOK_ALLOW`); it follows no redirect, asks no proxy, and reads little of an answer.

mod accept;
mod address;
mod network;
mod post;
mod resolve;
mod secret;
mod sender;
mod target;
#[cfg(test)]
mod tests;

pub use accept::{accept, accept_default, signs};
pub use network::Network;
pub use secret::SigningSecret;
pub use sender::Sender;
pub use target::MAX_URL_CHARS;
