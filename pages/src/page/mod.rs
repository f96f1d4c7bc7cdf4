//! The reader of pages: the bytes of an HTML file in, an article or the reason why not out.
//!
//! Several sources may speak about a page; each states a [`Claim`], and for each field the most trusted claim that
//! has one wins. The order of trust stands in one place, [`claims`]. Configuration, the calendar and the other pages
//! of the site are not known here: `site::diff` judges by those.

mod alternates;
mod beside;
mod claim;
mod clutter;
mod content;
mod dateline;
mod dates;
mod document;
mod encoding;
mod entry;
mod field;
mod guide;
mod head;
mod headline;
mod heard;
mod json_ld;
mod keywords;
mod links;
mod list;
mod meta;
mod microdata;
mod microformats;
mod months;
mod outline;
mod region;
mod time;
mod verdict;
mod view;
mod written;

use jiff::Timestamp;
use url::Url;

use crate::article::{Article, Media};
use crate::dom::Html;
use crate::frame::{self, Frame, MAX_SKETCH, Order, Sketch};
use crate::sanitize;
use crate::sanitize::nesting::{Writer, deeper_than};
pub use alternates::Alternate;
pub use beside::is_beside_posts;
use claim::Claim;
use document::Document;
use field::{dated, first, image, language, published, tags};
pub use guide::Guide;
pub use head::{Head, head};
use meta::Meta;
use outline::Outline;
pub use verdict::{Evidence, FEED, NO_ZONE, ONLY_DAY, Page, Reason, Said, Source, Standing, Verdict};
use view::View;

/// Bytes of one page: the longest books in one file stay below it, and parsing it takes a tenth of a second.
pub const MAX_PAGE: usize = 8 << 20;

/// Elements in one another. html5ever's time grows with the square of the depth; no human writes half as deep.
pub const MAX_DEPTH: usize = 1_000;

/// Bytes of the content in which its first line is found, which is what is shown as evidence.
const OPENING: usize = 4 << 10;

/// Bytes in which it mostly is found.
const GLIMPSE: usize = 640;

/// Characters of a title, a summary or an alternative text; what is longer isn't one.
const MAX_LINE: usize = 10_000;

/// Reads a date that a machine wrote, as it does in feeds; a time without a zone is taken as UTC.
pub fn instant(text: &str) -> Option<Timestamp> {
    dates::words(text, Order::Open).map(|date| date.at)
}

/// Reads one page. Never panics; the time is bounded by [`MAX_PAGE`] and [`MAX_DEPTH`].
pub fn read(source: &Source<'_>) -> Page {
    read_from(source, None)
}

/// Reads a page that [lacks its text](Page::lacks_text), with what a feed gives of it: some HTML.
pub fn read_with(source: &Source<'_>, text: &str) -> Page {
    read_from(source, Some(text))
}

fn read_from(source: &Source<'_>, text: Option<&str>) -> Page {
    let mut page = unread(source);
    page.verdict = parse(source)
        .and_then(|html| judge(source, &html, text, &mut page))
        .unwrap_or_else(Verdict::Not);
    page
}

/// A page of which only the path is known.
fn unread(source: &Source<'_>) -> Page {
    Page {
        path: source.path.to_owned(),
        canonical: None,
        verdict: Verdict::Not(Reason::Empty),
        evidence: vec![],
        said: vec![],
        standing: Standing::default(),
        alternates: vec![],
        lacks_text: false,
    }
}

/// What a post is compared with others of its site by; of a page that is no post, only how it writes dates, if it does.
pub fn sketch(source: &Source<'_>) -> Option<Sketch> {
    let html = parse(source).ok()?;
    let order = dateline::order(&html);
    // Which day a post is of doesn't matter here, but that it has one.
    let dated = Frame::of_order(if order == Order::Open {
        Order::DayFirst
    } else {
        order
    });
    let source = Source {
        frame: Some(&dated),
        ..*source
    };
    sketch_of(&source, &html)
        .map(|sketch| Sketch { order, ..sketch })
        .or_else(|| {
            (order != Order::Open).then(|| Sketch {
                order,
                ..Sketch::default()
            })
        })
}

