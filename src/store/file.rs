//! The disk: the only place in the program that writes files.
//!
//! Every write is whole or not there: what isn't there yet is a file without a name, fsync, link, fsync of the directory;
//! what replaces something is a temporary file in the same directory, fsync, rename, fsync of the directory.
//! A key is a path below the data directory without its ending: `objects/posts~hello` is `objects/posts~hello.json`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StoreError;
pub use super::name::{file_name, short_hash};
use super::turn::Turns;
use super::unnamed::{Linked, Unnamed};

/// How the names of temporary files begin; leftovers of a crash are removed at start.
pub(super) const TEMPORARY: &str = ".tmp-";

/// A directory of records.
#[derive(Clone, Debug)]
pub struct Disk {
    root: PathBuf,
    /// Whose turn it is to wait for which folder.
    turns: Arc<Turns>,
    /// How files are made that have no name yet.
    unnamed: Arc<Unnamed>,
}

impl Disk {
    /// The disk below `root`, which must exist.
    pub fn new(root: &Path) -> Disk {
        Disk {
            root: root.to_path_buf(),
            turns: Arc::default(),
            unnamed: Arc::default(),
        }
    }

    /// The data directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file of a record.
    pub fn path(&self, key: &str) -> PathBuf {
        self.root.join(format!("{key}.json"))
    }

    /// Makes a folder and those above it, durably.
    pub fn make_folder(&self, folder: &str) -> Result<(), StoreError> {
        let path = self.root.join(folder);
        if path.is_dir() {
            return Ok(());
        }
        self.restore_folder(&path)?;
        let mut above = path.as_path();
        while let Some(parent) = above.parent() {
            self.sync_folder(parent)?;
            if parent == self.root {
                break;
            }
            above = parent;
        }
        Ok(())
    }

