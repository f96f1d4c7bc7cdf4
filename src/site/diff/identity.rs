//! Which pages are posts, when all of them are known: what the owner leaves out and duplicates are not.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::{Known, Others, Part, Posts, Rules, State};
use crate::ap::iri;
use crate::site::page::is_beside_posts;
use crate::site::snapshot::{Canonical, Sighting, Snapshot, Verdict};

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
    for page in absent(known, &posts, snapshot) {
        posts.remove(page);
        others.insert(
            page,
            "not in the site's feed, in which its neighbours are; if it is a post, put <meta name=\"tidings:publish\" \
             content=\"yes\"> into it"
                .into(),
        );
    }
    for (page, original) in copies(known, snapshot, &posts, rules) {
        posts.remove(page);
        others.insert(
            page,
            format!("a copy of {original}, with the same words, title and date"),
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

/// A build writes its files one after the other. So long after one of them the next may still be of the same build.
const PAUSE: SignedDuration = SignedDuration::from_millis(250);

/// The posts of one folder that the feeds name.
#[derive(Clone, Copy)]
struct Span {
    first: Timestamp,
    named: usize,
    /// Whether all of them say for machines that they are postings.
    stated: bool,
}

/// Pages that look like posts, and which the site's feeds don't name though they would if they were.
///
/// A feed often holds the newest posts only, and some sections of a site may have none, so that this is weak evidence. It
/// counts in two cases:
///
/// - A page lies in one folder with posts of the feeds and isn't older than the oldest of them: a draft, a copy, a post that
///   its author hides. That it says for machines that it is a posting doesn't help it where all of the others say so too.
///   More such pages than posts mean that the feeds are a selection, and nothing follows.
/// - A page lies where the feeds name none, and above all of theirs, or shows its readers no date though all of theirs do,
///   or has a name of pages that aren't posts: an about page with a date.
///
/// It counts neither against a page that asks to be published, nor against one that is: a feed that a build left half done must
/// not take back what people have seen. Nor does it count against a page that was written after the build of the feeds:
/// somebody put it there later, and the feeds can't know it.
fn absent<'a>(known: &[Known], posts: &Posts<'a>, snapshot: &Snapshot) -> Vec<&'a str> {
    let (named, unnamed): (Vec<_>, Vec<_>) = posts.iter().partition(|(_, sighting)| sighting.feed.is_some());
    if named.len() < ENOUGH || unnamed.is_empty() {
        return vec![];
    }
    let mut spans: HashMap<String, Span> = HashMap::new();
    for (page, sighting) in &named {
        let Some(post) = sighting.post() else { continue };
        let at = post.published;
        let span = spans.entry(folder(page)).or_insert(Span {
            first: at,
            named: 0,
            stated: true,
        });
        span.first = span.first.min(at);
        span.named += 1;
        span.stated &= sighting.standing.stated;
    }
    let all_show = named.iter().all(|(_, sighting)| sighting.standing.shown);
    let is_known: HashSet<&str> = known
        .iter()
        .filter(|object| object.state != State::Deleted)
        .filter_map(|object| object.page.as_deref())
        .collect();
    // Looked for among all pages, and only when it is asked for.
    let mut built: Option<Option<Timestamp>> = None;
    let built_at = || {
        let posts = named.iter().map(|(_, sighting)| sighting.written.into());
        self::built(snapshot, posts.max())
    };

    let mut absent: BTreeMap<Option<String>, Vec<&'a str>> = BTreeMap::new();
    for (page, sighting) in unnamed {
        let standing = sighting.standing;
        let Some(post) = sighting.post() else { continue };
        if standing.asked || is_known.contains(*page) {
            continue;
        }
        let came_later = *built.get_or_insert_with(built_at) < Some(sighting.written.into());
        if came_later {
            continue;
        }
        let folder = folder(page);
        let section = spans.get(&folder).map(|_| folder.clone());
        let is_absent = match spans.get(&folder) {
            Some(span) => span.first <= post.published && (span.stated || !standing.stated),
            None => {
                let above = spans.keys().all(|of_posts| of_posts.starts_with(&folder));
                let unlike = (all_show && !standing.shown) || is_beside_posts(page);
                !standing.stated && (above || unlike)
            }
        };
        if is_absent {
            absent.entry(section).or_default().push(page);
        }
    }
    let few = |section: &Option<String>, pages: &[&str]| {
        let named = match section {
            Some(folder) => spans.get(folder).map_or(0, |span| span.named),
            None => named.len(),
        };
        pages.len() <= named
    };
    absent
        .into_iter()
        .filter(|(section, pages)| few(section, pages))
        .flat_map(|(_, pages)| pages)
        .collect()
}

