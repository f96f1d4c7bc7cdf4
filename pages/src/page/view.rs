//! The smallest element that holds a post's own text, where the page doesn't say which that is.
//!
//! Three ways lead to it, the surest first: where the text stands that the site's feed gives of the post; where other
//! posts of the site have what is their own (the [`Frame`]); and where most of the text stands that is neither links
//! nor, by its element, beside the post.

use std::collections::HashSet;

use super::document::{Document, ancestors, name, self_and_ancestors, some_line};
use super::guide::Guide;
use super::outline::Outline;
use super::region::{self, Region};
use super::{clutter, headline};
use crate::dom::{ElementRef, NodeId, NodeSet};
use crate::frame::{Frame, Share, UnitKind, add_up, sums, teasers};

/// Places of an outline; a page of 8 MiB in which every word is an element has more, and its end is left as it is.
const MAX_PLACES: usize = 100_000;

/// Weight of text before the content that belongs to it all the same: a paragraph, not a line about the post.
const PARAGRAPH: u32 = 140;

/// Weight from which a line of the text is more than a word about it.
const SENTENCE: u32 = 40;

/// Weight of a headline; what is longer is a paragraph.
const MAX_HEADLINE: u32 = 400;

/// A page seen beside the others of its site.
pub(super) struct View<'a> {
    pub(super) outline: Outline<'a>,
    /// What each unit is.
    pub(super) shares: Vec<Share>,
    /// Whether each place is beside the post by its element or its name.
    out: Vec<bool>,
    /// Weight of what is the page's own in each place: neither shared, nor links, nor beside.
    own: Vec<u32>,
    /// What the window is called.
    window: Option<String>,
    frame: Option<&'a Frame>,
}

/// Where the content was found.
pub(super) struct Core<'a> {
    pub(super) element: ElementRef<'a>,
    pub(super) source: &'static str,
    /// What is in the element beside the content.
    pub(super) beside: NodeSet,
}

