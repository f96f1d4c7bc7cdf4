//! The reader of pages: the bytes of an HTML file in, an article or the reason why not out.
//!
//! Several sources may speak about a page; each states a [`Claim`], and for each field the most trusted claim that
//! has one wins. The order of trust stands in one place, [`claims`]. Configuration, the calendar and the other pages
//! of the site are not known here: `site::diff` judges by those.

mod claim;
mod content;
mod dates;
mod document;
mod encoding;
mod headline;
mod json_ld;
mod links;
mod list;
mod meta;
mod microdata;
mod microformats;
mod region;
mod time;

use std::fmt;

use scraper::Html;
use url::Url;

use crate::article::{Article, Kind, Media, Tag, Visibility};
use crate::sanitize;
use claim::{Claim, Date, Precision};
use document::Document;
use meta::Meta;

/// Bytes of one page: the longest books in one file stay below it, and parsing it takes a tenth of a second.
pub const MAX_PAGE: usize = 8 << 20;

/// Elements in one another. html5ever's time grows with the square of the depth; no human writes half as deep.
pub const MAX_DEPTH: usize = 1_000;

/// Characters of a title, a summary or an alternative text; what is longer isn't one.
const MAX_LINE: usize = 10_000;

/// Tags of one page; more is a cloud.
const MAX_TAGS: usize = 100;

/// One file of the output folder, as handed to the reader.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// URL path below `site.url`: "/posts/hello/" (`index.html` cut) or "/a.html".
    pub path: &'a str,
    /// The file as it is on disk, in whatever encoding.
    pub html: &'a [u8],
    /// `site.url`, ending in `/`.
    pub site: &'a Url,
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// As in [`Source::path`].
    pub path: String,
    /// `<link rel="canonical">`: absolute, without fragment and `index.html`.
    pub canonical: Option<String>,
    /// What the page is.
    pub verdict: Verdict,
    /// Which field came from where, in the order of the fields of [`Article`].
    pub evidence: Vec<Evidence>,
}

/// What a page is.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// A post, with all that federates of it.
    Post(Box<Article>),
    /// A page that sends its readers on, to this absolute URL.
    Alias(String),
    /// Neither.
    Not(Reason),
}

/// Why a page isn't a post. Its `Display` is the sentence that `plan` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No source states when it was published.
    NoDate,
    /// `<meta name="robots" content="noindex">`.
    NoIndex,
    /// `<meta name="tidings:publish" content="no">`.
    OptedOut,
    /// Its canonical URL is another page of this site.
    NotThisPage {
        /// That page.
        canonical: String,
    },
    /// It lists posts.
    List,
    /// It lies in the folder that generators keep for drafts.
    Draft,
    /// It is what the server shows instead of a page.
    ErrorPage,
    /// It has neither title, text nor pictures.
    Empty,
    /// It is larger than [`MAX_PAGE`].
    TooLarge,
    /// Its elements are nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoDate => f.write_str("no date of publication"),
            Reason::NoIndex => f.write_str("the page asks robots not to index it (noindex)"),
            Reason::OptedOut => f.write_str("the page opts out (tidings:publish is no)"),
            Reason::NotThisPage { canonical } => write!(f, "a duplicate of {canonical} (its canonical URL)"),
            Reason::List => f.write_str("a list of posts, not a post"),
            Reason::Draft => f.write_str("a draft: it lies in the folder drafts"),
            Reason::ErrorPage => f.write_str("an error page"),
            Reason::Empty => f.write_str("nothing to say: no title, text or picture was found"),
            Reason::TooLarge => write!(f, "larger than {} MiB", MAX_PAGE >> 20),
            Reason::TooDeep => write!(f, "elements nested more than {MAX_DEPTH} deep"),
        }
    }
}

/// Where one field of an article came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The field of [`Article`], or "page" for what decided the verdict.
    pub field: &'static str,
    /// The source: "JSON-LD", "h-entry", "OpenGraph" …
    pub source: &'static str,
    /// What it says, shortened.
    pub value: String,
    /// What a careful reader should know: "only a day: taken as midnight UTC".
    pub note: Option<&'static str>,
}

impl Evidence {
    fn new(field: &'static str, source: &'static str, value: &str) -> Evidence {
        Evidence {
            field,
            source,
            value: value.chars().take(120).collect(),
            note: None,
        }
    }
}

/// Reads one page. Never panics; the time is bounded by [`MAX_PAGE`] and [`MAX_DEPTH`].
pub fn read(source: &Source<'_>) -> Page {
    let mut page = Page {
        path: source.path.to_owned(),
        canonical: None,
        verdict: Verdict::Not(Reason::Empty),
        evidence: vec![],
    };
    page.verdict = judge(source, &mut page.canonical, &mut page.evidence).unwrap_or_else(Verdict::Not);
    page
}

