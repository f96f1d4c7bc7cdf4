//! Follow: somebody wants to hear from one of our actors. Also the owner's word on it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::event::Coming;
use super::kept::{fits, kept};
use super::verify::Verified;
use super::{Refusal, author, blocking, blocklist, event, gone, ours};
use crate::ap::activity::{self, Deed};
use crate::config::FollowPolicy;
use crate::instance::{Instance, Outgoing};
use crate::remote::{self, Freshness, Profile};
use crate::sig::key::PublicKey;
use crate::store::{FollowState, Follower, StoreError};

/// What a sender waits when the actor's document can't be had, in seconds.
const NO_PROFILE: u64 = 60;

/// Why the owner's word on a follower has no effect.
#[derive(Debug, thiserror::Error)]
pub enum FollowerError {
    /// Nobody of that name follows, or asks to.
    #[error("{0} is not among the followers: see `tidings followers list`")]
    Unknown(String),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a Follow. Its Accept goes to the inbox that the actor's own document names, which is on the actor's host: else
/// one could make us send to whom one likes.
pub(super) async fn take(instance: &Arc<Instance>, verified: Verified) -> Result<(), Refusal> {
    let activity = verified.activity();
    let Some(ours) = activity.object_id().and_then(|id| ours::actor(instance, id)) else {
        return Ok(());
    };
    let profile = match remote::actor(instance, activity.actor(), Freshness::Cached).await {
        Ok(profile) => profile,
        Err(error) => {
            tracing::info!("a Follow by {} has to wait: {error}", activity.actor());
            return Err(Refusal::Busy(NO_PROFILE));
        }
    };
    blocklist::refuse_author(instance, &author::from(&profile))?;
    blocking(
        instance,
        (verified, ours, profile),
        |instance, (verified, ours, profile)| store(instance, verified, ours, profile),
    )
    .await
}

fn store(instance: &Instance, verified: &Verified, ours: &str, profile: &Profile) -> Result<(), Refusal> {
    let follow = verified.activity();
    // Its Undo overtook it.
    if let Some(id) = follow.id()
        && gone::is_gone(instance, id, verified)?
    {
        return Ok(());
    }
    let config = instance.config();
    let Some(policy) = config.actor(ours).map(|actor| actor.followers) else {
        return Ok(());
    };
    let followers = instance.store.followers(ours)?;
    let known = followers.get(&profile.id)?;
    let state = match (policy, known.as_ref().map(|known| known.state)) {
        (_, Some(FollowState::Accepted)) | (FollowPolicy::Accept, _) => FollowState::Accepted,
        (FollowPolicy::Ask, _) => FollowState::Pending,
        (FollowPolicy::Reject, _) => {
            followers.delete(&profile.id)?;
            return Ok(answer(
                instance,
                ours,
                &profile.id,
                &profile.inbox,
                &kept(follow.raw()),
                Word::Reject,
            )?);
        }
    };
    let since = known
        .as_ref()
        .map_or_else(|| instance.clock.now(), |known| known.since);
    let follower = Follower {
        actor: profile.id.clone(),
        handle: profile.handle.clone(),
        inbox: profile.inbox.clone(),
        shared_inbox: profile.shared_inbox.clone(),
        keys: keys(instance, &profile.id),
        state,
        since,
        moved_to: profile.moved_to.clone(),
        follow: kept(follow.raw()),
        earlier: known
            .as_ref()
            .map(|known| known.earlier_than(follow.raw()))
            .unwrap_or_default(),
    };
    let coming = match &known {
        Some(_) => None,
        None => Some(event::follow(
            instance,
            ours,
            &author::from(profile),
            follow.raw(),
        )?),
    };
    if known.as_ref().is_none_or(|known| differ(known, &follower)) {
        followers.put(&follower)?;
    }
    // From here on the hooks hear of it, whatever becomes of the answer: it would be none of the new ones next time.
    coming.into_iter().for_each(Coming::happened);
    if state == FollowState::Accepted {
        tell(instance, ours, &follower, Word::Accept)?;
    }
    Ok(())
}

/// The keys of an actor, as its cached document has them.
pub(super) fn keys(instance: &Instance, actor: &str) -> Value {
    let Some(document) = remote::document(instance, actor) else {
        return Value::Null;
    };
    remote::KEY_PROPERTIES
        .into_iter()
        .filter_map(|name| {
            Some((
                name.to_string(),
                document.get(name).filter(|keys| fits(keys))?.clone(),
            ))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The key of a follower, from its own record.
pub(super) fn key(instance: &Instance, actor: &str, key_id: &str) -> Option<PublicKey> {
    let config = instance.config();
    let follower = config.actors.iter().find_map(|ours| {
        let followers = instance.store.followers(&ours.name).ok()?;
        followers.get(actor).ok()?
    })?;
    let mut document = json!({ "id": follower.actor, "type": "Person", "inbox": follower.inbox });
    for name in remote::KEY_PROPERTIES {
        document[name] = follower.keys.get(name).cloned().unwrap_or_default();
    }
    let profile = Profile::read(actor, &document).ok()?;
    profile.key(key_id)?.key.clone()
}

fn differ(one: &Follower, other: &Follower) -> bool {
    one.handle != other.handle
        || one.inbox != other.inbox
        || one.shared_inbox != other.shared_inbox
        || one.keys != other.keys
        || one.state != other.state
        || one.moved_to != other.moved_to
        || one.follow != other.follow
}

/// Yes or no to a Follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Accept,
    Reject,
}

/// Sends the answer to a Follow to the follower's own inbox. Each has a fresh id: a server that lost the first answer
/// may remember its id all the same.
fn answer(
    instance: &Instance,
    ours: &str,
    follower: &str,
    inbox: &str,
    follow: &Value,
    word: Word,
) -> Result<(), StoreError> {
    let id = instance.fresh_id();
    let deed = Deed {
        iris: &instance.iris,
        actor: ours,
        id: &id,
        at: instance.clock.now(),
    };
    let activity = match word {
        Word::Accept => activity::accept(deed, follow, follower),
        Word::Reject => activity::reject(deed, follow, follower),
    };
    instance.send(Outgoing {
        actor: ours.to_string(),
        id,
        object: None,
        activity,
        inboxes: vec![inbox.to_string()],
    })
}

/// Sends the answer to the Follow by which somebody is a follower.
fn tell(instance: &Instance, ours: &str, follower: &Follower, word: Word) -> Result<(), StoreError> {
    answer(
        instance,
        ours,
        &follower.actor,
        &follower.inbox,
        &follower.follow,
        word,
    )
}

/// Accepts a Follow that waits. `who` is an actor's id or handle; of all our actors that it follows.
pub fn approve(instance: &Instance, who: &str) -> Result<Vec<Follower>, FollowerError> {
    each(instance, who, |ours, follower| {
        let followers = instance.store.followers(ours)?;
        let accepted = followers.update(&follower.actor, |follower| {
            let waits = follower.state == FollowState::Pending;
            follower.state = FollowState::Accepted;
            waits
        })?;
        let follower = accepted.unwrap_or(follower);
        tell(instance, ours, &follower, Word::Accept)?;
        Ok(follower)
    })
}

/// Rejects a Follow that waits.
pub fn reject(instance: &Instance, who: &str) -> Result<Vec<Follower>, FollowerError> {
    remove(instance, who)
}

/// Removes a follower and tells its server, with a Reject of its Follow.
pub fn remove(instance: &Instance, who: &str) -> Result<Vec<Follower>, FollowerError> {
    each(instance, who, |ours, follower| {
        dismiss(instance, ours, &follower)?;
        Ok(follower)
    })
}

/// Removes a follower of one of our actors and tells its server.
pub(super) fn dismiss(instance: &Instance, ours: &str, follower: &Follower) -> Result<(), StoreError> {
    // The job first: were the follower removed before it, a crash between them would leave its server in the dark.
    tell(instance, ours, follower, Word::Reject)?;
    instance.store.followers(ours)?.delete(&follower.actor)?;
    Ok(())
}

fn each(
    instance: &Instance,
    who: &str,
    act: impl Fn(&str, Follower) -> Result<Follower, StoreError>,
) -> Result<Vec<Follower>, FollowerError> {
    let mut changed = Vec::new();
    for ours in &instance.config().actors {
        if let Some(follower) = find(instance, &ours.name, who)? {
            changed.push(act(&ours.name, follower)?);
        }
    }
    if changed.is_empty() {
        return Err(FollowerError::Unknown(who.to_string()));
    }
    Ok(changed)
}

fn find(instance: &Instance, ours: &str, who: &str) -> Result<Option<Follower>, StoreError> {
    let followers = instance.store.followers(ours)?;
    if let Some(follower) = followers.get(who)? {
        return Ok(Some(follower));
    }
    let bare = who.trim_start_matches('@');
    if who.contains("://") || !bare.contains('@') {
        return Ok(None);
    }
    for id in followers.ids() {
        if let Some(follower) = followers.get(&id)?
            && follower.handle.trim_start_matches('@').eq_ignore_ascii_case(bare)
        {
            return Ok(Some(follower));
        }
    }
    Ok(None)
}
