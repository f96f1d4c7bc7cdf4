//! The outline of a page: its elements and what is said in each, as pages of a site are compared by.
//!
//! A unit of text is what stands together in one block: a paragraph with its emphasised words. Where a block only holds
//! inline elements side by side, each is a unit, because such lines are made of parts ("3 minutes", a name, a link).

use super::document::{Document, is_separate, name, same_page};
use super::region;
use std::borrow::Cow;

use crate::dom::{Edge, ElementRef, Node, NodeId};
use crate::frame::{Hash, Place, Sketch, Unit, UnitKind};

/// Letters up to which digits don't count: "3 minutes to read" is what "5 minutes to read" is.
const MAX_COUNTED: u32 = 60;

/// Letters of a line about the post, and of the label before its colon.
const MAX_LABELLED: u32 = 120;
const MAX_LABEL: u32 = 30;

/// From here on letters are of scripts that write a word with one or two: Chinese, Japanese, Korean.
const DENSE: char = '\u{2e80}';

/// Columns that are told apart.
const MAX_COLUMNS: usize = 8;

/// Of a node that is no place.
const NO_PLACE: u32 = u32::MAX;

/// What a picture weighs: as much as a line of text, so that a post that is one has something of its own.
const PICTURE: u32 = 60;

/// A page's sketch, and which elements its places are.
pub(super) struct Outline<'a> {
    pub(super) sketch: Sketch,
    pub(super) elements: Vec<ElementRef<'a>>,
    /// The index after the last place inside each.
    ends: Vec<usize>,
    /// All texts with their innermost places.
    pub(super) texts: Vec<(u32, &'a str)>,
    /// The place of each node of the page, if it is one.
    index: Vec<u32>,
}

/// Text that stands together, not yet at its end.
#[derive(Default)]
struct Run<'a> {
    /// The outermost inline elements, or the block itself, with what each says.
    pieces: Vec<Piece<'a>>,
}

struct Piece<'a> {
    place: u32,
    text: Cow<'a, str>,
    linked: u32,
}

/// A block that is open.
struct Block<'a> {
    place: u32,
    kind: UnitKind,
    run: Run<'a>,
    /// The outermost inline element that is open in it.
    inline: Option<(NodeId, u32)>,
}

impl<'a> Outline<'a> {
    /// The outline of an element with at most `limit` places and as many units; what comes after isn't in it.
    pub(super) fn of(document: &Document<'a>, root: ElementRef<'a>, limit: usize) -> Outline<'a> {
        let mut drawing = Drawing {
            document,
            limit,
            outline: Outline {
                sketch: Sketch::default(),
                elements: vec![],
                ends: vec![],
                texts: vec![],
                index: vec![NO_PLACE; document.nodes],
            },
            blocks: vec![],
            link: None,
            letters: vec![],
        };
        let mut hidden: Option<NodeId> = None;
        for edge in root.traverse() {
            let (node, opens) = match edge {
                Edge::Open(node) => (node, true),
                Edge::Close(node) => (node, false),
            };
            if let Some(hides) = hidden {
                if !opens && node.id() == hides {
                    hidden = None;
                }
                continue;
            }
            match node.value() {
                Node::Text(text) if opens => drawing.text(node.parent().map(|parent| parent.id()), text),
                Node::Element(_) => {
                    let Some(element) = ElementRef::wrap(node) else {
                        continue;
                    };
                    if !opens {
                        drawing.close(element);
                    } else if is_hidden(element) || !drawing.open(element) {
                        hidden = Some(node.id());
                    }
                }
                _ => {}
            }
        }
        drawing.outline
    }

    /// The place of an element, if it is in the outline.
    pub(super) fn place(&self, element: NodeId) -> Option<usize> {
        Some(self.index[element.index()])
            .filter(|at| *at != NO_PLACE)
            .map(|at| at as usize)
    }

    /// The place itself, or the innermost around it that only holds other things.
    pub(super) fn container(&self, place: usize) -> usize {
        let mut at = place;
        while at != 0 && !self.sketch.places[at].container {
            at = self.parent(at);
        }
        at
    }

    /// Whether a place is another, or inside it.
    pub(super) fn within(&self, place: usize, other: usize) -> bool {
        (other..self.ends[other]).contains(&place)
    }

    /// The places directly in one.
    pub(super) fn children(&self, place: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.ends[place];
        let from = move |at: usize| Some(at).filter(|at| *at < end);
        std::iter::successors(from(place + 1), move |at| from(self.ends[*at]))
    }

    /// The place around one; of the root, its own.
    pub(super) fn parent(&self, place: usize) -> usize {
        self.sketch.places[place].parent as usize
    }
}