fn judge(
    source: &Source<'_>,
    canonical: &mut Option<String>,
    evidence: &mut Vec<Evidence>,
) -> Result<Verdict, Reason> {
    if source.html.len() > MAX_PAGE {
        return Err(Reason::TooLarge);
    }
    let text = encoding::decode(source.html);
    if sanitize::nested_deeper_than(&text, MAX_DEPTH) {
        return Err(Reason::TooDeep);
    }
    let html = Html::parse_document(&text);
    let document = Document::new(&html, source.path, source.site);
    let meta = Meta::read(&document);

    *canonical = meta.canonical.as_ref().map(Url::to_string);
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
            if is_error_page(source.path) {
                return Err(Reason::ErrorPage);
            }
            if source.path.starts_with("/drafts/") {
                return Err(Reason::Draft);
            }
        }
    }
    let mut url = document.own.clone();
    if let Some(canonical) = &meta.canonical
        && canonical.origin() == document.own.origin()
    {
        if !document::same_page(canonical, &document.own) {
            return Err(Reason::NotThisPage {
                canonical: canonical.to_string(),
            });
        }
        url = canonical.clone();
    }

    let posting = json_ld::read(&document);
    let entry = microformats::read(&document);
    let region = region::find(&document);
    let times = time::read(&document, &region);
    let claims = claims(&document, &meta, &posting, &entry, &region, &times);
    if meta.asked.publish != Some(true)
        && let Some(sign) = list::sign(&document, &meta, &posting, &entry, &region, &times, &claims)
    {
        evidence.push(Evidence::new("page", sign, "a list of posts"));
        return Err(Reason::List);
    }
    let (published, published_by) = published(&claims).ok_or(Reason::NoDate)?;

    let root = content::root(&document, &entry, &region);
    let title = headline::choose(&claims, &meta, &entry, &root);
    let body = content::read(
        &document,
        &root,
        &region,
        title.map(|(title, _)| title),
        &times,
        &url,
    );
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
    let summary = summary.or_else(|| first(&claims, |claim| claim.summary.as_deref()));
    if let Some((summary, by)) = summary {
        evidence.push(Evidence::new("summary", by, summary));
    }
    evidence.push(Evidence::new(
        "content",
        root.source,
        &sanitize::plain(&body.html),
    ));
    let language = language(&meta, &claims, &document, &root);
    if let Some((language, by)) = &language {
        evidence.push(Evidence::new("language", by, language));
    }
    evidence.push(dated("published", published, published_by));
    let updated = first(&claims, |claim| claim.updated).filter(|(updated, _)| updated.at > published.at);
    if let Some((updated, by)) = updated {
        evidence.push(dated("updated", updated, by));
    }
    let tags = tags(&claims, &document, &region, evidence);
    let image = image(&claims, &meta, &document, evidence);

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
    })))
}

/// The order of trust, most trusted first.
///
/// JSON-LD is written for machines, complete and about this page alone. An h-entry marks what readers see, so it is
/// seldom wrong, but it is often incomplete. Microdata is the same with another vocabulary. OpenGraph is made for
/// cards: its dates hold, its titles may carry the site's name. Then come the old meta names, and last what the
/// elements of HTML themselves mean.
fn claims<'a>(
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
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn first<'a, T>(claims: &'a [Claim], field: impl Fn(&'a Claim) -> Option<T>) -> Option<(T, &'static str)> {
    claims
        .iter()
        .find_map(|claim| field(claim).map(|value| (value, claim.source)))
}

/// The most trusted date; when it names only a day, the most trusted instant of that day.
fn published(claims: &[Claim]) -> Option<(Date, &'static str)> {
    let (date, by) = first(claims, |claim| claim.published)?;
    if date.precision == Precision::Day {
        let exact = first(claims, |claim| {
            claim
                .published
                .filter(|other| other.precision != Precision::Day && other.day == date.day)
        });
        return exact.or(Some((date, by)));
    }
    Some((date, by))
}

fn dated(field: &'static str, date: Date, by: &'static str) -> Evidence {
    let note = match date.precision {
        Precision::Instant => None,
        Precision::Local => Some("no time zone: taken as UTC"),
        Precision::Day => Some("only a day: taken as midnight UTC"),
    };
    Evidence {
        note,
        ..Evidence::new(field, by, &date.at.to_string())
    }
}

fn is_error_page(path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let stem = last
        .strip_suffix(".html")
        .or_else(|| last.strip_suffix(".htm"))
        .unwrap_or(last);
    matches!(stem, "404" | "403" | "410" | "500" | "502" | "503" | "50x")
        && path.trim_matches('/').matches('/').count() <= 1
}

/// The nearest `lang` around the content, then what the metadata says, then the document's.
fn language(
    meta: &Meta,
    claims: &[Claim],
    document: &Document<'_>,
    root: &content::Root<'_>,
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

/// The tags of all sources, each once; the meta keywords only where nobody else names one, since they are written
/// for search engines. A tag gets the address of the site's own page for it when this page links that.
fn tags(
    claims: &[Claim],
    document: &Document<'_>,
    region: &region::Region<'_>,
    evidence: &mut Vec<Evidence>,
) -> Vec<Tag> {
    let linked = links::tags(document, region);
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
    for claim in claims.iter().filter(|claim| claim.source != meta::PLAIN) {
        for name in &claim.tags {
            add(&mut tags, name, claim.source, evidence);
        }
    }
    for link in &linked {
        add(&mut tags, &link.name, "links to tags", evidence);
    }
    if tags.is_empty() {
        for claim in claims.iter().filter(|claim| claim.source == meta::PLAIN) {
            for name in &claim.tags {
                add(&mut tags, name, claim.source, evidence);
            }
        }
    }
    tags
}

fn image(
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

/// Reads `Kind` as the configuration writes it.
fn kind(text: &str) -> Option<Kind> {
    match text.trim().to_ascii_lowercase().as_str() {
        "article" => Some(Kind::Article),
        "note" => Some(Kind::Note),
        _ => None,
    }
}

/// Reads `Visibility` as the configuration writes it. A page can't be direct: it has no addressees.
fn visibility(text: &str) -> Option<Visibility> {
    match text.trim().to_ascii_lowercase().as_str() {
        "public" => Some(Visibility::Public),
        "unlisted" => Some(Visibility::Unlisted),
        "followers" => Some(Visibility::Followers),
        _ => None,
    }
}
