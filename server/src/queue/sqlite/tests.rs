//! The suite on SQLite, and what only SQLite can be asked: how it finds its rows, and what it mends.

use super::{SCHEMA, SqliteQueue};
use crate::queue::{Queue, suite};
use stages::sqlite::Database;
use std::sync::Arc;
use tempfile::TempDir;

async fn open(folder: &TempDir, name: &str) -> SqliteQueue {
    let path = folder.path().join(name);
    SqliteQueue::new(Database::open(&path, &[SCHEMA]).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    suite::conforms(async || {
        number.set(number.get() + 1);
        let queue: Arc<dyn Queue> = Arc::new(open(&folder, &number.get().to_string()).await);
        queue
    })
    .await;
}
