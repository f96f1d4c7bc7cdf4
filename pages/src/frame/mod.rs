//! The Frame: what the posts of a site have in common, and therefore isn't what one of them says.
//!
//! It is learned from a [`Sketch`] of some posts, of which `site::scan` takes the same ones as long as the same files
//! are there. It holds numbers only: hashes of the places in a page (the names and classes of an element and of
//! those around it) and of the texts that stand there. Nothing is remembered between two learnings, so that the same
//! sketches give the same frame; a page more or less in the sample changes only what was on the verge.

mod sketch;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use self::sketch::leads;
pub use self::sketch::{Hash, MAX_SKETCH, Place, Sketch, Unit, UnitKind, add_up, card, sums, teasers};

/// Posts compared at most. With more the frame gets no better, and learning it is to cost little beside the scan.
pub const MAX_SAMPLE: usize = 48;

/// Posts below which nothing is common: what two posts say alike their author may have written twice.
const MIN_SAMPLE: usize = 3;

/// Texts and places that a frame holds. Only what a quarter of the sample shares is in it.
const MAX_FRAME: usize = 20_000;

/// Templates that a site's posts are told apart by: articles, notes, photographs.
const MAX_TEMPLATES: usize = 4;

/// Weight of a post's own text below which it doesn't tell where the text of posts stands.
const MIN_OWN: u32 = 40;

/// Which comes first in 03/04/2026.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Nobody knows.
    #[default]
    Open,
    /// The day.
    DayFirst,
    /// The month.
    MonthFirst,
}

/// What the posts of a site have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Texts in their places, sorted.
    shared: Box<[u64]>,
    /// Places where only such texts stand, sorted.
    chrome: Box<[u64]>,
    /// Places where only links to other pages of the site stand, sorted.
    leading: Box<[u64]>,
    /// Places that hold what is each post's own, the most frequent template first.
    content: Box<[u64]>,
    /// What several posts say of themselves for cards alike, sorted: it is the site's.
    card: Box<[u64]>,
    /// Whether most posts call themselves articles for cards.
    articles: bool,
    /// The order of day and month in which the site's pages write dates that can be read in one way only.
    order: Order,
}

/// What the frame says of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// It is the page's own.
    Own,
    /// Other posts say the same in the same place, in which they also say what is their own.
    Repeated,
    /// It stands in a place where posts say nothing of their own.
    Chrome,
}

impl Frame {
    /// Learns from the sketches of some posts, and from those of other pages how dates are written.
    pub fn learn(sketches: &[&Sketch]) -> Frame {
        let order = order(sketches);
        let posts: Vec<&Sketch> = sketches
            .iter()
            .copied()
            .filter(|sketch| sketch.is_post())
            .collect();
        let sketches = posts.as_slice();
        let all = count(sketches.len());
        if sketches.len() < MIN_SAMPLE {
            return Frame::of_order(order);
        }
        let counts = Counts::of(sketches);
        let mut frame = Frame {
            shared: sorted(counts.shared(all)),
            order,
            ..Frame::default()
        };
        frame.chrome = sorted(counts.chrome(sketches, all));
        frame.leading = sorted(leading(sketches, all));
        frame.content = frame.contents(sketches);
        frame.card = sorted(cards(sketches));
        let articles = sketches.iter().filter(|sketch| sketch.article).count();
        frame.articles = articles >= MIN_SAMPLE && articles * 2 >= sketches.len();
        frame
    }

    /// Whether posts call themselves articles, so that a page which calls itself a website is none.
    pub fn has_articles(&self) -> bool {
        self.articles
    }

    /// Whether several posts say the same of themselves for cards.
    pub fn is_on_every_card(&self, said: &str) -> bool {
        holds(&self.card, card(said))
    }

    /// One that knows nothing but the order in which the site writes day and month.
    pub fn of_order(order: Order) -> Frame {
        Frame {
            order,
            ..Frame::default()
        }
    }

