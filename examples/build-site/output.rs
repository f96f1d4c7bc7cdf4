//! The output folder of the generator.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The output folder: files that stay the same aren't touched, files that are no longer made are removed.
pub(crate) struct Output {
    folder: PathBuf,
    stale: BTreeSet<PathBuf>,
    written: usize,
}

impl Output {
    pub(crate) fn new(folder: &Path) -> Result<Output> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        // Never clear a folder that this generator didn't fill.
        let is_empty = fs::read_dir(folder)?.next().is_none();
        if !is_empty && !folder.join("feed.xml").is_file() {
            bail!(
                "{} holds other files: name an empty folder or an earlier output",
                folder.display()
            );
        }
        let stale = walkdir::WalkDir::new(folder)
            .into_iter()
            .filter_map(|entry| entry.ok().filter(|entry| entry.file_type().is_file()))
            .map(walkdir::DirEntry::into_path)
            .collect();
        Ok(Output {
            folder: folder.to_owned(),
            stale,
            written: 0,
        })
    }

    pub(crate) fn write(&mut self, name: &str, text: &str) -> Result<()> {
        self.write_bytes(name, text.as_bytes())
    }

    pub(crate) fn write_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let file = self.folder.join(name);
        self.stale.remove(&file);
        if fs::read(&file).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        self.written += 1;
        fs::write(&file, bytes).with_context(|| file.display().to_string())
    }

    pub(crate) fn finish(self) -> Result<()> {
        for file in &self.stale {
            fs::remove_file(file).with_context(|| file.display().to_string())?;
        }
        println!(
            "{}: {} written, {} removed",
            self.folder.display(),
            self.written,
            self.stale.len()
        );
        Ok(())
    }
}
