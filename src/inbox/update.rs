//! Update: an actor changed what it wrote, or itself.

use std::sync::Arc;

use super::activity::Activity;
use super::create::Written;
use super::event::Coming;
use super::kept::kept;
use super::verify::Verified;
use super::{Refusal, author, blocking, create, event, follow, moderation, value};
use crate::instance::Instance;
use crate::remote::{self, Freshness, Profile};
use crate::store::{Interaction, InteractionKind};

/// Takes an Update.
pub(super) async fn take(instance: &Arc<Instance>, verified: &Verified) -> Result<(), Refusal> {
    let activity = verified.activity();
    if activity.object_id() == Some(activity.actor()) {
        return renewal(instance, verified).await;
    }
    let Some(written) = create::written(instance, verified).await? else {
        return Ok(());
    };
    let id = Interaction::id_of(InteractionKind::Reply, "", None, Some(&written.note.id));
    let actor = activity.actor().to_string();
    if !instance.store.interactions.contains(&id) {
        // Its Create is late or never came, or the change makes it one for us.
        return create::keep(instance, &actor, written).await;
    }
    blocking(
        instance,
        (actor, id, written),
        |instance, (actor, id, written)| change(instance, actor, id, written),
    )
    .await
}

pub(super) fn change(instance: &Instance, actor: &str, id: &str, written: &Written) -> Result<(), Refusal> {
    let note = &written.note;
    let mut foreign = false;
    let mut change = None;
    instance.store.interactions.update(id, |known| {
        foreign = known.actor.id != actor;
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
        known.raw = kept(&written.raw);
        moderation::judge_changed(instance, known);
        change = Some(event::change(instance, known.object.as_deref()));
        true
    })?;
    if foreign {
        return Err(Refusal::NotTheSigners(format!("{} is not by {actor}", note.id)));
    }
    change.into_iter().for_each(Coming::happened);
    Ok(())
}

/// An actor's new document, which it signed itself: the cache is renewed, and with it our followers and what is shown
/// of its author. A document that comes by its id only, or incomplete, is fetched.
async fn renewal(instance: &Arc<Instance>, verified: &Verified) -> Result<(), Refusal> {
    let activity = verified.activity();
    if is_older(instance, activity) {
        return Ok(());
    }
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

/// Whether an actor's document is older than the one that is known, as far as both say when they were changed.
fn is_older(instance: &Instance, update: &Activity) -> bool {
    let known = remote::document(instance, update.actor()).and_then(|known| value::time(&known, "updated"));
    let comes = value::time(update.object(), "updated");
    known.zip(comes).is_some_and(|(known, comes)| comes < known)
}

fn renew(instance: &Instance, profile: &Arc<Profile>) -> Result<(), Refusal> {
    let keys = follow::keys(instance, &profile.id);
    for ours in &instance.config().actors {
        instance
            .store
            .followers(&ours.name)?
            .update(&profile.id, |follower| {
                let other = follower.inbox != profile.inbox
                    || follower.shared_inbox != profile.shared_inbox
                    || follower.keys != keys
                    || follower.handle != profile.handle;
                follower.inbox.clone_from(&profile.inbox);
                follower.shared_inbox.clone_from(&profile.shared_inbox);
                follower.handle.clone_from(&profile.handle);
                follower.keys.clone_from(&keys);
                other
            })?;
    }
    let author = author::from(profile);
    let interactions = &instance.store.interactions;
    for id in interactions.labelled(&Interaction::label_of_actor(&profile.id)) {
        let mut change = None;
        interactions.update(&id, |interaction| {
            let other = interaction.actor != author;
            interaction.actor = author.clone();
            if other {
                moderation::judge_changed(instance, interaction);
                change = Some(event::change(instance, interaction.object.as_deref()));
            }
            other
        })?;
        change.into_iter().for_each(Coming::happened);
    }
    Ok(())
}