    /// The order in which the site writes day and month, as far as its pages show it.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty()
            && self.chrome.is_empty()
            && self.leading.is_empty()
            && self.content.is_empty()
            && self.card.is_empty()
            && !self.articles
            && self.order == Order::Open
    }

    /// What it says of a unit of a page.
    pub fn share(&self, sketch: &Sketch, unit: &Unit) -> Share {
        let Some(place) = sketch.places.get(unit.place as usize) else {
            return Share::Own;
        };
        match unit.kind {
            UnitKind::Fixed => Share::Own,
            UnitKind::Text if holds(&self.chrome, place.path) => Share::Chrome,
            _ if !unit.keys(place.path).any(|key| holds(&self.shared, key)) => Share::Own,
            UnitKind::Picture => Share::Chrome,
            _ => Share::Repeated,
        }
    }

    /// Whether only links to other pages of the site stand in a place.
    pub fn leads_away(&self, path: u64) -> bool {
        holds(&self.leading, path)
    }

    /// The places in which posts say what is their own, the most frequent first.
    ///
    /// Posts whose text a feed gives are asked first: theirs is no guess.
    fn contents(&self, sketches: &[&Sketch]) -> Box<[u64]> {
        let mut found = vec![];
        let (guided, unguided): (Vec<&Sketch>, Vec<&Sketch>) = sketches
            .iter()
            .copied()
            .partition(|sketch| sketch.guided.is_some());
        let mut left: Vec<Supports> = guided.into_iter().filter_map(Supports::guided).collect();
        elect(&mut found, &mut left, sketches.len());
        let unguided = unguided.into_iter().map(|sketch| self.supports(sketch));
        left.extend(unguided.filter(|supports| !found.iter().any(|path| supports.has(*path))));
        left.retain(|supports| !supports.0.is_empty());
        elect(&mut found, &mut left, sketches.len());
        found.into()
    }

    /// The places that were learned to hold the content.
    pub fn content(&self) -> &[u64] {
        &self.content
    }

    /// The places of one page that hold most of its own text.
    fn supports(&self, sketch: &Sketch) -> Supports {
        let mut own = vec![0_u32; sketch.places.len()];
        let teasers = teasers(sketch);
        for unit in &sketch.units {
            if teasers[unit.place as usize] {
                continue;
            }
            if unit.linked * 2 <= unit.weight && self.share(sketch, unit) == Share::Own {
                own[unit.place as usize] += unit.weight;
            }
        }
        add_up(sketch, &mut own);
        let whole = own.first().copied().unwrap_or(0);
        let most = |at: usize| u64::from(own[at]) * 10 >= u64::from(whole) * 7;
        Supports::of(sketch, |at| whole >= MIN_OWN && most(at))
    }
}

/// Places of a page that may be where its content is, with their depth. None is on the page twice.
struct Supports(BTreeMap<u64, usize>);

impl Supports {
    fn of(sketch: &Sketch, wanted: impl Fn(usize) -> bool) -> Supports {
        let mut times: HashMap<u64, usize> = HashMap::new();
        for place in &sketch.places {
            *times.entry(place.path).or_default() += 1;
        }
        let mut depths = vec![0_usize; sketch.places.len()];
        let mut supports = BTreeMap::new();
        for (at, place) in sketch.places.iter().enumerate().skip(1) {
            depths[at] = depths[place.parent as usize] + 1;
            if place.container && times.get(&place.path) == Some(&1) && wanted(at) {
                supports.insert(place.path, depths[at]);
            }
        }
        Supports(supports)
    }

    /// Those around the text that a feed gives.
    fn guided(sketch: &Sketch) -> Option<Supports> {
        let mut around = HashSet::new();
        let mut at = sketch.guided?;
        while around.insert(at) {
            at = sketch.places.get(at as usize)?.parent;
        }
        let found = Supports::of(sketch, |at| around.contains(&count(at)));
        Some(found).filter(|found| !found.0.is_empty())
    }

    fn has(&self, path: u64) -> bool {
        self.0.contains_key(&path)
    }
}

/// Elects the places that are good for most pages, template by template, and leaves the pages for which none is.
fn elect(found: &mut Vec<u64>, left: &mut Vec<Supports>, all: usize) {
    while found.len() < MAX_TEMPLATES && left.len() >= MIN_SAMPLE && left.len() * 6 >= all {
        // How many pages a place is good for, and how deep it lies.
        let mut votes: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
        for (path, depth) in left.iter().flat_map(|supports| &supports.0) {
            let vote = votes.entry(*path).or_default();
            *vote = (vote.0 + 1, vote.1.max(*depth));
        }
        let most = votes.values().map(|(pages, _)| *pages).max().unwrap_or(0);
        // The outermost places are good for all pages; the innermost that is good for nearly as many says most.
        let deepest = votes
            .iter()
            .filter(|(_, (pages, _))| *pages >= MIN_SAMPLE && pages * 10 >= most * 8)
            .max_by_key(|(path, (_, depth))| (*depth, **path));
        let Some((path, _)) = deepest else { break };
        let path = *path;
        left.retain(|supports| !supports.has(path));
        found.push(path);
    }
}

/// How many pages say what, where.
#[derive(Default)]
struct Counts {
    /// Pages that have a place.
    places: HashMap<u64, u32>,
    /// Pages that say a text in a place; with the place two elements further out.
    texts: HashMap<u64, Said>,
}

struct Said {
    pages: u32,
    around: u64,
}

