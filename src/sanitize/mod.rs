//! Cleaning of HTML: what other servers sent, and what the site's own pages say.
//!
//! HTML from other servers goes through ammonia's allow list and comes out as the few elements that a fediverse post
//! is made of ([`remote_html`]) or as text ([`plain`]). A page's own content ([`own_html`]) keeps all that carries
//! meaning. All three are bounded in size and in depth, since html5ever's time grows with the square of the depth.

mod own;
mod remote;

use std::borrow::Cow;

use ego_tree::iter::Edge;
use scraper::{ElementRef, Html, Node};

pub use own::{Own, image_type, own_html, own_tree};
pub use remote::{MAX_REMOTE, remote_html};

/// Elements in one another that HTML from outside may have; Mastodon's own posts have three or four.
pub const MAX_NESTING: usize = 128;

/// Bytes of text that [`plain`] gives: far more than any summary, name or notification shows.
pub const MAX_PLAIN: usize = 64 << 10;

/// The text of some HTML: each block on a line of its own, spaces collapsed, nothing left to escape.
pub fn plain(html: &str) -> String {
    let html = flat(cut(html, MAX_PLAIN * 4), MAX_NESTING);
    let mut lines = Lines::default();
    let fragment = Html::parse_fragment(&html);
    let mut hidden = 0_usize;
    for edge in fragment.tree.root().traverse() {
        let (node, opens) = match edge {
            Edge::Open(node) => (node, true),
            Edge::Close(node) => (node, false),
        };
        match node.value() {
            Node::Text(text) if opens && hidden == 0 => lines.text(text),
            Node::Element(_) => {
                let Some(element) = ElementRef::wrap(node) else {
                    continue;
                };
                let hides = matches!(
                    element.value().name(),
                    "script" | "style" | "template" | "noscript" | "svg"
                );
                match (opens, hides) {
                    (true, true) => hidden += 1,
                    (false, true) => hidden = hidden.saturating_sub(1),
                    _ if own::is_block(element.value().name()) => lines.end(),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    lines.done()
}

/// Whether elements are nested deeper than a limit: a scan of the raw text, so that the parser needn't be asked.
///
/// Elements that need no end tag are not counted, nor what stands in comments, scripts and the like. The answer is
/// an estimate, but one that an attacker can't push below the tree that html5ever builds by more than a few levels.
pub fn nested_deeper_than(html: &str, limit: usize) -> bool {
    let bytes = html.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'<') {
        at += found + 1;
        let rest = &bytes[at..];
        if rest.starts_with(b"!--") {
            at += find(rest, b"-->").unwrap_or(rest.len());
            continue;
        }
        let closes = rest.first() == Some(&b'/');
        let name_at = usize::from(closes);
        let length = rest[name_at..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'-')
            .count();
        if length == 0 {
            continue;
        }
        let name = rest[name_at..name_at + length].to_ascii_lowercase();
        match name.as_slice() {
            b"script" | b"style" | b"textarea" | b"title" | b"noscript" | b"iframe" | b"xmp" if !closes => {
                let mut end = b"</".to_vec();
                end.extend_from_slice(&name);
                at += find_ignoring_case(rest, &end).unwrap_or(rest.len());
            }
            b"area" | b"base" | b"br" | b"col" | b"embed" | b"hr" | b"img" | b"input" | b"link" | b"meta"
            | b"source" | b"track" | b"wbr" | b"p" | b"li" | b"dt" | b"dd" | b"tr" | b"td" | b"th"
            | b"thead" | b"tbody" | b"tfoot" | b"option" | b"rp" | b"rt" | b"path" => {}
            _ if closes => depth = depth.saturating_sub(1),
            _ => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
        }
    }
    false
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn find_ignoring_case(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window.eq_ignore_ascii_case(wanted))
}

/// The HTML itself, or, when it is nested too deep for the parser, only what stands outside of `<…>`.
fn flat(html: &str, limit: usize) -> Cow<'_, str> {
    if !nested_deeper_than(html, limit) {
        return html.into();
    }
    let mut text = String::new();
    for (at, part) in html.split('<').enumerate() {
        if at == 0 {
            text.push_str(part);
        } else if let Some((_, after)) = part.split_once('>') {
            text.push(' ');
            text.push_str(after);
        }
    }
    text.into()
}

/// The beginning of a text, of at most so many bytes.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// Text that grows line by line.
#[derive(Default)]
struct Lines {
    text: String,
    gap: Gap,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
}

impl Lines {
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            if self.text.len() >= MAX_PLAIN {
                return;
            }
            if c.is_whitespace() || c.is_control() {
                self.gap = self.gap.max(Gap::Space);
                continue;
            }
            match self.gap {
                _ if self.text.is_empty() => {}
                Gap::None => {}
                Gap::Space => self.text.push(' '),
                Gap::Line => self.text.push('\n'),
            }
            self.gap = Gap::None;
            self.text.push(c);
        }
    }

    fn end(&mut self) {
        self.gap = Gap::Line;
    }

    fn done(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_has_a_line_for_each_block_and_no_markup() {
        assert_eq!(
            plain("<p>a &amp; <b>b</b>\n c</p><p>d<br>e</p><script>f()</script>"),
            "a & b c\nd\ne"
        );
        assert_eq!(plain("1 < 2"), "1 < 2");
        assert_eq!(plain(""), "");
    }

    #[test]
    fn depth_is_told_without_parsing() {
        assert!(nested_deeper_than(&"<div>".repeat(100_000), 1_000));
        assert!(!nested_deeper_than(&"<p>a<li><br>".repeat(100_000), 10));
        assert!(!nested_deeper_than(&"<b>x</b>".repeat(100_000), 10));
        assert!(!nested_deeper_than(
            &format!("<script>{}</script>", "'<div>'".repeat(5_000)),
            10
        ));
        assert!(!nested_deeper_than(
            &format!("<!-- {} -->", "<div>".repeat(5_000)),
            10
        ));
    }

    #[test]
    fn what_is_nested_too_deep_still_gives_its_text() {
        assert_eq!(plain(&format!("{}deep", "<div>".repeat(10_000))), "deep");
    }

    proptest! {
        #[test]
        fn no_html_makes_plain_panic(html in "\\PC{0,200}") {
            plain(&html);
        }
    }
}
