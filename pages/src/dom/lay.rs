//! A page whose nodes weren't made in document order, laid out in it.

use super::sink::{Unfinished, size};
use super::{Entry, Html, Kind, NONE};

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
