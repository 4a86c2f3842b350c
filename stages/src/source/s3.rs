//! The source `s3`: an object in a bucket, pinned by its ETag.
//!
//! Bytes come in ranged GETs of bounded size, each with `If-Match`, some of them ahead of the reader: memory
//! is what is read ahead and one range more, whatever the object's size. A connection that is cut or stalls
//! goes on from the last byte that came. It promises bytes of the pinned version only: an object that was
//! replaced ends the job with `source_changed`, also where a server ignores `If-Match`. It never writes,
//! lists or deletes, and asks for no other permission than `s3:GetObject`.

mod backoff;
mod read_ahead;

use super::{Origin, Pinned};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_types::service_config::ServiceConfigKey;
pub use backoff::{Backoff, BackoffLimits};
use bytes::{Bytes, BytesMut};
use pipeline::{Fatal, Retry, Source};
use read_ahead::{Got, S3Source};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The longest that a connection may take to stand.
const CONNECT_TIMEOUT_MS: u64 = 5_000;
/// Where an endpoint is named and a region is not: what servers other than AWS expect.
const DEFAULT_REGION: &str = "us-east-1";

/// Limits of reading from S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct S3Limits {
    /// The size of one ranged GET, in bytes.
    pub range_bytes: u64,
    /// Ranges that are got ahead of the one that is read.
    pub max_ranges_ahead: usize,
    /// How long a server may send nothing before the connection is given up, in milliseconds.
    pub stall_timeout_ms: u64,
    /// How often a request is tried.
    pub backoff: BackoffLimits,
}

impl Default for S3Limits {
    fn default() -> Self {
        Self {
            range_bytes: 4 * 1024 * 1024,
            max_ranges_ahead: 2,
            stall_timeout_ms: 30_000,
            backoff: BackoffLimits::default(),
        }
    }
}

/// How S3 is reached, beside what the SDK finds by itself.
#[derive(Clone, Debug, Default)]
pub struct S3Settings {
    /// A server other than AWS; buckets are then named in the path.
    pub endpoint_url: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Limits of reading.
    pub limits: S3Limits,
    /// The seed of the random part of waits.
    pub jitter: u64,
}

/// A connection pool to S3, cheap to clone.
#[derive(Clone)]
pub struct S3Client {
    client: Client,
    limits: S3Limits,
    jitter: u64,
}

impl S3Client {
    /// A client with credentials, region and endpoint from the SDK's own chain (environment, profile,
    /// web identity, container, instance), where `settings` does not say otherwise. Credentials are
    /// looked up with the first request.
    pub async fn from_sdk_chain(settings: S3Settings) -> Self {
        let S3Settings {
            endpoint_url,
            region,
            limits,
            jitter,
        } = settings;
        let http_client = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut chain = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client);
        if let Some(endpoint_url) = endpoint_url {
            chain = chain.endpoint_url(endpoint_url);
        }
        if let Some(region) = region {
            chain = chain.region(Region::new(region));
        }
        let found = chain.load().await;
        let own_endpoint = ServiceConfigKey::builder()
            .service_id("S3")
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()
            .and_then(|key| found.service_config()?.load_config(key));
        let mut config = Builder::from(&found);
        if own_endpoint.is_some() || found.endpoint_url().is_some() {
            config = config.force_path_style(true);
            if found.region().is_none() {
                config = config.region(Region::new(DEFAULT_REGION));
            }
        }
        Self::of(config, limits, jitter)
    }

    /// The SDK's client, for requests that a source does not make. It tries nothing again by itself: [`Self::backoff`] does.
    pub fn sdk(&self) -> &Client {
        &self.client
    }

    /// The tries of one piece of work, within the limits of this client; `salt` tells apart what is tried at once.
    pub fn backoff(&self, salt: u64) -> Backoff {
        Backoff::new(self.limits.backoff, self.jitter ^ salt)
    }

    /// A client with the credentials, the region and the endpoint of `config`. Whatever else it says, waits and tries
    /// are bounded here and nowhere else.
    pub fn of(config: Builder, limits: S3Limits, jitter: u64) -> Self {
        let stall_timeout = Duration::from_millis(limits.stall_timeout_ms);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
            .read_timeout(stall_timeout)
            .operation_attempt_timeout(stall_timeout)
            .build();
        let config = config
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        Self {
            client: Client::from_conf(config.build()),
            limits,
            jitter,
        }
    }
}

