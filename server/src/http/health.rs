//! `/livez` and `/healthz`: whether the process runs, and whether what it depends on answers.

use super::answer::{self, Response};
use super::problem::Problem;
use super::request::Call;
use super::route::{Operation, json};
use crate::measure::{WELL, dependencies};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// `GET /livez`.
pub const LIVE: Operation = Operation::new(|_| Box::pin(live()))
    .answers(&[json::<Health>(200, "The process runs.")])
    .quiet();

/// `GET /healthz`.
pub const HEALTH: Operation = Operation::new(|call| Box::pin(health(call)))
    .answers(&[json::<Health>(200, "Every dependency answers.")])
    .refusals(&["unhealthy"])
    .quiet();

/// How the service is.
#[derive(Serialize, JsonSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
    /// What was asked (`mongodb` or `sqlite`, `s3` or `folder`), and what it answered: `ok`.
    checks: BTreeMap<&'static str, &'static str>,
}

async fn live() -> Result<Response, Problem> {
    let checks = BTreeMap::new();
    Ok(answer::ok(&Health {
        status: "ok",
        checks,
    }))
}

async fn health(call: Call) -> Result<Response, Problem> {
    let checks = dependencies(&call.service).await;
    let silent: Vec<&str> = checks
        .iter()
        .filter(|(_, answer)| **answer != WELL)
        .map(|(name, _)| *name)
        .collect();
    if silent.is_empty() {
        return Ok(answer::ok(&Health {
            status: "ok",
            checks,
        }));
    }
    let verb = if silent.len() == 1 { "does" } else { "do" };
    let message = format!("{} {verb} not answer", silent.join(" and "));
    let checks = checks
        .into_iter()
        .map(|(name, answer)| (name.to_owned(), Value::from(answer)));
    Err(Problem::new("unhealthy", message).with("checks", Value::Object(checks.collect())))
}
