//! The ways through a tree.

use super::{ElementRef, Kind, NONE, NodeRef};

/// Where a node begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge<'a> {
    /// Before what is inside.
    Open(NodeRef<'a>),
    /// After it.
    Close(NodeRef<'a>),
}

impl<'a> NodeRef<'a> {
    /// The node around it.
    pub fn parent(self) -> Option<NodeRef<'a>> {
        self.some(self.entry().parent)
    }

    /// The first node inside.
    pub fn first_child(self) -> Option<NodeRef<'a>> {
        (self.at + 1 < self.entry().end).then(|| self.node(self.at + 1))
    }

    /// The node after it in the same one.
    pub fn next_sibling(self) -> Option<NodeRef<'a>> {
        let around = self.parent()?;
        let next = self.entry().end;
        (next < around.entry().end).then(|| self.node(next))
    }

    /// The node before it in the same one.
    pub fn prev_sibling(self) -> Option<NodeRef<'a>> {
        self.some(self.entry().before)
    }

    /// The nodes directly inside.
    pub fn children(self) -> impl Iterator<Item = NodeRef<'a>> {
        std::iter::successors(self.first_child(), |node| node.next_sibling())
    }

    /// The nodes after it in the same one.
    pub fn next_siblings(self) -> impl Iterator<Item = NodeRef<'a>> {
        std::iter::successors(self.next_sibling(), |node| node.next_sibling())
    }

    /// The nodes before it in the same one, the nearest first.
    pub fn prev_siblings(self) -> impl Iterator<Item = NodeRef<'a>> {
        std::iter::successors(self.prev_sibling(), |node| node.prev_sibling())
    }

    /// The nodes around it, the innermost first.
    pub fn ancestors(self) -> impl Iterator<Item = NodeRef<'a>> {
        std::iter::successors(self.parent(), |node| node.parent())
    }

    /// The node itself and all inside of it, in document order.
    pub fn descendants(self) -> impl Iterator<Item = NodeRef<'a>> + Clone {
        (self.at..self.entry().end).map(move |at| self.node(at))
    }

    /// Whether it is the other, or inside of it.
    pub fn is_within(self, other: NodeRef<'_>) -> bool {
        (other.at..other.entry().end).contains(&self.at)
    }

    /// The node itself and all inside of it, each twice: where it begins and where it ends.
    pub fn traverse(self) -> impl Iterator<Item = Edge<'a>> {
        std::iter::successors(Some(Edge::Open(self)), move |edge| match *edge {
            Edge::Open(node) => Some(node.first_child().map_or(Edge::Close(node), Edge::Open)),
            Edge::Close(node) if node.at == self.at => None,
            Edge::Close(node) => match node.next_sibling() {
                Some(next) => Some(Edge::Open(next)),
                None => node.parent().map(Edge::Close),
            },
        })
    }

    /// The same without the elements inside for which `skip` says so, and all that is in them.
    pub fn traverse_without(
        self,
        mut skip: impl FnMut(ElementRef<'a>) -> bool,
    ) -> impl Iterator<Item = Edge<'a>> {
        let end = self.entry().end;
        let mut at = self.at;
        let mut open = NONE;
        std::iter::from_fn(move || {
            loop {
                // What ended before here is closed first.
                if open != NONE && self.html.entry(open).end <= at {
                    let closed = self.node(open);
                    open = if open == self.at {
                        NONE
                    } else {
                        closed.entry().parent
                    };
                    return Some(Edge::Close(closed));
                }
                if at >= end {
                    return None;
                }
                let node = self.node(at);
                if at != self.at && ElementRef::wrap(node).is_some_and(&mut skip) {
                    at = node.entry().end;
                } else {
                    at += 1;
                    open = node.at;
                    return Some(Edge::Open(node));
                }
            }
        })
    }

    fn some(self, at: u32) -> Option<NodeRef<'a>> {
        (at != NONE).then(|| self.node(at))
    }
}

impl<'a> ElementRef<'a> {
    /// The elements directly inside.
    pub fn child_elements(self) -> impl Iterator<Item = ElementRef<'a>> {
        self.children().filter_map(ElementRef::wrap)
    }

    /// The element itself and all inside of it, in document order.
    pub fn descendent_elements(self) -> impl Iterator<Item = ElementRef<'a>> + Clone {
        let html = self.0.html;
        let range = self.0.at..self.0.entry().end;
        let elements = range.filter(move |at| html.entry(*at).kind == Kind::Element);
        elements.map(move |at| ElementRef(NodeRef { html, at }))
    }
}
