//! The HTTP interface: one table of routes, one file per resource.
//!
//! ```text
//! socket ─ serve (connections, limits, request id, span) ─ dispatch (route, key, query) ─ a handler ─ a store
//! ```
//!
//! Handlers are thin: they read the request ([`request`]), ask a store or a part of the service, and answer
//! ([`answer`], [`problem`]). What a route takes and answers is said once, beside its handler, and both the judging of
//! requests and the OpenAPI document ([`openapi`]) come from there. hyper is named nowhere else in the program.

mod access;
mod answer;
mod codes;
mod dispatch;
mod health;
mod openapi;
mod problem;
mod query;
mod request;
mod route;
mod serve;
mod socket;

pub use dispatch::Http;
pub use serve::serve;

use route::{Alias, Route, aliases, routes};

/// Every route. `Key`: whoever has a key, where any is configured; `Open`: everybody.
pub const ROUTES: &[Route] = routes! {
    GET    "/healthz"                      Open health::HEALTH        "Whether every dependency answers";
    GET    "/livez"                        Open health::LIVE          "Whether the process runs";
};

/// Other names of routes. Every path, of either table, answers below `/api` as well.
pub const ALIASES: &[Alias] = aliases! {
    GET    "/api/health"                   = "/healthz";
};
