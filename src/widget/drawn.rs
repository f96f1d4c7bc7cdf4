//! What was drawn of a conversation, until something in it changes.
//!
//! A like somewhere else, and even one of our notes somewhere else's answers, leave it as it is: it is drawn anew when
//! what was said in it changes, when one of our objects, a picture, a template or the configuration does, and, where
//! things expire, once a minute while it is asked for. Then the replies that are as they were are taken over as they
//! were drawn.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::conversation::{self, Conversation};
use super::template::Set;
use super::text::Locale;
use crate::config::Order;
use crate::instance::Instance;
use crate::store::StoreError;

/// Most bytes of what is kept: a page with 1,000 replies takes about two million.
const CAPACITY: u64 = 16 * 1024 * 1024;
/// How many pages that is about; only a hint for the cache.
const PAGES: usize = 512;
/// What an entry weighs beside its text, in bytes.
const OVERHEAD: u64 = 300;
/// What a reply weighs whose place in the text is known, in bytes.
const PIECE: u64 = 40;
/// How many pages are drawn at a time; of one page never two.
const AT_A_TIME: usize = 8;

/// What a conversation is drawn as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    Thread(Order),
    Counts,
    Json,
}

type Place = (String, Shape);

/// What was drawn.
#[derive(Debug)]
pub(super) struct Drawn {
    kept: Cache<Place, Arc<Drawing>, ByWeight>,
    /// Held while a page is drawn, so that of many who ask at once one draws and the others wait for it.
    drawing: [Mutex<()>; AT_A_TIME],
    /// How many texts there were.
    serial: AtomicU64,
}

/// A text that was drawn of a conversation.
#[derive(Debug)]
pub struct Drawing {
    text: Bytes,
    serial: u64,
    surroundings: u64,
    minute: Option<i64>,
    templates: Arc<Set>,
    sources: Vec<(String, u64)>,
    pieces: Pieces,
}

/// Where each reply stands in a text, with all below it; by a hash of all that it shows.
pub(super) type Pieces = HashMap<u64, Range<usize>>;

/// What is drawn: the text, and its pieces.
pub(super) type Sketch = (String, Pieces);

impl Drawing {
    /// The text: HTML or JSON.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// Another text has another number.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// A reply as it was drawn.
    pub(super) fn piece(&self, mark: u64) -> Option<&str> {
        let piece = self.text.get(self.pieces.get(&mark)?.clone())?;
        std::str::from_utf8(piece).ok()
    }
}

#[derive(Clone, Debug)]
struct ByWeight;

impl Weighter<Place, Arc<Drawing>> for ByWeight {
    fn weight(&self, _: &Place, drawing: &Arc<Drawing>) -> u64 {
        OVERHEAD + drawing.text.len() as u64 + drawing.pieces.len() as u64 * PIECE
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
        Drawn {
            kept: Cache::with_options(
                options,
                ByWeight,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            drawing: Default::default(),
            serial: AtomicU64::new(0),
        }
    }
}

/// The conversation under a KEY in a shape: as it was drawn before, or as `draw` draws it now. It is given the templates,
/// and what was drawn before with the same ones.
pub(super) fn of(
    instance: &Instance,
    key: &str,
    shape: Shape,
    draw: impl FnOnce(Conversation, &Set, Option<&Drawing>) -> Result<Sketch, StoreError>,
) -> Result<Arc<Drawing>, StoreError> {
    let drawn = &instance.shelf.drawn;
    let place = (key.to_string(), shape);
    if let Some(before) = drawn.kept.get(&place)
        && Now::of(instance).is_time_of(instance, &before)
    {
        return Ok(before);
    }
    let turn = DefaultHashBuilder::default().hash_one(&place) % AT_A_TIME as u64;
    let turn = usize::try_from(turn).expect("a remainder of 8 fits");
    let _turn = drawn.drawing[turn].lock().unwrap_or_else(PoisonError::into_inner);
    // Asked for before anything is read, so that what changes meanwhile is noticed.
    let now = Now::of(instance);
    let before = drawn.kept.get(&place);
    if let Some(before) = &before
        && now.is_time_of(instance, before)
    {
        return Ok(Arc::clone(before));
    }
    let mut conversation = conversation::of_object(instance, key)?;
    let sources = std::mem::take(&mut conversation.sources);
    let usable = before
        .as_deref()
        .filter(|before| Arc::ptr_eq(&before.templates, &now.templates));
    let (text, pieces) = draw(conversation, &now.templates, usable)?;
    // A change that isn't seen leaves the text what it was, for those who keep it in another form.
    let (text, serial) = match before.filter(|before| *before.text == *text.as_bytes()) {
        Some(same) => (same.text.clone(), same.serial),
        None => (text.into(), drawn.serial.fetch_add(1, Ordering::Relaxed)),
    };
    let drawing = Arc::new(Drawing {
        text,
        serial,
        surroundings: now.surroundings,
        minute: now.minute,
        templates: now.templates,
        sources,
        pieces,
    });
    drawn.kept.insert(place, Arc::clone(&drawing));
    Ok(drawing)
}

/// All that a drawing depends on but what others say.
struct Now {
    surroundings: u64,
    minute: Option<i64>,
    templates: Arc<Set>,
}

impl Now {
    fn of(instance: &Instance) -> Now {
        let surroundings = instance.surroundings();
        let config = instance.config();
        let rules = &config.interactions;
        Now {
            surroundings,
            minute: rules
                .expire
                .map(|_| instance.clock.now().as_second().div_euclid(60)),
            templates: instance
                .templates
                .set(&rules.templates, Locale::of(&rules.locale)),
        }
    }

