//! microformats2: the h-entry that a page marks up, and hAtom, its predecessor.
//!
//! After <https://microformats.org/wiki/microformats2-parsing>, as far as a post needs it. An implied name counts for
//! nothing: an entry without `p-name` is a note, and its implied name would be its own text.

use super::claim::{Claim, Date};
use super::document::{Document, ancestors, has_class, line, name, self_and_ancestors, some_line, text};
use super::{dates, picture};
use crate::article::Media;
use crate::dom::{ElementRef, NodeRef};

/// What the page marks up.
#[derive(Default)]
pub(super) struct Entries<'a> {
    /// The page's own entry.
    pub(super) own: Option<ElementRef<'a>>,
    /// Its `e-content`.
    pub(super) content: Option<ElementRef<'a>>,
    /// The same, as a claim.
    pub(super) claim: Option<Claim>,
    /// An entry with content and without a name: a note.
    pub(super) untitled: bool,
    /// Whether the entries are of other pages, or several of which none is this page's.
    pub(super) lists: bool,
}

/// Finds the page's own entry.
pub(super) fn read<'a>(document: &Document<'a>) -> Entries<'a> {
    let tops: Vec<ElementRef<'a>> = document
        .all
        .iter()
        .copied()
        .filter(|element| is_entry(*element))
        .filter(|element| {
            // Entries in an entry are replies and quotations, those in a sidebar teasers.
            self_and_ancestors(*element)
                .skip(1)
                .all(|around| !is_entry(around) && !matches!(name(around), "aside" | "nav" | "footer"))
        })
        .collect();
    let of_others = |entry: &ElementRef<'a>| {
        urls(document, *entry).iter().all(|url| !document.is_own(url))
            && urls(document, *entry)
                .iter()
                .any(|url| url.host() == document.own.host())
    };
    let named = |entry: &&ElementRef<'a>| urls(document, **entry).iter().any(|url| document.is_own(url));
    let own = match tops.as_slice() {
        [] => None,
        [only] => Some(only).filter(|only| !of_others(only)),
        // Several that all claim this page come from a theme without permalinks, or with wrong ones: a list.
        several => {
            let mut own = several.iter().filter(named);
            own.next().filter(|_| own.next().is_none())
        }
    };
    let Some(own) = own.copied() else {
        return Entries {
            lists: !tops.is_empty(),
            ..Entries::default()
        };
    };
    let contents = properties(own, &["e-content", "entry-content"]);
    let title = properties(own, &["p-name", "entry-title"])
        .first()
        .and_then(|name| some_line(&value(*name)));
    // A note often carries `p-name e-content` on one element: its name is its text.
    let whole = contents.first().map(|content| text(*content));
    let title = title.filter(|title| whole.as_ref() != Some(title));
    let claim = Claim {
        source: "h-entry",
        title: title.clone(),
        summary: properties(own, &["p-summary", "entry-summary"])
            .first()
            .and_then(|e| some_line(&value(*e))),
        published: properties(own, &["dt-published", "published"])
            .into_iter()
            .find_map(|element| date(document, element)),
        updated: properties(own, &["dt-updated", "updated"])
            .into_iter()
            .find_map(|element| date(document, element)),
        tags: properties(own, &["p-category"])
            .into_iter()
            .filter_map(|e| some_line(&value(e)))
            .collect(),
        language: None,
        image: properties(own, &["u-featured", "u-photo"])
            .into_iter()
            .find_map(|e| photo(document, e)),
    };
    Entries {
        own: Some(own),
        content: contents.first().copied(),
        untitled: title.is_none() && !contents.is_empty(),
        claim: Some(claim),
        lists: false,
    }
}

fn is_entry(element: ElementRef<'_>) -> bool {
    has_class(element, "h-entry") || has_class(element, "hentry")
}

/// Whether an element is the root of any microformat.
fn is_root(element: ElementRef<'_>) -> bool {
    is_entry(element)
        || element.classes().any(|class| {
            class.strip_prefix("h-").is_some_and(|rest| {
                matches!(
                    rest,
                    "adr"
                        | "card"
                        | "cite"
                        | "event"
                        | "feed"
                        | "geo"
                        | "item"
                        | "listing"
                        | "product"
                        | "recipe"
                        | "resume"
                        | "review"
                        | "review-aggregate"
                )
            })
        })
}

