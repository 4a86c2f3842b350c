//! `/metrics` and `/openapi.json`: what the service says of itself to machines.

use super::answer::{self, Response};
use super::problem::Problem;
use super::request::Call;
use super::route::{Operation, raw};
use http::StatusCode;

/// What Prometheus takes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`.
pub const METRICS: Operation = Operation::new(|call| Box::pin(metrics(call)))
    .answers(&[raw(200, "Every metric.", &["application/openmetrics-text"])])
    .quiet();

/// `GET /openapi.json`.
pub const OPENAPI: Operation = Operation::new(|call| Box::pin(openapi(call))).answers(&[raw(
    200,
    "This document.",
    &["application/json"],
)]);

async fn metrics(call: Call) -> Result<Response, Problem> {
    let (metrics, (used, all)) = (&call.service.metrics, call.service.uploads.buffers());
    metrics.upload_buffers_used.set(used);
    metrics.upload_buffers.set(all);
    let text = metrics.text();
    Ok(answer::bytes(StatusCode::OK, OPEN_METRICS, text))
}

async fn openapi(call: Call) -> Result<Response, Problem> {
    Ok(answer::bytes(
        StatusCode::OK,
        "application/json",
        call.openapi,
    ))
}
