//! The record of an object as a change leaves it, with the activity that tells of the change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::reading::Look;
use super::{PublishError, is_live};
use crate::ap::activity::{self, Deed};
use crate::ap::object::{self, Built, Extent, Placed};
use crate::article::{Article, Discussion, Kind, Print};
use crate::instance::Instance;
use crate::site::diff::{Action, Change, Mark, New};
use crate::site::feed::Mention;
use crate::site::page::Verdict;
use crate::site::snapshot::Sighting;
use crate::site::translations;
use crate::store::{Activity, Object, ObjectState, Pending, Reach, Staged, StoreError, Translated};

/// Mastodon compares the times of two versions by the second.
const TICK: SignedDuration = SignedDuration::from_secs(1);

/// Records of the baseline, or of what was noticed, that are written together: the disk is waited for once for all of them. More gain little,
/// and all of them are files that aren't in their places yet.
const BATCH: usize = 256;

/// A record that isn't stored yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) object: Object,
    /// How much of the article it tells.
    pub(super) extent: Extent,
}

/// What a change makes of its object; `None` when the page isn't any more what the look saw.
pub(super) fn of(instance: &Instance, look: &Look, change: &Change) -> Result<Option<Draft>, PublishError> {
    if change.action == Action::Delete {
        let Some(object) = instance.store.objects.get(&change.key)? else {
            return Ok(None);
        };
        return Ok(Some(Draft {
            object: deleted(instance, object, ObjectState::Deleted, look.now),
            extent: Extent::Whole,
        }));
    }
    let Some(seen) = read(look, &change.page) else {
        return Ok(None);
    };
    let known = instance.store.objects.get(&change.key)?;
    let draft = match (change.action, known) {
        // A page of the baseline that is announced by name has its object already.
        (Action::Create, _) => {
            let mut draft = placed(instance, look, &change.key, &change.page, seen);
            draft.object.announced = Some(look.now);
            draft.object.pending = Some(Pending {
                id: Activity::create_id(&change.key),
                reach: Reach::Addressed,
                inboxes: Vec::new(),
                activity: activity::create(
                    &instance.iris,
                    &draft.object.actor,
                    &change.key,
                    &draft.object.object,
                ),
            });
            draft
        }
        (_, Some(known)) => changed(instance, look, known, &change.page, seen),
        (_, None) => return Ok(None),
    };
    Ok(Some(draft))
}

/// Stores the pages of the baseline, of which nobody is told. What a crash leaves of it is stored by the next first scan.
pub(super) fn list(instance: &Instance, look: &Look) -> Result<(), PublishError> {
    let objects = &instance.store.objects;
    let mut before = Vec::new();
    for batch in look.plan.baseline.chunks(BATCH) {
        // While the disk is waited for the next ones are read.
        before = std::thread::scope(|scope| {
            let putting = scope.spawn(|| objects.put_staged(before));
            let staged = stage(instance, look, batch);
            putting
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            staged
        })?;
    }
    Ok(objects.put_staged(before)?)
}

/// Writes the records of some pages of the baseline beside their places, on as many cores as there are.
fn stage(instance: &Instance, look: &Look, batch: &[New]) -> Result<Vec<Staged<Object>>, PublishError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<Staged<Object>>, PublishError> {
        let mut staged = Vec::new();
        while let Some(new) = batch.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(seen) = read(look, &new.page) {
                let mut draft = placed(instance, look, &new.key, &new.page, seen);
                // A record that was lost: who got its Create is known still.
                draft.object.announced = instance.store.audiences.contains(&new.key).then_some(look.now);
                staged.push(instance.store.objects.stage(&draft.object)?);
            }
        }
        Ok(staged)
    };
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(batch.len());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut staged = Vec::with_capacity(batch.len());
        for worker in workers {
            staged.extend(
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
            );
        }
        Ok(staged)
    })
}

/// Takes an object back and stores that; it must still be told.
pub(super) fn take_back(instance: &Instance, key: &str) -> Result<Object, PublishError> {
    let now = instance.clock.now();
    let not_published = || PublishError::NotPublished(instance.iris.object(key));
    let object = instance.store.objects.get(key)?.ok_or_else(not_published)?;
    if !is_live(object.state) {
        return Err(not_published());
    }
    let object = deleted(instance, object, ObjectState::Unpublished, now);
    instance.store.objects.put(&object)?;
    Ok(object)
}

/// What the owner took back of a page is dead for good once the page is published again.
pub(super) fn bury(instance: &Instance, page: &str) -> Result<(), StoreError> {
    for (key, object) in instance.store.objects.group(page) {
        if object.state == ObjectState::Unpublished {
            instance.store.objects.update(&key, |object| {
                object.state = ObjectState::Deleted;
                true
            })?;
        }
    }
    Ok(())
}

