//! A cache on disk: records of one shape in one folder, without an index.
//!
//! What lies here can be fetched again, so it is written without waiting for the disk, costs no memory, and isn't read
//! at start. A file that doesn't parse counts as absent.

use std::marker::PhantomData;

use super::file::{Disk, file_name};
use super::{Record, StoreError};

/// A cache on disk.
#[derive(Debug)]
pub struct Cache<R> {
    disk: Disk,
    folder: &'static str,
    records: PhantomData<fn() -> R>,
}

impl<R> Clone for Cache<R> {
    fn clone(&self) -> Cache<R> {
        Cache {
            disk: self.disk.clone(),
            folder: self.folder,
            records: PhantomData,
        }
    }
}

impl<R: Record> Cache<R> {
    /// The cache in a folder; nothing is read yet.
    pub fn new(disk: &Disk, folder: &'static str) -> Cache<R> {
        Cache {
            disk: disk.clone(),
            folder,
            records: PhantomData,
        }
    }

    /// A record; `None` when there is none that can be read.
    pub fn get(&self, id: &str) -> Option<R> {
        let bytes = self.disk.get(&self.key(id)).ok()??;
        let record: R = serde_json::from_slice(&bytes).ok()?;
        (record.id() == id).then_some(record)
    }

    /// Writes a record, whether it is there or not. After a power failure it may be gone, but is never half there.
    pub fn put(&self, record: &R) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec_pretty(record).map_err(|error| StoreError::Damaged {
            path: self.disk.path(&self.key(record.id())),
            reason: error.to_string(),
        })?;
        self.disk.replace_unsynced(&self.key(record.id()), &bytes)
    }

    /// Removes a record; no error when there is none.
    pub fn delete(&self, id: &str) -> Result<(), StoreError> {
        self.disk.unlink(&format!("{}.json", self.key(id)))
    }

    fn key(&self, id: &str) -> String {
        format!("{}/{}", self.folder, file_name(id))
    }
}

#[cfg(test)]
mod tests {
    use super::super::remote::RemoteHost;
    use super::*;

    #[test]
    fn a_cached_record_comes_back_and_a_damaged_one_counts_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path());
        let cache = Cache::<RemoteHost>::new(&disk, "remote/hosts");
        assert!(cache.get("a.example").is_none());
        cache
            .put(&RemoteHost {
                host: "a.example".into(),
                scheme: None,
            })
            .unwrap();
        assert_eq!(cache.get("a.example").unwrap().host, "a.example");
        std::fs::write(folder.path().join("remote/hosts/a.example.json"), b"{").unwrap();
        assert!(cache.get("a.example").is_none());
        cache.delete("a.example").unwrap();
        cache.delete("a.example").unwrap();
    }
}
