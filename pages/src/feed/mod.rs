//! Feeds of the site (RSS, Atom, JSON Feed) as evidence about its pages.
//!
//! A feed is written by the same generator from the same sources as the pages, and says for machines what themes often
//! leave out: which pages are posts, and when to the minute. What it says of one page is a [`Mention`]; which place it
//! has in the order of trust stands in `page`, and what it means that a page isn't in it, in `site::diff`.
//! A [`Sitemap`] lists all pages alike, so that it only tells when one was changed.

mod index;
mod sitemap;

use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe};
use std::time::SystemTime;

use feed_rs::model;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::page::{self, Guide};
use crate::path;
use crate::sanitize;

pub use self::index::{Index, bare};
pub use self::sitemap::{Sitemap, may_be_sitemap};

/// Bytes of one feed: a thousand long posts in full. Reading takes about twice as much memory for a moment.
pub const MAX_FEED: usize = 16 << 20;
/// Bytes in which a file shows that it is a feed: before its first element stand a declaration, and at most a style
/// sheet and a comment.
pub const SNIFFED: usize = 4 << 10;
/// Entries of one feed that count; generators write the newest first.
const MAX_ENTRIES: usize = 20_000;
/// Characters of a title or a summary; what is longer is neither, and is kept in memory for every page.
const MAX_LINE: usize = 500;
/// Tags of one entry.
const MAX_TAGS: usize = 20;
/// Bytes of an address.
const MAX_ADDRESS: usize = 2_048;

/// What the feeds say about one page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Box<str>>,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
    /// When it was changed; of an Atom entry without `published`, that may as well be when it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "<[Box<str>]>::is_empty")]
    pub tags: Box<[Box<str>]>,
    /// Its summary, or the beginning of its text: the page tells which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Box<str>>,
    /// Its language, or the feed's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Box<str>>,
    /// Where its text stands in the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guide: Option<Guide>,
}

/// A feed that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// The path of the page that the feed is of: a list, not a post.
    pub home: Option<String>,
    /// What it says, with the path of the page on ORIGIN.
    pub entries: Vec<(String, Mention)>,
    /// When it was built, where that is what it says of its entries' changes.
    pub built: Option<Timestamp>,
}

/// Whether a file of this name may be a feed, or a sitemap: the name says it of JSON, of which some sites have one a page.
pub fn may_be_feed(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.rsplit_once('.') {
        Some((_, "xml" | "rss" | "atom")) => true,
        Some((stem, "json")) => stem == "index" || path.contains("feed"),
        _ => false,
    }
}

/// Whether the beginning of a file ([`SNIFFED`] bytes) is that of a feed.
pub fn is_feed(start: &[u8]) -> bool {
    let holds = |sign: &str| start.windows(sign.len()).any(|part| part == sign.as_bytes());
    match start.iter().find(|byte| matches!(byte, b'<' | b'{')) {
        Some(b'<') => holds("<rss") || holds("<feed") || holds("<rdf:RDF"),
        Some(_) => holds("jsonfeed.org/version/1"),
        None => false,
    }
}

/// Reads a feed that lies at the address `own`, of the site at `site`. `None` for what isn't one.
///
/// Custom entities aren't expanded by the library, and its reading isn't recursive; the size is limited by the caller
/// to [`MAX_FEED`].
pub fn read(bytes: &[u8], own: &Url, site: &Url) -> Option<Feed> {
    Some(of_model(parse(bytes, own)?, own, site))
}

/// The HTML that a feed gives of pages, by their paths on ORIGIN: what [`read`] leaves out because it is large.
pub fn texts(bytes: &[u8], own: &Url, site: &Url) -> Vec<(String, String)> {
    let Some(mut feed) = parse(bytes, own) else {
        return vec![];
    };
    let (_, entries) = ours(&mut feed, own, site);
    let text = |(page, entry): (String, model::Entry)| Some((page, text(&entry)?.to_owned()));
    entries.into_iter().filter_map(text).collect()
}

fn parse(bytes: &[u8], own: &Url) -> Option<model::Feed> {
    // The library takes no time without a zone, which many templates write.
    let parser = feed_rs::parser::Builder::new()
        .base_uri(Some(own))
        .timestamp_parser(|text| Some(SystemTime::from(page::instant(text)?).into()))
        .build();
    // feed-rs 3.0 panics at durations (of podcasts) with more than twenty digits.
    panic::catch_unwind(AssertUnwindSafe(|| parser.parse(bytes)))
        .ok()?
        .ok()
}

fn of_model(mut feed: model::Feed, own: &Url, site: &Url) -> Feed {
    let stamp = stamp(&feed);
    let (home, entries) = ours(&mut feed, own, site);
    let language = feed.language.as_deref();
    let said = |(page, entry)| (page, mention(entry, language, stamp));
    Feed {
        entries: entries.into_iter().map(said).collect(),
        home,
        built: stamp,
    }
}

