//! From the tree that the parser builds, in which nodes can be moved, to one in which they lie in document order.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Deref;

use ego_tree::iter::Edge;
use scraper::Node;

use super::{Attribute, Entry, Html, Kind, NONE};

/// Names that are looked through one by one, which is faster than to hash them; few pages have more.
const FEW: usize = 48;

/// The names of a page, with their numbers.
struct Names<'n, Name> {
    few: Vec<&'n Name>,
    rest: HashMap<&'n Name, u32>,
}

impl<Name> Default for Names<'_, Name> {
    fn default() -> Self {
        Names {
            few: vec![],
            rest: HashMap::new(),
        }
    }
}

/// Lays out a parsed tree.
pub(super) fn out(parsed: &scraper::Html) -> Html {
    let mut html = Html {
        nodes: Vec::with_capacity(parsed.tree.values().len() + 1),
        attributes: vec![],
        classes: vec![],
        names: vec![],
        text: String::new(),
        values: String::new(),
    };
    let mut names = Names::default();
    // The nodes that are open, and the one that was closed last in the innermost.
    let mut open: Vec<u32> = vec![];
    let mut before = NONE;
    for edge in parsed.tree.root().traverse() {
        let node = match edge {
            Edge::Open(node) => node,
            Edge::Close(_) => {
                before = open.pop().unwrap_or(NONE);
                html.close(before);
                continue;
            }
        };
        let mut entry = html.blank(open.last().copied().unwrap_or(NONE), before);
        match node.value() {
            Node::Text(text) => {
                entry.kind = Kind::Text;
                html.text.push_str(text);
            }
            Node::Element(element) => {
                entry.kind = Kind::Element;
                entry.name = html.name(&mut names, &element.name.local);
                let own = html.classes.len();
                for (name, value) in &element.attrs {
                    let plain = name.prefix.is_none() && name.ns.is_empty();
                    let name = html.name(&mut names, &name.local);
                    html.put(name, plain, value);
                }
                if html.classes.len() - own > 1 {
                    html.sort_classes(own);
                }
            }
            _ => {}
        }
        open.push(size(html.nodes.len()));
        before = NONE;
        html.nodes.push(entry);
    }
    let end = html.blank(NONE, NONE);
    html.nodes.push(end);
    html
}

impl Html {
    /// A node that holds nothing, behind all that is there.
    fn blank(&self, parent: u32, before: u32) -> Entry {
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

    /// The number of a name.
    fn name<'n, Name>(&mut self, known: &mut Names<'n, Name>, name: &'n Name) -> u32
    where
        Name: Eq + Hash + Deref<Target = str>,
    {
        if let Some(at) = known.few.iter().position(|other| *other == name) {
            return size(at);
        }
        if let Some(at) = known.rest.get(name) {
            return *at;
        }
        let at = size(self.names.len());
        self.names.push((**name).into());
        if known.few.len() < FEW {
            known.few.push(name);
        } else {
            known.rest.insert(name, at);
        }
        at
    }

    fn put(&mut self, name: u32, plain: bool, value: &str) {
        let start = self.values.len();
        self.values.push_str(value);
        if &*self.names[name as usize] == "class" {
            let mut at = start;
            for class in value.split(|c: char| c.is_ascii_whitespace()) {
                if !class.is_empty() {
                    self.classes.push((size(at), size(at + class.len())));
                }
                at += class.len() + 1;
            }
        }
        self.attributes.push(Attribute {
            name,
            plain,
            value: (size(start), size(self.values.len())),
        });
    }

    /// Sorts an element's classes, and drops those that stand there twice.
    fn sort_classes(&mut self, own: usize) {
        let values = &self.values;
        let text = |class: &(u32, u32)| &values[class.0 as usize..class.1 as usize];
        self.classes[own..].sort_unstable_by(|a, b| text(a).cmp(text(b)));
        let mut kept = own;
        for at in own + 1..self.classes.len() {
            if text(&self.classes[at]) != text(&self.classes[kept]) {
                kept += 1;
                self.classes[kept] = self.classes[at];
            }
        }
        self.classes.truncate(kept + 1);
    }

    fn close(&mut self, at: u32) {
        let end = size(self.nodes.len());
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.end = end;
        }
    }
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("what is parsed is far below 4 GB")
}
