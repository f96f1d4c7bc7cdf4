//! What was said under each object, read from its records once: a bounded cache.
//!
//! A new like reads one record; what didn't change is taken over as it is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};

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
}

/// What was said under one object.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The revision of the group that this was read from.
    revision: u64,
    items: HashMap<Arc<str>, (u64, Arc<Item>)>,
    /// Replies that aren't shown: what they answer, so that a shown answer to one finds its place.
    pub(super) unseen: HashMap<String, Option<String>>,
    weight: u64,
}

impl Said {
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
        let kept = before.as_ref().and_then(|before| before.items.get(&member.id));
        let item = match kept {
            Some((revision, item)) if *revision == member.revision => Arc::clone(item),
            _ => match table.get(&member.id)? {
                Some(record) => {
                    if !seen {
                        let id = record.remote_object.unwrap_or(record.activity);
                        said.unseen.insert(id, record.in_reply_to);
                        continue;
                    }
                    Arc::new(Item::of_record(&record))
                }
                // Removed since the list was made.
                None => continue,
            },
        };
        said.weight += item.weight() as u64;
        said.items.insert(member.id, (member.revision, item));
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
