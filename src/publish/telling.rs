//! Telling what was stored: audience, activity and job of a change whose object is on disk.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Done, PublishError, Publisher, recipients};
use crate::aside;
use crate::instance::{Instance, Outgoing};
use crate::remote::{self, Freshness, Profile};
use crate::site::diff::Action;
use crate::store::{Audience, InteractionKind, Object, Reach, StoreError};

/// How many actors are looked up at a time, of those who reacted to an object and aren't in the cache any more.
const LOOKUPS: usize = 16;

impl Publisher {
    /// Tells what is pending of an object, and takes the mark away.
    pub(super) async fn tell(&self, action: Action, object: &Object) -> Result<Done, PublishError> {
        let reactors = match &object.pending {
            Some(pending) if pending.reach == Reach::Audience => self.reactors(&object.key).await?,
            _ => BTreeSet::new(),
        };
        let instance = Arc::clone(&self.instance);
        let told = object.clone();
        let inboxes = aside::run(move || tell(&instance, &told, reactors)).await??;
        let id = self.instance.iris.object(&object.key);
        Ok(Done {
            action,
            page: object.page.clone().unwrap_or_else(|| id.clone()),
            object: id,
            inboxes,
        })
    }

    /// Tells what a crash left untold.
    pub(super) async fn recover(&self) -> Result<(), PublishError> {
        for key in self.instance.store.objects.labelled(Object::UNTOLD) {
            if let Some(object) = self.instance.store.objects.get(&key)? {
                // Which of the four it was is of no use to anybody any more.
                self.tell(Action::Update, &object).await?;
                tracing::info!("{key}: told what was interrupted before it was told");
            }
        }
        Ok(())
    }

    /// The inboxes of those who replied to, liked, boosted or quoted an object: their servers hold a copy of it.
    async fn reactors(&self, key: &str) -> Result<BTreeSet<String>, PublishError> {
        let instance = Arc::clone(&self.instance);
        let key = key.to_string();
        let actors = aside::run(move || authors(&instance, &key)).await??;
        let gate = Arc::new(Semaphore::new(LOOKUPS));
        let mut lookups = JoinSet::new();
        for actor in actors {
            let (instance, gate) = (Arc::clone(&self.instance), Arc::clone(&gate));
            lookups.spawn(async move {
                let _turn = gate.acquire().await;
                inbox(&instance, &actor).await
            });
        }
        Ok(lookups.join_all().await.into_iter().flatten().collect())
    }
}

/// Who reacted to an object.
fn authors(instance: &Instance, key: &str) -> Result<BTreeSet<String>, StoreError> {
    let mut actors = BTreeSet::new();
    for (id, brief) in instance.store.interactions.group(key) {
        if brief.kind != InteractionKind::Mention
            && let Some(interaction) = instance.store.interactions.get(&id)?
        {
            actors.insert(interaction.actor.id);
        }
    }
    Ok(actors)
}

/// The inbox of a server, by one of its actors. However old what is known of the actor is, its server's inbox rarely
/// changes.
async fn inbox(instance: &Instance, actor: &str) -> Option<String> {
    let cached = remote::document(instance, actor).and_then(|document| Profile::read(actor, &document).ok());
    let profile = match cached {
        Some(profile) => Arc::new(profile),
        None => remote::actor(instance, actor, Freshness::Cached)
            .await
            .inspect_err(|error| tracing::debug!("{actor} isn't told of a change: {error}"))
            .ok()?,
    };
    Some(profile.shared_inbox.as_ref().unwrap_or(&profile.inbox).clone())
}

/// Stores audience, activity and job, then that it is told; answers to how many inboxes it goes.
fn tell(instance: &Instance, object: &Object, reactors: BTreeSet<String>) -> Result<usize, StoreError> {
    let Some(pending) = &object.pending else {
        return Ok(0);
    };
    let store = &instance.store;
    let mut inboxes = reactors;
    inboxes.extend(pending.inboxes.iter().cloned());
    match pending.reach {
        Reach::Addressed => {
            for actor in recipients::addressed(instance, &pending.activity).followers_of {
                inboxes.extend(recipients::followers(instance, &actor, object.visibility)?);
            }
            store.audiences.put(&Audience {
                key: object.key.clone(),
                inboxes: inboxes.iter().cloned().collect(),
            })?;
        }
        Reach::Audience => {
            if let Some(audience) = store.audiences.get(&object.key)? {
                inboxes.extend(audience.inboxes);
            }
        }
    }
    let told = inboxes.len();
    // Of what nobody was told, nobody needs to be told that it changed.
    if object.announced.is_some() || told > 0 {
        instance.send(Outgoing {
            actor: object.actor.clone(),
            id: pending.id.clone(),
            object: Some(object.key.clone()),
            activity: recipients::without_blind(pending.activity.clone()),
            inboxes: inboxes.into_iter().collect(),
        })?;
    }
    store.objects.update(&object.key, |stored| {
        // Another change may have come since.
        let mine = stored
            .pending
            .as_ref()
            .is_some_and(|other| other.id == pending.id);
        if mine {
            stored.pending = None;
        }
        mine
    })?;
    // Nobody may be listening.
    let _ = instance.changed.send(object.key.as_str().into());
    Ok(told)
}
