//! What a table keeps in memory of its records: small, because there may be a hundred thousand.
//!
//! Records stand in numbered slots; ids and labels lead to them by hashes of 64 bits with a key of this process, so that
//! nobody outside can aim at a collision, and no text is kept twice.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

/// Changes that are remembered one by one: more than a rebuild of a site makes while it isn't held. Whoever looks more
/// seldom goes through all records.
const REMEMBERED: usize = 4_096;
/// Slots of one piece of memory: growing takes another piece, and moves nothing.
const PIECE: usize = 1_024;

/// The number of a slot.
type Slot = u32;

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

/// A record, as far as it is kept.
#[derive(Debug)]
pub(super) struct Entry<B> {
    pub(super) id: Arc<str>,
    pub(super) brief: B,
    group: Option<Arc<str>>,
    labels: Hashes,
    /// The revision in which it was last written.
    pub(super) revision: u64,
}

/// The hashes of a record's first two labels, 0 where it has none; few have more.
type Hashes = [u64; 2];

#[derive(Debug)]
struct Slots<B> {
    pieces: Vec<Vec<Option<Entry<B>>>>,
    free: Vec<Slot>,
    /// The hashes of further labels.
    more: HashMap<Slot, Box<[u64]>>,
}

impl<B> Slots<B> {
    fn put(&mut self, entry: Entry<B>) -> Slot {
        if let Some(slot) = self.free.pop() {
            *self.place(slot) = Some(entry);
            return slot;
        }
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            // The first one grows with its table: most have few records.
            let whole = if self.pieces.is_empty() { 0 } else { PIECE };
            self.pieces.push(Vec::with_capacity(whole));
        }
        let before = (self.pieces.len() - 1) * PIECE;
        let piece = self.pieces.last_mut().expect("there is at least one");
        piece.push(Some(entry));
        Slot::try_from(before + piece.len() - 1)
            .expect("memory ends long before four thousand million records")
    }

    fn place(&mut self, slot: Slot) -> &mut Option<Entry<B>> {
        &mut self.pieces[slot as usize / PIECE][slot as usize % PIECE]
    }

    fn take(&mut self, slot: Slot) -> Option<Entry<B>> {
        let entry = self.place(slot).take()?;
        self.free.push(slot);
        self.more.remove(&slot);
        Some(entry)
    }

    fn get(&self, slot: Slot) -> Option<&Entry<B>> {
        self.pieces
            .get(slot as usize / PIECE)?
            .get(slot as usize % PIECE)?
            .as_ref()
    }

    fn iter(&self) -> impl Iterator<Item = &Entry<B>> {
        self.pieces.iter().flatten().flatten()
    }

    /// The hashes of the labels of the record in a slot.
    fn labels(&self, slot: Slot) -> impl Iterator<Item = u64> {
        let first = self.get(slot).map_or([0; 2], |entry| entry.labels);
        let more = self.more.get(&slot).map(|more| &**more).unwrap_or_default();
        first
            .into_iter()
            .chain(more.iter().copied())
            .filter(|hash| *hash != 0)
    }
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

/// The records by the hashes of their labels.
#[derive(Debug, Default)]
struct Labels {
    leads: HashTable<Lead>,
    /// The labels of several records.
    crowds: Vec<(u64, Vec<Slot>)>,
    free: Vec<u32>,
}

/// Where a label leads.
#[derive(Clone, Copy, Debug)]
struct Lead {
    /// Half of its hash; the other half stands where it leads.
    half: u32,
    to: To,
}

#[derive(Clone, Copy, Debug)]
struct To(u32);

impl To {
    /// Set where it leads to a crowd.
    const CROWD: u32 = 1 << 31;
    fn crowd(self) -> Option<usize> {
        (self.0 & To::CROWD != 0).then_some((self.0 & !To::CROWD) as usize)
    }
}

/// Half a hash, and that half spread over all bits, as the table wants it.
fn halves(label: u64) -> (u32, u64) {
    let half = (label >> 32) as u32;
    (half, spread(half))
}

