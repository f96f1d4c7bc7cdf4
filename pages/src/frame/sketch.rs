//! What pages are compared by: their places, and what is said in each.

use std::collections::HashMap;

use super::Order;

/// Places and units of one sketch; a page with more is cut. A post of 50,000 words has half as many.
pub const MAX_SKETCH: usize = 4_000;

/// What a page is made of, in document order, as far as pages are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Its elements, each after the one around it; the first is the root.
    pub places: Vec<Place>,
    /// Its texts and pictures.
    pub units: Vec<Unit>,
    /// The place of the text that the site's feed gives of it.
    pub guided: Option<u32>,
    /// Hashes of what it says of itself for cards: the summary, the picture's address.
    pub card: Vec<u64>,
    /// Whether it calls itself an article for cards (og:type).
    pub article: bool,
    /// The order in which it writes day and month.
    pub order: Order,
}

impl Sketch {
    /// Whether it is of a post: of other pages only the order of day and month counts.
    pub fn is_post(&self) -> bool {
        !self.places.is_empty()
    }
}

/// An element of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The index of the element around it; of the root, its own.
    pub parent: u32,
    /// Hash of the names and classes of the element and of those around it.
    pub path: u64,
    /// Whether it only holds other things (`<div>`, `<td>`), and says nothing itself as `<ul>` and `<p>` do.
    pub container: bool,
}

/// A line or paragraph, or a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The index of the innermost element that holds it.
    pub place: u32,
    /// Hash of what it says, or of a picture's address.
    pub text: u64,
    /// Hash of a short text up to its colon or first digit, if it has one: "Tags", "Posted on".
    pub label: Option<u64>,
    /// How much it says: letters, of which those of scripts that write words with one or two count twice.
    pub weight: u32,
    /// How much of that is in links to other pages of the site.
    pub linked: u32,
    /// What it is.
    pub kind: UnitKind,
}

impl Unit {
    /// What it is counted under in a place.
    pub(super) fn keys(&self, path: u64) -> impl Iterator<Item = u64> {
        let label = self
            .label
            .map(|label| Hash::new().number(path).number(label).number(1).done());
        std::iter::once(key(path, self.text)).chain(label)
    }
}

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// Text.
    Text,
    /// A heading: what stands under it may be a post's own though the heading is in all posts.
    Heading,
    /// Part of code, a table, a quotation: never frame by itself.
    Fixed,
    /// A picture, a film, a sound.
    Picture,
}

/// The hash of a summary, or of a picture's address, in [`Sketch::card`].
pub fn card(said: &str) -> u64 {
    Hash::new().bytes(said.as_bytes()).done()
}

/// Which places are in a teaser: one of several alike, each under a heading that leads to another page of the site.
pub fn teasers(sketch: &Sketch) -> Vec<bool> {
    let count = sketch.places.len();
    // The first text in each place, and how many there are.
    let mut first: Vec<Option<usize>> = vec![None; count];
    let mut units = vec![0_u32; count];
    for (at, unit) in sketch.units.iter().enumerate() {
        units[unit.place as usize] += 1;
        if unit.kind != UnitKind::Picture {
            first[unit.place as usize].get_or_insert(at);
        }
    }
    for at in (1..count).rev() {
        let parent = sketch.places[at].parent as usize;
        units[parent] += units[at];
        first[parent] = match (first[parent], first[at]) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    let leads = |at: usize| {
        let heading = first[at].map(|unit| &sketch.units[unit]);
        units[at] > 1
            && heading.is_some_and(|unit| unit.kind == UnitKind::Heading && unit.linked * 2 > unit.weight)
    };
    let mut alike: HashMap<u64, u32> = HashMap::new();
    for at in (1..count).filter(|at| leads(*at)) {
        *alike.entry(sketch.places[at].path).or_default() += 1;
    }
    let mut teasers = vec![false; count];
    for at in 1..count {
        let teaser = leads(at) && alike.get(&sketch.places[at].path).is_some_and(|times| *times > 1);
        teasers[at] = teasers[sketch.places[at].parent as usize] || teaser;
    }
    teasers
}

/// Whether of so much text so much in links is a way to other pages.
pub(super) fn leads(weight: u32, linked: u32) -> bool {
    u64::from(linked) * 10 >= u64::from(weight) * 8
}

/// The weight of the text in each place, and how much of it is in links to other pages of the site.
pub fn sums(sketch: &Sketch) -> (Vec<u32>, Vec<u32>) {
    let mut weight = vec![0; sketch.places.len()];
    let mut linked = vec![0; sketch.places.len()];
    for unit in &sketch.units {
        weight[unit.place as usize] += unit.weight;
        linked[unit.place as usize] += unit.linked;
    }
    add_up(sketch, &mut weight);
    add_up(sketch, &mut linked);
    (weight, linked)
}

/// Adds to each place what the places inside of it have.
pub fn add_up(sketch: &Sketch, sums: &mut [u32]) {
    for at in (1..sketch.places.len()).rev() {
        let parent = sketch.places[at].parent as usize;
        sums[parent] = sums[parent].saturating_add(sums[at]);
    }
}

/// A hash that is the same in every process: the 64 bits of FNV-1a, mixed once more at the end; of longer texts a faster one.
#[derive(Clone, Copy, Debug)]
pub struct Hash(u64);

impl Hash {
    /// Of nothing yet.
    pub fn new() -> Hash {
        Hash(0xcbf2_9ce4_8422_2325)
    }

    /// With some bytes more.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Hash {
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Hash(bytes.iter().fold(self.0, mix))
    }

    /// With a longer text more: eight bytes at a time, by both halves of a product as large as two of them.
    #[must_use]
    pub fn words(self, text: &[u8]) -> Hash {
        let mix = |hash: u64, word: u64| {
            let product = u128::from(hash ^ word) * u128::from(0xd6e8_feb8_6659_fd93_u64);
            (product >> 64) as u64 ^ product as u64
        };
        let (words, rest) = text.as_chunks::<8>();
        let hash = words
            .iter()
            .fold(self.0, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        Hash(mix(mix(hash, u64::from_le_bytes(last)), text.len() as u64))
    }

    /// With a number more.
    #[must_use]
    pub fn number(self, number: u64) -> Hash {
        self.bytes(&number.to_le_bytes())
    }

    /// The hash.
    pub fn done(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }
}

impl Default for Hash {
    fn default() -> Hash {
        Hash::new()
    }
}

/// What a text is counted under in a place.
pub(super) fn key(path: u64, text: u64) -> u64 {
    Hash::new().number(path).number(text).done()
}
