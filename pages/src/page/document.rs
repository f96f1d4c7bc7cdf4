//! A parsed page with its addresses: the questions that all readers ask of the tree.
//!
//! Nothing here recurses: html5ever builds trees of any depth.

use memchr::memchr;
use url::Url;

use super::{MAX_LINE, written};
use crate::dom::{Edge, ElementRef, Html, Node, NodeRef};
use crate::flow;
use crate::frame::{Frame, Order};

/// A page, its elements in document order, and what its links are relative to.
pub(super) struct Document<'a> {
    /// All elements but those in `<template>` and `<svg>`.
    pub(super) all: Vec<ElementRef<'a>>,
    /// How many nodes the page has.
    pub(super) nodes: usize,
    /// The page's address by its path: what the site serves it under.
    pub(super) own: Url,
    /// What relative links start from (`<base href>`).
    pub(super) base: Url,
    /// `site.url`, ending in `/`.
    pub(super) site: Url,
    /// The order in which the site writes day and month, as far as its other pages show it.
    pub(super) order: Order,
}

impl<'a> Document<'a> {
    pub(super) fn new(html: &'a Html, path: &str, site: &Url) -> Document<'a> {
        let mut own = site.clone();
        own.set_path(&format!("{}{}", site.path().trim_end_matches('/'), path));
        own.set_query(None);
        own.set_fragment(None);
        let all = elements(html.root());
        let base = all
            .iter()
            .filter(|element| name(**element) == "base")
            .find_map(|element| element.attr("href"))
            .and_then(|href| own.join(href.trim()).ok())
            .filter(is_web)
            .unwrap_or_else(|| own.clone());
        Document {
            all,
            nodes: html.len(),
            own,
            base,
            site: site.clone(),
            order: Order::Open,
        }
    }

    /// With what the other pages of the site show.
    pub(super) fn beside(self, frame: Option<&Frame>) -> Document<'a> {
        Document {
            order: frame.map_or(Order::Open, Frame::order),
            ..self
        }
    }

    /// The order of day and month at an element: the site's, else that of the language there.
    pub(super) fn order_at(&self, element: ElementRef<'_>) -> Order {
        match self.order {
            Order::Open => written::custom(language_of(element)),
            known => known,
        }
    }

    /// The absolute address of a link of this page; only http and https.
    pub(super) fn resolve(&self, href: &str) -> Option<Url> {
        let href = href.trim();
        if href.is_empty() {
            return None;
        }
        self.base.join(href).ok().filter(is_web)
    }

    /// Whether an address is this page's, whatever the host: a wrong base URL is common.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        same_page(url, &self.own)
    }

    /// Whether an element is a link to another page of this site.
    pub(super) fn leads_elsewhere(&self, link: ElementRef<'_>) -> bool {
        name(link) == "a"
            && link
                .attr("href")
                .and_then(|href| self.resolve(href))
                .is_some_and(|url| {
                    url.origin() == self.own.origin()
                        && !same_page(&url, &self.own)
                        && !same_page(&url, &self.site)
                })
    }
}

/// Whether an address can be opened in a browser.
pub(super) fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// Whether two addresses mean the same page of one site: by path, decoded, without `index.html`, `.html` and the
/// last slash.
pub(super) fn same_page(a: &Url, b: &Url) -> bool {
    place(a) == place(b)
}

fn place(url: &Url) -> String {
    let path = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy();
    let path = path
        .strip_suffix("index.html")
        .or_else(|| path.strip_suffix("index.htm"))
        .unwrap_or(&path);
    let path = path
        .strip_suffix(".html")
        .or_else(|| path.strip_suffix(".htm"))
        .unwrap_or(path);
    path.trim_end_matches('/').to_owned()
}

