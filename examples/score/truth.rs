//! What should be read from a built site, and how far that is what tidings reads.
//!
//! Both the example `score` and the test `generators` use it. The folder goes through the real pipeline: scanned with its
//! feeds, compared as for a baseline, each post read again as for publishing.
//!
//! Every post has twelve fields: that it is a post, url, title, published, updated, language, summary, tags, images,
//! contains, must_not_contain, elements. Every other page has one: that it isn't. A page that the truth doesn't name and that
//! would be published is one field, and wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use scraper::{Html, Selector};
use serde::Deserialize;
use tidings::article::Article;
use tidings::clock::Clock;
use tidings::site::diff::{Brake, First, Rules, diff};
use tidings::site::page::{Page, Verdict};
use tidings::site::scan::{Reader, Scanner, Scope};
use tidings::site::snapshot::Sighting;
use url::Url;

/// What should be read from one site.
#[derive(Debug, Deserialize)]
pub(crate) struct Truth {
    /// Its name.
    pub(crate) site: String,
    /// Where its readers find it.
    #[serde(default = "example")]
    pub(crate) site_url: String,
    /// Every page that is a post.
    posts: Vec<Post>,
    /// Every HTML file that is none.
    #[serde(default)]
    not_posts: Vec<Other>,
}

fn example() -> String {
    "https://blog.example".into()
}

/// What should be read from one post. A field that is missing is one that the output doesn't state; of `FIELD_accept`
/// each is as right as the field itself.
#[derive(Debug, Deserialize)]
struct Post {
    file: String,
    url: String,
    #[serde(default)]
    url_accept: Vec<String>,
    title: Option<String>,
    #[serde(default)]
    title_accept: Vec<Option<String>>,
    published: Timestamp,
    #[serde(default)]
    published_accept: Vec<Timestamp>,
    updated: Option<Timestamp>,
    #[serde(default)]
    updated_accept: Vec<Option<Timestamp>>,
    language: Option<String>,
    #[serde(default)]
    language_accept: Vec<Option<String>>,
    summary: Option<String>,
    #[serde(default)]
    summary_accept: Vec<Option<String>>,
    tags: Option<Vec<String>>,
    #[serde(default)]
    tags_accept: Vec<Option<Vec<String>>>,
    #[serde(default)]
    images: Vec<Image>,
    /// Addresses of pictures that may be among them.
    #[serde(default)]
    images_may_include: Vec<String>,
    /// Whether leaving the pictures out is right too.
    #[serde(default)]
    images_optional: bool,
    /// Texts that the content has.
    #[serde(default)]
    contains: Vec<String>,
    /// Texts that it hasn't, with spaces or without.
    #[serde(default)]
    must_not_contain: Vec<String>,
    /// The same, of its HTML.
    #[serde(default)]
    must_not_contain_html: Vec<String>,
    /// CSS selectors of elements that it has.
    #[serde(default)]
    elements: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Image {
    url: String,
    #[serde(default)]
    url_accept: Vec<String>,
    alt: Option<String>,
    #[serde(default)]
    alt_accept: Vec<Option<String>>,
}

#[derive(Debug, Deserialize)]
struct Other {
    file: String,
    #[serde(default)]
    reason: String,
}

impl Truth {
    /// Reads the truth about a site.
    pub(crate) fn read(path: &Path) -> Result<Truth> {
        let name = || path.display().to_string();
        let json = std::fs::read_to_string(path).with_context(name)?;
        serde_json::from_str(&json).with_context(name)
    }
}

/// How many fields are right.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// Fields in all.
    pub(crate) all: usize,
    /// Those that are wrong: file, field, what is there and what should be.
    pub(crate) failures: Vec<String>,
}

impl Score {
    /// Fields that are right.
    pub(crate) fn right(&self) -> usize {
        self.all - self.failures.len()
    }

    fn field(&mut self, file: &str, name: &str, right: bool, detail: impl FnOnce() -> String) {
        self.all += 1;
        if !right {
            let detail: String = detail().chars().take(1_200).collect();
            self.failures.push(format!("{file}: {name}: {detail}"));
        }
    }
}

