//! The data of commands that only look: the JSON of the contract.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Engine, Failure, Reply};
use crate::config::HookTarget;
use crate::hooks;
use crate::instance::Instance;
use crate::keys::KeyPair;
use crate::store::{FollowState, Follower, ObjectState};

/// What the daemon is, where it listens, and a page by which the way through the proxy can be tried.
pub(super) fn status(engine: &Engine) -> Result<Reply, Failure> {
    let instance = &engine.instance;
    // Gathered first, looked at then: the table is locked meanwhile.
    let mut posts = Vec::new();
    instance.store.objects.each(|key, brief| {
        if let (ObjectState::Live, Some(page)) = (brief.state, &brief.page) {
            posts.push((brief.published, page.clone(), key.to_string()));
        }
    });
    posts.sort_by(|a, b| b.cmp(a));
    let newest = posts
        .into_iter()
        .find(|(_, page, _)| crate::widget::find(instance, page).is_some());
    let sample = newest.map(
        |(_, page, key)| json!({ "page": instance.iris.at(&page), "object": instance.iris.object(&key) }),
    );
    let instance_actor = instance.instance_document()?;
    Ok(Reply::data(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "address": engine.address.get(),
        "baseline": instance.store.site()?.baseline,
        "sample": sample,
        "instance": instance_actor,
    })))
}

/// The followers of all our actors, the latest first.
pub(super) fn followers(instance: &Instance) -> Result<Reply, Failure> {
    let mut found = Vec::new();
    for actor in &instance.config().actors {
        let table = instance.store.followers(&actor.name)?;
        for id in table.ids() {
            if let Some(follower) = table.get(&id)? {
                found.push((follower.since, actor.name.clone(), follower));
            }
        }
    }
    found.sort_by_key(|(since, _, _)| std::cmp::Reverse(*since));
    let list: Vec<Value> = found
        .into_iter()
        .map(|(_, follows, found)| {
            let mut data = follower(&found);
            data["follows"] = json!(follows);
            data
        })
        .collect();
    Ok(Reply::data(Value::Array(list)))
}

/// One follower.
pub(super) fn follower(follower: &Follower) -> Value {
    json!({
        "actor": follower.actor,
        "handle": follower.handle,
        "inbox": follower.inbox,
        "state": follower.state,
        "since": follower.since,
    })
}

/// Who is blocked, by `ap.toml` and by command.
pub(super) fn blocks(instance: &Instance) -> Result<Reply, Failure> {
    let mut list: Vec<Value> = instance
        .config()
        .federation
        .blocked
        .iter()
        .map(|domain| json!({ "block": domain, "since": null, "reason": "in ap.toml" }))
        .collect();
    let table = &instance.store.blocks;
    let mut ids = table.ids();
    ids.sort();
    for id in ids {
        if let Some(block) = table.get(&id)? {
            list.push(json!({ "block": block.block, "since": block.since, "reason": block.reason }));
        }
    }
    Ok(Reply::data(Value::Array(list)))
}

/// Who is told of events, and what waits for them.
pub(super) fn hooks(instance: &Instance) -> Reply {
    let mut waiting: HashMap<Box<str>, (usize, Timestamp)> = HashMap::new();
    instance.store.calls.each(|_, brief| {
        let entry = waiting.entry(brief.hook.clone()).or_insert((0, brief.next));
        *entry = (entry.0 + 1, entry.1.min(brief.next));
    });
    let config = instance.config();
    let list = config.hooks.iter().map(|hook| {
        let waits = waiting.get(hooks::name_of(hook).as_str());
        json!({
            "hook": hooks::label(hook),
            "kind": match hook.target {
                HookTarget::Command(_) => "command",
                HookTarget::Webhook { .. } => "webhook",
            },
            "on": hook.on,
            "waiting": waits.map_or(0, |(count, _)| *count),
            "next": waits.map(|(_, next)| next),
        })
    });
    Reply::data(list.collect())
}

/// Our actors as others see them.
pub(super) fn actors(instance: &Instance) -> Result<Reply, Failure> {
    let config = instance.config();
    let mut list = Vec::new();
    for actor in &config.actors {
        let (mut followers, mut pending) = (0, 0);
        instance
            .store
            .followers(&actor.name)?
            .each(|_, brief| match brief.state {
                FollowState::Accepted => followers += 1,
                FollowState::Pending => pending += 1,
            });
        let mut posts = 0;
        instance.store.objects.each(|_, brief| {
            if *brief.actor == *actor.name && brief.state == ObjectState::Live {
                posts += 1;
            }
        });
        list.push(json!({
            "name": actor.name,
            "handle": config.handle(&actor.name),
            "followers": followers,
            "pending": pending,
            "posts": posts,
            "document": instance.actor_document(&actor.name)?,
        }));
    }
    Ok(Reply::data(Value::Array(list)))
}

/// The public keys of our actors and of the instance actor.
pub(super) fn keys(instance: &Instance) -> Result<Reply, Failure> {
    let mut list = Vec::new();
    for actor in &instance.config().actors {
        let keys = instance.keys.of(&actor.name)?;
        list.push(public(
            instance,
            Some(&actor.name),
            &instance.iris.actor(&actor.name),
            &keys,
        ));
    }
    let keys = instance.keys.instance()?;
    list.push(public(instance, None, &instance.iris.instance(), &keys));
    Ok(Reply::data(Value::Array(list)))
}

fn public(instance: &Instance, name: Option<&str>, owner: &str, keys: &KeyPair) -> Value {
    json!({
        "actor": name,
        "owner": owner,
        "id": instance.iris.main_key(owner),
        "publicKeyPem": keys.rsa.public_pem(),
        "fingerprint": keys.fingerprint,
        "ed25519_id": instance.iris.ed25519_key(owner),
        "ed25519": keys.ed25519.public_multibase(),
    })
}

/// The path of the page that a file of the output folder is; anything else as it is.
pub(super) fn page_of_file(instance: &Instance, page: String) -> String {
    match std::path::Path::new(&page).strip_prefix(&instance.config().site.output) {
        Ok(file) => format!("/{}", file.display()),
        Err(_) => page,
    }
}
