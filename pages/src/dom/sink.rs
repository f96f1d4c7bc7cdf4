//! What html5ever builds a page in.
//!
//! Nearly always it makes the nodes of a page in document order, so that each is put down where it stays. What it has to
//! mend (text in a table, misnested emphasis, a second `<body>`) comes out of order: then all is laid out once more at the
//! end, along links that are kept beside the nodes ([`lay`]).

use std::borrow::Cow;
use std::cell::{Ref, RefCell};
use std::collections::{HashMap, HashSet};

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute as Given, LocalName, QualName, expanded_name, local_name, ns};

use super::{Attribute, Entry, Html, Kind, NONE, lay};

/// Names that are looked through one by one, which is faster than to hash them; few pages have more.
const FEW: usize = 48;

/// Bytes of source for which there is a node, and an attribute: of what is written for people there are fewer.
const A_NODE: usize = 24;
const AN_ATTRIBUTE: usize = 40;

/// The root; and the element around a fragment, which is asked for its name and is no node.
const ROOT: u32 = 0;
const CONTEXT: u32 = NONE - 1;

/// A page that is being built.
pub(super) struct Sink {
    page: RefCell<Unfinished>,
    /// The names of the elements by node. The parser holds on to one while it asks for something else.
    tags: RefCell<Vec<QualName>>,
}

/// The nodes so far, in the order in which they were made, and how they hang together.
pub(super) struct Unfinished {
    /// Of its nodes `end` isn't known yet.
    pub(super) html: Html,
    pub(super) links: Vec<Links>,
    /// All text as it came.
    pub(super) pieces: Vec<Piece>,
    /// Attributes that elements got from another tag than their own.
    pub(super) late: HashMap<u32, Late>,
    /// Whether what is inside of a node is no longer what was said while it was the last one.
    mended: bool,
    names: Names,
}

/// What stands behind and inside of a node; of a text, its pieces.
#[derive(Clone, Copy)]
pub(super) struct Links {
    pub(super) next: u32,
    pub(super) first: u32,
    pub(super) last: u32,
}

/// Text that came at once.
pub(super) struct Piece {
    pub(super) place: (u32, u32),
    /// The one behind it in the same node.
    pub(super) next: u32,
}

/// Attributes of an element, and the names of all that it has.
#[derive(Default)]
pub(super) struct Late {
    pub(super) attributes: Vec<Attribute>,
    known: HashSet<u32>,
}

/// The names of a page, by their numbers.
#[derive(Default)]
struct Names {
    few: Vec<LocalName>,
    rest: HashMap<LocalName, u32>,
}

impl Sink {
    /// For a page whose source has so many bytes. What stands in `context` is a fragment.
    pub(super) fn new(bytes: usize, context: QualName) -> Sink {
        let sink = Sink {
            page: RefCell::new(Unfinished {
                html: Html {
                    nodes: Vec::with_capacity(bytes / A_NODE + 8),
                    attributes: Vec::with_capacity(bytes / AN_ATTRIBUTE),
                    classes: Vec::with_capacity(bytes / AN_ATTRIBUTE),
                    names: Vec::with_capacity(FEW),
                    text: String::with_capacity(bytes),
                    values: String::with_capacity(bytes / 4),
                },
                links: Vec::with_capacity(bytes / A_NODE + 8),
                pieces: Vec::with_capacity(bytes / A_NODE / 2),
                late: HashMap::new(),
                mended: false,
                names: Names::default(),
            }),
            tags: RefCell::new(Vec::with_capacity(bytes / A_NODE + 8)),
        };
        sink.make(Kind::Silent);
        sink.tags.borrow_mut()[ROOT as usize] = context;
        sink
    }

    /// The element around a fragment.
    pub(super) fn context() -> u32 {
        CONTEXT
    }

    /// A node that is no element.
    fn make(&self, kind: Kind) -> u32 {
        self.tags
            .borrow_mut()
            .push(QualName::new(None, ns!(), local_name!("")));
        self.page.borrow_mut().make(kind)
    }

    /// Puts text behind `before`, which is the last node in `parent` that stands before it, or a text node made for it.
    fn text(&self, before: u32, text: &str) -> Option<u32> {
        let joins = before != NONE && self.page.borrow().html.entry(before).kind == Kind::Text;
        let node = if joins { before } else { self.make(Kind::Text) };
        self.page.borrow_mut().say(node, text);
        (!joins).then_some(node)
    }
}