/// The elements below a node in document order, without those in `<template>` and `<svg>`.
pub(super) fn elements(root: NodeRef<'_>) -> Vec<ElementRef<'_>> {
    let mut found = vec![];
    let mut hidden = 0_usize;
    for edge in root.traverse() {
        let (node, opens) = match edge {
            Edge::Open(node) => (node, true),
            Edge::Close(node) => (node, false),
        };
        let Some(element) = ElementRef::wrap(node) else {
            continue;
        };
        let hides = matches!(name(element), "template" | "svg");
        match (opens, hides) {
            (true, true) => hidden += 1,
            (false, true) => hidden = hidden.saturating_sub(1),
            (true, false) if hidden == 0 && node.id() != root.id() => found.push(element),
            _ => {}
        }
    }
    found
}

/// The element's name, in lower case for HTML.
pub(super) fn name(element: ElementRef<'_>) -> &str {
    element.name()
}

/// Whether the element has the class.
pub(super) fn has_class(element: ElementRef<'_>, class: &str) -> bool {
    element.has_class(class)
}

/// Whether a space-separated attribute (`rel`, `itemprop`) has the word, without regard to case.
pub(super) fn has_word(element: ElementRef<'_>, attribute: &str, word: &str) -> bool {
    element.attr(attribute).is_some_and(|value| {
        value
            .split_ascii_whitespace()
            .any(|own| own.eq_ignore_ascii_case(word))
    })
}

/// The language that the element is in, as the page spells it.
pub(super) fn language_of(element: ElementRef<'_>) -> Option<&str> {
    self_and_ancestors(element).find_map(|around| around.attr("lang").or_else(|| around.attr("xml:lang")))
}

/// The element and those around it, inner first.
pub(super) fn self_and_ancestors(element: ElementRef<'_>) -> impl Iterator<Item = ElementRef<'_>> {
    std::iter::once(element).chain(element.ancestors().filter_map(ElementRef::wrap))
}

/// Those around the element, inner first.
pub(super) fn ancestors(element: ElementRef<'_>) -> impl Iterator<Item = ElementRef<'_>> {
    element.ancestors().filter_map(ElementRef::wrap)
}

/// Whether the element is the other, or inside it.
pub(super) fn within(element: ElementRef<'_>, other: ElementRef<'_>) -> bool {
    element.is_within(*other)
}

/// The text that a reader sees of an element, on one line.
pub(super) fn text(element: ElementRef<'_>) -> String {
    text_without(element, |_| false)
}

/// The same without some of the elements inside.
pub(super) fn text_without<'a>(element: ElementRef<'a>, omit: impl Fn(ElementRef<'a>) -> bool) -> String {
    start_without(element, usize::MAX, omit)
}

/// Whether a reader sees just this text, which is one line, in an element.
pub(super) fn says(element: ElementRef<'_>, line: &str) -> bool {
    // The first letters tell nearly always that it is another one.
    let mut wanted = line.chars().filter(|c| c.is_alphanumeric());
    let mut shown = element.traverse_without(is_silent);
    let goes_on = shown.all(|edge| match edge {
        Edge::Open(node) => match node.value() {
            Node::Text(part) => part
                .chars()
                .all(|c| !c.is_alphanumeric() || wanted.next() == Some(c)),
            _ => true,
        },
        Edge::Close(_) => true,
    });
    goes_on && wanted.next().is_none() && text(element) == line
}

/// The same; of a text with more letters than so many, not all, but more letters than those.
pub(super) fn start_without<'a>(
    element: ElementRef<'a>,
    letters: usize,
    omit: impl Fn(ElementRef<'a>) -> bool,
) -> String {
    let mut text = String::new();
    let mut seen = 0;
    if is_silent(element) {
        return text;
    }
    for edge in element.traverse_without(|inner| is_silent(inner) || omit(inner)) {
        let (node, opens) = match edge {
            Edge::Open(node) => (node, true),
            Edge::Close(node) => (node, false),
        };
        match node.value() {
            Node::Text(part) if opens => {
                text.push_str(part);
                if letters < usize::MAX {
                    seen += part.chars().filter(|c| c.is_alphanumeric()).count();
                    if seen > letters {
                        break;
                    }
                }
            }
            Node::Element(inner) if is_separate(name(inner)) => text.push(' '),
            _ => {}
        }
    }
    line(&text)
}

/// Whether nobody sees the text of an element as text of its own.
fn is_silent(element: ElementRef<'_>) -> bool {
    matches!(
        name(element).as_bytes(),
        b"script" | b"style" | b"template" | b"noscript" | b"svg"
    ) || is_repeated(element)
}

/// Whether an element says a formula once more: its source, or the boxes that KaTeX sets beside the MathML.
fn is_repeated(element: ElementRef<'_>) -> bool {
    matches!(name(element).as_bytes(), b"annotation" | b"annotation-xml")
        || (has_class(element, "katex-html") && element.prev_siblings().any(|before| before.is_element()))
}

/// Whether an element stands apart from the text around it.
pub(super) fn is_separate(name: &str) -> bool {
    !matches!(
        name.as_bytes(),
        b"a" | b"abbr"
            | b"b"
            | b"bdi"
            | b"bdo"
            | b"cite"
            | b"code"
            | b"del"
            | b"dfn"
            | b"em"
            | b"font"
            | b"i"
            | b"ins"
            | b"kbd"
            | b"mark"
            | b"q"
            | b"rp"
            | b"rt"
            | b"ruby"
            | b"s"
            | b"samp"
            | b"small"
            | b"span"
            | b"strong"
            | b"sub"
            | b"sup"
            | b"time"
            | b"u"
            | b"var"
            | b"wbr"
    )
}

/// White space collapsed, ends trimmed, cut to [`MAX_LINE`] characters.
pub(super) fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MAX_LINE));
    let mut push = |words: &str| {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(words);
        line.len() > MAX_LINE
    };
    // Of ASCII a vertical tab is white space, too, but not in HTML.
    let is_full = if text.is_ascii() && memchr(0xb, text.as_bytes()).is_none() {
        flow::runs(text).any(&mut push)
    } else {
        text.split_whitespace().any(&mut push)
    };
    if is_full {
        line = line.chars().take(MAX_LINE).collect();
    }
    line
}

