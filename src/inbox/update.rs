//! Update: an actor changed what it wrote, or itself.

use std::sync::Arc;

use super::note::Note;
use super::verify::Verified;
use super::{Refusal, author, blocking, create, event, moderation};
use crate::instance::Instance;
use crate::remote::{self, Freshness, Profile};
use crate::store::{Interaction, InteractionKind};

/// Takes an Update.
pub(super) async fn take(instance: &Arc<Instance>, verified: Verified) -> Result<(), Refusal> {
    let activity = verified.activity();
    if activity.object_id() == Some(activity.actor()) {
        return actor(instance, &verified).await;
    }
    let Some(note) = create::note_of(instance, &verified).await? else {
        return Ok(());
    };
    let id = Interaction::id_of(InteractionKind::Reply, "", None, Some(&note.id));
    if !instance.store.interactions.contains(&id) {
        // Its Create is late or never came, or the change makes it one for us.
        return create::take(instance, verified).await;
    }
    blocking(
        instance,
        (verified, id, note),
        |instance, (verified, id, note)| change(instance, verified, id, note),
    )
    .await
}

fn change(instance: &Instance, verified: &Verified, id: &str, note: &Note) -> Result<(), Refusal> {
    let activity = verified.activity();
    let mut foreign = false;
    let changed = instance.store.interactions.update(id, |known| {
        foreign = known.actor.id != activity.actor();
        if foreign || note.updated.or(note.published) < known.updated {
            return false;
        }
        known.updated = note.updated;
        known.public = note.public;
        known.url.clone_from(&note.url);
        known.summary.clone_from(&note.summary);
        known.sensitive = note.sensitive;
        known.language.clone_from(&note.language);
        known.content.clone_from(&note.content);
        known.attachments.clone_from(&note.attachments);
        known.raw = activity.raw().clone();
        known.state = moderation::state_after_change(instance, known);
        true
    })?;
    if foreign {
        return Err(Refusal::NotTheSigners(format!(
            "{} is not by {}",
            note.id,
            activity.actor()
        )));
    }
    event::changed(instance, changed.and_then(|known| known.object).as_deref());
    Ok(())
}

/// An actor's new document, which it signed itself: the cache is renewed, and with it our followers and what is shown
/// of its author. A document that comes by its id only, or incomplete, is fetched.
async fn actor(instance: &Arc<Instance>, verified: &Verified) -> Result<(), Refusal> {
    let activity = verified.activity();
    // pubby's Update leaves out the key: without it nothing that it signs could be checked.
    let complete = activity.object().get("publicKey").is_some();
    let profile = match complete.then(|| remote::update(instance, activity.actor(), activity.object())) {
        Some(Ok(profile)) => Ok(profile),
        _ => remote::actor(instance, activity.actor(), Freshness::Fresh).await,
    };
    match profile {
        Ok(profile) => blocking(instance, profile, renew).await,
        Err(error) => {
            tracing::debug!("{} can't be renewed: {error}", activity.actor());
            Ok(())
        }
    }
}

fn renew(instance: &Instance, profile: &Arc<Profile>) -> Result<(), Refusal> {
    for ours in &instance.config().actors {
        instance
            .store
            .followers(&ours.name)?
            .update(&profile.id, |follower| {
                let other = follower.inbox != profile.inbox
                    || follower.shared_inbox != profile.shared_inbox
                    || follower.handle != profile.handle;
                follower.inbox.clone_from(&profile.inbox);
                follower.shared_inbox.clone_from(&profile.shared_inbox);
                follower.handle.clone_from(&profile.handle);
                other
            })?;
    }
    let author = author::from(profile);
    let interactions = &instance.store.interactions;
    for id in interactions.labelled(&Interaction::label_of_actor(&profile.id)) {
        let mut other = false;
        let changed = interactions.update(&id, |interaction| {
            other = interaction.actor != author;
            interaction.actor = author.clone();
            other
        })?;
        if other {
            event::changed(instance, changed.and_then(|changed| changed.object).as_deref());
        }
    }
    Ok(())
}
