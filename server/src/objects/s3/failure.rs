//! What an answer of S3 that is none says: whether it may heal, and what is missing.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use pipeline::Fatal;

/// A request that failed.
pub(super) struct Failure {
    /// What is said if it is the last word.
    pub fatal: Fatal,
    /// Whether another try may help.
    pub may_heal: bool,
    status: Option<u16>,
    code: Option<String>,
}

impl Failure {
    /// What `error` says about `doing` something with `key`, nothing for the whole bucket.
    pub fn of<E>(error: &SdkError<E>, doing: &str, bucket: &str, key: &str) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let status = error
            .raw_response()
            .map(|response| response.status().as_u16());
        let code = error.code();
        // Some failures of joining parts come after a 200, in the body.
        let may_heal = match (status, code) {
            (_, Some("InternalError" | "SlowDown" | "ServiceUnavailable" | "RequestTimeout")) => {
                true
            }
            (Some(408 | 429 | 500 | 502..=504), _) => true,
            (Some(_), _) => false,
            (None, _) => !matches!(error, SdkError::ConstructionFailure(_)),
        };
        let message = match status {
            Some(status) => format!(
                "S3 does not {doing} s3://{bucket}/{key}: {status} {}",
                code.unwrap_or_default()
            ),
            None => format!("S3 cannot be reached to {doing} s3://{bucket}/{key}"),
        };
        let fatal = Fatal::outage("objects_unavailable", message).because(error);
        let fatal = match status {
            Some(401 | 403) => {
                fatal.hint("check the credentials, and what they may do in the bucket")
            }
            Some(301 | 307) => fatal.hint("set AWS_REGION to the bucket's region"),
            _ => fatal,
        };
        Self {
            fatal,
            may_heal,
            status,
            code: code.map(str::to_owned),
        }
    }

    /// Whether the object or the upload is not there; a bucket that is not there is none of that.
    pub fn is_missing(&self) -> bool {
        self.status == Some(404) && self.code.as_deref() != Some("NoSuchBucket")
    }

    /// Whether the server does not know what it was asked.
    pub fn is_unknown(&self) -> bool {
        self.status == Some(501) || self.code.as_deref() == Some("NotImplemented")
    }

    /// Whether it may not be asked.
    pub fn is_forbidden(&self) -> bool {
        self.status == Some(403)
    }

    /// What is said of an upload: that it is lost, where it is not there any more.
    pub fn of_upload(self) -> Fatal {
        match self.is_missing() {
            true => Fatal {
                code: "upload_lost",
                retry: pipeline::Retry::Later,
                ..self.fatal
            },
            false => self.fatal,
        }
    }
}