/// The path of the page that a feed is of, and its entries of pages of this site with their paths.
fn ours(feed: &mut model::Feed, own: &Url, site: &Url) -> (Option<String>, Vec<(String, model::Entry)>) {
    let alternate = |links: &[model::Link]| -> Option<Url> {
        links
            .iter()
            .filter(|link| link.rel.as_deref().is_none_or(|rel| rel == "alternate"))
            .filter(|link| link.href.len() <= MAX_ADDRESS)
            .filter_map(|link| own.join(link.href.trim()).ok())
            .find(|url| url != own)
    };
    let home = alternate(&feed.links);
    // Templates keep a second copy of the site's address for their feeds, which owners forget to change. An aggregator
    // has entries of many origins, of which none is its own.
    let own_origin = home.as_ref().unwrap_or(site).origin();
    let is_ours = |url: &Url| url.origin() == site.origin() || url.origin() == own_origin;
    let entries = std::mem::take(&mut feed.entries).into_iter().take(MAX_ENTRIES);
    let entries = entries.filter_map(|entry| {
        let url = alternate(&entry.links).or_else(|| {
            let id = Some(&entry.id).filter(|id| entry.links.is_empty() && id.len() <= MAX_ADDRESS);
            id.and_then(|id| Url::parse(id).ok())
        })?;
        // What has a fragment is a part of a page, a comment for instance; what has a query is no file.
        if !is_ours(&url) || url.fragment().is_some() || url.query().is_some() {
            return None;
        }
        Some((path::page_path(url.path()), entry))
    });
    let entries = entries.collect();
    (
        home.filter(is_ours).map(|url| path::page_path(url.path())),
        entries,
    )
}

/// The one instant at which all entries were changed, or most of those that were: the time of the build, not theirs. A day
/// without a time may be that of several changes, so that all have to have it.
fn stamp(feed: &model::Feed) -> Option<Timestamp> {
    let mut times: HashMap<Timestamp, usize> = HashMap::new();
    let mut changed = 0;
    for entry in &feed.entries {
        let updated = instant(entry.updated);
        if let Some(updated) = updated.filter(|_| updated != instant(entry.published)) {
            changed += 1;
            *times.entry(updated).or_default() += 1;
        }
    }
    let (at, times) = times.into_iter().max_by_key(|(at, times)| (*times, *at))?;
    let is_day = at.as_second() % SignedDuration::from_hours(24).as_secs() == 0;
    let enough = if is_day {
        feed.entries.len()
    } else {
        changed / 2 + 1
    };
    (times > 1 && times >= enough).then_some(at)
}

fn mention(entry: model::Entry, language: Option<&str>, stamp: Option<Timestamp>) -> Mention {
    let published = instant(entry.published);
    let guide = text(&entry).and_then(Guide::of);
    let tags = entry.categories.iter().filter_map(|category| {
        let name = category.label.as_deref().unwrap_or(&category.term);
        line(name).filter(|name| !name.starts_with("http"))
    });
    Mention {
        title: entry.title.and_then(|title| line(&title.content)),
        // The library fills it in where RSS has none. An entry that was only ever "updated", with all others at one
        // instant, still has that as its best date.
        updated: instant(entry.updated).filter(|updated| {
            published.is_none_or(|published| *updated != published && Some(*updated) != stamp)
        }),
        published,
        tags: tags.take(MAX_TAGS).collect(),
        guide,
        summary: entry.summary.and_then(|summary| line(&summary.content)),
        language: entry.language.as_deref().or(language).and_then(line),
    }
}

/// An entry's content, or its summary where RSS has the content in there.
fn text(entry: &model::Entry) -> Option<&str> {
    let content = entry.content.as_ref().and_then(|content| content.body.as_deref());
    content.or(entry.summary.as_ref().map(|summary| summary.content.as_str()))
}

/// Whole seconds; a date that nobody set is none.
fn instant(date: Option<impl Into<std::time::SystemTime>>) -> Option<Timestamp> {
    let at = Timestamp::try_from(date?.into()).ok()?;
    let at = Timestamp::from_second(at.as_second()).ok()?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

/// The text of some HTML as one line, if it is short enough to be one.
fn line(html: &str) -> Option<Box<str>> {
    if html.len() > MAX_LINE * 8 {
        return None;
    }
    let text = if html.contains(['<', '&']) {
        sanitize::plain(html)
    } else {
        html.to_owned()
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty() && text.chars().count() <= MAX_LINE).then(|| text.into())
}

#[cfg(test)]
mod tests;
