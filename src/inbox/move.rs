//! Move: a follower has another account now.

use super::Refusal;
use super::verify::Verified;
use crate::instance::Instance;

/// Takes a Move: it is noted. The follower stays until it unfollows or is gone, and the other account isn't made one:
/// whoever wants to follow says so.
pub(super) fn take(instance: &Instance, verified: &Verified) -> Result<(), Refusal> {
    let activity = verified.activity();
    let Some(target) = activity.id_of("target") else {
        return Ok(());
    };
    if activity.object_id() != Some(activity.actor()) {
        return Ok(());
    }
    for ours in &instance.config().actors {
        instance
            .store
            .followers(&ours.name)?
            .update(activity.actor(), |follower| {
                let other = follower.moved_to.as_deref() != Some(target);
                follower.moved_to = Some(target.to_string());
                other
            })?;
    }
    Ok(())
}