/// The fields of a post besides that it is one.
const FIELDS: [&str; 11] = [
    "url",
    "title",
    "published",
    "updated",
    "language",
    "summary",
    "tags",
    "images",
    "contains",
    "must_not_contain",
    "elements",
];

/// Compares what tidings reads in `folder` with the truth.
pub(crate) fn compare(folder: &Path, truth: &Truth) -> Result<Score> {
    let mut site: Url = truth.site_url.parse().context("site_url")?;
    if !site.path().ends_with('/') {
        site.set_path(&format!("{}/", site.path()));
    }
    let mut scanner = Scanner::new(folder, &site);
    let scan = scanner.scan(&Scope::All, &|_, _| {});
    ensure!(!scan.snapshot.pages.is_empty(), "{}: no page", folder.display());
    let origin = site.origin().ascii_serialization();
    let rules = Rules {
        origin: &origin,
        chosen: &|_| Ok(()),
        first: First::Baseline,
        lost: &|_| false,
        leapt: None,
        delete_grace: SignedDuration::ZERO,
        brake: Brake {
            max_changes: usize::MAX,
            max_deletes: usize::MAX,
        },
    };
    let plan = diff(&[], &scan.snapshot, &rules, Clock::system().now());
    let posts: BTreeSet<&str> = plan.baseline.iter().map(|new| &*new.page).collect();
    let reasons: BTreeMap<&str, &str> = plan
        .skipped
        .iter()
        .map(|skipped| (&*skipped.page, &*skipped.reason))
        .collect();
    let reader = scanner.reader();
    let by_file: BTreeMap<String, (&str, &Sighting)> = scan
        .snapshot
        .pages
        .iter()
        .map(|(page, sighting)| (reader.file(page).unwrap_or_default(), (&**page, &**sighting)))
        .collect();

    let mut score = Score::default();
    for post in &truth.posts {
        let found = by_file.get(&post.file).filter(|(page, _)| posts.contains(page));
        match found.and_then(|(page, sighting)| article(&reader, page, sighting)) {
            Some((article, page)) => post.compare(&article, &page, &mut score),
            None => {
                let reason = by_file.get(&post.file).map_or("no such file", |(page, _)| {
                    reasons.get(page).copied().unwrap_or("no reason")
                });
                score.field(&post.file, "is-post", false, || reason.to_owned());
                for field in FIELDS {
                    score.field(&post.file, field, false, || "not a post".into());
                }
            }
        }
    }
    for other in &truth.not_posts {
        let published = by_file.get(&other.file).filter(|(page, _)| posts.contains(page));
        score.field(&other.file, "not-post", published.is_none(), || {
            published.map_or(String::new(), |(page, sighting)| {
                let evidence = reader.page(page, sighting).map(|page| page.evidence);
                format!("{}; read as {evidence:?}", other.reason)
            })
        });
    }
    let named: BTreeSet<&str> = truth
        .posts
        .iter()
        .map(|post| post.file.as_str())
        .chain(truth.not_posts.iter().map(|other| other.file.as_str()))
        .collect();
    for (file, (page, _)) in &by_file {
        if posts.contains(page) && !named.contains(file.as_str()) {
            score.field(file, "not-post", false, || "the truth doesn't name it".into());
        }
    }
    Ok(score)
}

fn article(reader: &Reader, path: &str, sighting: &Sighting) -> Option<(Article, Page)> {
    let page = reader.page(path, sighting)?;
    match &page.verdict {
        Verdict::Post(article) => Some(((**article).clone(), page)),
        _ => None,
    }
}

