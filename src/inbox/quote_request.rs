//! QuoteRequest (FEP-044f): somebody asks whether they may quote one of our objects.
//!
//! Yes is an Accept with a stamp (a QuoteAuthorization) that others can fetch; no is a Reject. The same request gets the
//! same stamp.

use std::sync::Arc;

use serde_json::{Value, json};

use super::create::Written;
use super::note::Note;
use super::verify::Verified;
use super::{Refusal, author, blocking, blocklist, create, ours, value};
use crate::ap::activity::{self, Deed};
use crate::config::QuotePolicy;
use crate::instance::{Instance, Outgoing};
use crate::remote::{self, Freshness};
use crate::store::{Author, FollowState, Quote};

/// What a sender waits when the actor's document can't be had, in seconds.
const NO_PROFILE: u64 = 60;

struct Request {
    verified: Verified,
    instrument: String,
    author: Author,
    inbox: String,
}

/// Takes a QuoteRequest.
pub(super) async fn take(instance: &Arc<Instance>, verified: Verified) -> Result<(), Refusal> {
    let request = verified.activity();
    let Some(object) = request.object_id().filter(|id| instance.iris.is_ours(id)) else {
        return Ok(());
    };
    let Some(instrument) = request.id_of("instrument").map(str::to_string) else {
        tracing::debug!("a QuoteRequest for {object} names no quote");
        return Ok(());
    };
    if !value::same_host(&instrument, request.actor()) {
        return Err(Refusal::NotTheSigners(format!(
            "{instrument} is not by {}",
            request.actor()
        )));
    }
    let profile = match remote::actor(instance, request.actor(), Freshness::Cached).await {
        Ok(profile) => profile,
        Err(error) => {
            tracing::info!("a QuoteRequest by {} has to wait: {error}", request.actor());
            return Err(Refusal::Busy(NO_PROFILE));
        }
    };
    let author = author::from(&profile);
    blocklist::refuse_author(instance, &author)?;
    let request = Request {
        verified,
        instrument,
        author,
        inbox: profile.inbox.clone(),
    };
    blocking(instance, request, answer).await
}

fn answer(instance: &Instance, request: &Request) -> Result<(), Refusal> {
    let activity = request.verified.activity();
    let key = activity.object_id().and_then(|id| ours::object(instance, id));
    let quoted = key
        .as_deref()
        .and_then(|key| Some((key, instance.store.objects.brief(key)?.actor)));
    let config = instance.config();
    let allowed = match (&quoted, config.publish.quotes) {
        (None, _) | (_, QuotePolicy::Nobody) => false,
        (Some(_), QuotePolicy::Anyone) => true,
        (Some((_, actor)), QuotePolicy::Followers) => instance
            .store
            .followers(actor)?
            .brief(activity.actor())
            .is_some_and(|follower| follower.state == FollowState::Accepted),
    };
    let ours = match &quoted {
        Some((_, actor)) => actor.to_string(),
        None => config.default_actor().name.clone(),
    };
    let id = instance.fresh_id();
    let deed = Deed {
        iris: &instance.iris,
        actor: &ours,
        id: &id,
        at: instance.clock.now(),
    };
    let minimal = minimal(
        activity.raw(),
        activity.id(),
        activity.actor(),
        activity.object_id(),
        &request.instrument,
    );
    let answer = match &quoted {
        Some((key, _)) if allowed => {
            let stamp = Quote {
                id: Quote::id_of(key, &request.instrument),
                object: (*key).to_string(),
                instrument: request.instrument.clone(),
                actor: activity.actor().to_string(),
                at: instance.clock.now(),
            };
            instance.store.quotes.put_new(&stamp)?;
            activity::accept_quote(deed, &minimal, activity.actor(), &instance.iris.quote(&stamp.id))
        }
        _ => activity::reject(deed, &minimal, activity.actor()),
    };
    instance.send(Outgoing {
        actor: ours,
        id,
        object: key,
        activity: answer,
        inboxes: vec![request.inbox.clone()],
    })?;
    if allowed { show(instance, request) } else { Ok(()) }
}

/// The request as the answer carries it: enough to find it by, without the quote itself.
fn minimal(raw: &Value, id: Option<&str>, actor: &str, object: Option<&str>, instrument: &str) -> Value {
    let mut minimal =
        json!({ "type": "QuoteRequest", "actor": actor, "object": object, "instrument": instrument });
    if let Some(id) = id {
        minimal["id"] = json!(id);
    }
    if let Some(context) = raw.get("@context") {
        minimal["@context"] = context.clone();
    }
    minimal
}

/// Shows the quote when the request brought it: Mastodon sends its Create to followers and mentioned people only.
fn show(instance: &Instance, request: &Request) -> Result<(), Refusal> {
    let activity = request.verified.activity();
    let note = activity
        .raw()
        .get("instrument")
        .map(value::first)
        .and_then(Note::read)
        .filter(|note| note.content.is_some() && note.is_by(activity.actor()));
    let Some(note) = note else {
        return Ok(());
    };
    let Some(concern) = create::concern_of(instance, &note)? else {
        return Ok(());
    };
    let written = Written {
        note,
        activity: activity.id().unwrap_or_default().to_string(),
        raw: activity.raw().clone(),
    };
    create::store(instance, &written, &concern, &request.author)
}
