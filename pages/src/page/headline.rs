//! The headline. `<title>` alone doesn't make one: it names a window.

use super::claim::Claim;
use super::content::Root;
use super::document::{
    Document, ancestors, is_separate, name, self_and_ancestors, some_line, text, text_without, within,
};
use super::meta::Meta;
use super::microformats::Entries;
use super::region::{self, Region};
use crate::dom::ElementRef;

/// Elements inside of a line that is a headline: emphasis, a link to itself.
const MAX_INSIDE: usize = 8;

/// The text of the heading that stands for the post: its `<h1>`, or the heading in its article's header.
pub(super) fn h1(document: &Document<'_>, region: &Region<'_>, meta: &Meta) -> Option<String> {
    let all: Vec<ElementRef<'_>> = document
        .all
        .iter()
        .copied()
        .filter(|element| name(*element) == "h1" && !is_of_site(document, meta, *element))
        .collect();
    let own = |heading: &ElementRef<'_>| !is_in_banner(region, *heading);
    let inside = all
        .iter()
        .copied()
        .find(|heading| within(*heading, region.element) && own(heading));
    let heading = inside
        .or_else(|| all.iter().copied().find(own))
        .or_else(|| {
            // Themes whose <h1> is the site's name give posts an <h2>.
            (name(region.element) == "article").then_some(())?;
            region.element.descendent_elements().find(|inner| {
                name(*inner) == "h2" && ancestors(*inner).take(2).any(|around| name(around) == "header")
            })
        })
        .or_else(|| windows(document, region, meta))
        .or_else(|| {
            all.iter()
                .copied()
                .find(|heading| within(*heading, region.element))
        })?;
    some_line(&clean(heading))
}

/// The element that says what the window is called, beside the name of the site: a headline that isn't marked as one.
fn windows<'a>(document: &Document<'a>, region: &Region<'a>, meta: &Meta) -> Option<ElementRef<'a>> {
    let window = window(document)?;
    let says = |element: ElementRef<'a>| {
        let said = clean(element);
        !said.is_empty() && !is_site_name(meta, &said) && is_segment(&said, &window)
    };
    let around = |element: &ElementRef<'a>| {
        !is_of_site(document, meta, *element)
            && !is_in_banner(region, *element)
            && !ancestors(*element).any(|around| matches!(name(around), "nav" | "a" | "li" | "footer"))
    };
    let all = || {
        document
            .all
            .iter()
            .copied()
            .filter(|element| within(*element, region::body(document)))
    };
    let headings = all().filter(|element| region::is_heading(*element));
    let lines = all().filter(|element| {
        is_line(*element) && !element.descendent_elements().any(|inner| name(inner) == "a")
    });
    headings
        .chain(lines)
        .find(|element| says(*element) && around(element))
}

/// What the page's window is called: `<title>`.
pub(super) fn window(document: &Document<'_>) -> Option<String> {
    let title = document.all.iter().find(|element| name(**element) == "title")?;
    some_line(&text(*title))
}

/// Whether an element may hold a headline though it isn't a heading.
pub(super) fn is_line(element: ElementRef<'_>) -> bool {
    let mut inside = element.descendent_elements().skip(1);
    let small = inside
        .by_ref()
        .take(MAX_INSIDE)
        .all(|inner| !is_separate(name(inner)));
    small
        && inside.next().is_none()
        && matches!(
            name(element),
            "b" | "strong" | "big" | "font" | "span" | "div" | "center" | "p"
        )
}

/// Whether a line is a text, or stands at one end of it with a sign between it and the rest.
pub(super) fn is_segment(line: &str, whole: &str) -> bool {
    let is_sign = |c: char| {
        matches!(
            c,
            '|' | '-' | '–' | '—' | '·' | '•' | ':' | '»' | '«' | '/' | '<' | '~' | '：'
        )
    };
    let Some(rest) = whole.strip_prefix(line).map(str::trim_start) else {
        let start = whole.strip_suffix(line).map(str::trim_end);
        return start.is_some_and(|start| start.ends_with(is_sign));
    };
    rest.is_empty() || rest.starts_with(is_sign)
}

