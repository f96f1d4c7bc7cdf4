//! What a table keeps in memory of its records: small, because there may be a hundred thousand.
//!
//! Records stand in numbered slots; ids and labels lead to them by hashes of 64 bits with a key of this process, so that
//! nobody outside can aim at a collision, and no text is kept twice.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use labels::Labels;
use slots::{Slot, Slots, first_two};

pub(super) use slots::Entry;

mod labels;
mod slots;

/// Changes that are remembered one by one: more than a rebuild of a site makes while it isn't held. Whoever looks more
/// seldom goes through all records.
const REMEMBERED: usize = 4_096;

/// The records of a table, as far as lists and decisions need them.
#[derive(Debug)]
pub(super) struct Index<B> {
    slots: Slots<B>,
    ids: HashTable<Slot>,
    groups: HashMap<Arc<str>, Set>,
    labels: Labels,
    keys: RandomState,
    /// How many changes there were since the table was opened.
    revision: u64,
    /// The latest changes: the revision, and the id of the record.
    changes: VecDeque<(u64, Arc<str>)>,
}

/// The records of a group.
#[derive(Debug, Default)]
struct Set {
    members: Members,
    /// The revision in which it last changed; also of one that lost its last member.
    touched: u64,
}

/// The slots of a set: nearly all have one member.
#[derive(Debug, Default)]
enum Members {
    #[default]
    None,
    One(Slot),
    #[expect(
        clippy::box_collection,
        reason = "it would make every other set two words larger"
    )]
    Many(Box<Vec<Slot>>),
}

impl Members {
    /// Adds one that isn't a member.
    fn insert(&mut self, slot: Slot) {
        *self = match std::mem::take(self) {
            Members::None => Members::One(slot),
            Members::One(other) => Members::Many(Box::new(vec![other, slot])),
            Members::Many(mut slots) => {
                slots.push(slot);
                Members::Many(slots)
            }
        };
    }

    fn remove(&mut self, slot: Slot) {
        match self {
            Members::One(only) if *only == slot => *self = Members::None,
            Members::Many(slots) => {
                if let Some(at) = slots.iter().position(|other| *other == slot) {
                    slots.swap_remove(at);
                }
                if slots.is_empty() {
                    *self = Members::None;
                }
            }
            Members::None | Members::One(_) => {}
        }
    }

    fn slots(&self) -> &[Slot] {
        match self {
            Members::None => &[],
            Members::One(slot) => std::slice::from_ref(slot),
            Members::Many(slots) => slots,
        }
    }
}

