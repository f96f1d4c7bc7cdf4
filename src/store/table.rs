//! A table: records of one shape in one folder, with a small index in memory.
//!
//! The files are the truth; the index is rebuilt from them at start and holds of each record only its [`Indexed::Brief`].

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use super::file::{self, Disk, file_name};
use super::index::Index;

/// How many records of a table can be written at the same time: more than an inbox does, so that two seldom meet.
const STRIPES: usize = 64;

/// What a table keeps of a record beside its file.
pub trait Indexed {
    /// What of it is kept in memory; small.
    type Brief: Clone + Send;

    /// Its id, unique in its table; the file's name follows from it.
    fn id(&self) -> &str;

    /// What of it is kept in memory.
    fn brief(&self) -> Self::Brief;

    /// The group it belongs to, for tables that are read by group (the interactions of an object).
    fn group(&self) -> Option<&str> {
        None
    }

    /// Puts the name of its group, as the table keeps it, into what is kept of a record: one text in memory, not two.
    fn share(_brief: &mut Self::Brief, _group: &Arc<str>) {}

    /// Other names under which it is found, for tables that are read by them (the interactions of an actor).
    fn labels(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What a table holds.
pub trait Record: Indexed + Serialize + DeserializeOwned {
    /// What is read of its file when a table is opened: all that [`Indexed`] tells of it, and what shows that the file
    /// holds such a record.
    type Glance: Indexed<Brief = Self::Brief> + DeserializeOwned;
}

/// Records of one shape in one folder.
#[derive(Debug)]
pub struct Table<R: Record> {
    disk: Disk,
    folder: String,
    index: Mutex<Index<R::Brief>>,
    /// Held while a record is read, changed and written back, so that no change is lost between two tasks. One lock for
    /// a share of the ids: others can be written at the same time, for a disk syncs several files faster than one by one.
    writing: [Mutex<()>; STRIPES],
    /// See [`Table::version`].
    version: AtomicU64,
}

/// A record that is written, but isn't one of its table yet.
#[derive(Debug)]
pub struct Staged<R: Record> {
    file: file::Staged,
    id: Box<str>,
    brief: R::Brief,
    group: Option<Box<str>>,
    labels: Vec<String>,
}

impl<R: Record> Table<R> {
    /// Opens a folder and reads its records. One that doesn't parse is put aside with a warning; one that can't be
    /// read is an error.
    pub fn open(disk: &Disk, folder: &str) -> Result<Table<R>, StoreError> {
        /// On so many threads at most: the index takes one record at a time.
        const THREADS: usize = 4;
        /// So many records are begun with by one thread, for most tables have no more.
        const FEW: usize = 256;
        let index = Mutex::new(Index::new());
        let mut keys = disk.keys(folder)?;
        let first: Vec<String> = keys.by_ref().take(FEW).collect::<Result<_, _>>()?;
        let mut buffer = Vec::new();
        for key in &first {
            Table::<R>::read_in(disk, folder, key, &index, &mut buffer)?;
        }
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS));
        let keys = Mutex::new(keys);
        let read_rest = || -> Result<(), StoreError> {
            let mut buffer = Vec::new();
            loop {
                let next = keys.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(key) = next.transpose()? else {
                    return Ok(());
                };
                Table::<R>::read_in(disk, folder, &key, &index, &mut buffer)?;
            }
        };
        if first.len() == FEW {
            std::thread::scope(|scope| {
                let others: Vec<_> = (1..threads).map(|_| scope.spawn(read_rest)).collect();
                let mut done = read_rest();
                for other in others {
                    done = done.and(other.join().expect("reading a record doesn't panic"));
                }
                done
            })?;
        }
        Ok(Table {
            disk: disk.clone(),
            folder: folder.to_string(),
            index,
            writing: std::array::from_fn(|_| Mutex::default()),
            version: AtomicU64::new(0),
        })
    }

    /// Reads a record into the index.
    fn read_in(
        disk: &Disk,
        folder: &str,
        key: &str,
        index: &Mutex<Index<R::Brief>>,
        buffer: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        if !disk.get_into(key, buffer)? {
            return Ok(());
        }
        match serde_json::from_slice::<R::Glance>(buffer) {
            Ok(record)
                if key
                    .strip_prefix(folder)
                    .and_then(|name| name.strip_prefix('/'))
                    .is_some_and(|name| name == file_name(record.id())) =>
            {
                let (brief, labels) = (record.brief(), record.labels());
                let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
                index.insert(record.id(), brief, record.group(), &labels, R::share);
            }
            Ok(record) => {
                let aside = disk.quarantine(key)?;
                tracing::warn!(
                    "{key}.json holds the record of {}; moved to {}",
                    record.id(),
                    aside.display()
                );
            }
            Err(error) => {
                let aside = disk.quarantine(key)?;
                tracing::warn!("{key}.json is damaged ({error}); moved to {}", aside.display());
            }
        }
        Ok(())
    }

