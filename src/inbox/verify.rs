//! Is it true? Whether an activity comes from whom it says, in an order that fetches nothing for what is refused anyway.
//!
//! [`Verified`] can't be made anywhere else, and the handlers take nothing else. The signatures themselves are read
//! and checked in [`crate::sig`]; this module finds their keys and decides whose signature an activity needs.

use std::net::IpAddr;

use hyper::header::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::activity::{Activity, ActivityKind};
use super::gate::Cost;
use super::{Arrival, Refusal, blocklist, follow, value};
use crate::deliver;
use crate::instance::Instance;
use crate::net;
use crate::remote::{self, Freshness, RemoteError, RemoteKey};
use crate::sig::{self, Checked, Claim, Message, Scheme, SigError};
use crate::store::Interaction;

/// What a sender waits when too many verifications are under way, in seconds.
const BUSY: u64 = 30;

/// An activity that its actor did: signed by it, or served by its origin.
#[derive(Debug)]
pub struct Verified {
    activity: Activity,
    signed: Timestamp,
    served: Option<Served>,
}

/// What the origin of a forwarded activity serves under the object's id.
#[derive(Clone, Debug)]
pub enum Served {
    /// This object.
    Object(Value),
    /// Nothing any more.
    Gone,
}

impl Verified {
    /// The activity.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// When it was signed, as its signature says.
    pub fn signed(&self) -> Timestamp {
        self.signed
    }

    /// Of a forwarded activity, what its origin serves: the activity's own word for it is not to be believed.
    pub fn served(&self) -> Option<&Served> {
        self.served.as_ref()
    }
}

/// What comes of a check.
#[derive(Debug)]
pub enum Verdict {
    /// It is true.
    Verified(Box<Verified>),
    /// Nobody here has to know whether it is: the Delete of an actor that nobody here knows.
    Irrelevant,
}

/// Checks what arrived in an inbox, in the order of the contract.
///
/// # Errors
/// [`Refusal`], whose status is the answer.
pub async fn verify(instance: &Instance, arrival: &Arrival) -> Result<Verdict, Refusal> {
    let now = instance.clock.now();
    if let Some(peer) = arrival.peer {
        instance.gate.admit(peer, now).map_err(Refusal::TooMany)?;
    }
    let verdict = verify_admitted(instance, arrival, now).await;
    if let (Err(refusal), Some(peer)) = (&verdict, arrival.peer) {
        note_failure(instance, peer, refusal, now);
    }
    verdict
}

fn note_failure(instance: &Instance, peer: IpAddr, refusal: &Refusal, now: Timestamp) {
    let cost = match refusal {
        Refusal::Unsigned(_) | Refusal::NoKey { .. } => Cost::Dear,
        Refusal::NoInbox(_) | Refusal::Malformed(_) | Refusal::Blocked(_) => Cost::Cheap,
        // It verified: snac2 sends what others did to its followers' servers, which is no attack.
        Refusal::NotTheSigners(_) => return,
        // Our own trouble, or the host's own limit.
        Refusal::TooMany(_) | Refusal::Busy(_) | Refusal::Slow | Refusal::Store(_) => return,
    };
    instance.gate.failed(peer, cost, now);
}

async fn verify_admitted(instance: &Instance, arrival: &Arrival, now: Timestamp) -> Result<Verdict, Refusal> {
    let config = instance.config();
    if let Some(name) = &arrival.inbox
        && config.actor(name).is_none()
    {
        return Err(Refusal::NoInbox(name.clone()));
    }
    let activity = Activity::parse(&arrival.body)?;
    let message = Message {
        method: "POST",
        target_uri: &arrival.target_uri,
        headers: &arrival.headers,
        body: Some(&arrival.body),
    };
    let claims = sig::read(&message);
    refuse_blocked(instance, activity.actor(), claims.as_deref().unwrap_or_default())?;
    let claims = claims?;
    let checked = checked(&claims, &message, now)?;

    let deleted = deletes_its_actor(&activity);
    if deleted && !knows(instance, activity.actor()) {
        return Ok(Verdict::Irrelevant);
    }
    let signer = match signer(instance, &checked, Some(activity.actor())).await {
        Ok(signer) => signer,
        // Its own host says that it is gone; there is no key to check the Delete with, and none is needed.
        Err(Refusal::NoKey {
            key_id,
            error: RemoteError::Gone(_),
        }) if deleted && is_gone(instance, &key_id, activity.actor()).await => {
            return Ok(Verdict::Verified(Box::new(Verified {
                activity,
                signed: checked
                    .first()
                    .map_or(now, |candidate| candidate.checked.signed()),
                served: None,
            })));
        }
        Err(refusal) => return Err(refusal),
    };
    if let Some((host, _)) = value::authority(&signer.owner) {
        instance.gate.verified(&host, now).map_err(Refusal::TooMany)?;
    }
    if let Ok(url) = Url::parse(&signer.owner) {
        let host = net::host_of(&url);
        remote::scheme::signs(instance, &host, signer.scheme);
        deliver::heard_from(instance, &host);
    }
    if let Some(id) = activity.id()
        && !value::same_host(id, activity.actor())
    {
        return Err(Refusal::NotTheSigners(format!(
            "the activity {id} lies on another host than its actor {}",
            activity.actor()
        )));
    }
    let served = if signer.owner == activity.actor() {
        None
    } else {
        Some(served(instance, &activity, &signer.owner).await?)
    };
    Ok(Verdict::Verified(Box::new(Verified {
        activity,
        signed: signer.signed,
        served,
    })))
}

