//! Actors and objects of other servers: fetched from their own host, checked, and cached.
//!
//! An actor is what its own host says under its own id, and a key is its owner's when the owner lists it. Whoever asks
//! gets what is cached for a day; a signature that fails is a reason to ask afresh, once a minute at most.

mod fetch;
mod open;
mod profile;
pub mod scheme;
pub mod webfinger;

use std::sync::Arc;

use hyper::StatusCode;
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use serde_json::Value;
use url::Url;

use self::fetch::{Ask, Fetched, Fetches};
use self::open::OpenHosts;
pub use self::profile::{KEY_PROPERTIES, Profile, ProfileKey};
pub use self::webfinger::resolve;
use crate::ap::iri::Local;
use crate::instance::Instance;
use crate::net::NetError;
use crate::sig::Scheme;
use crate::sig::key::PublicKey;
use crate::store::{RemoteActor, StoreError};

/// How long a fetched actor is taken for what it is.
pub const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// How long a fetched actor is better than none, when its host can't be reached.
const STALE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often an actor is fetched again because a signature failed: at most once in this time.
pub const REFETCH: SignedDuration = SignedDuration::from_secs(60);
/// Actors kept in memory, about 2 KiB each.
const PROFILES: usize = 2048;
/// Keys whose owner isn't in their id, refetches, and signature schemes kept in memory: about 100 bytes each.
const NOTES: usize = 4096;
/// Documents kept in memory, some 10 KiB each: what was just fetched to check a Follow is what the follower's record
/// takes the keys from, so it needn't be read again. As many as there may be Follows on their way at a time.
const DOCUMENTS: usize = 64;

/// What is kept in memory of other servers. All of it can be lost.
#[derive(Debug)]
pub struct Memory {
    profiles: Cache<String, Arc<Known>>,
    owners: Cache<String, Arc<str>>,
    refetched: Cache<String, Timestamp>,
    schemes: Cache<String, Option<(Scheme, Timestamp)>>,
    /// The documents that were fetched last, as they came.
    documents: Cache<String, Arc<Value>>,
    fetches: Fetches,
    open: OpenHosts,
}

#[derive(Debug)]
struct Known {
    profile: Arc<Profile>,
    fetched: Timestamp,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            profiles: Cache::new(PROFILES),
            owners: Cache::new(NOTES),
            refetched: Cache::new(NOTES),
            schemes: Cache::new(NOTES),
            documents: Cache::new(DOCUMENTS),
            fetches: Fetches::default(),
            open: OpenHosts::default(),
        }
    }
}

/// How old what one gets may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A day.
    Cached,
    /// Fetched now, unless it was fetched afresh within the last minute.
    Fresh,
}

impl Freshness {
    /// How an actor is asked for.
    fn ask(self) -> Ask {
        match self {
            Freshness::Cached => Ask::Actor,
            Freshness::Fresh => Ask::Signed,
        }
    }
}

/// Why something of another server can't be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RemoteError {
    /// Its server says that it is gone for ever (410).
    #[error("{0} is gone")]
    Gone(String),
    /// Its server doesn't know it (404).
    #[error("{0} is not found")]
    NotFound(String),
    /// Its server doesn't show it to us, or we don't ask it.
    #[error("{0}")]
    Refused(String),
    /// Its server can't be reached, or is in trouble; later it may be different.
    #[error("{0}")]
    Unreachable(String),
    /// What came isn't what was asked for.
    #[error("{id} can't be used: {reason}")]
    Invalid {
        /// The id or handle.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// Something is wrong on our side.
    #[error("{0}")]
    Here(String),
}

impl RemoteError {
    fn invalid(id: &str, reason: &str) -> RemoteError {
        RemoteError::Invalid {
            id: id.to_string(),
            reason: reason.to_string(),
        }
    }

    fn of_status(url: &Url, status: StatusCode) -> Option<RemoteError> {
        Some(match status.as_u16() {
            200..=299 => return None,
            410 => RemoteError::Gone(url.to_string()),
            404 => RemoteError::NotFound(url.to_string()),
            408 | 425 | 429 | 500..=599 => RemoteError::Unreachable(format!("{url} answers {status}")),
            _ => RemoteError::Refused(format!("{url} answers {status}")),
        })
    }
}