fn spread(half: u32) -> u64 {
    /// 2^64 divided by the golden ratio (Knuth, volume 3, section 6.4).
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    u64::from(half).wrapping_mul(GOLDEN)
}

impl Labels {
    fn find<B>(&self, slots: &Slots<B>, label: u64) -> Option<Lead> {
        let (half, hash) = halves(label);
        let is_it = |lead: &Lead| lead.half == half && self.leads_to(slots, lead, label);
        self.leads.find(hash, is_it).copied()
    }

    fn leads_to<B>(&self, slots: &Slots<B>, lead: &Lead, label: u64) -> bool {
        match lead.to.crowd() {
            Some(crowd) => self.crowds[crowd].0 == label,
            None => slots.labels(lead.to.0).any(|own| own == label),
        }
    }

    fn slots<'a, B>(&'a self, slots: &Slots<B>, label: u64) -> impl Iterator<Item = Slot> + 'a {
        let lead = self.find(slots, label);
        let crowd = lead
            .and_then(|lead| lead.to.crowd())
            .map(|at| self.crowds[at].1.as_slice());
        let one = lead
            .filter(|lead| lead.to.crowd().is_none())
            .map(|lead| lead.to.0);
        one.into_iter().chain(crowd.unwrap_or_default().iter().copied())
    }

    /// Adds the record in a slot, whose entry is already there.
    fn join<B>(&mut self, slots: &Slots<B>, label: u64, slot: Slot) {
        let (half, hash) = halves(label);
        let Some(lead) = self.find(slots, label) else {
            let lead = Lead { half, to: To(slot) };
            self.leads.insert_unique(hash, lead, |lead| spread(lead.half));
            return;
        };
        match lead.to.crowd() {
            Some(crowd) => {
                if !self.crowds[crowd].1.contains(&slot) {
                    self.crowds[crowd].1.push(slot);
                }
            }
            None if lead.to.0 == slot => {}
            None => {
                let crowd = (label, vec![lead.to.0, slot]);
                let at = match self.free.pop() {
                    Some(at) => {
                        self.crowds[at as usize] = crowd;
                        at
                    }
                    None => {
                        self.crowds.push(crowd);
                        u32::try_from(self.crowds.len() - 1).expect("no more crowds than records")
                    }
                };
                if let Some(lead) = self
                    .leads
                    .find_mut(hash, |it| it.half == half && it.to.0 == lead.to.0)
                {
                    lead.to = To(at | To::CROWD);
                }
            }
        }
    }

    /// Takes the record in a slot out; its entry is still there.
    fn leave<B>(&mut self, slots: &Slots<B>, label: u64, slot: Slot) {
        let Some(lead) = self.find(slots, label) else {
            return;
        };
        if let Some(at) = lead.to.crowd() {
            let members = &mut self.crowds[at].1;
            members.retain(|other| *other != slot);
            if !members.is_empty() {
                return;
            }
            self.crowds[at] = (0, Vec::new());
            self.free.push(lead.to.0 & !To::CROWD);
        } else if lead.to.0 != slot {
            return;
        }
        let (half, hash) = halves(label);
        if let Ok(found) = self
            .leads
            .find_entry(hash, |it| it.half == half && it.to.0 == lead.to.0)
        {
            found.remove();
        }
    }
}

fn first_two(labels: &[u64]) -> Hashes {
    let at = |place: usize| labels.get(place).copied().unwrap_or_default();
    [at(0), at(1)]
}

impl<B> Index<B> {
    pub(super) fn new() -> Index<B> {
        Index {
            slots: Slots {
                pieces: Vec::new(),
                free: Vec::new(),
                more: HashMap::new(),
            },
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
        self.keep_more(slot, labels);
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
        self.keep_more(slot, labels);
        if moves {
            self.enter(slot);
        }
        slot
    }

    fn keep_more(&mut self, slot: Slot, labels: &[u64]) {
        match labels.get(2..).filter(|more| !more.is_empty()) {
            Some(more) => drop(self.slots.more.insert(slot, more.into())),
            None => drop(self.slots.more.remove(&slot)),
        }
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
