//! Links of a page to the site's own pages for tags.

use url::Url;

use super::document::{
    Document, ancestors, has_word, name, some_line, start_without, text, text_without, within,
};
use super::region::{self, Region};
use super::written;
use crate::dom::ElementRef;
use crate::frame::Order;

/// A link to the site's page for a tag.
pub(super) struct TagLink<'a> {
    pub(super) name: String,
    pub(super) href: Url,
    pub(super) element: ElementRef<'a>,
}

/// Folders that hold the pages of tags, in the generators' defaults and in other languages.
const FOLDERS: [&str; 26] = [
    "tag",
    "tags",
    "tagged",
    "label",
    "labels",
    "keyword",
    "keywords",
    "hashtag",
    "hashtags",
    "topic",
    "topics",
    "schlagwort",
    "schlagworte",
    "schlagwörter",
    "schlagwoerter",
    "stichwort",
    "stichworte",
    "etiqueta",
    "etiquetas",
    "etiquette",
    "mot-cle",
    "mots-cles",
    "tagi",
    "标签",
    "標籤",
    "タグ",
];

/// Links to tags in a post; where there are more, it is a cloud, and none of them is the post's.
const MAX_LINKS: usize = 200;

/// Letters with which nothing is a label any more, whoever asks.
const LABELS: usize = 100;

/// Characters beside the links of a list of tags: "Tags:", "Filed under:".
const MAX_LABEL: usize = 20;

/// Characters of a line about the post.
const MAX_LINE: usize = 80;

/// Reads a link as one to a tag's page: by `rel="tag"`, or by its path.
pub(super) fn tag<'a>(document: &Document<'_>, link: ElementRef<'a>) -> Option<TagLink<'a>> {
    if name(link) != "a" {
        return None;
    }
    let href = document.resolve(link.attr("href")?)?;
    let by_path = || {
        let mut parts = href
            .path_segments()?
            .filter(|part| !part.is_empty() && *part != "index.html")
            .rev();
        // Of names in other scripts some generators leave nothing: `/tags//`.
        if !href.path().ends_with("//") {
            parts.next()?;
        }
        let folder = percent_encoding::percent_decode_str(parts.next()?).decode_utf8_lossy();
        (href.host() == document.own.host() && FOLDERS.contains(&&*folder)).then_some(())
    };
    let category = has_word(link, "rel", "category");
    if category || !(has_word(link, "rel", "tag") || by_path().is_some()) {
        return None;
    }
    // A number in an element of its own is how many posts the tag has.
    let is_count = |inner: ElementRef<'_>| {
        let said = text(inner);
        inner.id() != link.id() && !said.is_empty() && said.bytes().all(|byte| byte.is_ascii_digit())
    };
    let shown = text_without(link, is_count);
    let shown = shown.trim_start_matches(['#', ' ']);
    // "rust (3)": how many posts the tag has.
    let shown = match shown.rsplit_once(" (") {
        Some((before, count)) if count.trim_end_matches(')').bytes().all(|b| b.is_ascii_digit()) => before,
        _ => shown,
    };
    Some(TagLink {
        name: some_line(shown)?,
        href,
        element: link,
    })
}

/// The tags that the post's region lists: not those in its sentences, nor those of teasers.
pub(super) fn tags<'a>(document: &Document<'_>, region: &Region<'a>) -> Vec<TagLink<'a>> {
    let all: Vec<TagLink<'a>> = region
        .element
        .descendent_elements()
        .filter_map(|link| tag(document, link))
        .take(MAX_LINKS + 1)
        .collect();
    if all.len() > MAX_LINKS {
        return vec![];
    }
    all.into_iter()
        .filter(|tag| {
            ancestors(tag.element)
                .take_while(|around| around.id() != region.element.id())
                .all(|around| (!region::is_beside(around) || is_byline(around)) && name(around) != "article")
        })
        .filter(|tag| is_listed(document, region, tag.element))
        .collect()
}

/// Whether an `<aside>` is the line about the post below its headline.
fn is_byline(aside: ElementRef<'_>) -> bool {
    name(aside) == "aside"
        && aside
            .prev_siblings()
            .find_map(ElementRef::wrap)
            .is_some_and(region::is_heading)
        && text(aside).chars().count() <= MAX_LINE
}

/// Whether a label is that of a line which says when the post was written: "Posted 02/10/2026 in".
fn is_dated(label: &str) -> bool {
    label.chars().count() <= MAX_LINE && !written::all(label, Order::MonthFirst).is_empty()
}

/// Whether a link stands in a list of tags and not in a sentence.
fn is_listed(document: &Document<'_>, region: &Region<'_>, link: ElementRef<'_>) -> bool {
    if has_word(link, "rel", "tag") || link.classes().any(is_tag_class) {
        return true;
    }
    let framed = |around: ElementRef<'_>| matches!(name(around), "header" | "footer");
    if ancestors(link)
        .take_while(|around| within(*around, region.element))
        .any(framed)
    {
        return true;
    }
    for around in ancestors(link).take_while(|around| within(*around, region.element)) {
        match name(around) {
            "li" | "span" | "small" | "a" => {
                let label = label(document, around);
                let is_label = label.ends_with([':', '：']) && label.chars().count() <= MAX_LABEL;
                if is_label || is_dated(&label) || around.classes().any(is_tag_class) {
                    return true;
                }
            }
            "ul" | "ol" => {
                return around.child_elements().all(|item| {
                    item.descendent_elements()
                        .all(|inner| name(inner) != "a" || tag(document, inner).is_some())
                }) && label(document, around).chars().count() <= MAX_LABEL;
            }
            _ => {
                let label = label(document, around);
                return around.classes().any(is_tag_class)
                    || label.is_empty()
                    || is_dated(&label)
                    || (label.ends_with([':', '：']) && label.chars().count() <= MAX_LABEL);
            }
        }
    }
    false
}

fn is_tag_class(class: &str) -> bool {
    class
        .split(['-', '_'])
        .any(|word| matches!(word, "tag" | "tags" | "taglist" | "hashtag" | "category"))
}

/// The text of an element beside its links to tags and the marks between them; of what is no label any more, not all.
pub(super) fn label(document: &Document<'_>, element: ElementRef<'_>) -> String {
    let text = start_without(element, LABELS, |inner| tag(document, inner).is_some());
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | '·' | '|' | '/' | '#' | '•' | ';'))
        .to_owned()
}
