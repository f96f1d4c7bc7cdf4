//! A parsed HTML page: what html5ever's parser makes of it, in a tree made to be asked many questions.
//!
//! The nodes lie in one array in document order, each with the index after its last descendant; all texts lie in one
//! string in the same order. So what is inside of an element is a range of either, a node's descendants are a loop over
//! neighbours, and the text of a whole page is one slice. The tree can't be changed.
//!
//! Nothing here recurses: html5ever builds trees of any depth.

mod declaration;
mod lay;
mod reference;
mod set;
mod sink;
mod tokens;
mod walk;

use std::ops::Deref;

use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{QualName, local_name, ns};

pub use self::set::NodeSet;
use self::sink::Sink;
pub use self::walk::Edge;

/// A parsed document or fragment.
#[derive(Debug)]
pub struct Html {
    /// In document order, the root first; behind the last one stands one that marks the end.
    nodes: Vec<Entry>,
    attributes: Vec<Attribute>,
    /// The names of elements and attributes, each once.
    names: Vec<Box<str>>,
    /// The classes of all elements, as ranges of `values`.
    classes: Vec<(u32, u32)>,
    /// All texts, in document order.
    text: String,
    /// The values of all attributes.
    values: String,
}

/// A node as it is kept. What it has ends where the next node's begins.
#[derive(Debug)]
struct Entry {
    kind: Kind,
    /// The number of an element's name.
    name: u32,
    parent: u32,
    /// The index after its last descendant.
    end: u32,
    /// Its sibling before it.
    before: u32,
    /// The bytes of text before it.
    text: u32,
    attributes: u32,
    classes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Element,
    Text,
    /// The document itself, what holds the inside of a `<template>`, a comment.
    Silent,
}

#[derive(Clone, Copy, Debug)]
struct Attribute {
    /// The number of its name.
    name: u32,
    /// Whether it has no namespace, as all attributes of HTML have none.
    plain: bool,
    value: (u32, u32),
}

/// No node.
const NONE: u32 = u32::MAX;

/// Which node of a page one is; in document order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// Its number: the nodes of a page are counted in document order.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A node of a page.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'a> {
    html: &'a Html,
    at: u32,
}

/// An element of a page.
#[derive(Clone, Copy, Debug)]
pub struct ElementRef<'a>(NodeRef<'a>);

/// What a node is.
#[derive(Clone, Copy, Debug)]
pub enum Node<'a> {
    /// An element.
    Element(ElementRef<'a>),
    /// Text; two texts never stand side by side.
    Text(&'a str),
    /// Anything else: the document, the inside of a `<template>`, a comment.
    Other,
}

impl Html {
    /// Parses a page.
    pub fn parse_document(html: &str) -> Html {
        let sink = Sink::new(html.len(), QualName::new(None, ns!(), local_name!("")));
        tokens::build(html, TreeBuilder::new(sink, TreeBuilderOpts::default()))
    }

    /// Parses a piece of a page, as it would stand in `<body>`.
    pub fn parse_fragment(html: &str) -> Html {
        let body = QualName::new(None, ns!(html), local_name!("body"));
        let sink = Sink::new(html.len(), body);
        let tree = TreeBuilder::new_for_fragment(sink, Sink::context(), None, TreeBuilderOpts::default());
        tokens::build(html, tree)
    }

    /// The node around all others.
    pub fn root(&self) -> NodeRef<'_> {
        NodeRef { html: self, at: 0 }
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len().saturating_sub(1)
    }

    /// Whether there is nothing, not even a document.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn entry(&self, at: u32) -> &Entry {
        &self.nodes[at as usize]
    }

    fn name_of(&self, name: u32) -> &str {
        &self.names[name as usize]
    }

    fn value(&self, (start, end): (u32, u32)) -> &str {
        &self.values[start as usize..end as usize]
    }
}

impl<'a> NodeRef<'a> {
    /// Which node it is.
    pub fn id(self) -> NodeId {
        NodeId(self.at)
    }

    /// What it is.
    pub fn value(self) -> Node<'a> {
        match self.entry().kind {
            Kind::Element => Node::Element(ElementRef(self)),
            Kind::Text => Node::Text(self.text()),
            _ => Node::Other,
        }
    }

    /// The text of it and of all that is inside, as it is in the source: that of scripts, too.
    pub fn text(self) -> &'a str {
        let end = self.html.entry(self.entry().end).text;
        &self.html.text[self.entry().text as usize..end as usize]
    }

    /// Whether it is an element.
    pub fn is_element(self) -> bool {
        self.entry().kind == Kind::Element
    }

    fn entry(self) -> &'a Entry {
        self.html.entry(self.at)
    }

    fn node(self, at: u32) -> NodeRef<'a> {
        NodeRef { html: self.html, at }
    }
}

impl PartialEq for NodeRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && std::ptr::eq(self.html, other.html)
    }
}

impl Eq for NodeRef<'_> {}

impl<'a> ElementRef<'a> {
    /// The node as an element, if it is one.
    pub fn wrap(node: NodeRef<'a>) -> Option<ElementRef<'a>> {
        node.is_element().then_some(ElementRef(node))
    }

    /// Its name, in lower case for HTML.
    pub fn name(self) -> &'a str {
        self.0.html.name_of(self.0.entry().name)
    }