/// Pages that say the same as another one, whose path is theirs but for a part: for printers, telephones, as plain text. Each
/// with the path of the other. A page that feeds name, or that people have seen, is none.
fn copies<'a>(
    known: &[Known],
    snapshot: &'a Snapshot,
    posts: &Posts<'a>,
    rules: &Rules<'_>,
) -> Vec<(&'a str, &'a str)> {
    let live: HashSet<&str> = known
        .iter()
        .filter(|object| object.state == State::Live)
        .filter_map(|object| object.page.as_deref())
        .collect();
    let original = |page: &'a str, sighting: &Sighting| {
        let post = sighting.post().filter(|post| post.titled)?;
        let is_free = sighting.feed.is_none() && !sighting.standing.asked && !live.contains(page);
        let mut shorter = is_free.then(|| shorter(page)).into_iter().flatten();
        shorter.find_map(|path| {
            let (other, there) = snapshot.page_at(&path)?;
            let same = there
                .post()
                .is_some_and(|one| one.sight.text == post.sight.text && !one.sight.is_redated(&post.sight));
            (same && **other != *page && (rules.chosen)(other).is_ok()).then_some(&**other)
        })
    };
    let all = posts.iter();
    all.filter_map(|(page, sighting)| Some((*page, original(page, sighting)?)))
        .collect()
}

/// A path without each of its parts, and without the last word of its last part: `/print/a/` and `/a/print/` without
/// "print", `/a-print.html` and `/a.print.html` too.
fn shorter(page: &str) -> Vec<String> {
    let end = if page.ends_with('/') { "/" } else { "" };
    let parts: Vec<&str> = page.split('/').filter(|part| !part.is_empty()).collect();
    let without = |gone: usize| {
        let left = parts.iter().enumerate().filter(|(at, _)| *at != gone);
        left.map(|(_, part)| format!("/{part}")).collect::<String>() + end
    };
    let mut all: Vec<String> = match parts.len() {
        0 | 1 => vec![],
        count => (0..count).map(without).collect(),
    };
    if let Some((last, above)) = parts.split_last() {
        let (stem, kind) = match last.strip_suffix(".html") {
            Some(stem) => (stem, ".html"),
            None => (*last, ""),
        };
        let above: String = above.iter().map(|part| format!("/{part}")).collect();
        let bare = stem.rsplit_once(['-', '_', '.']).map(|(bare, _)| bare);
        let bare = bare.filter(|bare| !bare.is_empty());
        all.extend(bare.map(|bare| format!("{above}/{bare}{kind}{end}")));
    }
    all
}

