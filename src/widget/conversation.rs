//! All that is said under one object: gathered, counted, and put into threads.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::item::{Item, Person, Picture, Role};
use super::shelf::Face;
use super::{page, shelf};
use crate::config::{Config, Order};
use crate::instance::Instance;
use crate::store::{InteractionKind, Object, StoreError};

/// How deep a thread is nested; what answers deeper stands beside what it answers. Nobody reads further to the right,
/// and whoever draws or prints the tree may do it by recursion.
pub(super) const MAX_DEPTH: usize = 32;
/// How many of our own notes are followed from one page.
const MAX_NOTES: usize = 500;

/// What is said under an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Conversation {
    /// Newest first, as the faces are shown.
    pub(super) likes: Arc<[Face]>,
    /// Likewise.
    pub(super) boosts: Arc<[Face]>,
    /// Oldest first.
    pub(super) quotes: Vec<Arc<Item>>,
    /// Oldest first on each level: a conversation is read downwards.
    pub(super) replies: Vec<Node>,
    /// All replies on all levels, our own among them.
    pub(super) reply_count: usize,
    /// From which objects' interactions it was gathered, and in which revision of them.
    pub(super) sources: Vec<(String, u64)>,
}

impl Conversation {
    /// Turns the replies to the object, and its quotes, which come the oldest first; not the answers below a reply.
    pub(super) fn turn(&mut self, order: Order) {
        if order == Order::Newest {
            self.replies.reverse();
            self.quotes.reverse();
        }
    }
}

/// A reply and the answers to it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) item: Arc<Item>,
    pub(super) replies: Vec<Node>,
}

/// Gathers what is shown under the object with this KEY; blocks while records are read.
pub(super) fn of_object(instance: &Instance, key: &str) -> Result<Conversation, StoreError> {
    let config = instance.config();
    let oldest = config
        .interactions
        .expire
        .and_then(|age| instance.clock.now().checked_sub(age).ok());
    let keep = |item: &Item| oldest.is_none_or(|oldest| item.since >= oldest);
    let row = |row: &Arc<[Face]>| match oldest {
        Some(oldest) => row.iter().filter(|face| face.since >= oldest).cloned().collect(),
        None => Arc::clone(row),
    };

    let mut conversation = Conversation::default();
    let mut replies: Vec<(Arc<Item>, Option<String>)> = Vec::new();
    let mut unseen: HashMap<String, Option<String>> = HashMap::new();
    let mut people: HashMap<String, Arc<Person>> = HashMap::new();
    let mut followed: HashSet<String> = HashSet::from([key.to_string()]);
    // The objects whose answers are still to be gathered: ours, and each with the reply that stands for it.
    let mut open: Vec<(String, Option<String>)> = vec![(key.to_string(), None)];
    while let Some((key, root)) = open.pop() {
        let said = shelf::said(instance, &key)?;
        conversation.sources.push((key.clone(), said.revision()));
        unseen.extend(said.unseen().map(|(id, parent)| {
            let parent = parent.map(str::to_string).or_else(|| root.clone());
            (id.to_string(), parent)
        }));
        // A like of one of our notes further down is not one of the page.
        if root.is_none() {
            conversation.likes = row(&said.likes);
            conversation.boosts = row(&said.boosts);
        }
        let mut answered = answered_by(instance, &key);
        for item in said.items().filter(|item| keep(item)) {
            match item.kind {
                InteractionKind::Reply => {
                    answered.push((item.id.clone(), Some(item.id.clone())));
                    let parent = item.in_reply_to.clone().or_else(|| root.clone());
                    replies.push((Arc::clone(item), parent));
                }
                InteractionKind::Quote if root.is_none() => conversation.quotes.push(Arc::clone(item)),
                _ => {}
            }
        }
        for (target, parent) in answered {
            for note in instance.store.objects.labelled(&Object::label_of_answer(&target)) {
                if followed.len() > MAX_NOTES
                    || !page::is_open(instance, &note)
                    || !followed.insert(note.to_string())
                {
                    continue;
                }
                let Some(object) = instance.store.objects.get(&note)? else {
                    continue;
                };
                let person = people
                    .entry(object.actor.clone())
                    .or_insert_with(|| Arc::new(owner(instance, &config, &object.actor)));
                let id = instance.iris.object(&note);
                let item = Arc::new(Item::of_note(&object, id.clone(), Arc::clone(person)));
                if keep(&item) {
                    replies.push((item, parent.clone().or_else(|| root.clone())));
                    open.push((note.to_string(), Some(id)));
                }
            }
        }
    }
    conversation.reply_count = replies.len();
    conversation.replies = nest(replies, &unseen);
    conversation.quotes.sort_by(|a, b| oldest_first(a, b));
    Ok(conversation)
}