/// The elements with one of the classes that are properties of the entry itself, not of a microformat inside it;
/// those of the first class before those of the second.
pub(super) fn properties<'a>(entry: ElementRef<'a>, classes: &[&str]) -> Vec<ElementRef<'a>> {
    let mut found = vec![];
    let mut node: NodeRef<'a> = *entry;
    let mut skip = false;
    loop {
        // The next node in document order, without those inside of other microformats.
        let below = if skip { None } else { node.first_child() };
        let mut next = below;
        while next.is_none() {
            if node.id() == entry.id() {
                let rank =
                    |element: &ElementRef<'a>| classes.iter().position(|class| has_class(*element, class));
                found.sort_by_key(rank);
                return found;
            }
            next = node.next_sibling();
            if next.is_none() {
                let Some(parent) = node.parent() else { return found };
                node = parent;
            }
        }
        let Some(found_next) = next else { return found };
        node = found_next;
        skip = false;
        if let Some(element) = ElementRef::wrap(node) {
            if classes.iter().any(|class| has_class(element, class)) {
                found.push(element);
            }
            skip = is_root(element) || matches!(name(element), "template" | "svg");
        }
    }
}

/// The value of a `p-` property.
fn value(element: ElementRef<'_>) -> String {
    let attribute = match name(element) {
        "abbr" | "link" => element.attr("title"),
        "data" | "input" => element.attr("value"),
        "img" | "area" => element.attr("alt"),
        "meta" => element.attr("content"),
        _ => None,
    };
    attribute.map_or_else(|| text(element), line)
}

/// The value of a `dt-` property, with the value class pattern: date and time may stand in two elements.
pub(super) fn date(document: &Document<'_>, element: ElementRef<'_>) -> Option<Date> {
    let stated = |element: ElementRef<'_>| match name(element) {
        "time" | "ins" | "del" => element.attr("datetime").map(str::to_owned),
        "abbr" | "span" | "div" | "p" => element
            .attr("title")
            .or_else(|| element.attr("datetime"))
            .map(str::to_owned),
        "data" | "input" => element.attr("value").map(str::to_owned),
        "meta" => element.attr("content").map(str::to_owned),
        _ => None,
    };
    if let Some(date) = stated(element).and_then(|stated| dates::machine(&stated)) {
        return Some(date);
    }
    let parts: Vec<String> = element
        .descendent_elements()
        .filter(|part| has_class(*part, "value") || has_class(*part, "value-title"))
        .take(3)
        .map(|part| stated(part).unwrap_or_else(|| text(part)))
        .collect();
    if !parts.is_empty() {
        return dates::words(&parts.join(" "), document.order_at(element));
    }
    let inner = element
        .descendent_elements()
        .skip(1)
        .find(|inner| name(*inner) == "time");
    let inner = inner.and_then(|inner| dates::machine(inner.attr("datetime")?));
    inner.or_else(|| dates::words(&text(element), document.order_at(element)))
}

fn photo(document: &Document<'_>, element: ElementRef<'_>) -> Option<Media> {
    let img = match name(element) {
        "img" => element,
        _ => element
            .descendent_elements()
            .find(|inner| name(*inner) == "img")
            .unwrap_or(element),
    };
    let href = img
        .attr("src")
        .or_else(|| img.attr("href"))
        .or_else(|| img.attr("content"))?;
    Some(Media {
        alt: img.attr("alt").and_then(some_line),
        ..picture(document, href)?
    })
}