/// An object whose version is fixed.
pub struct S3Origin {
    object: Arc<Object>,
    pinned: Pinned,
}

impl S3Origin {
    /// Fixes the version of an object with a HEAD request.
    ///
    /// # Errors
    /// `not_found`, `access_denied`, `s3_refused`, `s3_unreachable`.
    pub async fn pin(client: &S3Client, bucket: &str, key: &str) -> Result<Self, Fatal> {
        let mut object = Object {
            client: client.clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            etag: String::new(),
            size_bytes: 0,
        };
        let mut backoff = client.backoff(0);
        let head = loop {
            let head = client.client.head_object().bucket(bucket).key(key);
            match head.send().await {
                Ok(head) => break head,
                Err(error) => object.again(object.refused(error), &mut backoff).await?,
            }
        };
        let size_bytes = head.content_length().map(u64::try_from);
        let (Some(etag), Some(Ok(size_bytes))) = (head.e_tag(), size_bytes) else {
            let message = format!("the server gives no ETag or no size for {}", object.url());
            return Err(Fatal::new("s3_refused", message)
                .hint("without them, an object that is replaced could not be told apart"));
        };
        object.etag = etag.to_owned();
        object.size_bytes = size_bytes;
        let name = key.trim_end_matches('/').rsplit('/').next();
        let pinned = Pinned {
            size_bytes: Some(size_bytes),
            content: Some(format!("s3 {bucket} {etag} {key}")),
            name: name.unwrap_or_default().to_owned(),
        };
        Ok(Self {
            object: Arc::new(object),
            pinned,
        })
    }

    fn open(&self, bytes: Range<u64>) -> S3Source {
        S3Source::new(self.object.clone(), bytes)
    }
}

#[async_trait]
impl Origin for S3Origin {
    fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal> {
        let size_bytes = self.object.size_bytes;
        if offset > size_bytes {
            return Err(self.object.changed());
        }
        Ok(Box::new(self.open(offset..size_bytes)))
    }

    async fn head(&self, max_bytes: usize) -> Result<BytesMut, Fatal> {
        // No read-ahead for a few bytes.
        let end = self.object.size_bytes.min(max_bytes as u64);
        let mut source = self.open(0..end);
        let mut head = BytesMut::new();
        while source.read(&mut head).await? > 0 {}
        Ok(head)
    }
}

/// One version of an object.
struct Object {
    client: S3Client,
    bucket: String,
    key: String,
    /// As the server gave it, in quotes; empty until it is pinned.
    etag: String,
    size_bytes: u64,
}

impl Object {
    fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    fn changed(&self) -> Fatal {
        let message = format!("{} was replaced since it was opened", self.url());
        Fatal::new("source_changed", message)
            .hint("the new version is another input, to be loaded from its start")
    }

