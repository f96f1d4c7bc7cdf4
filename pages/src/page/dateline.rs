//! The line in which a page shows its date as text, where no element or class says that it is one.

use super::claim::Date;
use super::document::{Document, ancestors, has_word, name, text, text_without, within};
use super::links;
use super::region::{self, Region};
use super::time::{MAX_LABEL, MAX_MARK, Times, boxes, is_of_another, is_update, tells_of_change};
use super::written;
use crate::dom::{ElementRef, Html, Node};
use crate::frame::Order;

/// Dates of one line: of publication and of a change.
const MAX_DATES: usize = 2;

/// Boxes around a line in which a link to another page makes it one about that page.
const MAX_BOX: usize = 4;

/// Boxes of the same kind looked at; the next ones are like them.
const MAX_TWINS: usize = 8;

/// Words of classes that call a place one for a date.
const CALLED: [&str; 8] = [
    "date",
    "dateline",
    "datetime",
    "time",
    "published",
    "posted",
    "created",
    "pubdate",
];

/// The days that lines of the region show as text: "Published: 2026-11-01", "May 1, 2026". Taken is the first in a
/// place that is called one for a date, else the first beside the headline, else the first that stands alone in a
/// line, before the text or after it.
pub(super) fn read(document: &Document<'_>, region: &Region<'_>, times: &mut Times) {
    let mut best: Option<Place> = None;
    let mut heading = None;
    let mut after_text = false;
    for element in region.element.descendent_elements().skip(1) {
        if region::is_heading(element) {
            heading = Some(element);
            continue;
        }
        after_text |= is_prose(element);
        let dates = dates_of(document, element);
        if dates.is_empty() || !is_beside_text(region, element) {
            continue;
        }
        if is_of_another(document, region, element, heading) || is_teaser(document, region, element) {
            times.of_others += 1;
            continue;
        }
        let called = is_called(
            region,
            element,
            &["update", "updated", "modified", "lastmod", "edited"],
        );
        for (date, label) in dates {
            if called || tells_of_change(&label) || is_update(element) {
                if times.updated.is_none() {
                    times.updated = Some(date);
                    times.shown_by.push(element.id());
                }
                continue;
            }
            let place = if is_called(region, element, &CALLED) {
                Place::Called
            } else if is_beside_heading(element, heading) && !after_text {
                Place::Beside
            } else if label.chars().count() <= MAX_MARK {
                Place::Alone
            } else {
                continue;
            };
            if best.is_none_or(|best| place > best) {
                best = Some(place);
                times.published = Some(date);
            }
            if times.published.is_some_and(|published| published.day == date.day) {
                times.shown_by.push(element.id());
            }
        }
    }
}

/// The order of day and month in the short lines of a page, wherever they stand.
pub(super) fn order(html: &Html) -> Order {
    let mut found = Order::Open;
    for node in html.root().descendants() {
        let Node::Text(text) = node.value() else { continue };
        let is_long = text.len() > MAX_LABEL;
        if is_long || !text.bytes().any(|byte| byte.is_ascii_digit()) {
            continue;
        }
        match written::order(text) {
            Order::Open => {}
            other if found != Order::Open && found != other => return Order::Open,
            other => found = other,
        }
    }
    found
}

/// How surely a line is about the post's own date.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Alone,
    Beside,
    Called,
}

/// The days that an element's own text names, each with what stands before it, in lower case. The last takes what
/// stands after it, too.
fn dates_of(document: &Document<'_>, element: ElementRef<'_>) -> Vec<(Date, String)> {
    let has_digit = element.children().any(
        |node| matches!(node.value(), Node::Text(text) if text.bytes().any(|byte| byte.is_ascii_digit())),
    );
    if !has_digit || matches!(name(element), "script" | "style" | "a" | "time") {
        return vec![];
    }
    // A date's parts may stand in elements of their own, its links and icons beside it.
    let line = text_without(element, |inner| matches!(name(inner), "a" | "time"));
    // A sentence about a date isn't a line with one.
    let sentence =
        line.ends_with(['!', '?', '…']) || (name(element) == "p" && line.ends_with(['.', '。', ':']));
    if sentence || line.chars().count() > MAX_LABEL {
        return vec![];
    }
    let all = written::all(&line, document.order_at(element));
    let mut start = 0;
    let mut dates: Vec<(Date, String)> = vec![];
    for (date, place) in all {
        dates.push((date, line[start..place.start].to_lowercase()));
        start = place.end;
    }
    if let Some((_, label)) = dates.last_mut() {
        label.push_str(&line[start..].to_lowercase());
    }
    dates.truncate(MAX_DATES);
    dates
}

/// Whether a line belongs to a list of other pages: a link leads to one of them, and a box of the same kind beside it
/// has another.
fn is_teaser(document: &Document<'_>, region: &Region<'_>, element: ElementRef<'_>) -> bool {
    let leads = |around: ElementRef<'_>| {
        around
            .descendent_elements()
            .any(|link| document.leads_elsewhere(link) && links::tag(document, link).is_none())
    };
    // Tags may stand beside a post's date, but not beside several in as many lines.
    let is_dated = |around: ElementRef<'_>| {
        let line = text(around);
        line.chars().count() <= MAX_LABEL && written::all(&line, document.order_at(around)).len() == 1
    };
    let links = |around: ElementRef<'_>| {
        let mut inside = around.descendent_elements();
        inside.any(|link| document.leads_elsewhere(link)) && is_dated(around)
    };
    std::iter::once(element)
        .chain(ancestors(element))
        .take_while(|around| around.id() != region.element.id())
        .take(MAX_BOX)
        .any(|around| {
            (leads(around) && (name(around) == "li" || twins(around).any(leads)))
                || (links(around) && twins(around).any(links))
        })
}

