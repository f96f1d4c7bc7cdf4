//! `<meta>` and `<link>`: what the head says, and what the page asks of tidings.

use url::Url;

use super::claim::Claim;
use super::document::{self, Document, has_word, name, some_line};
use super::{dates, picture};
use crate::article::{Discussion, Kind, Visibility};

/// The source's name of the old meta names (description, keywords, date).
pub(super) const PLAIN: &str = "meta";

/// Characters of a name in a description that is a string of them.
const MAX_NAME: usize = 40;

/// Characters of a language tag; the longest registered ones are half as long.
const MAX_LANGUAGE: usize = 35;

/// What the head says.
pub(super) struct Meta {
    /// Absolute, without fragment and `index.html`.
    pub(super) canonical: Option<Url>,
    /// Where `<meta http-equiv="refresh">` sends readers, when that is another page.
    pub(super) refresh: Option<Url>,
    pub(super) no_index: bool,
    pub(super) asked: Asked,
    /// og:*, article:* and twitter:*.
    pub(super) open_graph: Claim,
    /// og:type, in lower case.
    pub(super) og_type: Option<String>,
    /// The names of the site, none of which is a headline.
    pub(super) site_names: Vec<String>,
    /// description, keywords, and the names that carried dates before OpenGraph.
    pub(super) plain: Claim,
}

/// What `<meta name="tidings:KEY">` asks.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) publish: Option<bool>,
    pub(super) kind: Option<Kind>,
    pub(super) visibility: Option<Visibility>,
    pub(super) actor: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) sensitive: bool,
    pub(super) language: Option<String>,
    pub(super) featured: bool,
    pub(super) discussion: Discussion,
}

impl Meta {
    pub(super) fn read(document: &Document<'_>) -> Meta {
        let mut meta = Meta {
            canonical: None,
            refresh: None,
            no_index: false,
            asked: Asked::default(),
            open_graph: Claim {
                source: "OpenGraph",
                ..Claim::default()
            },
            og_type: None,
            site_names: vec![],
            plain: Claim {
                source: PLAIN,
                ..Claim::default()
            },
        };
        for element in &document.all {
            match name(*element) {
                "link" if has_word(*element, "rel", "canonical") && meta.canonical.is_none() => {
                    meta.canonical = element
                        .attr("href")
                        .and_then(|href| document.resolve(href))
                        .map(normal);
                }
                "meta" => {
                    let Some(content) = element.attr("content") else {
                        continue;
                    };
                    if let Some(key) = element.attr("http-equiv") {
                        meta.http_equiv(document, key, content);
                    }
                    // Themes write `name` where `property` is meant, and the other way round.
                    for key in [element.attr("property"), element.attr("name")]
                        .into_iter()
                        .flatten()
                    {
                        meta.take(document, key.trim().to_ascii_lowercase().as_str(), content);
                    }
                }
                _ => {}
            }
        }
        meta
    }

    fn http_equiv(&mut self, document: &Document<'_>, key: &str, content: &str) {
        if key.eq_ignore_ascii_case("refresh") {
            let target = refreshed(content).and_then(|href| document.resolve(href));
            self.refresh = self.refresh.take().or(target.filter(|url| !document.is_own(url)));
        } else if key.eq_ignore_ascii_case("content-language") && self.plain.language.is_none() {
            self.plain.language = language(content);
        }
    }

