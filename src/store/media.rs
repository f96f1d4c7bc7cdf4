//! Pictures of others that are kept here, so that a reader's browser never contacts another server: `data/media/`.
//!
//! A file is a picture as it came, named after the hash of where it came from; its ending says what it is. The folder
//! is a cache with a limit: the oldest go first, and all of it may be deleted while tidings is down.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::StoreError;
use super::file::Disk;

/// What a picture is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names of the formats")]
pub enum PictureKind {
    Avif,
    Gif,
    Jpeg,
    Png,
    Webp,
}

impl PictureKind {
    const ALL: [PictureKind; 5] = [
        PictureKind::Avif,
        PictureKind::Gif,
        PictureKind::Jpeg,
        PictureKind::Png,
        PictureKind::Webp,
    ];

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            PictureKind::Avif => "image/avif",
            PictureKind::Gif => "image/gif",
            PictureKind::Jpeg => "image/jpeg",
            PictureKind::Png => "image/png",
            PictureKind::Webp => "image/webp",
        }
    }

    /// How its file's name ends.
    fn ending(self) -> &'static str {
        match self {
            PictureKind::Avif => "avif",
            PictureKind::Gif => "gif",
            PictureKind::Jpeg => "jpg",
            PictureKind::Png => "png",
            PictureKind::Webp => "webp",
        }
    }
}

/// A picture that is kept.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it is.
    pub kind: PictureKind,
    /// As it came.
    pub bytes: Vec<u8>,
}

/// The pictures that are kept.
#[derive(Debug)]
pub struct Media {
    disk: Disk,
    folder: String,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    pictures: HashMap<String, Entry>,
    /// From the oldest to the newest.
    ages: BTreeSet<(u64, String)>,
    /// The age of the next one: later ones are greater.
    next: u64,
    /// Bytes of all files.
    total: u64,
    /// How many changes there were.
    revision: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    kind: PictureKind,
    size: u64,
    age: u64,
}

impl Kept {
    fn insert(&mut self, hash: &str, kind: PictureKind, size: u64) {
        self.remove(hash);
        let age = self.next;
        self.next += 1;
        self.revision += 1;
        self.total += size;
        self.ages.insert((age, hash.to_string()));
        self.pictures.insert(hash.to_string(), Entry { kind, size, age });
    }

    fn remove(&mut self, hash: &str) -> Option<Entry> {
        let entry = self.pictures.remove(hash)?;
        self.ages.remove(&(entry.age, hash.to_string()));
        self.total -= entry.size;
        self.revision += 1;
        Some(entry)
    }
}

impl Media {
    /// Opens a folder and notes what is there; a file that isn't a picture's is left alone.
    pub fn open(disk: &Disk, folder: &str) -> Result<Media, StoreError> {
        let mut files = disk.files(folder)?;
        files.sort_by_key(|file| file.2);
        let mut kept = Kept::default();
        for (name, size, _) in files {
            let Some((hash, ending)) = name.split_once('.') else {
                continue;
            };
            let kind = PictureKind::ALL.into_iter().find(|kind| kind.ending() == ending);
            if let Some(kind) = kind
                && is_hash(hash)
            {
                kept.insert(hash, kind, size);
            }
        }
        Ok(Media {
            disk: disk.clone(),
            folder: folder.to_string(),
            kept: Mutex::new(kept),
        })
    }

    /// Whether a picture is kept under this name.
    pub fn contains(&self, hash: &str) -> bool {
        self.lock().pictures.contains_key(hash)
    }

    /// A picture by its name; `None` when it isn't kept (any more).
    pub fn get(&self, hash: &str) -> Result<Option<Picture>, StoreError> {
        let Some(entry) = self.lock().pictures.get(hash).copied() else {
            return Ok(None);
        };
        let bytes = self.disk.read(&self.name(hash, entry.kind))?;
        Ok(bytes.map(|bytes| Picture {
            kind: entry.kind,
            bytes,
        }))
    }

    /// Keeps a picture under a name of 16 hexadecimal digits; the oldest go until all together have at most `limit`
    /// bytes. One that is larger than that by itself isn't kept: `false`.
    pub fn put(&self, hash: &str, picture: &Picture, limit: u64) -> Result<bool, StoreError> {
        let size = picture.bytes.len() as u64;
        if size > limit || !is_hash(hash) {
            return Ok(false);
        }
        self.disk
            .write_file(&self.name(hash, picture.kind), &picture.bytes)?;
        let mut gone = Vec::new();
        {
            let mut kept = self.lock();
            if let Some(before) = kept.remove(hash)
                && before.kind != picture.kind
            {
                gone.push((hash.to_string(), before.kind));
            }
            kept.insert(hash, picture.kind, size);
            while kept.total > limit {
                let Some((_, oldest)) = kept.ages.first().cloned() else {
                    break;
                };
                if let Some(entry) = kept.remove(&oldest) {
                    gone.push((oldest, entry.kind));
                }
            }
        }
        for (hash, kind) in gone {
            self.disk.remove(&self.name(&hash, kind))?;
        }
        Ok(true)
    }

    /// Bytes of all pictures together.
    pub fn total(&self) -> u64 {
        self.lock().total
    }

    /// How many changes there were since it was opened.
    pub fn revision(&self) -> u64 {
        self.lock().revision
    }

    fn name(&self, hash: &str, kind: PictureKind) -> String {
        format!("{}/{hash}.{}", self.folder, kind.ending())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a name is one that pictures have: nothing else becomes part of a path.
fn is_hash(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(size: usize) -> Picture {
        Picture {
            kind: PictureKind::Png,
            bytes: vec![7; size],
        }
    }

    fn hash(n: u8) -> String {
        format!("{n:016x}")
    }

    #[test]
    fn the_oldest_go_when_the_limit_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::open(&Disk::new(folder.path()), "media").unwrap();
        for n in 0..4 {
            assert!(media.put(&hash(n), &picture(100), 250).unwrap());
        }
        assert!(!media.contains(&hash(1)) && media.contains(&hash(2)) && media.contains(&hash(3)));
        assert_eq!(media.total(), 200);
        assert!(
            !media.put(&hash(9), &picture(300), 250).unwrap(),
            "larger than everything"
        );
        let again = Media::open(&Disk::new(folder.path()), "media").unwrap();
        assert_eq!(again.total(), 200);
        assert_eq!(again.get(&hash(3)).unwrap().unwrap().bytes.len(), 100);
    }

    #[test]
    fn a_name_that_is_no_hash_never_becomes_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::open(&Disk::new(folder.path()), "media").unwrap();
        assert!(!media.put("../../etc/passwd", &picture(1), 100).unwrap());
        assert!(media.get("../lock").unwrap().is_none());
    }
}