fn urls(document: &Document<'_>, entry: ElementRef<'_>) -> Vec<url::Url> {
    let mut urls: Vec<url::Url> = properties(entry, &["u-url", "u-uid"])
        .into_iter()
        .filter_map(|element| document.resolve(element.attr("href").or_else(|| element.attr("value"))?))
        .collect();
    if urls.is_empty() {
        // A name that is a link leads to its entry.
        let names = properties(entry, &["p-name"]).into_iter();
        let links = names.flat_map(|name| name.descendent_elements().chain(ancestors(name).take(1)));
        urls.extend(
            links
                .filter(|link| name(*link) == "a")
                .take(1)
                .filter_map(|link| document.resolve(link.attr("href")?))
                .filter(|url| url.fragment().is_none()),
        );
    }
    if urls.is_empty() {
        // hAtom: the bookmark.
        urls.extend(
            entry
                .descendent_elements()
                .filter(|link| name(*link) == "a" && super::document::has_word(*link, "rel", "bookmark"))
                .take(1)
                .filter_map(|link| document.resolve(link.attr("href")?)),
        );
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dom::Html;

    fn with<T>(html: &str, check: impl FnOnce(Entries<'_>) -> T) -> T {
        let html = Html::parse_document(html);
        check(read(&Document::new(
            &html,
            "/a/",
            &"https://blog.example/".parse().unwrap(),
        )))
    }

    #[test]
    fn the_properties_of_an_entry_are_read_and_those_of_what_is_inside_it_are_not() {
        let html = "<article class=h-entry><h1 class=p-name>Hello</h1><a class=u-url href=/a/>\
            <time class=dt-published datetime='2026-11-01T10:00:00+01:00'>x</time></a>\
            <div class='p-author h-card'><span class=p-name>Ann</span><img class=u-photo src=ann.png></div>\
            <p class=p-summary>Short.</p><div class=e-content><img class=u-photo src=p.png alt=Pic> text\
            <div class='u-in-reply-to h-cite'><span class=p-name>Other</span></div></div>\
            <a class=p-category>one</a><a class=p-category>two</a></article>";
        with(html, |entries| {
            let claim = entries.claim.unwrap();
            assert_eq!(claim.title.as_deref(), Some("Hello"));
            assert_eq!(claim.summary.as_deref(), Some("Short."));
            assert_eq!(claim.tags, ["one", "two"]);
            assert_eq!(claim.published.unwrap().at.to_string(), "2026-11-01T09:00:00Z");
            let image = claim.image.unwrap();
            assert_eq!(
                (image.url.as_str(), image.alt.as_deref()),
                ("https://blog.example/a/p.png", Some("Pic"))
            );
            assert!(!entries.untitled && !entries.lists);
        });
    }

    #[test]
    fn an_entry_without_a_name_is_a_note_also_when_its_name_is_its_text() {
        for html in [
            "<div class=h-entry><div class=e-content><p>Just this.</p></div></div>",
            "<div class=h-entry><div class='p-name e-content'><p>Just this.</p></div></div>",
        ] {
            with(html, |entries| {
                assert!(
                    entries.untitled && entries.claim.unwrap().title.is_none(),
                    "{html}"
                );
            });
        }
    }

    #[test]
    fn several_entries_are_a_list_unless_one_is_this_page() {
        let teaser =
            |path: &str| format!("<div class=h-entry><a class='u-url p-name' href={path}>x</a></div>");
        with(
            &format!("<div class=h-feed>{}{}</div>", teaser("/b/"), teaser("/c/")),
            |found| assert!(found.lists),
        );
        with(&teaser("/b/"), |found| {
            assert!(found.lists && found.own.is_none());
        });
        with(&format!("{}{}", teaser("/a/"), teaser("/c/")), |found| {
            assert!(found.own.is_some() && !found.lists);
        });
        with(
            &format!("{}<aside>{}</aside>", teaser("/a/"), teaser("/c/")),
            |found| assert!(found.own.is_some()),
        );
    }

    #[test]
    fn a_date_in_two_parts_is_joined() {
        let html = "<div class=h-entry><span class=dt-published><span class=value>2026-11-01</span> at \
            <span class=value>10:00:00+01:00</span></span></div>";
        with(html, |found| {
            assert_eq!(
                found.claim.unwrap().published.unwrap().at.to_string(),
                "2026-11-01T09:00:00Z"
            );
        });
    }
}
