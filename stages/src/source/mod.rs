//! Sources: where bytes come from, and which version of them.
//!
//! An [`Input`] is what the user named. Pinning it gives an [`Origin`]: one version of one object, whose
//! bytes can be read from any offset, as often as it takes, or not at all. An origin never gives bytes of
//! another version: it fails with `source_changed` instead. Sources know nothing of compression, encoding
//! or records.

pub mod file;
pub mod memory;
pub mod s3;
pub mod stdin;

use async_trait::async_trait;
use bytes::BytesMut;
use pipeline::{Fatal, Source};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The most files that a folder may hold to be taken as input.
pub const MAX_FOLDER_FILES: usize = 100_000;

/// What the user named as input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A file, or a folder until [`Input::expand`] has listed it.
    File(PathBuf),
    /// Standard input, `-`.
    Stdin,
    /// An object in a bucket, `s3://bucket/key`.
    S3 {
        /// The bucket.
        bucket: String,
        /// The key, as it is: nothing in it is decoded.
        key: String,
    },
}

impl FromStr for Input {
    type Err = Fatal;

    /// # Errors
    /// `bad_input`: nothing, an incomplete `s3://`, or the URL of something that is no source.
    fn from_str(text: &str) -> Result<Self, Fatal> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if let Some(rest) = text.strip_prefix("s3://") {
            return match rest.split_once('/') {
                Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok(Self::S3 {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                }),
                _ => Err(
                    Fatal::new("bad_input", format!("{text} does not name an object"))
                        .hint("an object is named s3://bucket/key"),
                ),
            };
        }
        match text.split_once("://") {
            _ if text.is_empty() => Err(Fatal::new("bad_input", "the input has no name")
                .hint("name a file, a folder, s3://bucket/key, or - for standard input")),
            Some((scheme, _)) if is_scheme(scheme) => Err(Fatal::new(
                "bad_input",
                format!("input cannot be read from {scheme}:// addresses"),
            )
            .hint("name a file, a folder, s3://bucket/key, or - for standard input")),
            _ => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stdin => f.write_str("-"),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

impl Input {
    /// Replaces a folder by the regular files in it, in the order of their names' bytes. Folders in it
    /// and hidden files (a name that begins with a dot) are left out. Everything else stays as it is.
    ///
    /// # Errors
    /// `not_found` for a folder without files, `too_many_files` over [`MAX_FOLDER_FILES`], and what the
    /// file system says.
    pub fn expand(self) -> Result<Vec<Self>, Fatal> {
        match self {
            Self::File(path) if path.is_dir() => {
                let files = list(&path)?;
                Ok(files.into_iter().map(Self::File).collect())
            }
            input => Ok(vec![input]),
        }
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Fatal> {
    let failed = |error: std::io::Error| file::io_fatal(folder, "list", &error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        // Through `metadata`, so that a link to a file is a file.
        if hidden || !std::fs::metadata(folder.join(&name)).is_ok_and(|found| found.is_file()) {
            continue;
        }
        if names.len() == MAX_FOLDER_FILES {
            return Err(Fatal::new(
                "too_many_files",
                format!(
                    "{} holds more than {MAX_FOLDER_FILES} files",
                    folder.display()
                ),
            ));
        }
        names.push(name);
    }
    if names.is_empty() {
        return Err(
            Fatal::new("not_found", format!("no file in {}", folder.display()))
                .hint("folders inside a folder and hidden files are not read"),
        );
    }
    names.sort_unstable();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// What is known of an input once its version is fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The stored size, where it is known before reading.
    pub size_bytes: Option<u64>,
    /// What makes this content itself, for the identity of its records: equal text means equal bytes.
    /// Standard input has none.
    pub content: Option<String>,
    /// The file's name, without its folder, for a spec's `match`.
    pub name: String,
}

/// One version of one object, to be read from any offset.
#[async_trait]
pub trait Origin: Send + Sync {
    /// What was pinned.
    fn pinned(&self) -> &Pinned;

    /// Whether it can be read more than once, and from its middle.
    fn restartable(&self) -> bool {
        true
    }

    /// Opens the bytes from `offset` on, in bytes of the stored object.
    ///
    /// # Errors
    /// `source_changed` when this version is gone, `not_restartable` where reading can only start once
    /// and at 0, and what the transport says.
    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal>;

    /// The first bytes, at most `max_bytes`, fewer only where the object is shorter.
    ///
    /// # Errors
    /// As [`Origin::read_from`] and [`Source::read`].
    async fn head(&self, max_bytes: usize) -> Result<BytesMut, Fatal> {
        let mut source = self.read_from(0).await?;
        let mut head = BytesMut::new();
        while head.len() < max_bytes && source.read(&mut head).await? > 0 {}
        head.truncate(max_bytes);
        Ok(head)
    }
}

/// Fixes the version of `input`. An S3 client is wanted for [`Input::S3`] only.
///
/// # Errors
/// `not_found`, `access_denied` and what else the input's kind says; `bad_input` for an object without a
/// client.
pub async fn pin(input: &Input, s3: Option<&s3::S3Client>) -> Result<Box<dyn Origin>, Fatal> {
    Ok(match (input, s3) {
        (Input::File(path), _) => Box::new(file::FileOrigin::pin(path).await?),
        (Input::Stdin, _) => Box::new(stdin::StdinOrigin::new()),
        (Input::S3 { bucket, key }, Some(client)) => {
            Box::new(s3::S3Origin::pin(client, bucket, key).await?)
        }
        (Input::S3 { .. }, None) => {
            return Err(Fatal::new(
                "bad_input",
                format!("{input} is an object, and S3 is not set up here"),
            ));
        }
    })
}

#[cfg(test)]
mod tests;
