//! Undo: an actor takes back what it did. The undone activity comes whole, or as its id alone.

use super::activity::ActivityKind;
use super::verify::Verified;
use super::{Refusal, gone, moderation, ours, value};
use crate::instance::Instance;
use crate::store::{Follower, Going, Interaction, InteractionKind};

/// Takes an Undo.
pub(super) fn take(instance: &Instance, verified: &Verified) -> Result<(), Refusal> {
    let undo = verified.activity();
    let undone = undo.object();
    if let Some(actor) = undone.get("actor").and_then(value::id)
        && actor != undo.actor()
    {
        return Err(Refusal::NotTheSigners(format!(
            "{} can't undo what {actor} did",
            undo.actor()
        )));
    }
    let object = undone.get("object").and_then(value::id);
    let id = undo.object_id();
    let found = match (ActivityKind::of(undone), object) {
        (ActivityKind::Follow, Some(object)) => follow(instance, undo.actor(), object)?,
        (ActivityKind::Like | ActivityKind::EmojiReact, Some(object)) => {
            reaction(instance, undo.actor(), object, InteractionKind::Like)?
        }
        (ActivityKind::Announce, Some(object)) => {
            reaction(instance, undo.actor(), object, InteractionKind::Boost)?
        }
        (ActivityKind::Block, _) => Found::Nothing,
        _ => match id {
            Some(id) => by_id(instance, undo.actor(), id)?,
            None => Found::Nothing,
        },
    };
    let how = match found {
        Found::Removed => Going::Undone,
        Found::Missing => Going::Before,
        Found::Nothing => return Ok(()),
        Found::Follow(follower) => {
            let undone = id.into_iter().chain(follower.follow_ids());
            let mut undone: Vec<&str> = undone.filter(|id| value::same_host(id, undo.actor())).collect();
            undone.sort_unstable();
            undone.dedup();
            for id in undone {
                gone::remember(instance, id, Going::Unfollowed, verified)?;
            }
            return Ok(());
        }
    };
    let Some(id) = id.filter(|id| value::same_host(id, undo.actor())) else {
        return Ok(());
    };
    gone::remember(instance, id, how, verified)
}

/// What an Undo found.
enum Found {
    /// It was there, and is gone.
    Removed,
    /// A follower was there, and is gone. It may follow again with the same id, but its Follow can't be replayed.
    Follow(Box<Follower>),
    /// It isn't there, and may still come.
    Missing,
    /// It doesn't concern us.
    Nothing,
}

fn follow(instance: &Instance, actor: &str, object: &str) -> Result<Found, Refusal> {
    let Some(ours) = ours::actor(instance, object) else {
        return Ok(Found::Nothing);
    };
    let followers = instance.store.followers(&ours)?;
    let Some(follower) = followers.get(actor)? else {
        return Ok(Found::Missing);
    };
    followers.delete(actor)?;
    Ok(Found::Follow(Box::new(follower)))
}

fn reaction(instance: &Instance, actor: &str, object: &str, kind: InteractionKind) -> Result<Found, Refusal> {
    let Some(key) = ours::object(instance, object) else {
        return Ok(Found::Nothing);
    };
    let id = Interaction::id_of(kind, actor, Some(&key), None);
    match instance.store.interactions.get(&id)? {
        Some(interaction) if interaction.actor.id == actor => {
            moderation::forget(instance, &interaction)?;
            Ok(Found::Removed)
        }
        _ => Ok(Found::Missing),
    }
}

fn by_id(instance: &Instance, actor: &str, id: &str) -> Result<Found, Refusal> {
    for found in instance
        .store
        .interactions
        .labelled(&Interaction::label_of_activity(id))
    {
        if let Some(interaction) = instance.store.interactions.get(&found)?
            && interaction.actor.id == actor
            && interaction.remote_object.is_none()
        {
            moderation::forget(instance, &interaction)?;
            return Ok(Found::Removed);
        }
    }
    for ours in &instance.config().actors {
        let followers = instance.store.followers(&ours.name)?;
        let follower = followers.get(actor)?;
        if let Some(follower) = follower.filter(|follower| follower.follow_ids().any(|known| known == id)) {
            followers.delete(actor)?;
            return Ok(Found::Follow(Box::new(follower)));
        }
    }
    Ok(Found::Missing)
}
