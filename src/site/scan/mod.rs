//! Reading the output folder: from files to a [`Snapshot`].
//!
//! A file whose stamp (times, size, inode) is the same as at the last scan isn't opened again. What can't be read is
//! named in a warning and the rest goes on. The folder is only ever read.

mod feeds;
mod library;
mod ranks;
mod reader;
mod sample;
mod stale;
mod stamp;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use url::Url;

use self::feeds::Feeds;
pub use self::feeds::Heard;
use self::library::Library;
use self::ranks::Ranks;
pub use self::reader::Reader;
use self::reader::{is_hidden, is_page, page_path};
use self::sample::Sample;
use self::stale::{Found, Stale};
use self::stamp::Stamp;
use self::walk::{Met, Walk};
use super::feed;
use super::frame::Frame;
use super::snapshot::{Changes, Folder, Pages, Snapshot, Verdict};
use crate::clock::Clock;

/// Files that are read before what was read of them is taken in: so many are kept twice for a moment.
const AT_ONCE: usize = 2_048;

/// Told how many of how many files have been read.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Whether a scan would read a file of this name: a page, or what may be a feed.
pub fn is_read(path: &Path) -> bool {
    is_page(path) || (!is_hidden(path) && path.to_str().is_some_and(feed::may_be_feed))
}

/// Which part of the folder a scan looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    All,
    /// These files, and what lies below these folders; absolute paths.
    Paths(BTreeSet<PathBuf>),
}

/// Reads the folder, and remembers what it read.
#[derive(Debug)]
pub struct Scanner {
    root: PathBuf,
    site: Url,
    /// By their paths relative to the root, in the order of their bytes.
    files: BTreeMap<Arc<str>, Kept>,
    /// What was read of them, shared with the snapshots until it changes.
    pages: Pages,
    feeds: Feeds,
    /// Pages of which something else may be remembered than when they were read.
    doubted: BTreeSet<Arc<str>>,
    ranks: Ranks,
    sample: Sample,
    /// Folders that can't be opened, relative.
    closed: BTreeSet<PathBuf>,
    /// The number of the scan.
    round: u32,
}

/// What pages are read beside.
struct Beside {
    frame: Option<Arc<Frame>>,
    library: Library,
}

/// What one scan found out.
#[derive(Debug)]
pub struct Scan {
    /// What is there.
    pub snapshot: Snapshot,
    /// What changed since the scan before.
    pub changes: Changes,
    /// Whether something changed while it was read: then the snapshot may be a mixture, and must not be acted upon.
    pub unsettled: bool,
    /// When the latest change in what was looked at happened, by the file system's clock.
    pub latest: Option<Timestamp>,
    /// How many files were opened.
    pub read: usize,
    /// What couldn't be read, and why.
    pub warnings: Vec<String>,
}

#[derive(Debug)]
struct Kept {
    stamp: Stamp,
    /// Changed so shortly before it was read that the stamp can't be relied upon.
    fresh: bool,
    /// The scan that met it last.
    round: u32,
    path: Arc<str>,
}

impl Scanner {
    /// A scanner of the folder `root`, which readers find at `site`. Neither needs to exist.
    pub fn new(root: &Path, site: &Url) -> Scanner {
        Scanner {
            root: root.to_path_buf(),
            site: site.clone(),
            files: BTreeMap::new(),
            pages: Pages::default(),
            feeds: Feeds::default(),
            doubted: BTreeSet::new(),
            ranks: Ranks::default(),
            sample: Sample::default(),
            closed: BTreeSet::new(),
            round: 0,
        }
    }

    /// Asks from now on what feeds said of pages when they were published. It holds until a feed says something else:
    /// most feeds keep only the newest posts, and one that falls out of its feed didn't change.
    pub fn remember(&mut self, heard: Heard) {
        self.feeds.remember(heard);
    }

    /// Tells of pages, by path, that something else may be remembered of them now than at the last scan.
    pub fn doubt(&mut self, pages: impl IntoIterator<Item = Arc<str>>) {
        self.doubted.extend(pages);
    }

