//! Which new page is an old one in another place. A page that moved keeps its id, so that it isn't posted twice.
//!
//! Five signs count, the surest first: the same canonical URL; a page left at the old path that points to the new one; a
//! translation that was part of the same post and is left alone; the same article under a new path in the same scan; the
//! same title, words and date there. What could be meant for two is meant for none.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::Known;
use super::identity::path_on;
use crate::article::{Print, Sight};
use crate::site::snapshot::{Sighting, Snapshot, Verdict};

/// Aliases that point to aliases are followed so far: a page that moved more often without its first alias being
/// rewritten is rare.
const MAX_HOPS: usize = 8;

/// Finds for each newcomer the object whose page it was, and by which sign.
pub(super) fn find<'a>(
    orphans: &[&'a Known],
    newcomers: &BTreeMap<&'a str, &'a Sighting>,
    is_other: &dyn Fn(&str) -> bool,
    snapshot: &'a Snapshot,
    origin: &str,
) -> HashMap<&'a str, (&'a Known, String)> {
    let mut found = Found {
        left: orphans.to_vec(),
        moved: HashMap::new(),
    };
    if orphans.is_empty() {
        return found.moved;
    }

    let mut by_canonical: HashMap<Cow<'_, str>, Vec<&'a str>> = HashMap::new();
    let mut by_fingerprint: HashMap<Print, Vec<&'a str>> = HashMap::new();
    let mut by_words: HashMap<Print, Vec<(&'a str, Sight)>> = HashMap::new();
    for (page, sighting) in newcomers {
        if let Some(canonical) = sighting.canonical.url(origin, page) {
            by_canonical.entry(canonical).or_default().push(page);
        }
        if let Some(post) = sighting.post() {
            by_fingerprint.entry(post.fingerprint).or_default().push(page);
            by_words
                .entry(post.sight.text)
                .or_default()
                .push((page, post.sight));
        }
    }
    found.pass("has the same canonical URL", |object| {
        let canonical = object.canonical.url(origin, object.page.as_deref()?)?;
        by_canonical.get(&canonical).cloned()
    });
    found.pass("is where the page at the old path points", |object| {
        let target = target(object.page.as_deref()?, is_other, snapshot, origin)?;
        newcomers.get_key_value(target).map(|(page, _)| vec![*page])
    });
    found.pass("is its translation", |object| {
        let translations = object.translations.iter();
        let left = translations.filter_map(|page| newcomers.get_key_value(&**page));
        Some(left.map(|(page, _)| *page).take(1).collect())
    });
    found.pass("says the same", |object| {
        by_fingerprint.get(&object.fingerprint).cloned()
    });
    // By another generator, or in another theme.
    found.pass("has the same title, words and date", |object| {
        let before = object.impression?.sight;
        let alike = by_words.get(&before.text)?.iter();
        let alike = alike.filter(|(_, sight)| !sight.is_redated(&before));
        Some(alike.map(|(page, _)| *page).collect())
    });
    found.moved
}

struct Found<'a> {
    left: Vec<&'a Known>,
    moved: HashMap<&'a str, (&'a Known, String)>,
}

impl<'a> Found<'a> {
    /// Gives pages to objects by one sign, where it is beyond doubt.
    fn pass(&mut self, sign: &str, candidates: impl Fn(&Known) -> Option<Vec<&'a str>>) {
        let mut wanted: HashMap<&'a str, Vec<&'a Known>> = HashMap::new();
        for object in &self.left {
            let mut pages = candidates(object).unwrap_or_default();
            pages.retain(|page| !self.moved.contains_key(page));
            if let [page] = pages[..] {
                wanted.entry(page).or_default().push(object);
            }
        }
        for (page, objects) in wanted {
            if let [object] = objects[..] {
                let from = object.page.as_deref().unwrap_or_default();
                self.moved
                    .insert(page, (object, format!("moved from {from}: the new page {sign}")));
                self.left.retain(|left| left.key != object.key);
            }
        }
    }
}

/// Where the page at a path sends its readers in the end: an alias by its target, a duplicate by its canonical URL.
fn target<'a>(
    path: &str,
    is_other: &dyn Fn(&str) -> bool,
    snapshot: &'a Snapshot,
    origin: &str,
) -> Option<&'a str> {
    let (mut page, mut sighting) = snapshot.pages.get_key_value(path)?;
    for _ in 0..MAX_HOPS {
        let next = match &sighting.verdict {
            Verdict::Alias(target) => Cow::Borrowed(&**target),
            Verdict::Post(_) if is_other(page) => sighting.canonical.url(origin, page)?,
            _ => break,
        };
        (page, sighting) = snapshot.page_at(&path_on(origin, &next)?)?;
    }
    (**page != *path).then_some(page)
}
