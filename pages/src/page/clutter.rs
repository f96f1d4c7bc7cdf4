//! What stands in the content's element without being content: navigation, share links, the line with the date.
//!
//! Line numbers, marks on headings and ways back from notes are left to `sanitize`, which knows what is around them.

use std::cell::LazyCell;

use super::content::Root;
use super::document::{ancestors, has_word, name, says, start_without, text};
use super::time::Times;
use super::{headline, region};
use crate::dom::{Edge, ElementRef, NodeId, NodeSet};

/// Words in class names, between hyphens, of what is never content, also inside of a marked one.
const NEVER: [&str; 23] = [
    "share",
    "sharing",
    "sharedaddy",
    "addtoany",
    "related",
    "relatedposts",
    "breadcrumb",
    "breadcrumbs",
    "pagination",
    "pager",
    "paginator",
    "nextprev",
    "prevnext",
    "toc",
    "disqus",
    "giscus",
    "utterances",
    "webmentions",
    "webmention",
    "comments",
    "newsletter",
    "subscribe",
    "adsbygoogle",
];

/// Whole class names of the same.
const NEVER_WHOLE: [&str; 7] = [
    "sr-only",
    "visually-hidden",
    "visuallyhidden",
    "screen-reader-text",
    "no-print",
    "noprint",
    "skip-link",
];

/// Whole class names of what stands around the content in an `<article>`.
const AROUND: [&str; 34] = [
    "post-meta",
    "post-metadata",
    "entry-meta",
    "article-meta",
    "meta",
    "metadata",
    "post-info",
    "post-tags",
    "post-categories",
    "entry-tags",
    "article-tags",
    "tags",
    "taglist",
    "tag-list",
    "byline",
    "dateline",
    "date",
    "post-date",
    "entry-date",
    "author",
    "author-box",
    "author-bio",
    "post-author",
    "bio",
    "reading-time",
    "read-time",
    "post-nav",
    "post-navigation",
    "entry-footer",
    "entry-header",
    "post-footer",
    "post-header",
    "p-author",
    "p-category",
];

/// Elements kept because they hold most of the text; with more of them around one another the names mean nothing.
const MAX_KEPT: usize = 16;

/// Characters beside the links and dates of a line about the post.
pub(super) const MAX_LABEL: usize = 60;

/// Pixels below which a picture before a post is a sign or a portrait.
const MIN_PICTURE: u32 = 120;

/// What an element stands in, within the content.
#[derive(Default)]
struct Place {
    code: usize,
    quotation: usize,
    section: usize,
}

impl Place {
    fn step(&mut self, element: ElementRef<'_>, opens: bool) {
        let count = match name(element) {
            "pre" | "code" => &mut self.code,
            "blockquote" | "figure" => &mut self.quotation,
            "section" => &mut self.section,
            _ => return,
        };
        *count = if opens {
            *count + 1
        } else {
            count.saturating_sub(1)
        };
    }
}

/// The elements inside the root that aren't content, by what they are, what they are called, or what they say.
pub(super) fn find(root: &Root<'_>, title: Option<&str>, times: &Times) -> NodeSet {
    let whole = LazyCell::new(|| text(root.element).len());
    let mut skip = NodeSet::new();
    let mut place = Place::default();
    let mut before_prose = true;
    let mut headline = None;
    let mut skipped = None;
    let mut kept = 0;
    for edge in root.element.traverse() {
        let (node, opens) = match edge {
            Edge::Open(node) => (node, true),
            Edge::Close(node) => (node, false),
        };
        let Some(element) = ElementRef::wrap(node).filter(|element| element.id() != root.element.id()) else {
            continue;
        };
        if !opens {
            if skipped == Some(element.id()) {
                skipped = None;
            } else if skipped.is_none() {
                place.step(element, false);
            }
            continue;
        }
        if skipped.is_some() {
            continue;
        }
        if root.beside.contains(element.id()) {
            skip.insert(element.id());
            skipped = Some(element.id());
            continue;
        }
        let heads = |element: ElementRef<'_>| {
            (region::is_heading(element) || headline::is_line(element))
                && (title.is_some_and(|title| headline::clean(element) == title)
                    || (!root.marked && name(element) == "h1"))
        };
        before_prose = before_prose && (name(element) != "p" || heads(element));
        let headed = before_prose && headline.is_none();
        let never = is_never(&place, element);
        let around =
            (!root.marked && is_around(&place, element)) || is_frame(root, &place, element, title, times);
        // A class on a wrapper around everything doesn't make everything vanish.
        let structural = || is_hard(element) || matches!(name(element), "header" | "footer" | "aside");
        let mut unwanted = never || around;
        if unwanted && !structural() {
            unwanted = kept < MAX_KEPT && text(element).len() * 2 <= *whole;
            kept += usize::from(!unwanted);
        }
        if headed && (heads(element) || (unwanted && element.descendent_elements().any(heads))) {
            headline = Some(element);
            skip.insert(element.id());
            skipped = Some(element.id());
        } else if unwanted {
            skip.insert(element.id());
            skipped = Some(element.id());
        } else {
            if is_turning(element) {
                skip.insert(climb(root, element, &|around| outside_links(around)));
            }
            place.step(element, true);
        }
    }
    if let Some(headline) = headline.filter(|_| !root.marked) {
        skip.extend(above(root, headline, *whole));
    }
    skip
}

