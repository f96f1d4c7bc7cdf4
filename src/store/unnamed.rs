//! Files that get their name when they are whole.
//!
//! A file without a name (`O_TMPFILE`) that is linked into its folder changes the folder once; a temporary name and a
//! rename change it three times, each while nobody else can. And what a crash leaves of it is nothing.

use std::io;
use std::path::Path;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Linked {
    /// The file is there.
    Done,
    /// Another is there under that name.
    Taken,
    /// It can't be done so here: not on this file system, not without `/proc`, or not in a folder that isn't there.
    Cannot,
}

/// Makes such files, as long as that works.
#[derive(Debug, Default)]
pub(super) struct Unnamed {
    #[cfg(target_os = "linux")]
    fails: std::sync::atomic::AtomicBool,
}

impl Unnamed {
    /// Makes a file of these bytes and links it to `path`, which lies in `folder`; `synced` once they are on the disk.
    ///
    /// # Errors
    /// When the bytes can't be written: no other way would do better.
    #[cfg(target_os = "linux")]
    pub(super) fn put(
        &self,
        folder: &Path,
        path: &Path,
        bytes: &[u8],
        mode: u32,
        synced: bool,
    ) -> io::Result<Linked> {
        use std::io::Write as _;
        use std::os::fd::AsRawFd as _;
        use std::sync::atomic::Ordering;

        use rustix::fs::{AtFlags, CWD, Mode, OFlags};
        use rustix::io::Errno;

        if self.fails.load(Ordering::Relaxed) {
            return Ok(Linked::Cannot);
        }
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let mut file = match rustix::fs::open(folder, flags, Mode::from_raw_mode(mode)) {
            Ok(file) => std::fs::File::from(file),
            Err(Errno::NOENT) => return Ok(Linked::Cannot),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                self.fails.store(true, Ordering::Relaxed);
                return Ok(Linked::Cannot);
            }
            Err(error) => return Err(error.into()),
        };
        file.write_all(bytes)?;
        if synced {
            file.sync_all()?;
        }
        let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
        match rustix::fs::linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => Ok(Linked::Done),
            Err(Errno::EXIST) => Ok(Linked::Taken),
            // There is no /proc, or no link to such a file; or only the folder went away meanwhile.
            Err(Errno::NOENT | Errno::PERM | Errno::ACCESS | Errno::XDEV | Errno::OPNOTSUPP) => {
                self.fails.store(folder.is_dir(), Ordering::Relaxed);
                Ok(Linked::Cannot)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Other systems have no such files.
    ///
    /// # Errors
    /// None.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn put(&self, _: &Path, _: &Path, _: &[u8], _: u32, _: bool) -> io::Result<Linked> {
        Ok(Linked::Cannot)
    }
}
