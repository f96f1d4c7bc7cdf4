//! schema.org as attributes: `itemprop` on elements or on `<meta>`.
//!
//! Item scopes aren't followed but for one rule: what belongs to an item inside the post (its author, its publisher)
//! isn't the post's own.

use super::claim::Claim;
use super::document::{Document, ancestors, has_word, line, name, some_line, text};
use super::{dates, meta, microformats, picture, region};
use crate::dom::{ElementRef, NodeSet};

/// Postings of one page that are looked at; with more it is a list all the same.
const MAX_POSTINGS: usize = 200;

/// The source's name of what belongs to a posting.
const SCOPED: &str = "microdata";

/// The source's name of what belongs to no item. Hugo writes such dates into the head of lists, too.
pub(super) const UNSCOPED: &str = "itemprop";

/// Reads the posting that the page marks up, else what stands outside of any item.
pub(super) fn read(document: &Document<'_>) -> Claim {
    let (others, own): (Vec<_>, Vec<_>) = document
        .all
        .iter()
        .copied()
        .filter(|element| {
            element.attr("itemscope").is_some() && element.attr("itemtype").is_some_and(is_posting)
        })
        .take(MAX_POSTINGS)
        .partition(|posting| is_of_another(document, *posting));
    let others: NodeSet = others.iter().map(|posting| posting.id()).collect();
    let scoped = !own.is_empty();
    let mut claim = Claim {
        source: if scoped { SCOPED } else { UNSCOPED },
        ..Claim::default()
    };
    for element in document
        .all
        .iter()
        .copied()
        .filter(|element| element.attr("itemprop").is_some())
    {
        if !is_own(element) || ancestors(element).any(|around| others.contains(around.id())) {
            continue;
        }
        let is = |property: &str| has_word(element, "itemprop", property);
        if is("headline") && claim.title.is_none() {
            claim.title = some_line(&value(element));
        }
        if is("description") && claim.summary.is_none() {
            claim.summary = some_line(&value(element));
        }
        if is("datePublished") && claim.published.is_none() {
            claim.published = element
                .attr("content")
                .and_then(dates::machine)
                .or_else(|| microformats::date(document, element));
        }
        if is("dateModified") && claim.updated.is_none() {
            claim.updated = element
                .attr("content")
                .and_then(dates::machine)
                .or_else(|| microformats::date(document, element));
        }
        if is("keywords") {
            claim.tags.extend(keywords(element));
        }
        if is("inLanguage") && claim.language.is_none() {
            claim.language = meta::language(&value(element));
        }
        if is("image") && claim.image.is_none() {
            let href = ["content", "src", "href"]
                .into_iter()
                .find_map(|key| element.attr(key));
            claim.image = href.and_then(|href| picture(document, href));
        }
    }
    claim
}

/// Whether a posting is a teaser: the page that it names, or the link in its headline, is another one of this site.
fn is_of_another(document: &Document<'_>, posting: ElementRef<'_>) -> bool {
    let elsewhere = |href: &str| {
        document
            .resolve(href)
            .is_some_and(|url| url.origin() == document.own.origin() && !document.is_own(&url))
    };
    let properties = || {
        posting.descendent_elements().skip(1).filter(|element| {
            let scope = ancestors(*element).find(|around| around.attr("itemscope").is_some());
            scope.is_some_and(|scope| scope.id() == posting.id())
        })
    };
    let named = properties()
        .filter(|element| {
            has_word(*element, "itemprop", "mainEntityOfPage") || has_word(*element, "itemprop", "url")
        })
        .find_map(|element| {
            ["content", "href", "itemid"]
                .into_iter()
                .find_map(|key| element.attr(key))
        });
    match named {
        Some(href) => elsewhere(href),
        None => properties()
            .filter(|element| has_word(*element, "itemprop", "headline"))
            .take(1)
            .any(|headline| {
                headline
                    .descendent_elements()
                    .chain(ancestors(headline).take(1))
                    .any(|link| document.leads_elsewhere(link))
            }),
    }
}