/// The same, when anything is left.
pub(super) fn some_line(text: &str) -> Option<String> {
    Some(line(text)).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_page_is_the_same_with_and_without_index_extension_slash_and_encoding() {
        for (a, b) in [
            ("https://a.example/x/", "https://a.example/x"),
            ("https://a.example/x/index.html", "https://a.example/x/"),
            ("https://a.example/x.html", "https://a.example/x"),
            ("https://a.example/%C3%BC/", "https://a.example/ü/"),
            ("https://a.example/", "http://www.a.example/index.html"),
        ] {
            assert!(same_page(&url(a), &url(b)), "{a} {b}");
        }
        assert!(!same_page(
            &url("https://a.example/x/"),
            &url("https://a.example/y/")
        ));
    }

    #[test]
    fn links_are_relative_to_the_base_element_and_the_site_s_folder() {
        let site = url("https://a.example/blog/");
        let html = Html::parse_document("<base href='/blog/'><p>");
        let document = Document::new(&html, "/x/y.html", &site);
        assert_eq!(document.own.as_str(), "https://a.example/blog/x/y.html");
        assert_eq!(
            document.resolve("pic.png").unwrap().as_str(),
            "https://a.example/blog/pic.png"
        );
        assert!(document.resolve("javascript:alert(1)").is_none());
    }

    #[test]
    fn a_formula_in_a_heading_is_said_once() {
        let html = Html::parse_fragment(
            "<h1>On <span class=katex><span class=katex-mathml><math><semantics><mrow><mi>x</mi></mrow>\
             <annotation encoding='application/x-tex'>x</annotation></semantics></math></span><span class=katex-html aria-hidden=true>x</span></span></h1>",
        );
        let heading = elements(html.root()).into_iter().find(|e| name(*e) == "h1");
        assert_eq!(text(heading.unwrap()), "On x");
    }

    #[test]
    fn text_keeps_blocks_apart_and_leaves_scripts_out() {
        let html = Html::parse_fragment("<div><p>a <b>b</b>c</p><p>d</p><script>e</script></div>");
        let div = elements(html.root())
            .into_iter()
            .find(|e| name(*e) == "div")
            .unwrap();
        assert_eq!(text(div), "a bc d");
    }
}
