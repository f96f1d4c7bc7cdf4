//! The posts that are compared to learn the site's [`Frame`]: always the same ones while the same files are there.
//!
//! They are those whose paths have the smallest hashes, so that a page more or less changes the sample by one at most
//! and a date, a title or the order of things by none.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::site::frame::{Frame, Hash, MAX_SAMPLE, Sketch};

/// Files looked at to find the posts of the sample. Parsing them takes about as long as a hundredth of 10,000 pages.
pub(super) const MAX_LOOKED_AT: usize = 2 * MAX_SAMPLE;

/// Folders of lists, in which no posts are looked for.
const LISTS: [&str; 7] = [
    "tag",
    "tags",
    "category",
    "categories",
    "author",
    "authors",
    "page",
];

/// The sample, and what was learned from it.
#[derive(Debug, Default)]
pub(super) struct Sample {
    seen: HashMap<PathBuf, Seen>,
    frame: Option<Arc<Frame>>,
}

#[derive(Debug)]
struct Seen {
    seal: u64,
    fresh: bool,
    /// Whether a feed named it: that may make it a post.
    heard: bool,
    /// `None` of a page that is no post.
    sketch: Option<Sketch>,
}

/// A file that may be in the sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) file: &'a Path,
    /// See [`Stamp::seal`](super::stamp::Stamp::seal).
    pub(super) seal: u64,
    /// Whether it may change again without its seal showing it.
    pub(super) fresh: bool,
}

impl Sample {
    /// Learns from what is there. Only files that changed since the last time are read, by `read`, which answers
    /// nothing for what is no post; `heard` tells whether a feed names a file's page.
    pub(super) fn learn<'a>(
        &mut self,
        there: impl Iterator<Item = Candidate<'a>>,
        heard: &dyn Fn(&Path) -> bool,
        read: &dyn Fn(&Path) -> Option<Sketch>,
    ) -> Option<Arc<Frame>> {
        let mut before = std::mem::take(&mut self.seen);
        let mut changed = false;
        let mut posts = 0;
        for Candidate { file, seal, fresh } in chosen(there) {
            let known = before
                .remove(file)
                .filter(|seen| !seen.fresh && seen.seal == seal && seen.heard == heard(file));
            let seen = known.unwrap_or_else(|| {
                changed = true;
                Seen {
                    seal,
                    fresh,
                    heard: heard(file),
                    sketch: read(file),
                }
            });
            posts += usize::from(seen.sketch.as_ref().is_some_and(Sketch::is_post));
            self.seen.insert(file.to_path_buf(), seen);
            if posts == MAX_SAMPLE {
                break;
            }
        }
        if changed || !before.is_empty() {
            let sketches: Vec<&Sketch> = self
                .seen
                .values()
                .filter_map(|seen| seen.sketch.as_ref())
                .collect();
            let frame = Some(Frame::learn(&sketches)).filter(|frame| !frame.is_empty());
            if frame.as_ref() != self.frame.as_deref() {
                self.frame = frame.map(Arc::new);
            }
        }
        self.frame.clone()
    }
}

/// The files with the smallest hashes, in that order.
fn chosen<'a>(there: impl Iterator<Item = Candidate<'a>>) -> Vec<Candidate<'a>> {
    let mut ranked: Vec<(u64, Candidate<'a>)> = there
        .filter(|candidate| !is_list(candidate.file))
        .map(|candidate| (rank(candidate.file), candidate))
        .collect();
    let order = |a: &(u64, Candidate<'_>), b: &(u64, Candidate<'_>)| (a.0, a.1.file).cmp(&(b.0, b.1.file));
    if ranked.len() > MAX_LOOKED_AT {
        ranked.select_nth_unstable_by(MAX_LOOKED_AT, order);
        ranked.truncate(MAX_LOOKED_AT);
    }
    ranked.sort_unstable_by(order);
    ranked.into_iter().map(|(_, candidate)| candidate).collect()
}

pub(super) fn rank(file: &Path) -> u64 {
    Hash::new().bytes(file.as_os_str().as_encoded_bytes()).done()
}

pub(super) fn is_list(file: &Path) -> bool {
    let mut folders = file.parent().into_iter().flat_map(Path::components);
    folders.any(|folder| LISTS.iter().any(|list| folder.as_os_str() == *list))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::frame::{Order, Place, Unit, UnitKind};
    use std::cell::RefCell;

    /// A post that says something of its own, and something that all say.
    fn post(file: &Path) -> Sketch {
        let place = |parent, path| Place {
            parent,
            path,
            container: true,
        };
        let unit = |place, text| Unit {
            place,
            text,
            label: None,
            weight: 100,
            linked: 0,
            kind: UnitKind::Text,
        };
        Sketch {
            places: vec![place(0, 1), place(0, 2), place(0, 3)],
            card: vec![],
            article: false,
            order: Order::Open,
            units: vec![unit(1, rank(file)), unit(2, 7)],
            guided: None,
        }
    }

    fn files(count: usize) -> Vec<PathBuf> {
        (0..count)
            .map(|n| PathBuf::from(format!("posts/{n}/index.html")))
            .collect()
    }

    fn learn(sample: &mut Sample, files: &[PathBuf], seal: u64) -> (Option<Arc<Frame>>, Vec<PathBuf>) {
        let read = RefCell::new(vec![]);
        let there = files.iter().map(|file| Candidate {
            file,
            seal,
            fresh: false,
        });
        let frame = sample.learn(there, &|_| false, &|file| {
            read.borrow_mut().push(file.to_path_buf());
            Some(post(file))
        });
        (frame, read.into_inner())
    }

    #[test]
    fn the_same_files_are_read_once_and_in_any_order_give_the_same_frame() {
        let mut files = files(200);
        let mut sample = Sample::default();
        let (first, read) = learn(&mut sample, &files, 1);
        assert_eq!(read.len(), MAX_SAMPLE);
        let (again, read) = learn(&mut sample, &files, 1);
        assert!(read.is_empty());
        assert!(Arc::ptr_eq(&first.clone().unwrap(), &again.unwrap()));
        files.reverse();
        assert_eq!(learn(&mut Sample::default(), &files, 2).0, first);
    }

    #[test]
    fn a_page_more_changes_the_sample_by_one_at_most() {
        let files = files(300);
        for count in 100..110 {
            let mut sample = Sample::default();
            let (before, _) = learn(&mut sample, &files[..count], 1);
            let (after, read) = learn(&mut sample, &files[..=count], 1);
            assert!(read.len() <= 1, "{read:?}");
            assert_eq!(before, after);
        }
    }

    #[test]
    fn what_is_rewritten_is_read_again_and_says_the_same() {
        let files = files(10);
        let mut sample = Sample::default();
        let (before, _) = learn(&mut sample, &files, 1);
        let (after, read) = learn(&mut sample, &files, 2);
        assert_eq!(read.len(), 10);
        assert!(
            Arc::ptr_eq(&before.unwrap(), &after.unwrap()),
            "an equal frame is the same"
        );
    }

    #[test]
    fn lists_are_not_looked_at_and_two_posts_have_nothing_in_common() {
        let mut sample = Sample::default();
        let mut there = files(2);
        there.extend((0..100).map(|n| PathBuf::from(format!("tags/{n}/index.html"))));
        let (frame, read) = learn(&mut sample, &there, 1);
        assert_eq!((frame, read.len()), (None, 2));
    }
}