/// Whether a property belongs to a posting or, outside of sidebars, to nothing; but not to the author, the publisher or a
/// teaser in a list.
fn is_own(element: ElementRef<'_>) -> bool {
    let mut scopes = ancestors(element).filter(|around| around.attr("itemscope").is_some());
    let Some(scope) = scopes.next() else {
        return !ancestors(element).any(region::is_beside);
    };
    let kind = scope.attr("itemtype").unwrap_or_default();
    (is_posting(kind) || kind.ends_with("/WebPage"))
        && scope
            .attr("itemprop")
            .is_none_or(|role| matches!(role, "mainEntity" | "mainEntityOfPage" | "blogPost"))
}

fn is_posting(kind: &str) -> bool {
    kind.ends_with("Posting") || kind.ends_with("Article")
}

/// A property may stand around a list of links, each of which is one keyword.
fn keywords(element: ElementRef<'_>) -> Vec<String> {
    let links = || {
        element
            .descendent_elements()
            .filter(|inner| name(*inner) == "a" && inner.id() != element.id())
    };
    if element.attr("content").is_none() && links().next().is_some() {
        return links().filter_map(|link| some_line(&text(link))).collect();
    }
    value(element).split(',').filter_map(some_line).collect()
}

fn value(element: ElementRef<'_>) -> String {
    let attribute = match name(element) {
        "meta" => element.attr("content"),
        "time" => element.attr("datetime"),
        "data" => element.attr("value"),
        _ => element.attr("content"),
    };
    attribute.map_or_else(|| text(element), line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dom::Html;

    #[test]
    fn properties_of_the_posting_count_and_those_of_its_author_do_not() {
        let html = Html::parse_document(
            "<article itemscope itemtype='https://schema.org/BlogPosting'><h1 itemprop=headline>Hello</h1>\
             <div itemprop=author itemscope itemtype='https://schema.org/Person'><img itemprop=image src=ann.png>\
             <p itemprop=description>Ann writes.</p></div><time itemprop=datePublished datetime=2026-11-01>1.11.</time>\
             <meta itemprop=keywords content='a, b'></article>",
        );
        let claim = read(&Document::new(
            &html,
            "/a/",
            &"https://blog.example/".parse().unwrap(),
        ));
        assert_eq!(claim.title.as_deref(), Some("Hello"));
        assert_eq!(claim.published.unwrap().day.to_string(), "2026-11-01");
        assert_eq!(claim.tags, ["a", "b"]);
        assert!(claim.image.is_none() && claim.summary.is_none());
    }

    #[test]
    fn keywords_around_links_are_one_each() {
        let html = Html::parse_document(
            "<ul itemprop=keywords><li><a href=/t/a/>static sites</a></li><li><a href=/t/b/>b</a></li></ul>",
        );
        let claim = read(&Document::new(
            &html,
            "/a/",
            &"https://blog.example/".parse().unwrap(),
        ));
        assert_eq!(claim.tags, ["static sites", "b"]);
    }

    #[test]
    fn a_posting_that_names_another_page_is_not_this_one() {
        let teaser = |named: &str| {
            Html::parse_document(&format!(
                "<article itemscope itemtype='https://schema.org/BlogPosting'>{named}\
                 <time itemprop=datePublished datetime=2026-11-01>1.11.</time></article>"
            ))
        };
        let site = "https://blog.example/".parse().unwrap();
        for named in [
            "<meta itemprop=mainEntityOfPage content='/b/'><p itemprop=headline>B</p>",
            "<h2 itemprop=headline><a href='/b/'>B</a></h2>",
        ] {
            let claim = read(&Document::new(&teaser(named), "/a/", &site));
            assert!(claim.title.is_none() && claim.published.is_none(), "{named}");
            let own = read(&Document::new(&teaser(named), "/b/", &site));
            assert!(own.title.is_some() && own.published.is_some(), "{named}");
        }
    }
}
