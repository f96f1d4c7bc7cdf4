//! Dates that the page shows: `<time>`, and what classes call a date.
//!
//! Only a date that stands for the post itself counts. One in a sidebar, in a teaser of another post, or in the
//! middle of the text is none.

use super::claim::Date;
use super::document::{Document, ancestors, has_word, name, text, text_without};
use super::region::{self, Region};
use super::{dateline, dates, links, microformats};
use crate::dom::{ElementRef, Node, NodeId};

/// Characters beside a date in a line that is about the date: "Published … by Ann Author · 3 minutes".
pub(super) const MAX_LABEL: usize = 80;

/// Characters from which a paragraph is text of the post, after which a bare `<time>` isn't its date.
const PROSE: usize = 100;

/// Dates looked at; a page with more is an archive.
const MAX_TIMES: usize = 64;

/// Classes that mark a date of publication, and of a change.
const PUBLISHED: [&str; 7] = [
    "published",
    "dt-published",
    "pubdate",
    "post-date",
    "entry-date",
    "date-published",
    "publish-date",
];
const UPDATED: [&str; 5] = ["updated", "dt-updated", "modified", "lastmod", "date-modified"];

/// Characters of a label, or beside a date that stands alone in its line: "Veröffentlicht am:".
pub(super) const MAX_MARK: usize = 24;

/// Words before a date that tell of a change.
const CHANGED: [&str; 20] = [
    "last update",
    "更新",
    "업데이트",
    "aggiornato",
    "atualizado",
    "bijgewerkt",
    "gewijzigd",
    "uppdaterad",
    "zaktualizowano",
    "обновлено",
    "updated",
    "modified",
    "edited",
    "last change",
    "aktualisiert",
    "geändert",
    "bearbeitet",
    "mis à jour",
    "mise à jour",
    "actualizado",
];

/// Words right before a date that tell since when a page holds: terms, imprints.
const SINCE: [&str; 14] = [
    "stand",
    "as of",
    "checked",
    "reviewed",
    "revised",
    "revision",
    "effective",
    "effective date",
    "in force since",
    "geprüft",
    "gültig ab",
    "überarbeitet",
    "última revisión",
    "en vigueur depuis",
];

/// Whether what stands before a date says that the date is of a change, in lower case.
pub(super) fn tells_of_change(label: &str) -> bool {
    let bare = label.trim_end_matches(|c: char| !c.is_alphanumeric());
    let bare = ["on", "am", "vom", "the", "le", "el"]
        .iter()
        .find_map(|word| bare.strip_suffix(word).filter(|rest| rest.ends_with(' ')))
        .map_or(bare, str::trim_end);
    let ends = |word: &str| {
        bare.strip_suffix(word)
            .is_some_and(|rest| !rest.ends_with(char::is_alphanumeric))
    };
    CHANGED.iter().any(|word| label.contains(word)) || SINCE.iter().any(|word| ends(word))
}

/// What the page shows.
#[derive(Default)]
pub(super) struct Times {
    pub(super) published: Option<Date>,
    pub(super) updated: Option<Date>,
    /// The elements that show the two; they aren't content.
    pub(super) shown_by: Vec<NodeId>,
    /// Dates of other posts in the same region.
    pub(super) of_others: usize,
}

/// How surely a date is the post's own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Beside,
    InHeader,
    Marked,
}

