//! Cleaning of HTML: what other servers sent, and what the site's own pages say.
//!
//! HTML from other servers goes through ammonia's allow list and comes out as the few elements that a fediverse post
//! is made of ([`remote_html`]) or as text ([`plain`]). A page's own content ([`own_html`]) keeps all that carries
//! meaning. All three are bounded in size and in depth ([`nesting`]).

mod address;
mod element;
mod embed;
mod inert;
mod math;
mod media;
pub(crate) mod nesting;
mod own;
mod remote;
mod unshown;
mod writer;

use crate::dom::{Edge, ElementRef, Html, Node};

pub use inert::inert_html;
pub use media::image_type;
pub use own::{Own, own_html, own_tree};
pub use remote::{MAX_REMOTE, remote_html};

/// Elements in one another that HTML from outside may have; Mastodon's own posts have three or four.
pub const MAX_NESTING: usize = 128;

/// Bytes of text that [`plain`] gives: far more than any summary, name or notification shows.
pub const MAX_PLAIN: usize = 64 << 10;

/// The text of some HTML: each block on a line of its own, spaces collapsed, nothing left to escape.
pub fn plain(html: &str) -> String {
    let html = nesting::flat(cut(html, MAX_PLAIN * 4), MAX_NESTING, nesting::Writer::Others);
    let mut lines = Lines::default();
    let fragment = Html::parse_fragment(&html);
    let mut hidden = 0_usize;
    for edge in fragment.root().traverse() {
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
                let formula = if element.name() == "math" {
                    math::source(element)
                } else {
                    None
                };
                let hides = formula.is_some()
                    || matches!(
                        element.name(),
                        "script" | "style" | "template" | "noscript" | "svg"
                    );
                if let Some(formula) = formula.filter(|_| opens && hidden == 0) {
                    lines.text(&formula);
                }
                match (opens, hides) {
                    (true, true) => hidden += 1,
                    (false, true) => hidden = hidden.saturating_sub(1),
                    _ if element::is_block(element.name()) => lines.end(),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    lines.done()
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
        assert_eq!(
            plain(
                "<p>So <math><semantics><mi>x</mi><annotation encoding='application/x-tex'>x_1</annotation></semantics></math>.</p>"
            ),
            "So x_1."
        );
        assert_eq!(plain(""), "");
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
