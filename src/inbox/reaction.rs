//! What a Like, an EmojiReact and an Announce have in common: one actor, one of our objects, no words.

use std::sync::Arc;

use super::kept::kept;
use super::verify::Verified;
use super::{Refusal, author, blocking, blocklist, event, gone, moderation, ours};
use crate::article::Discussion;
use crate::instance::Instance;
use crate::store::{Author, Interaction, InteractionKind, InteractionState};

/// Takes one. There is at most one of a kind by an actor on an object.
pub(super) async fn take(
    instance: &Arc<Instance>,
    verified: Verified,
    kind: InteractionKind,
    emoji: Option<String>,
) -> Result<(), Refusal> {
    let activity = verified.activity();
    let Some(key) = activity.object_id().and_then(|id| ours::object(instance, id)) else {
        return Ok(());
    };
    if instance.discussion(&key) == Discussion::Off {
        return Ok(());
    }
    if activity
        .id()
        .is_some_and(|id| is_stored(instance, id, emoji.as_deref()))
    {
        return Ok(());
    }
    let author = author::of(instance, activity.actor()).await;
    blocklist::refuse_author(instance, &author)?;
    let reaction = Reaction {
        verified,
        kind,
        key,
        emoji,
        author,
    };
    blocking(instance, reaction, store).await
}

struct Reaction {
    verified: Verified,
    kind: InteractionKind,
    key: String,
    emoji: Option<String>,
    author: Author,
}

/// Whether this activity did its work before. An emoji may have changed since.
fn is_stored(instance: &Instance, activity: &str, emoji: Option<&str>) -> bool {
    emoji.is_none()
        && instance
            .store
            .interactions
            .has_label(&Interaction::label_of_activity(activity))
}

fn store(instance: &Instance, reaction: &Reaction) -> Result<(), Refusal> {
    let activity = reaction.verified.activity();
    if let Some(id) = activity.id()
        && gone::is_gone(instance, id, &reaction.verified)?
    {
        return Ok(());
    }
    let id = Interaction::id_of(reaction.kind, activity.actor(), Some(&reaction.key), None);
    let now = instance.clock.now();
    let audience = activity.audience();
    // Some servers address a Like to nobody, and GoToSocial and mitra to the author alone: that says where it goes, and
    // isn't a wish for privacy. No server does so with a boost that is for everybody.
    let public = audience.is_public()
        || audience.is_empty()
        || (reaction.kind == InteractionKind::Like
            && audience
                .recipients
                .iter()
                .all(|address| ours::actor(instance, address).is_some()));
    let mut interaction = Interaction {
        id: id.clone(),
        kind: reaction.kind,
        object: Some(reaction.key.clone()),
        activity: activity.id().unwrap_or_default().to_string(),
        remote_object: None,
        in_reply_to: None,
        actor: reaction.author.clone(),
        published: activity.published().map_or(now, |published| published.min(now)),
        updated: None,
        received: now,
        state: InteractionState::Shown,
        hidden_for: None,
        public,
        url: None,
        summary: None,
        sensitive: false,
        language: None,
        content: None,
        emoji: reaction.emoji.clone(),
        attachments: Vec::new(),
        raw: kept(activity.raw()),
    };
    moderation::judge(instance, &mut interaction);
    if !instance.store.interactions.contains(&id) {
        let coming = event::interaction(instance, &interaction)?;
        if instance.store.interactions.put_new(&interaction)? {
            coming.happened();
            return Ok(());
        }
    }
    // It is there by another activity, whose id an Undo may no longer name; an emoji may be another.
    instance.store.interactions.update(&id, |known| {
        let other = known.activity != interaction.activity || known.emoji != interaction.emoji;
        known.activity.clone_from(&interaction.activity);
        known.emoji.clone_from(&interaction.emoji);
        other
    })?;
    Ok(())
}
