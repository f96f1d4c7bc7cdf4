//! Telling those who want to hear of it: hooks, and readers who have the page open.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Refusal, ours};
use crate::config::HookEvent;
use crate::hooks::{self, Event};
use crate::instance::Instance;
use crate::store::{Author, Interaction, InteractionKind};

/// An actor in what commands and hooks print: a key that isn't known is null.
#[derive(Clone, Debug, Serialize)]
pub struct Who {
    /// Its id.
    pub id: String,
    /// The name it goes by.
    pub name: String,
    /// `@ada@mastodon.example`
    pub handle: String,
    /// Its profile page.
    pub url: String,
    /// Its picture, on its own server.
    pub avatar: Option<String>,
}

impl From<&Author> for Who {
    fn from(author: &Author) -> Who {
        Who {
            id: author.id.clone(),
            name: author.name.clone(),
            handle: author.handle.clone(),
            url: author.url.clone(),
            avatar: author.avatar.clone(),
        }
    }
}

/// Tells the streams of events, and the hooks, that something changed under an object.
pub(super) fn changed(instance: &Instance, key: Option<&str>) {
    let Some(key) = key else { return };
    // Nobody listening is no error.
    let _ = instance.changed.send(Arc::from(key));
    let noted = emit(instance, HookEvent::Change, || {
        let (page, object) = ours::addresses(instance, key);
        Event {
            event: HookEvent::Change,
            id: instance.fresh_id(),
            time: instance.clock.now(),
            actor: Value::Null,
            page,
            object: Some(object),
            public: true,
            content: None,
            activity: Value::Null,
        }
    });
    if let Err(error) = noted {
        // What changed is stored, and the next change tells of it as well: no reason to refuse it.
        tracing::error!("hooks aren't told that {key} changed: {error}");
    }
}

/// Notes for the hooks that somebody follows.
pub(super) fn followed(instance: &Instance, author: &Author, follow: &Value) -> Result<(), Refusal> {
    emit(instance, HookEvent::Follow, || Event {
        event: HookEvent::Follow,
        id: instance.fresh_id(),
        time: instance.clock.now(),
        actor: who(author),
        page: None,
        object: None,
        public: true,
        content: None,
        activity: follow.clone(),
    })
}

/// Notes for the hooks, and tells the streams, that there is a new interaction.
pub(super) fn happened(instance: &Instance, interaction: &Interaction) -> Result<(), Refusal> {
    let event = match interaction.kind {
        InteractionKind::Reply => HookEvent::Reply,
        InteractionKind::Like => HookEvent::Like,
        InteractionKind::Boost => HookEvent::Boost,
        InteractionKind::Mention => HookEvent::Mention,
        InteractionKind::Quote => HookEvent::Quote,
    };
    changed(instance, interaction.object.as_deref());
    emit(instance, event, || {
        let about = interaction
            .object
            .as_deref()
            .map(|key| ours::addresses(instance, key));
        let (page, object) = about.map_or((None, None), |(page, object)| (page, Some(object)));
        Event {
            event,
            id: interaction.id.clone(),
            time: interaction.received,
            actor: who(&interaction.actor),
            page,
            object,
            public: interaction.public,
            content: interaction.content.clone(),
            activity: interaction.raw.clone(),
        }
    })
}

/// As [`happened`], and takes the interaction out again when that can't be noted: its sender will come again with it, and
/// then the hooks must hear of it.
pub(super) fn happened_or_undone(instance: &Instance, interaction: &Interaction) -> Result<(), Refusal> {
    let noted = happened(instance, interaction);
    if noted.is_err()
        && let Err(error) = instance.store.interactions.delete(&interaction.id)
    {
        tracing::error!("{} stays, though hooks can't be told: {error}", interaction.id);
    }
    noted
}

fn who(author: &Author) -> Value {
    serde_json::to_value(Who::from(author)).unwrap_or_default()
}

fn emit(instance: &Instance, kind: HookEvent, event: impl FnOnce() -> Event) -> Result<(), Refusal> {
    let config = instance.config();
    if config.hooks.iter().any(|hook| hook.on.contains(&kind)) {
        hooks::emit(
            &instance.store.calls,
            &config.hooks,
            &event(),
            instance.clock.now(),
        )?;
        instance.calls.notify_one();
    }
    Ok(())
}
