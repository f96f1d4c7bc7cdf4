//! Which pages are posts, when all of them are known: what the owner leaves out and duplicates are not.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use url::Url;

use super::{Known, Others, Part, Posts, Rules, State};
use crate::ap::iri;
use crate::site::snapshot::{Sighting, Snapshot, Verdict};

/// Splits pages into posts and others, with the reason why they are none.
pub(super) fn judge<'a>(part: &Part<'a, '_>, rules: &Rules<'_>) -> (Posts<'a>, Others<'a>) {
    let (known, snapshot) = (part.known, part.snapshot);
    let mut posts = Posts::new();
    let mut others = Others::new();
    let all = part
        .pages
        .is_none()
        .then_some(&snapshot.pages)
        .into_iter()
        .flatten();
    let some = part.pages.into_iter().flatten();
    let some = some.filter_map(|page| snapshot.pages.get_key_value(page));
    for (page, sighting) in all.chain(some) {
        let page: &str = page;
        match &sighting.verdict {
            Verdict::Post(_) => match (rules.chosen)(page) {
                Ok(()) => {
                    posts.insert(page, &**sighting);
                }
                Err(reason) => {
                    others.insert(page, reason);
                }
            },
            Verdict::Alias(target) => {
                others.insert(page, format!("an alias of {target}"));
            }
            Verdict::Not(reason) | Verdict::Unreadable(reason) => {
                others.insert(page, reason.to_string());
            }
        }
    }
    for page in absent(known, &posts) {
        posts.remove(page);
        others.insert(
            page,
            "not in the site's feed, in which its neighbours are; if it is a post, put <meta name=\"tidings:publish\" \
             content=\"yes\"> into it"
                .into(),
        );
    }
    let duplicates = duplicates(known, snapshot, &posts, rules.origin);
    for (page, original) in duplicates {
        posts.remove(page);
        others.insert(
            page,
            format!("a duplicate of {original}, which its canonical URL names"),
        );
    }
    (posts, others)
}

/// Posts in feeds below which the feeds say nothing about the pages that aren't in them.
const ENOUGH: usize = 3;

/// Pages that look like posts only by their markup, and which the site's feeds don't name though they would if they
/// were.
///
/// A feed often holds the newest posts only, and some sections of a site may have none, so that this is weak evidence.
/// It counts against a page that lies in one folder with posts of the feed and is dated between their first and
/// last (a draft, a copy), and against one that lies above them all (an about page with a date). It counts neither
/// against a page that says for machines that it is a posting, nor against one that is published: a feed that a build
/// left half done must not take back what people have seen. Nor does it count against a page that was written after
/// every post of the feeds: somebody put it there later, and the feeds may not know it yet.
fn absent<'a>(known: &[Known], posts: &Posts<'a>) -> Vec<&'a str> {
    let (named, unnamed): (Vec<_>, Vec<_>) = posts.iter().partition(|(_, sighting)| sighting.feed.is_some());
    if named.len() < ENOUGH || unnamed.is_empty() {
        return vec![];
    }
    let mut spans: HashMap<String, (Timestamp, Timestamp)> = HashMap::new();
    for (page, sighting) in &named {
        let Some(post) = sighting.post() else { continue };
        let span = spans
            .entry(folder(page))
            .or_insert((post.published, post.published));
        *span = (span.0.min(post.published), span.1.max(post.published));
    }
    let is_known: HashSet<&str> = known
        .iter()
        .filter(|object| object.state != State::Deleted)
        .filter_map(|object| object.page.as_deref())
        .collect();
    let newest = named.iter().map(|(_, sighting)| sighting.written).max();
    let is_absent = |page: &str, sighting: &Sighting| {
        let came_later = newest < Some(sighting.written);
        let Some(post) = sighting.post().filter(|_| !sighting.stated && !came_later) else {
            return false;
        };
        let folder = folder(page);
        match spans.get(&folder) {
            Some((first, last)) => (*first..=*last).contains(&post.published),
            None => spans.keys().all(|of_posts| of_posts.starts_with(&folder)),
        }
    };
    unnamed
        .into_iter()
        .filter(|(page, sighting)| !is_known.contains(**page) && is_absent(page, sighting))
        .map(|(page, _)| *page)
        .collect()
}

/// The folder in which a page lies, with years, months and days all alike.
fn folder(page: &str) -> String {
    let parent = page
        .trim_end_matches('/')
        .rsplit_once('/')
        .map_or("", |(parent, _)| parent);
    let mut folder = String::with_capacity(parent.len() + 1);
    for part in parent.split('/') {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        folder.push_str(if is_number { "#" } else { part });
        folder.push('/');
    }
    folder
}

/// A path without what addresses may leave out: `/a/`, `/a` and `/a.html` are one page.
pub(super) fn bare(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_suffix(".html")
        .or_else(|| path.strip_suffix(".htm"))
        .unwrap_or(path)
}

/// The path of a URL on ORIGIN.
pub(super) fn path_on(origin: &str, url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    (url.origin().ascii_serialization() == origin).then(|| iri::page_path(url.path()))
}

/// Posts that say they are another page: by path, with the path of the page that wins.
fn duplicates<'a>(
    known: &[Known],
    snapshot: &'a Snapshot,
    posts: &BTreeMap<&'a str, &'a Sighting>,
    origin: &str,
) -> Vec<(&'a str, String)> {
    let mut claims: HashMap<&str, Vec<&'a str>> = HashMap::new();
    for (page, sighting) in posts {
        if let Some(canonical) = &sighting.canonical {
            claims.entry(canonical).or_default().push(page);
        }
    }
    let published: HashSet<&str> = known
        .iter()
        .filter(|object| object.state == State::Live)
        .filter_map(|object| object.page.as_deref())
        .collect();
    let mut duplicates = Vec::new();
    for (canonical, pages) in claims {
        // With a query it is another page, which no file is: `/?p=12` isn't the home page.
        let named = path_on(origin, canonical)
            .filter(|_| !canonical.contains('?'))
            .and_then(|path| Some(&**snapshot.page_at(&path)?.0));
        let winner = match named {
            // A page that isn't there can't win; nor can one that sends its readers on.
            Some(named)
                if !matches!(
                    snapshot.pages.get(named).map(|sighting| &sighting.verdict),
                    Some(Verdict::Alias(_))
                ) =>
            {
                named
            }
            _ => match pages
                .iter()
                .find(|page| published.contains(**page))
                .or(pages.first())
            {
                Some(page) => page,
                None => continue,
            },
        };
        duplicates.extend(
            pages
                .into_iter()
                .filter(|page| *page != winner)
                .map(|page| (page, winner.to_string())),
        );
    }
    duplicates
}
