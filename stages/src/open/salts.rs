//! The salts of a load's hashes: those with which it began, or it does not go on.

use crate::plan::Plan;
use pipeline::{Checkpoint, Fatal};

/// One value must have one hash in a load, however often it is interrupted.
///
/// # Errors
/// `salt_changed`.
pub fn same_salts(plan: &Plan, checkpoint: &Checkpoint) -> Result<(), Fatal> {
    let mut salts = plan.salts.iter();
    let changed = salts.find(|(name, salt)| {
        let before = checkpoint.secrets.get(*name);
        before.is_some_and(|before| before != *salt)
    });
    let Some((name, _)) = changed else {
        return Ok(());
    };
    let message = format!("the salt in {name} is another one than that with which the load began");
    let hint = format!(
        "set {name} to what it was, and go on; a load with another salt begins anew, with --force again or force=again"
    );
    Err(Fatal::new("salt_changed", message).hint(hint))
}
