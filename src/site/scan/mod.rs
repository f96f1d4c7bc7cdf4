//! Reading the output folder: from files to a [`Snapshot`].
//!
//! A file whose stamp (times, size, inode) is the same as at the last scan isn't opened again. What can't be read is
//! named in a warning and the rest goes on. The folder is only ever read.

mod chronicle;
mod codec;
mod feeds;
mod library;
mod ranks;
mod reader;
mod recall;
mod sample;
mod stale;
mod stamp;
mod walk;

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use url::Url;

pub use self::chronicle::Sink;
use self::feeds::Feeds;
pub use self::feeds::Heard;
use self::library::Library;
use self::ranks::Ranks;
pub use self::reader::Reader;
use self::reader::{Spelling, file_of, is_hidden, is_page, page_path};
pub use self::recall::Due;
use self::recall::Memory;
use self::sample::Sample;
use self::stale::{Found, Stale};
use self::stamp::Stamp;
use self::walk::{Met, Walk};
use super::feed;
use super::frame::Frame;
use super::snapshot::{Changes, Folder, Pages, Sighting, Snapshot, Verdict};
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
    /// ORIGIN.
    origin: String,
    /// What was read of the files, shared with the snapshots until it changes. They are found by their paths, from which
    /// the files' names follow.
    pages: Pages,
    feeds: Feeds,
    /// Pages of which something else may be remembered than when they were read.
    doubted: BTreeSet<Arc<str>>,
    ranks: Ranks,
    sample: Sample,
    /// Folders that can't be opened, relative.
    closed: BTreeSet<PathBuf>,
    memory: Memory,
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

/// The files that a walk met.
#[derive(Default)]
struct Round {
    /// Hashes of the paths of all pages.
    met: Vec<u64>,
    /// How many of them were there before.
    known: usize,
    /// The pages that are to be read.
    stale: Vec<Stale>,
    /// What may be feeds.
    feeds: Vec<(PathBuf, Stamp)>,
}

impl Round {
    fn meet(&mut self, page: &str, stamp: Stamp, pages: &Pages) {
        self.met.push(hash(page));
        let before = pages.get_key_value(page);
        self.known += usize::from(before.is_some());
        let stale = match before {
            Some((_, seen)) if !seen.fresh && seen.seal == stamp.seal() => None,
            Some((page, _)) => Some(Arc::clone(page)),
            None => Some(page.into()),
        };
        self.stale.extend(stale.map(|page| Stale { page, stamp }));
    }
}

fn hash(page: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    page.hash(&mut hasher);
    hasher.finish()
}

