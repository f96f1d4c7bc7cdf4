//! Tags that a page only writes out: "Tags: rust, code", without links to pages of theirs.

use memchr::memchr2;

use crate::dom::ElementRef;

use super::document::{ancestors, name, start_without, text};
use super::links;
use super::region::{self, Region};
use super::time::MAX_LABEL;

/// Words before the names of tags, in the languages in which templates are common.
const LABELS: [&str; 30] = [
    "tags",
    "tag",
    "tagged",
    "tagged with",
    "tagged as",
    "topics",
    "keywords",
    "labels",
    "schlagwörter",
    "schlagworte",
    "stichwörter",
    "stichworte",
    "étiquettes",
    "mots-clés",
    "mots clés",
    "etiquetas",
    "palabras clave",
    "palavras-chave",
    "etichette",
    "parole chiave",
    "trefwoorden",
    "tagi",
    "taggar",
    "теги",
    "метки",
    "标签",
    "標籤",
    "タグ",
    "태그",
    "stikkord",
];

/// Letters of a label at most.
const LONGEST: usize = 24;

/// Letters of one tag; what is longer is a sentence.
const MAX_TAG: usize = 40;

/// Words of one tag.
const MAX_WORDS: usize = 4;

/// Tags of one line.
const MAX_TAGS: usize = 20;

/// The tags of a post's region, with the element that says them.
pub(super) struct Written<'a> {
    pub(super) names: Vec<String>,
    pub(super) element: ElementRef<'a>,
}

/// Finds the line; the last one counts, because a text may speak of such lines.
pub(super) fn read<'a>(region: &Region<'a>) -> Option<Written<'a>> {
    let lines = region.element.descendent_elements().skip(1);
    let found = lines.filter_map(|element| {
        let names = names(element)?;
        let apart = |around: ElementRef<'_>| {
            region::is_beside(around)
                || matches!(
                    name(around),
                    "pre" | "blockquote" | "figure" | "td" | "details" | "article" | "nav"
                )
        };
        let inside = ancestors(element).take_while(|around| around.id() != region.element.id());
        inside
            .into_iter()
            .all(|around| !apart(around))
            .then_some(Written { names, element })
    });
    found.last()
}

/// What a line of tags names; `None` of other lines.
fn names(element: ElementRef<'_>) -> Option<Vec<String>> {
    if !matches!(
        name(element),
        "p" | "div" | "li" | "span" | "small" | "em" | "i" | "section" | "footer" | "dd"
    ) {
        return None;
    }
    // Nearly all elements have no label, or far more than a line.
    let is_term = name(element) == "dd";
    if !is_term {
        // The full-width colon begins with a byte that few letters begin with.
        let has_colon = || memchr2(b':', 0xef, element.text().as_bytes()).is_some();
        let start = has_colon().then(|| start_without(element, LONGEST, |_| false))?;
        let (label, _) = start.split_once([':', '：'])?;
        is_label(label).then_some(())?;
    }
    // What holds other boxes isn't a line; most elements are told from one by their first child.
    let inner = element.descendent_elements().skip(1);
    if inner.take(2 * MAX_TAGS).any(|inner| {
        matches!(name(inner), "p" | "div" | "ul" | "ol" | "table" | "pre") || region::is_heading(inner)
    }) {
        return None;
    }
    let line = start_without(element, 2 * MAX_LABEL, |_| false);
    if line.chars().count() > 2 * MAX_LABEL {
        return None;
    }
    let rest = match line.split_once([':', '：']) {
        Some((label, rest)) if is_label(label) => rest,
        Some(_) => return None,
        None => labelled(element).then_some(line.as_str())?,
    };
    let parts: Vec<&str> = rest
        .split([',', '、', '，', '·', '|', ';', '#'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    let is_tag = |part: &&str| {
        part.chars().count() <= MAX_TAG
            && part.split_whitespace().count() <= MAX_WORDS
            && !part.ends_with(['.', '!', '?', '。'])
    };
    let sound = !parts.is_empty() && parts.len() <= MAX_TAGS && parts.iter().all(is_tag);
    sound.then(|| parts.into_iter().map(str::to_owned).collect())
}

fn is_label(text: &str) -> bool {
    let label = text.trim().to_lowercase();
    LABELS.contains(&label.as_str())
}

/// Whether the element before, or the term of a definition, is the label.
fn labelled(element: ElementRef<'_>) -> bool {
    let before = element.prev_siblings().find_map(ElementRef::wrap);
    name(element) == "dd"
        && before.is_some_and(|before| name(before) == "dt" && is_label(text(before).trim_end_matches(':')))
}

/// Whether a line holds links to tags: then those say more.
pub(super) fn has_links(written: &Written<'_>, document: &super::document::Document<'_>) -> bool {
    written
        .element
        .descendent_elements()
        .any(|link| links::tag(document, link).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dom::Html;
    use crate::page::document::Document;

    fn read_of(html: &str) -> Vec<String> {
        let html = Html::parse_document(html);
        let document = Document::new(&html, "/a/", &"https://blog.example/".parse().unwrap());
        let found = super::read(&region::find(&document));
        found.map(|found| found.names).unwrap_or_default()
    }

    #[test]
    fn tags_that_are_written_out_are_read() {
        let text = "<h1>A</h1><p>Text.</p>";
        for line in [
            "<p>Tags: rust, code</p>",
            "<div><b>Schlagwörter:</b> rust, code</div>",
            "<p class=x>标签：rust、code</p>",
            "<small>Tagged with: #rust #code</small>",
            "<dl><dt>Keywords</dt><dd>rust; code</dd></dl>",
        ] {
            assert_eq!(read_of(&format!("{text}{line}")), ["rust", "code"], "{line}");
        }
    }

    #[test]
    fn sentences_quotations_and_other_labels_are_none() {
        for line in [
            "<p>Tags: I never understood what they are good for in the end.</p>",
            "<blockquote><p>Tags: rust, code</p></blockquote>",
            "<p>Ingredients: salt, flour</p>",
            "<p>Tags, rust</p>",
            "<aside><p>Tags: all, of, them</p></aside>",
            "<p>Tags:</p>",
        ] {
            assert!(read_of(&format!("<h1>A</h1>{line}")).is_empty(), "{line}");
        }
    }
}