/// Reads the dates of a region.
pub(super) fn read(document: &Document<'_>, region: &Region<'_>) -> Times {
    let mut times = Times::default();
    let mut best: Option<Rank> = None;
    let mut prose = false;
    let mut heading = None;
    let mut seen = 0;
    for element in region.element.descendent_elements().skip(1) {
        if region::is_heading(element) {
            heading = Some(element);
        }
        if name(element) == "p" && !prose {
            prose = text(element).chars().count() > PROSE;
        }
        let Some(date) = shown(document, element) else {
            continue;
        };
        seen += 1;
        if seen > MAX_TIMES {
            break;
        }
        if is_of_another(document, region, element, heading) {
            times.of_others += 1;
            continue;
        }
        if is_update(element) {
            if times.updated.is_none() {
                times.updated = Some(date);
                times.shown_by.push(element.id());
            }
            continue;
        }
        let Some(rank) = rank(region, element, prose) else {
            continue;
        };
        if best.is_none_or(|best| rank > best) {
            best = Some(rank);
            times.published = Some(date);
        }
        if times.published.is_some_and(|published| published.day == date.day) {
            times.shown_by.push(element.id());
        }
    }
    if times.published.is_none() {
        dateline::read(document, region, &mut times);
    }
    times
}

/// The date that an element shows.
fn shown(document: &Document<'_>, element: ElementRef<'_>) -> Option<Date> {
    let marked =
        || is_marked(element, &PUBLISHED) || is_marked(element, &UPDATED) || is_marked(element, &["date"]);
    if is_time(element) {
        return stated(document, element)
            .or_else(|| dates::words(&text(element), document.order_at(element)));
    }
    // A <time> inside speaks for itself.
    let shows_time = || element.descendent_elements().any(|inner| name(inner) == "time");
    if marked() && !shows_time() {
        stated(document, element).or_else(|| microformats::date(document, element))
    } else {
        None
    }
}

/// Whether an element is there to show a date: `<time>`, or one of the custom elements that write it anew in the
/// reader's browser ("3 days ago"), which go by this name since GitHub's.
fn is_time(element: ElementRef<'_>) -> bool {
    matches!(
        name(element),
        "time" | "relative-time" | "time-ago" | "local-time"
    )
}

/// The date that an element states for machines, while it shows readers what it likes.
fn stated(document: &Document<'_>, element: ElementRef<'_>) -> Option<Date> {
    [
        "datetime",
        "data-datetime",
        "data-date",
        "data-time",
        "title",
        "content",
    ]
    .into_iter()
    .find_map(|key| dates::words(element.attr(key)?, document.order_at(element)))
}

fn is_marked(element: ElementRef<'_>, classes: &[&str]) -> bool {
    element.classes().any(|class| classes.contains(&class))
}

/// Whether a date belongs to another post: it stands beside the region's own text, in an item of a list with a link,
/// or under a heading that leads elsewhere.
pub(super) fn is_of_another(
    document: &Document<'_>,
    region: &Region<'_>,
    element: ElementRef<'_>,
    heading: Option<ElementRef<'_>>,
) -> bool {
    let leads = |around: ElementRef<'_>| {
        around
            .descendent_elements()
            .any(|link| document.leads_elsewhere(link) && links::tag(document, link).is_none())
    };
    let inside = ancestors(element).take_while(|around| around.id() != region.element.id());
    let mut nearest = true;
    for around in inside {
        let is_entry = name(around) == "article" && !region.halved;
        if region::is_beside(around) || is_entry || name(around) == "blockquote" {
            return true;
        }
        if matches!(name(around), "li" | "tr" | "dd" | "dt" | "a") && leads(around) && !is_layout(around) {
            return true;
        }
        if nearest
            && let Some(heading) = around
                .descendent_elements()
                .find(|inner| region::is_heading(*inner))
        {
            nearest = false;
            if leads(heading) || document.leads_elsewhere(around) {
                return true;
            }
        }
    }
    heading.is_some_and(leads)
}

pub(super) fn is_update(element: ElementRef<'_>) -> bool {
    let marked = std::iter::once(element).chain(boxes(element)).any(|around| {
        has_word(around, "itemprop", "dateModified")
            || around.classes().any(|class| {
                let words = class.split(['-', '_']);
                UPDATED.contains(&class)
                    || words
                        .into_iter()
                        .any(|word| matches!(word, "updated" | "modified"))
            })
    });
    if marked || is_marked(element, &PUBLISHED) || element.attr("pubdate").is_some() {
        return marked;
    }
    // A label may have a box of its own: "Last update:".
    let label = element
        .prev_siblings()
        .find_map(ElementRef::wrap)
        .filter(|label| !region::is_heading(*label))
        .map(|label| text(label).to_lowercase())
        .filter(|label| label.ends_with([':', '：']) && label.chars().count() <= MAX_MARK);
    if label.is_some_and(|label| tells_of_change(&label)) {
        return true;
    }
    let Some(line) = block(element) else { return false };
    // Only what stands between the date before, if any, and this one.
    let before = before(line, element).to_lowercase();
    tells_of_change(&before)
}

