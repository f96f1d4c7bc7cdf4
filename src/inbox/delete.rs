//! Delete: an actor takes back an object of its own, or says farewell.

use super::verify::Verified;
use super::{Refusal, gone, moderation, value, verify};
use crate::instance::Instance;
use crate::remote;
use crate::store::{Going, Interaction, InteractionKind, StoreError};

/// Takes a Delete.
pub(super) fn take(instance: &Instance, verified: &Verified) -> Result<(), Refusal> {
    let delete = verified.activity();
    let Some(id) = delete.object_id() else {
        return Ok(());
    };
    if id == delete.actor() {
        return Ok(actor(instance, id)?);
    }
    if !value::same_host(id, delete.actor()) {
        return Err(Refusal::NotTheSigners(format!(
            "{} can't delete {id}, which is on another host",
            delete.actor()
        )));
    }
    if verify::knows(instance, id) {
        return Err(Refusal::NotTheSigners(format!(
            "{} can't delete another actor, {id}",
            delete.actor()
        )));
    }
    let store = &instance.store.interactions;
    let mut found = store.labelled(&Interaction::label_of_activity(id));
    found.push(Interaction::id_of(InteractionKind::Reply, "", None, Some(id)).into());
    for interaction in found {
        let Some(interaction) = store.get(&interaction)? else {
            continue;
        };
        if interaction.actor.id != delete.actor() {
            return Err(Refusal::NotTheSigners(format!(
                "{id} is not by {}",
                delete.actor()
            )));
        }
        moderation::forget(instance, &interaction)?;
    }
    gone::remember(instance, id, Going::Deleted, verified)
}

/// Removes all that an actor did here: it follows nobody, and said nothing.
pub(super) fn actor(instance: &Instance, id: &str) -> Result<(), StoreError> {
    for interaction in instance
        .store
        .interactions
        .labelled(&Interaction::label_of_actor(id))
    {
        if let Some(interaction) = instance.store.interactions.get(&interaction)? {
            moderation::forget(instance, &interaction)?;
        }
    }
    instance.store.approvals.delete(id)?;
    remote::forget(instance, id)
}