/// Stores what was noticed of objects: of each all of it at once, and of many together. Nobody else changes objects
/// meanwhile: whoever does holds the desk.
pub(super) fn remember<'a>(
    instance: &Instance,
    marks: impl Iterator<Item = &'a Mark>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let objects = &instance.store.objects;
    let mut noticed: BTreeMap<&str, Vec<&Mark>> = BTreeMap::new();
    for mark in marks {
        noticed.entry(mark.key()).or_default().push(mark);
    }
    let noticed: Vec<_> = noticed.into_iter().collect();
    for batch in noticed.chunks(BATCH) {
        let mut staged = Vec::with_capacity(batch.len());
        for (key, marks) in batch {
            if let Some(mut object) = objects.get(key)? {
                for mark in marks {
                    note(&mut object, mark, now);
                }
                staged.push(objects.stage(&object)?);
            }
        }
        objects.put_staged(staged)?;
    }
    Ok(())
}

fn note(object: &mut Object, mark: &Mark, now: Timestamp) {
    match mark {
        Mark::Missing(_) => object.missing_since = Some(now),
        Mark::Back(_) => object.missing_since = None,
        Mark::Moved { page, .. } => move_to(object, page),
        Mark::Reread {
            digest,
            fingerprint,
            impression,
            discussion,
            ..
        } => {
            object.digest = digest.to_string();
            object.fingerprint = fingerprint.to_string();
            object.impression = Some(*impression);
            object.discussion = *discussion;
        }
        Mark::Canonical { canonical, .. } => object.canonical.clone_from(canonical),
    }
}

/// The record of a page as its Create would leave it, whether it has one or not.
pub(super) fn of_page(instance: &Instance, look: &Look, key: &str, page: &str) -> Option<Draft> {
    Some(placed(instance, look, key, page, read(look, page)?))
}

/// The object of a page if it were sent as a Note.
pub(super) fn as_note(instance: &Instance, look: &Look, actor: &str, key: &str, page: &str) -> Option<Built> {
    let seen = read(look, page)?;
    Some(built_as(
        Kind::Note,
        instance,
        look,
        &seen.article,
        actor,
        key,
        None,
    ))
}

/// The article of a page, if it is still what the look saw.
fn read<'a>(look: &'a Look, page: &str) -> Option<Seen<'a>> {
    let sighting = look.snapshot.pages.get(page)?;
    let (article, heard) = read_one(look, page, sighting)?;
    let mut seen = Seen {
        sighting,
        digest: article.digest(),
        fingerprint: article.fingerprint(),
        article,
        heard,
        translations: vec![],
    };
    if let Some((own, others)) = sighting.translations().split_first() {
        let mut digests = vec![(&own.language, Print::of_digest(&seen.digest).to_string())];
        seen.article.language = Some(own.language.to_string());
        for other in others {
            let (mut article, heard) = read_one(look, &other.path, look.snapshot.pages.get(&*other.path)?)?;
            digests.push((&other.language, Print::of_digest(&article.digest()).to_string()));
            article.language = Some(other.language.to_string());
            seen.article.updated = seen.article.updated.max(article.updated);
            seen.article.translations.push(article);
            seen.translations.push(Translated {
                page: other.path.to_string(),
                heard,
            });
        }
        seen.digest = translations::digest(
            digests
                .iter()
                .map(|(language, digest)| (&***language, digest.as_str())),
        );
    }
    (Print::of_digest(&seen.digest) == sighting.post()?.digest).then_some(seen)
}

/// The article of one page, with what feeds say of it if something of that is in it.
fn read_one(look: &Look, path: &str, sighting: &Sighting) -> Option<(Article, Option<Arc<Mention>>)> {
    let page = look.reader.page(path, sighting)?;
    let heard = sighting.feed.clone().filter(|_| page.heard());
    match page.verdict {
        Verdict::Post(article) => Some((*article, heard)),
        _ => None,
    }
}

/// A page that is read again.
struct Seen<'a> {
    sighting: &'a Sighting,
    /// With its translations.
    article: Article,
    /// As the sighting has it: of a page with translations it covers all of them.
    digest: String,
    fingerprint: String,
    /// What the feeds say, if something of that is in the article.
    heard: Option<Arc<Mention>>,
    translations: Vec<Translated>,
}

