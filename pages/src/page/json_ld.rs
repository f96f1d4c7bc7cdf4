//! JSON-LD: the schema.org posting that a page carries for search engines.
//!
//! Read as plain JSON, as everybody does: contexts aren't resolved, `schema:` and full type names are cut short.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::claim::Claim;
use super::document::{Document, name, some_line};
use super::{dates, meta, picture};
use crate::article::Media;
use crate::sanitize;

/// schema.org types that are a post: BlogPosting, Article, NewsArticle, and the other kinds of Article.
const POSTINGS: [&str; 14] = [
    "BlogPosting",
    "Article",
    "NewsArticle",
    "SocialMediaPosting",
    "LiveBlogPosting",
    "TechArticle",
    "ScholarlyArticle",
    "Report",
    "AnalysisNewsArticle",
    "BackgroundNewsArticle",
    "OpinionNewsArticle",
    "ReportageNewsArticle",
    "ReviewNewsArticle",
    "SatiricalArticle",
];

/// Types that list posts.
const LISTS: [&str; 4] = ["Blog", "ItemList", "CollectionPage", "DataFeed"];

/// Properties below which postings are others', not the page's own.
const OTHERS: [&str; 10] = [
    "blogPost",
    "blogPosts",
    "itemListElement",
    "dataFeedElement",
    "hasPart",
    "isPartOf",
    "citation",
    "mentions",
    "isBasedOn",
    "relatedLink",
];

/// Levels below a script's top at which a posting is still looked for; serde_json itself stops at 128.
const MAX_LEVEL: usize = 16;

/// Postings looked at; a list of more is a list all the same.
const MAX_POSTINGS: usize = 100;

type Object = Map<String, Value>;

/// What the page's JSON-LD says.
#[derive(Default)]
pub(super) struct Postings {
    /// The page's own posting.
    pub(super) claim: Option<Claim>,
    /// Whether there are only postings of other pages, or several of which none is this page's.
    pub(super) lists: bool,
}

/// Reads all scripts of the page.
pub(super) fn read(document: &Document<'_>) -> Postings {
    let mut scripts = vec![];
    for element in document.all.iter().filter(|element| name(**element) == "script") {
        let kind = element
            .attr("type")
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        if kind.starts_with("application/ld+json") {
            let raw = element.text();
            scripts.extend(parse(raw));
        }
    }
    let mut own = vec![];
    let mut others = 0;
    let mut ids = HashMap::new();
    let mut listed_types = false;
    let mut waiting: Vec<(&Value, bool, usize)> =
        scripts.iter().rev().map(|script| (script, false, 0)).collect();
    while let Some((value, foreign, level)) = waiting.pop() {
        if level > MAX_LEVEL {
            continue;
        }
        match value {
            Value::Array(items) => waiting.extend(items.iter().rev().map(|item| (item, foreign, level + 1))),
            Value::Object(object) => {
                if let Some(Value::String(id)) = object.get("@id")
                    && object.len() > 1
                {
                    ids.entry(id.as_str()).or_insert(object);
                }
                listed_types |= is_a(object, &LISTS);
                let posting = is_a(object, &POSTINGS);
                if posting && own.len() + others < MAX_POSTINGS {
                    if foreign || leads_elsewhere(document, object) {
                        others += 1;
                    } else {
                        own.push(object);
                    }
                }
                for (key, value) in object {
                    let foreign = foreign || posting || OTHERS.contains(&key.as_str());
                    if value.is_object() || value.is_array() {
                        waiting.push((value, foreign, level + 1));
                    }
                }
            }
            _ => {}
        }
    }
    // Of several, the one that says it is this page.
    let named = own
        .iter()
        .position(|object| addresses(document, object).any(|url| document.is_own(&url)));
    let chosen = match (own.len(), named) {
        (1, _) => own.first(),
        (_, Some(at)) => own.get(at),
        _ => None,
    };
    // Two scripts about one page (theme and plugin) say the same headline twice.
    let chosen = chosen.or_else(|| {
        let first = own.first()?;
        own.iter()
            .all(|object| object.get("headline") == first.get("headline"))
            .then_some(first)
    });
    Postings {
        claim: chosen.map(|object| claim(document, object, &ids)),
        lists: chosen.is_none() && (own.len() > 1 || (others > 0 && listed_types) || others > 1),
    }
}

