//! A form of multipart/form-data with one file behind its other fields, read as it comes.
//!
//! The parser reads whatever is there to be read before it looks at it, so it is fed one chunk at a time, and before and
//! behind the file so many bytes in all: what is buffered is a chunk and a little more, whoever sends. The form is whole
//! before the file's last byte is handed out, so that a field behind the file is refused before anything is kept for good.

use super::problem::Problem;
use super::query::judge;
use super::request::{RequestBody, broken};
use super::route::Param;
use bytes::{Bytes, BytesMut};
use futures::Stream;
use hyper::body::Body as _;
use multer::{Field, Multipart};
use pipeline::Fatal;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::timeout;

/// The most fields before the file.
const MAX_FIELDS: usize = 16;
/// The most bytes of a field's value.
const MAX_FIELD_BYTES: usize = 8 * 1024;
/// The most bytes before the file's own, and as many behind them; a chunk more may be read.
pub const MAX_FORM_BYTES: u64 = 256 * 1024;
/// For how long all that stands before the file may take: it is small, and no pace is asked of it.
const FIELDS_TIMEOUT: Duration = Duration::from_secs(30);
/// The most characters of a boundary (RFC 2046).
const MAX_BOUNDARY_CHARS: usize = 70;

/// A form whose file comes next.
pub struct Form {
    /// The fields before it, judged by their parameters; none is empty.
    pub fields: BTreeMap<&'static str, String>,
    /// The name that the client gave the file; empty where it gave none.
    pub file_name: String,
    /// The type that it gave; empty where it gave none.
    pub content_type: String,
    multipart: Multipart<'static>,
    file: Field<'static>,
    left_bytes: Arc<AtomicU64>,
}

impl Form {
    /// Reads the fields before the field `file`.
    ///
    /// # Errors
    /// `wrong_type`, `bad_form`, `bad_field`, `unknown_field`, `no_file`, `body_too_slow`, and what the body says.
    pub async fn read(
        content_type: Option<&str>,
        body: RequestBody,
        params: &[Param],
        file: &str,
    ) -> Result<Self, Problem> {
        let read = Self::read_fields(content_type, body, params, file);
        timeout(FIELDS_TIMEOUT, read).await.map_err(|_| {
            let seconds = FIELDS_TIMEOUT.as_secs();
            let message = format!("the fields before the file took more than {seconds} s");
            Problem::new("body_too_slow", message)
        })?
    }

    async fn read_fields(
        content_type: Option<&str>,
        body: RequestBody,
        params: &[Param],
        file: &str,
    ) -> Result<Self, Problem> {
        let boundary = boundary(content_type)?;
        let left_bytes = Arc::new(AtomicU64::new(MAX_FORM_BYTES));
        let chunks = Chunks {
            body,
            left_bytes: left_bytes.clone(),
            gave: false,
        };
        let mut multipart = Multipart::new(chunks, boundary);
        let mut fields = BTreeMap::new();
        for _ in 0..=MAX_FIELDS {
            let Some(field) = multipart.next_field().await.map_err(refused)? else {
                let message = format!("the form has no field `{file}`");
                return Err(Problem::new("no_file", message));
            };
            let name = field.name().unwrap_or_default();
            if name == file {
                // From now on the file's own limits hold.
                left_bytes.store(u64::MAX, Ordering::Relaxed);
                let content_type = field.headers().get(http::header::CONTENT_TYPE);
                let content_type = content_type.and_then(|value| value.to_str().ok());
                return Ok(Self {
                    fields,
                    file_name: field.file_name().unwrap_or_default().to_owned(),
                    content_type: content_type.unwrap_or_default().to_owned(),
                    multipart,
                    file: field,
                    left_bytes,
                });
            }
            let Some(param) = params.iter().find(|param| param.name == name) else {
                return Err(unknown(name, params, file));
            };
            let value = text(param, field).await?;
            // What a browser's form leaves empty is not said.
            if value.is_empty() {
                continue;
            }
            let value = judge(param, value).map_err(|why| Problem::new("bad_field", why))?;
            if fields.insert(param.name, value).is_some() {
                let message = format!("`{}` stands in the form twice", param.name);
                return Err(Problem::new("bad_field", message));
            }
        }
        let message = format!("the form has more than {MAX_FIELDS} fields before `{file}`");
        Err(Problem::new("bad_form", message))
    }

