//! What was said under each object, read from its records once: bounded caches.
//!
//! A new reply reads one record; what didn't change is taken over as it is. Of likes and boosts, of which a popular post
//! has thousands, only those are read that are shown: where they stand follows from what the table knows of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::drawn::Drawn;
use super::item::{Item, Source};
use crate::instance::Instance;
use crate::store::interaction::Tags;
use crate::store::{Interaction, InteractionKind, InteractionState, StoreError};

/// How much memory what was said takes, in bytes: some ten thousand replies of the pages that are read most.
const CAPACITY: u64 = 16 * 1024 * 1024;
/// How much memory the likes and boosts take that were read, in bytes: some ten thousand. A page shows two rows of sixty;
/// its JSON names all.
const ACTS: u64 = 12 * 1024 * 1024;
/// How many pages that is about; only a hint for the caches.
const PAGES: usize = 512;
/// From so many records on they are read on several threads.
const MANY: usize = 64;
/// On so many at most; readers' requests aren't the only work.
const THREADS: usize = 4;

/// The caches.
#[derive(Debug)]
pub struct Shelf {
    pages: Cache<String, Arc<Said>, ByWeight>,
    /// Likes and boosts by the ids of their records, each with the revision that was read.
    acts: Cache<Arc<str>, (u64, Arc<Item>), ByWeight>,
    pub(super) drawn: Drawn,
}

/// What was said under one object.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The revision of the group that this was read from.
    revision: u64,
    /// Replies and quotes that are shown.
    items: HashMap<Arc<str>, (u64, Arc<Item>)>,
    /// Replies that aren't shown.
    unseen: HashMap<Arc<str>, (u64, Arc<Unseen>)>,
    /// Newest first, as the faces are shown.
    pub(super) likes: Arc<[Face]>,
    /// Likewise.
    pub(super) boosts: Arc<[Face]>,
    weight: u64,
}

/// A like or a boost, as far as it is known without reading its record.
#[derive(Clone, Debug)]
pub(super) struct Face {
    id: Arc<str>,
    revision: u64,
    published: Timestamp,
    /// See [`Item::since`].
    pub(super) since: Timestamp,
    /// Whether its author asks not to be shown.
    shy: bool,
}

/// A reply that isn't shown: what it answers, so that a shown answer to it finds its place.
#[derive(Debug)]
struct Unseen {
    id: String,
    in_reply_to: Option<String>,
}

/// A record to read: its id, its revision, and whether it is shown.
type Wanted = (Arc<str>, u64, bool);

impl Said {
    /// The ids of replies that aren't shown, and what they answer.
    pub(super) fn unseen(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.unseen
            .values()
            .map(|(_, unseen)| (unseen.id.as_str(), unseen.in_reply_to.as_deref()))
    }

    /// The revision of the group that this was read from.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    fn show(&mut self, id: Arc<str>, revision: u64, item: Arc<Item>) {
        self.weight += item.weight() as u64;
        self.items.insert(id, (revision, item));
    }

    fn pass_over(&mut self, id: Arc<str>, revision: u64, unseen: Arc<Unseen>) {
        /// Two ids and what holds them, in bytes.
        const WEIGHT: u64 = 300;
        self.weight += WEIGHT;
        self.unseen.insert(id, (revision, unseen));
    }

    /// Takes over what was read before and is the same.
    fn take_over(&mut self, before: &Said, (id, now, is_shown): &Wanted) -> bool {
        if *is_shown {
            let Some((revision, item)) = before.items.get(id).filter(|(then, _)| then == now) else {
                return false;
            };
            self.show(Arc::clone(id), *revision, Arc::clone(item));
        } else {
            let Some((revision, unseen)) = before.unseen.get(id).filter(|(then, _)| then == now) else {
                return false;
            };
            self.pass_over(Arc::clone(id), *revision, Arc::clone(unseen));
        }
        true
    }

    /// Replies and quotes that are shown, in no order.
    pub(super) fn items(&self) -> impl Iterator<Item = &Arc<Item>> {
        self.items.values().map(|(_, item)| item)
    }
}

#[derive(Clone, Debug)]
struct ByWeight;

impl Weighter<String, Arc<Said>> for ByWeight {
    fn weight(&self, key: &String, said: &Arc<Said>) -> u64 {
        key.len() as u64 + said.weight
    }
}

impl Weighter<Arc<str>, (u64, Arc<Item>)> for ByWeight {
    fn weight(&self, _: &Arc<str>, (_, item): &(u64, Arc<Item>)) -> u64 {
        item.weight() as u64
    }
}

impl Default for Shelf {
    fn default() -> Shelf {
        Shelf {
            drawn: Drawn::default(),
            pages: bounded(CAPACITY),
            acts: bounded(ACTS),
        }
    }
}

/// One shard, because the heaviest page may take a good part of the whole.
fn bounded<K: Eq + std::hash::Hash, V: Clone>(capacity: u64) -> Cache<K, V, ByWeight>
where
    ByWeight: Weighter<K, V>,
{
    let options = OptionsBuilder::new()
        .estimated_items_capacity(PAGES)
        .weight_capacity(capacity)
        .shards(1)
        .build()
        .expect("the capacities are given");
    Cache::with_options(
        options,
        ByWeight,
        DefaultHashBuilder::default(),
        DefaultLifecycle::default(),
    )
}

