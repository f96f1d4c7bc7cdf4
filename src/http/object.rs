//! Objects, what was said about them, activities, and the way from a page to its object.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::listing::Listing;
use super::negotiate::{Wanted, wanted};
use super::request::Asked;
use super::respond::{self, Cache, Reply, not_found, problem, redirect, store_trouble, vary};
use super::{gate, note};
use crate::ap::activity;
use crate::ap::collection::Extent;
use crate::ap::iri::{created_key, normal_key};
use crate::article::Visibility;
use crate::config::Show;
use crate::store::{Activity, InteractionKind, InteractionState, Object, ObjectState, StoreError};
use crate::widget;

/// An object: the document, the page for who prefers HTML, the Tombstone when it was deleted, or the way to where it is now.
pub(super) async fn object(asked: &Asked<'_>, key: &str) -> Reply {
    let key = normal_key(key);
    let store = &asked.instance.store;
    let record = match store.objects.get(&key) {
        Ok(record) => record,
        Err(error) => return store_trouble(&error),
    };
    let Some(record) = record else {
        return match gate::everybody(asked).await {
            Ok(cache) => moved(asked, &key, cache),
            Err(refusal) => refusal,
        };
    };
    let live = record.state == ObjectState::Live;
    let page = record.object["url"].as_str();
    if let Some(page) = page
        && live
        && record.page.is_some()
        && is_for_everybody(record.visibility)
        && wanted(&asked.parts.headers) == Wanted::Page
    {
        let mut reply = redirect(page, Cache::Minute);
        vary(&mut reply);
        return reply;
    }
    let cache = match admit(asked, &record).await {
        Ok(cache) => cache,
        Err(refusal) => return refusal,
    };
    if !live {
        return respond::gone(&record.object, cache);
    }
    if record.page.is_none() && wanted(&asked.parts.headers) == Wanted::Page {
        return note::page(asked, &record, cache);
    }
    let mut document = record.object;
    // Mastodon reads the numbers of likes and boosts only from the object itself.
    for (field, kind) in [
        ("likes", InteractionKind::Like),
        ("shares", InteractionKind::Boost),
    ] {
        if document[field].is_string() {
            document[field] = json!({
                "id": document[field],
                "type": "OrderedCollection",
                "totalItems": shown(asked, &key, kind).len(),
            });
        }
    }
    respond::activity(&document, cache)
}

/// What was said about an object.
pub(super) async fn interactions(asked: &Asked<'_>, key: &str, kind: InteractionKind) -> Reply {
    let key = normal_key(key);
    let store = &asked.instance.store;
    let record = match store.objects.get(&key) {
        Ok(record) => record,
        Err(error) => return store_trouble(&error),
    };
    let Some(record) = record else {
        return gate::everybody(asked).await.err().unwrap_or_else(not_found);
    };
    let cache = match admit(asked, &record).await {
        Ok(cache) => cache,
        Err(refusal) => return refusal,
    };
    if record.state != ObjectState::Live {
        return problem(StatusCode::GONE, "the object was deleted");
    }
    let iris = &asked.instance.iris;
    let listing = Listing {
        id: match kind {
            InteractionKind::Like => iris.likes(&key),
            InteractionKind::Boost => iris.shares(&key),
            _ => iris.replies(&key),
        },
        extent: match asked.instance.config().interactions.show {
            Show::All => Extent::Pages,
            Show::Counts | Show::None => Extent::Size,
        },
        items: shown(asked, &key, kind),
    };
    listing.answer(asked, cache, |id| {
        Ok(store
            .interactions
            .get(id)?
            .map(|found| json!(found.remote_object.unwrap_or(found.activity))))
    })
}

/// An activity as it was sent, or the Create of an object that nobody was told of.
pub(super) async fn activity(asked: &Asked<'_>, id: &str) -> Reply {
    let id = normal_key(id);
    match find_activity(asked, &id) {
        Ok(Some((actor, document))) => {
            // Answers are about what others asked, not about what we wrote, and their ids can't be guessed.
            let open = matches!(document["type"].as_str(), Some("Accept" | "Reject"));
            let admitted = match open {
                true => gate::everybody(asked).await,
                false => gate::addressees(asked, &actor, &gate::audience(&document)).await,
            };
            match admitted {
                Ok(cache) => respond::activity(&document, cache),
                Err(refusal) => refusal,
            }
        }
        Ok(None) => gate::everybody(asked).await.err().unwrap_or_else(not_found),
        Err(error) => store_trouble(&error),
    }
}

