//! Pictures of others that are kept here, so that a reader's browser never contacts another server: `data/media/`.
//!
//! A file is a picture as it is served, named after a hash of where it came from; the name says its size and what it is
//! too: `0123456789abcdef.96x96.jpg`. The folder is a cache with a limit: the oldest go first, and all of it may be
//! deleted while tidings is down.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::StoreError;
use super::file::Disk;

/// How the files of former versions end, which kept pictures as they came, with the place where they were taken: those
/// are removed.
const AS_THEY_CAME: [&str; 5] = ["avif", "gif", "jpg", "png", "webp"];

/// In which of our formats a picture is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names of the formats")]
pub enum PictureKind {
    Jpeg,
    Png,
}

impl PictureKind {
    const ALL: [PictureKind; 2] = [PictureKind::Jpeg, PictureKind::Png];

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            PictureKind::Jpeg => "image/jpeg",
            PictureKind::Png => "image/png",
        }
    }

    /// How its file's name ends.
    fn ending(self) -> &'static str {
        match self {
            PictureKind::Jpeg => "jpg",
            PictureKind::Png => "png",
        }
    }
}

/// What a picture is and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// What it is.
    pub kind: PictureKind,
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
}

impl Format {
    /// The part of a file's name that says so.
    fn ending(self) -> String {
        format!("{}x{}.{}", self.width, self.height, self.kind.ending())
    }

    fn read(ending: &str) -> Option<Format> {
        let (size, ending) = ending.split_once('.')?;
        let (width, height) = size.split_once('x')?;
        let kind = PictureKind::ALL
            .into_iter()
            .find(|kind| kind.ending() == ending)?;
        let format = Format {
            kind,
            width: width.parse().ok()?,
            height: height.parse().ok()?,
        };
        // `+1x01` would be another name for the same.
        (format.ending() == format!("{size}.{ending}")).then_some(format)
    }
}

/// A picture that is kept.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it is and how large.
    pub format: Format,
    /// As it is served.
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
    /// By the number that their names are: there may be as many as people who ever liked something.
    pictures: HashMap<u64, Entry>,
    /// From the oldest to the newest.
    ages: BTreeMap<u64, u64>,
    /// The age of the next one: later ones are greater.
    next: u64,
    /// Bytes of all files.
    total: u64,
    /// How many changes there were.
    revision: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    format: Format,
    size: u64,
    age: u64,
}

impl Kept {
    fn insert(&mut self, hash: u64, format: Format, size: u64) {
        self.remove(hash);
        let age = self.next;
        self.next += 1;
        self.revision += 1;
        self.total += size;
        self.ages.insert(age, hash);
        self.pictures.insert(hash, Entry { format, size, age });
    }