/// What one of our objects is answered under: its id and its page's URL, and no reply that stands for it.
fn answered_by(instance: &Instance, key: &str) -> Vec<(String, Option<String>)> {
    let mut targets = vec![(instance.iris.object(key), None)];
    if let Some(path) = instance.store.objects.brief(key).and_then(|brief| brief.page) {
        targets.push((instance.iris.at(&path), None));
    }
    targets
}

/// One of our own actors, as a page shows it.
pub(super) fn owner(instance: &Instance, config: &Config, name: &str) -> Person {
    let actor = config.actor(name).unwrap_or_else(|| config.default_actor());
    let picture = actor
        .icon
        .as_deref()
        .and_then(|icon| config.site.url.join(icon).ok())
        .filter(|icon| instance.iris.is_ours(icon.as_str()))
        .map(|icon| Picture::Own(icon[url::Position::BeforePath..].to_string()));
    Person {
        name: actor.display_name.clone(),
        handle: config.handle(&actor.name),
        url: config.site.url.to_string(),
        picture,
        emoji: Vec::new(),
        role: Role::Owner,
    }
}

/// Puts replies under what they answer. Each comes with the id of its parent, `None` for the object itself; `unseen`
/// are replies that aren't shown, with their parents.
///
/// A reply whose parent isn't shown hangs at the nearest shown ancestor; one whose ancestors are unknown, or that is
/// its own ancestor, at the object.
fn nest(
    mut replies: Vec<(Arc<Item>, Option<String>)>,
    unseen: &HashMap<String, Option<String>>,
) -> Vec<Node> {
    replies.sort_by(|(a, _), (b, _)| oldest_first(a, b));
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (place, (item, _)) in replies.iter().enumerate() {
        places.entry(&item.id).or_insert(place);
    }
    for (place, (item, _)) in replies.iter().enumerate() {
        places.entry(&item.url).or_insert(place);
    }
    let parents: Vec<Option<usize>> = replies
        .iter()
        .map(|(_, parent)| shown_ancestor(parent.as_deref(), &places, unseen))
        .collect();
    let depths = depths(&parents);
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); replies.len()];
    let mut roots = Vec::new();
    let anchors = anchors(&parents, &depths);
    for (place, parent) in parents.iter().enumerate() {
        match (parent, depths[place]) {
            (Some(parent), Some(1..)) => children[anchors[*parent]].push(place),
            _ => roots.push(place),
        }
    }
    roots
        .into_iter()
        .map(|place| node(place, &replies, &children))
        .collect()
}

fn node(place: usize, replies: &[(Arc<Item>, Option<String>)], children: &[Vec<usize>]) -> Node {
    Node {
        item: Arc::clone(&replies[place].0),
        replies: children[place]
            .iter()
            .map(|child| node(*child, replies, children))
            .collect(),
    }
}

fn shown_ancestor<'a>(
    mut parent: Option<&'a str>,
    places: &HashMap<&str, usize>,
    unseen: &'a HashMap<String, Option<String>>,
) -> Option<usize> {
    // No longer than there are unseen ones: then they answer each other in a circle.
    for _ in 0..=unseen.len() {
        let id = parent?;
        if let Some(place) = places.get(id) {
            return Some(*place);
        }
        parent = unseen.get(id)?.as_deref();
    }
    None
}

/// How deep each stands, 0 at the object; `None` for one that is its own ancestor.
fn depths(parents: &[Option<usize>]) -> Vec<Option<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Known {
        No,
        OnTheWay,
        Depth(usize),
        Circle,
    }
    let mut known = vec![Known::No; parents.len()];
    for start in 0..parents.len() {
        let mut way = Vec::new();
        let mut at = start;
        let mut depth = loop {
            match known[at] {
                Known::Depth(depth) => break Some(depth + 1),
                // One that answers into a circle begins anew at the object.
                Known::Circle => break Some(0),
                Known::OnTheWay => {
                    let from = way.iter().position(|place| *place == at).unwrap_or(0);
                    for place in way.split_off(from) {
                        known[place] = Known::Circle;
                    }
                    break Some(0);
                }
                Known::No => {
                    known[at] = Known::OnTheWay;
                    way.push(at);
                    match parents[at] {
                        Some(parent) => at = parent,
                        None => break Some(0),
                    }
                }
            }
        };
        for place in way.into_iter().rev() {
            known[place] = depth.map_or(Known::Circle, Known::Depth);
            depth = depth.map(|depth| depth + 1);
        }
    }
    known
        .into_iter()
        .map(|known| match known {
            Known::Depth(depth) => Some(depth),
            _ => None,
        })
        .collect()
}

