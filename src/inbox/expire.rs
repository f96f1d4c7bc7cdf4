//! What others said vanishes when it is as old as the owner allows (`interactions.expire`).

use jiff::SignedDuration;

use super::moderation;
use crate::instance::Instance;
use crate::store::StoreError;

/// Removes what came longer ago than the configuration allows. No trace is kept: it may be sent again.
pub(super) fn remove_old(instance: &Instance) -> Result<(), StoreError> {
    let Some(age) = instance.config().interactions.expire else {
        return Ok(());
    };
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    let now = instance.clock.now();
    let mut old = Vec::new();
    instance.store.interactions.each(|id, brief| {
        if now.duration_since(brief.published) > age {
            old.push(id.clone());
        }
    });
    for id in old {
        // Published long ago, but perhaps only heard of lately.
        if let Some(interaction) = instance.store.interactions.get(&id)?
            && now.duration_since(interaction.received) > age
        {
            moderation::forget(instance, &interaction)?;
        }
    }
    Ok(())
}