fn sketch_of(source: &Source<'_>, html: &Html) -> Option<Sketch> {
    let mut page = unread(source);
    let Ok(Verdict::Post(article)) = judge(source, html, None, &mut page) else {
        return None;
    };
    let document = Document::new(html, source.path, source.site);
    // A page for printers or telephones, the same post once more.
    let copy = |canonical: &String| Url::parse(canonical).is_ok_and(|url| !document.is_own(&url));
    if page.canonical.as_ref().is_some_and(copy) {
        return None;
    }
    let outline = Outline::of(&document, region::body(&document), MAX_SKETCH);
    let guided = source
        .feed
        .and_then(|feed| feed.guide.as_ref())
        .and_then(|guide| guide.find(&outline))
        .map(|at| outline.container(at))
        .and_then(|at| u32::try_from(at).ok());
    let said = article
        .title
        .iter()
        .chain(&article.summary)
        .chain(article.image.iter().map(|image| &image.url));
    Some(Sketch {
        guided,
        card: said.map(|said| frame::card(said)).collect(),
        article: Meta::read(&document).og_type.as_deref() == Some("article"),
        ..outline.sketch
    })
}

fn parse(source: &Source<'_>) -> Result<Html, Reason> {
    if source.html.len() > MAX_PAGE {
        return Err(Reason::TooLarge);
    }
    let text = encoding::decode(source.html);
    if deeper_than(&text, MAX_DEPTH, Writer::Ourselves) {
        return Err(Reason::TooDeep);
    }
    Ok(Html::parse_document(&text))
}

