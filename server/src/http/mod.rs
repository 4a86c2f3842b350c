//! The HTTP interface: one table of routes, one file per resource.
//!
//! ```text
//! socket ─ serve (connections, limits, request id, span) ─ dispatch (route, key, query) ─ a handler ─ a store
//! ```
//!
//! Handlers are thin: they read the request ([`request`]), ask a store or a part of the service, and answer
//! ([`answer`], [`problem`]). What a route takes and answers is said once, beside its handler, and both the judging of
//! requests and the OpenAPI document ([`openapi`]) come from there. hyper is named nowhere else in the
//! program, but where webhooks are posted.

mod access;
mod aliases;
mod answer;
mod ask;
mod codes;
mod deliveries;
mod dispatch;
mod errors;
mod event_view;
mod file_view;
mod files;
mod form;
mod health;
mod job_view;
mod jobs;
mod list;
mod live;
mod metrics;
mod observed;
mod openapi;
mod origin;
mod places;
mod problem;
mod process;
mod query;
mod receipt;
mod request;
mod resubmit;
mod route;
mod scalars;
mod serve;
mod socket;
mod specs;
mod tickets;
mod unread;
mod upgrade;
mod upload;
mod verbs;
mod web;

pub use ask::health as ask_health;
pub use dispatch::Http;
pub use event_view::event_body;
pub use job_view::JobView;
pub use scalars::{StateWord, Time};
pub use serve::serve;

#[cfg(test)]
mod tests;

use route::{Alias, Route, aliases, routes};

/// Every route. `Key`: whoever has a key, where any is configured; `Ticket`: whoever has that or a ticket; `Open`:
/// everybody.
pub const ROUTES: &[Route] = routes! {
    POST   "/upload"                       Key  upload::FORM          "Uploads a file from a form";
    POST   "/upload/{filename}"            Key  upload::RAW           "Uploads a file as it is";
    PUT    "/upload/{filename}"            Key  upload::RAW           "The same";
    GET    "/files"                        Key  files::LIST           "Files, newest first";
    GET    "/files/{fileId}"               Key  files::GET            "A file";
    GET    "/files/{fileId}/content"       Key  files::CONTENT        "The bytes of a file";
    DELETE "/files/{fileId}"               Key  files::DELETE         "Removes a file and its bytes";
    GET    "/upload/{fileId}/status"       Key  aliases::STATUS       "The newest job of a file";
    POST   "/upload/{fileId}/retry"        Key  verbs::RETRY_NEWEST   "Retries the newest job of a file";
    POST   "/process/{fileId}"             Key  process::PROCESS      "Asks for a file to be loaded";
    GET    "/jobs"                         Key  jobs::LIST            "Jobs, newest first";
    GET    "/jobs/{jobId}"                 Key  jobs::GET             "A job";
    GET    "/jobs/{jobId}/errors"          Key  errors::ERRORS        "The records of a job that were refused";
    GET    "/jobs/{jobId}/rejects"         Key  errors::REJECTS       "The same, as they came";
    POST   "/jobs/{jobId}/resubmit"        Key  resubmit::RESUBMIT    "Sends rejected records again, corrected";
    GET    "/jobs/{jobId}/receipt"         Key  receipt::RECEIPT      "What proves a completed load";
    GET    "/jobs/{jobId}/events"          Ticket live::EVENTS        "A job as it goes on, as events";
    GET    "/ws/jobs/{jobId}"              Ticket live::SOCKET        "The same, by a WebSocket";
    POST   "/tickets"                      Key  tickets::ISSUE        "A ticket to watch a job, for a browser";
    POST   "/jobs/{jobId}/cancel"          Key  verbs::CANCEL         "Ends a job";
    POST   "/jobs/{jobId}/retry"           Key  verbs::RETRY          "Queues a job that failed or was cancelled";
    POST   "/jobs/{jobId}/approve"         Key  verbs::APPROVE        "Lets a held job go on";
    GET    "/jobs/{jobId}/deliveries"      Key  deliveries::LIST      "What became of a job's webhook";
    POST   "/jobs/{jobId}/deliveries/{n}/resend" Key deliveries::RESEND "Sends a message of a webhook again";
    GET    "/specs"                        Key  specs::LIST           "Specs, by name";
    POST   "/specs/check"                  Key  specs::CHECK          "What is wrong with a spec";
    GET    "/specs/{name}"                 Key  specs::GET            "The newest version of a spec";
    PUT    "/specs/{name}"                 Key  specs::PUT            "Registers a version of a spec";
    GET    "/specs/{name}/versions/{version}" Key specs::VERSION      "A version of a spec";
    GET    "/healthz"                      Open health::HEALTH        "Whether every dependency answers";
    GET    "/livez"                        Open health::LIVE          "Whether the process runs";
    GET    "/metrics"                 Observer  metrics::METRICS      "Counters and histograms for Prometheus";
    GET    "/openapi.json"                 Key  metrics::OPENAPI      "This contract";
    GET    "/"                             Open web::PAGE             "The page";
    GET    "/web/{file}"                   Open web::FILE             "A file of the page";
};

/// What a process answers that works on jobs and serves no API: how it is, for those who watch it.
pub const WATCHED_ROUTES: &[Route] = routes! {
    GET    "/healthz"                      Open health::HEALTH        "Whether every dependency answers";
    GET    "/livez"                        Open health::LIVE          "Whether the process runs";
    GET    "/metrics"                 Observer  metrics::METRICS      "Counters and histograms for Prometheus";
};

/// Other names of routes. Every path, of either table, answers below `/api` as well.
pub const ALIASES: &[Alias] = aliases! {
    POST   "/files/upload"                 = "/upload";
    GET    "/status/{jobId}"               = "/jobs/{jobId}";
    GET    "/api/health"                   = "/healthz";
};
