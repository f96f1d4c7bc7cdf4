//! A cache on disk: records of one shape in one folder, without an index.
//!
//! What lies here can be fetched again, so it is written without waiting for the disk, costs no memory, and isn't read
//! at start. A file that doesn't parse counts as absent. What was written longest ago goes when there is too much: strangers
//! decide how many there are of them.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::file::{Disk, file_name};
use super::{Record, StoreError};

/// Most bytes that a cache takes on the disk: the documents of some 80,000 actors.
const MOST: u64 = 512 << 20;
/// After so many written bytes is looked whether there are more, which takes a look at every file.
const LOOK: u64 = 64 << 20;

/// A cache on disk.
#[derive(Debug)]
pub struct Cache<R> {
    disk: Disk,
    folder: &'static str,
    /// Bytes written since the last look.
    written: Arc<AtomicU64>,
    records: PhantomData<fn() -> R>,
}

impl<R> Clone for Cache<R> {
    fn clone(&self) -> Cache<R> {
        Cache {
            disk: self.disk.clone(),
            folder: self.folder,
            written: Arc::clone(&self.written),
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
            written: Arc::default(),
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
        self.put_as(record.id(), record)
    }

    /// The same of a record that another type writes: one that borrows.
    pub fn put_as(&self, id: &str, record: &impl Serialize) -> Result<(), StoreError> {
        let key = self.key(id);
        let bytes = serde_json::to_vec_pretty(record).map_err(|error| StoreError::Damaged {
            path: self.disk.path(&key),
            reason: error.to_string(),
        })?;
        self.disk.replace_unsynced(&key, &bytes)?;
        let length = bytes.len() as u64;
        if self.written.fetch_add(length, Ordering::Relaxed) + length >= LOOK {
            self.written.store(0, Ordering::Relaxed);
            self.trim(MOST)?;
        }
        Ok(())
    }

    /// Removes what was written longest ago until the rest takes no more than `most` bytes.
    fn trim(&self, most: u64) -> Result<(), StoreError> {
        let mut files = self.disk.files_in_use(self.folder)?;
        files.sort_unstable_by_key(|(_, _, written)| std::cmp::Reverse(*written));
        let mut taken = 0;
        for (name, size, _) in files {
            taken += size;
            if taken > most {
                self.disk.unlink(&format!("{}/{name}", self.folder))?;
            }
        }
        Ok(())
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
    #[test]
    fn what_was_written_longest_ago_goes_when_there_is_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::<RemoteHost>::new(&Disk::new(folder.path()), "remote/hosts");
        for number in 0..10 {
            let host = format!("{number}.example");
            cache
                .put(&RemoteHost {
                    host: host.clone(),
                    scheme: None,
                })
                .unwrap();
            let file = std::fs::File::open(folder.path().join(format!("remote/hosts/{host}.json"))).unwrap();
            let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number);
            file.set_modified(then).unwrap();
        }
        let size = std::fs::metadata(folder.path().join("remote/hosts/1.example.json"))
            .unwrap()
            .len();
        cache.trim(3 * size).unwrap();
        let left = (0..10).filter(|number| cache.get(&format!("{number}.example")).is_some());
        assert_eq!(left.collect::<Vec<_>>(), [7, 8, 9]);
    }
}