struct Drawing<'a, 'b> {
    document: &'b Document<'a>,
    limit: usize,
    outline: Outline<'a>,
    blocks: Vec<Block<'a>>,
    /// The link that is open, and whether it leads to another page of the site.
    link: Option<(NodeId, bool)>,
    /// Letters of the unit that is looked at, kept for their room.
    letters: Vec<u8>,
}

impl<'a> Drawing<'a, '_> {
    /// `false` when the outline is full.
    fn open(&mut self, element: ElementRef<'a>) -> bool {
        let sketch = &mut self.outline.sketch;
        if sketch.places.len() >= self.limit || sketch.units.len() >= self.limit {
            return false;
        }
        let at = u32::try_from(sketch.places.len()).expect("a limit is far below 2^32");
        let parent = element
            .parent()
            .map(|parent| self.outline.index[parent.id().index()]);
        let parent = parent.filter(|parent| *parent != NO_PLACE).unwrap_or(0);
        let above = sketch.places.get(parent as usize).map_or(0, |place| place.path);
        sketch.places.push(Place {
            parent,
            path: signature(Hash::new().number(above), element).done(),
            container: is_container(element),
        });
        self.outline.elements.push(element);
        self.outline.ends.push(0);
        self.outline.index[element.id().index()] = at;
        if name(element) == "a" && self.link.is_none() {
            self.link = Some((element.id(), self.leads(element)));
        }
        if let Some(address) = picture(element) {
            self.flush();
            self.outline.sketch.units.push(Unit {
                place: at,
                text: Hash::new().bytes(address.as_bytes()).done(),
                label: None,
                weight: PICTURE,
                linked: if self.link.is_some_and(|(_, leads)| leads) {
                    PICTURE
                } else {
                    0
                },
                kind: UnitKind::Picture,
            });
        }
        if is_separate(name(element)) {
            self.flush();
            let around = self.blocks.last().map_or(UnitKind::Text, |block| block.kind);
            self.blocks.push(Block {
                place: at,
                kind: kind(element, around),
                run: Run::default(),
                inline: None,
            });
        } else if let Some(block) = self.blocks.last_mut() {
            block.inline.get_or_insert((element.id(), at));
        }
        true
    }

    fn close(&mut self, element: ElementRef<'_>) {
        let Some(at) = self.outline.place(element.id()) else {
            return;
        };
        self.outline.ends[at] = self.outline.elements.len();
        if self.link.is_some_and(|(link, _)| link == element.id()) {
            self.link = None;
        }
        if is_separate(name(element)) {
            self.flush();
            self.blocks.pop();
        } else if let Some(block) = self.blocks.last_mut()
            && block.inline.is_some_and(|(inline, _)| inline == element.id())
        {
            block.inline = None;
        }
    }

    fn text(&mut self, parent: Option<NodeId>, text: &'a str) {
        let Some(block) = self.blocks.last_mut() else {
            return;
        };
        if text.trim().is_empty() {
            return;
        }
        if let Some(parent) =
            parent.and_then(|parent| Some(self.outline.index[parent.index()]).filter(|at| *at != NO_PLACE))
        {
            self.outline.texts.push((parent, text));
        }
        let place = block.inline.map_or(block.place, |(_, place)| place);
        let linked = match self.link {
            Some((_, true)) => weight(text),
            _ => 0,
        };
        match block.run.pieces.last_mut().filter(|piece| piece.place == place) {
            Some(piece) => {
                piece.text.to_mut().push_str(text);
                piece.linked += linked;
            }
            None => block.run.pieces.push(Piece {
                place,
                text: Cow::Borrowed(text),
                linked,
            }),
        }
    }

    /// Ends the text that stands together.
    fn flush(&mut self) {
        let Some(block) = self.blocks.last_mut() else {
            return;
        };
        let pieces = std::mem::take(&mut block.run).pieces;
        let speaks =
            |piece: &Piece<'_>| piece.place == block.place && piece.text.chars().any(char::is_alphanumeric);
        let units = &mut self.outline.sketch.units;
        if pieces.iter().any(speaks) {
            let text = match pieces.as_slice() {
                [only] => Cow::Borrowed(&*only.text),
                several => several.iter().map(|piece| &*piece.text).collect(),
            };
            let linked = pieces.iter().map(|piece| piece.linked).sum();
            units.push(unit(block.place, &text, linked, block.kind, &mut self.letters));
        } else {
            for piece in &pieces {
                let letters = &mut self.letters;
                units.push(unit(piece.place, &piece.text, piece.linked, block.kind, letters));
            }
        }
    }

    /// Whether a link leads to another page of the site, and not to a file: a picture in full size, a recording.
    fn leads(&self, link: ElementRef<'_>) -> bool {
        let Some(to) = link.attr("href").and_then(|href| self.document.resolve(href)) else {
            return false;
        };
        let last = to.path().rsplit('/').next().unwrap_or_default();
        let ending = last
            .rsplit_once('.')
            .map(|(_, ending)| ending.to_ascii_lowercase());
        to.origin() == self.document.own.origin()
            && !same_page(&to, &self.document.own)
            && ending.is_none_or(|ending| matches!(&*ending, "html" | "htm" | "php" | "xml"))
    }
}

