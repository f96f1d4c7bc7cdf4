//! What a table keeps in memory of its records: small, because there may be a hundred thousand.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// Changes that are remembered one by one: more than a rebuild of a site makes while it isn't held. Whoever looks more
/// seldom goes through all records.
const REMEMBERED: usize = 4_096;

/// The records of a table, as far as lists and decisions need them.
#[derive(Debug)]
pub(super) struct Index<B> {
    /// In boxes, because a table of hashes is half empty at worst.
    briefs: HashMap<Arc<str>, Box<Entry<B>>>,
    groups: Sets,
    labels: Sets,
    /// How many changes there were since the table was opened.
    revision: u64,
    /// The latest changes: the revision, and the id of the record.
    changes: VecDeque<(u64, Arc<str>)>,
}

/// A record, as far as it is kept.
#[derive(Debug)]
pub(super) struct Entry<B> {
    pub(super) brief: B,
    group: Option<Arc<str>>,
    labels: Box<[Arc<str>]>,
    /// The revision in which it was last written.
    pub(super) revision: u64,
}

/// Sets of ids by name.
type Sets = HashMap<Arc<str>, Set>;

#[derive(Debug, Default)]
struct Set {
    ids: Ids,
    /// The revision in which it last changed; also of one that lost its last member.
    touched: u64,
}

/// The ids of a set: nearly all have one member.
#[derive(Debug, Default)]
enum Ids {
    #[default]
    None,
    One(Arc<str>),
    #[expect(clippy::box_collection, reason = "it would make every other id a word larger")]
    Many(Box<BTreeSet<Arc<str>>>),
}

impl Ids {
    fn insert(&mut self, id: &Arc<str>) {
        *self = match std::mem::take(self) {
            Ids::None => Ids::One(Arc::clone(id)),
            Ids::One(other) if other == *id => Ids::One(other),
            Ids::One(other) => Ids::Many(Box::new([other, Arc::clone(id)].into())),
            Ids::Many(mut ids) => {
                ids.insert(Arc::clone(id));
                Ids::Many(ids)
            }
        };
    }

    fn remove(&mut self, id: &str) {
        match self {
            Ids::One(only) if **only == *id => *self = Ids::None,
            Ids::Many(ids) => {
                ids.remove(id);
                if ids.is_empty() {
                    *self = Ids::None;
                }
            }
            Ids::None | Ids::One(_) => {}
        }
    }