fn claim(document: &Document<'_>, object: &Object, ids: &HashMap<&str, &Object>) -> Claim {
    let string = |key: &str| object.get(key).and_then(Value::as_str);
    let words = |key: &str| string(key).and_then(plain_line);
    Claim {
        source: "JSON-LD",
        title: words("headline").or_else(|| words("name")),
        summary: words("description").or_else(|| words("abstract")),
        published: string("datePublished").and_then(dates::machine),
        updated: string("dateModified").and_then(dates::machine),
        tags: object.get("keywords").map(keywords).unwrap_or_default(),
        language: object.get("inLanguage").and_then(|value| match value {
            Value::String(text) => meta::language(text),
            Value::Object(language) => meta::language(language.get("alternateName")?.as_str()?),
            _ => None,
        }),
        image: object
            .get("image")
            .and_then(|image| depicted(document, image, ids)),
    }
}

/// Text that may carry entities or elements, as some generators write it.
fn plain_line(text: &str) -> Option<String> {
    if text.contains(['<', '&']) {
        some_line(&sanitize::plain(text))
    } else {
        some_line(text)
    }
}

fn keywords(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split(',').filter_map(some_line).collect(),
        Value::Array(items) => items
            .iter()
            .filter_map(|item| match item {
                Value::String(text) => some_line(text),
                Value::Object(term) => some_line(term.get("name")?.as_str()?),
                _ => None,
            })
            .collect(),
        _ => vec![],
    }
}

fn depicted(document: &Document<'_>, value: &Value, ids: &HashMap<&str, &Object>) -> Option<Media> {
    match value {
        Value::String(href) => picture(document, href),
        Value::Array(items) => items.iter().take(1).find_map(|item| match item {
            // One level is all that schema.org knows.
            Value::Array(_) => None,
            item => depicted(document, item, ids),
        }),
        Value::Object(object) => {
            let full = object
                .get("@id")
                .and_then(Value::as_str)
                .and_then(|id| ids.get(id))
                .copied();
            let object = if object.contains_key("url") {
                object
            } else {
                full.unwrap_or(object)
            };
            let href = object.get("url").or_else(|| object.get("contentUrl"))?.as_str()?;
            let side = |key: &str| {
                let value = object.get(key)?;
                let value = value.get("value").unwrap_or(value);
                let pixels = value
                    .as_u64()
                    .or_else(|| value.as_str()?.trim_end_matches("px").parse().ok())?;
                u32::try_from(pixels).ok().filter(|pixels| *pixels > 0)
            };
            let alt = object
                .get("caption")
                .or_else(|| object.get("description"))
                .and_then(Value::as_str);
            Some(Media {
                alt: alt.and_then(plain_line),
                width: side("width"),
                height: side("height"),
                ..picture(document, href)?
            })
        }
        _ => None,
    }
}

fn is_a(object: &Object, types: &[&str]) -> bool {
    let one = |value: &Value| {
        value.as_str().is_some_and(|kind| {
            let short = kind.rsplit(['/', ':', '#']).next().unwrap_or(kind);
            types.contains(&short)
        })
    };
    match object.get("@type") {
        Some(Value::Array(kinds)) => kinds.iter().any(one),
        Some(kind) => one(kind),
        None => false,
    }
}

/// The addresses that a posting gives itself, on this site or with a wrong base URL.
fn addresses<'a>(document: &'a Document<'_>, object: &'a Object) -> impl Iterator<Item = url::Url> + 'a {
    ["url", "mainEntityOfPage", "@id"].into_iter().filter_map(|key| {
        let value = object.get(key)?;
        let href = value
            .as_str()
            .or_else(|| value.get("@id")?.as_str())
            .or_else(|| value.get("url")?.as_str())?;
        // An `@id` may be a name: "#article" resolves to this page, "_:b0" to nothing.
        document.resolve(href)
    })
}

/// Whether a posting is a teaser of another page: it names addresses, on this host, and none is this page's.
fn leads_elsewhere(document: &Document<'_>, object: &Object) -> bool {
    let mut any = false;
    for url in addresses(document, object) {
        if document.is_own(&url) {
            return false;
        }
        any |= url.host() == document.own.host() && !super::document::same_page(&url, &document.site);
    }
    any
}

