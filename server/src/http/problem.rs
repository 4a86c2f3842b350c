//! Refusals and faults as clients see them: `application/problem+json` with a stable code.
//!
//! The status follows from the code alone, by the table in [`super::codes`]. What lies underneath an error (causes,
//! the message of a fault) goes to the log and never to a client.

use super::answer::{self, Response};
use super::codes;
use http::header::{ALLOW, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use pipeline::{Fatal, Retry};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// For how long a client is asked to stay away after an outage, in seconds.
const OUTAGE_RETRY_SECONDS: u64 = 5;
/// For how long a client is asked to stay away where nothing else says it, in seconds.
const BUSY_RETRY_SECONDS: u64 = 1;

/// A request that is not answered as it wished.
#[derive(Clone, Debug)]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    fatal: Fatal,
    retry_after_seconds: Option<u64>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The body of a refusal.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemView {
    /// One sentence for a person.
    pub error: String,
    /// A stable word; the published list says what each means.
    pub code: String,
    /// The status of the answer.
    pub status: u16,
    /// The id of the request, as in `x-request-id` and in the log.
    pub request_id: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What else this code tells: `fileId` of a file that was stored, `problems` of a spec.
    #[serde(flatten)]
    pub members: Map<String, Value>,
}

impl From<Fatal> for Problem {
    fn from(fatal: Fatal) -> Self {
        Self(Box::new(Inner {
            fatal,
            retry_after_seconds: None,
            members: Map::new(),
            headers: Vec::new(),
        }))
    }
}

impl Problem {
    /// A refusal with a code of the table.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Fatal::new(code, message).into()
    }

    /// The answer to whatever is not there, or another tenant's.
    pub fn not_found(what: &str) -> Self {
        Self::new("not_found", format!("there is no such {what}"))
    }

    /// The answer without a live key.
    pub fn unauthorized(message: &str) -> Self {
        let challenge = HeaderValue::from_static("Bearer");
        Self::new("unauthorized", message)
            .hint("send the key as Authorization: Bearer KEY, or as X-API-Key: KEY")
            .header(WWW_AUTHENTICATE, challenge)
    }

    /// The answer to a method that the path has not; `allow` names those that it has.
    pub fn method_not_allowed(allow: &str) -> Self {
        let problem = Self::new("method_not_allowed", format!("the path has {allow} only"));
        match HeaderValue::from_str(allow) {
            Ok(allow) => problem.header(ALLOW, allow),
            Err(_) => problem,
        }
    }

    /// The answer to more requests than allowed.
    pub fn too_many(message: impl Into<String>, retry_after_seconds: u64) -> Self {
        let mut problem = Self::new("too_many_requests", message);
        problem.0.retry_after_seconds = Some(retry_after_seconds.max(1));
        problem
    }

    /// Adds what the reader can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.fatal.hint = Some(hint.into());
        self
    }

    /// Adds a member to the body: `fileId`, say.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The code that the client will see.
    pub fn code(&self) -> &'static str {
        if self.is_fault() {
            codes::INTERNAL.code
        } else {
            self.0.fatal.code
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        match codes::find(self.0.fatal.code) {
            _ if self.0.fatal.retry == Retry::Outage => codes::OUTAGE_STATUS,
            Some(code) => code.status,
            // What may heal by itself is worth another try, whatever it is called.
            None if self.0.fatal.retry == Retry::Later => codes::OUTAGE_STATUS,
            None => codes::INTERNAL.status,
        }
    }

    /// Whether clients are told no more than that there was a fault.
    fn is_fault(&self) -> bool {
        self.status() == codes::INTERNAL.status
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self.status() {
            429 => Some(BUSY_RETRY_SECONDS),
            503 => Some(OUTAGE_RETRY_SECONDS),
            _ => None,
        }
        .map(|usual| self.0.retry_after_seconds.unwrap_or(usual))
    }

    /// The answer to the request with this id. Faults and outages are logged here.
    pub fn answer(self, request_id: &str) -> Response {
        let (status, code, fault) = (self.status(), self.code(), self.is_fault());
        let retry_after_seconds = self.retry_after_seconds();
        let Inner {
            fatal,
            members,
            headers: more,
            ..
        } = *self.0;
        if status >= 500 {
            let causes = fatal.causes.join(": ");
            let (real, reason) = (fatal.code, &fatal.message);
            tracing::error!(code = real, status, reason, causes, "a request failed");
        }
        let view = ProblemView {
            error: if fault {
                codes::INTERNAL.meaning.to_owned()
            } else {
                fatal.message
            },
            code: code.to_owned(),
            status,
            request_id: request_id.to_owned(),
            hint: fatal.hint.filter(|_| !fault),
            members,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = answer::json_as(status, "application/problem+json", &view);
        let headers = response.headers_mut();
        headers.extend(more);
        if let Some(seconds) = retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    async fn read(problem: Problem) -> (u16, http::HeaderMap, Value) {
        let (parts, body) = problem.answer("r1").into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let value = serde_json::from_slice(&body).unwrap();
        (parts.status.as_u16(), parts.headers, value)
    }

    #[tokio::test]
    async fn the_status_follows_from_the_code() {
        let outage = |code| Problem::from(Fatal::outage(code, "gone"));
        for (problem, status, code, retry) in [
            (Problem::not_found("job"), 404, "not_found", None),
            (
                Problem::too_many("slowly", 7),
                429,
                "too_many_requests",
                Some("7"),
            ),
            (
                outage("objects_unavailable"),
                503,
                "objects_unavailable",
                Some("5"),
            ),
            (
                Problem::new("no_such_code", "a secret"),
                500,
                "internal",
                None,
            ),
        ] {
            let (is, headers, body) = read(problem).await;
            assert_eq!((is, body["code"].as_str()), (status, Some(code)));
            assert_eq!(body["status"], status);
            assert_eq!(body["requestId"], "r1");
            let header = headers
                .get(RETRY_AFTER)
                .map(|value| value.to_str().unwrap());
            assert_eq!(header, retry, "{code}");
            assert_eq!(headers["content-type"], "application/problem+json");
        }
    }

    #[tokio::test]
    async fn a_fault_tells_nothing_of_its_inside() {
        let inside = std::io::Error::other("password=secret");
        let fatal = Fatal::new("sqlite", "table jobs is secret")
            .hint("secret")
            .because(&inside);
        let (_, _, body) = read(fatal.into()).await;
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn members_stand_beside_the_code() {
        let problem = Problem::new("wrong_state", "no")
            .with("fileId", "f1")
            .hint("wait");
        let (_, _, body) = read(problem).await;
        assert_eq!(
            (&body["fileId"], &body["hint"]),
            (&"f1".into(), &"wait".into())
        );
    }
}
