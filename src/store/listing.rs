//! What lies in a folder of the data directory.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::StoreError;
use super::file::{Disk, TEMPORARY};

/// The keys of a folder: see [`Disk::keys`].
#[derive(Debug)]
pub struct Keys {
    entries: Option<fs::ReadDir>,
    path: PathBuf,
    folder: String,
}

impl Iterator for Keys {
    type Item = Result<String, StoreError>;

    fn next(&mut self) -> Option<Result<String, StoreError>> {
        for entry in self.entries.as_mut()? {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(StoreError::io(&self.path, error))),
            };
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(TEMPORARY) {
                // A crash left it; what it was meant to become was never acknowledged.
                let _ = fs::remove_file(entry.path());
            } else if let Some(stem) = name.strip_suffix(".json") {
                return Some(Ok(format!("{}/{stem}", self.folder)));
            }
        }
        None
    }
}

impl Disk {
    /// The files of a folder: name, size in bytes, and when it was written, in no order. What a crash left half written is
    /// removed on the way, so this is for folders where nobody writes yet.
    pub fn files(&self, folder: &str) -> Result<Vec<(String, u64, std::time::SystemTime)>, StoreError> {
        self.list_files(folder, Leftovers::Remove)
    }

    /// The same of a folder where others may be writing: what is half written is theirs.
    pub fn files_in_use(
        &self,
        folder: &str,
    ) -> Result<Vec<(String, u64, std::time::SystemTime)>, StoreError> {
        self.list_files(folder, Leftovers::Leave)
    }

    fn list_files(
        &self,
        folder: &str,
        leftovers: Leftovers,
    ) -> Result<Vec<(String, u64, std::time::SystemTime)>, StoreError> {
        let path = self.root().join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io(&path, error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| StoreError::io(&path, error))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with(TEMPORARY) {
                if leftovers == Leftovers::Remove {
                    let _ = fs::remove_file(entry.path());
                }
                continue;
            }
            let about = match entry.metadata() {
                // It was removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                about => about.map_err(|error| StoreError::io(&path, error))?,
            };
            if about.is_file() {
                let written = about.modified().unwrap_or(std::time::SystemTime::UNIX_EPOCH);
                files.push((name, about.len(), written));
            }
        }
        Ok(files)
    }

    /// The keys of all records of a folder, in no order. Leftover temporary files are removed on the way.
    pub fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.keys(folder)?.collect()
    }

    /// The same one after the other, for folders with very many.
    pub fn keys(&self, folder: &str) -> Result<Keys, StoreError> {
        let path = self.root().join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(StoreError::io(&path, error)),
        };
        Ok(Keys {
            entries,
            path,
            folder: folder.to_string(),
        })
    }

    /// The names of the folders in a folder.
    pub fn folders(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let path = self.root().join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io(&path, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| StoreError::io(&path, error))?;
            if entry.path().is_dir()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

/// What happens to files that are half written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leftovers {
    Remove,
    Leave,
}
