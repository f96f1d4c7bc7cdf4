//! Some of a page's nodes.

use super::NodeId;

/// A set of nodes of one page: a bit for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSet(Vec<u64>);

impl NodeSet {
    /// Without any node.
    pub fn new() -> NodeSet {
        NodeSet::default()
    }

    /// Adds a node; whether it wasn't there before.
    pub fn insert(&mut self, node: NodeId) -> bool {
        let (word, bit) = place(node);
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    /// Whether a node is in it.
    pub fn contains(&self, node: NodeId) -> bool {
        let (word, bit) = place(node);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

fn place(node: NodeId) -> (usize, u64) {
    (node.index() / 64, 1 << (node.index() % 64))
}

impl Extend<NodeId> for NodeSet {
    fn extend<I: IntoIterator<Item = NodeId>>(&mut self, nodes: I) {
        for node in nodes {
            self.insert(node);
        }
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> NodeSet {
        let mut set = NodeSet::new();
        set.extend(nodes);
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_in_it_once_it_was_put_there() {
        let mut set: NodeSet = [3, 64, 200].map(NodeId).into_iter().collect();
        assert!(set.contains(NodeId(64)) && !set.contains(NodeId(65)) && !set.contains(NodeId(10_000)));
        assert!(set.insert(NodeId(65)) && !set.insert(NodeId(65)));
        assert!(set.contains(NodeId(65)));
    }
}
