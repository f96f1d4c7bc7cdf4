//! Which records have a label, by its hash: half of it stands here, the rest where it leads.

use hashbrown::HashTable;

use super::slots::{Slot, Slots};

/// The records by the hashes of their labels.
#[derive(Debug, Default)]
pub(super) struct Labels {
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

    pub(super) fn slots<'a, B>(&'a self, slots: &Slots<B>, label: u64) -> impl Iterator<Item = Slot> + 'a {
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
    pub(super) fn join<B>(&mut self, slots: &Slots<B>, label: u64, slot: Slot) {
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
    pub(super) fn leave<B>(&mut self, slots: &Slots<B>, label: u64, slot: Slot) {
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