    /// The bytes of a record; `None` when there is none.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(&format!("{key}.json"))
    }

    /// Puts the bytes of a record into `bytes`, in place of what is there; `false` when there is none.
    pub fn get_into(&self, key: &str, bytes: &mut Vec<u8>) -> Result<bool, StoreError> {
        let path = self.path(key);
        bytes.clear();
        let mut read = || File::open(&path)?.read_to_end(bytes);
        match read() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io(&path, error)),
        }
    }

    /// The bytes of any file below the data directory; `None` when there is none.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.root.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(&path, error)),
        }
    }

    /// Writes a record, whether it is there or not.
    pub fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.write(&self.path(key), bytes, 0o644, Existing::Replace)
            .map(|_| ())
    }

    /// The same of a record that is most likely not there: nobody looks first.
    pub fn replace_absent(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.write(&self.path(key), bytes, 0o644, Existing::Unlikely)
            .map(|_| ())
    }

    /// Writes a record beside its place, without waiting for the disk. [`Disk::place`] puts many into theirs at once;
    /// what isn't is removed when it is dropped, or at the next start.
    pub fn stage(&self, key: &str, bytes: &[u8]) -> Result<Staged, StoreError> {
        let path = self.path(key);
        let mut file = self.temporary(&path, 0o644, Wait::ForDisk)?;
        file.write_all(bytes)
            .map_err(|error| StoreError::io(&path, error))?;
        Ok(Staged {
            temporary: file.into_temp_path(),
            path,
        })
    }

    /// Puts staged records into their places. Whether one is there or not: waits for the disk once for all of them,
    /// then renames them, then waits once for each of their folders. A crash leaves some in their places and some not,
    /// each of them whole.
    pub fn place(&self, staged: Vec<Staged>) -> Result<(), StoreError> {
        let mut folders = std::collections::BTreeSet::new();
        self.sync_contents(&staged)?;
        for Staged { temporary, path } in staged {
            temporary
                .persist(&path)
                .map_err(|error| StoreError::io(&path, error.error))?;
            folders.extend(path.parent().map(Path::to_path_buf));
        }
        folders.iter().try_for_each(|folder| self.sync_folder(folder))
    }

    /// Waits until what was staged is on the disk: for a single one by itself, for several for the whole file system,
    /// which costs as much as for a few.
    fn sync_contents(&self, staged: &[Staged]) -> Result<(), StoreError> {
        /// So few are waited for one by one.
        const FEW: usize = 2;
        let open = |path: &Path| File::open(path).map_err(|error| StoreError::io(path, error));
        #[cfg(target_os = "linux")]
        if staged.len() > FEW {
            let folder = open(&self.root)?;
            return rustix::fs::syncfs(folder).map_err(|error| StoreError::io(&self.root, error.into()));
        }
        staged.iter().try_for_each(|staged| {
            let file = open(&staged.temporary)?;
            file.sync_all()
                .map_err(|error| StoreError::io(&staged.path, error))
        })
    }

    /// A temporary file in the folder of a path, which is made if need be.
    fn temporary(&self, path: &Path, mode: u32, wait: Wait) -> Result<tempfile::NamedTempFile, StoreError> {
        let folder = path.parent().unwrap_or(&self.root);
        let fail = |error| StoreError::io(path, error);
        let open = || {
            tempfile::Builder::new()
                .prefix(TEMPORARY)
                .permissions(fs::Permissions::from_mode(mode))
                .tempfile_in(folder)
                .map_err(bare)
        };
        match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.restore_folder(folder)?;
                if wait == Wait::ForDisk {
                    self.sync_folder(folder.parent().unwrap_or(&self.root))?;
                }
                open().map_err(fail)
            }
            other => other.map_err(fail),
        }
    }

    /// Makes a folder that isn't there (any more), but never the data directory itself: what was moved away or isn't
    /// mounted would be begun anew, without its keys.
    fn restore_folder(&self, folder: &Path) -> Result<(), StoreError> {
        fs::metadata(&self.root).map_err(|error| StoreError::io(&self.root, error))?;
        fs::create_dir_all(folder).map_err(|error| StoreError::io(folder, error))
    }

    /// A file below the data directory, to be read piece by piece; `None` when there is none.
    pub fn open(&self, name: &str) -> Result<Option<File>, StoreError> {
        let path = self.root.join(name);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(&path, error)),
        }
    }

    /// Writes a large file of a cache, piece by piece: as what `write` wrote or as it was, but without waiting for the disk.
    pub fn replace_by(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let path = self.root.join(name);
        let fail = |error| StoreError::io(&path, error);
        let mut file = self.temporary(&path, 0o644, Wait::ForNothing)?;
        write(file.as_file_mut()).map_err(fail)?;
        file.persist(&path).map_err(|error| fail(error.error))?;
        Ok(())
    }

    /// Writes a record of a cache: whole or not there, but without waiting for the disk.
    pub fn replace_unsynced(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(key);
        self.put(&path, bytes, 0o644, Existing::Replace, Wait::ForNothing)
            .map(|_| ())
    }

    /// Removes any file without waiting for the disk; no error when there is none.
    pub fn unlink(&self, name: &str) -> Result<(), StoreError> {
        let path = self.root.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io(&path, error)),
            _ => Ok(()),
        }
    }

    /// Writes a record if there is none; `false` when there is one.
    pub fn put_new(&self, key: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        self.write(&self.path(key), bytes, 0o644, Existing::Keep)
    }

    /// Writes any file below the data directory, whether it is there or not.
    pub fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.write(&self.root.join(name), bytes, 0o644, Existing::Replace)
            .map(|_| ())
    }

    /// Writes a secret that only its owner may read, if there is none; `false` when there is one.
    pub fn put_secret(&self, name: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        self.write(&self.root.join(name), bytes, 0o600, Existing::Keep)
    }

    /// Replaces a secret that only its owner may read.
    pub fn replace_secret(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.write(&self.root.join(name), bytes, 0o600, Existing::Replace)
            .map(|_| ())
    }

    /// Removes a record; no error when there is none.
    pub fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.remove(&format!("{key}.json"))
    }

    /// Removes any file below the data directory; no error when there is none.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.root.join(name);
        match fs::remove_file(&path) {
            Ok(()) => self.sync_folder(path.parent().unwrap_or(&self.root)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io(&path, error)),
        }
    }

    /// Appends to a log beside the records, making it when it isn't there, without waiting for the disk:
    /// what is written outlives this process, and after [`Disk::sync`] a power failure too.
    pub fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.root.join(name);
        let open = || {
            OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o644)
                .open(&path)
        };
        let fail = |error| StoreError::io(&path, error);
        let mut log = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.restore_folder(path.parent().unwrap_or(&self.root))?;
                open().map_err(fail)?
            }
            other => other.map_err(fail)?,
        };
        log.write_all(bytes).map_err(fail)
    }

    /// Waits until what was appended to these logs is on the disk, and their folders too. One that is gone is done.
    pub fn sync(&self, names: &[String]) -> Result<(), StoreError> {
        let mut folders = std::collections::BTreeSet::new();
        for name in names {
            let path = self.root.join(name);
            match File::open(&path) {
                Ok(file) => file.sync_data().map_err(|error| StoreError::io(&path, error))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io(&path, error)),
            }
            if let Some(folder) = path.parent() {
                folders.insert(folder.to_path_buf());
            }
        }
        folders.iter().try_for_each(|folder| self.sync_folder(folder))
    }

    /// Whether a record of this key was put aside and still lies there.
    pub fn is_aside(&self, key: &str) -> bool {
        self.root
            .join("damaged")
            .join(format!("{}.json", key.replace('/', "~")))
            .exists()
    }

    /// Moves a record that can't be understood to `damaged/`, so that the rest can go on; answers where it lies now.
    pub fn quarantine(&self, key: &str) -> Result<PathBuf, StoreError> {
        self.make_folder("damaged")?;
        let from = self.path(key);
        let name = key.replace('/', "~");
        let to = (0u32..)
            .map(|n| {
                self.root.join("damaged").join(if n == 0 {
                    format!("{name}.json")
                } else {
                    format!("{name}.{n}.json")
                })
            })
            .find(|to| !to.exists())
            .expect("one of four billion names is free");
        fs::rename(&from, &to).map_err(|error| StoreError::io(&from, error))?;
        self.sync_folder(&self.root.join("damaged"))?;
        self.sync_folder(from.parent().unwrap_or(&self.root))?;
        Ok(to)
    }

    /// Waits until the names in a folder are on the disk, together with whoever else does.
    fn sync_folder(&self, folder: &Path) -> Result<(), StoreError> {
        self.turns
            .take(folder, || File::open(folder)?.sync_all())
            .map_err(|error| StoreError::io(folder, error))
    }

    fn write(&self, path: &Path, bytes: &[u8], mode: u32, existing: Existing) -> Result<bool, StoreError> {
        self.put(path, bytes, mode, existing, Wait::ForDisk)
    }

    fn put(
        &self,
        path: &Path,
        bytes: &[u8],
        mode: u32,
        existing: Existing,
        wait: Wait,
    ) -> Result<bool, StoreError> {
        let folder = path.parent().unwrap_or(&self.root);
        let fail = |error| StoreError::io(path, error);
        let linked = match existing != Existing::Unlikely && path.exists() {
            true => Linked::Taken,
            false => self
                .unnamed
                .put(folder, path, bytes, mode, wait == Wait::ForDisk)
                .map_err(fail)?,
        };
        match (linked, existing) {
            (Linked::Done, _) => {}
            (Linked::Taken, Existing::Keep) => return Ok(false),
            (Linked::Taken | Linked::Cannot, _) => {
                let mut file = self.temporary(path, mode, wait)?;
                file.write_all(bytes).map_err(fail)?;
                if wait == Wait::ForDisk {
                    file.as_file().sync_all().map_err(fail)?;
                }
                match existing {
                    Existing::Replace | Existing::Unlikely => file.persist(path),
                    Existing::Keep => match file.persist_noclobber(path) {
                        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
                        other => other,
                    },
                }
                .map_err(|error| fail(error.error))?;
            }
        }
        if wait == Wait::ForDisk {
            self.sync_folder(folder)?;
        }
        Ok(true)
    }
}