fn judge(source: &Source<'_>, html: &Html, text: Option<&str>, page: &mut Page) -> Result<Verdict, Reason> {
    let evidence = &mut page.evidence;
    let document = Document::new(html, source.path, source.site).beside(source.frame);
    let meta = Meta::read(&document);

    page.alternates = alternates::read(&document);
    page.canonical = meta.canonical.as_ref().map(Url::to_string);
    if let Some(target) = &meta.refresh {
        return Ok(Verdict::Alias(target.to_string()));
    }
    match meta.asked.publish {
        Some(false) => return Err(Reason::OptedOut),
        Some(true) => evidence.push(Evidence::new("page", "tidings:publish", "yes")),
        None => {
            if meta.no_index {
                return Err(Reason::NoIndex);
            }
            let is_website = meta.og_type.as_deref() == Some("website");
            if is_website && source.feed.is_none() && source.frame.is_some_and(Frame::has_articles) {
                return Err(Reason::Website);
            }
            if is_error_page(source) {
                return Err(Reason::ErrorPage);
            }
            if is_among_drafts(source.path) {
                return Err(Reason::Draft);
            }
        }
    }
    // Whether the page that it names is there, so that this one is a duplicate, is seen by `site::diff`.
    let url = match &meta.canonical {
        Some(canonical) if canonical.origin() == document.own.origin() => canonical.clone(),
        _ => document.own.clone(),
    };

    let posting = json_ld::read(&document);
    let entry = microformats::read(&document);
    let view = View::of(&document, source.frame);
    let guide = source.feed.and_then(|feed| feed.guide.as_ref());
    let (region, times) = placed(&document, &view, guide, &meta);
    let mut claims = claims(source, &document, &meta, &posting, &entry, &region, &times);
    field::keep_own(&mut claims, source.frame);
    page.said = claim::said(&claims);
    let states = |claim: &Option<Claim>| claim.is_some();
    let dates = |claim: &Option<Claim>| claim.as_ref().is_some_and(|claim| claim.published.is_some());
    let dates_itself = dates(&posting.claim) || dates(&entry.claim);
    page.standing = Standing {
        asked: meta.asked.publish == Some(true),
        stated: states(&posting.claim) || states(&entry.claim),
        shown: times.published.is_some()
            || entry
                .claim
                .as_ref()
                .is_some_and(|claim| claim.published.is_some()),
        late: false,
    };
    if meta.asked.publish != Some(true)
        && let Some(sign) = list::sign(
            source.feed,
            &document,
            &meta,
            &posting,
            &entry,
            &region,
            &times,
            &claims,
        )
    {
        evidence.push(Evidence::new("page", sign, "a list of posts"));
        return Err(Reason::List);
    }
    let (published, published_by) = published(&claims).ok_or(Reason::NoDate)?;
    if !page.standing.asked
        && source.feed.is_none()
        && published_by == "HTML"
        && entry::is_only(&document, &region, &times, &view)
    {
        evidence.push(Evidence::new("page", "the date beside a link", "a list of posts"));
        return Err(Reason::List);
    }
    if !page.standing.asked
        && !dates_itself
        && is_beside_posts(source.path)
        && beside::is_at_root(source.path)
    {
        return Err(Reason::Beside);
    }

    let told = first(&claims, |claim| claim.title.as_deref()).map(|(title, _)| title);
    let root = content::root(&view, guide, &document, &entry, &region, told);
    let title =
        headline::choose(&claims, &meta, &entry, &root).or_else(|| heard::title(source.feed, &meta, &root));
    let deck = first(&claims, |claim| claim.summary.as_deref()).map(|(summary, _)| summary);
    let linked = links::tags(&document, &region);
    let mut body = content::read(
        &document,
        &root,
        &region,
        &linked,
        (title.map(|(title, _)| title), deck),
        &times,
        &url,
    );
    let mut content_by = root.source;
    match text {
        Some(text) => {
            body = sanitize::own_html(text, &url);
            content_by = FEED;
        }
        None => {
            let missed = |guide: &Guide| {
                body.media.is_empty() && guide.is_missed(&view.outline, &sanitize::plain(&body.html))
            };
            page.lacks_text = guide.is_some_and(missed);
        }
    }
    if title.is_none() && body.html.is_empty() && body.media.is_empty() {
        return Err(Reason::Empty);
    }

    if let Some((title, by)) = title {
        evidence.push(Evidence::new("title", by, title));
    }
    let summary = meta
        .asked
        .summary
        .as_deref()
        .map(|summary| (summary, "tidings:summary"));
    let summary = summary
        .or_else(|| {
            let said = |claim: &'_ Claim| claim.summary.as_deref() != title.map(|(title, _)| title);
            first(&claims, |claim| claim.summary.as_deref().filter(|_| said(claim)))
        })
        .or_else(|| heard::summary(source.feed, &root));
    if let Some((summary, by)) = summary {
        evidence.push(Evidence::new("summary", by, summary));
    }
    evidence.push(Evidence::new("content", content_by, &opening(&body.html)));
    let language = language(&meta, &claims, &document, &root);
    if let Some((language, by)) = &language {
        evidence.push(Evidence::new("language", by, language));
    }
    evidence.push(dated("published", published, published_by));
    let updated = field::updated(&claims)
        .or_else(|| source.changed.map(|at| (heard::date(at), "sitemap")))
        .filter(|(updated, _)| updated.at > published.at);
    if let Some((updated, by)) = updated {
        evidence.push(dated("updated", updated, by));
    }
    let tags = tags(&claims, &document, &region, &linked, evidence);
    let mut image = image(&claims, &meta, &document, evidence);
    if let Some(image) = &mut image {
        content::recognise(image, &mut body);
    }
    if body.unattached > 0 {
        evidence.push(Evidence {
            note: Some("pictures within the HTML itself (data:) can't be attached"),
            ..Evidence::new("attachments", root.source, &body.unattached.to_string())
        });
    }

    Ok(Verdict::Post(Box::new(Article {
        url: url.to_string(),
        kind: meta.asked.kind,
        title: title.map(|(title, _)| title.to_owned()),
        summary: summary.map(|(summary, _)| summary.to_owned()),
        content: body.html,
        language: language.map(|(language, _)| language),
        published: published.at,
        updated: updated.map(|(updated, _)| updated.at),
        tags,
        image,
        attachments: body.media,
        sensitive: meta.asked.sensitive,
        actor: meta.asked.actor.clone(),
        visibility: meta.asked.visibility,
        featured: meta.asked.featured,
        discussion: meta.asked.discussion,
        translations: vec![],
    })))
}

/// Where the post stands, and the dates there. Other posts of the site may show that it is less than the elements of the
/// page say, and that a date beside it is another's.
fn placed<'a>(
    document: &Document<'a>,
    view: &View<'a>,
    guide: Option<&Guide>,
    meta: &Meta,
) -> (region::Region<'a>, time::Times) {
    let region = region::find(document);
    let times = time::read(document, &region);
    if region.source == "<article>" {
        return (region, times);
    }
    let title = meta.open_graph.title.as_deref();
    let around = view
        .around(guide, title)
        .filter(|around| document::within(*around, region.element));
    let narrow = around.map(|element| region::Region { element, ..region });
    match narrow.map(|narrow| (time::read(document, &narrow), narrow)) {
        Some((dates, narrow)) if dates.published.is_some() || times.published.is_none() => (narrow, dates),
        _ => (region, times),
    }
}