/// The activity with this ID and the name of its actor. Of what was deleted meanwhile only the Tombstone is told.
fn find_activity(asked: &Asked<'_>, id: &str) -> Result<Option<(String, Value)>, StoreError> {
    let store = &asked.instance.store;
    if let Some(Activity {
        actor,
        object,
        mut activity,
        ..
    }) = store.activities.get(id)?
    {
        let tells = matches!(activity["type"].as_str(), Some("Create" | "Update"));
        if tells
            && let Some(key) = object
            && let Some(record) = store.objects.get(&key)?
            && record.state != ObjectState::Live
        {
            activity["object"] = activity::embedded(&record.object);
        }
        return Ok(Some((actor, activity)));
    }
    let Some(record) = created_key(id)
        .map(|key| store.objects.get(key))
        .transpose()?
        .flatten()
    else {
        return Ok(None);
    };
    if record.state != ObjectState::Live {
        return Ok(None);
    }
    let create = activity::create(&asked.instance.iris, &record.actor, &record.key, &record.object);
    Ok(Some((record.actor, create)))
}

/// The stamp on a quote (FEP-044f). It ends with what it was given for.
pub(super) async fn quote(asked: &Asked<'_>, id: &str) -> Reply {
    let store = &asked.instance.store;
    let stamp = store.quotes.get(id).map(|quote| {
        let quote = quote?;
        let object = store.objects.brief(&quote.object)?;
        (object.state == ObjectState::Live).then(|| {
            activity::quote_authorization(
                &asked.instance.iris,
                &quote.id,
                &object.actor,
                &quote.object,
                &quote.instrument,
            )
        })
    });
    match (stamp, gate::everybody(asked).await) {
        (_, Err(refusal)) => refusal,
        (Ok(Some(stamp)), Ok(cache)) => respond::activity(&stamp, cache),
        (Ok(None), _) => not_found(),
        (Err(error), _) => store_trouble(&error),
    }
}

/// From a page to its object, whatever `Accept` says: proxies send those here who want ActivityPub.
pub(super) fn resolve(asked: &Asked<'_>) -> Reply {
    let page = asked.page("url");
    if page.is_empty() {
        return problem(StatusCode::BAD_REQUEST, "the parameter url is missing");
    }
    match widget::find(asked.instance, &page) {
        Some(key) => redirect(&asked.instance.iris.object(&key), Cache::Minute),
        None => problem(StatusCode::NOT_FOUND, "that page has no object"),
    }
}

/// An object that is found under the KEY of another of its pages.
fn moved(asked: &Asked<'_>, key: &str, cache: Cache) -> Reply {
    match asked.instance.store.object_of_other_key(key) {
        Some(found) => redirect(&asked.instance.iris.object(&found), cache),
        None => not_found(),
    }
}

/// Lets in whoever may see an object, or may know that it was.
async fn admit(asked: &Asked<'_>, record: &Object) -> Result<Cache, Reply> {
    if is_for_everybody(record.visibility) {
        return gate::everybody(asked).await;
    }
    let followers = asked.instance.iris.followers(&record.actor);
    let mut audience = gate::audience(&record.object);
    if record.visibility == Visibility::Followers {
        audience.push(&followers);
    }
    gate::addressees(asked, &record.actor, &audience).await
}

fn is_for_everybody(visibility: Visibility) -> bool {
    matches!(visibility, Visibility::Public | Visibility::Unlisted)
}

/// The interactions of a kind that may be shown, and haven't expired.
fn shown(asked: &Asked<'_>, key: &str, kind: InteractionKind) -> Vec<(jiff::Timestamp, Arc<str>)> {
    let instance = asked.instance;
    let oldest = instance
        .config()
        .interactions
        .expire
        .and_then(|age| instance.clock.now().checked_sub(age).ok());
    let found = instance.store.interactions.group(key).into_iter();
    found
        .filter(|(_, found)| found.kind == kind && found.public && found.state == InteractionState::Shown)
        // A date can be made up; when it came can't.
        .filter(|(_, found)| oldest.is_none_or(|oldest| found.published().min(found.received()) >= oldest))
        .map(|(id, found)| (found.published(), id))
        .collect()
}
