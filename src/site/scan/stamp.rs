//! The stamp of a file: what changes when the file does.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;

use jiff::{SignedDuration, Timestamp};

/// A file changed so shortly before it was read may change again without its stamp showing it: file systems keep times
/// to 2 s (FAT), 1 s (NFSv2, ext3) or one tick of the kernel. It is read once more at the next scan.
const GRANULARITY: SignedDuration = SignedDuration::from_secs(2);

/// A page that ends in the middle is taken for one that is still being written for so long: a build that failed is
/// repeated within minutes, and a page that stays so is what its author wants.
const BEING_WRITTEN: SignedDuration = SignedDuration::from_mins(10);

/// What changes when a file does. The time of the inode and its number are there for tools that set the time of the
/// content back (rsync -t) or put another file in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    pub(super) modified: (i64, i64),
    pub(super) changed: (i64, i64),
    pub(super) size: u64,
    pub(super) inode: u64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            size: metadata.size(),
            inode: metadata.ino(),
        }
    }

    /// All of it in one number, which is kept of every page: that two stamps of one file have the same is less likely than
    /// that its disk fails.
    pub(super) fn seal(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// When the file was written; the epoch where the file system says what no clock can.
    pub(super) fn written(&self) -> Timestamp {
        let (seconds, nanoseconds) = self.modified;
        Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or(0)).unwrap_or_default()
    }

    /// Whether the file was written so shortly before `now` that it may not be whole yet.
    pub(super) fn is_being_written(&self, now: Timestamp) -> bool {
        now.duration_since(self.written()).abs() < BEING_WRITTEN
    }

    /// Whether the file changed so shortly before `now` that the stamp can't be relied upon.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        let changed = Timestamp::from_second(self.changed.0.max(self.modified.0)).unwrap_or(now);
        now.duration_since(changed) < GRANULARITY
    }
}