    /// A record, read from its file.
    pub fn get(&self, id: &str) -> Result<Option<R>, StoreError> {
        if !self.lock().contains(id) {
            return Ok(None);
        }
        self.read(id)
    }

    /// The same as another type reads it: one that leaves out what isn't needed.
    pub fn get_as<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>, StoreError> {
        if !self.contains(id) {
            return Ok(None);
        }
        self.read(id)
    }

    /// Writes a record, whether it is there or not.
    pub fn put(&self, record: &R) -> Result<(), StoreError> {
        let _writing = self.write_lock(record.id());
        self.put_locked(record)
    }

    /// Writes a record beside its place, without waiting for the disk. [`Table::put_staged`] makes it one of the table.
    pub fn stage(&self, record: &R) -> Result<Staged<R>, StoreError> {
        Ok(Staged {
            file: self.disk.stage(&self.key(record.id()), &self.written(record)?)?,
            id: record.id().into(),
            brief: record.brief(),
            group: record.group().map(Into::into),
            labels: record.labels(),
        })
    }

    /// Writes staged records, whether they are there or not, in about the time that one takes by itself. Whoever staged
    /// changed records sees to it that nobody else changes them meanwhile.
    pub fn put_staged(&self, staged: Vec<Staged<R>>) -> Result<(), StoreError> {
        let _writing: Vec<_> = self
            .writing
            .iter()
            .map(|stripe| stripe.lock().unwrap_or_else(PoisonError::into_inner))
            .collect();
        let mut files = Vec::with_capacity(staged.len());
        let mut kept = Vec::with_capacity(staged.len());
        for record in staged {
            files.push(record.file);
            kept.push((record.id, record.brief, record.group, record.labels));
        }
        self.disk.place(files)?;
        let mut index = self.lock();
        for (id, brief, group, labels) in kept {
            index.insert(&id, brief, group.as_deref(), &labels, R::share);
        }
        drop(index);
        self.version.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Writes a record if there is none with its id; `false` when there is one.
    pub fn put_new(&self, record: &R) -> Result<bool, StoreError> {
        let _writing = self.write_lock(record.id());
        if self.contains(record.id()) {
            return Ok(false);
        }
        self.put_locked(record)?;
        Ok(true)
    }

    /// Reads a record, lets `change` change it, and writes it back; answers the changed record, `None` when there is
    /// none. When `change` answers `false` nothing is written.
    pub fn update(&self, id: &str, change: impl FnOnce(&mut R) -> bool) -> Result<Option<R>, StoreError> {
        let _writing = self.write_lock(id);
        let Some(mut record) = self.get(id)? else {
            return Ok(None);
        };
        if change(&mut record) {
            self.put_locked(&record)?;
        }
        Ok(Some(record))
    }

    /// Removes a record; `false` when there is none.
    pub fn delete(&self, id: &str) -> Result<bool, StoreError> {
        let _writing = self.write_lock(id);
        if !self.contains(id) {
            return Ok(false);
        }
        self.disk.delete(&self.key(id))?;
        self.lock().remove(id);
        self.version.fetch_add(1, Ordering::Release);
        Ok(true)
    }

    /// Removes a record without waiting for the disk: after a power failure it may be there again. No error when there
    /// is none.
    pub fn discard(&self, id: &str) -> Result<(), StoreError> {
        let _writing = self.write_lock(id);
        if self.contains(id) {
            self.disk.unlink(&format!("{}.json", self.key(id)))?;
            self.lock().remove(id);
        }
        Ok(())
    }

    /// Whether there is a record with this id.
    pub fn contains(&self, id: &str) -> bool {
        self.lock().contains(id)
    }

    /// What is known of a record without reading its file.
    pub fn brief(&self, id: &str) -> Option<R::Brief> {
        self.lock().get(id).map(|entry| entry.brief.clone())
    }

    /// Grows with every change: what was made from the records at one version is good as long as it stays. It is to be
    /// asked for before the records are read.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `see` with the id and the brief of every record, in no order. `see` must be short: the index is locked.
    pub fn each(&self, mut see: impl FnMut(&Arc<str>, &R::Brief)) {
        for entry in self.lock().iter() {
            see(&entry.id, &entry.brief);
        }
    }

    /// The ids of all records, in no order.
    pub fn ids(&self) -> Vec<Arc<str>> {
        self.lock().iter().map(|entry| Arc::clone(&entry.id)).collect()
    }

    /// The ids of the records that changed after a revision, some of them more than once, and the revision
    /// as it is now. `None` when that is too long ago to be known.
    pub fn changed_since(&self, revision: u64) -> (Option<Vec<Arc<str>>>, u64) {
        self.lock().since(revision)
    }

    /// The ids and briefs of the records of a group, by id.
    pub fn group(&self, group: &str) -> Vec<(Arc<str>, R::Brief)> {
        let index = self.lock();
        let members = index.group(group);
        let mut found: Vec<_> = members
            .map(|entry| (Arc::clone(&entry.id), entry.brief.clone()))
            .collect();
        found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        found
    }

    /// The revision of the latest change.
    pub fn revision(&self) -> u64 {
        self.lock().revision()
    }

    /// Calls `see` with the id and the brief of every record of a group, and with the revision in which it was last
    /// written: what was read of it then is still true. In no order; `see` must be short: the index is locked.
    pub fn each_of(&self, group: &str, mut see: impl FnMut(&Arc<str>, &R::Brief, u64)) {
        for entry in self.lock().group(group) {
            see(&entry.id, &entry.brief, entry.revision);
        }
    }

    /// The revision in which a group last changed; 0 when it never had a member.
    pub fn revision_of(&self, group: &str) -> u64 {
        self.lock().revision_of(group)
    }

    /// The name of a group as the table keeps it.
    pub fn group_name(&self, group: &str) -> Option<Arc<str>> {
        self.lock().group_name(group)
    }

    /// The ids of the records with this label, by id.
    pub fn labelled(&self, label: &str) -> Vec<Arc<str>> {
        let index = self.lock();
        let mut ids: Vec<_> = index.labelled(label).map(|entry| Arc::clone(&entry.id)).collect();
        ids.sort_unstable();
        ids
    }

    /// The ids of the records that have labels, those with the same first label together; in no order.
    pub fn by_first_label(&self) -> Vec<Vec<Arc<str>>> {
        self.lock().by_first_label()
    }

    /// How many records have this label.
    pub fn count_labelled(&self, label: &str) -> usize {
        self.lock().labelled(label).count()
    }

    /// Whether there is a record with this label.
    pub fn has_label(&self, label: &str) -> bool {
        self.lock().labelled(label).next().is_some()
    }

    /// Whether the record with this id was damaged, put aside, and not written again.
    pub fn is_aside(&self, id: &str) -> bool {
        !self.contains(id) && self.disk.is_aside(&self.key(id))
    }

    /// Where the file of a record lies, for messages.
    pub fn path(&self, id: &str) -> std::path::PathBuf {
        self.disk.path(&self.key(id))
    }

    fn key(&self, id: &str) -> String {
        format!("{}/{}", self.folder, file_name(id))
    }

    fn read<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>, StoreError> {
        let key = self.key(id);
        let Some(bytes) = self.disk.get(&key)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| StoreError::Damaged {
                path: self.disk.path(&key),
                reason: error.to_string(),
            })
    }

