//! The feeds of the output folder: which files are, and what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use url::Url;

use super::reader::{Unread, path_below, read_file, read_start};
use super::stamp::Stamp;
use super::walk::Walk;
use crate::site::feed::{self, Feed, Index, MAX_FEED, Mention, SNIFFED, Sitemap};
use crate::site::snapshot::Pages;

/// Feeds read, the ones nearest to the root first. Generators write one a tag besides, and those repeat the site's own.
const MAX_FEEDS: usize = 2_000;

/// What the feeds say, and the files they were read from.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    files: BTreeMap<PathBuf, Kept>,
    index: Index,
    heard: Heard,
    sitemaps: BTreeMap<PathBuf, Sitemap>,
}

type Ask = dyn Fn(&str) -> Option<Arc<Mention>> + Send + Sync;

/// Tells what feeds said of a page, by its path, when it was published.
#[derive(Clone)]
pub struct Heard(Arc<Ask>);

impl Heard {
    /// One that asks `ask`.
    pub fn new(ask: impl Fn(&str) -> Option<Arc<Mention>> + Send + Sync + 'static) -> Heard {
        Heard(Arc::new(ask))
    }
}

impl Default for Heard {
    /// Nothing was published.
    fn default() -> Heard {
        Heard::new(|_| None)
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Heard")
    }
}

/// A file that was looked at, whether it is a feed or not.
#[derive(Debug)]
struct Kept {
    stamp: Stamp,
    fresh: bool,
}

impl Feeds {
    pub(super) fn remember(&mut self, heard: Heard) {
        self.heard = heard;
    }

    /// The files that are feeds, the ones nearest to the root first.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.index.files().cloned().collect()
    }

    /// What is said of a page: by a feed that is there, or by one when the page was published.
    pub(super) fn of(&self, page: &str) -> Option<Arc<Mention>> {
        self.index.of(page).cloned().or_else(|| (self.heard.0)(page))
    }

    /// Whether what is said of a page is what it was read with.
    pub(super) fn still_say(&self, page: &str, before: Option<&Arc<Mention>>) -> bool {
        match (self.of(page), before) {
            (None, None) => true,
            (Some(now), Some(before)) => Arc::ptr_eq(&now, before) || now == *before,
            _ => false,
        }
    }

    /// When the latest of them was written.
    pub(super) fn written(&self) -> Option<Timestamp> {
        let feeds = self.files.iter().filter(|(file, _)| self.index.has(file));
        feeds.map(|(_, kept)| kept.stamp.written()).max()
    }

    /// Forgets the files that aren't there any more.
    pub(super) fn keep(&mut self, there: &[(PathBuf, Stamp)]) {
        self.keep_below(Path::new(""), there);
    }

    /// Forgets the files at or below a path that aren't there any more.
    pub(super) fn keep_below(&mut self, path: &Path, there: &[(PathBuf, Stamp)]) {
        let there: BTreeSet<&PathBuf> = there.iter().map(|(file, _)| file).collect();
        let gone: Vec<PathBuf> = self
            .files
            .keys()
            .filter(|file| file.starts_with(path) && !there.contains(file))
            .cloned()
            .collect();
        for file in gone {
            self.files.remove(&file);
            self.sitemaps.remove(&file);
            self.index.remove(file);
        }
    }

    /// When a page was last changed, as a sitemap says.
    pub(super) fn changed(&self, page: &str) -> Option<Timestamp> {
        self.sitemaps.values().find_map(|sitemap| sitemap.changed(page))
    }

    /// Reads the files that changed; answers of which pages the feeds now say something else.
    pub(super) fn read(
        &mut self,
        root: &Path,
        site: &Url,
        met: &[(PathBuf, Stamp)],
        now: Timestamp,
        walk: &mut Walk,
        pages: &Pages,
    ) -> Vec<Arc<str>> {
        let mut met: Vec<&(PathBuf, Stamp)> = met.iter().collect();
        met.sort_by_key(|(file, _)| file.components().count());
        for (file, stamp) in met {
            let known = self.files.get(file);
            if known.is_some_and(|kept| !kept.fresh && kept.stamp == *stamp)
                || (known.is_none() && self.files.len() >= MAX_FEEDS)
            {
                continue;
            }
            let full = root.join(file);
            match read_one(&full, file, site) {
                Ok(Read::Feed(feed)) => self.index.put(file.clone(), feed),
                Ok(Read::Sitemap(sitemap)) => {
                    self.sitemaps.insert(file.clone(), sitemap);
                }
                Err(Some(warning)) => {
                    walk.warnings.push(warning);
                    self.index.remove(file.clone());
                }
                Err(None) => walk.unsettled = true,
            }
            walk.unsettled |= fs::metadata(&full).map_or(true, |metadata| Stamp::of(&metadata) != *stamp);
            let kept = Kept {
                stamp: *stamp,
                fresh: stamp.is_fresh(now),
            };
            self.files.insert(file.clone(), kept);
        }
        let spelled = |bare: Arc<str>| {
            ["", "/", ".html", ".htm"].into_iter().filter_map(move |end| {
                let page = format!("{bare}{end}");
                pages
                    .get_key_value(page.as_str())
                    .map(|(page, _)| Arc::clone(page))
            })
        };
        self.index.settle().into_iter().flat_map(spelled).collect()
    }
}

/// What a file is.
enum Read {
    /// A feed, or nothing.
    Feed(Option<Feed>),
    Sitemap(Sitemap),
}

/// Reads one file. An error is a file that can't be read, with a warning, or one that is gone.
fn read_one(full: &Path, file: &Path, site: &Url) -> Result<Read, Option<String>> {
    let warning = |what: &str| Some(format!("{}: {what}", full.display()));
    let start = match read_start(full, SNIFFED) {
        Ok(start) => start,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(None),
        Err(error) => return Err(warning(&format!("can't be read: {error}"))),
    };
    let Some(own) = path_below(file).and_then(|path| site.join(path.trim_start_matches('/')).ok()) else {
        return Ok(Read::Feed(None));
    };
    let is_sitemap = file.to_str().is_some_and(feed::may_be_sitemap);
    if !is_sitemap && !feed::is_feed(&start) {
        return Ok(Read::Feed(None));
    }
    let bytes = read_file(full, MAX_FEED).map_err(|unread| match unread {
        Unread::Gone => None,
        Unread::TooLarge => warning(&format!("a feed larger than {} MiB, not read", MAX_FEED >> 20)),
        Unread::Io(error) => warning(&format!("can't be read: {error}")),
    })?;
    if is_sitemap {
        return Ok(Read::Sitemap(Sitemap::read(&bytes, site)));
    }
    match feed::read(&bytes, &own, site) {
        Some(feed) => Ok(Read::Feed(Some(feed))),
        None => Err(warning(
            "a feed that can't be read: it is broken, or of an unknown version",
        )),
    }
}