    /// By id.
    fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        let (one, many) = match self {
            Ids::None => (None, None),
            Ids::One(id) => (Some(id), None),
            Ids::Many(ids) => (None, Some(ids.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    fn len(&self) -> usize {
        match self {
            Ids::None => 0,
            Ids::One(_) => 1,
            Ids::Many(ids) => ids.len(),
        }
    }
}

/// Adds an id to the set of that name; answers the name as the map holds it.
fn join(sets: &mut Sets, name: &str, id: &Arc<str>, revision: u64) -> Arc<str> {
    let name = match sets.get_key_value(name) {
        Some((name, _)) => Arc::clone(name),
        None => name.into(),
    };
    let set = sets.entry(Arc::clone(&name)).or_default();
    set.ids.insert(id);
    set.touched = revision;
    name
}

impl<B> Index<B> {
    pub(super) fn new() -> Index<B> {
        Index {
            briefs: HashMap::new(),
            groups: HashMap::new(),
            labels: HashMap::new(),
            revision: 0,
            changes: VecDeque::new(),
        }
    }

    /// Puts a record in; `share` is given the name of its group as it is kept here.
    pub(super) fn insert(
        &mut self,
        id: &str,
        mut brief: B,
        group: Option<&str>,
        labels: &[String],
        share: impl Fn(&mut B, &Arc<str>),
    ) {
        let id = match self.briefs.get_key_value(id) {
            Some((id, _)) => Arc::clone(id),
            None => id.into(),
        };
        self.remove(&id);
        self.changed(&id);
        let group = group.map(|group| join(&mut self.groups, group, &id, self.revision));
        if let Some(group) = &group {
            share(&mut brief, group);
        }
        let entry = Entry {
            brief,
            group,
            labels: labels
                .iter()
                .map(|label| join(&mut self.labels, label, &id, self.revision))
                .collect(),
            revision: self.revision,
        };
        self.briefs.insert(id, Box::new(entry));
    }

    pub(super) fn remove(&mut self, id: &str) {
        let Some((id, entry)) = self.briefs.remove_entry(id) else {
            return;
        };
        self.changed(&id);
        // An empty group stays, so that it is known when it changed.
        if let Some(set) = entry.group.and_then(|group| self.groups.get_mut(&group)) {
            set.ids.remove(&id);
            set.touched = self.revision;
        }
        for label in &entry.labels {
            if let Some(set) = self.labels.get_mut(label) {
                set.ids.remove(&id);
                if set.ids.len() == 0 {
                    self.labels.remove(label);
                }
            }
        }
    }

    fn changed(&mut self, id: &Arc<str>) {
        self.revision += 1;
        if self.changes.len() == REMEMBERED {
            self.changes.pop_front();
        }
        self.changes.push_back((self.revision, Arc::clone(id)));
    }

    /// The ids of the records that changed after a revision, some of them more than once; `None` when that is too long
    /// ago. And the revision as it is now.
    pub(super) fn since(&self, revision: u64) -> (Option<Vec<Arc<str>>>, u64) {
        let missed = self.revision.saturating_sub(revision);
        let known = usize::try_from(missed).is_ok_and(|missed| missed <= self.changes.len());
        let ids = known.then(|| {
            let after = self.changes.iter().filter(|(changed, _)| *changed > revision);
            after.map(|(_, id)| Arc::clone(id)).collect()
        });
        (ids, self.revision)
    }

    /// The revision as it is now.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn get(&self, id: &str) -> Option<&Entry<B>> {
        self.briefs.get(id).map(|entry| &**entry)
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.briefs.contains_key(id)
    }

    pub(super) fn len(&self) -> usize {
        self.briefs.len()
    }

    /// All records, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &B)> {
        self.briefs.iter().map(|(id, entry)| (id, &entry.brief))
    }

    /// The records of a group, by id.
    pub(super) fn group(&self, group: &str) -> impl Iterator<Item = (&Arc<str>, &Entry<B>)> {
        let ids = self.groups.get(group).into_iter().flat_map(|set| set.ids.iter());
        ids.filter_map(|id| Some((id, self.get(id)?)))
    }

    /// The revision in which a group last changed; 0 when it never had a member.
    pub(super) fn revision_of(&self, group: &str) -> u64 {
        self.groups.get(group).map_or(0, |set| set.touched)
    }

    /// The ids of the records with a label, by id.
    pub(super) fn labelled(&self, label: &str) -> impl Iterator<Item = &Arc<str>> {
        self.labels.get(label).into_iter().flat_map(|set| set.ids.iter())
    }

    /// How many records have a label.
    pub(super) fn count_labelled(&self, label: &str) -> usize {
        self.labels.get(label).map_or(0, |set| set.ids.len())
    }

    /// All labels, in no order.
    pub(super) fn labels(&self) -> impl Iterator<Item = &Arc<str>> {
        self.labels.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_as_long_as_it_is_remembered() {
        let mut index = Index::new();
        index.insert("a", 1, None, &[], |_, _| {});
        let (_, before) = index.since(0);
        index.insert("b", 2, None, &[], |_, _| {});
        index.remove("a");
        let (changed, now) = index.since(before);
        assert_eq!(changed.unwrap(), ["b".into(), "a".into()] as [Arc<str>; 2]);
        assert_eq!(index.since(now).0.unwrap(), [] as [Arc<str>; 0]);
        (0..=REMEMBERED).for_each(|n| index.insert(&n.to_string(), n, None, &[], |_, _| {}));
        assert_eq!(index.since(now).0, None);
    }

    #[test]
    fn a_set_has_no_one_or_many_members() {
        let mut index = Index::new();
        for id in ["b", "a", "a", "c"] {
            index.insert(id, (), Some("letters"), &[], |(), _| {});
        }
        let ids = |index: &Index<()>| -> Vec<String> {
            index.group("letters").map(|(id, _)| id.to_string()).collect()
        };
        assert_eq!(ids(&index), ["a", "b", "c"]);
        ["a", "b"].iter().for_each(|id| index.remove(id));
        assert_eq!(ids(&index), ["c"]);
        index.remove("c");
        assert!(ids(&index).is_empty() && index.revision_of("letters") > 0);
    }
}
