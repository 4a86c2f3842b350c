//! Files of the embedded store that are open: each is opened once, and everybody shares its one writer.
//!
//! A file stays open as long as this list. Their number is that of the tenants and of the paths that the operator's
//! own specs name; nothing that a client says opens one.

use crate::sink::sqlite::EmbeddedStore;
use pipeline::Fatal;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Files that are open, and the data directory, where those without a path of their own lie.
pub struct OpenFiles {
    folder: PathBuf,
    open: Mutex<HashMap<PathBuf, Arc<OnceCell<Arc<EmbeddedStore>>>>>,
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

    /// The file at `path`; it is opened, or made, where it is not open yet.
    ///
    /// # Errors
    /// `data_dir`, when the data directory cannot be made; otherwise what [`EmbeddedStore::open`] says.
    pub async fn open(&self, path: &Path) -> Result<Arc<EmbeddedStore>, Fatal> {
        let file = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.entry(path.to_owned()).or_default().clone()
        };
        // One that is slow to open holds up nobody who wants another.
        let store = file.get_or_try_init(|| async {
            self.make_folder().await?;
            let store = match path.parent() == Some(&self.folder) {
                true => EmbeddedStore::open(path).await?,
                false => EmbeddedStore::open_beside(path).await?,
            };
            Ok::<_, Fatal>(Arc::new(match self.is_waited_out {
                true => store.waited_out(),
                false => store,
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