impl Post {
    fn compare(&self, article: &Article, page: &Page, score: &mut Score) {
        let file = self.file.as_str();
        score.field(file, "is-post", true, String::new);
        let mut one = |name: &str, right: bool, got: String, want: String| {
            score.field(file, name, right, || {
                let sources: Vec<String> = page
                    .evidence
                    .iter()
                    .filter(|evidence| evidence.field == name)
                    .map(|evidence| format!("{} {:?}", evidence.source, evidence.value))
                    .collect();
                format!("got {got}, want {want} (evidence: {})", sources.join(", "))
            });
        };

        let right = article.url == self.url || self.url_accept.contains(&article.url);
        one("url", right, article.url.clone(), self.url.clone());

        let line = |text: &Option<String>| text.as_deref().map(collapsed);
        let same = |got: &Option<String>, want: &Option<String>, accept: &[Option<String>]| {
            std::iter::once(want)
                .chain(accept)
                .any(|want| line(want) == line(got))
        };
        let debug = |value: &dyn std::fmt::Debug| format!("{value:?}");
        let right = same(&article.title, &self.title, &self.title_accept);
        one("title", right, debug(&article.title), debug(&self.title));

        let right = article.published == self.published || self.published_accept.contains(&article.published);
        one(
            "published",
            right,
            article.published.to_string(),
            self.published.to_string(),
        );
        let right = article.updated == self.updated || self.updated_accept.contains(&article.updated);
        one("updated", right, debug(&article.updated), debug(&self.updated));

        let right = same(&article.language, &self.language, &self.language_accept);
        one("language", right, debug(&article.language), debug(&self.language));
        let right = same(&article.summary, &self.summary, &self.summary_accept);
        one("summary", right, debug(&article.summary), debug(&self.summary));

        let got = hashtags(article.tags.iter().map(|tag| tag.name.as_str()));
        let want = |tags: &Option<Vec<String>>| hashtags(tags.iter().flatten().map(String::as_str));
        let right = std::iter::once(&self.tags)
            .chain(&self.tags_accept)
            .any(|tags| want(tags) == got);
        one("tags", right, debug(&article.tags), debug(&self.tags));

        let right = self.has_images(article);
        one("images", right, debug(&article.attachments), debug(&self.images));

        let content = Html::parse_fragment(&article.content);
        let text = collapsed(&content.root_element().text().collect::<String>());
        let missing: Vec<&String> = self
            .contains
            .iter()
            .filter(|part| !text.contains(&collapsed(part)))
            .collect();
        one(
            "contains",
            missing.is_empty(),
            article.content.clone(),
            debug(&missing),
        );

        let dense = without_spaces(&text);
        let html = article.content.to_lowercase();
        let too_much: Vec<&String> = self
            .must_not_contain
            .iter()
            .filter(|part| text.contains(&collapsed(part)) || dense.contains(&without_spaces(part)))
            .chain(
                self.must_not_contain_html
                    .iter()
                    .filter(|part| html.contains(&part.to_lowercase())),
            )
            .collect();
        one(
            "must_not_contain",
            too_much.is_empty(),
            article.content.clone(),
            format!("not {too_much:?}"),
        );

        let lacking: Vec<&String> = self
            .elements
            .iter()
            .filter(|element| {
                Selector::parse(element).is_ok_and(|element| content.select(&element).next().is_none())
            })
            .collect();
        one(
            "elements",
            lacking.is_empty(),
            article.content.clone(),
            debug(&lacking),
        );
    }

    fn has_images(&self, article: &Article) -> bool {
        let mut seen = BTreeSet::new();
        let none_is_strange = article.attachments.iter().all(|got| {
            let Some((at, want)) = self
                .images
                .iter()
                .enumerate()
                .find(|(_, image)| image.url == got.url || image.url_accept.contains(&got.url))
            else {
                return self.images_may_include.contains(&got.url);
            };
            let alt = |alt: &Option<String>| alt.clone().unwrap_or_default();
            seen.insert(at)
                && std::iter::once(&want.alt)
                    .chain(&want.alt_accept)
                    .any(|want| alt(want) == alt(&got.alt))
        });
        none_is_strange && (self.images_optional || seen.len() == self.images.len())
    }
}

/// Tags as servers compare them: small letters, and only what a hashtag can hold.
fn hashtags<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    names
        .map(|name| {
            let letters = name
                .chars()
                .filter(|letter| letter.is_alphanumeric() || *letter == '_');
            letters.collect::<String>().to_lowercase()
        })
        .collect()
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}
