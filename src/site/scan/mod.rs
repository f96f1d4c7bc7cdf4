//! Reading the output folder: from files to a [`Snapshot`].
//!
//! A file whose stamp (times, size, inode) is the same as at the last scan isn't opened again. What can't be read is
//! named in a warning and the rest goes on. The folder is only ever read.

mod feeds;
mod reader;
mod sample;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use url::Url;
use walkdir::{DirEntry, WalkDir};

use self::feeds::Feeds;
pub use self::reader::Reader;
use self::reader::{Unread, is_cut_short, is_hidden, is_page, page_path, path_below, read_file};
use self::sample::{Candidate, Sample};
use super::feed::{self, Mention};
use super::frame::{Frame, Sketch};
use super::page::{self, Source};
use super::snapshot::{Folder, Post, Sighting, Snapshot, Verdict};
use crate::article::Print;
use crate::clock::Clock;

/// A file changed so shortly before it was read may change again without its stamp showing it: file systems keep times
/// to 2 s (FAT), 1 s (NFSv2, ext3) or one tick of the kernel. It is read once more at the next scan.
const GRANULARITY: SignedDuration = SignedDuration::from_secs(2);

/// A page that ends in the middle is taken for one that is still being written for so long: a build that failed is
/// repeated within minutes, and a page that stays so is what its author wants.
const BEING_WRITTEN: SignedDuration = SignedDuration::from_mins(10);

/// Folders in one another. Deeper is a generator gone wild, and paths come near the 4,096 bytes that Linux takes.
const MAX_DEPTH: usize = 64;

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
    files: BTreeMap<PathBuf, Kept>,
    feeds: Feeds,
    sample: Sample,
    /// Folders that can't be opened, relative.
    closed: BTreeSet<PathBuf>,
}

/// What one scan found out.
#[derive(Debug)]
pub struct Scan {
    /// What is there.
    pub snapshot: Snapshot,
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
    path: Arc<str>,
    sighting: Arc<Sighting>,
}

/// What changes when a file does. The time of the inode and its number are there for tools that set the time of the
/// content back (rsync -t) or put another file in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    changed: (i64, i64),
    size: u64,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            size: metadata.size(),
            inode: metadata.ino(),
        }
    }

    /// When the file was written; the epoch where the file system says what no clock can.
    fn written(&self) -> Timestamp {
        let (seconds, nanoseconds) = self.modified;
        Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or(0)).unwrap_or_default()
    }

    /// Whether the file was written so shortly before `now` that it may not be whole yet.
    fn is_being_written(&self, now: Timestamp) -> bool {
        now.duration_since(self.written()).abs() < BEING_WRITTEN
    }

    /// Whether the file changed so shortly before `now` that the stamp can't be relied upon.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let changed = Timestamp::from_second(self.changed.0.max(self.modified.0)).unwrap_or(now);
        now.duration_since(changed) < GRANULARITY
    }
}

/// What a walk met.
#[derive(Default)]
struct Walk {
    files: Vec<(PathBuf, Stamp)>,
    /// Files that may be feeds, by their names.
    feeds: Vec<(PathBuf, Stamp)>,
    closed: BTreeSet<PathBuf>,
    latest: Option<Timestamp>,
    unsettled: bool,
    warnings: Vec<String>,
}

impl Scanner {
    /// A scanner of the folder `root`, which readers find at `site`. Neither needs to exist.
    pub fn new(root: &Path, site: &Url) -> Scanner {
        Scanner {
            root: root.to_path_buf(),
            site: site.clone(),
            files: BTreeMap::new(),
            feeds: Feeds::default(),
            sample: Sample::default(),
            closed: BTreeSet::new(),
        }
    }

    /// Takes in what feeds said of pages when they were published, by path. It holds until a feed says something else:
    /// most feeds keep only the newest posts, and one that falls out of its feed didn't change.
    pub fn remember(&mut self, heard: HashMap<String, Arc<Mention>>) {
        self.feeds.remember(heard);
    }

