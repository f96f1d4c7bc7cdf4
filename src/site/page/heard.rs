//! What the site's feeds say of a page, weighed against the page itself.

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use super::claim::{Claim, Date, Precision};
use super::content::Root;
use super::document::text;
use super::meta::{self, Meta};
use super::verdict::FEED;
use crate::site::feed::Mention;

/// How far zones are behind UTC and before it, in hours (tz database: Baker Island, Kiribati).
const ZONES: (i64, i64) = (12, 14);
/// Offsets of zones are multiples of so many seconds.
const QUARTER: i64 = 15 * 60;

/// What the feeds say, without title and summary: those are compared with the page's text first.
pub(super) fn claim(mention: &Mention) -> Claim {
    let date = |at: Timestamp| Date {
        at,
        day: day(at),
        precision: Precision::Instant,
    };
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

/// The feed's title, unless it is the site's or the beginning of the page's text: feeds of notes have such.
pub(super) fn title<'a>(
    mention: Option<&'a Mention>,
    meta: &Meta,
    root: &Root<'_>,
) -> Option<(&'a str, &'static str)> {
    let title = mention?.title.as_deref()?;
    let is_site = meta.site_names.iter().any(|name| name == title);
    (!is_site && !is_excerpt(title, root)).then_some((title, FEED))
}

/// The feed's summary, unless it is the beginning of the page's text, or all of it.
pub(super) fn summary<'a>(mention: Option<&'a Mention>, root: &Root<'_>) -> Option<(&'a str, &'static str)> {
    let summary = mention?.summary.as_deref()?;
    (!is_excerpt(summary, root)).then_some((summary, FEED))
}

/// Whether a line stands in the page's text; spaces don't count, since each takes them differently from blocks.
fn is_excerpt(line: &str, root: &Root<'_>) -> bool {
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    let line = dense(line);
    let line = line
        .trim_end_matches("ReadMore")
        .trim_end_matches("[…]")
        .trim_end_matches("[...]")
        .trim_end_matches(['…', '.']);
    dense(&text(root.element)).contains(line)
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

fn day(at: Timestamp) -> civil::Date {
    at.to_zoned(TimeZone::UTC).date()
}