    /// The same of all pages.
    pub fn doubt_all(&mut self) {
        self.doubted.extend(self.pages.keys().cloned());
    }

    /// Looks at the folder. Blocks for as long as that takes.
    pub fn scan(&mut self, scope: &Scope, progress: Progress<'_>) -> Scan {
        if let Err(error) = fs::read_dir(&self.root) {
            return Scan {
                snapshot: Snapshot::default(),
                changes: Changes::default(),
                unsettled: false,
                latest: None,
                read: 0,
                warnings: vec![format!("the output folder {}: {error}", self.root.display())],
            };
        }
        let before = self.files.len();
        let mut walk = Walk::default();
        let mut changes = Changes::default();
        let mut stale: Vec<Stale> = Vec::new();
        let mut feeds: Vec<(PathBuf, Stamp)> = Vec::new();
        self.round = self.round.wrapping_add(1);
        match scope {
            Scope::All => {
                self.closed.clear();
                self.walk(&self.root.clone(), &mut walk, &mut stale, &mut feeds);
                self.forget_below("", &mut changes);
                self.feeds.keep(&feeds);
            }
            Scope::Paths(paths) => {
                for path in paths {
                    self.look(path, &mut walk, &mut stale, &mut feeds, &mut changes);
                }
            }
        }
        self.closed.append(&mut walk.closed);
        let now = Clock::system().now();
        self.doubted.extend(
            self.feeds
                .read(&self.root, &self.site, &feeds, now, &mut walk, &self.pages),
        );
        stale.extend(self.misheard());
        stale.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        stale.dedup_by(|a, b| a.0 == b.0);
        let came = stale.iter().filter(|(file, _)| !self.files.contains_key(file));
        came.for_each(|(file, _)| self.ranks.came(file));
        let beside = Beside {
            frame: self.learn(&stale, now),
            library: self.library(),
        };
        let mut done = 0;
        for part in stale.chunks(AT_ONCE) {
            let show = |read: usize| progress(done + read, stale.len());
            for (found, file, unsettled) in self.read_all(part, &beside, now, &show) {
                walk.unsettled |= unsettled;
                self.take(&file, found, &mut changes, &mut walk);
            }
            done += part.len();
        }
        if self.files.len() > before * 2 {
            // What grew one by one is half empty.
            self.files = std::mem::take(&mut self.files).into_iter().collect();
            self.pages.compact();
        }
        Scan {
            snapshot: self.snapshot(),
            changes,
            unsettled: walk.unsettled,
            latest: walk.latest,
            read: stale.len(),
            warnings: walk.warnings,
        }
    }

    fn library(&self) -> Library {
        Library::new(&self.root, &self.site, self.feeds.files())
    }

    /// What reads articles again.
    pub fn reader(&self) -> Reader {
        Reader::new(&self.root, &self.site).with(self.library())
    }

