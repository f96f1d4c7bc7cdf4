//! What a page tells other programs beside its post: the card that a link to it gets, its author's account, its feeds.
//!
//! It is read when the owner asks how a page looks, never for publishing.

use url::Url;

use super::document::{Document, has_word, name, some_line, text};
use super::{Source, parse};

/// Addresses of one kind that are kept of a page.
const MAX_ADDRESSES: usize = 200;

/// Media types of feeds.
const FEEDS: [&str; 4] = [
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
];

/// What a page tells other programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The title of its card: og:title, else `<title>`.
    pub title: Option<String>,
    /// The card's text: og:description, else the description.
    pub description: Option<String>,
    /// The card's picture: og:image, absolute.
    pub image: Option<String>,
    /// What the card's picture shows.
    pub image_alt: Option<String>,
    /// The name of the site: og:site_name.
    pub site: Option<String>,
    /// The account of its author: `fediverse:creator`.
    pub creator: Option<String>,
    /// The canonical address, as far as it can be opened.
    pub canonical: Option<Url>,
    /// The ids that it gives for itself: `<link rel="alternate" type="application/activity+json">`.
    pub objects: Vec<String>,
    /// Whether it links a feed.
    pub feed: bool,
    /// The addresses of its pictures that say with an empty `alt` that they only decorate.
    pub decorative: Vec<String>,
}

/// Reads what a page tells other programs; nothing of a page that is too large or nested too deep.
pub fn head(source: &Source<'_>) -> Head {
    let mut head = Head::default();
    let Ok(html) = parse(source) else {
        return head;
    };
    let document = Document::new(&html, source.path, source.site);
    let mut title = None;
    let mut description = None;
    for element in &document.all {
        match name(*element) {
            "title" if title.is_none() => title = some_line(&text(*element)),
            "meta" => {
                let Some(content) = element.attr("content") else {
                    continue;
                };
                for key in [element.attr("property"), element.attr("name")]
                    .into_iter()
                    .flatten()
                {
                    let field = match key.trim().to_ascii_lowercase().as_str() {
                        "og:title" => &mut head.title,
                        "og:description" => &mut head.description,
                        "description" => &mut description,
                        "og:image" => &mut head.image,
                        "og:image:alt" => &mut head.image_alt,
                        "og:site_name" => &mut head.site,
                        "fediverse:creator" => &mut head.creator,
                        _ => continue,
                    };
                    if field.is_none() {
                        *field = some_line(content);
                    }
                }
            }
            "link" => {
                let Some(href) = element.attr("href").and_then(|href| document.resolve(href)) else {
                    continue;
                };
                let kind = element.attr("type").map(|kind| {
                    kind.split(';')
                        .next()
                        .unwrap_or_default()
                        .trim()
                        .to_ascii_lowercase()
                });
                let kind = kind.as_deref().unwrap_or_default();
                if has_word(*element, "rel", "canonical") && head.canonical.is_none() {
                    head.canonical = Some(href);
                } else if has_word(*element, "rel", "alternate") {
                    head.feed |= FEEDS.contains(&kind);
                    let is_object = matches!(kind, "application/activity+json" | "application/ld+json");
                    if is_object && head.objects.len() < MAX_ADDRESSES {
                        head.objects.push(href.to_string());
                    }
                }
            }
            "img" => {
                let is_decorative = element.attr("alt").is_some_and(|alt| alt.trim().is_empty())
                    || matches!(element.attr("role"), Some("presentation" | "none"));
                if is_decorative
                    && head.decorative.len() < MAX_ADDRESSES
                    && let Some(src) = element.attr("src").and_then(|src| document.resolve(src))
                {
                    head.decorative.push(src.to_string());
                }
            }
            _ => {}
        }
    }
    head.title = head.title.or(title);
    head.description = head.description.or(description);
    head.image = head
        .image
        .and_then(|href| document.resolve(&href))
        .map(String::from);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> Head {
        head(&Source {
            changed: None,
            path: "/posts/a/",
            html: html.as_bytes(),
            site: &"https://blog.example/".parse().unwrap(),
            feed: None,
            frame: None,
        })
    }

    #[test]
    fn a_card_is_made_from_open_graph_and_else_from_the_old_names() {
        let plain = read("<title>A | Blog</title><meta name=description content='About a'>");
        assert_eq!(plain.title.as_deref(), Some("A | Blog"));
        assert_eq!(plain.description.as_deref(), Some("About a"));
        assert_eq!(plain.image, None);
        let graph = read(
            "<meta property=og:title content=A><meta property=og:image content=/a.png><title>A | Blog</title>\
             <meta property=og:image:alt content='An A'><meta name=og:site_name content=Blog>",
        );
        assert_eq!(graph.title.as_deref(), Some("A"));
        assert_eq!(graph.image.as_deref(), Some("https://blog.example/a.png"));
        assert_eq!(graph.image_alt.as_deref(), Some("An A"));
        assert_eq!(graph.site.as_deref(), Some("Blog"));
    }

    #[test]
    fn links_to_feeds_and_to_the_object_are_told_apart() {
        let head = read(
            "<link rel=alternate type='application/rss+xml' href=/feed.xml>\
             <link rel='alternate' type='application/activity+json; charset=utf-8' href=/ap/objects/posts~a>\
             <link rel=alternate hreflang=de href=/de/a/>",
        );
        assert!(head.feed);
        assert_eq!(head.objects, ["https://blog.example/ap/objects/posts~a"]);
        assert!(!read("<link rel=alternate hreflang=de href=/de/a/>").feed);
    }

    #[test]
    fn an_empty_alt_is_an_answer_and_a_missing_one_is_not() {
        let head = read("<img src=line.png alt=''><img src=cat.png><img src=dog.png alt=Dog>");
        assert_eq!(head.decorative, ["https://blog.example/posts/a/line.png"]);
    }
}
