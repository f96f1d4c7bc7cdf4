//! Telling those who want to hear of it: hooks, and readers who have the page open.
//!
//! Each of these is called before the thing is stored, so that a crash can't keep it from those who are to hear of it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::ours;
use crate::config::HookEvent;
use crate::hooks::{self, Event, Prepared};
use crate::instance::Instance;
use crate::store::{About, Author, Interaction, InteractionKind, StoreError};

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

/// Something that is about to be stored, of which hooks have their calls already: [`Coming::happened`] lets them go once it
/// is. Dropped, it didn't happen, and nobody hears of it.
#[must_use = "nobody is told of what is dropped"]
pub(super) struct Coming<'a> {
    instance: &'a Instance,
    key: Option<String>,
    calls: Vec<Prepared<'a>>,
}

impl Coming<'_> {
    /// It is stored: tells the hooks, and the streams of events if something changed under an object.
    pub(super) fn happened(self) {
        if let Some(key) = &self.key {
            // Nobody listening is no error.
            let _ = self.instance.changed.send(Arc::from(key.as_str()));
        }
        for calls in self.calls {
            calls.tell();
        }
    }
}

/// Before something changes under an object.
pub(super) fn change<'a>(instance: &'a Instance, key: Option<&str>) -> Coming<'a> {
    let mut coming = Coming {
        instance,
        key: key.map(str::to_string),
        calls: Vec::new(),
    };
    let Some(key) = key else { return coming };
    match prepare_change(instance, key, None) {
        Ok(calls) => coming.calls.extend(calls),
        // The next change tells of it as well: no reason to refuse this one.
        Err(error) => tracing::error!("hooks aren't told that {key} changes: {error}"),
    }
    coming
}

fn prepare_change<'a>(
    instance: &'a Instance,
    key: &str,
    about: Option<&About>,
) -> Result<Option<Prepared<'a>>, StoreError> {
    prepare(instance, HookEvent::Change, about, || {
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
    })
}

/// Before somebody follows one of ours.
///
/// # Errors
/// What the store says.
pub(super) fn follow<'a>(
    instance: &'a Instance,
    ours: &str,
    author: &Author,
    follow: &Value,
) -> Result<Coming<'a>, StoreError> {
    let about = About::Follower {
        of: ours.to_string(),
        actor: author.id.clone(),
    };
    let calls = prepare(instance, HookEvent::Follow, Some(&about), || Event {
        event: HookEvent::Follow,
        id: instance.fresh_id(),
        time: instance.clock.now(),
        actor: who(author),
        page: None,
        object: None,
        public: true,
        content: None,
        activity: follow.clone(),
    })?;
    Ok(Coming {
        instance,
        key: None,
        calls: calls.into_iter().collect(),
    })
}

/// Before a new interaction is stored.
///
/// # Errors
/// What the store says: its sender will come again with it, and then the hooks must hear of it.
pub(super) fn interaction<'a>(
    instance: &'a Instance,
    interaction: &Interaction,
) -> Result<Coming<'a>, StoreError> {
    let event = match interaction.kind {
        InteractionKind::Reply => HookEvent::Reply,
        InteractionKind::Like => HookEvent::Like,
        InteractionKind::Boost => HookEvent::Boost,
        InteractionKind::Mention => HookEvent::Mention,
        InteractionKind::Quote => HookEvent::Quote,
    };
    let about = About::Interaction(interaction.id.clone());
    let mut coming = Coming {
        instance,
        key: interaction.object.clone(),
        calls: Vec::new(),
    };
    if let Some(key) = &interaction.object {
        coming.calls.extend(prepare_change(instance, key, Some(&about))?);
    }
    let calls = prepare(instance, event, Some(&about), || {
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
    })?;
    coming.calls.extend(calls);
    Ok(coming)
}

fn who(author: &Author) -> Value {
    serde_json::to_value(Who::from(author)).unwrap_or_default()
}

/// The calls of an event, if any hook wants it: without one it costs nothing.
fn prepare<'a>(
    instance: &'a Instance,
    kind: HookEvent,
    about: Option<&About>,
    event: impl FnOnce() -> Event,
) -> Result<Option<Prepared<'a>>, StoreError> {
    let config = instance.config();
    if !config.hooks.iter().any(|hook| hook.on.contains(&kind)) {
        return Ok(None);
    }
    let now = instance.clock.now();
    hooks::prepare(
        &instance.calls,
        &instance.store.calls,
        &config.hooks,
        &event(),
        about,
        now,
    )
    .map(Some)
}
