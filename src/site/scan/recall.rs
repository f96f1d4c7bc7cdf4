//! What a scanner knows from before it was started, and what it leaves to the next one.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use super::Scanner;
use super::chronicle::{self, Sink, Told, Writer};
use super::reader::file_of;
use super::stale::Stale;
use super::stamp::Stamp;
use crate::article::Print;
use crate::site::snapshot::Verdict;

/// Words on pages beyond twice as many as there are pages, after which a chronicle is written anew.
const SPARE: usize = 1_000;

/// What is to be written so that the next scanner knows what this one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// More, behind what is written.
    More,
    /// All of it.
    Whole,
}

/// What a scanner has to do with its chronicle.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Of pages that are known from before: what the feeds said of them. Until the first scan.
    heard: Option<HashMap<Arc<str>, Print>>,
    /// Pages that were no posts for another reader, with what they were read from.
    pub(super) no_posts: HashMap<Arc<str>, Print>,
    /// Pages that are otherwise than the chronicle tells, some more than once.
    pub(super) untold: Vec<Arc<str>>,
    writer: Option<Writer>,
}

impl Scanner {
    /// Takes over what a scanner of the same site left, if it was the same `reader`: what it read of a file is good as
    /// long as the file's seal is the same. To be called before the first scan. Answers how many pages are known, or why
    /// none is.
    pub fn recall(&mut self, from: impl Read, reader: &str) -> Result<usize, String> {
        let Told {
            pages,
            heard,
            writer,
            by_another,
        } = chronicle::read(from, &self.by(reader))?;
        if by_another {
            let others = pages.iter();
            let others = others.filter(|(_, sighting)| matches!(sighting.verdict, Verdict::Not(_)));
            self.memory.no_posts = others
                .map(|(page, sighting)| (Arc::clone(page), sighting.source))
                .collect();
            return Err("it is of another version of tidings".into());
        }
        *self.pages = pages;
        self.pages.compact();
        for page in self.pages.keys() {
            if let Some(file) = file_of(&self.site, page) {
                self.ranks.came(&file);
            }
        }
        self.memory.heard = Some(heard);
        self.memory.writer = Some(writer);
        Ok(self.pages.len())
    }

    /// What is to be written for the next scanner.
    pub fn due(&self) -> Due {
        match &self.memory.writer {
            Some(_) if self.memory.untold.is_empty() => Due::Nothing,
            Some(writer) if writer.told + self.memory.untold.len() <= 2 * self.pages.len() + SPARE => {
                Due::More
            }
            _ => Due::Whole,
        }
    }

    /// Writes what is due, as `reader`: all of it into a fresh file, or more behind what is there. After an error all of it
    /// is due.
    pub fn tell(&mut self, reader: &str, sink: Sink<'_>) -> io::Result<()> {
        let due = self.due();
        let writer = self.memory.writer.take();
        let mut untold = std::mem::take(&mut self.memory.untold);
        let mut writer = match writer {
            Some(writer) if due != Due::Whole => writer,
            _ => {
                untold = self.pages.keys().cloned().collect();
                Writer::begin(&self.by(reader), sink)?
            }
        };
        untold.sort_unstable();
        untold.dedup();
        for page in &untold {
            let sighting = self.pages.get(page).map(|sighting| &**sighting);
            writer.tell(page, sighting, sink)?;
        }
        writer.end(sink)?;
        self.memory.writer = Some(writer);
        Ok(())
    }

    /// Keeps the paths of pages as somebody else has them, so that there is one text of each in memory.
    pub fn share(&mut self, name: &dyn Fn(&str) -> Option<Arc<str>>) {
        let pages = std::mem::take(&mut *self.pages);
        let named = |(page, sighting): (Arc<str>, _)| (name(&page).unwrap_or(page), sighting);
        *self.pages = pages.into_iter().map(named).collect();
    }

    /// Has the whole written the next time, because what was told may not have been written.
    pub fn mistrust(&mut self) {
        self.memory.writer = None;
    }

    /// Who reads what: a chronicle of anything else is of no use.
    fn by(&self, reader: &str) -> String {
        format!("{reader}\n{}\n{}", self.site, self.root.display())
    }

    /// Puts what feeds say now to the pages that are known from before; answers those of which they said something else.
    pub(super) fn hear(&mut self) -> Vec<Stale> {
        let Some(heard) = self.memory.heard.take() else {
            return Vec::new();
        };
        // All are looked at here.
        self.doubted.clear();
        let mut stale = Vec::new();
        for (page, sighting) in self.pages.iter_mut() {
            let said = self.feeds.of(page);
            if said.as_deref().map(chronicle::print).as_ref() == heard.get(page) {
                if said.is_some() {
                    Arc::make_mut(sighting).feed = said;
                }
                continue;
            }
            let file = file_of(&self.site, page).map(|file| self.root.join(file));
            // One that is gone is no page any more.
            if let Some(about) = file.and_then(|file| std::fs::metadata(file).ok()) {
                stale.push(Stale {
                    page: Arc::clone(page),
                    stamp: Stamp::of(&about),
                });
            }
        }
        stale
    }
}
