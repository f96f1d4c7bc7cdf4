//! The files that are to be read: what the posts among them have in common, and then each on as many cores as there are.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;

use super::reader::{Unread, is_cut_short, page_path, path_below, read_file};
use super::sample::Candidate;
use super::stamp::Stamp;
use super::{Beside, Kept, Scanner};
use crate::article::Print;
use crate::site::feed::Mention;
use crate::site::frame::{Frame, Sketch};
use crate::site::page::{self, Source};
use crate::site::snapshot::{Post, Sighting, Verdict};

/// A file that is to be read.
pub(super) type Stale = (Arc<str>, Stamp);

/// What was read of a file; an error is a file that isn't a page, with a warning if the owner should know.
pub(super) type Found = Result<(Kept, Sighting), Option<String>>;

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
            while let Some((file, stamp)) = stale.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (found, unsettled) = self.read_one(file, *stamp, beside, now);
                results.push((found, Arc::clone(file), unsettled));
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
            files,
            feeds,
            ranks,
            sample,
            ..
        } = self;
        let anew = |file: &Arc<str>| {
            let at = stale.binary_search_by(|(other, _)| other.cmp(file)).ok()?;
            stale.get(at).map(|(_, stamp)| *stamp)
        };
        let all = files.keys().chain(stale.iter().map(|(file, _)| file));
        let there = ranks.first(all).filter_map(|file| {
            Some(Candidate {
                file: Path::new(&**file),
                stamp: anew(file).or_else(|| files.get(file).map(|kept| kept.stamp))?,
            })
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
        sample.learn(there, &|file| heard(file).is_some(), &read, now)
    }

    fn read_one(&self, file: &Arc<str>, stamp: Stamp, beside: &Beside, now: Timestamp) -> (Found, bool) {
        let name = Path::new(&**file);
        let full = self.root.join(name);
        let (Some(path), Some(below)) = (self.page_path(name), path_below(name)) else {
            return (Err(None), false);
        };
        let feed = self.feeds.of(&path);
        let changed = self.feeds.changed(&path);
        let mut standing = page::Standing::default();
        let mut alternates = Vec::new();
        let mut source = Print::default();
        let (canonical, verdict) = match read_file(&full, page::MAX_PAGE) {
            Ok(html) if stamp.is_being_written(now) && is_cut_short(&html) => (
                None,
                Verdict::Unreadable("ends in the middle; it is left as it is until it is whole".into()),
            ),
            Ok(html) => {
                let whole = Source {
                    path: &below,
                    html: &html,
                    site: &self.site,
                    feed: feed.as_deref(),
                    changed,
                    frame: beside.frame.as_deref(),
                };
                let page = beside.library.read(&path, &whole);
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
                    page::Verdict::Not(reason) => Verdict::Not(reason.to_string().into()),
                };
                let mut canonical: Option<Arc<str>> = page.canonical.map(Into::into);
                if let (Verdict::Post(post), Some(canonical)) = (&verdict, &mut canonical)
                    && *post.url == **canonical
                {
                    // One address is kept, not two.
                    *canonical = Arc::clone(&post.url);
                }
                (canonical, verdict)
            }
            Err(Unread::Gone) => return (Err(None), true),
            Err(Unread::TooLarge) => (
                None,
                Verdict::Unreadable(format!("larger than {} MiB, not read", page::MAX_PAGE >> 20).into()),
            ),
            Err(Unread::Io(error)) => (
                None,
                Verdict::Unreadable(format!("can't be read: {error}").into()),
            ),
        };
        let unsettled = fs::metadata(&full).map_or(true, |metadata| Stamp::of(&metadata) != stamp);
        let kept = Kept {
            stamp,
            fresh: stamp.is_fresh(now) || matches!(verdict, Verdict::Unreadable(_)),
            round: self.round,
            path: path.into(),
        };
        let sighting = Sighting {
            file: Arc::clone(file),
            canonical,
            feed,
            changed,
            frame: beside.frame.clone(),
            source,
            standing,
            alternates: alternates.into(),
            translations: Box::default(),
            written: stamp.written(),
            verdict,
        };
        (Ok((kept, sighting)), unsettled)
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
