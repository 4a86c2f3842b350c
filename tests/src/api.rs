//! A client of the service's HTTP interface, as plain as a test needs it.
//!
//! It knows methods, headers and bodies, and waits for jobs; what an answer means is the test's to say.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::AsyncReadExt;

/// How long an answer may take, unless [`Api::with_deadline`] says otherwise.
const DEADLINE: Duration = Duration::from_secs(120);
/// Bytes of a file that are sent at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// What stands between the parts of a multipart body.
const BOUNDARY: &str = "sluicegate-testbed-boundary";

/// A body that cannot fail.
pub type Body = BoxBody<Bytes, Infallible>;

/// A client of one server, perhaps with a key. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    base: String,
    key: Option<String>,
    deadline: Duration,
    client: Client<HttpConnector, Body>,
}

/// An answer that is complete.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.text()))
    }

    /// The same, where the status is `status`.
    ///
    /// # Panics
    /// Where it is another, with the body.
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The same, where it is a problem with this status and code.
    ///
    /// # Panics
    /// Where it is not.
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!(
            (self.status, &self.json()["code"]),
            (status, &Value::from(code)),
            "{}",
            self.text()
        );
        self
    }

    /// A header as text; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

impl Api {
    /// A client of `base`, `http://127.0.0.1:3000` say.
    pub fn new(base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            key: None,
            deadline: DEADLINE,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The same client with an API key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    /// The same client, which waits so long for an answer: 2 min where this is not called.
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self {
            deadline,
            ..self.clone()
        }
    }

    /// Its key.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// GET of an answer whose body is still to come.
    ///
    /// # Panics
    /// Where there is no answer before a deadline.
    pub async fn open(&self, path: &str, headers: &[(&str, &str)]) -> Response<Incoming> {
        let request = self.request(&Method::GET, path, headers, bytes(""));
        let answered = tokio::time::timeout(self.deadline, self.client.request(request)).await;
        let answered = answered.unwrap_or_else(|_| panic!("GET {path}: no answer"));
        answered.unwrap_or_else(|error| panic!("GET {path}: {error:?}"))
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Request<Body> {
        let mut request = Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
            .body(body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The address of the server.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request with whatever headers and body; `path` begins with `/`.
    ///
    /// # Errors
    /// When the connection breaks before the answer is complete.
    ///
    /// # Panics
    /// Where no answer comes before a deadline.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Answer, String> {
        let request = self.request(&method, path, headers, body);
        let answer = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| format!("{error:?}"))?;
            let (head, body) = answer.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| format!("{error:?}"))?
                .to_bytes();
            Ok(Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body,
            })
        };
        let deadline = self.deadline;
        let answered = tokio::time::timeout(deadline, answer).await;
        answered.unwrap_or_else(|_| panic!("{method} {path}: no answer after {deadline:?}"))
    }

    async fn answered(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        let sent = self.send(method.clone(), path, headers, body).await;
        sent.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// GET.
    ///
    /// # Panics
    /// Where there is no answer, as for all of these.
    pub async fn get(&self, path: &str) -> Answer {
        self.answered(Method::GET, path, &[], bytes("")).await
    }

    /// POST without a body.
    pub async fn post(&self, path: &str) -> Answer {
        self.answered(Method::POST, path, &[], bytes("")).await
    }

    /// POST of JSON.
    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        let headers = [(CONTENT_TYPE.as_str(), "application/json")];
        self.answered(Method::POST, path, &headers, bytes(body.to_string()))
            .await
    }

    /// PUT of a text, a spec say.
    pub async fn put(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.answered(Method::PUT, path, &[], bytes(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.answered(Method::DELETE, path, &[], bytes("")).await
    }

    /// Uploads bytes as a raw body: `PUT /upload/NAME?QUERY`.
    pub async fn upload(&self, name: &str, query: &str, body: impl Into<Bytes>) -> Answer {
        self.answered(
            Method::PUT,
            &format!("/upload/{name}{query}"),
            &[],
            bytes(body),
        )
        .await
    }

    /// Uploads a file as a raw body without holding it in memory.
    pub async fn upload_file(&self, path: &Path, query: &str) -> Answer {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let file = tokio::fs::File::open(path).await;
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let length = file
            .metadata()
            .await
            .map_or(0, |found| found.len())
            .to_string();
        let headers = [(CONTENT_LENGTH.as_str(), length.as_str())];
        self.answered(
            Method::PUT,
            &format!("/upload/{name}{query}"),
            &headers,
            chunks(read(file)),
        )
        .await
    }

    /// Uploads as a form: `POST /upload`, the fields before the file.
    pub async fn upload_form(&self, fields: &[(&str, &str)], name: &str, body: &[u8]) -> Answer {
        let mut form = Vec::new();
        for (field, value) in fields {
            form.extend_from_slice(
                format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").as_bytes(),
            );
        }
        form.extend_from_slice(
            format!(
                "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                 content-type: text/csv\r\n\r\n"
            )
            .as_bytes(),
        );
        form.extend_from_slice(body);
        form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let headers = [(CONTENT_TYPE.as_str(), content_type.as_str())];
        self.answered(Method::POST, "/upload", &headers, bytes(form))
            .await
    }

    /// The job, as it is now.
    pub async fn job(&self, id: &str) -> Value {
        self.get(&format!("/jobs/{id}")).await.is(200).json()
    }

    /// The job once `condition` holds.
    ///
    /// # Panics
    /// Where it does not before `deadline`, with the job.
    pub async fn job_when(
        &self,
        id: &str,
        what: &str,
        deadline: Duration,
        condition: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut last = Value::Null;
        let waited = tokio::time::timeout(deadline, async {
            loop {
                last = self.job(id).await;
                if condition(&last) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let came = waited.await.is_ok();
        assert!(came, "after {deadline:?} still not {what}: {last:#}");
        last
    }

    /// The job once it is in `state`; one that ends otherwise is told at once.
    ///
    /// # Panics
    /// Where it ends in another state, or `deadline` comes.
    pub async fn job_in(&self, id: &str, state: &str, deadline: Duration) -> Value {
        let ended = |job: &Value| {
            ["completed", "failed", "cancelled", "held"]
                .contains(&job["state"].as_str().unwrap_or_default())
        };
        let job = self
            .job_when(id, state, deadline, |job| {
                job["state"] == state || ended(job)
            })
            .await;
        assert_eq!(job["state"], state, "{job:#}");
        job
    }
}

/// A body of bytes.
pub fn bytes(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).boxed()
}

/// A body that comes in chunks.
pub fn chunks(stream: impl Stream<Item = Bytes> + Send + Sync + 'static) -> Body {
    BodyExt::boxed(StreamBody::new(stream.map(|chunk| Ok(Frame::data(chunk)))))
}

fn read(file: tokio::fs::File) -> Pin<Box<dyn Stream<Item = Bytes> + Send + Sync>> {
    Box::pin(futures::stream::unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        let length = file
            .read(&mut chunk)
            .await
            .unwrap_or_else(|error| panic!("a file cannot be read: {error}"));
        chunk.truncate(length);
        (length > 0).then(|| (Bytes::from(chunk), file))
    }))
}