    fn take(&mut self, document: &Document<'_>, key: &str, content: &str) {
        let graph = &mut self.open_graph;
        let plain = &mut self.plain;
        match key {
            "robots" | "googlebot" => {
                let mut words = content
                    .split([',', ' '])
                    .map(|word| word.trim().to_ascii_lowercase());
                self.no_index |= words.any(|word| word == "noindex" || word == "none");
            }
            "og:title" => keep(&mut graph.title, some_line(content)),
            "og:description" => keep(
                &mut graph.summary,
                some_line(content).filter(|line| !is_labels(line)),
            ),
            "og:type" => keep(&mut self.og_type, Some(content.trim().to_ascii_lowercase())),
            "og:locale" => keep(&mut graph.language, language(content)),
            "og:site_name" | "application-name" | "apple-mobile-web-app-title" => {
                self.site_names.extend(some_line(content));
            }
            "og:image" | "og:image:url" | "og:image:secure_url" => {
                keep(&mut graph.image, picture(document, content));
            }
            "og:image:alt" | "twitter:image:alt" => {
                if let Some(image) = graph.image.as_mut().filter(|image| image.alt.is_none()) {
                    image.alt = some_line(content);
                }
            }
            "og:image:type" => {
                if let Some(image) = graph.image.as_mut().filter(|image| image.media_type == "image/*")
                    && content.trim().starts_with("image/")
                {
                    image.media_type = content.trim().to_ascii_lowercase();
                }
            }
            "og:image:width" | "og:image:height" => {
                if let Some(image) = graph.image.as_mut() {
                    let side = if key.ends_with("width") {
                        &mut image.width
                    } else {
                        &mut image.height
                    };
                    keep(side, content.trim().parse().ok().filter(|pixels| *pixels > 0));
                }
            }
            "article:published_time" | "og:article:published_time" => {
                keep(&mut graph.published, dates::machine(content));
            }
            "article:modified_time" | "og:article:modified_time" | "og:updated_time" => {
                keep(&mut graph.updated, dates::machine(content));
            }
            "article:tag" | "og:article:tag" => graph.tags.extend(content.split(',').filter_map(some_line)),
            "description" => keep(
                &mut plain.summary,
                some_line(content).filter(|line| !is_labels(line)),
            ),
            "twitter:description" => {
                keep(
                    &mut graph.summary,
                    some_line(content).filter(|line| !is_labels(line)),
                );
            }
            "twitter:image" | "twitter:image:src" => keep(&mut graph.image, picture(document, content)),
            "keywords" => plain
                .tags
                .extend(content.split([',', ';', '，', '、']).filter_map(some_line)),
            "date"
            | "pubdate"
            | "publish-date"
            | "publish_date"
            | "dc.date"
            | "dc.date.issued"
            | "dc.date.created"
            | "dcterms.date"
            | "dcterms.created"
            | "dcterms.issued"
            | "citation_publication_date"
            | "parsely-pub-date" => keep(&mut plain.published, dates::machine(content)),
            "last-modified" | "revised" | "dcterms.modified" | "dc.date.modified" => {
                keep(&mut plain.updated, dates::machine(content));
            }
            _ => {
                if let Some(key) = key.strip_prefix("tidings:") {
                    self.asked.take(key, content);
                }
            }
        }
    }
}

impl Asked {
    fn take(&mut self, key: &str, content: &str) {
        match key {
            "publish" => keep(&mut self.publish, answer(content)),
            "kind" => keep(&mut self.kind, kind(content)),
            "visibility" => keep(&mut self.visibility, visibility(content)),
            "actor" => keep(&mut self.actor, some_line(content.trim().trim_start_matches('@'))),
            "summary" => keep(&mut self.summary, some_line(content)),
            "language" => keep(&mut self.language, language(content)),
            "sensitive" => self.sensitive |= answer(content) == Some(true),
            "interactions" => self.discussion = self.discussion.max(discussion(content)),
            "featured" => self.featured |= answer(content) == Some(true),
            _ => {}
        }
    }
}

/// Whether a description only strings names together ("My blog | Notes | Ann Author | 1 May 2026").
fn is_labels(line: &str) -> bool {
    let mut parts = line.split(" | ").map(str::trim);
    line.matches(" | ").count() >= 2
        && parts.all(|part| part.chars().count() <= MAX_NAME && !part.ends_with(['.', '!', '?', '…']))
}

/// The first of several equals counts.
fn keep<T>(field: &mut Option<T>, value: Option<T>) {
    if field.is_none() {
        *field = value;
    }
}

fn answer(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "on" => Some(true),
        "no" | "false" | "0" | "off" => Some(false),
        _ => None,
    }
}

/// Reads what may be said about a page; what isn't understood forbids nothing.
fn discussion(text: &str) -> Discussion {
    match text.trim().to_ascii_lowercase().as_str() {
        "closed" => Discussion::Closed,
        "off" | "none" | "no" => Discussion::Off,
        _ => Discussion::Open,
    }
}

/// The address in `0; url='…'`.
fn refreshed(content: &str) -> Option<&str> {
    let (_, rest) = content.split_once([';', ','])?;
    let rest = rest.trim_start();
    let bare = match rest.get(..3) {
        Some(key) if key.eq_ignore_ascii_case("url") => rest[3..].trim_start().strip_prefix('=')?.trim(),
        _ => rest.trim(),
    };
    let bare = bare.trim_matches(['"', '\'']);
    (!bare.is_empty()).then_some(bare)
}