    /// Looks at the folder. Blocks for as long as that takes.
    pub fn scan(&mut self, scope: &Scope, progress: Progress<'_>) -> Scan {
        if let Err(error) = fs::read_dir(&self.root) {
            return Scan {
                snapshot: Snapshot::default(),
                unsettled: false,
                latest: None,
                read: 0,
                warnings: vec![format!("the output folder {}: {error}", self.root.display())],
            };
        }
        let mut walk = Walk::default();
        match scope {
            Scope::All => {
                self.walk(&self.root, &mut walk);
                self.closed.clear();
                let there: BTreeSet<&PathBuf> = walk.files.iter().map(|(file, _)| file).collect();
                self.files.retain(|file, _| there.contains(file));
                self.feeds.keep(&walk.feeds);
            }
            Scope::Paths(paths) => {
                for path in paths {
                    self.look(path, &mut walk);
                }
            }
        }
        self.closed.append(&mut walk.closed);
        let now = Clock::system().now();
        let feeds = std::mem::take(&mut walk.feeds);
        self.feeds.read(&self.root, &self.site, &feeds, now, &mut walk);
        let frame = self.learn(&walk.files, now);
        let mut stale: BTreeMap<PathBuf, Stamp> = std::mem::take(&mut walk.files)
            .into_iter()
            .filter(|(file, stamp)| {
                self.files
                    .get(file)
                    .is_none_or(|kept| kept.fresh || kept.stamp != *stamp)
            })
            .collect();
        for (file, kept) in &self.files {
            if !self.feeds.still_say(&kept.path, kept.sighting.feed.as_ref()) {
                stale.entry(file.clone()).or_insert(kept.stamp);
            }
        }
        let stale: Vec<(PathBuf, Stamp)> = stale.into_iter().collect();
        let read = stale.len();
        for (kept, file, unsettled) in self.read_all(&stale, frame.as_ref(), now, progress) {
            walk.unsettled |= unsettled;
            match kept {
                Ok(kept) => {
                    if let Verdict::Unreadable(reason) = &kept.sighting.verdict {
                        walk.warnings
                            .push(format!("{}: {reason}", self.root.join(&file).display()));
                    }
                    self.files.insert(file, kept);
                }
                Err(warning) => {
                    self.files.remove(&file);
                    walk.warnings.extend(warning);
                }
            }
        }
        Scan {
            snapshot: self.snapshot(),
            unsettled: walk.unsettled,
            latest: walk.latest,
            read,
            warnings: walk.warnings,
        }
    }

    /// What reads articles again.
    pub fn reader(&self) -> Reader {
        Reader::new(&self.root, &self.site)
    }

    /// Whether it scans this folder of this site.
    pub fn is_of(&self, root: &Path, site: &Url) -> bool {
        self.root == root && self.site == *site
    }

    fn snapshot(&self) -> Snapshot {
        let pages: BTreeMap<Arc<str>, Arc<Sighting>> = self
            .files
            .values()
            .map(|kept| (Arc::clone(&kept.path), Arc::clone(&kept.sighting)))
            .collect();
        Snapshot {
            folder: if pages.is_empty() {
                Folder::Empty
            } else {
                Folder::Pages
            },
            pages,
            unreadable: self
                .closed
                .iter()
                .filter_map(|folder| Some(format!("{}/", self.page_path(folder)?.trim_end_matches('/'))))
                .collect(),
        }
    }

    /// Looks at one path that something happened to.
    fn look(&mut self, path: &Path, walk: &mut Walk) {
        let Ok(relative) = path.strip_prefix(&self.root) else {
            return;
        };
        if relative.components().any(|part| is_hidden(Path::new(&part))) {
            return;
        }
        let relative = relative.to_path_buf();
        let met = walk.files.len();
        self.closed.retain(|folder| !folder.starts_with(&relative));
        if fs::metadata(path).is_ok() {
            self.walk(path, walk);
        }
        self.feeds.keep_below(&relative, &walk.feeds);
        let there: BTreeSet<&PathBuf> = walk.files[met..].iter().map(|(file, _)| file).collect();
        let gone: Vec<PathBuf> = self
            .files
            .range(relative.clone()..)
            .map(|(file, _)| file)
            .take_while(|file| file.starts_with(&relative))
            .filter(|file| !there.contains(file))
            .cloned()
            .collect();
        for file in gone {
            self.files.remove(&file);
        }
    }

