//! The fields of an article, each chosen from what the sources say.

use super::MAX_LINE;
use super::claim::{Claim, Date, Precision};
use super::content::Root;
use super::document::{self, Document};
use super::heard;
use super::keywords;
use super::links::TagLink;
use super::meta::{self, Meta};
use super::region::Region;
use super::verdict::{Evidence, FEED, NO_ZONE, ONLY_DAY};
use crate::article::{Media, Tag};
use crate::frame::Frame;

/// Tags of one page; more is a cloud.
const MAX_TAGS: usize = 100;

/// The value of the most trusted claim that has one, with its source.
pub(super) fn first<'a, T>(
    claims: &'a [Claim],
    field: impl Fn(&'a Claim) -> Option<T>,
) -> Option<(T, &'static str)> {
    claims
        .iter()
        .find_map(|claim| field(claim).map(|value| (value, claim.source)))
}

/// Takes out of the claims what several posts of the site say of themselves alike: the site's own name and description,
/// and the picture that stands for all of it.
pub(super) fn keep_own(claims: &mut [Claim], frame: Option<&Frame>) {
    let Some(frame) = frame else { return };
    // A headline that returns ("Notes of the week") is one all the same.
    let headline = claims.iter().find(|claim| claim.source == "HTML");
    let headline = headline.and_then(|claim| claim.title.clone());
    for claim in claims {
        claim.title = claim
            .title
            .take()
            .filter(|title| headline.as_ref() == Some(title) || !frame.is_on_every_card(title));
        claim.summary = claim
            .summary
            .take()
            .filter(|summary| !frame.is_on_every_card(summary));
        claim.image = claim
            .image
            .take()
            .filter(|image| !frame.is_on_every_card(&image.url));
    }
}

/// The most trusted date; when it names only a day, the most trusted instant of that day. A time without a zone is the
/// feed's when that is the same one in some zone.
///
/// Feeds are read as instants, so that the day they were written on isn't known: theirs is the same if it is that day
/// anywhere.
pub(super) fn published(claims: &[Claim]) -> Option<(Date, &'static str)> {
    let (date, by) = first(claims, |claim| claim.published)?;
    let heard = claims
        .iter()
        .find(|claim| claim.source == FEED)
        .and_then(|claim| claim.published)
        .map(|date| (date, FEED));
    if date.precision == Precision::Day {
        let exact = first(claims, |claim| {
            claim
                .published
                .filter(|_| claim.source != FEED)
                .filter(|other| other.precision != Precision::Day && other.day == date.day)
        });
        return exact
            .or(heard.filter(|(heard, _)| heard::same_day(date.at, heard.at)))
            .or(Some((date, by)));
    }
    if date.precision == Precision::Local {
        return heard
            .filter(|(heard, _)| heard::same_time(date.at, heard.at))
            .or(Some((date, by)));
    }
    Some((date, by))
}

/// When it was changed by the most trusted claim; of a bare day, at the feed's time if that is on it in some zone.
pub(super) fn updated(claims: &[Claim]) -> Option<(Date, &'static str)> {
    let (date, by) = first(claims, |claim| claim.updated)?;
    let exact = first(claims, |claim| {
        claim
            .updated
            .filter(|other| date.precision == Precision::Day && other.precision != Precision::Day)
            .filter(|other| heard::same_day(date.at, other.at))
    });
    exact.or(Some((date, by)))
}

/// The evidence for a date.
pub(super) fn dated(field: &'static str, date: Date, by: &'static str) -> Evidence {
    let note = match date.precision {
        Precision::Instant => None,
        Precision::Local => Some(NO_ZONE),
        Precision::Day => Some(ONLY_DAY),
    };
    Evidence {
        note,
        ..Evidence::new(field, by, &date.at.to_string())
    }
}

