//! What was drawn of a conversation, until something in it changes.
//!
//! A like somewhere else, and even one of our notes somewhere else's answers, leave it as it is: it is drawn anew when
//! what was said in it changes, when one of our objects, a picture, a template or the configuration does, and once a
//! minute while it is asked for, because things expire.

use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::conversation::{self, Conversation};
use super::template::Set;
use super::text::Locale;
use crate::instance::Instance;
use crate::store::StoreError;

/// Most bytes of what is kept: a page with 1,000 replies takes about two million.
const CAPACITY: u64 = 16 * 1024 * 1024;
/// How many pages that is about; only a hint for the cache.
const PAGES: usize = 512;
/// What an entry weighs beside its text, in bytes.
const OVERHEAD: u64 = 300;

/// What a conversation is drawn as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    Thread,
    Counts,
    Json,
}

/// What was drawn.
#[derive(Debug)]
pub(super) struct Drawn(Cache<(String, Shape), Arc<Drawing>, ByWeight>);

#[derive(Debug)]
struct Drawing {
    text: String,
    surroundings: u64,
    minute: i64,
    templates: Arc<Set>,
    sources: Vec<(String, u64)>,
}

#[derive(Clone, Debug)]
struct ByWeight;

impl Weighter<(String, Shape), Arc<Drawing>> for ByWeight {
    fn weight(&self, _: &(String, Shape), drawing: &Arc<Drawing>) -> u64 {
        OVERHEAD + drawing.text.len() as u64
    }
}

impl Default for Drawn {
    fn default() -> Drawn {
        // One shard, because the heaviest page may take a good part of the whole.
        let options = OptionsBuilder::new()
            .estimated_items_capacity(PAGES)
            .weight_capacity(CAPACITY)
            .shards(1)
            .build()
            .expect("the capacities are given");
        Drawn(Cache::with_options(
            options,
            ByWeight,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ))
    }
}

/// The conversation under a KEY in a shape: as it was drawn before, or as `draw` draws it now.
pub(super) fn of(
    instance: &Instance,
    key: &str,
    shape: Shape,
    draw: impl FnOnce(Conversation) -> String,
) -> Result<String, StoreError> {
    let drawn = &instance.shelf.drawn.0;
    let place = (key.to_string(), shape);
    // Asked for before anything is read, so that what changes meanwhile is noticed.
    let surroundings = instance.surroundings();
    let minute = instance.clock.now().as_second().div_euclid(60);
    let rules = &instance.config().interactions;
    let templates = instance
        .templates
        .set(&rules.templates, Locale::of(&rules.locale));
    if let Some(before) = drawn.get(&place)
        && Arc::ptr_eq(&before.templates, &templates)
        && (before.surroundings, before.minute) == (surroundings, minute)
        && before
            .sources
            .iter()
            .all(|(key, revision)| instance.store.interactions.revision_of(key) == *revision)
    {
        return Ok(before.text.clone());
    }
    let mut conversation = conversation::of_object(instance, key)?;
    let sources = std::mem::take(&mut conversation.sources);
    let text = draw(conversation);
    let drawing = Drawing {
        text: text.clone(),
        surroundings,
        minute,
        templates,
        sources,
    };
    drawn.insert(place, Arc::new(drawing));
    Ok(text)
}