fn unit(place: u32, text: &str, linked: u32, kind: UnitKind, letters: &mut Vec<u8>) -> Unit {
    let weight = say(text, letters).max(1);
    if weight <= MAX_COUNTED && kind != UnitKind::Fixed {
        uncount(letters);
    }
    let hash = Hash::new().words(letters).done();
    let labels = weight <= MAX_LABELLED && kind == UnitKind::Text;
    Unit {
        place,
        text: hash,
        label: if labels { label(text, letters) } else { None },
        weight,
        linked,
        kind,
    }
}

/// The hash of what stands before a line's colon or first digit.
fn label(text: &str, letters: &mut Vec<u8>) -> Option<u64> {
    let end = text.find(|c: char| matches!(c, ':' | '：') || c.is_numeric())?;
    (1..=MAX_LABEL)
        .contains(&say(&text[..end], letters))
        .then(|| Hash::new().words(letters).done())
}

/// What a text says whatever its spaces and marks, which change with the way it was written out. Answers how much that is.
fn say(text: &str, letters: &mut Vec<u8>) -> u32 {
    letters.clear();
    if text.is_ascii() {
        letters.resize(text.len(), 0);
        let mut count = 0;
        for byte in text.bytes() {
            // Without a branch: which byte is a letter can't be foreseen.
            letters[count] = byte;
            count += usize::from(byte.is_ascii_alphanumeric());
        }
        letters.truncate(count);
        return u32::try_from(count).unwrap_or(u32::MAX);
    }
    let said = text.chars().filter(|c| c.is_alphanumeric());
    let weight: usize = said
        .map(|letter| {
            letters.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            1 + usize::from(letter >= DENSE)
        })
        .sum();
    u32::try_from(weight).unwrap_or(u32::MAX)
}

/// Takes the digits out of some letters.
fn uncount(letters: &mut Vec<u8>) {
    if letters.is_ascii() {
        letters.retain(|letter| !letter.is_ascii_digit());
    } else if let Ok(text) = std::str::from_utf8(letters) {
        let text: String = text.chars().filter(|c| !c.is_numeric()).collect();
        *letters = text.into_bytes();
    }
}

