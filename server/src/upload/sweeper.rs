//! The sweeper: ends uploads that nobody renews, because their server was killed or could not clean up.
//!
//! It goes by the record's last renewal in the store's time, never by the age of an upload. A record that it is given can
//! neither be renewed nor committed any more, so the object may go first and the record last: a sweeper that is killed
//! itself leaves what the next one finds.

use super::keeper;
use crate::files::Files;
use crate::objects::Objects;
use pipeline::Fatal;

/// For how long nobody may have renewed an upload, in milliseconds.
pub const IDLE_MS: u64 = 5 * 60 * 1000;
/// The most uploads that one sweep ends.
const MAX_SWEPT: u32 = 1_000;

/// Ends what nobody has renewed for [`IDLE_MS`], and says how much that was. Any number of processes may sweep at once.
///
/// # Errors
/// The first outage, after everything else was tried.
pub async fn sweep(objects: &dyn Objects, files: &dyn Files) -> Result<usize, Fatal> {
    sweep_idle(objects, files, IDLE_MS).await
}

pub(super) async fn sweep_idle(
    objects: &dyn Objects,
    files: &dyn Files,
    idle_ms: u64,
) -> Result<usize, Fatal> {
    let mut swept = 0;
    let mut failed = None;
    for file in files.abandoned(idle_ms, MAX_SWEPT).await? {
        match keeper::remove(objects, files, &file.new).await {
            Ok(()) => {
                tracing::info!(file = %file.new.id, "an upload that nobody renewed was ended");
                swept += 1;
            }
            Err(fatal) => failed = failed.or(Some(fatal)),
        }
    }
    failed.map_or(Ok(swept), Err)
}