/// When the build ended that wrote the feeds and the posts in them, the latest of which was written at `posts`.
fn built(snapshot: &Snapshot, posts: Option<Timestamp>) -> Option<Timestamp> {
    let mut end = posts.max(snapshot.told)?;
    let mut later: Vec<Timestamp> = snapshot
        .pages
        .values()
        .map(|sighting| Timestamp::from(sighting.written))
        .filter(|written| *written > end)
        .collect();
    later.sort_unstable();
    for written in later {
        if written.duration_since(end) > PAUSE {
            break;
        }
        end = written;
    }
    Some(end)
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
    // A page that names itself is a duplicate of none; it matters only where others name it, too.
    let mut claims: HashMap<Cow<'a, str>, Vec<&'a str>> = HashMap::new();
    for (page, sighting) in posts {
        if let Canonical::Other(canonical) = &sighting.canonical {
            claims.entry(canonical.as_str().into()).or_default().push(page);
        }
    }
    if claims.is_empty() {
        return vec![];
    }
    for (page, sighting) in posts {
        if let Canonical::Own = &sighting.canonical
            && let Some(pages) = claims.get_mut(format!("{origin}{page}").as_str())
        {
            let at = pages.partition_point(|other| other < page);
            pages.insert(at, page);
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
        let named = path_on(origin, &canonical)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::article::Article;
    use crate::site::feed::Mention;
    use crate::site::page::Standing;
    use crate::site::snapshot::{Folder, Post};

    const MARKED: Standing = Standing {
        asked: false,
        stated: true,
        shown: true,
        late: false,
    };
    const PLAIN: Standing = Standing {
        stated: false,
        ..MARKED
    };

    /// A page, when it is dated and when its file was written, in seconds of a day.
    struct Sheet(&'static str, i64, i64, Standing, Option<Mention>);

    fn named(path: &'static str, dated: i64, standing: Standing) -> Sheet {
        Sheet(path, dated, dated, standing, Some(Mention::default()))
    }

    fn unnamed(path: &'static str, dated: i64, standing: Standing) -> Sheet {
        Sheet(path, dated, 0, standing, None)
    }

    fn absent_of(sheets: Vec<Sheet>) -> Vec<String> {
        let at = |seconds| Timestamp::from_second(1_790_000_000 + seconds).unwrap();
        let mut snapshot = Snapshot {
            folder: Folder::Pages,
            ..Snapshot::default()
        };
        for Sheet(path, dated, written, standing, feed) in sheets {
            let article: Article = serde_json::from_value(serde_json::json!({
                "url": path, "content": path, "published": at(dated).to_string()
            }))
            .unwrap();
            let sighting = Sighting {
                canonical: Canonical::None,
                feed: feed.map(Arc::new),
                changed: None,
                frame: None,
                source: crate::article::Print::default(),
                standing,
                seal: 0,
                fresh: false,
                languages: None,
                written: at(written).into(),
                verdict: Verdict::Post(Box::new(Post::of(&article))),
            };
            snapshot.pages.insert(path.into(), Arc::new(sighting));
        }
        let posts: Posts<'_> = snapshot
            .pages
            .iter()
            .map(|(page, sighting)| (&**page, &**sighting))
            .collect();
        absent(&[], &posts, &snapshot)
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    fn blog(standing: Standing) -> Vec<Sheet> {
        vec![
            named("/blog/a/", 10, standing),
            named("/blog/b/", 20, standing),
            named("/blog/c/", 30, standing),
        ]
    }

    #[test]
    fn a_hidden_post_is_missing_from_the_feed_also_when_it_is_marked_like_all_others() {
        let with = |standing, hidden| {
            let mut sheets = blog(standing);
            sheets.push(hidden);
            absent_of(sheets)
        };
        assert_eq!(
            with(MARKED, unnamed("/blog/hidden/", 40, MARKED)),
            ["/blog/hidden/"]
        );
        assert_eq!(with(PLAIN, unnamed("/blog/draft/", 25, PLAIN)), ["/blog/draft/"]);
        assert!(
            with(PLAIN, unnamed("/blog/d/", 25, MARKED)).is_empty(),
            "it alone says that it is a post"
        );
        assert!(
            with(MARKED, unnamed("/blog/old/", 5, MARKED)).is_empty(),
            "the feed may be cut"
        );
        assert!(
            with(MARKED, Sheet("/blog/later/", 40, 31, MARKED, None)).is_empty(),
            "it came after the build"
        );
    }

    #[test]
    fn a_feed_of_a_few_says_nothing_about_the_many() {
        let mut sheets = blog(PLAIN);
        for path in ["/blog/d/", "/blog/e/", "/blog/f/"] {
            sheets.push(unnamed(path, 25, PLAIN));
        }
        assert_eq!(absent_of(sheets).len(), 3);
        let mut sheets = blog(PLAIN);
        for path in ["/blog/d/", "/blog/e/", "/blog/f/", "/blog/g/"] {
            sheets.push(unnamed(path, 25, PLAIN));
        }
        assert!(absent_of(sheets).is_empty());
    }

    #[test]
    fn elsewhere_a_page_is_missing_when_it_is_not_made_as_posts_are() {
        let unseen = Standing {
            shown: false,
            ..PLAIN
        };
        let mut sheets = blog(PLAIN);
        sheets.push(unnamed("/notes/x/", 25, PLAIN));
        sheets.push(unnamed("/pages/terms/", 25, unseen));
        sheets.push(unnamed("/pages/about.html", 25, PLAIN));
        assert_eq!(absent_of(sheets), ["/pages/about.html", "/pages/terms/"]);
    }
}
