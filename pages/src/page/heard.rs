//! What the site's feeds say of a page, weighed against the page itself.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::claim::{Claim, Date, Precision};
use super::content::Root;
use super::document::{self, ancestors, name, text};
use super::meta::{self, Meta};
use super::region;
use super::verdict::FEED;
use crate::feed::Mention;

/// How far zones are behind UTC and before it, in hours (tz database: Baker Island, Kiribati).
const ZONES: (i64, i64) = (12, 14);
/// Offsets of zones are multiples of so many seconds.
const QUARTER: i64 = 15 * 60;

/// What the feeds say, without title and summary: those are compared with the page's text first.
pub(super) fn claim(mention: &Mention) -> Claim {
    Claim {
        source: FEED,
        // Atom asks for `updated` of every entry and for `published` of none.
        published: mention.published.or(mention.updated).map(date),
        updated: mention.updated.filter(|_| mention.published.is_some()).map(date),
        tags: mention.tags.iter().map(|tag| tag.to_string()).collect(),
        language: mention.language.as_deref().and_then(meta::language),
        ..Claim::default()
    }
}

/// The feed's title, unless it is the site's or the beginning of the page's text: feeds of notes have such. What stands as a
/// heading or in bold by itself isn't the beginning of a text.
pub(super) fn title<'a>(
    mention: Option<&'a Mention>,
    meta: &Meta,
    root: &Root<'_>,
) -> Option<(&'a str, &'static str)> {
    let title = mention?.title.as_deref()?;
    let is_site = meta.site_names.iter().any(|name| name == title);
    (!is_site && (!is_excerpt(title, root) || stands_alone(title, root))).then_some((title, FEED))
}

/// The feed's summary, unless it is the beginning of the page's text, or all of it.
pub(super) fn summary<'a>(mention: Option<&'a Mention>, root: &Root<'_>) -> Option<(&'a str, &'static str)> {
    let summary = mention?.summary.as_deref()?;
    // Some begin with the headline, which isn't among the text.
    let body = mention?
        .title
        .as_deref()
        .and_then(|title| summary.strip_prefix(title));
    (!is_excerpt(body.unwrap_or(summary), root)).then_some((summary, FEED))
}

/// Whether a heading, or something bold outside of paragraphs, says just this.
fn stands_alone(line: &str, root: &Root<'_>) -> bool {
    root.element.descendent_elements().any(|element| {
        let is_bold = || {
            matches!(name(element), "b" | "strong")
                && !ancestors(element)
                    .take_while(|around| around.id() != root.element.id())
                    .any(|around| matches!(name(around), "p" | "li" | "blockquote"))
        };
        (region::is_heading(element) || is_bold()) && document::line(&text(element)) == line
    })
}

/// Words that are compared as one.
const SHINGLE: usize = 3;

/// Whether a line stands in the page's text, or nearly all of it does: languages of code, marks of notes and the like come
/// into excerpts, or get lost.
fn is_excerpt(line: &str, root: &Root<'_>) -> bool {
    // Spaces don't count, since each takes them differently from blocks.
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    let text = text(root.element);
    let short = dense(line);
    let short = short
        .trim_end_matches("ReadMore")
        .trim_end_matches("[…]")
        .trim_end_matches("[...]")
        .trim_end_matches(['…', '.']);
    if dense(&text).contains(short) {
        return true;
    }
    let (line, text) = (words(line), words(&text));
    let all: HashSet<&[&str]> = text.windows(SHINGLE).collect();
    let here = line.windows(SHINGLE).filter(|part| all.contains(*part)).count();
    line.len() > 2 * SHINGLE && here * 10 >= (line.len() + 1 - SHINGLE) * 7
}

fn words(text: &str) -> Vec<&str> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether an instant is on the day that begins at `midnight` UTC, in some zone.
pub(super) fn same_day(midnight: Timestamp, at: Timestamp) -> bool {
    let passed = at.duration_since(midnight);
    passed >= SignedDuration::from_hours(-ZONES.1) && passed < SignedDuration::from_hours(24 + ZONES.0)
}

/// Whether an instant is the time that was written without a zone, in some zone.
pub(super) fn same_time(written: Timestamp, at: Timestamp) -> bool {
    let ahead = written.duration_since(at).as_secs();
    ahead % QUARTER == 0 && (-ZONES.0 * 3_600..=ZONES.1 * 3_600).contains(&ahead)
}

/// An instant that a feed or the sitemap states.
pub(super) fn date(at: Timestamp) -> Date {
    Date {
        at,
        day: at.to_zoned(TimeZone::UTC).date(),
        precision: Precision::Instant,
    }
}