    /// The bytes of the file. The last comes when the form has ended behind it.
    ///
    /// # Errors
    /// `field_after_file`, `bad_form`, and what the body says.
    pub fn into_file(self) -> impl Stream<Item = Result<Bytes, Fatal>> + Send {
        let (multipart, file, left_bytes) = (self.multipart, Some(self.file), self.left_bytes);
        futures::stream::try_unfold((multipart, file), move |(mut multipart, mut file)| {
            let left_bytes = left_bytes.clone();
            async move {
                let Some(open) = &mut file else {
                    return Ok(None);
                };
                if let Some(bytes) = open.chunk().await.map_err(refused)? {
                    return Ok(Some((bytes, (multipart, file))));
                }
                // The parser gives one field at a time.
                drop(file);
                left_bytes.store(MAX_FORM_BYTES, Ordering::Relaxed);
                match multipart.next_field().await.map_err(refused)? {
                    None => Ok(None),
                    Some(_) => Err(Fatal::new(
                        "field_after_file",
                        "the file must be the last field of the form, and the only file",
                    )
                    .hint("say the other fields before it, or in the query")),
                }
            }
        })
    }
}

/// What parts of the form stand between.
fn boundary(content_type: Option<&str>) -> Result<String, Problem> {
    let boundary = match multer::parse_boundary(content_type.unwrap_or_default()) {
        Ok(boundary) => boundary,
        Err(multer::Error::NoBoundary) => String::new(),
        Err(_) => {
            let message = "the body must be multipart/form-data";
            return Err(
                Problem::new("wrong_type", message).hint("or send the file alone to /upload/NAME")
            );
        }
    };
    if (1..=MAX_BOUNDARY_CHARS).contains(&boundary.len()) {
        return Ok(boundary);
    }
    let message = format!("the boundary of a form has 1 to {MAX_BOUNDARY_CHARS} characters");
    Err(Problem::new("bad_form", message))
}

fn unknown(name: &str, params: &[Param], file: &str) -> Problem {
    let shown: String = name.chars().take(100).collect();
    let names: Vec<&str> = params.iter().map(|param| param.name).collect();
    Problem::new("unknown_field", format!("the form has no field {shown:?}")).hint(format!(
        "it has {}, and {file} as the last",
        names.join(", ")
    ))
}

async fn text(param: &Param, mut field: Field<'static>) -> Result<String, Problem> {
    let name = param.name;
    let mut value = BytesMut::new();
    while let Some(bytes) = field.chunk().await.map_err(refused)? {
        if value.len() + bytes.len() > MAX_FIELD_BYTES {
            let message = format!("`{name}` has more than {MAX_FIELD_BYTES} bytes");
            return Err(Problem::new("bad_field", message));
        }
        value.extend_from_slice(&bytes);
    }
    String::from_utf8(value.into())
        .map_err(|_| Problem::new("bad_field", format!("`{name}` is not UTF-8")))
}

/// What the parser says, or what the body said to it.
fn refused(error: multer::Error) -> Fatal {
    match error {
        multer::Error::StreamReadFailed(error) => match error.downcast::<Fatal>() {
            Ok(fatal) => *fatal,
            Err(error) => broken(&*error),
        },
        error => Fatal::new("bad_form", format!("the form cannot be read: {error}")),
    }
}

/// A body that gives one chunk each time it is asked, and only so many bytes.
struct Chunks {
    body: RequestBody,
    left_bytes: Arc<AtomicU64>,
    /// Whether it gave a chunk since it last made its reader pause.
    gave: bool,
}

impl Stream for Chunks {
    type Item = Result<Bytes, Fatal>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.gave) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let data = match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(broken(&*error)))),
                Some(Ok(frame)) => frame.into_data(),
            };
            // Trailers mean nothing here.
            let Ok(bytes) = data else {
                continue;
            };
            let length = bytes.len() as u64;
            let left = &self.left_bytes;
            let taken =
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| match left {
                    u64::MAX => Some(left),
                    0 => None,
                    left => Some(left.saturating_sub(length)),
                });
            if taken.is_err() {
                let message = format!("a form has at most {MAX_FORM_BYTES} bytes beside its file");
                return Poll::Ready(Some(Err(Fatal::new("bad_form", message))));
            }
            self.gave = true;
            return Poll::Ready(Some(Ok(bytes)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;
    use http_body_util::{BodyExt as _, StreamBody};
    use hyper::body::Frame;

    /// Each byte comes long before the body as a whole is given up.
    #[tokio::test(start_paused = true)]
    async fn fields_that_come_byte_by_byte_are_not_waited_for() {
        let head =
            "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n";
        for (pause_ms, is_read) in [(10, true), (10_000, false)] {
            let bytes = futures::stream::iter(head.bytes()).then(move |byte| async move {
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                Ok(Frame::data(Bytes::from(vec![byte])))
            });
            let body = RequestBody::new(
                StreamBody::new(bytes).map_err(|never: std::io::Error| never.into()),
            );
            let form = Form::read(Some("multipart/form-data; boundary=b"), body, &[], "file").await;
            let code = form.as_ref().err().map(Problem::code);
            assert_eq!(code, (!is_read).then_some("body_too_slow"), "{pause_ms}");
        }
    }
}