impl TreeSink for Sink {
    type Handle = u32;
    type Output = Html;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Html {
        let mut page = self.page.into_inner();
        if !page.mended && page.late.is_empty() && page.html.close() {
            let end = page.html.blank(NONE, NONE);
            page.html.nodes.push(end);
            return page.html;
        }
        lay::out(page)
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> u32 {
        ROOT
    }

    fn elem_name<'a>(&'a self, target: &'a u32) -> Ref<'a, QualName> {
        let at = if *target == CONTEXT { ROOT } else { *target };
        Ref::map(self.tags.borrow(), |tags| &tags[at as usize])
    }

    fn create_element(&self, name: QualName, attributes: Vec<Given>, _: ElementFlags) -> u32 {
        let holds = name.expanded() == expanded_name!(html "template");
        let at = self.page.borrow_mut().element(&name.local, &attributes);
        self.tags.borrow_mut().push(name);
        if holds {
            let inside = self.make(Kind::Silent);
            self.page.borrow_mut().append(at, inside);
        }
        at
    }

    fn create_comment(&self, _: StrTendril) -> u32 {
        self.make(Kind::Silent)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> u32 {
        self.make(Kind::Silent)
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {
        let doctype = self.make(Kind::Silent);
        self.page.borrow_mut().append(ROOT, doctype);
    }

    fn append(&self, parent: &u32, child: NodeOrText<u32>) {
        let child = match child {
            NodeOrText::AppendNode(node) => Some(node),
            NodeOrText::AppendText(text) => {
                let before = self.page.borrow().links[*parent as usize].last;
                self.text(before, &text)
            }
        };
        if let Some(child) = child {
            let mut page = self.page.borrow_mut();
            page.detach(child);
            page.append(*parent, child);
        }
    }

    fn append_before_sibling(&self, sibling: &u32, child: NodeOrText<u32>) {
        if let NodeOrText::AppendNode(node) = child {
            self.page.borrow_mut().detach(node);
        }
        let (parent, before) = {
            let page = self.page.borrow();
            let entry = page.html.entry(*sibling);
            (entry.parent, entry.before)
        };
        if parent == NONE {
            return;
        }
        let child = match child {
            NodeOrText::AppendNode(node) => Some(node),
            NodeOrText::AppendText(text) => self.text(before, &text),
        };
        if let Some(child) = child {
            self.page.borrow_mut().put_before(*sibling, child);
        }
    }

    fn append_based_on_parent_node(&self, element: &u32, before: &u32, child: NodeOrText<u32>) {
        let stands = self.page.borrow().html.entry(*element).parent != NONE;
        if stands {
            self.append_before_sibling(element, child);
        } else {
            self.append(before, child);
        }
    }

    fn get_template_contents(&self, target: &u32) -> u32 {
        self.page.borrow().links[*target as usize].first
    }

    fn same_node(&self, one: &u32, other: &u32) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn add_attrs_if_missing(&self, target: &u32, attributes: Vec<Given>) {
        self.page.borrow_mut().add(*target, &attributes);
    }

    fn remove_from_parent(&self, target: &u32) {
        self.page.borrow_mut().detach(*target);
    }

    fn reparent_children(&self, node: &u32, parent: &u32) {
        self.page.borrow_mut().move_inside(*node, *parent);
    }
}

impl Unfinished {
    fn make(&mut self, kind: Kind) -> u32 {
        let at = size(self.html.nodes.len());
        let entry = self.html.blank(NONE, NONE);
        self.html.nodes.push(Entry { kind, ..entry });
        self.links.push(Links {
            next: NONE,
            first: NONE,
            last: NONE,
        });
        at
    }

    fn element(&mut self, name: &LocalName, attributes: &[Given]) -> u32 {
        let at = self.make(Kind::Element);
        self.html.nodes[at as usize].name = self.name(name);
        for given in attributes {
            let attribute = self.attribute(given);
            self.html.attributes.push(attribute);
            if given.name.local == local_name!("class") {
                self.html.put_classes(attribute.value);
            }
        }
        at
    }

    fn attribute(&mut self, given: &Given) -> Attribute {
        let start = size(self.html.values.len());
        self.html.values.push_str(&given.value);
        Attribute {
            name: self.name(&given.name.local),
            plain: given.name.prefix.is_none() && given.name.ns == ns!(),
            value: (start, size(self.html.values.len())),
        }
    }

    /// The number of a name.
    fn name(&mut self, name: &LocalName) -> u32 {
        let Names { few, rest } = &mut self.names;
        if let Some(at) = few.iter().position(|other| other == name) {
            return size(at);
        }
        if let Some(at) = rest.get(name) {
            return *at;
        }
        let at = size(self.html.names.len());
        self.html.names.push((**name).into());
        if few.len() < FEW {
            few.push(name.clone());
        } else {
            rest.insert(name.clone(), at);
        }
        at
    }

    /// Adds to a text node.
    fn say(&mut self, node: u32, text: &str) {
        let start = size(self.html.text.len());
        self.html.text.push_str(text);
        let end = size(self.html.text.len());
        self.mended |= node as usize + 1 != self.html.nodes.len();
        let new = size(self.pieces.len());
        let links = &mut self.links[node as usize];
        if let Some(last) = self.pieces.get_mut(links.last as usize) {
            if last.place.1 == start {
                last.place.1 = end;
                return;
            }
            last.next = new;
        }
        links.last = new;
        if links.first == NONE {
            links.first = links.last;
        }
        self.pieces.push(Piece {
            place: (start, end),
            next: NONE,
        });
    }

    /// Hangs a node that has no parent behind the last one in another.
    fn append(&mut self, parent: u32, child: u32) {
        let before = std::mem::replace(&mut self.links[parent as usize].last, child);
        match self.links.get_mut(before as usize) {
            Some(links) => links.next = child,
            None => self.links[parent as usize].first = child,
        }
        let entry = &mut self.html.nodes[child as usize];
        (entry.parent, entry.before) = (parent, before);
    }

    fn put_before(&mut self, sibling: u32, child: u32) {
        let Entry { parent, before, .. } = self.html.nodes[sibling as usize];
        self.html.nodes[sibling as usize].before = child;
        match self.links.get_mut(before as usize) {
            Some(links) => links.next = child,
            None => self.links[parent as usize].first = child,
        }
        self.links[child as usize].next = sibling;
        let entry = &mut self.html.nodes[child as usize];
        (entry.parent, entry.before) = (parent, before);
    }

    fn detach(&mut self, node: u32) {
        let entry = &mut self.html.nodes[node as usize];
        let parent = std::mem::replace(&mut entry.parent, NONE);
        let before = std::mem::replace(&mut entry.before, NONE);
        if parent == NONE {
            return;
        }
        let next = std::mem::replace(&mut self.links[node as usize].next, NONE);
        match self.links.get_mut(before as usize) {
            Some(links) => links.next = next,
            None => self.links[parent as usize].first = next,
        }
        match self.html.nodes.get_mut(next as usize) {
            Some(entry) => entry.before = before,
            None => self.links[parent as usize].last = before,
        }
    }

    /// Hangs all that is in a node behind what is in another. Two texts stay two.
    fn move_inside(&mut self, node: u32, parent: u32) {
        let Links { first, last, .. } = self.links[node as usize];
        if first == NONE {
            return;
        }
        let mut child = first;
        while let Some(entry) = self.html.nodes.get_mut(child as usize) {
            entry.parent = parent;
            child = self.links[child as usize].next;
        }
        let links = &mut self.links[node as usize];
        (links.first, links.last) = (NONE, NONE);
        let before = std::mem::replace(&mut self.links[parent as usize].last, last);
        self.html.nodes[first as usize].before = before;
        match self.links.get_mut(before as usize) {
            Some(links) => links.next = first,
            None => self.links[parent as usize].first = first,
        }
    }

    /// Gives an element attributes that it doesn't have.
    fn add(&mut self, node: u32, attributes: &[Given]) {
        for given in attributes {
            let attribute = self.attribute(given);
            let own = self.html.attributes_of(node);
            let late = self.late.entry(node).or_insert_with(|| Late {
                attributes: vec![],
                known: own.iter().map(|attribute| attribute.name).collect(),
            });
            if late.known.insert(attribute.name) {
                late.attributes.push(attribute);
            }
        }
    }
}

pub(super) fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("what is parsed is far below 4 GB")
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tests::part;
    use super::super::{Edge, ElementRef, Node};
    use super::*;
    use proptest::prelude::*;
    use scraper::Node as Other;

    /// The tree as it is walked through.
    fn told(html: &Html) -> String {
        let edge = |edge| match edge {
            Edge::Open(node) => match node.value() {
                Node::Element(element) => {
                    let classes: Vec<&str> = element.classes().collect();
                    told_element(element.name(), ElementRef::attrs(element), &classes)
                }
                Node::Text(text) => format!("{text:?}"),
                Node::Other => "(-".to_owned(),
            },
            Edge::Close(_) => ")".to_owned(),
        };
        html.root().traverse().map(edge).collect()
    }

    fn told_by_scraper(html: &scraper::Html) -> String {
        let edge = |edge| match edge {
            ego_tree::iter::Edge::Open(node) => match node.value() {
                Other::Element(element) => {
                    let classes: Vec<&str> = element.classes().collect();
                    told_element(element.name(), element.attrs(), &classes)
                }
                Other::Text(text) => format!("{:?}", &**text),
                _ => "(-".to_owned(),
            },
            ego_tree::iter::Edge::Close(_) => ")".to_owned(),
        };
        html.tree.root().traverse().map(edge).collect()
    }

    fn told_element<'a>(
        name: &str,
        attributes: impl Iterator<Item = (&'a str, &'a str)>,
        classes: &[&str],
    ) -> String {
        let mut attributes: Vec<_> = attributes.collect();
        attributes.sort_unstable();
        format!("({name}{attributes:?}{classes:?}")
    }

    proptest! {
        #[test]
        fn any_soup_becomes_the_tree_that_others_build_of_it(parts in proptest::collection::vec(part(), 0..40)) {
            let html = parts.concat();
            let (page, piece) = (Html::parse_document(&html), Html::parse_fragment(&html));
            prop_assert_eq!(told(&page), told_by_scraper(&scraper::Html::parse_document(&html)));
            prop_assert_eq!(told(&piece), told_by_scraper(&scraper::Html::parse_fragment(&html)));
        }
    }
}