/// What was said under the object with this KEY, shown or not; blocks while records are read.
pub(super) fn said(instance: &Instance, key: &str) -> Result<Arc<Said>, StoreError> {
    let table = &instance.store.interactions;
    let before = instance.shelf.pages.get(key);
    // Taken before the records are read: what changes meanwhile is then read again the next time.
    let revision = table.revision_of(key);
    if let Some(before) = &before
        && before.revision == revision
    {
        return Ok(Arc::clone(before));
    }
    let (mut likes, mut boosts, mut words) = (Vec::new(), Vec::new(), Vec::<Wanted>::new());
    table.each_of(key, |id, brief, revision| {
        let seen = brief.public && brief.state == InteractionState::Shown;
        let face = |row: &mut Vec<Face>| {
            row.push(Face {
                id: Arc::clone(id),
                revision,
                published: brief.published(),
                since: brief.published().min(brief.received()),
                shy: brief.shy,
            });
        };
        match brief.kind {
            InteractionKind::Like if seen => face(&mut likes),
            InteractionKind::Boost if seen => face(&mut boosts),
            InteractionKind::Reply => words.push((Arc::clone(id), revision, seen && !brief.shy)),
            InteractionKind::Quote if seen && !brief.shy => words.push((Arc::clone(id), revision, true)),
            _ => {}
        }
    });
    for row in [&mut likes, &mut boosts] {
        row.sort_unstable_by(|a, b| b.published.cmp(&a.published).then_with(|| a.id.cmp(&b.id)));
    }
    let mut said = Said {
        revision,
        weight: 200 + ((likes.len() + boosts.len()) * size_of::<Face>()) as u64,
        likes: likes.into(),
        boosts: boosts.into(),
        ..Said::default()
    };
    if let Some(before) = &before {
        words.retain(|wanted| !said.take_over(before, wanted));
    }
    for ((id, revision, is_shown), record) in read(instance, words)? {
        if is_shown {
            said.show(id, revision, Arc::new(Item::of_record(record)));
        } else {
            let unseen = Unseen {
                id: record.remote_object.unwrap_or(record.activity),
                in_reply_to: record.in_reply_to,
            };
            said.pass_over(id, revision, Arc::new(unseen));
        }
    }
    let said = Arc::new(said);
    instance.shelf.pages.insert(key.to_string(), Arc::clone(&said));
    Ok(said)
}

/// A record with how it was asked for.
type Found = (Wanted, Interaction<Tags>);

/// Reads records; those that were removed since the list was made are left out.
fn read(instance: &Instance, wanted: Vec<Wanted>) -> Result<Vec<Found>, StoreError> {
    let one_by_one = |wanted: Vec<Wanted>| -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            if let Some(record) = instance.store.interactions.get_as(&wanted.0)? {
                found.push((wanted, record));
            }
        }
        Ok(found)
    };
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS));
    if wanted.len() < MANY || threads == 1 {
        return one_by_one(wanted);
    }
    let share = wanted.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let mut rest = wanted;
        let mut others = Vec::new();
        while rest.len() > share {
            let part = rest.split_off(rest.len() - share);
            others.push(scope.spawn(|| one_by_one(part)));
        }
        let mut found = one_by_one(rest)?;
        for other in others {
            found.extend(other.join().expect("reading a record doesn't panic")?);
        }
        Ok(found)
    })
}

/// The first so many of these whose authors may be shown, read from their records.
pub(super) fn faces(instance: &Instance, row: &[Face], most: usize) -> Result<Vec<Arc<Item>>, StoreError> {
    let acts = &instance.shelf.acts;
    let mut items = Vec::with_capacity(row.len().min(most));
    for face in row.iter().filter(|face| !face.shy) {
        if items.len() == most {
            break;
        }
        if let Some((revision, item)) = acts.get(&face.id)
            && revision == face.revision
        {
            items.push(item);
            continue;
        }
        // One that was removed since has no record.
        if let Some(record) = instance.store.interactions.get_as(&face.id)? {
            let item = Arc::new(Item::of_record(record));
            acts.insert(Arc::clone(&face.id), (face.revision, Arc::clone(&item)));
            items.push(item);
        }
    }
    Ok(items)
}

/// The remote pictures that are shown under an object, each once, as far as their records were written after a revision
/// of the table.
pub(super) fn pictures(instance: &Instance, key: &str, after: u64) -> Result<Vec<Source>, StoreError> {
    let table = &instance.store.interactions;
    let mut shown = Vec::new();
    table.each_of(key, |id, brief, revision| {
        let seen = brief.public && brief.state == InteractionState::Shown && !brief.shy;
        if seen && revision > after && brief.kind != InteractionKind::Mention {
            shown.push((Arc::clone(id), revision, true));
        }
    });
    let mut known = HashSet::new();
    let mut sources = Vec::new();
    for (_, record) in read(instance, shown)? {
        let pictures = Item::of_record(record).pictures();
        sources.extend(pictures.into_iter().filter(|source| known.insert(source.clone())));
    }
    Ok(sources)
}