    fn put_locked(&self, record: &R) -> Result<(), StoreError> {
        let (key, bytes) = (self.key(record.id()), self.written(record)?);
        match self.contains(record.id()) {
            true => self.disk.replace(&key, &bytes)?,
            false => self.disk.replace_absent(&key, &bytes)?,
        }
        let labels = record.labels();
        self.lock()
            .insert(record.id(), record.brief(), record.group(), &labels, R::share);
        self.version.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// A record as it stands in its file.
    fn written(&self, record: &R) -> Result<Vec<u8>, StoreError> {
        let mut bytes = serde_json::to_vec_pretty(record).map_err(|error| StoreError::Damaged {
            path: self.disk.path(&self.key(record.id())),
            reason: error.to_string(),
        })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Index<R::Brief>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_lock(&self, id: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let stripe = usize::try_from(hasher.finish() % STRIPES as u64).expect("a remainder of 64 fits");
        self.writing[stripe]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Fruit {
        id: String,
        colour: String,
    }

    impl Record for Fruit {
        type Glance = Fruit;
    }

    impl Indexed for Fruit {
        type Brief = usize;
        fn id(&self) -> &str {
            &self.id
        }
        fn brief(&self) -> usize {
            self.colour.len()
        }
        fn group(&self) -> Option<&str> {
            Some(&self.colour)
        }
        fn labels(&self) -> Vec<String> {
            vec![format!("{} letters", self.id.len())]
        }
    }

    fn fruit(id: &str, colour: &str) -> Fruit {
        Fruit {
            id: id.into(),
            colour: colour.into(),
        }
    }

    #[test]
    fn the_index_equals_the_files_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path());
        let table = Table::<Fruit>::open(&disk, "fruits").unwrap();
        assert!(table.put_new(&fruit("https://a.example/apple", "red")).unwrap());
        assert!(!table.put_new(&fruit("https://a.example/apple", "green")).unwrap());
        table.put(&fruit("cherry", "red")).unwrap();
        table.put(&fruit("lemon", "yellow")).unwrap();
        table
            .update("lemon", |lemon| {
                lemon.colour = "green".into();
                true
            })
            .unwrap();
        table.delete("cherry").unwrap();
        let again = Table::<Fruit>::open(&disk, "fruits").unwrap();
        assert_eq!(again.len(), 2);
        assert_eq!(again.group("red").len(), 1);
        assert_eq!(again.group("yellow").len(), 0);
        assert_eq!(table.group("green").len(), again.group("green").len());
        assert_eq!(again.get("lemon").unwrap().unwrap().colour, "green");
        assert_eq!(table.labelled("5 letters").len(), 1);
        assert_eq!(again.by_first_label().len(), 2);
        assert_eq!(again.count_labelled("5 letters"), 1);
        assert_eq!(table.labelled("6 letters").len(), 0, "the cherry is gone");
        assert!(again.has_label("5 letters") && !again.has_label("6 letters"));
    }

    #[test]
    fn staged_records_are_put_together() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path());
        let table = Table::<Fruit>::open(&disk, "fruits").unwrap();
        table.put(&fruit("apple", "green")).unwrap();
        let staged = ["apple", "cherry", "plum"].map(|id| table.stage(&fruit(id, "red")).unwrap());
        assert_eq!((table.len(), table.group("red").len()), (1, 0), "not yet");
        let (revision, version) = (table.changed_since(0).1, table.version());
        table.put_staged(staged.into()).unwrap();
        assert_eq!(
            (table.len(), table.group("red").len(), table.group("green").len()),
            (3, 3, 0)
        );
        assert!(table.version() > version && table.changed_since(revision).0.unwrap().len() >= 3);
        assert_eq!(
            Table::<Fruit>::open(&disk, "fruits").unwrap().group("red").len(),
            3
        );
    }

    #[test]
    fn a_change_raises_the_revision_of_its_group_only() {
        let folder = tempfile::tempdir().unwrap();
        let table = Table::<Fruit>::open(&Disk::new(folder.path()), "fruits").unwrap();
        table.put(&fruit("apple", "red")).unwrap();
        table.put(&fruit("lemon", "yellow")).unwrap();
        let (red, yellow) = (table.revision_of("red"), table.revision_of("yellow"));
        table.put(&fruit("cherry", "red")).unwrap();
        assert!(table.revision_of("red") > red);
        assert_eq!(table.revision_of("yellow"), yellow);
        table.each_of("yellow", |_, _, revision| assert_eq!(revision, yellow));
        table.delete("lemon").unwrap();
        assert!(
            table.revision_of("yellow") > yellow,
            "also when its last member goes"
        );
        assert_eq!(table.revision_of("blue"), 0);
    }

    #[test]
    fn a_damaged_record_is_put_aside_and_the_rest_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path());
        disk.replace("fruits/apple", b"{ half").unwrap();
        disk.replace("fruits/pear", br#"{"id":"pear","colour":"green"}"#)
            .unwrap();
        disk.replace("fruits/plum", br#"{"id":"other","colour":"blue"}"#)
            .unwrap();
        let table = Table::<Fruit>::open(&disk, "fruits").unwrap();
        assert_eq!(table.ids().len(), 1);
        assert!(folder.path().join("damaged/fruits~apple.json").exists());
        assert!(folder.path().join("damaged/fruits~plum.json").exists());
    }
}
