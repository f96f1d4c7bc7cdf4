//! The page's own word on its translations: `<link rel="alternate" hreflang="…">`.
//!
//! A link in the text counts too (`<a rel="alternate" hreflang>`, as switches of language are marked). `og:locale:alternate`
//! doesn't: it names languages without saying where they are. What the other pages say of this one is compared later
//! (`site::translations`).

use super::document::{Document, has_word, name};
use super::meta;
use crate::path;

/// Alternates of one page that are looked at; the largest sites of this kind have a few dozen languages.
const MAX_ALTERNATES: usize = 100;

/// A page that says the same in a language, as another page (or the page itself) names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternate {
    /// BCP 47; `None` for `x-default`, the page for those who read none of the others.
    pub language: Option<Box<str>>,
    /// Its path on ORIGIN, as `ap::path::page_path` writes it.
    pub path: Box<str>,
}

/// The alternates of a page on its own site, in their order; none when the page names no other than itself.
pub(super) fn read(document: &Document<'_>) -> Vec<Alternate> {
    let own = path::page_path(document.own.path());
    let mut alternates: Vec<Alternate> = vec![];
    for link in &document.all {
        if !matches!(name(*link), "link" | "a") || !has_word(*link, "rel", "alternate") {
            continue;
        }
        let Some(stated) = link.attr("hreflang") else {
            continue;
        };
        let is_page = link
            .attr("type")
            .is_none_or(|kind| kind.trim().is_empty() || kind.contains("html"));
        let is_default = stated.trim().eq_ignore_ascii_case("x-default");
        let language = meta::language(stated).map(String::into_boxed_str);
        if !is_page || (language.is_none() && !is_default) {
            continue;
        }
        let Some(url) = link.attr("href").and_then(|href| document.resolve(href)) else {
            continue;
        };
        if url.origin() != document.own.origin() || url.query().is_some() {
            continue;
        }
        let found = Alternate {
            language,
            path: path::page_path(url.path()).into(),
        };
        if alternates.len() < MAX_ALTERNATES && !alternates.contains(&found) {
            alternates.push(found);
        }
    }
    if alternates.iter().all(|alternate| *alternate.path == *own) {
        alternates.clear();
    }
    alternates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dom::Html;

    fn read_of(html: &str) -> Vec<(Option<String>, String)> {
        let html = Html::parse_document(html);
        let site = "https://blog.example/".parse().unwrap();
        read(&Document::new(&html, "/posts/a/", &site))
            .into_iter()
            .map(|found| (found.language.map(Into::into), found.path.into()))
            .collect()
    }

    #[test]
    fn the_languages_of_a_page_are_read_with_its_default() {
        let found = read_of(
            "<link rel=alternate hreflang=en href=/posts/a/><link rel='alternate' hreflang=de_DE href='https://blog.example/de/posts/a/index.html'>\
             <link rel=alternate hreflang=x-default href=/posts/a/>\
             <link rel=alternate hreflang=fr href=/fr/feed.xml type='application/rss+xml'>\
             <link rel=alternate hreflang=es href=https://es.example/posts/a/><link rel=alternate hreflang=zz! href=/zz/>",
        );
        let pair = |language: Option<&str>, path: &str| (language.map(str::to_owned), path.to_owned());
        assert_eq!(
            found,
            [
                pair(Some("en"), "/posts/a/"),
                pair(Some("de-DE"), "/de/posts/a/"),
                pair(None, "/posts/a/")
            ]
        );
    }

    #[test]
    fn a_page_that_names_only_itself_has_no_translations() {
        assert!(read_of("<link rel=alternate hreflang=en href=/posts/a/>").is_empty());
        assert!(read_of("<link rel=alternate href=/feed.xml><a hreflang=de href=/de/>de</a>").is_empty());
    }

    #[test]
    fn a_marked_link_in_the_text_counts() {
        let found = read_of("<body><a rel=alternate hreflang=de lang=de href=/de/posts/a/>Deutsch</a>");
        assert_eq!(found, [(Some("de".to_owned()), "/de/posts/a/".to_owned())]);
    }
}