/// The nearest `lang` around the content, then what the metadata says, then the document's.
pub(super) fn language(
    meta: &Meta,
    claims: &[Claim],
    document: &Document<'_>,
    root: &Root<'_>,
) -> Option<(String, &'static str)> {
    let asked = meta
        .asked
        .language
        .clone()
        .map(|language| (language, "tidings:language"));
    let near = || {
        document::self_and_ancestors(root.element)
            .filter(|element| document::name(*element) != "html")
            .find_map(|element| element.attr("lang").and_then(meta::language))
            .map(|language| (language, "lang of the content"))
    };
    let stated = |source: &'static str| {
        let claim = claims.iter().find(|claim| claim.source == source)?;
        claim.language.clone().map(|language| (language, claim.source))
    };
    let whole = || {
        let html = document
            .all
            .first()
            .filter(|element| document::name(**element) == "html")?;
        html.attr("lang")
            .and_then(meta::language)
            .map(|language| (language, "lang of the page"))
    };
    asked
        .or_else(near)
        .or_else(|| stated("JSON-LD"))
        .or_else(whole)
        .or_else(|| first(claims, |claim| claim.language.clone()))
}

/// The tags of all sources, each once; those that stand in a line without links where there are none; a feed's categories, among which are the
/// sections of a site, only where the page names none, and the meta keywords, written for search engines, only where
/// nobody else does. A tag gets the address of the site's own page for it when this page links that.
pub(super) fn tags(
    claims: &[Claim],
    document: &Document<'_>,
    region: &Region<'_>,
    linked: &[TagLink<'_>],
    evidence: &mut Vec<Evidence>,
) -> Vec<Tag> {
    let mut tags: Vec<Tag> = vec![];
    let add = |tags: &mut Vec<Tag>, name: &str, by: &'static str, evidence: &mut Vec<Evidence>| {
        let name = name.trim().trim_start_matches('#').trim();
        let folded = name.to_lowercase();
        let known = tags.iter().any(|tag: &Tag| tag.name.to_lowercase() == folded);
        if name.is_empty() || known || tags.len() >= MAX_TAGS || name.chars().count() > MAX_LINE {
            return;
        }
        let href = linked.iter().find(|link| link.name.to_lowercase() == folded);
        tags.push(Tag {
            name: name.to_owned(),
            href: href.map(|link| link.href.to_string()),
        });
        evidence.push(Evidence::new("tags", by, name));
    };
    let is_weak = |source: &str| source == meta::PLAIN || source == FEED;
    for claim in claims.iter().filter(|claim| !is_weak(claim.source)) {
        for name in &claim.tags {
            add(&mut tags, name, claim.source, evidence);
        }
    }
    for link in linked {
        add(&mut tags, &link.name, "links to tags", evidence);
    }
    if tags.is_empty()
        && let Some(written) = keywords::read(region)
        && !keywords::has_links(&written, document)
    {
        for name in &written.names {
            add(&mut tags, name, "a line of tags", evidence);
        }
    }
    for weak in [FEED, meta::PLAIN] {
        if tags.is_empty() {
            for claim in claims.iter().filter(|claim| claim.source == weak) {
                for name in &claim.tags {
                    add(&mut tags, name, claim.source, evidence);
                }
            }
        }
    }
    // Attributes of whole lists run their names together: "rust code" beside "rust" and "code".
    let names: Vec<String> = tags.iter().map(|tag| tag.name.to_lowercase()).collect();
    tags.retain(|tag| {
        let mut words = tag.name.split_whitespace().peekable();
        let single = words.next().is_some() && words.peek().is_none();
        single
            || !tag
                .name
                .split_whitespace()
                .all(|word| names.contains(&word.to_lowercase()))
    });
    tags
}

/// The picture that stands for the whole article, with its text from wherever the page gives one.
pub(super) fn image(
    claims: &[Claim],
    meta: &Meta,
    document: &Document<'_>,
    evidence: &mut Vec<Evidence>,
) -> Option<Media> {
    let (mut image, by) = first(claims, |claim| claim.image.clone())?;
    if let Some(same) = meta
        .open_graph
        .image
        .as_ref()
        .filter(|same| same.url == image.url)
    {
        image.alt = image.alt.or_else(|| same.alt.clone());
        image.width = image.width.or(same.width);
        image.height = image.height.or(same.height);
    }
    if image.alt.is_none() {
        // The same picture may stand in the page with its text.
        image.alt = document
            .all
            .iter()
            .filter(|element| document::name(**element) == "img")
            .find_map(|img| {
                let same = document.resolve(img.attr("src")?)?.as_str() == image.url;
                img.attr("alt")
                    .map(document::line)
                    .filter(|alt| same && !alt.is_empty())
            });
    }
    evidence.push(Evidence::new("image", by, &image.url));
    Some(image)
}