    /// Whether what was drawn would be drawn the same.
    fn is_time_of(&self, instance: &Instance, before: &Drawing) -> bool {
        Arc::ptr_eq(&before.templates, &self.templates)
            && (before.surroundings, before.minute) == (self.surroundings, self.minute)
            && before
                .sources
                .iter()
                .all(|(key, revision)| instance.store.interactions.revision_of(key) == *revision)
    }
}

#[cfg(test)]
mod tests {
    use super::super::picture::Purpose;
    use super::super::tests::{at, instance, keep, put, put_object};
    use super::super::{Shelf, thread, thread_drawing};
    use super::*;
    use crate::store::InteractionKind::{Like, Reply};
    use crate::store::InteractionState;
    use serde_json::json;

    const PAGE: &str = "/posts/hello/";

    #[test]
    fn a_thread_that_is_drawn_anew_in_part_is_the_same_as_one_drawn_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut instance = instance(folder.path(), "");
        let mut check = |what: &str, change: &dyn Fn(&Instance)| {
            let before = thread(&instance, PAGE).unwrap();
            change(&instance);
            let in_part = thread(&instance, PAGE).unwrap();
            assert_ne!(before, in_part, "{what} is seen");
            instance.shelf = Shelf::default();
            assert_eq!(in_part, thread(&instance, PAGE).unwrap(), "{what}");
        };
        let answer = |instance: &Instance, id: &str, parent: Option<&str>, text: &str| {
            put(instance, Reply, id, |record| {
                record.in_reply_to = parent.map(|parent| format!("https://a.example/{parent}"));
                record.content = Some(format!("<p>{text}</p>"));
            });
        };
        check("the first reply", &|instance| answer(instance, "r1", None, "one"));
        check("another", &|instance| answer(instance, "r2", None, "two :cat:"));
        check("an answer", &|instance| {
            answer(instance, "r3", Some("r1"), "three");
        });
        check("an answer to that", &|instance| {
            answer(instance, "r4", Some("r3"), "four");
        });
        check("a like", &|instance| put(instance, Like, "l1", |_| {}));
        check("an edit further down", &|instance| {
            answer(instance, "r4", Some("r3"), "four!");
        });
        check("a face", &|instance| {
            keep(instance, Purpose::Avatar, "https://a.example/ada.png");
        });
        check("one that is hidden", &|instance| {
            put(instance, Reply, "r3", |record| {
                record.state = InteractionState::Hidden;
            });
        });
        check("the owner's answer", &|instance| {
            put_object(instance, "note", |note| {
                note.object["inReplyTo"] = json!("https://a.example/r2");
                note.published = at(20);
            });
        });
    }

    #[test]
    fn what_is_not_seen_leaves_the_text_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let instance = instance(folder.path(), "");
        put(&instance, Reply, "r1", |_| {});
        let number = || thread_drawing(&instance, PAGE, None).unwrap().unwrap().serial();
        let before = number();
        put_object(&instance, "other", |_| {});
        put(&instance, Reply, "r2", |record| {
            record.state = InteractionState::Held;
        });
        assert_eq!(number(), before);
        put(&instance, Like, "l1", |_| {});
        assert_ne!(number(), before);
    }
}