/// Whether a row of a table holds a headline of its own: one of a table that makes up the page.
fn is_layout(row: ElementRef<'_>) -> bool {
    name(row) == "tr"
        && row.descendent_elements().any(|inner| {
            region::is_heading(inner) && !inner.descendent_elements().any(|link| name(link) == "a")
        })
}

/// The two elements around a date, while they say little else: a class there may be about the date. One with a headline
/// in it is about the post, whose name may be a class.
pub(super) fn boxes(element: ElementRef<'_>) -> impl Iterator<Item = ElementRef<'_>> {
    ancestors(element).take(2).take_while(|around| {
        text(*around).chars().count() <= 2 * MAX_LABEL
            && !around.descendent_elements().any(region::is_heading)
    })
}

/// How surely a date that stands in the region is the post's; `None` when it is part of the text.
fn rank(region: &Region<'_>, element: ElementRef<'_>, after_prose: bool) -> Option<Rank> {
    let marked = is_marked(element, &PUBLISHED)
        || element.attr("pubdate").is_some()
        || has_word(element, "itemprop", "datePublished");
    if marked {
        return Some(Rank::Marked);
    }
    let inside = || ancestors(element).take_while(|around| around.id() != region.element.id());
    if inside().any(|around| name(around) == "header") {
        return Some(Rank::InHeader);
    }
    if inside().any(|around| {
        matches!(name(around), "td" | "figure" | "pre" | "details")
            || around
                .classes()
                .any(|class| matches!(class, "e-content" | "entry-content"))
            || has_word(around, "itemprop", "articleBody")
    }) {
        return None;
    }
    if inside().any(|around| name(around) == "footer") {
        return Some(Rank::Beside);
    }
    if after_prose {
        return None;
    }
    let Some(line) = block(element).filter(|line| line.id() != region.element.id()) else {
        return Some(Rank::Beside);
    };
    let whole = text(line);
    let label = text_without(line, |inner| inner.id() == element.id() || name(inner) == "a");
    // A sentence about a date isn't a line with the post's date.
    let sentence = name(line) == "p" && whole.ends_with(['.', '!', '?', '。', ':', '…']);
    (!sentence && label.chars().count() <= MAX_LABEL).then_some(Rank::Beside)
}

/// The nearest element around one that isn't part of a line.
fn block(element: ElementRef<'_>) -> Option<ElementRef<'_>> {
    ancestors(element).find(|around| !is_inline(name(*around)))
}

fn is_inline(name: &str) -> bool {
    matches!(
        name,
        "a" | "abbr" | "b" | "em" | "i" | "small" | "span" | "strong" | "time" | "font" | "svg"
    )
}

/// The text of a block between its last date before the element and the element.
fn before(block: ElementRef<'_>, element: ElementRef<'_>) -> String {
    let mut text = String::new();
    for node in block.descendants() {
        if node.id() == element.id() {
            break;
        }
        match node.value() {
            Node::Text(part) => {
                let around = node.ancestors().filter_map(ElementRef::wrap);
                let mut line = around.skip_while(|around| is_inline(name(*around)));
                if line.next().is_some_and(|line| line.id() == block.id()) {
                    text.push_str(part);
                }
            }
            // Another date, or whatever isn't part of this line, begins anew.
            Node::Element(other) if other.name() == "time" || !is_inline(other.name()) => text.clear(),
            _ => {}
        }
    }
    text
}
