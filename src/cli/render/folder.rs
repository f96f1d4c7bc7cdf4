//! The folder that `render` writes: what is the same stays untouched, what is stale goes, what others put there stays.
//!
//! Which files are ours says a list in the folder itself, in the form of `sha256sum`, so that it moves with them.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// How many files are as they should be.
    pub(super) there: usize,
    /// How many of them were written.
    pub(super) written: usize,
    /// How many are gone because their page is.
    pub(super) removed: usize,
    /// Files that somebody else wrote, or changed: left as they are.
    pub(super) foreign: Vec<PathBuf>,
}

/// What went wrong, and at which file.
pub(super) type Trouble = (PathBuf, io::Error);

/// Brings the folder to hold these files, by their paths in it. `list` is the name of the list of what is ours.
pub(super) fn bring(out: &Path, list: &str, files: &BTreeMap<PathBuf, String>) -> Result<Done, Trouble> {
    let at = |file: &Path| {
        let file = file.to_path_buf();
        move |error| (file, error)
    };
    std::fs::create_dir_all(out).map_err(at(out))?;
    let list = out.join(list);
    let before = match std::fs::read_to_string(&list) {
        Ok(text) => read(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err((list, error)),
    };
    let mut done = Done::default();
    let mut ours = BTreeMap::new();
    for (name, content) in files {
        let file = out.join(name);
        let wanted = digest(content.as_bytes());
        let found = match std::fs::read(&file) {
            Ok(bytes) => Some(digest(&bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err((file, error)),
        };
        match found {
            Some(found) if found == wanted => {}
            Some(found) if before.get(name) != Some(&found) => {
                done.foreign.push(file);
                continue;
            }
            Some(_) | None => {
                write(&file, content.as_bytes()).map_err(at(&file))?;
                done.written += 1;
            }
        }
        done.there += 1;
        ours.insert(name.clone(), wanted);
    }
    for (name, last) in &before {
        if files.contains_key(name) {
            continue;
        }
        let file = out.join(name);
        match std::fs::read(&file) {
            Ok(bytes) if digest(&bytes) == *last => {
                std::fs::remove_file(&file).map_err(at(&file))?;
                done.removed += 1;
                tidy(out, name);
            }
            // Changed by somebody, or gone already.
            Ok(_) | Err(_) => {}
        }
    }
    if ours != before {
        write(&list, text_of(&ours).as_bytes()).map_err(at(&list))?;
    }
    Ok(done)
}

/// Removes the folders of a file that are empty now.
fn tidy(out: &Path, name: &Path) {
    for folder in name.ancestors().skip(1) {
        // Fails where something is left, which is right.
        if folder.as_os_str().is_empty() || std::fs::remove_dir(out.join(folder)).is_err() {
            return;
        }
    }
}

/// Whole or not at all; a generator may be reading.
fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // As any program writes files: the umask decides.
    let mut temporary = tempfile::Builder::new()
        .prefix(".tidings-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    temporary.write_all(content)?;
    temporary.persist(file)?;
    Ok(())
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn text_of(ours: &BTreeMap<PathBuf, String>) -> String {
    let lines = ours
        .iter()
        .map(|(name, digest)| format!("{digest}  {}\n", name.display()));
    lines.collect()
}

/// The list; a line that nobody of us wrote is passed over, for what it names would be removed.
fn read(text: &str) -> BTreeMap<PathBuf, String> {
    let inside = |name: &Path| name.components().all(|part| matches!(part, Component::Normal(_)));
    text.lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(digest, name)| (PathBuf::from(name), digest.to_string()))
        .filter(|(name, digest)| digest.len() == 64 && inside(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = ".list";

    fn files(files: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
        files
            .iter()
            .map(|(name, content)| (PathBuf::from(name), content.to_string()))
            .collect()
    }

    #[test]
    fn what_is_the_same_is_not_written_and_what_is_stale_goes() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let three = files(&[("a/index.html", "a"), ("b/c/index.html", "c"), ("d.html", "d")]);
        assert_eq!(bring(&out, LIST, &three).unwrap().written, 3);
        let again = bring(&out, LIST, &three).unwrap();
        assert_eq!((again.there, again.written), (3, 0));
        let two = files(&[("a/index.html", "A"), ("d.html", "d")]);
        let done = bring(&out, LIST, &two).unwrap();
        assert_eq!((done.there, done.written, done.removed), (2, 1, 1));
        assert!(!out.join("b").exists());
        assert_eq!(std::fs::read_to_string(out.join("a/index.html")).unwrap(), "A");
        assert_eq!(bring(&out, LIST, &BTreeMap::new()).unwrap().removed, 2);
        let left: Vec<_> = std::fs::read_dir(&out)
            .unwrap()
            .map(|it| it.unwrap().file_name())
            .collect();
        assert_eq!(left, [LIST]);
    }

    #[test]
    fn what_others_wrote_or_changed_stays() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        std::fs::write(out.join("mine.html"), "by hand").unwrap();
        std::fs::write(out.join("same.html"), "s").unwrap();
        let wanted = files(&[("mine.html", "m"), ("same.html", "s"), ("ours.html", "o")]);
        let done = bring(out, LIST, &wanted).unwrap();
        assert_eq!(done.foreign, [out.join("mine.html")]);
        assert_eq!((done.there, done.written), (2, 1));
        std::fs::write(out.join("ours.html"), "by hand").unwrap();
        let done = bring(out, LIST, &files(&[("ours.html", "o2"), ("same.html", "s2")])).unwrap();
        assert_eq!((done.foreign.len(), done.written, done.removed), (1, 1, 0));
        bring(out, LIST, &BTreeMap::new()).unwrap();
        for name in ["mine.html", "ours.html"] {
            assert_eq!(
                std::fs::read_to_string(out.join(name)).unwrap(),
                "by hand",
                "{name}"
            );
        }
        assert!(!out.join("same.html").exists());
    }

    #[test]
    fn a_list_that_somebody_wrote_removes_nothing_outside() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        std::fs::create_dir(&out).unwrap();
        let outside = folder.path().join("precious");
        std::fs::write(&outside, "x").unwrap();
        let digest = digest(b"x");
        let list = format!(
            "{digest}  ../precious\n{digest}  {}\nnonsense\n",
            outside.display()
        );
        std::fs::write(out.join(LIST), list).unwrap();
        assert_eq!(bring(&out, LIST, &BTreeMap::new()).unwrap().removed, 0);
        assert!(outside.exists());
    }
}
