//! The part of a page where its own post stands, by the meaning of HTML's elements alone.

use super::document::{Document, ancestors, has_class, has_word, name, self_and_ancestors, text, within};
use crate::dom::ElementRef;

/// Top-level `<article>` elements looked at; a page with more is a list all the same.
const MAX_ARTICLES: usize = 200;

/// Characters of an `<article>` that holds only a headline and what is said of the post.
const MAX_HEAD: usize = 300;

/// Where the post stands.
#[derive(Clone, Copy)]
pub(super) struct Region<'a> {
    pub(super) element: ElementRef<'a>,
    /// The element's kind, for the evidence.
    pub(super) source: &'static str,
    /// `<article>` elements whose heading leads to another page.
    pub(super) teasers: usize,
    /// `<article>` elements that say nothing of the kind.
    pub(super) own: usize,
    /// Whether the post is in two of them, one for the headline and one for the text.
    pub(super) halved: bool,
}

/// Finds the region: the page's own `<article>`, else `<main>`, else `<body>`.
pub(super) fn find<'a>(document: &Document<'a>) -> Region<'a> {
    let main = document
        .all
        .iter()
        .copied()
        .find(|element| name(*element) == "main" || element.attr("role") == Some("main"))
        .or_else(|| {
            // Before <main> was common, these two ids meant it.
            document
                .all
                .iter()
                .copied()
                .find(|element| matches!(element.attr("id"), Some("main" | "content")))
        });
    let articles: Vec<ElementRef<'a>> = document
        .all
        .iter()
        .copied()
        .filter(|element| is_article(*element))
        .filter(|element| ancestors(*element).all(|around| !is_article(around) && !is_beside(around)))
        .take(MAX_ARTICLES)
        .collect();
    let (teasers, own): (Vec<_>, Vec<_>) = articles
        .iter()
        .copied()
        .partition(|article| is_teaser(document, *article));
    let chosen = match own.as_slice() {
        [] => None,
        [only] => Some(*only),
        several => several
            .iter()
            .copied()
            .find(|article| article.descendent_elements().any(|inner| name(inner) == "h1"))
            .or_else(|| several.iter().copied().max_by_key(|article| text(*article).len())),
    };
    // One for the headline and one for the text are one post.
    let halved = match own.as_slice() {
        [first, second] => {
            let mut inside = second.descendent_elements();
            let is_head = has_heading(*first) && text(*first).chars().count() <= MAX_HEAD;
            is_head && !inside.any(|inner| is_heading(inner) || name(inner) == "time")
        }
        _ => false,
    };
    let chosen = chosen.filter(|_| !halved);
    // An <article> that is only a box in a long <main> (a quotation card) isn't the post.
    let chosen = chosen.filter(|article| {
        main.is_none_or(|main| {
            !within(*article, main)
                || has_heading(*article)
                || !has_own_h1(main, &articles)
                || text(*article).len() * 2 >= text(main).len()
        })
    });
    let (element, source) = match (chosen, main) {
        (Some(article), _) => (article, "<article>"),
        (None, Some(main)) => (main, "<main>"),
        (None, None) => (body(document), "<body>"),
    };
    Region {
        element,
        source,
        teasers: teasers.len(),
        own: own.len(),
        halved,
    }
}

fn is_article(element: ElementRef<'_>) -> bool {
    name(element) == "article" || element.attr("role") == Some("article")
}

/// Whether an element holds what stands beside the post: sidebars, navigation, the page's footer, comments.
pub(super) fn is_beside(element: ElementRef<'_>) -> bool {
    matches!(name(element), "aside" | "nav")
        || (name(element) == "footer" && !ancestors(element).any(is_article))
        || matches!(element.attr("id"), Some("comments" | "related" | "sidebar"))
        || has_class(element, "comments")
        || has_class(element, "sidebar")
        || has_class(element, "related-posts")
}

/// Whether an `<article>` only leads to another page: its first heading, or its permalink, does.
fn is_teaser(document: &Document<'_>, article: ElementRef<'_>) -> bool {
    if let Some(heading) = article.descendent_elements().find(|inner| is_heading(*inner)) {
        let mut linked = heading.descendent_elements().chain(self_and_ancestors(heading));
        return linked.any(|link| document.leads_elsewhere(link));
    }
    article.descendent_elements().any(|link| {
        (has_word(link, "rel", "bookmark") || has_class(link, "u-url")) && document.leads_elsewhere(link)
    })
}

fn has_heading(element: ElementRef<'_>) -> bool {
    element.descendent_elements().any(is_heading)
}

fn has_own_h1(main: ElementRef<'_>, articles: &[ElementRef<'_>]) -> bool {
    main.descendent_elements()
        .any(|inner| name(inner) == "h1" && !articles.iter().any(|article| within(inner, *article)))
}

/// Whether an element is h1 to h6.
pub(super) fn is_heading(element: ElementRef<'_>) -> bool {
    matches!(
        name(element).as_bytes(),
        b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6"
    )
}

/// The page's `<body>`.
pub(super) fn body<'a>(document: &Document<'a>) -> ElementRef<'a> {
    let body = document
        .all
        .iter()
        .copied()
        .find(|element| name(*element) == "body");
    body.or_else(|| document.all.first().copied())
        .expect("html5ever makes an <html> for every document")
}