impl<'a> View<'a> {
    pub(super) fn of(document: &Document<'a>, frame: Option<&'a Frame>) -> View<'a> {
        let outline = Outline::of(document, region::body(document), MAX_PLACES);
        let sketch = &outline.sketch;
        let (weight, _) = sums(sketch);
        let whole = weight.first().copied().unwrap_or(0);
        let mut out = vec![false; sketch.places.len()];
        let mut leads = teasers(sketch);
        for at in 1..sketch.places.len() {
            let element = outline.elements[at];
            let parent = outline.parent(at);
            // A name on a wrapper around everything means nothing.
            out[at] = out[parent] || (clutter::is_out(element) && weight[at] * 2 <= whole);
            leads[at] = leads[parent] || frame.is_some_and(|frame| frame.leads_away(sketch.places[at].path));
        }
        let share = |unit| match frame {
            Some(frame) => frame.share(sketch, unit),
            None => Share::Own,
        };
        let shares: Vec<Share> = sketch
            .units
            .iter()
            .map(|unit| {
                if leads[unit.place as usize] {
                    Share::Chrome
                } else {
                    share(unit)
                }
            })
            .collect();
        let mut own = vec![0; sketch.places.len()];
        for (unit, share) in sketch.units.iter().zip(&shares) {
            let place = unit.place as usize;
            if *share == Share::Own && !out[place] && unit.linked * 2 <= unit.weight {
                own[place] += unit.weight;
            }
        }
        add_up(sketch, &mut own);
        View {
            outline,
            shares,
            out,
            own,
            window: headline::window(document),
            frame,
        }
    }

    /// Weight of what an element says itself: no headings, links, or what other posts say too.
    pub(super) fn says(&self, element: ElementRef<'a>) -> u32 {
        let Some(start) = self.outline.place(element.id()) else {
            return 0;
        };
        let units = self.outline.sketch.units.iter().zip(&self.shares);
        let own = units.filter(|(unit, share)| {
            let place = unit.place as usize;
            **share == Share::Own
                && unit.kind != UnitKind::Heading
                && unit.linked * 2 <= unit.weight
                && !self.out[place]
                && self.outline.within(place, start)
        });
        own.map(|(unit, _)| unit.weight).sum()
    }

    /// Whether other posts say something of an element, too.
    pub(super) fn is_repeated(&self, element: ElementRef<'a>) -> bool {
        let Some(start) = self.outline.place(element.id()) else {
            return false;
        };
        let mut units = self.outline.sketch.units.iter().zip(&self.shares);
        units.any(|(unit, share)| *share != Share::Own && self.outline.within(unit.place as usize, start))
    }

    /// Whether it is known what the posts of the site have in common.
    pub(super) fn is_compared(&self) -> bool {
        self.frame.is_some_and(|frame| !frame.content().is_empty())
    }

    /// Finds the content. `None` when nothing tells more than the region does.
    pub(super) fn core(
        &self,
        region: &Region<'a>,
        guide: Option<&Guide>,
        title: Option<&str>,
    ) -> Option<Core<'a>> {
        let start = self.outline.place(region.element.id())?;
        let (at, source) = self.found(guide).or_else(|| {
            let at = self.densest(start, title);
            (region.source != "<article>" && at != start).then_some((at, "density of text"))
        })?;
        Some(self.with_lead(at, start, source, title))
    }

    /// Where the feed or the other posts say that the content is.
    fn found(&self, guide: Option<&Guide>) -> Option<(usize, &'static str)> {
        let compared = self.compared();
        // A feed may give only the beginning, which may stand in an element by itself.
        let beginning = |at: usize| compared.is_some_and(|whole| self.outline.within(at, whole));
        self.guided(guide)
            .filter(|at| !beginning(*at))
            .map(|at| (at, "where the feed's text stands"))
            .or_else(|| compared.map(|at| (at, "compared with other posts")))
    }

    /// The smallest element around the content and its headline, where the feed or other posts tell what the content
    /// is: dates and tags outside of it are of other pages.
    pub(super) fn around(&self, guide: Option<&Guide>, title: Option<&str>) -> Option<ElementRef<'a>> {
        let (core, _) = self.found(guide)?;
        let headline = self.headline(0, title)?;
        let mut at = core;
        while !self.outline.within(headline, at) {
            at = self.outline.parent(at);
        }
        (at != 0).then(|| self.outline.elements[at])
    }

    fn is_container(&self, at: usize) -> bool {
        self.outline.sketch.places[at].container
    }

    /// The smallest container of what the feed's content and the page have in common.
    fn guided(&self, guide: Option<&Guide>) -> Option<usize> {
        let found = self.outline.container(guide?.find(&self.outline)?);
        (found != 0).then_some(found)
    }

    /// The one element that stands where other posts have what is their own.
    fn compared(&self) -> Option<usize> {
        let places = &self.outline.sketch.places;
        self.frame?.content().iter().find_map(|path| {
            let mut there = (1..places.len()).filter(|at| places[*at].path == *path);
            there
                .next()
                .filter(|at| there.next().is_none() && self.own[*at] > 0)
        })
    }

    /// From `start` down as long as one element holds most of the text. Where that isn't the one with the headline,
    /// the headline's is right if it has text of its own after the other; else both belong together.
    fn densest(&self, start: usize, title: Option<&str>) -> usize {
        let headline = self.headline(start, title);
        let whole = u64::from(self.own[start]);
        let mut at = start;
        loop {
            let containers: Vec<usize> = self
                .outline
                .children(at)
                .filter(|child| self.is_container(*child))
                .collect();
            let heavy = containers
                .iter()
                .copied()
                .find(|child| u64::from(self.own[*child]) * 10 >= whole * 7);
            let headed = headline.and_then(|headline| {
                let around = |child: &usize| self.outline.within(headline, *child);
                containers.iter().copied().find(around)
            });
            at = match (heavy, headed) {
                (Some(heavy), Some(headed)) if heavy == headed => heavy,
                (Some(heavy), Some(headed)) if heavy < headed && self.says_more(headed) => headed,
                (None, Some(headed)) if self.says_more(headed) && self.beside_is_not_prose(at, headed) => {
                    headed
                }
                (Some(heavy), None) => heavy,
                _ => return at,
            };
        }
    }

    /// Whether a place holds text beside its headings.
    fn says_more(&self, at: usize) -> bool {
        let units = self.outline.sketch.units.iter().zip(&self.shares);
        let mut units = units.filter(|(unit, share)| {
            unit.kind != UnitKind::Heading
                && **share == Share::Own
                && unit.linked * 2 <= unit.weight
                && !self.out[unit.place as usize]
                && self.outline.within(unit.place as usize, at)
        });
        units.any(|(unit, _)| {
            unit.weight >= PARAGRAPH
                || unit.kind == UnitKind::Fixed
                || self_and_ancestors(self.outline.elements[unit.place as usize])
                    .take(2)
                    .any(|around| name(around) == "p")
        })
    }

    /// Whether what stands after a child of a place isn't its text going on.
    fn beside_is_not_prose(&self, at: usize, child: usize) -> bool {
        self.outline
            .children(at)
            .filter(|other| *other > child)
            .all(|other| self.own[other] < PARAGRAPH)
    }

    /// The first place that says the title, or what the window is called.
    fn headline(&self, start: usize, title: Option<&str>) -> Option<usize> {
        let title = title.and_then(some_line);
        let says = |element: ElementRef<'a>| {
            let said = headline::clean(element);
            let titled = title.as_ref().is_some_and(|title| *title == said);
            !said.is_empty()
                && (titled
                    || self
                        .window
                        .as_ref()
                        .is_some_and(|window| headline::is_segment(&said, window)))
        };
        let aside = |element: ElementRef<'a>| {
            ancestors(element)
                .any(|around| matches!(name(around), "nav" | "li" | "footer") || region::is_beside(around))
        };
        let places = |kind: UnitKind| {
            let units = self.outline.sketch.units.iter().zip(&self.shares);
            units
                .filter(move |(unit, share)| {
                    **share == Share::Own && unit.kind == kind && unit.weight <= MAX_HEADLINE
                })
                .map(|(unit, _)| unit.place as usize)
                .filter(|place| self.outline.within(*place, start))
        };
        // In a line that is a link stands the title of a list's entry, though it be this page's.
        let linked = |element: ElementRef<'a>| {
            self_and_ancestors(element)
                .take(2)
                .any(|around| name(around) == "a")
        };
        let lines = places(UnitKind::Text).filter(|place| !linked(self.outline.elements[*place]));
        places(UnitKind::Heading).chain(lines).find(|place| {
            let element = self.outline.elements[*place];
            says(element) && !aside(element)
        })
    }

    /// The content with what comes before it and belongs to it, pictures above all, in one element.
    fn with_lead(&self, core: usize, region: usize, source: &'static str, title: Option<&str>) -> Core<'a> {
        let mut kept = HashSet::from([core]);
        let mut top = core;
        let mut at = core;
        let headline = self.headline(0, title);
        while at != 0 && at != region {
            let parent = self.outline.parent(at);
            for sibling in self.outline.children(parent) {
                let before = sibling < at
                    && headline
                        .is_none_or(|headline| sibling > headline || self.outline.within(headline, sibling));
                let keep = if before {
                    !headline.is_some_and(|headline| self.outline.within(headline, sibling))
                        && self.leads_in(sibling)
                } else {
                    sibling > at && clutter::is_footnotes(self.outline.elements[sibling])
                };
                if keep {
                    kept.insert(sibling);
                    top = parent;
                }
            }
            at = parent;
        }
        let mut beside = NodeSet::new();
        let mut at = core;
        while at != top {
            let parent = self.outline.parent(at);
            let others = self
                .outline
                .children(parent)
                .filter(|other| *other != at && !kept.contains(other));
            beside.extend(others.map(|other| self.outline.elements[other].id()));
            at = parent;
        }
        Core {
            element: self.outline.elements[top],
            source,
            beside,
        }
    }

    /// Whether a place before the content shows the post's own picture or says a paragraph.
    fn leads_in(&self, at: usize) -> bool {
        if self.out[at] {
            return false;
        }
        let mut units = self
            .outline
            .sketch
            .units
            .iter()
            .zip(&self.shares)
            .filter(|(unit, share)| {
                **share == Share::Own
                    && unit.linked * 2 <= unit.weight
                    && self.outline.within(unit.place as usize, at)
            });
        units.any(|(unit, _)| match unit.kind {
            UnitKind::Picture => !clutter::is_portrait(self.outline.elements[unit.place as usize]),
            UnitKind::Heading => false,
            _ => unit.weight >= PARAGRAPH,
        })
    }

    /// What stands in the content and is the same on all pages, or the same everywhere it stands.
    pub(super) fn frame(&self, root: ElementRef<'a>, beside: &NodeSet) -> Vec<NodeId> {
        let Some(start) = self.outline.place(root.id()) else {
            return vec![];
        };
        let places = &self.outline.sketch.places;
        let mut aside = vec![false; places.len()];
        for at in start + 1..places.len() {
            aside[at] = aside[self.outline.parent(at)] || beside.contains(self.outline.elements[at].id());
        }
        let inside: Vec<(usize, usize)> = self
            .outline
            .sketch
            .units
            .iter()
            .enumerate()
            .map(|(index, unit)| (index, unit.place as usize))
            .filter(|(_, place)| self.outline.within(*place, start) && !aside[*place])
            .collect();
        let own = |index: usize| self.shares[index] == Share::Own;
        // Where all is shared, the same post stands there several times.
        let Some(last) = inside
            .iter()
            .rev()
            .find(|(index, _)| own(*index))
            .map(|(index, _)| *index)
        else {
            return vec![];
        };
        // A short line of its own ("A walk in May") may stand among those about the post.
        let speaks = |index: usize| {
            let unit = &self.outline.sketch.units[index];
            own(index)
                && unit.kind != UnitKind::Heading
                && (unit.kind != UnitKind::Text || unit.weight >= SENTENCE)
        };
        let first = inside
            .iter()
            .map(|(index, _)| *index)
            .find(|index| speaks(*index));
        let first = first.unwrap_or(0);
        let mut said = vec![Said::default(); places.len()];
        for (index, place) in &inside {
            let unit = &self.outline.sketch.units[*index];
            said[*place].add(&Said {
                own: u32::from(own(*index)),
                chrome: u32::from(self.shares[*index] == Share::Chrome && unit.kind != UnitKind::Heading),
                units: 1,
                labelled: u32::from(unit.label.is_some()),
                first: *index,
                last: *index,
            });
        }
        for at in (start + 1..places.len()).rev() {
            let here = said[at].clone();
            said[self.outline.parent(at)].add(&here);
        }
        let mut gone = vec![false; places.len()];
        let mut skip = vec![];
        for at in start + 1..places.len() {
            let parent = self.outline.parent(at);
            if gone[parent] {
                gone[at] = true;
                continue;
            }
            let here = &said[at];
            // What opens all posts may be how their author greets; with a label or a number it is about the post.
            let opens = here.last < first && here.labelled == here.units;
            let frame = here.units > 0 && here.own == 0 && (here.chrome > 0 || here.first > last || opens);
            if frame && !is_part(self.outline.elements[at]) {
                gone[at] = true;
                skip.push(self.outline.elements[at].id());
            }
        }
        skip
    }
}

/// What is said in a place.
#[derive(Clone, Default)]
struct Said {
    own: u32,
    chrome: u32,
    units: u32,
    labelled: u32,
    /// The first and the last unit, if there is one.
    first: usize,
    last: usize,
}

impl Said {
    fn add(&mut self, other: &Said) {
        if other.units == 0 {
            return;
        }
        self.first = if self.units == 0 {
            other.first
        } else {
            self.first.min(other.first)
        };
        self.last = self.last.max(other.last);
        self.own += other.own;
        self.chrome += other.chrome;
        self.units += other.units;
        self.labelled += other.labelled;
    }
}

/// Whether an element is part of something that goes as a whole or not at all.
fn is_part(element: ElementRef<'_>) -> bool {
    matches!(
        name(element),
        "li" | "dt"
            | "dd"
            | "tr"
            | "td"
            | "th"
            | "tbody"
            | "thead"
            | "caption"
            | "figcaption"
            | "summary"
            | "source"
    )
}