/// Where the answers to each stand: below it, or beyond the limit beside it.
fn anchors(parents: &[Option<usize>], depths: &[Option<usize>]) -> Vec<usize> {
    let mut anchors: Vec<usize> = (0..parents.len()).collect();
    let mut downwards = anchors.clone();
    downwards.sort_by_key(|place| depths[*place]);
    for place in downwards {
        if let (Some(parent), Some(MAX_DEPTH..)) = (parents[place], depths[place].map(|depth| depth + 1)) {
            anchors[place] = anchors[parent];
        }
    }
    anchors
}

fn oldest_first(a: &Item, b: &Item) -> std::cmp::Ordering {
    let key = |item: &Item| -> Timestamp { item.published };
    key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(id: &str, parent: Option<&str>) -> (Arc<Item>, Option<String>) {
        let item = Item {
            kind: InteractionKind::Reply,
            id: id.into(),
            url: format!("https://a.example/@ada/{id}"),
            in_reply_to: parent.map(Into::into),
            author: Arc::new(Person {
                name: "Ada".into(),
                handle: "@ada@a.example".into(),
                url: "https://a.example/@ada".into(),
                picture: None,
                emoji: Vec::new(),
                role: Role::Guest,
            }),
            published: Timestamp::UNIX_EPOCH,
            updated: None,
            since: Timestamp::UNIX_EPOCH,
            summary: None,
            sensitive: false,
            language: None,
            content: String::new(),
            reaction: None,
            emoji: Vec::new(),
            attachments: Vec::new(),
            print: 0,
        };
        (Arc::new(item), parent.map(Into::into))
    }

    /// The tree as text: `a(b(c)d)`.
    fn drawn(nodes: &[Node]) -> String {
        nodes
            .iter()
            .map(|node| {
                let below = drawn(&node.replies);
                match below.as_str() {
                    "" => node.item.id.clone(),
                    below => format!("{}({below})", node.item.id),
                }
            })
            .collect()
    }

    fn tree(replies: &[(&str, Option<&str>)], unseen: &[(&str, Option<&str>)]) -> String {
        let replies = replies.iter().map(|(id, parent)| reply(id, *parent)).collect();
        let unseen = unseen
            .iter()
            .map(|(id, parent)| (id.to_string(), parent.map(Into::into)))
            .collect();
        drawn(&nest(replies, &unseen))
    }

    #[test]
    fn replies_stand_under_what_they_answer_whatever_the_order() {
        assert_eq!(
            tree(
                &[("c", Some("b")), ("b", Some("a")), ("d", Some("a")), ("a", None)],
                &[]
            ),
            "a(b(c)d)"
        );
        assert_eq!(
            tree(&[("a", None), ("b", Some("https://a.example/@ada/a"))], &[]),
            "a(b)",
            "named by its url"
        );
    }

    #[test]
    fn a_reply_to_one_that_is_not_shown_hangs_at_the_nearest_shown_ancestor() {
        assert_eq!(
            tree(
                &[("a", None), ("d", Some("c"))],
                &[("c", Some("b")), ("b", Some("a"))]
            ),
            "a(d)"
        );
        assert_eq!(tree(&[("d", Some("c"))], &[("c", None)]), "d");
        assert_eq!(tree(&[("d", Some("never seen"))], &[]), "d");
    }

    #[test]
    fn replies_that_answer_each_other_in_a_circle_are_all_shown_at_the_object() {
        assert_eq!(
            tree(&[("a", Some("c")), ("b", Some("a")), ("c", Some("b"))], &[]),
            "abc"
        );
        assert_eq!(tree(&[("a", Some("a")), ("b", Some("a"))], &[]), "ab");
        assert_eq!(
            tree(&[("d", Some("x"))], &[("x", Some("y")), ("y", Some("x"))]),
            "d"
        );
    }

    #[test]
    fn a_thread_deeper_than_the_limit_goes_on_beside() {
        let ids: Vec<String> = (0..2_000).map(|n| format!("{n:04}")).collect();
        let mut replies = vec![reply(&ids[0], None)];
        replies.extend(ids.windows(2).map(|pair| reply(&pair[1], Some(&pair[0]))));
        fn depth(nodes: &[Node]) -> usize {
            nodes
                .iter()
                .map(|node| 1 + depth(&node.replies))
                .max()
                .unwrap_or(0)
        }
        fn size(nodes: &[Node]) -> usize {
            nodes.iter().map(|node| 1 + size(&node.replies)).sum()
        }
        let tree = nest(replies, &HashMap::new());
        assert_eq!(depth(&tree), MAX_DEPTH);
        assert_eq!(size(&tree), 2_000, "none is lost");
    }
}