    fn remove(&mut self, hash: u64) -> Option<Entry> {
        let entry = self.pictures.remove(&hash)?;
        self.ages.remove(&entry.age);
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
            match (Media::number(hash), Format::read(ending)) {
                (Some(number), Some(format)) => kept.insert(number, format, size),
                (Some(_), None) if AS_THEY_CAME.contains(&ending) => {
                    disk.remove(&format!("{folder}/{name}"))?;
                }
                _ => {}
            }
        }
        Ok(Media {
            disk: disk.clone(),
            folder: folder.to_string(),
            kept: Mutex::new(kept),
        })
    }

    /// The number that a picture's name is in hexadecimal digits; `None` when it is none that pictures have: nothing else
    /// becomes part of a path.
    pub fn number(name: &str) -> Option<u64> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_name = name.len() == 16 && name.bytes().all(is_digit);
        is_name.then(|| u64::from_str_radix(name, 16).ok()).flatten()
    }

    /// Whether a picture is kept under this name.
    pub fn contains(&self, hash: &str) -> bool {
        Media::number(hash).is_some_and(|number| self.lock().pictures.contains_key(&number))
    }

    /// What a picture is that is kept under this name.
    pub fn format(&self, hash: &str) -> Option<Format> {
        let number = Media::number(hash)?;
        self.lock().pictures.get(&number).map(|entry| entry.format)
    }

    /// A picture by its name; `None` when it isn't kept (any more).
    pub fn get(&self, hash: &str) -> Result<Option<Picture>, StoreError> {
        let Some(number) = Media::number(hash) else {
            return Ok(None);
        };
        let Some(entry) = self.lock().pictures.get(&number).copied() else {
            return Ok(None);
        };
        let bytes = self.disk.read(&self.name(number, entry.format))?;
        Ok(bytes.map(|bytes| Picture {
            format: entry.format,
            bytes,
        }))
    }

    /// Keeps a picture under a name of 16 hexadecimal digits; the oldest go until all together have at most `limit`
    /// bytes. One that is larger than that by itself isn't kept: `false`.
    pub fn put(&self, hash: &str, picture: &Picture, limit: u64) -> Result<bool, StoreError> {
        let size = picture.bytes.len() as u64;
        let Some(hash) = Media::number(hash).filter(|_| size <= limit) else {
            return Ok(false);
        };
        self.disk
            .write_file(&self.name(hash, picture.format), &picture.bytes)?;
        let mut gone = Vec::new();
        {
            let mut kept = self.lock();
            if let Some(before) = kept.remove(hash)
                && before.format != picture.format
            {
                gone.push((hash, before.format));
            }
            kept.insert(hash, picture.format, size);
            while kept.total > limit {
                let Some((_, &oldest)) = kept.ages.first_key_value() else {
                    break;
                };
                if let Some(entry) = kept.remove(oldest) {
                    gone.push((oldest, entry.format));
                }
            }
        }
        for (hash, format) in gone {
            self.disk.remove(&self.name(hash, format))?;
        }
        Ok(true)
    }

    /// Removes all but those that are `wanted`, by their [`Media::number`], and answers how many went.
    pub fn keep_only(&self, wanted: &HashSet<u64>) -> Result<usize, StoreError> {
        let mut gone = Vec::new();
        {
            let mut kept = self.lock();
            let unwanted: Vec<u64> = kept
                .pictures
                .keys()
                .filter(|hash| !wanted.contains(*hash))
                .copied()
                .collect();
            for hash in unwanted {
                if let Some(entry) = kept.remove(hash) {
                    gone.push((hash, entry.format));
                }
            }
        }
        for (hash, format) in &gone {
            self.disk.remove(&self.name(*hash, *format))?;
        }
        Ok(gone.len())
    }

    /// Bytes of all pictures together.
    pub fn total(&self) -> u64 {
        self.lock().total
    }

    /// How many changes there were since it was opened.
    pub fn revision(&self) -> u64 {
        self.lock().revision
    }

    fn name(&self, hash: u64, format: Format) -> String {
        format!("{}/{hash:016x}.{}", self.folder, format.ending())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(size: usize) -> Picture {
        Picture {
            format: Format {
                kind: PictureKind::Png,
                width: 96,
                height: 64,
            },
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
        let picture = again.get(&hash(3)).unwrap().unwrap();
        assert_eq!(
            (picture.bytes.len(), picture.format.width, picture.format.height),
            (100, 96, 64)
        );
    }

    #[test]
    fn what_nobody_wants_any_more_goes() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::open(&Disk::new(folder.path()), "media").unwrap();
        for n in 0..3 {
            media.put(&hash(n), &picture(10), 100).unwrap();
        }
        assert_eq!(media.keep_only(&HashSet::from([1])).unwrap(), 2);
        assert!(media.contains(&hash(1)) && !media.contains(&hash(0)));
        assert_eq!(std::fs::read_dir(folder.path().join("media")).unwrap().count(), 1);
    }

    #[test]
    fn pictures_that_were_kept_as_they_came_are_removed_and_other_files_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let media = folder.path().join("media");
        std::fs::create_dir(&media).unwrap();
        for name in ["0123456789abcdef.jpg", "README.png", "0123456789abcdef.txt"] {
            std::fs::write(media.join(name), b"x").unwrap();
        }
        Media::open(&Disk::new(folder.path()), "media").unwrap();
        let mut left: Vec<_> = std::fs::read_dir(&media)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["0123456789abcdef.txt", "README.png"]);
    }

    #[test]
    fn a_name_that_is_no_hash_never_becomes_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::open(&Disk::new(folder.path()), "media").unwrap();
        assert!(!media.put("../../etc/passwd", &picture(1), 100).unwrap());
        assert!(media.get("../lock").unwrap().is_none());
    }
}