/// The text of a heading without the link to itself that themes hang onto it.
pub(super) fn clean(heading: ElementRef<'_>) -> String {
    text_without(heading, is_anchor)
}

/// Whether an element is a heading's link to itself: a mark, not a word.
pub(super) fn is_anchor(element: ElementRef<'_>) -> bool {
    name(element) == "a"
        && element.attr("href").is_some_and(|href| href.contains('#'))
        && (element.attr("aria-hidden") == Some("true")
            || !text(element)
                .chars()
                .any(|c| c.is_alphanumeric() && c.is_ascii() || c.is_alphabetic()))
}

fn is_of_site(document: &Document<'_>, meta: &Meta, heading: ElementRef<'_>) -> bool {
    let links_home = heading
        .descendent_elements()
        .chain(self_and_ancestors(heading))
        .any(|link| {
            name(link) == "a"
                && document.own.path() != document.site.path()
                && link
                    .attr("href")
                    .and_then(|href| document.resolve(href))
                    .is_some_and(|url| {
                        url.fragment().is_none() && super::document::same_page(&url, &document.site)
                    })
        });
    links_home || is_site_name(meta, &text(heading)) || ancestors(heading).any(region::is_beside)
}

/// Whether a heading stands in what opens or closes the page, not the post. In the `<header>` of a page without other
/// marks may stand either.
fn is_in_banner(region: &Region<'_>, heading: ElementRef<'_>) -> bool {
    let outside = !within(heading, region.element) || name(region.element) == "body";
    outside
        && ancestors(heading)
            .take_while(|around| !matches!(name(*around), "article" | "main"))
            .any(|around| matches!(name(around), "header" | "nav" | "aside" | "footer"))
}

fn is_site_name(meta: &Meta, title: &str) -> bool {
    meta.site_names
        .iter()
        .any(|site| site.eq_ignore_ascii_case(title.trim()))
}

/// The first title of the claims that is one. Of a note, the beginning of its text and the site's name are none.
pub(super) fn choose<'a>(
    claims: &'a [Claim],
    meta: &Meta,
    entry: &Entries<'_>,
    root: &Root<'_>,
) -> Option<(&'a str, &'static str)> {
    let whole = if entry.untitled {
        text(root.element)
    } else {
        String::new()
    };
    let heading = claims
        .iter()
        .find(|claim| claim.source == "HTML")
        .and_then(|claim| claim.title.as_deref());
    claims.iter().find_map(|claim| {
        let mut title = claim.title.as_deref()?;
        let machine = claim.source != "HTML";
        if claim.source == "OpenGraph" {
            title = without_site(title, heading, meta);
            if is_site_name(meta, title) {
                return None;
            }
        }
        if entry.untitled {
            let start = title.trim_end_matches(['…', '.', ' ']);
            let from_text = whole.starts_with(start) || is_site_name(meta, title);
            let outside = !machine
                && !entry.own.is_some_and(|own| {
                    own.descendent_elements()
                        .any(|inner| region::is_heading(inner) && clean(inner) == title)
                });
            if from_text || outside {
                return None;
            }
        }
        Some((title, claim.source))
    })
}

/// A title for a card without the site's name behind it: "Hello | My blog" is "Hello".
fn without_site<'a>(title: &'a str, heading: Option<&str>, meta: &Meta) -> &'a str {
    let is_end = |rest: &str| {
        let rest = rest.trim();
        let name = rest.trim_start_matches(['|', '-', '–', '—', '·', '•', ':', '»', '/']);
        name.len() < rest.len()
    };
    for site in &meta.site_names {
        if let Some(start) = title.strip_suffix(site.as_str()) {
            let bare = start
                .trim_end()
                .trim_end_matches(['|', '-', '–', '—', '·', '•', ':', '»', '/']);
            if !bare.is_empty() && bare.len() < start.trim_end().len() {
                return bare.trim_end();
            }
        }
    }
    match heading.and_then(|heading| title.strip_prefix(heading)) {
        Some(rest) if !rest.is_empty() && is_end(rest) => &title[..title.len() - rest.len()],
        _ => title,
    }
}