    /// The value of an attribute that has no namespace.
    pub fn attr(self, name: &str) -> Option<&'a str> {
        let html = self.0.html;
        let mut attributes = self.attributes().iter();
        let found = attributes.find(|attribute| attribute.plain && html.name_of(attribute.name) == name)?;
        Some(html.value(found.value))
    }

    /// All attributes, in no order that means anything.
    pub fn attrs(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let html = self.0.html;
        let attributes = self.attributes().iter();
        attributes.map(move |attribute| (html.name_of(attribute.name), html.value(attribute.value)))
    }

    /// Its classes, each once, sorted by their bytes.
    pub fn classes(self) -> impl Iterator<Item = &'a str> {
        let html = self.0.html;
        let (start, end) = (self.0.entry().classes, html.entry(self.0.at + 1).classes);
        let classes = &html.classes[start as usize..end as usize];
        classes.iter().map(move |class| html.value(*class))
    }

    /// Whether it has a class.
    pub fn has_class(self, class: &str) -> bool {
        self.classes().any(|own| own == class)
    }

    fn attributes(self) -> &'a [Attribute] {
        let html = self.0.html;
        let (start, end) = (self.0.entry().attributes, html.entry(self.0.at + 1).attributes);
        &html.attributes[start as usize..end as usize]
    }
}

impl PartialEq for ElementRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for ElementRef<'_> {}

impl<'a> Deref for ElementRef<'a> {
    type Target = NodeRef<'a>;

    fn deref(&self) -> &NodeRef<'a> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(nodes: impl Iterator<Item = NodeId>, html: &Html) -> Vec<String> {
        nodes
            .map(|id| match html.root().node(id.0).value() {
                Node::Element(element) => element.name().to_owned(),
                Node::Text(text) => format!("{text:?}"),
                Node::Other => "-".to_owned(),
            })
            .collect()
    }

    fn find<'a>(html: &'a Html, name: &str) -> ElementRef<'a> {
        let mut all = html.root().descendants().filter_map(ElementRef::wrap);
        all.find(|element| element.name() == name).unwrap()
    }

    #[test]
    fn a_page_is_walked_in_every_direction() {
        let html = Html::parse_document("<!doctype html><p>a<b>c<i>d</i></b><!-- e -->f<p>g");
        let all = names(html.root().descendants().map(NodeRef::id), &html);
        assert_eq!(
            all,
            [
                "-", "-", "html", "head", "body", "p", "\"a\"", "b", "\"c\"", "i", "\"d\"", "-", "\"f\"",
                "p", "\"g\""
            ]
        );
        let (p, b, i) = (find(&html, "p"), find(&html, "b"), find(&html, "i"));
        assert_eq!(
            names(p.children().map(NodeRef::id), &html),
            ["\"a\"", "b", "-", "\"f\""]
        );
        assert_eq!(names(b.next_siblings().map(NodeRef::id), &html), ["-", "\"f\""]);
        assert_eq!(names(b.prev_siblings().map(NodeRef::id), &html), ["\"a\""]);
        assert_eq!(
            names(i.ancestors().map(NodeRef::id), &html),
            ["b", "p", "body", "html", "-"]
        );
        assert_eq!((p.text(), b.text(), html.root().text()), ("acdf", "cd", "acdfg"));
        let edges: String = b
            .traverse()
            .map(|edge| match edge {
                Edge::Open(node) => format!("({}", names(std::iter::once(node.id()), &html)[0]),
                Edge::Close(_) => ")".to_owned(),
            })
            .collect();
        assert_eq!(edges, "(b(\"c\")(i(\"d\")))");
        let skips = |inner: ElementRef<'_>| inner.name() == "b" || inner.name() == "p";
        let body: Vec<Edge<'_>> = find(&html, "body").traverse_without(skips).collect();
        assert_eq!(body.len(), 2, "all but itself is skipped");
        let some = p
            .traverse_without(skips)
            .filter(|edge| matches!(edge, Edge::Open(_)));
        assert_eq!(
            some.count(),
            4,
            "the paragraph, two texts and the comment between them"
        );
    }

    #[test]
    fn attributes_are_found_by_name_and_classes_are_sorted() {
        let html = Html::parse_fragment("<p CLASS=' b a  b' id=x></p><svg xlink:href='#a' href='#b'></svg>");
        let p = find(&html, "p");
        assert_eq!((p.attr("id"), p.attr("name")), (Some("x"), None));
        assert_eq!(p.classes().collect::<Vec<_>>(), ["a", "b"]);
        assert!(p.has_class("a") && !p.has_class("x"));
        assert_eq!(find(&html, "svg").attr("href"), Some("#b"));
        assert_eq!(p.attrs().count(), 2);
    }

    #[test]
    fn what_the_parser_moves_ends_where_it_belongs() {
        let html =
            Html::parse_document("<table>a<tr><td>b</table><b>c<p>d</b>e<template><i>f</i></template>");
        let body = find(&html, "body");
        assert_eq!(body.text(), "abcdef");
        assert_eq!(
            names(body.descendants().map(NodeRef::id), &html),
            [
                "body", "\"a\"", "table", "tbody", "tr", "td", "\"b\"", "b", "\"c\"", "p", "b", "\"d\"",
                "\"e\"", "template", "-", "i", "\"f\""
            ]
        );
        let late = Html::parse_document("<p>a<body class=x><html lang=fr>");
        assert_eq!(find(&late, "body").attr("class"), Some("x"));
        assert_eq!(find(&late, "html").attr("lang"), Some("fr"));
    }
}