/// A record that is written, but not in its place.
#[derive(Debug)]
pub struct Staged {
    temporary: tempfile::TempPath,
    path: PathBuf,
}

/// What happens to a file that is already there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    Keep,
    Replace,
    /// Replaced, if there is one against all expectation.
    Unlikely,
}

/// Whether what is written must outlive a loss of power.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    ForDisk,
    ForNothing,
}

/// What the operating system said, without the path of the temporary file, which would stand there twice.
fn bare(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|named| named.source());
    let code = inner.and_then(|inner| inner.downcast_ref::<io::Error>()?.raw_os_error());
    code.map_or(error, io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> (tempfile::TempDir, Disk) {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path());
        (folder, disk)
    }

    #[test]
    fn staged_records_are_whole_in_their_places_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path());
        let staged = |count: usize| -> Vec<Staged> {
            let stage = |n: usize| disk.stage(&format!("fruits/{n}"), n.to_string().as_bytes());
            (0..count).map(|n| stage(n).unwrap()).collect()
        };
        drop(staged(4));
        assert!(disk.list("fruits").unwrap().is_empty());
        for count in [1, 40] {
            disk.place(staged(count)).unwrap();
            assert_eq!(disk.list("fruits").unwrap().len(), count);
        }
        assert_eq!(disk.get("fruits/39").unwrap().unwrap(), b"39");
        assert_eq!(fs::read_dir(folder.path().join("fruits")).unwrap().count(), 40);
    }

    #[test]
    fn a_record_is_written_whole_and_put_new_never_overwrites() {
        let (_folder, disk) = disk();
        assert!(disk.put_new("objects/a", b"one").unwrap());
        assert!(!disk.put_new("objects/a", b"two").unwrap());
        assert_eq!(disk.get("objects/a").unwrap().unwrap(), b"one");
        disk.replace("objects/a", b"three").unwrap();
        assert_eq!(disk.get("objects/a").unwrap().unwrap(), b"three");
        disk.delete("objects/a").unwrap();
        disk.delete("objects/a").unwrap();
        assert_eq!(disk.get("objects/a").unwrap(), None);
    }

    #[test]
    fn what_was_believed_absent_is_replaced_all_the_same() {
        let (folder, disk) = disk();
        disk.replace_absent("objects/a", b"one").unwrap();
        disk.replace_absent("objects/a", b"two").unwrap();
        assert_eq!(disk.get("objects/a").unwrap().unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path().join("objects")).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_of_a_crash_are_not_records() {
        let (folder, disk) = disk();
        disk.replace("objects/a", b"one").unwrap();
        fs::write(folder.path().join("objects/.tmp-x"), b"half").unwrap();
        assert_eq!(disk.list("objects").unwrap(), ["objects/a"]);
        assert!(!folder.path().join("objects/.tmp-x").exists());
    }

    #[test]
    fn what_somebody_is_writing_is_left_alone_where_others_look() {
        let (folder, disk) = disk();
        fs::create_dir(folder.path().join("remote")).unwrap();
        fs::write(folder.path().join("remote/a.json"), b"one").unwrap();
        fs::write(folder.path().join("remote/.tmp-x"), b"half").unwrap();
        let names = |files: Vec<(String, u64, _)>| -> Vec<_> {
            files.into_iter().map(|(name, size, _)| (name, size)).collect()
        };
        assert_eq!(
            names(disk.files_in_use("remote").unwrap()),
            [("a.json".to_string(), 3)]
        );
        assert!(folder.path().join("remote/.tmp-x").exists());
        assert_eq!(names(disk.files("remote").unwrap()), [("a.json".to_string(), 3)]);
        assert!(!folder.path().join("remote/.tmp-x").exists());
    }

    #[test]
    fn a_secret_is_readable_by_its_owner_only() {
        let (folder, disk) = disk();
        disk.put_secret("actors/blog/key.pem", b"secret").unwrap();
        let mode = fs::metadata(folder.path().join("actors/blog/key.pem"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_record_is_kept_aside() {
        let (folder, disk) = disk();
        disk.replace("objects/a", b"{").unwrap();
        disk.quarantine("objects/a").unwrap();
        disk.replace("objects/a", b"{").unwrap();
        disk.quarantine("objects/a").unwrap();
        assert!(folder.path().join("damaged/objects~a.json").exists());
        assert!(folder.path().join("damaged/objects~a.1.json").exists());
    }
}
