//! How nodes lie: in document order, each with what it has behind that of the one before it. A page whose nodes weren't made
//! in that order is laid out once more.

use super::sink::{Unfinished, size};
use super::{Attribute, Entry, Html, Kind, NONE};

/// Lays out what was built. What hangs nowhere is left behind.
pub(super) fn out(mut built: Unfinished) -> Html {
    let mut html = Html {
        nodes: Vec::with_capacity(built.html.nodes.len() + 1),
        attributes: Vec::with_capacity(built.html.attributes.len()),
        classes: Vec::with_capacity(built.html.classes.len()),
        // These stay where they are.
        names: std::mem::take(&mut built.html.names),
        text: String::with_capacity(built.html.text.len()),
        values: std::mem::take(&mut built.html.values),
    };
    // The node that is next, the one around it and the one before it as they are laid out.
    let (mut at, mut parent, mut before) = (0, NONE, NONE);
    // The nodes that are open, as they were built.
    let mut open: Vec<u32> = vec![];
    while at != NONE {
        let here = size(html.nodes.len());
        html.take(&built, at, parent, before);
        let links = built.links[at as usize];
        if built.html.entry(at).kind != Kind::Text && links.first != NONE {
            open.push(at);
            (at, parent, before) = (links.first, here, NONE);
            continue;
        }
        html.nodes[here as usize].end = here + 1;
        (at, before) = (links.next, here);
        while at == NONE
            && let Some(closed) = open.pop()
        {
            let end = size(html.nodes.len());
            let entry = &mut html.nodes[parent as usize];
            entry.end = end;
            (at, before, parent) = (built.links[closed as usize].next, parent, entry.parent);
        }
    }
    let end = html.blank(NONE, NONE);
    html.nodes.push(end);
    html
}

impl Html {
    /// A node that holds nothing, behind all that is there.
    pub(super) fn blank(&self, parent: u32, before: u32) -> Entry {
        Entry {
            kind: Kind::Silent,
            name: 0,
            parent,
            end: 0,
            before,
            text: size(self.text.len()),
            attributes: size(self.attributes.len()),
            classes: size(self.classes.len()),
        }
    }

    /// The attributes of a node, which may be the last.
    pub(super) fn attributes_of(&self, node: u32) -> &[Attribute] {
        let start = self.entry(node).attributes as usize;
        let next = self.nodes.get(node as usize + 1);
        let end = next.map_or(self.attributes.len(), |next| next.attributes as usize);
        &self.attributes[start..end]
    }

    /// The classes of a node, which may be the last.
    pub(super) fn classes_of(&self, node: u32) -> &[(u32, u32)] {
        let start = self.entry(node).classes as usize;
        let next = self.nodes.get(node as usize + 1);
        let end = next.map_or(self.classes.len(), |next| next.classes as usize);
        &self.classes[start..end]
    }

    /// Finds where each node ends. `false` if they don't lie in document order.
    pub(super) fn close(&mut self) -> bool {
        let mut open = 0;
        for at in 1..self.nodes.len() {
            let Entry { parent, before, .. } = self.nodes[at];
            let mut closed = NONE;
            while open != parent {
                let Some(entry) = self.nodes.get_mut(open as usize) else {
                    return false;
                };
                entry.end = size(at);
                closed = open;
                open = entry.parent;
            }
            if closed != before {
                return false;
            }
            open = size(at);
        }
        let end = size(self.nodes.len());
        while let Some(entry) = self.nodes.get_mut(open as usize) {
            entry.end = end;
            open = entry.parent;
        }
        true
    }

    /// Puts down the classes of the last node, which stand in a value: sorted, and each once.
    pub(super) fn put_classes(&mut self, (start, end): (u32, u32)) {
        let values = &self.values;
        let text = |class: (u32, u32)| &values[class.0 as usize..class.1 as usize];
        let own = self.classes.len();
        let mut at = start;
        for class in text((start, end)).split(|c: char| c.is_ascii_whitespace()) {
            let behind = at + size(class.len());
            if !class.is_empty() {
                self.classes.push((at, behind));
            }
            at = behind + 1;
        }
        if self.classes.len() - own > 1 {
            let mut sorted = self.classes.split_off(own);
            sorted.sort_unstable_by_key(|class| text(*class));
            sorted.dedup_by_key(|class| text(*class));
            self.classes.append(&mut sorted);
        }
    }

    /// Takes over a node with what it has itself.
    fn take(&mut self, built: &Unfinished, at: u32, parent: u32, before: u32) {
        let from = &built.html;
        let entry = from.entry(at);
        let here = self.blank(parent, before);
        self.nodes.push(Entry {
            kind: entry.kind,
            name: entry.name,
            ..here
        });
        match entry.kind {
            Kind::Text => {
                let mut piece = built.links[at as usize].first;
                while let Some(part) = built.pieces.get(piece as usize) {
                    let (start, end) = part.place;
                    self.text.push_str(&from.text[start as usize..end as usize]);
                    piece = part.next;
                }
            }
            Kind::Element => {
                self.attributes.extend_from_slice(from.attributes_of(at));
                self.classes.extend_from_slice(from.classes_of(at));
                if let Some(late) = built.late.get(&at) {
                    self.attributes.extend_from_slice(&late.attributes);
                    let mut late = late.attributes.iter();
                    if let Some(class) = late.find(|late| self.name_of(late.name) == "class") {
                        self.put_classes(class.value);
                    }
                }
            }
            Kind::Silent => {}
        }
    }
}
