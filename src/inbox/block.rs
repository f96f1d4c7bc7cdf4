//! Block: somebody doesn't want to hear from one of our actors any more, so it doesn't follow either.

use super::verify::Verified;
use super::{Refusal, ours};
use crate::instance::Instance;

/// Takes a Block. What the actor said stays: that is for it to delete. Its Undo has nothing to bring back.
pub(super) fn take(instance: &Instance, verified: &Verified) -> Result<(), Refusal> {
    let activity = verified.activity();
    if let Some(ours) = activity.object_id().and_then(|id| ours::actor(instance, id)) {
        instance.store.followers(&ours)?.delete(activity.actor())?;
    }
    Ok(())
}