/// What stands above the headline, in short: the site's name, a way home. Pictures stay.
fn above(root: &Root<'_>, heading: ElementRef<'_>, whole: usize) -> Vec<NodeId> {
    let around = std::iter::once(heading)
        .chain(ancestors(heading).take_while(|around| around.id() != root.element.id()));
    let before: Vec<ElementRef<'_>> = around
        .flat_map(|around| around.prev_siblings().filter_map(ElementRef::wrap))
        .collect();
    let length: usize = before.iter().map(|element| text(*element).len()).sum();
    let shown = |element: &ElementRef<'_>| element.descendent_elements().any(|inner| name(inner) == "img");
    if length * 2 > whole {
        return vec![];
    }
    before
        .iter()
        .filter(|element| !shown(element))
        .map(|element| element.id())
        .collect()
}

/// What is no content wherever it stands.
fn is_never(place: &Place, element: ElementRef<'_>) -> bool {
    if is_hard(element) || headline_anchor(element) {
        return true;
    }
    if place.code > 0 || !is_box(element) {
        return false;
    }
    let words = |text: &str| {
        text.split(['-', '_'])
            .any(|word| NEVER.iter().any(|never| word.eq_ignore_ascii_case(never)))
    };
    let id = element.attr("id");
    element
        .classes()
        .any(|class| NEVER_WHOLE.contains(&class) || words(class))
        || id.is_some_and(|id| matches!(id, "comments" | "toc" | "TableOfContents" | "related" | "share"))
}

/// Elements that are dropped however much they hold.
fn is_hard(element: ElementRef<'_>) -> bool {
    name(element) == "nav"
        || name(element).starts_with("tidings-")
        || element.classes().any(|class| class.starts_with("tidings-"))
        || element.attr("hidden").is_some()
        || matches!(element.attr("role"), Some("navigation" | "search" | "doc-toc"))
        || (element.attr("aria-hidden") == Some("true")
            && !element
                .descendent_elements()
                .any(|inner| matches!(name(inner), "img" | "math")))
}

fn headline_anchor(element: ElementRef<'_>) -> bool {
    headline::is_anchor(element) && ancestors(element).take(2).any(region::is_heading)
}

fn is_box(element: ElementRef<'_>) -> bool {
    !matches!(
        name(element),
        "html" | "body" | "main" | "article" | "pre" | "code" | "table" | "figure" | "blockquote"
    )
}

/// What stands around the content in an unmarked region.
fn is_around(place: &Place, element: ElementRef<'_>) -> bool {
    if place.code > 0 || place.quotation > 0 {
        return false;
    }
    match name(element) {
        "aside" | "address" => true,
        "header" => place.section == 0,
        _ => is_box(element) && element.classes().any(|class| AROUND.contains(&class)),
    }
}

/// Headers and footers inside the content: the post's own, not those of a quotation, a figure or footnotes.
fn is_frame(
    root: &Root<'_>,
    place: &Place,
    element: ElementRef<'_>,
    title: Option<&str>,
    times: &Times,
) -> bool {
    if place.code > 0 || place.quotation > 0 {
        return false;
    }
    match name(element) {
        "footer" => !is_footnotes(element),
        "header" if root.marked => element.descendent_elements().any(|inner| {
            (region::is_heading(inner) && title.is_some_and(|title| headline::clean(inner) == title))
                || times.shown_by.contains(&inner.id())
        }),
        _ => false,
    }
}

/// Whether an element is beside the post by what it is or what it is called.
pub(super) fn is_out(element: ElementRef<'_>) -> bool {
    let element_is = match name(element) {
        "nav" | "aside" | "footer" | "header" | "form" | "dialog" => !is_footnotes(element),
        _ => false,
    };
    let role = element.attr("role");
    let role_is = role.is_some_and(|role| {
        matches!(
            role,
            "navigation"
                | "search"
                | "banner"
                | "contentinfo"
                | "complementary"
                | "dialog"
                | "alertdialog"
                | "doc-toc"
        )
    });
    element_is || role_is || region::is_beside(element) || is_never(&Place::default(), element)
}

/// Whether a picture shows who wrote it, or is a sign: by its name, or because it is small.
pub(super) fn is_portrait(element: ElementRef<'_>) -> bool {
    let small = |attribute| {
        element
            .attr(attribute)
            .and_then(|length| length.trim_end_matches("px").parse::<u32>().ok())
            .is_some_and(|length| length < MIN_PICTURE)
    };
    let called = |element: ElementRef<'_>| {
        element.classes().chain(element.attr("id")).any(|class| {
            class.split(['-', '_']).any(|word| {
                matches!(
                    word.to_ascii_lowercase().as_str(),
                    "avatar" | "logo" | "icon" | "gravatar" | "portrait"
                )
            })
        })
    };
    small("width") || small("height") || called(element) || ancestors(element).take(1).any(called)
}

