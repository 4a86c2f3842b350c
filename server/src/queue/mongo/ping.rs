//! Whether the server answers, within a limit of time and without trying again.

use super::MongoQueue;
use mongodb::bson::doc;
use pipeline::Fatal;
use std::time::Duration;
use tokio::time::timeout;

/// How long the server may take, in milliseconds.
const MAX_PING_MS: u64 = 2_000;

impl MongoQueue {
    pub(super) async fn ping_server(&self) -> Result<(), Fatal> {
        let ping = self.statements.database().run_command(doc! { "ping": 1 });
        let unavailable = |message: &str| Fatal::outage("target_unavailable", message);
        match timeout(Duration::from_millis(MAX_PING_MS), ping.into_future()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(unavailable("MongoDB does not answer").because(&error)),
            Err(_) => Err(unavailable("MongoDB does not answer in time")),
        }
    }
}
