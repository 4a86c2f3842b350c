//! Files of the embedded store that are open: each is opened once, and everybody shares its one writer. One that is both the
//! program's own and named by somebody is opened once as either.
//!
//! A file stays open as long as this list. Their number is that of the tenants and of the paths that the operator's
//! own specs name; nothing that a client says opens one.

use crate::sink::sqlite::EmbeddedStore;
use crate::sqlite::waited_out;
use pipeline::Fatal;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Whose a file is; where it lies does not tell.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    /// The program's own, which has the program's version.
    Own,
    /// One that somebody has named, whose version is theirs.
    Theirs,
}

/// A file that is open, or is being opened.
type File = Arc<OnceCell<Arc<EmbeddedStore>>>;

/// Files that are open, and the data directory, where those without a path of their own lie.
pub struct OpenFiles {
    folder: PathBuf,
    open: Mutex<HashMap<(PathBuf, Whose), File>>,
    is_waited_out: bool,
}

impl OpenFiles {
    /// None yet; `folder` is the data directory, which is made with the first one.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            open: Mutex::default(),
            is_waited_out: false,
        }
    }

    /// The same, for a service: a disk that is full or held by another process is an outage there.
    #[must_use]
    pub fn waited_out(self) -> Self {
        Self {
            is_waited_out: true,
            ..self
        }
    }

    /// The data directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program's own file at `path`; it is opened, or made, where it is not open yet.
    ///
    /// # Errors
    /// `data_dir`, when the data directory cannot be made; otherwise what [`EmbeddedStore::open`] says.
    pub async fn open(&self, path: &Path) -> Result<Arc<EmbeddedStore>, Fatal> {
        self.open_as(path, Whose::Own).await
    }

    /// The file at `path` that somebody has named, likewise.
    ///
    /// # Errors
    /// `data_dir`, when the data directory cannot be made; otherwise what [`EmbeddedStore::open_beside`] says.
    pub async fn open_beside(&self, path: &Path) -> Result<Arc<EmbeddedStore>, Fatal> {
        self.open_as(path, Whose::Theirs).await
    }

    async fn open_as(&self, path: &Path, whose: Whose) -> Result<Arc<EmbeddedStore>, Fatal> {
        let file = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.entry((path.to_owned(), whose)).or_default().clone()
        };
        // One that is slow to open holds up nobody who wants another.
        let store = file.get_or_try_init(|| async {
            self.make_folder().await?;
            let opened = match whose {
                Whose::Own => EmbeddedStore::open(path).await,
                Whose::Theirs => EmbeddedStore::open_beside(path).await,
            };
            Ok::<_, Fatal>(Arc::new(match self.is_waited_out {
                true => opened.map_err(waited_out)?.waited_out(),
                false => opened?,
            }))
        });
        store.await.cloned()
    }

    /// Makes the data directory.
    ///
    /// # Errors
    /// `data_dir`.
    pub async fn make_folder(&self) -> Result<(), Fatal> {
        let made = tokio::fs::create_dir_all(&self.folder).await;
        made.map_err(|error| {
            let folder = self.folder.display();
            Fatal::new("data_dir", format!("{folder} cannot be made")).because(&error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::Database;
    use pipeline::Retry;

    #[tokio::test]
    async fn a_disk_that_fails_when_a_file_is_opened_is_an_outage_where_it_is_waited_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        // The log of a new file is removed first, and a folder cannot be.
        std::fs::create_dir(folder.path().join("a.db-wal")).unwrap();
        let files = || OpenFiles::in_folder(folder.path());
        for (files, retry) in [
            (files(), Retry::Later),
            (files().waited_out(), Retry::Outage),
        ] {
            for opened in [files.open(&path).await, files.open_beside(&path).await] {
                let fatal = opened.err().unwrap();
                assert_eq!((fatal.code, fatal.retry), ("target_io", retry));
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_somebody_names_is_theirs_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.db");
        let theirs = Database::open_beside(&path, &[]).await.unwrap();
        let set = theirs.write(|change| change.pragma_update(None, "user_version", 99));
        set.await.unwrap();
        let files = OpenFiles::in_folder(folder.path());
        files.open_beside(&path).await.unwrap();
        let read = theirs.read(|c| c.pragma_query_value(None, "user_version", |row| row.get(0)));
        let version: i64 = read.await.unwrap();
        assert_eq!(version, 99);
        let refused = files.open(&path).await.err().unwrap();
        assert_eq!(refused.code, "store_too_new");
    }
}