/// Whether an element holds footnotes.
pub(super) fn is_footnotes(element: ElementRef<'_>) -> bool {
    element.descendent_elements().any(|inner| {
        matches!(inner.attr("role"), Some("doc-endnotes" | "doc-endnote"))
            || inner
                .classes()
                .any(|class| matches!(class, "footnotes" | "footnote"))
            || inner.attr("id").is_some_and(|id| id.starts_with("fn"))
    })
}

/// A link to the post before or after this one.
fn is_turning(element: ElementRef<'_>) -> bool {
    name(element) == "a" && (has_word(element, "rel", "prev") || has_word(element, "rel", "next"))
}

/// Words of the links to the post before and to the one after, and of their labels.
const TURNING: [&str; 27] = [
    "next",
    "previous",
    "prev",
    "older",
    "newer",
    "next post",
    "previous post",
    "older post",
    "newer post",
    "next entry",
    "previous entry",
    "next article",
    "previous article",
    "weiter",
    "zurück",
    "nächster",
    "vorheriger",
    "nächster beitrag",
    "vorheriger beitrag",
    "suivant",
    "précédent",
    "article suivant",
    "article précédent",
    "siguiente",
    "anterior",
    "successivo",
    "precedente",
];

/// Letters with which a line holds more than such links and their labels.
const LABELS: usize = 80;

/// Signs of the same.
const ARROWS: [char; 12] = ['←', '→', '«', '»', '‹', '›', '<', '>', '⟵', '⟶', '⇐', '⇒'];

/// Whether a link leads to the post before or after by its words: it stands in a line of nothing but such links and
/// their labels.
pub(super) fn turns(link: ElementRef<'_>) -> bool {
    let Some(line) = ancestors(link).find(|around| super::document::is_separate(name(*around))) else {
        return false;
    };
    if !matches!(name(line), "p" | "div" | "td" | "center" | "li" | "span") {
        return false;
    }
    let says = |text: &str| {
        let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
        TURNING.contains(&bare.to_lowercase().as_str())
    };
    let rest = start_without(line, LABELS, |inner| name(inner) == "a");
    if rest.chars().filter(|c| c.is_alphanumeric()).count() > LABELS {
        return false;
    }
    let own = text(link);
    let points = own.starts_with(ARROWS) || own.ends_with(ARROWS);
    let labelled = rest.split([':', '|', '·']).any(&says);
    let is_bare = rest.chars().all(|c| !c.is_alphanumeric());
    let only_labels = || {
        rest.split([':', '|', '·'])
            .all(|label| says(label) || label.trim().is_empty())
    };
    (labelled && only_labels()) || (is_bare && (points || says(&own)))
}

/// The line before the text that says the summary once more: below the headline, above the date or by its name.
pub(super) fn deck(root: &Root<'_>, summary: &str, times: &Times) -> Option<NodeId> {
    let mut found = None;
    let mut rest = false;
    for element in root.element.descendent_elements().skip(1) {
        if let Some(found) = found {
            if times.shown_by.contains(&element.id()) {
                return Some(found);
            }
            rest |= name(element) == "p";
            if rest {
                return None;
            }
            continue;
        }
        if !matches!(name(element), "p" | "div" | "span" | "h2" | "h3" | "em") || !says(element, summary) {
            continue;
        }
        let called = element.classes().any(|class| {
            class.split(['-', '_']).any(|word| {
                matches!(
                    word,
                    "description"
                        | "subtitle"
                        | "deck"
                        | "dek"
                        | "standfirst"
                        | "tagline"
                        | "summary"
                        | "excerpt"
                )
            })
        });
        if called && text(root.element).len() > summary.len() {
            return Some(element.id());
        }
        found = Some(element.id());
    }
    None
}

/// The text of an element beside its links and dates; of what is no label any more, not all.
pub(super) fn outside_links(element: ElementRef<'_>) -> String {
    start_without(element, MAX_LABEL, |inner| matches!(name(inner), "a" | "time"))
}

/// The largest element around one that says little else: a line about the post, with its label.
pub(super) fn climb<'a>(
    root: &Root<'a>,
    element: ElementRef<'a>,
    rest: &dyn Fn(ElementRef<'a>) -> String,
) -> NodeId {
    let mut top = element;
    for around in ancestors(element) {
        let holds_content = around.descendent_elements().skip(1).any(|inner| {
            let content = matches!(
                name(inner),
                "p" | "pre" | "blockquote" | "figure" | "img" | "table"
            );
            (content || region::is_heading(inner))
                && !super::document::within(inner, top)
                && !super::document::within(top, inner)
        });
        if around.id() == root.element.id() || holds_content || rest(around).chars().count() > MAX_LABEL {
            break;
        }
        top = around;
    }
    top.id()
}
