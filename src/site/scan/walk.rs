//! Walking the output folder: which files are pages or may be feeds, and what is in the way.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use walkdir::{DirEntry, WalkDir};

use super::reader::{is_hidden, is_page};
use super::stamp::Stamp;
use crate::site::feed;

/// Folders in one another. Deeper is a generator gone wild, and paths come near the 4,096 bytes that Linux takes.
const MAX_DEPTH: usize = 64;

/// Entries of one folder above which the owner is told: they are read all the same, but a folder that every web server
/// and every tool has to search from end to end is seldom meant.
pub(super) const CROWDED: usize = 50_000;

/// What a walk found besides the files.
#[derive(Default)]
pub(super) struct Walk {
    /// Folders that can't be opened, relative.
    pub(super) closed: BTreeSet<PathBuf>,
    /// The latest change of anything.
    pub(super) latest: Option<Timestamp>,
    /// Whether something changed meanwhile.
    pub(super) unsettled: bool,
    /// What the owner should know.
    pub(super) warnings: Vec<String>,
}

/// A file that a walk met, by its path relative to the output folder.
pub(super) enum Met<'a> {
    /// A page.
    Page(&'a str, Stamp),
    /// One that may be a feed, by its name.
    Feed(&'a str, Stamp),
}

impl Walk {
    /// Walks from a path below `root`, or from `root` itself.
    pub(super) fn over(&mut self, root: &Path, from: &Path, mut see: impl FnMut(Met<'_>)) {
        let entries = WalkDir::new(from)
            .follow_links(true)
            .max_depth(MAX_DEPTH)
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.path()));
        // How many entries of each of the folders above were met.
        let mut counts: Vec<usize> = Vec::new();
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.metadata()?, entry))) {
                Ok((metadata, entry)) => {
                    self.count(&mut counts, &entry);
                    self.meet(root, &entry, &metadata, &mut see);
                }
                Err(error) => self.stumble(root, &error),
            }
        }
    }

    fn count(&mut self, counts: &mut Vec<usize>, entry: &DirEntry) {
        counts.resize(entry.depth() + 1, 0);
        let Some(count) = entry
            .depth()
            .checked_sub(1)
            .and_then(|above| counts.get_mut(above))
        else {
            return;
        };
        *count += 1;
        if *count == CROWDED + 1
            && let Some(folder) = entry.path().parent()
        {
            self.warnings.push(format!(
                "{}: more than {CROWDED} files in one folder; they are read, but servers and other tools are slow with that many",
                folder.display()
            ));
        }
    }

    fn meet(&mut self, root: &Path, entry: &DirEntry, metadata: &Metadata, see: &mut impl FnMut(Met<'_>)) {
        let changed = i32::try_from(metadata.ctime_nsec())
            .ok()
            .and_then(|nanos| Timestamp::new(metadata.ctime(), nanos).ok());
        self.latest = self.latest.max(changed);
        // A pipe or a device named .html would block whoever opens it.
        if metadata.is_file()
            && let Ok(relative) = entry.path().strip_prefix(root)
        {
            match relative.to_str() {
                Some(name) if is_page(relative) => see(Met::Page(name, Stamp::of(metadata))),
                Some(name) if !is_hidden(relative) && feed::may_be_feed(name) => {
                    see(Met::Feed(name, Stamp::of(metadata)));
                }
                None if is_page(relative) => self.warnings.push(format!(
                    "{}: the name isn't UTF-8, so it has no address",
                    entry.path().display()
                )),
                _ => {}
            }
        } else if metadata.is_dir() && entry.depth() == MAX_DEPTH {
            self.warnings.push(format!(
                "{}: folders more than {MAX_DEPTH} deep are not read",
                entry.path().display()
            ));
        }
    }

    fn stumble(&mut self, root: &Path, error: &walkdir::Error) {
        let Some(path) = error.path() else { return };
        if let Some(ancestor) = error.loop_ancestor() {
            self.warnings.push(format!(
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
            self.unsettled |= fs::symlink_metadata(path).is_err();
            return;
        }
        self.warnings.push(format!("{}: {error}", path.display()));
        if let Ok(relative) = path.strip_prefix(root) {
            self.closed.insert(relative.to_path_buf());
        }
    }
}
