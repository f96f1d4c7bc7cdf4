//! Actors and their collections.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::gate;
use super::listing::Listing;
use super::negotiate::{Wanted, wanted};
use super::request::Asked;
use super::respond::{self, Cache, Reply, not_found, redirect, store_trouble, vary};
use crate::ap::activity;
use crate::ap::collection::{self, Extent, PAGE};
use crate::article::Visibility;
use crate::store::object::ObjectBrief;
use crate::store::{FollowState, ObjectState};

/// An actor; who prefers HTML is sent to its page.
pub(super) async fn actor(asked: &Asked<'_>, name: &str) -> Reply {
    let config = asked.instance.config();
    if config.actor(name).is_some() && wanted(&asked.parts.headers) == Wanted::Page {
        let mut reply = redirect(config.site.url.as_str(), Cache::Minute);
        vary(&mut reply);
        return reply;
    }
    let cache = match gate::everybody(asked).await {
        Ok(cache) => cache,
        Err(refusal) => return refusal,
    };
    match asked.instance.actor_document(name) {
        Ok(Some(document)) => respond::activity(&document, cache),
        Ok(None) => not_found(),
        Err(error) => store_trouble(&error),
    }
}

/// The instance actor: never behind a signature, because whoever checks ours must be able to fetch its key.
pub(super) fn instance(asked: &Asked<'_>) -> Reply {
    match asked.instance.instance_document() {
        Ok(document) => respond::activity(&document, Cache::Minute),
        Err(error) => store_trouble(&error),
    }
}

/// One of an actor's collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collection {
    /// The Creates of what everybody may see, also of what was there before anybody was told.
    Outbox,
    /// Those who were accepted.
    Followers,
    /// Those whom the actor follows: nobody, so far.
    Following,
    /// The pinned posts and the newest ones. Mastodon shows a new profile only these.
    Featured,
}

/// Answers with one of an actor's collections.
pub(super) async fn collection(asked: &Asked<'_>, name: &str, which: Collection) -> Reply {
    let cache = match gate::everybody(asked).await {
        Ok(cache) => cache,
        Err(refusal) => return refusal,
    };
    if asked.instance.config().actor(name).is_none() {
        return not_found();
    }
    match which {
        Collection::Outbox => outbox(asked, name, cache),
        Collection::Followers => followers(asked, name, cache),
        Collection::Following => {
            let id = asked.instance.iris.following(name);
            respond::activity(&collection::whole(&id, Vec::new()), cache)
        }
        Collection::Featured => featured(asked, name, cache),
    }
}

fn outbox(asked: &Asked<'_>, name: &str, cache: Cache) -> Reply {
    let instance = asked.instance;
    let listing = Listing {
        id: instance.iris.outbox(name),
        extent: Extent::Pages,
        items: published(asked, name, |_| true),
    };
    listing.answer(asked, cache, |key| {
        let object = instance.store.objects.get(key)?;
        let create = |object: Value| activity::create(&instance.iris, name, key, &object);
        Ok(object.map(|object| create(object.object)))
    })
}

fn followers(asked: &Asked<'_>, name: &str, cache: Cache) -> Reply {
    let hidden = asked
        .instance
        .config()
        .actor(name)
        .is_some_and(|actor| actor.hide_followers);
    let table = match asked.instance.store.followers(name) {
        Ok(table) => table,
        Err(error) => return store_trouble(&error),
    };
    let mut items = Vec::with_capacity(table.len());
    table.each(|id, follower| {
        if follower.state == FollowState::Accepted {
            items.push((follower.since(), Arc::clone(id)));
        }
    });
    let listing = Listing {
        id: asked.instance.iris.followers(name),
        extent: if hidden { Extent::Size } else { Extent::Pages },
        items,
    };
    listing.answer(asked, cache, |id| Ok(Some(json!(id))))
}

/// All that is pinned, then the newest posts; notes from the command line are no posts.
fn featured(asked: &Asked<'_>, name: &str, cache: Cache) -> Reply {
    let newest = asked.instance.config().publish.featured;
    let mut posts = published(asked, name, |object| object.page.is_some());
    posts.sort_unstable_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
    let mut pinned = published(asked, name, |object| object.featured);
    pinned.sort_unstable_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
    let mut keys: Vec<Arc<str>> = pinned.into_iter().map(|(_, key)| key).collect();
    for (_, key) in posts.into_iter().take(newest) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let items = keys
        .iter()
        .take(PAGE)
        .map(|key| json!(asked.instance.iris.object(key)))
        .collect();
    let id = asked.instance.iris.featured(name);
    respond::activity(&collection::whole(&id, items), cache)
}

/// The KEYs of an actor's objects that everybody may see and that are there, in no order.
fn published(
    asked: &Asked<'_>,
    name: &str,
    choose: impl Fn(&ObjectBrief) -> bool,
) -> Vec<(Timestamp, Arc<str>)> {
    let mut keys = Vec::new();
    asked.instance.store.objects.each(|key, object| {
        if *object.actor == *name
            && object.state == ObjectState::Live
            && matches!(object.visibility, Visibility::Public | Visibility::Unlisted)
            && choose(object)
        {
            keys.push((object.published, Arc::clone(key)));
        }
    });
    keys
}
