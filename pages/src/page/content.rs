//! The content: which element holds it, and what in there isn't part of it.

use url::Url;

use super::document::{Document, ancestors, elements, has_word, is_web, name, text};
use super::guide::Guide;
use super::links::{self, TagLink};
use super::microformats::Entries;
use super::region::{self, Region};
use super::time::Times;
use super::view::{Core, View};
use super::{clutter, keywords};
use crate::article::Media;
use crate::dom::{ElementRef, NodeSet};
use crate::sanitize::{self, Own};

/// The element that holds the content.
pub(super) struct Root<'a> {
    pub(super) element: ElementRef<'a>,
    /// For the evidence.
    pub(super) source: &'static str,
    /// Whether the page says that this is the content, and nothing else.
    pub(super) marked: bool,
    /// What in it is known not to be content from what other pages say.
    pub(super) beside: NodeSet,
}

/// Finds the element: what the page marks as content, else where the feed's text, other pages or the density of text
/// show that it stands ([`View`]), else the region. What all pages share is dropped from it in any case.
pub(super) fn root<'a>(
    view: &View<'a>,
    guide: Option<&Guide>,
    document: &Document<'a>,
    entry: &Entries<'a>,
    region: &Region<'a>,
    title: Option<&str>,
) -> Root<'a> {
    let mut root = marked(document, entry, region).unwrap_or_else(|| {
        let core = view.core(region, guide, title).unwrap_or_else(|| Core {
            element: region.element,
            source: region.source,
            beside: NodeSet::new(),
        });
        Root {
            element: core.element,
            source: core.source,
            marked: false,
            beside: core.beside,
        }
    });
    root.beside.extend(view.frame(root.element, &root.beside));
    root
}

/// What the page marks as content.
fn marked<'a>(document: &Document<'a>, entry: &Entries<'a>, region: &Region<'a>) -> Option<Root<'a>> {
    let says = |element: &ElementRef<'_>| {
        !text(*element).is_empty() || element.descendent_elements().any(|inner| name(inner) == "img")
    };
    let marked = |element, source| Root {
        element,
        source,
        marked: true,
        beside: NodeSet::new(),
    };
    if let Some(content) = entry.content.filter(says) {
        return Some(marked(content, "e-content"));
    }
    let in_region = |wanted: &dyn Fn(ElementRef<'a>) -> bool| {
        let mut found = region.element.descendent_elements().filter(|inner| {
            wanted(*inner)
                && ancestors(*inner)
                    .take_while(|around| around.id() != region.element.id())
                    .all(|around| !region::is_beside(around) && name(around) != "article")
        });
        found
            .next()
            .filter(|first| says(first) && found.all(|other| super::document::within(other, *first)))
    };
    if let Some(body) = in_region(&|inner| has_word(inner, "itemprop", "articleBody")) {
        return Some(marked(body, "articleBody"));
    }
    if let Some(body) = in_region(&|inner| super::document::has_class(inner, "entry-content")) {
        return Some(marked(body, "entry-content"));
    }
    // An article's body may be marked outside of what looked like the region.
    let bodies = document
        .all
        .iter()
        .copied()
        .filter(|element| has_word(*element, "itemprop", "articleBody"));
    let mut bodies = bodies.filter(|element| says(element) && !ancestors(*element).any(region::is_beside));
    if let Some(only) = bodies.next()
        && bodies.next().is_none()
    {
        return Some(marked(only, "articleBody"));
    }
    None
}

/// Cleans the content of what isn't part of it: the title and the summary that stand there once more, above all. Fragments lead to `url`, the page's canonical address.
pub(super) fn read(
    document: &Document<'_>,
    root: &Root<'_>,
    region: &Region<'_>,
    tags: &[TagLink<'_>],
    (title, deck): (Option<&str>, Option<&str>),
    times: &Times,
    url: &Url,
) -> Own {
    let mut skip = clutter::find(root, title, times);
    skip.extend(deck.and_then(|deck| clutter::deck(root, deck, times)));
    for link in root.element.descendent_elements() {
        if name(link) == "a" && clutter::turns(link) && document.leads_elsewhere(link) {
            skip.insert(clutter::climb(root, link, &|around| {
                clutter::outside_links(around)
            }));
        }
    }
    for element in elements(*root.element)
        .into_iter()
        .filter(|element| times.shown_by.contains(&element.id()))
    {
        skip.insert(clutter::climb(root, element, &|around| {
            clutter::outside_links(around)
        }));
    }
    for tag in tags {
        if ancestors(tag.element).any(|around| around.id() == root.element.id())
            && !ancestors(tag.element).any(|around| name(around) == "p" && !is_bare(document, around))
        {
            skip.insert(clutter::climb(root, tag.element, &|around| {
                links::label(document, around)
            }));
        }
    }
    if let Some(written) = keywords::read(region) {
        skip.insert(written.element.id());
    }
    let resolve = |href: &str| {
        let href = href.trim();
        if let Some(fragment) = href.strip_prefix('#') {
            let mut place = url.clone();
            place.set_fragment(Some(fragment).filter(|fragment| !fragment.is_empty()));
            return Some(place);
        }
        document
            .base
            .join(href)
            .ok()
            .filter(|url| is_web(url) || url.scheme() == "mailto")
    };
    sanitize::own_tree(*root.element, &resolve, &skip)
}

/// The picture that stands for the article may be one of its content in another size: it is the same then, under the
/// address that the page chose for showing it elsewhere.
pub(super) fn recognise(image: &mut Media, body: &mut Own) {
    let attached = body
        .variants
        .iter()
        .find(|(other, _)| *other == image.url)
        .map(|(_, attached)| attached.clone());
    let Some(same) = attached.and_then(|url| body.media.iter_mut().find(|media| media.url == url)) else {
        return;
    };
    image.alt = image.alt.take().or_else(|| same.alt.clone());
    *same = Media {
        alt: same.alt.take().or_else(|| image.alt.clone()),
        ..image.clone()
    };
}

/// Whether a paragraph is a line of tags.
fn is_bare(document: &Document<'_>, paragraph: ElementRef<'_>) -> bool {
    links::label(document, paragraph).chars().count() <= clutter::MAX_LABEL / 3
}