impl From<NetError> for RemoteError {
    fn from(error: NetError) -> RemoteError {
        match error {
            NetError::Refused { .. } | NetError::Redirect { .. } => RemoteError::Refused(error.to_string()),
            NetError::Connect { .. } | NetError::Timeout { .. } | NetError::Broken { .. } => {
                RemoteError::Unreachable(error.to_string())
            }
            NetError::TooLarge { ref url, .. } | NetError::Encoded { ref url, .. } => RemoteError::Invalid {
                id: url.clone(),
                reason: error.to_string(),
            },
            NetError::Request { .. } | NetError::Tls(_) => RemoteError::Here(error.to_string()),
        }
    }
}

/// A key and whose it is.
#[derive(Clone, Debug)]
pub struct RemoteKey {
    /// The id of the actor that lists it.
    pub owner: String,
    /// The key.
    pub key: PublicKey,
}

/// A remote actor: what its own host serves under `id`.
///
/// One that answers 410 is forgotten: removed from the cache and from the followers.
///
/// # Errors
/// Any [`RemoteError`]. While its host can't be reached, a document of up to 30 days ago stands in.
pub async fn actor(instance: &Instance, id: &str, freshness: Freshness) -> Result<Arc<Profile>, RemoteError> {
    let now = instance.clock.now();
    let known = known(instance, id);
    if let Some(known) = &known
        && serves(instance, id, known, freshness, now)
    {
        return Ok(Arc::clone(&known.profile));
    }
    if freshness == Freshness::Fresh {
        instance.remote.refetched.insert(id.to_string(), now);
    }
    match fetch::document(instance, id, freshness.ask()).await {
        Ok(fetched) => take_in(instance, id, &fetched),
        Err(error @ RemoteError::Gone(_)) => {
            forget(instance, id).map_err(|error| RemoteError::Here(error.to_string()))?;
            Err(error)
        }
        Err(error @ RemoteError::Unreachable(_)) => known
            .filter(|known| now.duration_since(known.fetched) < STALE && freshness == Freshness::Cached)
            .map(|known| Arc::clone(&known.profile))
            .ok_or(error),
        Err(error) => Err(error),
    }
}

/// Whether what is known is fresh enough.
fn serves(instance: &Instance, id: &str, known: &Known, freshness: Freshness, now: Timestamp) -> bool {
    match freshness {
        Freshness::Cached => is_within(FRESH, known.fetched, now),
        Freshness::Fresh => instance
            .remote
            .refetched
            .get(id)
            .is_some_and(|at| is_within(REFETCH, at, now)),
    }
}

/// Whether something is no older than `age`; what lies further ahead was noted by a clock that has been put back since.
fn is_within(age: SignedDuration, at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at).abs() < age
}

/// The document of a remote actor as it came, from the cache; `None` when it isn't there.
pub fn document(instance: &Instance, id: &str) -> Option<Arc<Value>> {
    instance.remote.documents.get(id).or_else(|| {
        let record = instance.store.remote_actors.get(id)?;
        Some(Arc::new(record.document))
    })
}

/// Takes an actor's document that came otherwise than by [`actor`]: in an Update that the actor itself signed.
///
/// # Errors
/// [`RemoteError::Invalid`] when it isn't the document of `id`.
pub fn update(instance: &Instance, id: &str, document: &Value) -> Result<Arc<Profile>, RemoteError> {
    let profile = Profile::read(id, document).map_err(|reason| RemoteError::invalid(id, reason))?;
    Ok(remember(instance, profile, document))
}

/// Forgets an actor that is gone: in the cache, and as a follower of any of our actors.
///
/// # Errors
/// When the disk can't be written.
pub fn forget(instance: &Instance, id: &str) -> Result<(), StoreError> {
    instance.remote.profiles.remove(id);
    instance.remote.documents.remove(id);
    instance.store.remote_actors.delete(id)?;
    for name in instance.store.disk.folders("actors")? {
        if instance.store.followers(&name)?.delete(id)? {
            tracing::info!("{id} is gone and no longer follows {name}");
        }
    }
    Ok(())
}

