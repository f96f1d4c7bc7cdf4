//! What all feeds of the site together say, by page.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Feed, Mention};

/// The feeds of a site, and what they say by page.
///
/// Where feeds disagree the one nearest to the root is right, field by field: it is the site's own, the others are of
/// its tags and sections.
#[derive(Debug, Default)]
pub struct Index {
    feeds: BTreeMap<(usize, PathBuf), Kept>,
    pages: HashMap<Arc<str>, Arc<Mention>>,
    stale: bool,
}

/// A feed as it is kept: what several feeds say alike is kept once.
#[derive(Debug)]
struct Kept {
    home: Option<Arc<str>>,
    built: Option<Timestamp>,
    entries: Vec<(Arc<str>, Arc<Mention>)>,
}

impl Index {
    /// Takes in the feed of a file, in the place of what that file was before; `None` when it is none.
    pub fn put(&mut self, file: PathBuf, feed: Option<Feed>) {
        let at = (file.components().count(), file);
        let Some(feed) = feed.filter(|feed| !feed.entries.is_empty()) else {
            self.stale |= self.feeds.remove(&at).is_some();
            return;
        };
        let entries = feed.entries.into_iter().map(|(path, mention)| {
            let page = bare(&path);
            match self.pages.get_key_value(page) {
                Some((page, known)) if **known == mention => (Arc::clone(page), Arc::clone(known)),
                Some((page, _)) => (Arc::clone(page), Arc::new(mention)),
                None => (page.into(), Arc::new(mention)),
            }
        });
        let kept = Kept {
            entries: entries.collect(),
            home: feed.home.map(|home| bare(&home).into()),
            built: feed.built,
        };
        self.feeds.insert(at, kept);
        self.stale = true;
    }

    /// Forgets the feed of a file.
    pub fn remove(&mut self, file: PathBuf) {
        self.put(file, None);
    }

    /// Whether the file is a feed that says something.
    pub fn has(&self, file: &Path) -> bool {
        self.feeds
            .contains_key(&(file.components().count(), file.to_path_buf()))
    }

    /// Brings what is said by page up to date; answers of which pages it is something else now, without what
    /// addresses may leave out.
    pub fn settle(&mut self) -> Vec<Arc<str>> {
        if !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        // A page that has a feed of others is a list of them (a tag, a section), though a feed of lists names it.
        let lists: HashSet<&str> = self
            .feeds
            .values()
            .filter_map(|feed| {
                let home = feed.home.as_deref()?;
                feed.entries
                    .iter()
                    .any(|(page, _)| **page != *home)
                    .then_some(home)
            })
            .collect();
        // A feed of one entry doesn't show by itself that it says when it was built.
        let builds: HashSet<Timestamp> = self.feeds.values().filter_map(|feed| feed.built).collect();
        let mut pages: HashMap<Arc<str>, Arc<Mention>> = HashMap::new();
        for (page, mention) in self.feeds.values().flat_map(|feed| &feed.entries) {
            if lists.contains(&**page) {
                continue;
            }
            let mention = &mention.without(&builds);
            match pages.get_mut(page) {
                Some(known) => {
                    if known != mention
                        && let Some(both) = known.with(mention)
                    {
                        *known = Arc::new(both);
                    }
                }
                None => {
                    pages.insert(Arc::clone(page), Arc::clone(mention));
                }
            }
        }
        let new = pages
            .iter()
            .filter(|(page, said)| self.pages.get(*page) != Some(said));
        let gone = self.pages.keys().filter(|page| !pages.contains_key(*page));
        let changed = new.map(|(page, _)| page).chain(gone).cloned().collect();
        self.pages = pages;
        changed
    }

    /// What the feeds say of a page, however its address is spelled there.
    pub fn of(&self, page: &str) -> Option<&Arc<Mention>> {
        self.pages.get(bare(page))
    }

    /// The files of the feeds, the ones nearest to the root first.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.feeds.keys().map(|(_, file)| file)
    }

    /// Whether there is no feed.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}

impl Mention {
    /// Without a change at one of these instants.
    fn without(self: &Arc<Self>, builds: &HashSet<Timestamp>) -> Arc<Mention> {
        match self.updated {
            Some(updated) if self.published.is_some() && builds.contains(&updated) => Arc::new(Mention {
                updated: None,
                ..(**self).clone()
            }),
            _ => Arc::clone(self),
        }
    }

    /// Filled up with what another one says besides; `None` when that is nothing.
    fn with(&self, other: &Mention) -> Option<Mention> {
        let both = Mention {
            title: self.title.clone().or_else(|| other.title.clone()),
            published: self.published.or(other.published),
            updated: self.updated.or(other.updated),
            tags: if self.tags.is_empty() {
                other.tags.clone()
            } else {
                self.tags.clone()
            },
            summary: self.summary.clone().or_else(|| other.summary.clone()),
            language: self.language.clone().or_else(|| other.language.clone()),
            guide: self.guide.clone().or_else(|| other.guide.clone()),
        };
        (both != *self).then_some(both)
    }
}

/// A path without what servers let readers leave out: `/a/`, `/a` and `/a.html` are one page.
pub fn bare(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_suffix(".html")
        .or_else(|| path.strip_suffix(".htm"))
        .unwrap_or(path)
}