/// A fresh record of a page.
fn placed(instance: &Instance, look: &Look, key: &str, page: &str, seen: Seen<'_>) -> Draft {
    let Seen {
        sighting,
        article,
        digest,
        fingerprint,
        heard,
        translations,
    } = seen;
    let article = &article;
    let config = &look.config;
    let actor = &config.speaker(article.actor.as_deref(), page).name;
    let visibility = article.visibility.unwrap_or(config.publish.visibility);
    let built = build(instance, look, article, actor, key, sighting, None);
    Draft {
        extent: built.extent,
        object: Object {
            key: key.to_string(),
            actor: actor.clone(),
            page: Some(page.to_string()),
            former_pages: Vec::new(),
            translations,
            canonical: canonical(instance, sighting, page),
            state: ObjectState::Live,
            announced: None,
            digest,
            fingerprint,
            impression: sighting.impression(),
            visibility,
            published: article.published,
            updated: None,
            missing_since: None,
            featured: article.featured,
            discussion: article.discussion,
            heard,
            pending: None,
            object: built.object,
        },
    }
}

/// The record of a page that changed, or moved to `page`.
fn changed(instance: &Instance, look: &Look, known: Object, page: &str, seen: Seen<'_>) -> Draft {
    let Seen {
        sighting,
        article,
        digest,
        fingerprint,
        heard,
        translations,
    } = seen;
    let article = &article;
    let updated = next_version(&known, article, look.now);
    let built = build(
        instance,
        look,
        article,
        &known.actor,
        &known.key,
        sighting,
        Some(updated),
    );
    let id = instance.fresh_id();
    let deed = Deed {
        iris: &instance.iris,
        actor: &known.actor,
        id: &id,
        at: look.now,
    };
    let pending = Pending {
        reach: Reach::Audience,
        inboxes: Vec::new(),
        activity: activity::update(deed, &built.object),
        id,
    };
    let mut object = Object {
        canonical: canonical(instance, sighting, page),
        digest,
        fingerprint,
        translations,
        impression: sighting.impression(),
        visibility: article.visibility.unwrap_or(look.config.publish.visibility),
        published: article.published,
        updated: Some(updated),
        missing_since: None,
        featured: article.featured,
        discussion: article.discussion,
        heard,
        pending: Some(pending),
        object: built.object,
        ..known
    };
    move_to(&mut object, page);
    Draft {
        extent: built.extent,
        object,
    }
}

/// The canonical URL that a page names.
fn canonical(instance: &Instance, sighting: &Sighting, page: &str) -> Option<String> {
    let canonical = sighting.canonical.url(instance.iris.origin(), page)?;
    Some(canonical.into_owned())
}

fn move_to(object: &mut Object, page: &str) {
    let Some(old) = object.page.replace(page.to_string()) else {
        return;
    };
    object
        .former_pages
        .retain(|former| *former != page && *former != old);
    if old != page {
        object.former_pages.push(old);
    }
}

/// The record of an object after its Delete.
fn deleted(instance: &Instance, object: Object, state: ObjectState, now: Timestamp) -> Object {
    let id = instance.fresh_id();
    let deed = Deed {
        iris: &instance.iris,
        actor: &object.actor,
        id: &id,
        at: now,
    };
    let pending = Pending {
        reach: Reach::Audience,
        inboxes: Vec::new(),
        activity: activity::delete(deed, &object.object),
        id,
    };
    let tombstone = object::tombstone(&object.object, now);
    Object {
        state,
        missing_since: None,
        featured: false,
        discussion: Discussion::Open,
        pending: Some(pending),
        object: tombstone,
        ..object
    }
}

/// When a new version of an object was made: as the page says, if that is new and believable, else now. Always later
/// than the version before, because servers ignore one that isn't (mastodon#36190), and than the publication.
fn next_version(known: &Object, article: &Article, now: Timestamp) -> Timestamp {
    let last = known
        .updated
        .map_or(article.published, |updated| updated.max(article.published));
    let said = article
        .updated
        .filter(|updated| *updated > last && *updated <= now);
    let earliest = last.checked_add(TICK).unwrap_or(last);
    said.unwrap_or(now).max(earliest)
}

fn build(
    instance: &Instance,
    look: &Look,
    article: &Article,
    actor: &str,
    key: &str,
    sighting: &Sighting,
    updated: Option<Timestamp>,
) -> Built {
    let kind = sighting.post().map_or_else(
        || article.kind.unwrap_or(Kind::Article),
        |post| post.kind(look.config.publish.kind),
    );
    built_as(kind, instance, look, article, actor, key, updated)
}

fn built_as(
    kind: Kind,
    instance: &Instance,
    look: &Look,
    article: &Article,
    actor: &str,
    key: &str,
    updated: Option<Timestamp>,
) -> Built {
    let publish = &look.config.publish;
    object::of_article(
        article,
        &Placed {
            iris: &instance.iris,
            site: look.config.site.url.as_str(),
            actor,
            key,
            kind,
            visibility: article.visibility.unwrap_or(publish.visibility),
            quotes: publish.quotes,
            updated,
        },
    )
}