/// The key with this id, and whose it is: the owner lists it, and both are on the same host.
///
/// # Errors
/// Any [`RemoteError`].
pub async fn key(instance: &Instance, key_id: &str, freshness: Freshness) -> Result<RemoteKey, RemoteError> {
    let invalid = |reason| RemoteError::invalid(key_id, reason);
    if let Some(Local::Instance) = instance.iris.read(key_id) {
        // Nobody is asked for what we know: `tidings doctor` sends itself something to see whether it arrives as sent.
        let own = instance
            .keys
            .instance()
            .map_err(|error| RemoteError::Here(error.to_string()))?;
        return Ok(RemoteKey {
            owner: instance.iris.instance(),
            key: own.rsa.public_key().clone(),
        });
    }
    let url = Url::parse(key_id).map_err(|_| invalid("it is not a URL"))?;
    let mut bare = url.clone();
    bare.set_fragment(None);
    let owner = match instance.remote.owners.get(key_id) {
        Some(owner) => owner,
        // Nearly everybody's key is a fragment of its owner's id, whose cached document will do.
        None if known(instance, bare.as_str()).is_some() => bare.as_str().into(),
        None => {
            let fetched = fetch::document(instance, bare.as_str(), freshness.ask()).await;
            let fetched = match fetched {
                Err(error @ RemoteError::Gone(_)) => {
                    forget(instance, bare.as_str()).map_err(|error| RemoteError::Here(error.to_string()))?;
                    return Err(error);
                }
                other => other?,
            };
            let no_actor = match Profile::read(bare.as_str(), &fetched.document) {
                // The document that was fetched is the owner's own: it needn't be fetched twice.
                Ok(profile) => {
                    let profile = settle(instance, profile, &fetched)?;
                    return listed(&profile, key_id, None);
                }
                Err(reason) => reason,
            };
            let owner = profile::owner_in(&fetched.document).ok_or_else(|| invalid("nobody owns it"))?;
            let home = Url::parse(&owner).map_err(|_| invalid("its owner is not a URL"))?;
            if !profile::same_host(&home, &url) {
                return Err(invalid("its owner is on another host"));
            }
            if owner == bare.as_str() {
                return Err(RemoteError::invalid(&owner, no_actor));
            }
            let profile = actor(instance, &owner, freshness).await?;
            let found = listed(&profile, key_id, profile::key_in(key_id, &fetched.document))?;
            let by_itself = profile.key(key_id).is_some_and(|key| key.key.is_none());
            if !by_itself {
                instance.remote.owners.insert(key_id.to_string(), owner.into());
            }
            return Ok(found);
        }
    };
    let profile = actor(instance, &owner, freshness).await?;
    match listed(&profile, key_id, None) {
        Err(RemoteError::Invalid { .. }) if freshness == Freshness::Cached => {
            // The owner may have got this key after we last looked.
            let profile = actor(instance, &owner, Freshness::Fresh).await?;
            listed(&profile, key_id, None)
        }
        found => found,
    }
}

/// The key with this id, when what is cached of `owner` lists it: then nothing need be fetched to learn whose it is.
pub fn cached_key(instance: &Instance, owner: &str, key_id: &str) -> Option<RemoteKey> {
    let known = known(instance, owner)?;
    if !serves(instance, owner, &known, Freshness::Cached, instance.clock.now()) {
        return None;
    }
    let found = listed(&known.profile, key_id, None).ok()?;
    let bare = key_id.split('#').next().unwrap_or(key_id);
    if bare != owner {
        instance.remote.owners.insert(key_id.to_string(), owner.into());
    }
    Some(found)
}

/// The key, if its owner lists it; its material may lie in a document of its own.
fn listed(profile: &Profile, key_id: &str, own: Option<PublicKey>) -> Result<RemoteKey, RemoteError> {
    let key = profile
        .key(key_id)
        .ok_or_else(|| RemoteError::invalid(key_id, "its owner doesn't list it"))?;
    let key = key
        .key
        .clone()
        .or(own)
        .ok_or_else(|| RemoteError::invalid(key_id, "it is of no kind that is known here"))?;
    Ok(RemoteKey {
        owner: profile.id.clone(),
        key,
    })
}