fn normal(mut url: Url) -> Url {
    url.set_fragment(None);
    if let Some(folder) = url
        .path()
        .strip_suffix("index.html")
        .filter(|folder| folder.ends_with('/'))
    {
        let folder = folder.to_owned();
        url.set_path(&folder);
    }
    url
}

/// A BCP 47 tag in its usual spelling (`en_US` becomes `en-US`); `None` for what can't be one.
pub(super) fn language(text: &str) -> Option<String> {
    let text = document::line(text);
    let text = text
        .split([',', '.', '@'])
        .next()
        .unwrap_or_default()
        .trim()
        .replace('_', "-");
    if text.is_empty() || text.len() > MAX_LANGUAGE {
        return None;
    }
    let mut parts = vec![];
    for (at, part) in text.split('-').enumerate() {
        let sound = !part.is_empty() && part.len() <= 8 && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if !sound
            || (at == 0 && (!(2..=3).contains(&part.len()) || !part.bytes().all(|b| b.is_ascii_alphabetic())))
        {
            return None;
        }
        parts.push(match (at, part.len()) {
            (0, _) => part.to_ascii_lowercase(),
            (_, 2) => part.to_ascii_uppercase(),
            (_, 4) if part.bytes().all(|b| b.is_ascii_alphabetic()) => {
                part[..1].to_ascii_uppercase() + &part[1..].to_ascii_lowercase()
            }
            _ => part.to_ascii_lowercase(),
        });
    }
    Some(parts.join("-"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dom::Html;

    fn read(html: &str) -> Meta {
        let html = Html::parse_document(html);
        Meta::read(&Document::new(
            &html,
            "/posts/a/",
            &"https://blog.example/".parse().unwrap(),
        ))
    }

    #[test]
    fn noindex_is_heard_in_any_of_its_forms() {
        assert!(read("<meta name=robots content='noindex, follow'>").no_index);
        assert!(read("<meta name=ROBOTS content=NONE>").no_index);
        assert!(read("<meta name=googlebot content='nofollow,noindex'>").no_index);
        assert!(!read("<meta name=robots content='index, follow'>").no_index);
    }

    #[test]
    fn a_refresh_to_another_page_is_an_alias_and_one_to_itself_a_reload() {
        let target = |html| read(html).refresh.map(String::from);
        let alias = Some("https://blog.example/new/".to_owned());
        assert_eq!(
            target("<meta http-equiv=refresh content='0; url=https://blog.example/new/'>"),
            alias
        );
        assert_eq!(
            target("<meta http-equiv=Refresh content=\"0;URL='/new/'\">"),
            alias
        );
        assert_eq!(target("<meta http-equiv=refresh content='30'>"), None);
        assert_eq!(
            target("<meta http-equiv=refresh content='30; url=/posts/a/'>"),
            None
        );
    }

    #[test]
    fn a_canonical_address_loses_its_fragment_and_index() {
        let meta = read("<link rel=canonical href='/posts/a/index.html#top'>");
        assert_eq!(meta.canonical.unwrap().as_str(), "https://blog.example/posts/a/");
    }

    #[test]
    fn languages_are_spelled_as_bcp_47_has_them() {
        assert_eq!(language("en_US").as_deref(), Some("en-US"));
        assert_eq!(language("zh-hant-tw").as_deref(), Some("zh-Hant-TW"));
        assert_eq!(language("de_CH.UTF-8").as_deref(), Some("de-CH"));
        assert_eq!(language("english"), None);
        assert_eq!(language(""), None);
    }

    #[test]
    fn what_the_page_asks_of_tidings_is_read() {
        let asked = read(
            "<meta name='tidings:publish' content=no><meta name='tidings:kind' content=Note>\
             <meta name='tidings:visibility' content=unlisted><meta name='tidings:actor' content='@photos'>\
             <meta name='tidings:sensitive' content=yes><meta name='tidings:featured' content=true>\
             <meta name='tidings:interactions' content=Closed>\
             <meta name='tidings:summary' content=' spiders '><meta name='tidings:language' content=de>",
        )
        .asked;
        assert_eq!(asked.publish, Some(false));
        assert_eq!(asked.kind, Some(Kind::Note));
        assert_eq!(asked.visibility, Some(Visibility::Unlisted));
        assert_eq!(asked.actor.as_deref(), Some("photos"));
        assert_eq!(asked.summary.as_deref(), Some("spiders"));
        assert_eq!(asked.language.as_deref(), Some("de"));
        assert!(asked.sensitive && asked.featured);
        assert_eq!(asked.discussion, Discussion::Closed);
    }
}