/// The elements beside one that have its name and classes.
fn twins<'a>(element: ElementRef<'a>) -> impl Iterator<Item = ElementRef<'a>> {
    element
        .prev_siblings()
        .chain(element.next_siblings())
        .filter_map(ElementRef::wrap)
        .filter(move |other| name(*other) == name(element) && other.attr("class") == element.attr("class"))
        .take(MAX_TWINS)
}

/// Whether an element is text of the post.
fn is_prose(element: ElementRef<'_>) -> bool {
    match name(element) {
        "p" => text(element).chars().count() > MAX_LABEL,
        "pre" | "blockquote" | "table" | "figure" => true,
        _ => false,
    }
}

/// Whether an element may stand beside the text: not in a part of it, nor in what is marked as the text.
fn is_beside_text(region: &Region<'_>, element: ElementRef<'_>) -> bool {
    std::iter::once(element)
        .chain(ancestors(element))
        .take_while(|around| around.id() != region.element.id())
        .all(|around| {
            let cell = matches!(name(around), "td" | "th");
            let apart = matches!(
                name(around),
                "figure" | "pre" | "code" | "details" | "blockquote" | "form" | "button"
            );
            // A cell with a headline in it is one of a table that makes up the page.
            (!cell || around.descendent_elements().any(region::is_heading))
                && !apart
                && !around
                    .classes()
                    .any(|class| matches!(class, "e-content" | "entry-content"))
                && !has_word(around, "itemprop", "articleBody")
        })
}

/// Whether an element, or a box around it that says little else, has a class with one of the words.
fn is_called(region: &Region<'_>, element: ElementRef<'_>, words: &[&str]) -> bool {
    std::iter::once(element)
        .chain(boxes(element))
        .take_while(|around| around.id() != region.element.id())
        .any(|around| {
            around
                .classes()
                .any(|class| class.split(['-', '_']).any(|word| words.contains(&word)))
        })
}

/// Whether an element stands in one box with the headline before it, or right before or after it.
fn is_beside_heading(element: ElementRef<'_>, heading: Option<ElementRef<'_>>) -> bool {
    heading.is_some_and(|heading| {
        let box_around = |of: ElementRef<'_>| of.parent().map(|parent| parent.id());
        let header = ancestors(heading).find(|around| name(*around) == "header");
        let next = heading.next_siblings().find_map(ElementRef::wrap);
        header.is_some_and(|header| within(element, header))
            || next.is_some_and(|next| within(element, next))
            || box_around(heading) == box_around(element)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(html: &str) -> (Option<String>, Option<String>) {
        let html = Html::parse_document(html);
        let document = Document::new(&html, "/a/", &"https://blog.example/".parse().unwrap());
        let mut times = Times::default();
        read(&document, &region::find(&document), &mut times);
        let day = |date: Option<Date>| date.map(|date| date.day.to_string());
        (day(times.published), day(times.updated))
    }

    fn published(html: &str) -> Option<String> {
        days(html).0
    }

    #[test]
    fn a_line_with_two_dates_says_when_it_was_written_and_when_changed() {
        let html = "<html lang=de><h2>Hallo</h2><div>Geschrieben am 1. Mai 2026, zuletzt geändert am 2. Juni 2026</div>\
            <p>Text.</p>";
        assert_eq!(days(html), (Some("2026-05-01".into()), Some("2026-06-02".into())));
    }

    #[test]
    fn a_headline_about_an_update_makes_the_date_below_it_none() {
        let html = "<h2>A post that was updated</h2><div>May 1, 2026</div><p>Text.</p>";
        assert_eq!(days(html), (Some("2026-05-01".into()), None));
    }

    #[test]
    fn a_class_with_the_post_s_name_says_nothing_of_its_date() {
        let html = "<div class=post-updated><h1>A</h1><div>May 1, 2026</div><p>Text.</p></div>";
        assert_eq!(days(html), (Some("2026-05-01".into()), None));
    }

    #[test]
    fn days_beside_links_to_other_pages_are_theirs() {
        let list = "<div class=x><a href=/b/>B</a> <span>2 May 2026</span></div>\
            <div class=x><a href=/c/>C</a> <span>3 May 2026</span></div>";
        assert_eq!(published(&format!("<h2>A</h2><p>Text.</p>{list}")), None);
        let post = format!("<h2>A</h2><div>1 May 2026</div><p>Text.</p>{list}");
        assert_eq!(published(&post).as_deref(), Some("2026-05-01"));
    }

    #[test]
    fn a_table_that_makes_up_the_page_is_no_table_of_dates() {
        let page = |cell: &str| format!("<table><tr><td><a href=/b/>B</a></td><td>{cell}</td></tr></table>");
        let post = page("<h2>A</h2><i>Publié le 1 mai 2026</i><p>Text.</p>");
        assert_eq!(published(&post).as_deref(), Some("2026-05-01"));
        assert_eq!(published(&page("1 mai 2026")), None);
    }

    #[test]
    fn days_in_sentences_code_and_quotations_are_part_of_the_text() {
        for html in [
            "<h1>A</h1><p>Since May 1, 2026 I bake.</p>",
            "<h1>A</h1><pre>2026-05-01 10:00 started</pre>",
            "<h1>A</h1><blockquote>1 May 2026</blockquote>",
        ] {
            assert_eq!(published(html), None, "{html}");
        }
    }
}