/// Who signed a request, usually a GET; `None` when it isn't signed. Failures count against `peer` as in an inbox.
///
/// # Errors
/// [`Refusal`], when the signature is no good or its owner is blocked.
pub async fn fetcher(
    instance: &Instance,
    method: &str,
    target_uri: &str,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
) -> Result<Option<String>, Refusal> {
    let now = instance.clock.now();
    if let Some(peer) = peer {
        instance.gate.admit(peer, now).map_err(Refusal::TooMany)?;
    }
    let signer = fetcher_admitted(instance, method, target_uri, headers, now).await;
    if let (Err(refusal), Some(peer)) = (&signer, peer) {
        note_failure(instance, peer, refusal, now);
    }
    signer
}

async fn fetcher_admitted(
    instance: &Instance,
    method: &str,
    target_uri: &str,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<String>, Refusal> {
    let message = Message {
        method,
        target_uri,
        headers,
        body: None,
    };
    let claims = match sig::read(&message) {
        Err(SigError::Missing) => return Ok(None),
        claims => claims?,
    };
    for claim in &claims {
        blocklist::refuse_host(instance, claim.key_id())?;
    }
    let checked = checked(&claims, &message, now)?;
    let signer = signer(instance, &checked, None).await?;
    blocklist::refuse_actor(instance, &signer.owner)?;
    Ok(Some(signer.owner))
}

/// Refuses blocked actors and hosts, before anything is fetched from them.
fn refuse_blocked(instance: &Instance, actor: &str, claims: &[Claim]) -> Result<(), Refusal> {
    blocklist::refuse_actor(instance, actor)?;
    for claim in claims {
        blocklist::refuse_host(instance, claim.key_id())?;
    }
    Ok(())
}

/// A signature that passed every rule but one, and what it names.
struct Candidate<'a> {
    key_id: &'a str,
    scheme: Scheme,
    checked: Checked<'a>,
}

/// The signatures that pass every rule which needs no key; the last failure when there are none.
fn checked<'a>(
    claims: &'a [Claim],
    message: &Message<'_>,
    now: Timestamp,
) -> Result<Vec<Candidate<'a>>, Refusal> {
    let mut failure = SigError::Missing;
    let mut candidates = Vec::new();
    for claim in claims {
        match claim.check(message, now) {
            Ok(checked) if value::authority(claim.key_id()).is_some() => candidates.push(Candidate {
                key_id: claim.key_id(),
                scheme: claim.scheme(),
                checked,
            }),
            Ok(_) => failure = SigError::Malformed("the key id is not a web address"),
            Err(error) => failure = error,
        }
    }
    if candidates.is_empty() {
        return Err(Refusal::Unsigned(failure));
    }
    Ok(candidates)
}

/// Who signed, and how.
struct Signer {
    owner: String,
    scheme: Scheme,
    signed: Timestamp,
}

impl Candidate<'_> {
    /// Says that the signature holds, and whose it is.
    fn by(&self, owner: &str) -> Signer {
        Signer {
            owner: owner.to_string(),
            scheme: self.scheme,
            signed: self.checked.signed(),
        }
    }
}

