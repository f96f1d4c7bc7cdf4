//! The actors' own documents: an Update goes out when one changed, and only then. Some servers check all links of a
//! profile again at each Update, so one without a change would cost the owner the check marks beside them.
//!
//! What was last announced is remembered by its digest. The activity and its job are stored first, the digest after
//! them: a crash in between repeats the Update.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::recipients;
use crate::ap::activity::{self, Deed};
use crate::article::Visibility;
use crate::instance::{Instance, Outgoing};
use crate::keys::Rotation;
use crate::store::StoreError;

/// An actor whose new document was announced.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Announced {
    /// Its name.
    pub actor: String,
    /// Inboxes that are told.
    pub inboxes: usize,
}

/// Announces the actors whose documents changed since they were last announced, and completes rotations of keys that
/// were interrupted. When nobody follows there is nobody to be told, and the document counts as announced.
///
/// # Errors
/// When the store can't be read or written, or a key is lost.
pub fn update(instance: &Instance) -> Result<Vec<Announced>, StoreError> {
    let mut announced = Vec::new();
    let known = instance.store.site()?.actors;
    for actor in &instance.config().actors {
        let name = &actor.name;
        if let Some(rotation) = instance.keys.unfinished_rotation(name)? {
            announced.push(announce_key(instance, name, &rotation)?);
            instance.keys.finish_rotation(name)?;
            continue;
        }
        let Some(document) = instance.actor_document(name)? else {
            continue;
        };
        if known.get(name) == Some(&digest(&document)) {
            continue;
        }
        let inboxes = announce(instance, name, &document, None)?;
        if inboxes > 0 {
            announced.push(Announced {
                actor: name.clone(),
                inboxes,
            });
        }
    }
    Ok(announced)
}

/// Makes new keys for an actor and queues the Update that announces them, signed with the present key. The new ones take
/// its place with [`Keys::finish_rotation`](crate::keys::Keys::finish_rotation): best when the Update was tried
/// everywhere, so that a server which doesn't know the present key yet can still fetch it.
///
/// # Errors
/// When the store can't be read or written, or the present key is lost.
pub fn begin_rotation(instance: &Instance, name: &str) -> Result<Announced, StoreError> {
    let rotation = instance.keys.begin_rotation(name)?;
    announce_key(instance, name, &rotation)
}

fn announce_key(instance: &Instance, name: &str, rotation: &Rotation) -> Result<Announced, StoreError> {
    let inboxes = match instance.actor_document_with(name, &rotation.new) {
        Some(document) => announce(instance, name, &document, Some(rotation.former.clone()))?,
        None => 0,
    };
    Ok(Announced {
        actor: name.to_string(),
        inboxes,
    })
}

/// Sends the Update; `key` is the fingerprint of a former key that signs it.
fn announce(
    instance: &Instance,
    name: &str,
    document: &Value,
    key: Option<String>,
) -> Result<usize, StoreError> {
    let inboxes: Vec<String> = recipients::followers(instance, name, Visibility::Public)?
        .into_iter()
        .collect();
    let count = inboxes.len();
    if count > 0 {
        let id = instance.fresh_id();
        let deed = Deed {
            iris: &instance.iris,
            actor: name,
            id: &id,
            at: instance.clock.now(),
        };
        let update = activity::update_actor(deed, document);
        let outgoing = Outgoing {
            actor: name.to_string(),
            id,
            object: None,
            activity: update,
            inboxes,
        };
        instance.send_with_key(outgoing, key)?;
    }
    instance.store.update_site(|site| {
        site.actors.insert(name.to_string(), digest(document));
    })?;
    Ok(count)
}

fn digest(document: &Value) -> String {
    Sha256::digest(document.to_string().as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::Clock;
    use crate::config;
    use crate::net::{Client, Resolver, Settings};
    use crate::store::{FollowState, Follower, Store};

    fn instance(folder: &Path) -> Instance {
        let text = "[site]\nurl = 'https://blog.example'\noutput = 'public'\ndata = 'data'\n[[actor]]\nname = 'blog'\n";
        let config = config::parse(text, &folder.join("ap.toml")).unwrap();
        let store = Store::open(&config.site.data, "https://blog.example", "blog.example").unwrap();
        let client = Client::new(Settings {
            allow_private: false,
            user_agent: "test".into(),
            resolver: Resolver::System,
        })
        .unwrap();
        Instance::new(config, store, client, Clock::system())
    }

    fn follow(instance: &Instance) {
        let actor = "https://a.example/users/ada";
        let follower = Follower {
            keys: Value::Null,
            actor: actor.into(),
            handle: "@ada@a.example".into(),
            inbox: format!("{actor}/inbox"),
            shared_inbox: None,
            state: FollowState::Accepted,
            since: instance.clock.now(),
            follow: Value::Null,
            moved_to: None,
            earlier: Vec::new(),
        };
        instance.store.followers("blog").unwrap().put(&follower).unwrap();
    }

    fn jobs(instance: &Instance) -> Vec<crate::store::Job> {
        let mut ids = instance.store.jobs.ids();
        ids.sort();
        ids.iter()
            .filter_map(|id| instance.store.jobs.get(id).unwrap())
            .collect()
    }

    #[test]
    fn an_update_goes_out_when_the_document_changed_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let instance = instance(folder.path());
        assert_eq!(update(&instance).unwrap(), []);
        follow(&instance);
        assert_eq!(update(&instance).unwrap(), []);
        let mut changed = (*instance.config()).clone();
        changed.actors[0].summary = "new".into();
        instance.set_config(changed);
        assert_eq!(update(&instance).unwrap().len(), 1);
        assert_eq!(update(&instance).unwrap(), []);
        let jobs = jobs(&instance);
        assert_eq!(jobs.len(), 1);
        assert_eq!(jobs[0].body["object"]["summary"], "new");
        assert_eq!(jobs[0].key, None);
    }

    #[test]
    fn a_new_key_is_announced_with_the_former_one() {
        let folder = tempfile::tempdir().unwrap();
        let instance = instance(folder.path());
        follow(&instance);
        let old = instance.keys.of("blog").unwrap();
        begin_rotation(&instance, "blog").unwrap();
        assert_eq!(instance.keys.of("blog").unwrap().fingerprint, old.fingerprint);
        instance.keys.finish_rotation("blog").unwrap();
        let new = instance.keys.of("blog").unwrap();
        let jobs = jobs(&instance);
        assert_eq!(jobs[0].key.as_ref(), Some(&old.fingerprint));
        assert_eq!(
            jobs[0].body["object"]["publicKey"]["publicKeyPem"],
            new.rsa.public_pem()
        );
        assert_eq!(
            update(&instance).unwrap(),
            [],
            "the rotation has announced the document"
        );
    }

    #[test]
    fn a_rotation_that_was_interrupted_is_announced_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let instance = instance(folder.path());
        follow(&instance);
        update(&instance).unwrap();
        instance.keys.begin_rotation("blog").unwrap();
        assert_eq!(update(&instance).unwrap().len(), 1);
        assert_eq!(update(&instance).unwrap(), []);
        assert!(jobs(&instance).iter().any(|job| job.key.is_some()));
    }
}
