//! What was said under each object, read from its records once: a bounded cache.
//!
//! A new like reads one record; what didn't change is taken over as it is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};

use super::drawn::Drawn;
use super::item::{Item, Source};
use crate::instance::Instance;
use crate::store::{InteractionKind, InteractionState, StoreError};

/// How much memory the cache takes, in bytes: some ten thousand likes and replies of the pages that are read most.
const CAPACITY: u64 = 24 * 1024 * 1024;
/// How many pages that is about; only a hint for the cache.
const PAGES: usize = 512;

/// The cache.
#[derive(Debug)]
pub struct Shelf {
    pages: Cache<String, Arc<Said>, ByWeight>,
    pub(super) drawn: Drawn,
}

/// What was said under one object.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The revision of the group that this was read from.
    revision: u64,
    items: HashMap<Arc<str>, (u64, Arc<Item>)>,
    /// Replies that aren't shown.
    unseen: HashMap<Arc<str>, (u64, Arc<Unseen>)>,
    weight: u64,
}

/// A reply that isn't shown: what it answers, so that a shown answer to it finds its place.
#[derive(Debug)]
struct Unseen {
    id: String,
    in_reply_to: Option<String>,
}

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

    /// What is shown, in no order.
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

impl Default for Shelf {
    fn default() -> Shelf {
        // One shard, because the heaviest page may take a good part of the whole.
        let options = OptionsBuilder::new()
            .estimated_items_capacity(PAGES)
            .weight_capacity(CAPACITY)
            .shards(1)
            .build()
            .expect("the capacities are given");
        Shelf {
            drawn: Drawn::default(),
            pages: Cache::with_options(
                options,
                ByWeight,
                quick_cache::DefaultHashBuilder::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            ),
        }
    }
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
    let mut said = Said {
        revision,
        weight: 200,
        ..Said::default()
    };
    for member in table.members(key) {
        let seen = member.brief.public && member.brief.state == InteractionState::Shown;
        let is_answer = matches!(member.brief.kind, InteractionKind::Reply);
        if !seen && !is_answer {
            continue;
        }
        if let Some(before) = &before {
            if let Some((revision, item)) = before.items.get(&member.id)
                && *revision == member.revision
            {
                said.show(member.id, member.revision, Arc::clone(item));
                continue;
            }
            if let Some((revision, unseen)) = before.unseen.get(&member.id)
                && *revision == member.revision
            {
                said.pass_over(member.id, member.revision, Arc::clone(unseen));
                continue;
            }
        }
        let Some(record) = table.get(&member.id)? else {
            // Removed since the list was made.
            continue;
        };
        let speaks = is_answer || matches!(member.brief.kind, InteractionKind::Quote);
        if seen && !(speaks && record.actor.shy) {
            said.show(member.id, member.revision, Arc::new(Item::of_record(&record)));
        } else if is_answer {
            let unseen = Unseen {
                id: record.remote_object.unwrap_or(record.activity),
                in_reply_to: record.in_reply_to,
            };
            said.pass_over(member.id, member.revision, Arc::new(unseen));
        }
    }
    let said = Arc::new(said);
    instance.shelf.pages.insert(key.to_string(), Arc::clone(&said));
    Ok(said)
}

/// The remote pictures that are shown under an object, each once.
pub(super) fn pictures(said: &Said) -> Vec<Source> {
    let mut seen = HashSet::new();
    said.items()
        .flat_map(|item| item.pictures())
        .filter(|source| seen.insert(source.clone()))
        .collect()
}