impl Counts {
    fn of(sketches: &[&Sketch]) -> Counts {
        let mut counts = Counts::default();
        for sketch in sketches {
            let paths: HashSet<u64> = sketch.places.iter().map(|place| place.path).collect();
            for path in paths {
                *counts.places.entry(path).or_default() += 1;
            }
            let mut seen = HashSet::new();
            for unit in sketch.units.iter().filter(|unit| unit.kind != UnitKind::Fixed) {
                let place = &sketch.places[unit.place as usize];
                let around = sketch.places[place.parent as usize].parent;
                for key in unit.keys(place.path) {
                    let said = counts.texts.entry(key).or_insert_with(|| Said {
                        pages: 0,
                        around: sketch.places[around as usize].path,
                    });
                    said.pages += u32::from(seen.insert(key));
                }
            }
        }
        counts
    }

    fn pages_with(&self, path: u64) -> u32 {
        self.places.get(&path).copied().unwrap_or(0)
    }

    /// What a quarter of all posts says, and most of those in which it could stand.
    fn shared(&self, all: u32) -> Vec<u64> {
        let wanted =
            |said: &&Said| is_common(said.pages, all) && said.pages * 5 >= self.pages_with(said.around) * 3;
        let shared = self.texts.iter().filter(|(_, said)| wanted(said));
        shared.map(|(key, _)| *key).collect()
    }

    /// Places in which a quarter of all posts says something, and nearly nothing that no other post says or begins with.
    fn chrome(&self, sketches: &[&Sketch], all: u32) -> Vec<u64> {
        let mut said: HashMap<u64, (u32, u32)> = HashMap::new();
        for sketch in sketches {
            for unit in sketch.units.iter().filter(|unit| unit.kind == UnitKind::Text) {
                let path = sketch.places[unit.place as usize].path;
                let mut keys = unit
                    .keys(path)
                    .map(|key| self.texts.get(&key).map_or(0, |said| said.pages));
                let by_text = keys.next().is_some_and(|pages| pages > 1);
                let by_label = keys.next().is_some_and(|pages| is_common(pages, all));
                let (repeated, times) = said.entry(path).or_default();
                *repeated += u32::from(by_text || by_label);
                *times += 1;
            }
        }
        let chrome = said.into_iter().filter(|(path, (repeated, times))| {
            is_common(self.pages_with(*path), all) && repeated * 10 >= times * 8
        });
        chrome.map(|(path, _)| path).collect()
    }
}

/// Places that a quarter of all posts has, and that hold links to other pages of the site and nothing else.
fn leading(sketches: &[&Sketch], all: u32) -> Vec<u64> {
    struct Seen {
        pages: u32,
        times: u32,
        leading: u32,
    }
    let mut seen: HashMap<u64, Seen> = HashMap::new();
    for sketch in sketches {
        let (weight, linked) = sums(sketch);
        let mut here = HashSet::new();
        for (at, place) in sketch.places.iter().enumerate() {
            if weight[at] == 0 {
                continue;
            }
            let seen = seen.entry(place.path).or_insert(Seen {
                pages: 0,
                times: 0,
                leading: 0,
            });
            seen.pages += u32::from(here.insert(place.path));
            seen.times += 1;
            seen.leading += u32::from(leads(weight[at], linked[at]));
        }
    }
    let leading = seen
        .into_iter()
        .filter(|(_, seen)| is_common(seen.pages, all) && seen.leading * 20 >= seen.times * 19);
    leading.map(|(path, _)| path).collect()
}

/// What as many posts as make a sample say of themselves for cards.
fn cards(sketches: &[&Sketch]) -> Vec<u64> {
    let mut pages: HashMap<u64, usize> = HashMap::new();
    for said in sketches.iter().flat_map(|sketch| &sketch.card) {
        *pages.entry(*said).or_default() += 1;
    }
    pages
        .into_iter()
        .filter(|(_, pages)| *pages >= MIN_SAMPLE)
        .map(|(said, _)| said)
        .collect()
}

/// The order of day and month that some pages show, if no other shows the other one.
fn order(sketches: &[&Sketch]) -> Order {
    let mut shown = sketches
        .iter()
        .map(|sketch| sketch.order)
        .filter(|order| *order != Order::Open);
    let first = shown.next().unwrap_or_default();
    if shown.all(|order| order == first) {
        first
    } else {
        Order::Open
    }
}

fn is_common(pages: u32, all: u32) -> bool {
    pages >= count(MIN_SAMPLE) && pages * 4 >= all
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn sorted(mut numbers: Vec<u64>) -> Box<[u64]> {
    numbers.sort_unstable();
    numbers.truncate(MAX_FRAME);
    numbers.into()
}

fn holds(numbers: &[u64], number: u64) -> bool {
    numbers.binary_search(&number).is_ok()
}

#[cfg(test)]
mod tests;