/// Letters, those of dense scripts twice.
pub(super) fn weight(text: &str) -> u32 {
    let weight = if text.is_ascii() {
        text.bytes().filter(u8::is_ascii_alphanumeric).count()
    } else {
        let said = text.chars().filter(|c| c.is_alphanumeric());
        said.map(|c| 1 + usize::from(c >= DENSE)).sum()
    };
    u32::try_from(weight).unwrap_or(u32::MAX)
}

/// Whether nobody sees an element's text.
fn is_hidden(element: ElementRef<'_>) -> bool {
    matches!(
        name(element).as_bytes(),
        b"head"
            | b"script"
            | b"style"
            | b"template"
            | b"noscript"
            | b"svg"
            | b"textarea"
            | b"select"
            | b"option"
            | b"datalist"
    ) || element.attr("hidden").is_some()
}

fn kind(element: ElementRef<'_>, around: UnitKind) -> UnitKind {
    match name(element) {
        "pre" | "table" | "blockquote" | "figure" | "math" | "dl" if !is_layout(element) => UnitKind::Fixed,
        _ if around != UnitKind::Text => around,
        _ if region::is_heading(element) => UnitKind::Heading,
        _ => UnitKind::Text,
    }
}

/// Whether a table is there for its columns and not for data: blocks stand in it that no cell of data holds.
pub(super) fn is_layout(element: ElementRef<'_>) -> bool {
    name(element) == "table"
        && (element.attr("role") == Some("presentation")
            || element.descendent_elements().skip(1).any(|inner| {
                matches!(
                    name(inner),
                    "table" | "h1" | "h2" | "h3" | "form" | "hr" | "blockquote" | "center"
                )
            })
            || element
                .descendent_elements()
                .filter(|inner| name(*inner) == "p")
                .nth(1)
                .is_some())
}

/// Whether an element only holds other things.
fn is_container(element: ElementRef<'_>) -> bool {
    matches!(
        name(element).as_bytes(),
        b"html"
            | b"body"
            | b"main"
            | b"article"
            | b"section"
            | b"div"
            | b"center"
            | b"form"
            | b"table"
            | b"tbody"
            | b"tr"
            | b"td"
    ) || name(element).contains('-')
}

/// The address of what an element shows.
fn picture<'a>(element: ElementRef<'a>) -> Option<&'a str> {
    if !matches!(
        name(element),
        "img" | "video" | "audio" | "iframe" | "embed" | "object"
    ) {
        return None;
    }
    let address = ["data-src", "src", "data", "srcset", "data-srcset", "poster"]
        .into_iter()
        .find_map(|attribute| element.attr(attribute));
    Some(address.unwrap_or_default())
}

/// The hash of an element's name, and of the classes and the id that it has in common with its like on other pages.
fn signature(mut hash: Hash, element: ElementRef<'_>) -> Hash {
    hash = hash.bytes(name(element).as_bytes());
    if matches!(name(element), "td" | "th") {
        // The columns of a page from before style sheets have no names.
        let before = element
            .prev_siblings()
            .filter(|node| node.is_element())
            .take(MAX_COLUMNS);
        hash = hash.number(before.count() as u64);
    }
    // Where engines put what the post is filed under: WordPress's `post_class` and `body_class`, Ghost's.
    if matches!(name(element), "html" | "body" | "main" | "article") {
        return hash;
    }
    let varies = |class: &str| {
        class.starts_with("tag-")
            || class.starts_with("category-")
            || class
                .rsplit_once('-')
                .is_some_and(|(_, end)| end.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut classes: Vec<&str> = element.classes().filter(|class| !varies(class)).collect();
    classes.sort_unstable();
    for class in classes {
        hash = hash.bytes(b".").bytes(class.as_bytes());
    }
    let id = element.attr("id").filter(|id| {
        !region::is_heading(element) && is_separate(name(element)) && !id.bytes().any(|b| b.is_ascii_digit())
    });
    match id {
        Some(id) => hash.bytes(b"#").bytes(id.as_bytes()),
        None => hash,
    }
}
