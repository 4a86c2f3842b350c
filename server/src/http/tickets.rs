//! `POST /tickets`: gives what a browser shows in the place of a key, once and soon, to watch a job.

use super::answer::{self, Response};
use super::problem::Problem;
use super::request::Call;
use super::route::{Operation, json};
use super::scalars::Time;
use crate::tickets::{self, MAX_LIVE};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

/// `POST /tickets`.
pub const ISSUE: Operation = Operation::new(|call| Box::pin(issue(call)))
    .answers(&[json::<TicketView>(
        201,
        "A ticket, good once and for 60 seconds.",
    )])
    .refusals(&["too_many_tickets"]);

/// A ticket.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Ticket")]
struct TicketView {
    /// What is shown as `ticket` in the query of a socket or a stream of events.
    ticket: String,
    /// Until when it is good.
    expires_at: Time,
}

async fn issue(mut call: Call) -> Result<Response, Problem> {
    call.nothing().await?;
    let (ticket, sha256) = tickets::make(&*call.service.entropy)?;
    let added = call
        .service
        .stores
        .tickets
        .add(call.tenant(), sha256)
        .await?;
    let Some(until_ms) = added else {
        let message = format!("{MAX_LIVE} tickets are there that nobody has used");
        return Err(Problem::new("too_many_tickets", message));
    };
    let view = TicketView {
        ticket: ticket.0,
        expires_at: Time(until_ms),
    };
    Ok(answer::json(StatusCode::CREATED, &view))
}
