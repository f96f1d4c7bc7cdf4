//! Records in numbered places: growing moves none, and a place that was left is taken again.

use std::collections::HashMap;
use std::sync::Arc;

/// Slots of one piece of memory: growing takes another piece, and moves nothing.
const PIECE: usize = 1_024;

/// The number of a slot.
pub(super) type Slot = u32;

/// The hashes of a record's first two labels, 0 where it has none; few have more.
pub(super) type Hashes = [u64; 2];

/// A record, as far as it is kept.
#[derive(Debug)]
pub(in crate::store) struct Entry<B> {
    pub(in crate::store) id: Arc<str>,
    pub(in crate::store) brief: B,
    pub(super) group: Option<Arc<str>>,
    pub(super) labels: Hashes,
    /// The revision in which it was last written.
    pub(in crate::store) revision: u64,
}

#[derive(Debug)]
pub(super) struct Slots<B> {
    pieces: Vec<Vec<Option<Entry<B>>>>,
    free: Vec<Slot>,
    /// The hashes of further labels.
    more: HashMap<Slot, Box<[u64]>>,
}

impl<B> Slots<B> {
    pub(super) fn new() -> Slots<B> {
        Slots {
            pieces: Vec::new(),
            free: Vec::new(),
            more: HashMap::new(),
        }
    }

    pub(super) fn put(&mut self, entry: Entry<B>) -> Slot {
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

    pub(super) fn place(&mut self, slot: Slot) -> &mut Option<Entry<B>> {
        &mut self.pieces[slot as usize / PIECE][slot as usize % PIECE]
    }

    pub(super) fn take(&mut self, slot: Slot) -> Option<Entry<B>> {
        let entry = self.place(slot).take()?;
        self.free.push(slot);
        self.more.remove(&slot);
        Some(entry)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Entry<B>> {
        self.pieces
            .get(slot as usize / PIECE)?
            .get(slot as usize % PIECE)?
            .as_ref()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<B>> {
        self.pieces.iter().flatten().flatten()
    }

    /// The hashes of the labels of the record in a slot.
    pub(super) fn labels(&self, slot: Slot) -> impl Iterator<Item = u64> {
        let first = self.get(slot).map_or([0; 2], |entry| entry.labels);
        let more = self.more.get(&slot).map(|more| &**more).unwrap_or_default();
        first
            .into_iter()
            .chain(more.iter().copied())
            .filter(|hash| *hash != 0)
    }

    /// Keeps the labels of the record in a slot beyond those that it carries itself.
    pub(super) fn keep_more(&mut self, slot: Slot, labels: &[u64]) {
        match labels.get(2..).filter(|more| !more.is_empty()) {
            Some(more) => drop(self.more.insert(slot, more.into())),
            None => drop(self.more.remove(&slot)),
        }
    }
}

/// The labels that a record carries itself.
pub(super) fn first_two(labels: &[u64]) -> Hashes {
    let at = |place: usize| labels.get(place).copied().unwrap_or_default();
    [at(0), at(1)]
}
