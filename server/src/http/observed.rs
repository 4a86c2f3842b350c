//! A request as the log and the metrics see it: one line and one count, however it ends.

use super::route::Route;
use crate::metrics::{ByAnswer, ByRoute, Metrics};
use tokio::time::Instant;
use tracing::Span;

/// The status of a request whose client went away before the answer, as other servers call it.
const CLIENT_GONE: u16 = 499;

/// A request under way. It is told when it is dropped.
pub(super) struct Observed<'a> {
    metrics: &'a Metrics,
    began: Instant,
    span: Span,
    method: &'static str,
    /// The route, once it is found. Of paths that are none there is no end: they are one.
    pub route: Option<&'static Route>,
    /// Why it was refused.
    pub code: Option<&'static str>,
    /// The status of its answer, once there is one.
    pub status: Option<u16>,
}

impl<'a> Observed<'a> {
    /// A request in the present span.
    pub fn new(metrics: &'a Metrics, method: &'static str) -> Self {
        Self {
            metrics,
            began: Instant::now(),
            span: Span::current(),
            method,
            route: None,
            code: None,
            status: None,
        }
    }
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        let (elapsed, method) = (self.began.elapsed(), self.method);
        let status = self.status.unwrap_or(CLIENT_GONE);
        let route = self.route.map_or("", |route| route.path);
        let by = ByAnswer {
            route,
            method,
            status,
        };
        self.metrics.requests.get_or_create(&by).inc();
        let seconds = self
            .metrics
            .request_seconds
            .get_or_create(&ByRoute { route, method });
        seconds.observe(elapsed.as_secs_f64());
        let (code, ms) = (self.code, elapsed.as_millis() as u64);
        // Of what asks every few seconds whether the service lives nobody wants to read.
        if self.route.is_some_and(|route| route.operation.is_quiet) {
            tracing::debug!(parent: &self.span, status, code, ms, "answered");
        } else {
            tracing::info!(parent: &self.span, status, code, ms, "answered");
        }
    }
}