/// The first words of the content.
fn opening(html: &str) -> String {
    let start = |bytes: usize| &html[..html.floor_char_boundary(bytes)];
    // Nearly always a glimpse, up to some tag, shows twice as much as is kept.
    let glimpse = start(GLIMPSE);
    let glimpse = sanitize::plain(&glimpse[..glimpse.rfind('<').unwrap_or(0)]);
    if glimpse.chars().count() > 2 * verdict::SHORTENED {
        return glimpse;
    }
    sanitize::plain(start(OPENING))
}

/// The order of trust, most trusted first.
///
/// JSON-LD is written for machines, complete and about this page alone. An h-entry marks what readers see, so it is
/// seldom wrong, but it is often incomplete. Microdata is the same with another vocabulary. OpenGraph is made for
/// cards: its dates hold, its titles may carry the site's name. Then come the old meta names, then what the elements
/// of HTML themselves mean. The feeds of the site come last, because the page is what readers see: a feed is cut
/// short, or left behind by an older build. It fills what the page leaves out: a date where there is none, the time of
/// a page's bare day and the zone of its bare time ([`field::published`]), tags where the page names none, a title and
/// a summary where there is none and they aren't merely the beginning of its text ([`heard`]). Being in a feed
/// outweighs the weak signs of a list ([`list::sign`]). A day in the page's address (`/2026/05/01/hello/`) is what the
/// generator made of its date once, and stays when that is mended: it counts where nothing else names a day. The sitemap
/// isn't among the claims: it is asked for the time of the last change where none of them says anything of one.
///
/// The content has an order of its own ([`content::root`]), because it is no claim but a part of the page: what the page
/// marks as content, since a mark is meant for programs; where the text of the feed stands in the page, since what is the
/// same letter by letter is no guess; where other posts of the site have what is their own; where most of the text stands
/// that isn't links; the page's `<article>`, `<main>` or `<body>`. The feed's text itself is taken only when nothing of it
/// is in the page, and the page says next to nothing itself: scripts put it there in a browser. From all of them is
/// dropped what the posts of the site share.
fn claims<'a>(
    source: &Source<'_>,
    document: &Document<'a>,
    meta: &'a Meta,
    posting: &'a json_ld::Postings,
    entry: &'a microformats::Entries<'a>,
    region: &region::Region<'a>,
    times: &time::Times,
) -> Vec<Claim> {
    [
        posting.claim.clone(),
        entry.claim.clone(),
        Some(microdata::read(document)),
        Some(meta.open_graph.clone()),
        Some(meta.plain.clone()),
        Some(Claim {
            source: "HTML",
            title: headline::h1(document, region, meta),
            published: times.published,
            updated: times.updated,
            ..Claim::default()
        }),
        source.feed.map(heard::claim),
        dates::of_path(document).map(|day| Claim {
            source: dates::PATH,
            published: Some(day),
            ..Claim::default()
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Names of pages that servers show instead of others: by status, and in words.
const ERROR_PAGES: [&str; 13] = [
    "400",
    "401",
    "403",
    "404",
    "410",
    "500",
    "502",
    "503",
    "50x",
    "notfound",
    "pagenotfound",
    "error404",
    "404error",
];

fn is_error_page(source: &Source<'_>) -> bool {
    let path = source.path.trim_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let stem = last
        .strip_suffix(".html")
        .or_else(|| last.strip_suffix(".htm"))
        .unwrap_or(last);
    let bare: String = stem
        .chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .collect::<String>()
        .to_ascii_lowercase();
    source.feed.is_none() && ERROR_PAGES.contains(&bare.as_str()) && path.matches('/').count() <= 1
}

/// Whether a page lies in a folder of drafts, at whatever depth. A post may be called so itself.
fn is_among_drafts(path: &str) -> bool {
    let folders = path
        .trim_end_matches('/')
        .rsplit_once('/')
        .map_or("", |(folders, _)| folders);
    folders
        .split('/')
        .any(|folder| matches!(folder, "drafts" | "_drafts"))
}

/// A picture that metadata names, when its address leads anywhere.
fn picture(document: &Document<'_>, href: &str) -> Option<Media> {
    let url = document.resolve(href)?;
    let media_type = sanitize::image_type(&url);
    Some(Media {
        url: url.to_string(),
        media_type,
        alt: None,
        width: None,
        height: None,
    })
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod shapes;

#[cfg(test)]
mod handmade;