    fn walk(&self, from: &Path, walk: &mut Walk) {
        let entries = WalkDir::new(from)
            .follow_links(true)
            .max_depth(MAX_DEPTH)
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.path()));
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.metadata()?, entry))) {
                Ok((metadata, entry)) => self.meet(&entry, &metadata, walk),
                Err(error) => self.stumble(&error, walk),
            }
        }
    }

    fn meet(&self, entry: &DirEntry, metadata: &Metadata, walk: &mut Walk) {
        let changed = i32::try_from(metadata.ctime_nsec())
            .ok()
            .and_then(|nanos| Timestamp::new(metadata.ctime(), nanos).ok());
        walk.latest = walk.latest.max(changed);
        // A pipe or a device named .html would block whoever opens it.
        if metadata.is_file()
            && let Ok(relative) = entry.path().strip_prefix(&self.root)
        {
            if is_page(relative) {
                walk.files.push((relative.to_path_buf(), Stamp::of(metadata)));
            } else if !is_hidden(relative) && relative.to_str().is_some_and(feed::may_be_feed) {
                walk.feeds.push((relative.to_path_buf(), Stamp::of(metadata)));
            }
        } else if metadata.is_dir() && entry.depth() == MAX_DEPTH {
            walk.warnings.push(format!(
                "{}: folders more than {MAX_DEPTH} deep are not read",
                entry.path().display()
            ));
        }
    }

    fn stumble(&self, error: &walkdir::Error, walk: &mut Walk) {
        let Some(path) = error.path() else { return };
        if let Some(ancestor) = error.loop_ancestor() {
            walk.warnings.push(format!(
                "{}: a link to {}, in which it lies; not followed",
                path.display(),
                ancestor.display()
            ));
            return;
        }
        let gone = error
            .io_error()
            .is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
        if gone {
            // A link that leads nowhere is like a file that isn't there; anything else vanished just now.
            walk.unsettled |= fs::symlink_metadata(path).is_err();
            return;
        }
        walk.warnings.push(format!("{}: {error}", path.display()));
        if let Ok(relative) = path.strip_prefix(&self.root) {
            walk.closed.insert(relative.to_path_buf());
        }
    }

    /// Reads many files, on as many cores as there are. An error is a file that isn't a page, with a warning if the
    /// owner should know.
    fn read_all(
        &self,
        stale: &[(PathBuf, Stamp)],
        frame: Option<&Arc<Frame>>,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Vec<(Result<Kept, Option<String>>, PathBuf, bool)> {
        /// Below this many files a second thread costs more than it saves.
        const WORTH_A_THREAD: usize = 8;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = cores.min(stale.len() / WORTH_A_THREAD + 1);
        let next = AtomicUsize::new(0);
        let done = AtomicUsize::new(0);
        let work = || {
            let mut results = Vec::new();
            while let Some((file, stamp)) = stale.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (kept, unsettled) = self.read_one(file, *stamp, frame, now);
                results.push((kept, file.clone(), unsettled));
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, stale.len());
            }
            results
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut results = work();
            for other in others {
                match other.join() {
                    Ok(more) => results.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            results
        })
    }

    /// Learns what the posts have in common, from those that were there before and those that were met.
    fn learn(&mut self, met: &[(PathBuf, Stamp)], now: Timestamp) -> Option<Arc<Frame>> {
        let mut there: BTreeMap<&Path, Stamp> = self
            .files
            .iter()
            .map(|(file, kept)| (file.as_path(), kept.stamp))
            .collect();
        there.extend(met.iter().map(|(file, stamp)| (file.as_path(), *stamp)));
        let there = there.into_iter().map(|(file, stamp)| Candidate { file, stamp });
        let (root, site, feeds) = (&self.root, &self.site, &self.feeds);
        let heard = |file: &Path| page_path(site, file).and_then(|path| feeds.of(&path));
        let read = |file: &Path| -> Option<Sketch> {
            page::sketch(&Source {
                path: &path_below(file)?,
                html: &read_file(&root.join(file), page::MAX_PAGE).ok()?,
                site,
                feed: heard(file).as_deref(),
                frame: None,
            })
        };
        self.sample
            .learn(there, &|file| heard(file).is_some(), &read, now)
    }

    fn read_one(
        &self,
        file: &Path,
        stamp: Stamp,
        frame: Option<&Arc<Frame>>,
        now: Timestamp,
    ) -> (Result<Kept, Option<String>>, bool) {
        let full = self.root.join(file);
        let (Some(path), Some(below)) = (self.page_path(file), path_below(file)) else {
            return (
                Err(Some(format!(
                    "{}: the name isn't UTF-8, so it has no address",
                    full.display()
                ))),
                false,
            );
        };
        let feed = self.feeds.of(&path);
        let mut stated = false;
        let mut alternates = Vec::new();
        let mut source = Print::default();
        let (canonical, verdict) = match read_file(&full, page::MAX_PAGE) {
            Ok(html) if stamp.is_being_written(now) && is_cut_short(&html) => (
                None,
                Verdict::Unreadable("ends in the middle; it is left as it is until it is whole".into()),
            ),
            Ok(html) => {
                let page = page::read(&Source {
                    path: &below,
                    html: &html,
                    site: &self.site,
                    feed: feed.as_deref(),
                    frame: frame.map(|frame| &**frame),
                });
                stated = page.stated;
                alternates = page.alternates;
                source = print(&html, feed.as_deref());
                let verdict = match page.verdict {
                    page::Verdict::Post(article) => Verdict::Post(Box::new(Post::of(&article))),
                    page::Verdict::Alias(target) => Verdict::Alias(target.into()),
                    page::Verdict::Not(reason) => Verdict::Not(reason.to_string().into()),
                };
                (page.canonical.map(String::into_boxed_str), verdict)
            }
            Err(Unread::Gone) => return (Err(None), true),
            Err(Unread::TooLarge) => (
                None,
                Verdict::Unreadable(format!("larger than {} MiB, not read", page::MAX_PAGE >> 20).into()),
            ),
            Err(Unread::Io(error)) => (
                None,
                Verdict::Unreadable(format!("can't be read: {error}").into()),
            ),
        };
        let unsettled = fs::metadata(&full).map_or(true, |metadata| Stamp::of(&metadata) != stamp);
        let kept = Kept {
            stamp,
            fresh: stamp.is_fresh(now) || matches!(verdict, Verdict::Unreadable(_)),
            path: path.into(),
            sighting: Arc::new(Sighting {
                file: file.to_path_buf(),
                canonical,
                feed,
                frame: frame.cloned(),
                source,
                stated,
                alternates: alternates.into(),
                translations: Box::default(),
                written: stamp.written(),
                verdict,
            }),
        };
        (Ok(kept), unsettled)
    }

    fn page_path(&self, relative: &Path) -> Option<String> {
        page_path(&self.site, relative)
    }
}

/// Of what a page is read from. When a feed says that something changed is left out: most write the time of the build.
fn print(html: &[u8], feed: Option<&Mention>) -> Print {
    let said = feed.map(|said| {
        let mut said = said.clone();
        said.updated = said.updated.filter(|_| said.published.is_none());
        serde_json::to_vec(&said).unwrap_or_default()
    });
    Print::of([html, said.as_deref().unwrap_or_default()])
}

#[cfg(test)]
mod tests;