impl Scanner {
    /// A scanner of the folder `root`, which readers find at `site`. Neither needs to exist.
    pub fn new(root: &Path, site: &Url) -> Scanner {
        Scanner {
            root: root.to_path_buf(),
            site: site.clone(),
            origin: site.origin().ascii_serialization(),
            pages: Pages::default(),
            feeds: Feeds::default(),
            doubted: BTreeSet::new(),
            ranks: Ranks::default(),
            sample: Sample::default(),
            closed: BTreeSet::new(),
            memory: Memory::default(),
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
        let before = self.pages.len();
        let mut walk = Walk::default();
        let mut changes = Changes::default();
        let mut round = Round::default();
        match scope {
            Scope::All => {
                self.closed.clear();
                self.walk(&self.root.clone(), &mut walk, &mut round);
                self.forget_below("", &mut round, &mut changes);
                self.feeds.keep(&round.feeds);
            }
            Scope::Paths(paths) => {
                for path in paths {
                    self.look(path, &mut walk, &mut round, &mut changes);
                }
            }
        }
        let Round { mut stale, feeds, .. } = round;
        self.closed.append(&mut walk.closed);
        let now = Clock::system().now();
        self.doubted.extend(
            self.feeds
                .read(&self.root, &self.site, &feeds, now, &mut walk, &self.pages),
        );
        stale.extend(self.hear());
        stale.extend(self.misheard());
        stale.sort_by(|a, b| a.page.cmp(&b.page));
        stale.dedup_by(|a, b| a.page == b.page);
        for Stale { page, .. } in &stale {
            if !self.pages.contains_key(page)
                && let Some(file) = file_of(&self.site, page)
            {
                self.ranks.came(&file);
            }
        }
        let beside = Beside {
            frame: self.learn(&stale, now),
            library: self.library(),
        };
        let mut done = 0;
        for part in stale.chunks(AT_ONCE) {
            let show = |read: usize| progress(done + read, stale.len());
            for (found, page, unsettled) in self.read_all(part, &beside, now, &show) {
                walk.unsettled |= unsettled;
                self.take(&page, found, &mut changes, &mut walk);
            }
            done += part.len();
        }
        if self.pages.len() > before * 2 {
            // What grew one by one is half empty.
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
    fn look(&mut self, path: &Path, walk: &mut Walk, round: &mut Round, changes: &mut Changes) {
        let Ok(relative) = path.strip_prefix(&self.root) else {
            return;
        };
        if relative.components().any(|part| is_hidden(Path::new(&part))) {
            return;
        }
        self.closed.retain(|folder| !folder.starts_with(relative));
        (round.met, round.known) = (Vec::new(), 0);
        if fs::metadata(path).is_ok() {
            self.walk(path, walk, round);
        }
        self.feeds.keep_below(relative, &round.feeds);
        // What isn't UTF-8 was never kept.
        if let Some(relative) = relative.to_str() {
            self.forget_below(relative, round, changes);
        }
    }

    /// Walks from a path on, and puts down what is to be read.
    fn walk(&self, from: &Path, walk: &mut Walk, round: &mut Round) {
        let mut spelling = Spelling::new(&self.site);
        walk.over(&self.root, from, |met| match met {
            Met::Feed(file, stamp) => round.feeds.push((file.into(), stamp)),
            Met::Page(file, stamp) => round.meet(spelling.path(file), stamp, &self.pages),
        });
    }

    /// Forgets the files at or below a path that this round didn't meet there.
    fn forget_below(&mut self, path: &str, round: &mut Round, changes: &mut Changes) {
        // The path of any file in the folder begins as that of one with a name of a letter does.
        let inside = self.page_path(Path::new(&format!("{path}/x")));
        let (Some(inside), false) = (inside, path.is_empty()) else {
            if round.known < self.pages.len() {
                let all = self.pages.keys().cloned().collect();
                self.forget(all, round, changes);
            }
            return;
        };
        let folder = inside.trim_end_matches('x');
        let below = (Bound::Included(folder), Bound::Unbounded);
        let below = self.pages.range::<str, _>(below);
        let below = below.take_while(|(page, _)| page.starts_with(folder));
        let itself = self.page_path(Path::new(path));
        let itself = itself.and_then(|page| self.pages.get_key_value(page.as_str()));
        let there: BTreeSet<Arc<str>> = itself
            .into_iter()
            .chain(below)
            .map(|(page, _)| Arc::clone(page))
            .collect();
        if round.known < there.len() {
            self.forget(there, round, changes);
        }
    }

    /// Forgets those of some pages that a round didn't meet.
    fn forget(&mut self, pages: BTreeSet<Arc<str>>, round: &mut Round, changes: &mut Changes) {
        round.met.sort_unstable();
        for page in pages {
            if round.met.binary_search(&hash(&page)).is_err() {
                self.drop(&page, changes);
            }
        }
    }

    fn drop(&mut self, page: &Arc<str>, changes: &mut Changes) {
        if let Some(file) = file_of(&self.site, page) {
            self.ranks.went(&file);
        }
        if let Some(before) = self.pages.remove(page) {
            self.memory.untold.push(Arc::clone(page));
            changes.note(Arc::clone(page), Some(before));
        }
    }

    /// Whether a page that looks like a post now didn't when the very same file was read before.
    fn is_late(&mut self, page: &Arc<str>, sighting: &Sighting) -> bool {
        let by_another = self.memory.no_posts.remove(page) == Some(sighting.source);
        let before = self
            .pages
            .get(page)
            .filter(|before| before.source == sighting.source);
        let was_none =
            before.is_some_and(|before| before.standing.late || matches!(before.verdict, Verdict::Not(_)));
        sighting.post().is_some() && (by_another || was_none)
    }

    /// Takes in what was read of a file.
    fn take(&mut self, page: &Arc<str>, found: Found, changes: &mut Changes, walk: &mut Walk) {
        let mut sighting = match found {
            Ok(sighting) => sighting,
            Err(warning) => {
                walk.warnings.extend(warning);
                self.drop(page, changes);
                return;
            }
        };
        sighting.standing.late = self.is_late(page, &sighting);
        if let (Verdict::Unreadable(reason), Some(file)) = (&sighting.verdict, file_of(&self.site, page)) {
            let named = self.root.join(file);
            walk.warnings.push(format!("{}: {reason}", named.display()));
        }
        let before = self.pages.get(page);
        if before.is_some_and(|before| **before == sighting) {
            return;
        }
        let is_same = before.is_some_and(|before| before.says_the_same(&sighting));
        self.memory.untold.push(Arc::clone(page));
        let before = self.pages.insert(Arc::clone(page), Arc::new(sighting));
        if !is_same {
            changes.note(Arc::clone(page), before);
        }
    }

    /// Pages of which something else is said now than what they were read with.
    fn misheard(&mut self) -> Vec<Stale> {
        let doubted = std::mem::take(&mut self.doubted);
        let misheard = doubted.into_iter().filter_map(|page| {
            let sighting = self.pages.get(&page)?;
            if self.feeds.still_say(&page, sighting.feed.as_ref()) {
                return None;
            }
            let file = self.root.join(file_of(&self.site, &page)?);
            // One that is gone is missed by the scan that looks there.
            let stamp = Stamp::of(&fs::metadata(file).ok()?);
            Some(Stale { page, stamp })
        });
        misheard.collect()
    }

    fn page_path(&self, relative: &Path) -> Option<String> {
        page_path(&self.site, relative)
    }
}

#[cfg(test)]
mod tests;
