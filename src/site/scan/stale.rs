//! The files that are to be read: what the posts among them have in common, and then each on as many cores as there are.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;

use super::reader::{Unread, file_of, is_cut_short, page_path, path_below, read_file};
use super::sample::Candidate;
use super::stamp::Stamp;
use super::{Beside, Scanner};
use crate::article::{Print, Word};
use crate::site::feed::Mention;
use crate::site::frame::{Frame, Sketch};
use crate::site::page::{self, Source};
use crate::site::snapshot::{Canonical, Languages, Nanos, Post, Sighting, Verdict};

/// A page whose file is to be read.
pub(super) struct Stale {
    pub(super) page: Arc<str>,
    pub(super) stamp: Stamp,
}

/// What was read of a file; an error is a file that isn't a page, with a warning if the owner should know.
pub(super) type Found = Result<Sighting, Option<String>>;

impl Scanner {
    /// Reads many files, on as many cores as there are.
    pub(super) fn read_all(
        &self,
        stale: &[Stale],
        beside: &Beside,
        now: Timestamp,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Vec<(Found, Arc<str>, bool)> {
        /// Below this many files a second thread costs more than it saves.
        const WORTH_A_THREAD: usize = 8;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = cores.min(stale.len() / WORTH_A_THREAD + 1);
        let next = AtomicUsize::new(0);
        let done = AtomicUsize::new(0);
        let work = || {
            let mut results = Vec::new();
            while let Some(Stale { page, stamp }) = stale.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (found, unsettled) = self.read_one(page, *stamp, beside, now);
                results.push((found, Arc::clone(page), unsettled));
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
            results
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut results = work();
            for other in others {
                match other.join() {
                    Ok(more) => results.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            results
        })
    }

    /// Learns what the posts have in common, from those that were there before and those that are to be read.
    pub(super) fn learn(&mut self, stale: &[Stale], now: Timestamp) -> Option<Arc<Frame>> {
        let Scanner {
            root,
            site,
            pages,
            feeds,
            ranks,
            sample,
            ..
        } = self;
        let anew = |page: &str| {
            let at = stale.binary_search_by(|other| (*other.page).cmp(page)).ok()?;
            stale.get(at).map(|stale| stale.stamp)
        };
        let all = pages.keys().chain(stale.iter().map(|stale| &stale.page));
        let all = all.filter_map(|page| file_of(site, page));
        let there = ranks.first(all).filter_map(|file| {
            let file = Path::new(&**file);
            let page = page_path(site, file)?;
            let known = || {
                let seen = pages.get(page.as_str())?;
                Some((seen.seal, seen.fresh))
            };
            let (seal, fresh) = match anew(&page) {
                Some(stamp) => (stamp.seal(), stamp.is_fresh(now)),
                None => known()?,
            };
            Some(Candidate { file, seal, fresh })
        });
        let heard = |file: &Path| page_path(site, file).and_then(|path| feeds.of(&path));
        let read = |file: &Path| -> Option<Sketch> {
            page::sketch(&Source {
                path: &path_below(file)?,
                html: &read_file(&root.join(file), page::MAX_PAGE).ok()?,
                site,
                feed: heard(file).as_deref(),
                changed: None,
                frame: None,
            })
        };
        sample.learn(there, &|file| heard(file).is_some(), &read)
    }

    fn read_one(&self, path: &str, stamp: Stamp, beside: &Beside, now: Timestamp) -> (Found, bool) {
        let file = file_of(&self.site, path);
        let below = file.as_ref().and_then(|file| path_below(Path::new(file)));
        let (Some(file), Some(below)) = (file, below) else {
            return (Err(None), false);
        };
        let full = self.root.join(file);
        let feed = self.feeds.of(path);
        // As it is kept, because it is read again with that.
        let changed = self.feeds.changed(path).map(Nanos::from);
        let mut standing = page::Standing::default();
        let mut alternates = Vec::new();
        let mut source = Print::default();
        let (canonical, verdict) = match read_file(&full, page::MAX_PAGE) {
            Ok(html) if stamp.is_being_written(now) && is_cut_short(&html) => (
                Canonical::None,
                Verdict::Unreadable("ends in the middle; it is left as it is until it is whole".into()),
            ),
            Ok(html) => {
                let whole = Source {
                    path: &below,
                    html: &html,
                    site: &self.site,
                    feed: feed.as_deref(),
                    changed: changed.map(Into::into),
                    frame: beside.frame.as_deref(),
                };
                let page = beside.library.read(path, &whole);
                standing = page.standing;
                alternates = page.alternates;
                source = print(&html, feed.as_deref());
                let verdict = match page.verdict {
                    _ if page.lacks_text => Verdict::Unreadable(
                        "has no text without a browser, and no feed gives it; what is published of it stays"
                            .into(),
                    ),
                    page::Verdict::Post(article) => Verdict::Post(Box::new(Post::of(&article))),
                    page::Verdict::Alias(target) => Verdict::Alias(target.into()),
                    page::Verdict::Not(reason) => Verdict::Not(reason.to_string().as_str().into()),
                };
                (
                    Canonical::of(page.canonical.as_deref(), &self.origin, path),
                    verdict,
                )
            }
            Err(Unread::Gone) => return (Err(None), true),
            Err(Unread::TooLarge) => (
                Canonical::None,
                Verdict::Unreadable(Word::new(&format!(
                    "larger than {} MiB, not read",
                    page::MAX_PAGE >> 20
                ))),
            ),
            Err(Unread::Io(error)) => (
                Canonical::None,
                Verdict::Unreadable(Word::new(&format!("can't be read: {error}"))),
            ),
        };
        let unsettled = fs::metadata(&full).map_or(true, |metadata| Stamp::of(&metadata) != stamp);
        let sighting = Sighting {
            canonical,
            feed,
            frame: beside.frame.clone(),
            source,
            written: stamp.written().into(),
            changed,
            seal: stamp.seal(),
            fresh: stamp.is_fresh(now) || matches!(verdict, Verdict::Unreadable(_)),
            standing,
            languages: Languages::of(alternates.into()),
            verdict,
        };
        (Ok(sighting), unsettled)
    }
}

/// Of what a page is read from. When a feed says that something changed is left out: most write the time of the build.
fn print(html: &[u8], feed: Option<&Mention>) -> Print {
    let said = feed.map(|said| {
        let mut said = said.clone();
        said.updated = said.updated.filter(|_| said.published.is_none());
        serde_json::to_vec(&said).unwrap_or_default()
    });
    Print::of([html, said.as_deref().unwrap_or_default()])
}