    /// Whether it scans this folder of this site.
    pub fn is_of(&self, root: &Path, site: &Url) -> bool {
        self.root == root && self.site == *site
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            folder: if self.pages.is_empty() {
                Folder::Empty
            } else {
                Folder::Pages
            },
            pages: self.pages.clone(),
            told: self.feeds.written(),
            unreadable: self
                .closed
                .iter()
                .filter_map(|folder| Some(format!("{}/", self.page_path(folder)?.trim_end_matches('/'))))
                .collect(),
        }
    }

    /// Looks at one path that something happened to.
    fn look(
        &mut self,
        path: &Path,
        walk: &mut Walk,
        stale: &mut Vec<Stale>,
        feeds: &mut Vec<(PathBuf, Stamp)>,
        changes: &mut Changes,
    ) {
        let Ok(relative) = path.strip_prefix(&self.root) else {
            return;
        };
        if relative.components().any(|part| is_hidden(Path::new(&part))) {
            return;
        }
        self.closed.retain(|folder| !folder.starts_with(relative));
        if fs::metadata(path).is_ok() {
            self.walk(path, walk, stale, feeds);
        }
        self.feeds.keep_below(relative, feeds);
        // What isn't UTF-8 was never kept.
        if let Some(relative) = relative.to_str() {
            self.forget_below(relative, changes);
        }
    }

    /// Walks from a path on, and puts down what is to be read.
    fn walk(
        &mut self,
        from: &Path,
        walk: &mut Walk,
        stale: &mut Vec<Stale>,
        feeds: &mut Vec<(PathBuf, Stamp)>,
    ) {
        let Scanner {
            root, files, round, ..
        } = self;
        walk.over(root, from, |met| match met {
            Met::Feed(file, stamp) => feeds.push((file.into(), stamp)),
            Met::Page(file, stamp) => {
                let known = files.get_mut(file).is_some_and(|kept| {
                    kept.round = *round;
                    !kept.fresh && kept.stamp == stamp
                });
                if !known {
                    let name = files.get_key_value(file).map(|(name, _)| Arc::clone(name));
                    stale.push((name.unwrap_or_else(|| file.into()), stamp));
                }
            }
        });
    }

    /// Forgets the files at or below a path that this scan didn't meet.
    fn forget_below(&mut self, path: &str, changes: &mut Changes) {
        let gone = |kept: &Kept| kept.round != self.round;
        let mut left: Vec<Arc<str>> = Vec::new();
        if path.is_empty() {
            let all = self.files.iter().filter(|(_, kept)| gone(kept));
            left.extend(all.map(|(file, _)| Arc::clone(file)));
        } else {
            let folder = format!("{path}/");
            let below = self
                .files
                .range::<str, _>((Bound::Included(folder.as_str()), Bound::Unbounded))
                .take_while(|(file, _)| file.starts_with(&folder));
            let itself = self.files.get_key_value(path).into_iter();
            let both = itself.chain(below).filter(|(_, kept)| gone(kept));
            left.extend(both.map(|(file, _)| Arc::clone(file)));
        }
        for file in left {
            self.forget(&file, changes);
        }
    }

    fn forget(&mut self, file: &Arc<str>, changes: &mut Changes) {
        self.ranks.went(file);
        if let Some(kept) = self.files.remove(file) {
            let before = self.pages.remove(&kept.path);
            changes.note(kept.path, before);
        }
    }

    /// Takes in what was read of a file.
    fn take(&mut self, file: &Arc<str>, found: Found, changes: &mut Changes, walk: &mut Walk) {
        let (mut kept, sighting) = match found {
            Ok(found) => found,
            Err(warning) => {
                walk.warnings.extend(warning);
                self.forget(file, changes);
                return;
            }
        };
        if let Verdict::Unreadable(reason) = &sighting.verdict {
            let named = self.root.join(&**file);
            walk.warnings.push(format!("{}: {reason}", named.display()));
        }
        if let Some(before) = self.files.get(file) {
            kept.path = Arc::clone(&before.path);
        }
        if self
            .pages
            .get(&kept.path)
            .is_none_or(|before| **before != sighting)
        {
            let before = self.pages.insert(Arc::clone(&kept.path), Arc::new(sighting));
            changes.note(Arc::clone(&kept.path), before);
        }
        self.files.insert(Arc::clone(file), kept);
    }

    /// Files of pages of which something else is said now than what they were read with.
    fn misheard(&mut self) -> Vec<Stale> {
        let doubted = std::mem::take(&mut self.doubted);
        let misheard = doubted.into_iter().filter_map(|page| {
            let sighting = self.pages.get(&page)?;
            let kept = self.files.get(&sighting.file)?;
            (!self.feeds.still_say(&page, sighting.feed.as_ref()))
                .then(|| (Arc::clone(&sighting.file), kept.stamp))
        });
        misheard.collect()
    }

    fn page_path(&self, relative: &Path) -> Option<String> {
        page_path(&self.site, relative)
    }
}

#[cfg(test)]
mod tests;
