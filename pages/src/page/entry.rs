//! A page whose only date stands beside a link and is that of the page there: a list of one entry, made by hand or of a
//! tag that nothing else has.
//!
//! A byline ("1 May 2026, Ann") has the same shape. What tells them apart is the rest of the page: a post has a text, and its
//! author's name is on other posts.

use super::document::{Document, ancestors, has_word, name, self_and_ancestors, text, text_without};
use super::region::{self, Region};
use super::time::{MAX_LABEL, Times};
use super::view::View;
use super::{dates, links, written};
use crate::dom::ElementRef;

/// Elements around a date in which the link may stand.
const MAX_BOX: usize = 3;

/// Letters of a text below which a page says nothing itself.
const SENTENCE: u32 = 40;

/// Whether the date that the region shows is of the page that the link beside it leads to.
pub(super) fn is_only(document: &Document<'_>, region: &Region<'_>, times: &Times, view: &View<'_>) -> bool {
    let Some(date) = times.published else { return false };
    let shows = |element: &ElementRef<'_>| times.shown_by.contains(&element.id());
    let Some(shown) = region.element.descendent_elements().find(shows) else {
        return false;
    };
    let boxes = self_and_ancestors(shown).take_while(|around| around.id() != region.element.id());
    let line = boxes.take(MAX_BOX).find_map(|around| {
        let mut inside = around.descendent_elements();
        let link = inside.find(|link| is_entry(document, *link))?;
        Some((around, link))
    });
    let Some((line, link)) = line else { return false };
    let beside = text_without(line, |inner| {
        name(inner) == "a" || (inner.id() == shown.id() && inner.id() != line.id())
    });
    if beside.chars().count() > MAX_LABEL {
        return false;
    }
    let mut rest = beside.as_str();
    let all = written::all(&beside, document.order_at(line));
    let parts = all.iter().map(|(_, place)| place.clone());
    let mut says = false;
    let mut start = 0;
    for place in parts {
        says |= !is_weekday(&beside[start..place.start]);
        start = place.end;
        rest = &beside[start..];
    }
    if says || rest.chars().any(char::is_alphanumeric) {
        return false;
    }
    let address = link.attr("href").and_then(|href| document.resolve(href));
    let dated = address.and_then(|url| dates::of_address(url.path()));
    if dated.is_some_and(|dated| dated.day == date.day) {
        return true;
    }
    let left = view.says(region.element).saturating_sub(view.says(line));
    let limit = if view.is_compared() {
        SENTENCE
    } else {
        SENTENCE / 2
    };
    left < limit && !view.is_repeated(line)
}

/// Whether what stands before a date says nothing, or may be the day of the week.
fn is_weekday(before: &str) -> bool {
    let mut words = before
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    match (words.next(), words.next()) {
        (None, _) => true,
        (Some(_), None) => before.trim_end().ends_with(','),
        _ => false,
    }
}

/// Whether a link may lead to a post that a list names.
fn is_entry(document: &Document<'_>, link: ElementRef<'_>) -> bool {
    let by_rel = ["author", "prev", "next", "me", "alternate", "category", "tag"];
    document.leads_elsewhere(link)
        && links::tag(document, link).is_none()
        && link.attr("hreflang").is_none()
        && !by_rel.into_iter().any(|rel| has_word(link, "rel", rel))
        && !ancestors(link).any(region::is_beside)
        && !text(link).is_empty()
}
