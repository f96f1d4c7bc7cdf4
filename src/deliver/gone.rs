//! What follows when an inbox answers 410.
//!
//! Of a follower's own inbox: the follower is removed. Of a shared inbox: those behind it are served at their own inboxes,
//! now and from then on. All of it may be repeated.

use crate::instance::Instance;
use crate::store::{Audience, FollowState, StoreError};

/// The own inboxes of the followers of an actor behind a shared inbox: where an activity goes that the shared inbox no
/// longer takes. Those that the object went to are among them.
pub(super) fn instead(instance: &Instance, actor: &str, inbox: &str) -> Result<Vec<String>, StoreError> {
    let mut inboxes = Vec::new();
    instance.store.followers(actor)?.each(|id, follower| {
        let own = follower.inbox(id);
        if follower.shared_inbox.as_deref() == Some(inbox)
            && own != inbox
            && follower.state == FollowState::Accepted
        {
            inboxes.push(own.into_owned());
        }
    });
    inboxes.sort();
    inboxes.dedup();
    Ok(inboxes)
}

/// Removes those whose own inbox this is, and lets those who shared it have their own.
pub(super) fn note(instance: &Instance, inbox: &str) -> Result<(), StoreError> {
    let mut shared = Vec::new();
    for name in instance.store.disk.folders("actors")? {
        let followers = instance.store.followers(&name)?;
        let mut own = Vec::new();
        let mut sharing = Vec::new();
        followers.each(|id, follower| {
            if follower.inbox(id) == inbox {
                own.push(id.clone());
            } else if follower.shared_inbox.as_deref() == Some(inbox) {
                sharing.push((id.clone(), follower.inbox(id).into_owned()));
            }
        });
        for id in own {
            followers.delete(&id)?;
            tracing::info!("{id} no longer follows {name}: its inbox is gone");
        }
        for (id, its_own) in sharing {
            followers.update(&id, |follower| {
                follower.shared_inbox = None;
                true
            })?;
            shared.push(its_own);
        }
    }
    if shared.is_empty() {
        return Ok(());
    }
    shared.sort();
    shared.dedup();
    tracing::info!(
        "the shared inbox {inbox} is gone: {} inboxes take its place",
        shared.len()
    );
    // Who got a Create there must get its Update and its Delete.
    for key in instance.store.audiences.ids() {
        instance
            .store
            .audiences
            .update(&key, |audience| replace(audience, inbox, &shared))?;
    }
    Ok(())
}

fn replace(audience: &mut Audience, inbox: &str, instead: &[String]) -> bool {
    let before = audience.inboxes.len();
    audience.inboxes.retain(|held| held != inbox);
    if audience.inboxes.len() == before {
        return false;
    }
    for inbox in instead {
        if !audience.inboxes.contains(inbox) {
            audience.inboxes.push(inbox.clone());
        }
    }
    true
}