    /// What ends the job if it is the last word.
    fn refused<E>(&self, error: SdkError<E>) -> Fatal
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let url = self.url();
        let status = error
            .raw_response()
            .map(|response| response.status().as_u16());
        let fatal = match (status, error.code()) {
            (Some(412 | 416), _) => self.changed(),
            (Some(404), Some("NoSuchBucket")) => {
                Fatal::new("not_found", format!("there is no bucket {}", self.bucket))
            }
            (Some(404), _) => Fatal::new("not_found", format!("there is no object {url}"))
                .hint("check bucket, key, and the endpoint or the region that they are in"),
            (Some(401 | 403), _) => Fatal::new("access_denied", format!("{url} may not be read"))
                .hint("the credentials need s3:GetObject; without s3:ListBucket a missing key looks the same"),
            (Some(301 | 307), _) => {
                Fatal::new("s3_refused", format!("the bucket of {url} is in another region"))
                    .hint("set AWS_REGION to the bucket's region")
            }
            (Some(408 | 429 | 500..), _) | (Some(400), Some("RequestTimeout")) => {
                self.unreachable("S3 cannot answer now")
            }
            (Some(status), code) => Fatal::new(
                "s3_refused",
                format!("S3 refused to read {url}: {status} {}", code.unwrap_or_default()),
            ),
            // Once a request was answered there were credentials: then only their renewal failed.
            (None, _) if self.etag.is_empty() && unsent(&error) => {
                Fatal::new("s3_not_set_up", "no request could be made to S3")
                    .hint("set AWS_REGION and credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or a profile)")
            }
            (None, _) => self.unreachable("S3 cannot be reached"),
        };
        fatal.because(&error)
    }

    fn unreachable(&self, message: &str) -> Fatal {
        Fatal::outage("s3_unreachable", format!("{message} for {}", self.url()))
    }

    /// Waits before another try, where there is one.
    async fn again(&self, fatal: Fatal, backoff: &mut Backoff) -> Result<(), Fatal> {
        match fatal.retry {
            Retry::Never => Err(fatal),
            Retry::Later | Retry::Outage => {
                tracing::warn!(code = fatal.code, causes = ?fatal.causes, "{}", fatal.message);
                backoff.failed(fatal).await
            }
        }
    }

    /// Sends the bytes of `range` in pieces, then ends; an error is the last that is sent.
    async fn get(self: Arc<Self>, range: Range<u64>, pieces: mpsc::Sender<Result<Bytes, Fatal>>) {
        let mut backoff = self.client.backoff(range.start);
        let mut got = Got::new(range, pieces);
        while !got.left().is_empty() {
            let before = got.left().start;
            let Err(fatal) = self.get_once(&mut got).await else {
                return;
            };
            if got.left().start > before {
                backoff.progress();
            }
            if let Err(fatal) = self.again(fatal, &mut backoff).await {
                return got.fail(fatal).await;
            }
        }
    }

    /// Gets the rest of a range until it is there or the connection breaks. Ends early when nobody takes it.
    async fn get_once(&self, got: &mut Got) -> Result<(), Fatal> {
        let stall_timeout = Duration::from_millis(self.client.limits.stall_timeout_ms);
        let stalled = || self.unreachable("S3 sends nothing any more");
        let asked = got.left();
        let request = self
            .client
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .if_match(&self.etag)
            .range(format!("bytes={}-{}", asked.start, asked.end - 1));
        let answer = timeout(stall_timeout, request.send()).await;
        let answer = answer
            .map_err(|_| stalled())?
            .map_err(|error| self.refused(error))?;
        self.is_what_was_asked(&answer, asked)?;
        let mut body = answer.body;
        while !got.left().is_empty() {
            let bytes = timeout(stall_timeout, body.next()).await;
            match bytes.map_err(|_| stalled())? {
                Some(Ok(bytes)) => {
                    if !got.take(&bytes).await {
                        return Ok(());
                    }
                }
                Some(Err(error)) => {
                    return Err(self.unreachable("the connection broke").because(&error));
                }
                None => return Err(self.unreachable("the connection ended early")),
            }
        }
        Ok(())
    }

    fn is_what_was_asked(&self, answer: &GetObjectOutput, asked: Range<u64>) -> Result<(), Fatal> {
        if answer.e_tag().is_some_and(|etag| etag != self.etag) {
            return Err(self.changed());
        }
        let starts = format!("bytes {}-", asked.start);
        let in_place = match answer.content_range() {
            Some(range) => range.starts_with(&starts),
            None => asked.start == 0,
        };
        match in_place {
            true => Ok(()),
            false => Err(Fatal::new(
                "s3_refused",
                format!(
                    "the server gives other bytes of {} than were asked for",
                    self.url()
                ),
            )),
        }
    }
}

/// Whether no request left, for want of credentials say.
fn unsent<E>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(failure) => failure
            .as_connector_error()
            .is_some_and(|error| error.is_user() || error.is_other() && error.as_other().is_none()),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