/// A remote object, from the host of its id. What is asked for may be another of its URLs; then the object is fetched
/// once more, under the id that it gives.
///
/// # Errors
/// Any [`RemoteError`].
pub async fn object(instance: &Instance, id: &str) -> Result<Value, RemoteError> {
    let mut asked = id.to_string();
    for _ in 0..2 {
        let fetched = fetch::document(instance, &asked, Ask::Signed).await?;
        let claimed = fetched.document["id"]
            .as_str()
            .ok_or_else(|| RemoteError::invalid(id, "the document has no id"))?;
        // A redirect may lead to another host, which can't speak for this one.
        let at_home = Url::parse(claimed).is_ok_and(|claimed| profile::same_host(&claimed, &fetched.url));
        if profile::same_url(claimed, &asked) && at_home {
            return Ok(Value::clone(&fetched.document));
        }
        if !at_home {
            return Err(RemoteError::invalid(id, "its id is on another host"));
        }
        asked = claimed.to_string();
    }
    Err(RemoteError::invalid(id, "it has no constant id"))
}

/// A page of a collection, which has no identity of its own: whatever the host that is asked says at this URL.
///
/// # Errors
/// Any [`RemoteError`].
pub async fn page(instance: &Instance, url: &str) -> Result<Value, RemoteError> {
    let fetched = fetch::document(instance, url, Ask::Signed).await?;
    let asked = Url::parse(url).map_err(|_| RemoteError::invalid(url, "it is not a URL"))?;
    if !profile::same_host(&asked, &fetched.url) {
        return Err(RemoteError::invalid(url, "it is on another host"));
    }
    Ok(Value::clone(&fetched.document))
}

fn known(instance: &Instance, id: &str) -> Option<Arc<Known>> {
    if let Some(known) = instance.remote.profiles.get(id) {
        return Some(known);
    }
    let record = instance.store.remote_actors.get(id)?;
    let known = Arc::new(Known {
        profile: Arc::new(Profile::read(id, &record.document).ok()?),
        fetched: record.fetched,
    });
    instance
        .remote
        .profiles
        .insert(id.to_string(), Arc::clone(&known));
    Some(known)
}

fn take_in(instance: &Instance, id: &str, fetched: &Fetched) -> Result<Arc<Profile>, RemoteError> {
    let profile = Profile::read(id, &fetched.document).map_err(|reason| RemoteError::invalid(id, reason))?;
    settle(instance, profile, fetched)
}

/// Remembers what was read of a fetched document, if it lies where its id says.
fn settle(instance: &Instance, profile: Profile, fetched: &Fetched) -> Result<Arc<Profile>, RemoteError> {
    let home = Url::parse(&profile.id).map_err(|_| RemoteError::invalid(&profile.id, "it is not a URL"))?;
    if !profile::same_host(&home, &fetched.url) {
        return Err(RemoteError::invalid(
            &profile.id,
            "its document is on another host",
        ));
    }
    let profile = remember(instance, profile, &fetched.document);
    let documents = &instance.remote.documents;
    documents.insert(profile.id.clone(), Arc::clone(&fetched.document));
    Ok(profile)
}

fn remember(instance: &Instance, profile: Profile, document: &Value) -> Arc<Profile> {
    let profile = Arc::new(profile);
    let fetched = instance.clock.now();
    let record = RemoteActor {
        id: profile.id.clone(),
        fetched,
        document,
    };
    instance.remote.documents.remove(&profile.id);
    // Only a cache: without it the actor is fetched again.
    if let Err(error) = instance.store.remote_actors.put_as(&profile.id, &record) {
        tracing::warn!("the document of {} can't be kept: {error}", profile.id);
    }
    let known = Known {
        profile: Arc::clone(&profile),
        fetched,
    };
    instance
        .remote
        .profiles
        .insert(profile.id.clone(), Arc::new(known));
    profile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_others_has_an_end() {
        let memory = Memory::default();
        let document = serde_json::json!({
            "id": "https://a.example/ada", "type": "Person", "inbox": "https://a.example/ada/inbox",
        });
        let profile = Arc::new(Profile::read("https://a.example/ada", &document).unwrap());
        for n in 0..NOTES * 3 {
            let known = Known {
                profile: Arc::clone(&profile),
                fetched: Timestamp::UNIX_EPOCH,
            };
            memory.profiles.insert(n.to_string(), Arc::new(known));
            memory
                .owners
                .insert(n.to_string(), "https://a.example/ada".into());
            memory.refetched.insert(n.to_string(), Timestamp::UNIX_EPOCH);
            memory.schemes.insert(n.to_string(), None);
        }
        assert!(memory.profiles.len() <= PROFILES, "{}", memory.profiles.len());
        for len in [memory.owners.len(), memory.refetched.len(), memory.schemes.len()] {
            assert!(len <= NOTES, "{len}");
        }
    }
}