/// The owner of the first signature that holds, most likely `actor`.
async fn signer(
    instance: &Instance,
    candidates: &[Candidate<'_>],
    actor: Option<&str>,
) -> Result<Signer, Refusal> {
    for candidate in candidates {
        let Some(actor) = actor else { break };
        if remote::cached_key(instance, actor, candidate.key_id)
            .is_some_and(|key| candidate.checked.verify(&key.key).is_ok())
        {
            return Ok(candidate.by(actor));
        }
    }
    // From here on another server may have to be waited for.
    let _place = instance.gate.place().await.ok_or(Refusal::Busy(BUSY))?;
    let mut failure = Refusal::Unsigned(SigError::Missing);
    for candidate in candidates {
        match holds(instance, candidate).await {
            Ok(key) => return Ok(candidate.by(&key.owner)),
            // A follower is known also while its server can't be asked.
            Err(Refusal::NoKey {
                error: RemoteError::Unreachable(_),
                ..
            }) if actor.is_some_and(|actor| {
                follow::key(instance, actor, candidate.key_id)
                    .is_some_and(|key| candidate.checked.verify(&key).is_ok())
            }) =>
            {
                return Ok(candidate.by(actor.unwrap_or_default()));
            }
            Err(refusal) => failure = refusal,
        }
    }
    Err(failure)
}

/// Checks one signature with the key as it is known here; when that fails, with the key as its owner serves it now,
/// which it may have changed.
async fn holds(instance: &Instance, candidate: &Candidate<'_>) -> Result<RemoteKey, Refusal> {
    let no_key = |error| match error {
        // Our own trouble is no fault of the signature.
        RemoteError::Here(reason) => {
            tracing::error!("{reason}");
            Refusal::Busy(BUSY)
        }
        error => Refusal::NoKey {
            key_id: candidate.key_id.to_string(),
            error,
        },
    };
    let key = remote::key(instance, candidate.key_id, Freshness::Cached)
        .await
        .map_err(no_key)?;
    if candidate.checked.verify(&key.key).is_ok() {
        return Ok(key);
    }
    // Within a minute of the last time this is the same key again.
    let key = remote::key(instance, candidate.key_id, Freshness::Fresh)
        .await
        .map_err(no_key)?;
    candidate.checked.verify(&key.key)?;
    Ok(key)
}

/// Whether an actor is gone, now that a key is. Anybody can name a key that is gone: it must be the actor's own document,
/// or else that must be gone as well.
async fn is_gone(instance: &Instance, key_id: &str, actor: &str) -> bool {
    key_id.split('#').next() == Some(actor)
        || matches!(
            remote::actor(instance, actor, Freshness::Fresh).await,
            Err(RemoteError::Gone(_))
        )
}

/// Whether an activity is an actor's own farewell.
fn deletes_its_actor(activity: &Activity) -> bool {
    activity.kind() == ActivityKind::Delete && activity.object_id() == Some(activity.actor())
}

/// Whether an actor means anything to us.
pub(super) fn knows(instance: &Instance, actor: &str) -> bool {
    let store = &instance.store;
    remote::document(instance, actor).is_some()
        || store.interactions.has_label(&Interaction::label_of_actor(actor))
        || instance.config().actors.iter().any(|ours| {
            store
                .followers(&ours.name)
                .is_ok_and(|followers| followers.contains(actor))
        })
}

/// What the origin of a forwarded activity serves: the only part of it that is believed.
async fn served(instance: &Instance, activity: &Activity, signer: &str) -> Result<Served, Refusal> {
    let foreign = || {
        Refusal::NotTheSigners(format!(
            "{signer} signed what {} is said to have done",
            activity.actor()
        ))
    };
    let forwarded = matches!(
        activity.kind(),
        ActivityKind::Create | ActivityKind::Update | ActivityKind::Delete
    );
    let id = activity
        .object_id()
        .filter(|id| forwarded && *id != activity.actor() && value::same_host(id, activity.actor()))
        .ok_or_else(foreign)?;
    match remote::object(instance, id).await {
        Ok(object) if value::types(&object).any(|kind| kind == "Tombstone") => Ok(Served::Gone),
        // It is still there.
        Ok(_) if activity.kind() == ActivityKind::Delete => Err(foreign()),
        Ok(object) => Ok(Served::Object(object)),
        // Only 410 says so: a private note may be 404 for us.
        Err(RemoteError::Gone(_)) if activity.kind() == ActivityKind::Delete => Ok(Served::Gone),
        Err(_) => Err(foreign()),
    }
}
