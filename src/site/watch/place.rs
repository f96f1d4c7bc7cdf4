//! What can be seen of the folder without events: which one it is, what it looks like, on what it lies.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use walkdir::WalkDir;

/// Device and inode of what a path leads to.
pub(super) fn identity(root: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(root).ok().filter(fs::Metadata::is_dir)?;
    Some((metadata.dev(), metadata.ino()))
}

/// A number that changes when anything in a folder does.
pub(super) fn appearance(root: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    for entry in WalkDir::new(root)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .flatten()
    {
        entry.path().hash(&mut hasher);
        if let Ok(metadata) = entry.metadata() {
            (metadata.mtime(), metadata.mtime_nsec()).hash(&mut hasher);
            (metadata.ctime(), metadata.ctime_nsec()).hash(&mut hasher);
            // Not the inode: over FUSE (sshfs) a file may get another number whenever it is looked up again.
            metadata.len().hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// The kind of a file system that sends no events for what other machines write.
pub(super) fn silent_file_system(root: &Path) -> Option<&'static str> {
    // Magic numbers of statfs(2) and of the kernel's headers.
    let kind = rustix::fs::statfs(root).ok()?.f_type;
    match kind as i64 {
        0x6969 => Some("NFS"),
        0x6573_5546 => Some("FUSE"),
        0x517B => Some("SMB"),
        0xFF53_4D42 | 0xFE53_4D42 => Some("CIFS"),
        0x0102_1997 => Some("9p"),
        0x786F_4256 => Some("a VirtualBox folder"),
        0x5346_414F => Some("AFS"),
        0x00C3_6400 => Some("Ceph"),
        0x0116_1970 | 0x0BD0_0BD0 => Some("a cluster file system"),
        _ => None,
    }
}