/// Parses a script, forgiving what themes get wrong: comments around it, and line breaks within strings.
fn parse(raw: &str) -> Option<Value> {
    let raw = raw.trim().trim_start_matches('\u{feff}');
    if let Ok(value) = serde_json::from_str(raw) {
        return Some(value);
    }
    let bare = raw
        .trim_start_matches("<!--")
        .trim_start_matches("//<![CDATA[")
        .trim_start_matches("<![CDATA[");
    let bare = bare
        .trim_end_matches("-->")
        .trim_end_matches("//]]>")
        .trim_end_matches("]]>");
    let bare = bare.trim().trim_end_matches(';');
    let spaced: String = bare
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    serde_json::from_str(&spaced)
        .or_else(|_| serde_json::from_str(&without_last_commas(&spaced)))
        .ok()
}

/// Takes out commas before `}` and `]`, which loops in templates leave behind.
fn without_last_commas(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut quoted = false;
    let mut escaped = false;
    for c in json.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c == '"' {
            quoted = true;
        } else if matches!(c, '}' | ']') {
            let end = out.trim_end();
            if let Some(before) = end.strip_suffix(',') {
                out.truncate(before.len());
            }
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dom::Html;

    fn read(json: &str) -> Postings {
        let html = Html::parse_document(&format!("<script type='application/ld+json'>{json}</script>"));
        super::read(&Document::new(
            &html,
            "/a/",
            &"https://blog.example/".parse().unwrap(),
        ))
    }

    #[test]
    fn a_posting_is_found_alone_in_a_graph_in_an_array_and_as_the_main_entity() {
        let posting = r#"{"@type":"BlogPosting","headline":"Hello","datePublished":"2026-11-01"}"#;
        for json in [
            posting.to_owned(),
            format!("[{{\"@type\":\"BreadcrumbList\"}},{posting}]"),
            format!(
                "{{\"@context\":\"https://schema.org\",\"@graph\":[{{\"@type\":\"WebSite\",\"name\":\"x\"}},{posting}]}}"
            ),
            format!("{{\"@type\":\"WebPage\",\"mainEntity\":{posting}}}"),
            posting.replace(
                "\"BlogPosting\"",
                "[\"Thing\",\"https://schema.org/NewsArticle\"]",
            ),
            format!("<!-- {} -->", posting.replace('}', ",}")),
        ] {
            let claim = read(&json).claim.expect(&json);
            assert_eq!(claim.title.as_deref(), Some("Hello"), "{json}");
            assert!(claim.published.is_some(), "{json}");
        }
    }

    #[test]
    fn postings_of_other_pages_make_a_list() {
        let two = r#"{"@type":"Blog","blogPost":[{"@type":"BlogPosting","headline":"a"},{"@type":"BlogPosting","headline":"b"}]}"#;
        let page = read(two);
        assert!(page.claim.is_none() && page.lists);
        let teaser = r#"[{"@type":"BlogPosting","url":"/b/"},{"@type":"BlogPosting","url":"/c/"}]"#;
        assert!(read(teaser).lists);
        let own =
            r#"[{"@type":"BlogPosting","url":"/b/"},{"@type":"BlogPosting","url":"/a/","headline":"own"}]"#;
        let page = read(own);
        assert_eq!(page.claim.unwrap().title.as_deref(), Some("own"));
        assert!(!page.lists);
    }

    #[test]
    fn keywords_pictures_and_languages_are_read_in_their_forms() {
        let claim = read(
            r##"{"@graph":[{"@id":"#pic","@type":"ImageObject","url":"/p.png","width":640,"height":"480px","caption":"A &amp; B"},
            {"@type":"Article","name":"N","keywords":"a, b","image":{"@id":"#pic"},"inLanguage":"de_CH","description":"one\n<b>two</b>"}]}"##,
        )
        .claim
        .unwrap();
        assert_eq!(claim.tags, ["a", "b"]);
        assert_eq!(claim.language.as_deref(), Some("de-CH"));
        assert_eq!(claim.summary.as_deref(), Some("one two"));
        let image = claim.image.unwrap();
        assert_eq!(image.url, "https://blog.example/p.png");
        assert_eq!(
            (image.width, image.height, image.alt.as_deref()),
            (Some(640), Some(480), Some("A & B"))
        );
    }

    #[test]
    fn broken_json_says_nothing() {
        for json in ["{", "nonsense", "[[[[", "{\"@type\":1,\"image\":[[[]]]}"] {
            assert!(read(json).claim.is_none(), "{json}");
        }
    }
}