impl<B> Index<B> {
    pub(super) fn new() -> Index<B> {
        Index {
            slots: Slots::new(),
            ids: HashTable::new(),
            groups: HashMap::new(),
            labels: Labels::default(),
            keys: RandomState::new(),
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
        // Of 2^64 labels one has the hash 0: nothing is found by it.
        let labels: Vec<u64> = labels
            .iter()
            .map(|label| self.keys.hash_one(label.as_str()))
            .collect();
        let group = group.map(|group| match self.groups.get_key_value(group) {
            Some((group, _)) => Arc::clone(group),
            None => {
                let name: Arc<str> = group.into();
                self.groups.insert(Arc::clone(&name), Set::default());
                name
            }
        });
        if let Some(group) = &group {
            share(&mut brief, group);
        }
        let slot = match self.slot(id) {
            Some(slot) => self.renew(slot, brief, group, &labels),
            None => self.add(id.into(), brief, group, &labels),
        };
        let now = self.revision;
        let group = self.slots.get(slot).and_then(|entry| entry.group.clone());
        if let Some(set) = group.and_then(|group| self.groups.get_mut(&group)) {
            set.touched = now;
        }
    }

    fn add(&mut self, id: Arc<str>, brief: B, group: Option<Arc<str>>, labels: &[u64]) -> Slot {
        self.changed(&id);
        let hash = self.keys.hash_one(&*id);
        let slot = self.slots.put(Entry {
            id,
            brief,
            group,
            labels: first_two(labels),
            revision: self.revision,
        });
        self.slots.keep_more(slot, labels);
        let (slots, keys) = (&self.slots, &self.keys);
        let hash_of = |slot: &Slot| slots.get(*slot).map_or(0, |entry| keys.hash_one(&*entry.id));
        self.ids.insert_unique(hash, slot, hash_of);
        self.enter(slot);
        slot
    }

    fn renew(&mut self, slot: Slot, brief: B, group: Option<Arc<str>>, labels: &[u64]) -> Slot {
        let Some(entry) = self.slots.get(slot) else {
            return slot;
        };
        let moves = entry.group != group || !self.slots.labels(slot).eq(labels.iter().copied());
        let id = Arc::clone(&entry.id);
        self.changed(&id);
        if moves {
            self.leave(slot);
        }
        *self.slots.place(slot) = Some(Entry {
            id,
            brief,
            group,
            labels: first_two(labels),
            revision: self.revision,
        });
        self.slots.keep_more(slot, labels);
        if moves {
            self.enter(slot);
        }
        slot
    }

    pub(super) fn remove(&mut self, id: &str) {
        let Some(slot) = self.slot(id) else { return };
        if let Some(id) = self.slots.get(slot).map(|entry| Arc::clone(&entry.id)) {
            self.changed(&id);
        }
        self.leave(slot);
        let hash = self.keys.hash_one(id);
        if let Ok(found) = self.ids.find_entry(hash, |other| *other == slot) {
            found.remove();
        }
        self.slots.take(slot);
    }

    /// Puts the record in a slot into its group and under its labels.
    fn enter(&mut self, slot: Slot) {
        let Some(entry) = self.slots.get(slot) else { return };
        if let Some(set) = entry.group.as_ref().and_then(|group| self.groups.get_mut(group)) {
            set.members.insert(slot);
        }
        for label in self.slots.labels(slot) {
            self.labels.join(&self.slots, label, slot);
        }
    }

    /// Takes it out of them.
    fn leave(&mut self, slot: Slot) {
        let Some(entry) = self.slots.get(slot) else { return };
        // An empty group stays, so that it is known when it changed.
        if let Some(set) = entry.group.as_ref().and_then(|group| self.groups.get_mut(group)) {
            set.members.remove(slot);
            set.touched = self.revision;
        }
        for label in self.slots.labels(slot) {
            self.labels.leave(&self.slots, label, slot);
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

    fn slot(&self, id: &str) -> Option<Slot> {
        let is_it = |slot: &Slot| self.slots.get(*slot).is_some_and(|entry| &*entry.id == id);
        self.ids.find(self.keys.hash_one(id), is_it).copied()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Entry<B>> {
        self.slots.get(self.slot(id)?)
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.slot(id).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// All records, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<B>> {
        self.slots.iter()
    }

    /// The records of a group, in no order.
    pub(super) fn group(&self, group: &str) -> impl Iterator<Item = &Entry<B>> {
        let slots = self.groups.get(group).map(|set| set.members.slots());
        slots
            .unwrap_or_default()
            .iter()
            .filter_map(|slot| self.slots.get(*slot))
    }

    /// The name of a group as it is kept.
    pub(super) fn group_name(&self, group: &str) -> Option<Arc<str>> {
        let (name, _) = self.groups.get_key_value(group)?;
        Some(Arc::clone(name))
    }

    /// The revision in which a group last changed; 0 when it never had a member.
    pub(super) fn revision_of(&self, group: &str) -> u64 {
        self.groups.get(group).map_or(0, |set| set.touched)
    }

    /// The records with a label, in no order.
    pub(super) fn labelled(&self, label: &str) -> impl Iterator<Item = &Entry<B>> {
        let slots = self.labels.slots(&self.slots, self.keys.hash_one(label));
        slots.filter_map(|slot| self.slots.get(slot))
    }

    /// The records that have any label, those with the same first one together.
    pub(super) fn by_first_label(&self) -> Vec<Vec<Arc<str>>> {
        let mut sets: HashMap<u64, Vec<Arc<str>>> = HashMap::new();
        for entry in self.iter() {
            if entry.labels[0] != 0 {
                sets.entry(entry.labels[0])
                    .or_default()
                    .push(Arc::clone(&entry.id));
            }
        }
        sets.into_values().collect()
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

    fn ids<'a>(entries: impl Iterator<Item = &'a Entry<()>>) -> Vec<String> {
        let mut ids: Vec<String> = entries.map(|entry| entry.id.to_string()).collect();
        ids.sort();
        ids
    }

    #[test]
    fn a_set_has_no_one_or_many_members() {
        let mut index = Index::new();
        for id in ["b", "a", "a", "c"] {
            index.insert(id, (), Some("letters"), &[], |(), _| {});
        }
        assert_eq!(ids(index.group("letters")), ["a", "b", "c"]);
        ["a", "b"].iter().for_each(|id| index.remove(id));
        assert_eq!(ids(index.group("letters")), ["c"]);
        let before = index.revision_of("letters");
        index.remove("c");
        assert!(ids(index.group("letters")).is_empty() && index.revision_of("letters") > before);
    }

    #[test]
    fn labels_lead_to_their_records_however_these_change() {
        // Against the plainest way to keep the same.
        let mut index = Index::new();
        let mut plain: HashMap<String, Vec<String>> = HashMap::new();
        let mut chance = 1_u32;
        for _ in 0..20_000 {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let id = format!("{}", chance >> 8 & 255);
            if chance >> 16 & 3 == 0 {
                index.remove(&id);
                plain.remove(&id);
                continue;
            }
            let labels: Vec<String> = (0..chance >> 18 & 3)
                .map(|n| format!("label {}", (chance >> (20 + n)) & 31))
                .collect();
            let group = format!("group {}", chance >> 24 & 7);
            index.insert(&id, (), Some(&group), &labels, |(), _| {});
            plain.insert(id, [labels, vec![group]].concat());
        }
        let having = |name: &str| {
            let mut ids: Vec<String> = plain
                .iter()
                .filter(|(_, names)| names.iter().any(|other| other == name))
                .map(|(id, _)| id.clone())
                .collect();
            ids.sort();
            ids
        };
        for n in 0..32 {
            let label = format!("label {n}");
            assert_eq!(ids(index.labelled(&label)), having(&label), "{label}");
        }
        for n in 0..8 {
            let group = format!("group {n}");
            assert_eq!(ids(index.group(&group)), having(&group), "{group}");
        }
        assert_eq!(index.len(), plain.len());
        assert!(plain.keys().all(|id| index.contains(id)));
        let labelled = plain.values().filter(|names| names.len() > 1).count();
        assert_eq!(index.by_first_label().concat().len(), labelled);
    }
}
