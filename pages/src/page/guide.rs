//! A post's text in a feed, as a guide to where it stands in the page.
//!
//! Of the text only a few marks are kept: hashes of short stretches at its beginning, in it and at its end. They are
//! looked for in the page, where the text may be cut into other elements but has the same letters.

use serde::{Deserialize, Serialize};

use super::outline::Outline;
use crate::frame::add_up;

/// Letters of one mark: long enough to stand nowhere else, short enough for a note.
const STRETCH: usize = 20;

/// Marks of one text: the beginning, the end, and between them in equal parts.
const MARKS: usize = 6;

/// Bytes of a text that are read; a longer one is known by its beginning.
const MAX_TEXT: usize = 256 << 10;

/// How many times as much as the page the feed says when the page is one that scripts fill: what stands in such a page is a
/// line that asks for them.
const SILENT: usize = 6;

/// The base of the rolling hash, a prime.
const BASE: u32 = 0x0100_0193;

/// Stands for a letter that isn't known; no page has it.
const UNKNOWN: char = '\0';

/// The marks of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guide {
    marks: Box<[u32]>,
    /// How many letters it has.
    letters: u32,
}

impl Guide {
    /// The marks of some HTML; `None` if it says too little.
    pub fn of(html: &str) -> Option<Guide> {
        let letters = letters(&html[..html.floor_char_boundary(MAX_TEXT)]);
        let last = letters.len().checked_sub(STRETCH)?;
        let mut marks: Vec<u32> = (0..MARKS)
            .map(|mark| mark * last / (MARKS - 1))
            .map(|at| hash(&letters[at..at + STRETCH]))
            .collect();
        marks.dedup();
        Some(Guide {
            marks: marks.into(),
            letters: u32::try_from(letters.len()).unwrap_or(u32::MAX),
        })
    }

    /// The smallest place of a page that holds all marks that are there, if that is most of them.
    pub(super) fn find(&self, outline: &Outline<'_>) -> Option<usize> {
        let counts = self.counts(outline);
        let found = *counts.first()?;
        let most = usize::try_from(found).unwrap_or(0) * 2 > self.marks.len();
        (0..counts.len()).rev().find(|at| most && counts[*at] == found)
    }

    /// Whether nothing of the text is in the page, which says next to nothing itself with `content`.
    pub(super) fn is_missed(&self, outline: &Outline<'_>, content: &str) -> bool {
        let whole = self.letters as usize;
        let own = said(content).take(whole).count();
        own * SILENT < whole && self.counts(outline).first().is_none_or(|found| *found == 0)
    }

    /// How many of the marks are in each place.
    fn counts(&self, outline: &Outline<'_>) -> Vec<u32> {
        let mut letters: Vec<(char, u32)> = vec![];
        for (place, text) in &outline.texts {
            letters.extend(said(text).map(|letter| (letter, *place)));
        }
        let mut counts = vec![0_u32; outline.sketch.places.len()];
        let mut left: Vec<u32> = self.marks.to_vec();
        let far = BASE.wrapping_pow(u32::try_from(STRETCH).expect("a stretch is short"));
        let mut hash = 0_u32;
        for (at, (letter, place)) in letters.iter().enumerate() {
            hash = hash.wrapping_mul(BASE).wrapping_add(u32::from(*letter));
            if let Some(gone) = at.checked_sub(STRETCH) {
                hash = hash.wrapping_sub(u32::from(letters[gone].0).wrapping_mul(far));
            }
            if at + 1 >= STRETCH
                && let Some(found) = left.iter().position(|mark| *mark == hash)
            {
                left.swap_remove(found);
                counts[*place as usize] += 1;
            }
        }
        add_up(&outline.sketch, &mut counts);
        counts
    }
}

fn hash(letters: &[char]) -> u32 {
    let step = |hash: u32, letter: &char| hash.wrapping_mul(BASE).wrapping_add(u32::from(*letter));
    letters.iter().fold(0, step)
}

/// The letters of a text, without spaces and marks: those change with the way it was written out.
fn said(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| c.is_alphanumeric())
}

/// The letters of some HTML. It isn't parsed: there may be thousands in a feed, and marks that are wrong are only not
/// found.
fn letters(html: &str) -> Vec<char> {
    let mut letters = vec![];
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        letters.extend(said(&rest[..at]));
        rest = &rest[at..];
        let end = if rest.starts_with('&') {
            let end = rest.find(';').filter(|end| *end <= 10);
            letters.extend(end.and_then(|end| entity(&rest[1..end])));
            end.map_or(1, |end| end + 1)
        } else {
            let hides = ["script", "style", "svg"].into_iter().find(|name| {
                rest.get(1..=name.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(name))
            });
            let closes = hides.and_then(|name| rest.find(&format!("</{name}")));
            let from = closes.unwrap_or(0);
            rest[from..].find('>').map_or(rest.len(), |end| from + end + 1)
        };
        rest = &rest[end..];
    }
    letters.extend(said(rest));
    letters
}

/// The letter that an entity stands for, if it is one.
fn entity(name: &str) -> Option<char> {
    let number = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
            None => number.parse().ok(),
        },
        None if matches!(name, "amp" | "lt" | "gt" | "quot" | "apos" | "nbsp") => return None,
        None => return Some(UNKNOWN),
    };
    number.and_then(char::from_u32).filter(|c| c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dom::Html;
    use crate::page::document::{Document, name};
    use crate::page::region;
    use proptest::prelude::*;

    fn found(guide: &str, page: &str) -> Option<String> {
        let html = Html::parse_document(page);
        let site = "https://a.example/".parse().unwrap();
        let document = Document::new(&html, "/x/", &site);
        let outline = Outline::of(&document, region::body(&document), 1_000);
        let at = Guide::of(guide)?.find(&outline)?;
        let element = outline.elements[at];
        Some(element.attr("id").unwrap_or(name(element)).to_owned())
    }

    const TEXT: &str = "<p>The harbour was quiet &amp; grey that morning.</p><p>Caf&#233; tables stood in the rain, and \
        nobody sat at them.</p>";

    #[test]
    fn the_smallest_element_with_the_text_is_found_however_it_is_cut() {
        let page = "<div id=a><div id=b>Home<div id=c><div>The harbour was <b>quiet</b> &amp; grey</div> that morning. \
            <p>Café tables stood in the rain, and nobody sat at them.</div></div></div>";
        assert_eq!(found(TEXT, page).as_deref(), Some("c"));
    }

    #[test]
    fn a_text_that_is_not_there_is_not_found() {
        assert_eq!(
            found(
                TEXT,
                "<p>Something else stands here, of about the same length as that."
            ),
            None
        );
        assert_eq!(found("<p>Short", "<p>Short"), None);
    }

    #[test]
    fn what_a_feed_adds_at_the_end_does_not_hinder() {
        let more = format!("{TEXT}<p>The post first appeared on My Blog.</p>");
        let page = format!("<main><section id=c>{TEXT}</section><p>More</p></main>");
        assert_eq!(found(&more, &page).as_deref(), Some("c"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(html in "\\PC{0,200}", page in "\\PC{0,200}") {
            found(&html, &page);
        }
    }
}
