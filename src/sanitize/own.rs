//! The site's own HTML as it federates: what carries meaning stays, what a theme adds for looks goes.
//!
//! The output is written anew from the parsed tree, never copied, so that a template that is indented differently, a
//! build id or a class changes nothing. Text in a `<div>` gets a paragraph, white space is collapsed outside of
//! `<pre>`, elements without content vanish. Identifiers are dropped, and links to them lead to the page itself.

use std::collections::HashSet;

use ego_tree::{NodeId, NodeRef};
use scraper::{ElementRef, Html, Node};
use url::Url;

use super::{MAX_NESTING, cut, flat};
use crate::article::Media;

/// Bytes of a piece of HTML for [`own_html`]; a whole book.
const MAX_OWN: usize = 8 << 20;

/// Elements written in one another; what is deeper is written flat.
const MAX_OPEN: usize = 64;

/// Pictures of one page that are attached; more is a gallery, and no server shows as many.
const MAX_MEDIA: usize = 100;

/// Characters of an alternative text; Mastodon takes 1,500.
const MAX_ALT: usize = 5_000;

/// The largest side of a picture that only counts readers, in pixels.
const TRACKING_PIXEL: u32 = 1;

/// A page's cleaned content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Clean HTML with absolute addresses.
    pub html: String,
    /// Its pictures, sounds and films, each once, in their order.
    pub media: Vec<Media>,
}

/// Cleans a piece of the site's own HTML, such as a rendered Markdown note. Cleaning twice gives what cleaning once
/// gave.
pub fn own_html(html: &str, base: &Url) -> Own {
    let html = flat(cut(html, MAX_OWN), MAX_NESTING);
    let fragment = Html::parse_fragment(&html);
    let resolve = |href: &str| {
        let url = base.join(href.trim()).ok()?;
        matches!(url.scheme(), "http" | "https" | "mailto").then_some(url)
    };
    own_tree(fragment.tree.root(), &resolve, &HashSet::new())
}

/// Cleans what is inside of a node, without the nodes of `skip`. `resolve` makes links absolute, or drops them.
pub fn own_tree(
    root: NodeRef<'_, Node>,
    resolve: &dyn Fn(&str) -> Option<Url>,
    skip: &HashSet<NodeId>,
) -> Own {
    let around_blocks = around_blocks(root);
    let mut writer = Writer::new();
    let mut open: Vec<(NodeId, Leave)> = vec![];
    let mut next = root.first_child();
    while let Some(node) = next {
        let mut below = None;
        if !skip.contains(&node.id()) {
            match node.value() {
                Node::Text(text) => writer.text(text),
                Node::Element(_) => {
                    if let Some(element) = ElementRef::wrap(node) {
                        let leave = writer.enter(element, resolve, around_blocks.contains(&node.id()));
                        if let Some(leave) = leave {
                            below = node.first_child();
                            if below.is_some() {
                                open.push((node.id(), leave));
                            } else {
                                writer.leave(leave);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        next = below.or_else(|| {
            let mut at = node;
            loop {
                if let Some(sibling) = at.next_sibling() {
                    return Some(sibling);
                }
                at = at.parent().filter(|parent| parent.id() != root.id())?;
                if let Some((_, leave)) = open.pop_if(|(id, _)| *id == at.id()) {
                    writer.leave(leave);
                }
            }
        });
    }
    while let Some((_, leave)) = open.pop() {
        writer.leave(leave);
    }
    writer.done()
}

/// The nodes with a written block somewhere inside, so that no `<b>` is written around a paragraph.
fn around_blocks(root: NodeRef<'_, Node>) -> HashSet<NodeId> {
    let mut around = HashSet::new();
    for node in root.descendants() {
        let Node::Element(element) = node.value() else {
            continue;
        };
        if !matches!(role(element.name()), Role::Block) && element.name() != "hr" {
            continue;
        }
        for parent in node.ancestors() {
            if parent.id() == root.id() || !around.insert(parent.id()) {
                break;
            }
        }
    }
    around
}

/// What becomes of an element.
enum Role {
    /// Written; stands on its own.
    Block,
    /// Not written, but what is inside stands apart from what is beside it.
    Box,
    /// Written within a line.
    Inline,
    /// Not written; what is inside is.
    Through,
    /// Dropped with all that is inside.
    Drop,
    /// Written by itself: br, hr, img and the like.
    Single,
}

fn role(name: &str) -> Role {
    match name {
        "p" | "blockquote" | "pre" | "ul" | "ol" | "li" | "dl" | "dt" | "dd" | "h1" | "h2" | "h3" | "h4"
        | "h5" | "h6" | "figure" | "figcaption" | "table" | "caption" | "thead" | "tbody" | "tfoot"
        | "tr" | "td" | "th" | "details" | "summary" => Role::Block,
        "div" | "section" | "article" | "main" | "header" | "footer" | "aside" | "address" | "nav"
        | "hgroup" | "center" | "fieldset" | "body" | "html" | "search" | "menu" | "dir" => Role::Box,
        "a" | "em" | "strong" | "b" | "i" | "u" | "s" | "del" | "ins" | "sub" | "sup" | "code" | "q"
        | "cite" | "abbr" | "kbd" | "samp" | "var" | "mark" | "ruby" | "rb" | "rt" | "rp" | "span"
        | "bdi" | "bdo" | "dfn" | "small" | "math" | "mi" | "mn" | "mo" | "mtext" | "mspace" | "mrow"
        | "mfrac" | "msqrt" | "mroot" | "msub" | "msup" | "msubsup" | "munder" | "mover" | "munderover"
        | "mtable" | "mtr" | "mtd" | "semantics" | "annotation" | "strike" | "tt" => Role::Inline,
        "br" | "hr" | "img" | "wbr" | "iframe" | "audio" | "video" | "input" => Role::Single,
        "script" | "style" | "template" | "noscript" | "svg" | "canvas" | "form" | "button" | "select"
        | "textarea" | "option" | "optgroup" | "datalist" | "object" | "embed" | "applet" | "map"
        | "area" | "head" | "title" | "meta" | "link" | "base" | "dialog" | "frame" | "frameset"
        | "noframes" | "colgroup" | "col" | "param" | "source" | "track" | "progress" | "meter"
        | "marquee" | "plaintext" | "xmp" | "annotation-xml" => Role::Drop,
        _ => Role::Through,
    }
}

/// Whether an element stands on its own; for plain text.
pub(super) fn is_block(name: &str) -> bool {
    matches!(role(name), Role::Block | Role::Box) || matches!(name, "br" | "hr")
}

/// What has to be done at an element's end.
enum Leave {
    /// Close the frame at this place, unless that was closed early.
    Close(usize),
    Box,
    Nothing,
}

/// An element that is being written.
struct Frame {
    name: &'static str,
    start: usize,
    /// A space stood before it.
    spaced: bool,
    seen: usize,
}

/// The writer: HTML so far, and what must come before the next word.
struct Writer {
    out: String,
    media: Vec<Media>,
    open: Vec<Frame>,
    /// Words, pictures and the like written so far: by this an empty element is known.
    seen: usize,
    /// A space waits to be written before the next word.
    space: bool,
    /// Nothing stands in the current line yet.
    fresh: bool,
    /// A box ended or began within a line: a break is due before the next word.
    broken: bool,
    /// Depth of `<pre>`.
    verbatim: usize,
    /// A paragraph that the page didn't write is open: where it starts, and what was seen before it.
    paragraph: Option<(usize, usize)>,
}

impl Writer {
    fn new() -> Writer {
        Writer {
            out: String::new(),
            media: vec![],
            open: vec![],
            seen: 0,
            space: false,
            fresh: true,
            broken: false,
            verbatim: 0,
            paragraph: None,
        }
    }

    fn text(&mut self, text: &str) {
        if self.verbatim > 0 {
            let text = if self.fresh {
                text.trim_start_matches(['\n', '\r'])
            } else {
                text
            };
            if text.is_empty() {
                return;
            }
            self.fresh = false;
            self.seen += 1;
            escape(&mut self.out, text);
            return;
        }
        let mut rest = text;
        while !rest.is_empty() {
            let blank = rest.find(|c: char| !is_blank(c)).unwrap_or(rest.len());
            if blank > 0 {
                self.space = !self.fresh;
                rest = &rest[blank..];
                continue;
            }
            let end = rest.find(is_blank).unwrap_or(rest.len());
            if self.is_between() {
                // Between rows, cells and items nothing can be said.
                return;
            }
            self.before_word();
            escape(&mut self.out, &rest[..end]);
            self.fresh = false;
            self.seen += 1;
            rest = &rest[end..];
        }
    }

    /// Whether the innermost element takes only elements.
    fn is_between(&self) -> bool {
        let innermost = self.open.last().map(|frame| frame.name);
        matches!(
            innermost,
            Some("ul" | "ol" | "dl" | "table" | "thead" | "tbody" | "tfoot" | "tr")
        )
    }

    /// Writes what must stand before a word, a picture or an inline element.
    fn before_word(&mut self) {
        if self.open.is_empty() && self.paragraph.is_none() {
            self.paragraph = Some((self.out.len(), self.seen));
            self.out.push_str("<p>");
            self.fresh = true;
            self.broken = false;
        }
        if self.broken {
            self.broken = false;
            if !self.fresh {
                self.out.push_str("<br>");
                self.space = false;
                self.fresh = true;
            }
        }
        if self.space && !self.fresh {
            self.out.push(' ');
        }
        self.space = false;
    }

    /// Ends a line: before and after every block.
    fn end_line(&mut self) {
        self.space = false;
        self.fresh = true;
        self.broken = false;
    }

    fn end_paragraph(&mut self) {
        if let Some((start, seen)) = self.paragraph.take() {
            if self.seen == seen {
                self.out.truncate(start);
            } else {
                self.trim_breaks();
                self.out.push_str("</p>");
            }
        }
    }

    /// Takes out breaks at the end of a block.
    fn trim_breaks(&mut self) {
        while let Some(before) = self.out.strip_suffix("<br>") {
            let end = before.trim_end_matches(' ').len();
            self.out.truncate(end);
        }
    }

    /// Begins an element; `None` when it is dropped or already written.
    fn enter(
        &mut self,
        element: ElementRef<'_>,
        resolve: &dyn Fn(&str) -> Option<Url>,
        around_blocks: bool,
    ) -> Option<Leave> {
        let name = element.value().name();
        match role(name) {
            Role::Drop => None,
            Role::Through => Some(Leave::Nothing),
            Role::Box => {
                self.boundary();
                Some(Leave::Box)
            }
            Role::Single => {
                self.single(element, resolve);
                None
            }
            Role::Inline => {
                let attributes = attributes(element, resolve);
                let bare = matches!(name, "span" | "a" | "small" | "dfn" | "bdi") && attributes.is_empty();
                let flat = around_blocks || bare || self.open.len() >= MAX_OPEN || self.is_between();
                let in_code = self.verbatim > 0
                    && !matches!(name, "code" | "a" | "em" | "strong" | "b" | "i" | "del" | "ins");
                let nested = name == "a" && self.open.iter().any(|frame| frame.name == "a");
                let other_annotation =
                    name == "annotation" && element.attr("encoding") != Some("application/x-tex");
                if other_annotation {
                    return None;
                }
                if flat || in_code || nested {
                    return Some(Leave::Nothing);
                }
                let spaced = self.space;
                let start = self.out.len();
                if self.verbatim == 0 {
                    self.before_word();
                }
                // The paragraph that was opened for it stays.
                let start = self
                    .paragraph
                    .map_or(start, |(paragraph, _)| start.max(paragraph + "<p>".len()));
                Some(self.open(element, attributes, start, spaced))
            }
            Role::Block => {
                if self.verbatim > 0 {
                    if !self.out.ends_with('\n') && !self.fresh {
                        self.out.push('\n');
                    }
                    return Some(Leave::Nothing);
                }
                if self.open.len() >= MAX_OPEN || is_code_table(element) {
                    self.boundary();
                    return Some(Leave::Box);
                }
                // A paragraph ends where a block begins (in quirks mode the parser lets a table in); a heading doesn't.
                if self.open.last().is_some_and(|frame| frame.name == "p") {
                    self.close();
                }
                let heading = |frame: &Frame| matches!(frame.name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6");
                let innermost = self.open.last().map_or("", |frame| frame.name);
                if self.open.iter().any(heading) || !may_stand_in(name, innermost) {
                    self.boundary();
                    return Some(Leave::Box);
                }
                self.end_paragraph();
                self.end_line();
                let start = self.out.len();
                let leave = self.open(element, attributes(element, resolve), start, false);
                self.verbatim += usize::from(name == "pre");
                Some(leave)
            }
        }
    }

    fn open(&mut self, element: ElementRef<'_>, attributes: String, start: usize, spaced: bool) -> Leave {
        let name = written(element.value().name());
        self.out.push('<');
        self.out.push_str(name);
        self.out.push_str(&attributes);
        self.out.push('>');
        self.open.push(Frame {
            name,
            start,
            spaced,
            seen: self.seen,
        });
        Leave::Close(self.open.len() - 1)
    }

    fn leave(&mut self, leave: Leave) {
        match leave {
            Leave::Nothing => {}
            Leave::Box => self.boundary(),
            Leave::Close(place) => {
                if self.open.len() == place + 1 {
                    self.close();
                }
            }
        }
    }

    /// Ends the innermost element; one without content vanishes.
    fn close(&mut self) {
        let Some(frame) = self.open.pop() else { return };
        let block = matches!(role(frame.name), Role::Block);
        if frame.name == "pre" {
            self.verbatim = self.verbatim.saturating_sub(1);
        }
        if self.seen == frame.seen && !matches!(frame.name, "td" | "th" | "mspace" | "mi" | "mo" | "mn") {
            self.out.truncate(frame.start);
            self.space |= frame.spaced;
        } else {
            if block && frame.name != "pre" {
                self.trim_breaks();
            }
            self.out.push_str("</");
            self.out.push_str(frame.name);
            self.out.push('>');
        }
        if block {
            self.end_line();
        }
    }

    /// The edge of a box that isn't written.
    fn boundary(&mut self) {
        if self.verbatim > 0 {
            return;
        }
        if self.open.is_empty() {
            self.end_paragraph();
            self.end_line();
        } else {
            self.broken |= !self.fresh;
            self.space = false;
        }
    }

    fn single(&mut self, element: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) {
        match element.value().name() {
            "br" if self.verbatim > 0 => self.text("\n"),
            "br" => {
                if !self.fresh && !self.is_between() {
                    self.broken = false;
                    self.out.push_str("<br>");
                    self.space = false;
                }
            }
            "wbr" if self.verbatim == 0 && !self.fresh => self.out.push_str("<wbr>"),
            "hr" if self.verbatim == 0 && !self.is_between() => {
                self.end_paragraph();
                // A rule can stand in a quotation or in an item, not in a paragraph.
                if self
                    .open
                    .iter()
                    .all(|frame| matches!(frame.name, "blockquote" | "li" | "dd" | "td" | "details"))
                {
                    self.out.push_str("<hr>");
                    self.end_line();
                }
            }
            "img" => self.picture(element, resolve),
            "iframe" => self.frame(element, resolve),
            "audio" | "video" => self.recording(element, resolve),
            "input"
                if element
                    .attr("type")
                    .is_some_and(|kind| kind.eq_ignore_ascii_case("checkbox")) =>
            {
                let sign = if element.attr("checked").is_some() {
                    "☑ "
                } else {
                    "☐ "
                };
                self.text(sign);
            }
            _ => {}
        }
    }

    fn picture(&mut self, element: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) {
        let side = |key: &str| {
            let digits = element.attr(key)?.trim().trim_end_matches("px");
            digits.parse::<u32>().ok()
        };
        let (width, height) = (side("width"), side("height"));
        let tiny = |side: Option<u32>| side.is_some_and(|pixels| pixels <= TRACKING_PIXEL);
        if (tiny(width) && tiny(height)) || self.is_between() {
            return;
        }
        let Some(url) = picture_address(element)
            .and_then(resolve)
            .filter(|url| url.scheme() != "mailto")
        else {
            return;
        };
        let alt: String = collapse(element.attr("alt").unwrap_or_default())
            .chars()
            .take(MAX_ALT)
            .collect();
        if self.verbatim == 0 {
            self.before_word();
        }
        self.out.push_str("<img");
        attribute(&mut self.out, "src", url.as_str());
        attribute(&mut self.out, "alt", &alt);
        let (width, height) = (width.filter(|side| *side > 0), height.filter(|side| *side > 0));
        for (key, side) in [("width", width), ("height", height)] {
            if let Some(side) = side {
                attribute(&mut self.out, key, &side.to_string());
            }
        }
        self.out.push('>');
        self.fresh = false;
        self.seen += 1;
        let media_type = image_type(&url);
        let alt = Some(alt).filter(|alt| !alt.is_empty());
        self.attach(Media {
            url: url.into(),
            media_type,
            alt,
            width,
            height,
        });
    }

    /// A page shown within the page becomes a link to it.
    fn frame(&mut self, element: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) {
        let address = ["src", "data-src"]
            .into_iter()
            .find_map(|key| element.attr(key).and_then(resolve));
        let Some(url) = address.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            return;
        };
        if self.is_between() || self.verbatim > 0 || self.open.iter().any(|frame| frame.name == "a") {
            return;
        }
        let title = collapse(element.attr("title").unwrap_or_default());
        let shown = if title.is_empty() {
            url.host_str().unwrap_or_default()
        } else {
            &title
        };
        self.before_word();
        self.out.push_str("<a");
        attribute(&mut self.out, "href", url.as_str());
        self.out.push('>');
        escape(&mut self.out, shown);
        self.out.push_str("</a>");
        self.fresh = false;
        self.seen += 1;
    }

    /// A sound or a film is attached, not written.
    fn recording(&mut self, element: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) {
        let own = element.value().name();
        let sources = element
            .descendent_elements()
            .filter(|inner| inner.value().name() == "source");
        let stated = |element: ElementRef<'_>| {
            let url = resolve(element.attr("src")?).filter(|url| url.scheme() != "mailto")?;
            let stated = element
                .attr("type")
                .and_then(|kind| kind.split(';').next())
                .map(|kind| kind.trim().to_owned());
            let guessed = guess(&url);
            let media_type = guessed
                .or(stated)
                .filter(|kind| kind.starts_with("audio/") || kind.starts_with("video/"))?;
            Some((url, media_type))
        };
        let Some((url, media_type)) = std::iter::once(element).chain(sources).find_map(stated) else {
            return;
        };
        let side = |key: &str| {
            element
                .attr(key)
                .and_then(|side| side.parse().ok())
                .filter(|side| *side > 0)
        };
        let alt = element
            .attr("aria-label")
            .or_else(|| element.attr("title"))
            .map(collapse);
        let (width, height) = if own == "video" {
            (side("width"), side("height"))
        } else {
            (None, None)
        };
        let alt = alt.filter(|alt| !alt.is_empty());
        self.attach(Media {
            url: url.into(),
            media_type,
            alt,
            width,
            height,
        });
    }

    fn attach(&mut self, media: Media) {
        if let Some(known) = self.media.iter_mut().find(|known| known.url == media.url) {
            known.alt = known.alt.take().or(media.alt);
        } else if self.media.len() < MAX_MEDIA {
            self.media.push(media);
        }
    }

    fn done(mut self) -> Own {
        self.end_paragraph();
        Own {
            html: self.out,
            media: self.media,
        }
    }
}

/// The address of a picture, also of one that a script loads later: then `src` holds a placeholder.
fn picture_address(element: ElementRef<'_>) -> Option<&str> {
    let sound = |href: &&str| !href.trim().is_empty() && !href.trim_start().starts_with("data:");
    let lazy = ["data-src", "data-lazy-src", "data-original"]
        .into_iter()
        .find_map(|key| element.attr(key))
        .filter(sound);
    let plain = element.attr("src").filter(sound);
    let set = || {
        let set = element.attr("srcset").or_else(|| element.attr("data-srcset"))?;
        // The last candidate is the largest by custom. Its address ends at the first space.
        set.rsplit(", ")
            .find_map(|one| one.split_ascii_whitespace().next())
            .map(|href| href.trim_end_matches(','))
    };
    lazy.or(plain).or_else(|| set().filter(sound))
}

/// The media type of a picture by its address; `image/*` when the address doesn't tell.
pub fn image_type(url: &Url) -> String {
    guess(url)
        .filter(|kind| kind.starts_with("image/"))
        .unwrap_or_else(|| "image/*".to_owned())
}

fn guess(url: &Url) -> Option<String> {
    mime_guess::from_path(url.path()).first_raw().map(str::to_owned)
}

/// The attributes that are kept, as they are written.
fn attributes(element: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) -> String {
    let mut out = String::new();
    let name = element.value().name();
    let number = |key: &str| {
        element
            .attr(key)
            .and_then(|value| value.trim().parse::<i32>().ok())
    };
    match name {
        "a" => {
            if let Some(url) = element.attr("href").and_then(resolve) {
                attribute(&mut out, "href", url.as_str());
            }
        }
        "abbr" | "dfn" => {
            if let Some(title) = element.attr("title") {
                attribute(&mut out, "title", &collapse(title));
            }
        }
        "ol" => {
            if let Some(start) = number("start").filter(|start| *start != 1) {
                attribute(&mut out, "start", &start.to_string());
            }
            if element.attr("reversed").is_some() {
                attribute(&mut out, "reversed", "");
            }
        }
        "li" => {
            if let Some(value) = number("value") {
                attribute(&mut out, "value", &value.to_string());
            }
        }
        "td" | "th" => {
            for key in ["colspan", "rowspan"] {
                if let Some(span) = number(key).filter(|span| (2..=1_000).contains(span)) {
                    attribute(&mut out, key, &span.to_string());
                }
            }
        }
        "code" => {
            let language = element
                .value()
                .classes()
                .find(|class| class.starts_with("language-"));
            if let Some(language) = language {
                attribute(&mut out, "class", language);
            }
        }
        "math" if element.attr("display") == Some("block") => attribute(&mut out, "display", "block"),
        "annotation" => attribute(&mut out, "encoding", "application/x-tex"),
        _ => {}
    }
    if let Some(language) = element.attr("lang").filter(|language| is_language(language)) {
        attribute(&mut out, "lang", language);
    }
    if let Some(direction) = element
        .attr("dir")
        .filter(|dir| matches!(*dir, "ltr" | "rtl" | "auto"))
    {
        attribute(&mut out, "dir", direction);
    }
    out
}

fn is_language(text: &str) -> bool {
    (2..=35).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The name that an element is written with.
fn written(name: &str) -> &'static str {
    const NAMES: [&str; 76] = [
        "p",
        "blockquote",
        "pre",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "figure",
        "figcaption",
        "table",
        "caption",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "td",
        "th",
        "details",
        "summary",
        "a",
        "em",
        "strong",
        "b",
        "i",
        "u",
        "s",
        "del",
        "ins",
        "sub",
        "sup",
        "code",
        "q",
        "cite",
        "abbr",
        "kbd",
        "samp",
        "var",
        "mark",
        "ruby",
        "rb",
        "rt",
        "rp",
        "span",
        "bdi",
        "bdo",
        "dfn",
        "small",
        "math",
        "mi",
        "mn",
        "mo",
        "mtext",
        "mspace",
        "mrow",
        "mfrac",
        "msqrt",
        "mroot",
        "msub",
        "msup",
        "msubsup",
        "munder",
        "mover",
        "munderover",
        "mtable",
        "mtr",
        "mtd",
        "semantics",
        "annotation",
    ];
    match name {
        "strike" => "s",
        "tt" => "code",
        _ => NAMES.into_iter().find(|known| *known == name).unwrap_or("span"),
    }
}

/// Whether an item, a row or a cell stands in what it is an item, a row or a cell of.
fn may_stand_in(name: &str, innermost: &str) -> bool {
    match name {
        "li" => matches!(innermost, "ul" | "ol"),
        "dt" | "dd" => innermost == "dl",
        "td" | "th" => innermost == "tr",
        "tr" => matches!(innermost, "thead" | "tbody" | "tfoot" | "table"),
        "thead" | "tbody" | "tfoot" | "caption" => innermost == "table",
        _ => true,
    }
}

/// A table that a highlighter made to set line numbers beside code.
fn is_code_table(element: ElementRef<'_>) -> bool {
    let mut around = std::iter::once(element).chain(element.ancestors().filter_map(ElementRef::wrap).take(3));
    matches!(element.value().name(), "table" | "thead" | "tbody" | "tr" | "td")
        && around.any(|around| {
            around
                .value()
                .classes()
                .any(|class| matches!(class, "lntable" | "highlighttable" | "rouge-table"))
        })
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

fn collapse(text: &str) -> String {
    let mut out = String::new();
    for word in text.split(is_blank).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn attribute(out: &mut String, key: &str, value: &str) {
    out.push(' ');
    out.push_str(key);
    out.push_str("=\"");
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(html: &str) -> String {
        own_html(html, &"https://blog.example/a/".parse().unwrap()).html
    }

    #[test]
    fn what_a_theme_adds_for_looks_is_gone_and_what_carries_meaning_stays() {
        let html = "<div class=x id=y data-build=1 style='color:red'><p>One <b>two</b> <a href=../c#d>three</a></p>\
            <pre tabindex=0><code class='language-rust hl' data-lang=rust><span style='c'>fn</span> a() {\n}\n</code></pre>\
            <ol start=3><li>x</ol><script>f()</script><!-- built now --></div>";
        assert_eq!(
            clean(html),
            "<p>One <b>two</b> <a href=\"https://blog.example/c#d\">three</a></p>\
             <pre><code class=\"language-rust\">fn a() {\n}\n</code></pre><ol start=\"3\"><li>x</li></ol>"
        );
    }

    #[test]
    fn indentation_changes_nothing() {
        let tight = "<div><p>a <em>b</em> c</p><ul><li>x</li><li><p>y</p></li></ul></div>";
        let loose = "\n<div>\n  <p>\n    a\n <em>b</em>\n c\n  </p>\n  <ul>\n <li> x </li>\n\n <li>\n<p>y</p>\n</li></ul>\n</div>\n";
        assert_eq!(clean(tight), clean(loose));
    }

    #[test]
    fn text_outside_of_any_paragraph_gets_one() {
        assert_eq!(
            clean("Just <b>text</b>.<div>More</div><p>p</p> end"),
            "<p>Just <b>text</b>.</p><p>More</p><p>p</p><p>end</p>"
        );
        assert_eq!(
            clean("<ul><li><div>a</div><div>b</div></li></ul>"),
            "<ul><li>a<br>b</li></ul>"
        );
    }

    #[test]
    fn elements_without_content_vanish() {
        assert_eq!(
            clean("<p> </p><p>a<span></span> <a href=x></a>b</p><ul><li></li></ul><h2><b></b></h2>"),
            "<p>a b</p>"
        );
    }

    #[test]
    fn a_link_around_blocks_is_taken_apart_and_never_misnested() {
        assert_eq!(clean("<a href=/x><p>a</p><p>b</p></a>"), "<p>a</p><p>b</p>");
    }

    #[test]
    fn pictures_are_attached_once_with_text_and_size_and_tracking_pixels_are_not() {
        let html = "<img src=a.png alt='A pic' width=640 height=480px><img src=a.png><img src=t.gif width=1 height=1>\
            <img src='data:image/gif;base64,R0' data-src=lazy.jpg alt=''><img srcset='s.png 1x, l.png 2x'>";
        let own = own_html(html, &"https://blog.example/a/".parse().unwrap());
        let urls: Vec<&str> = own.media.iter().map(|media| media.url.as_str()).collect();
        assert_eq!(
            urls,
            [
                "https://blog.example/a/a.png",
                "https://blog.example/a/lazy.jpg",
                "https://blog.example/a/l.png"
            ]
        );
        assert_eq!(own.media[0].alt.as_deref(), Some("A pic"));
        assert_eq!((own.media[0].width, own.media[0].height), (Some(640), Some(480)));
        assert_eq!(own.media[1].media_type, "image/jpeg");
        assert!(!own.html.contains("srcset") && !own.html.contains("data:"));
    }

    #[test]
    fn sounds_and_films_are_attached_and_frames_become_links() {
        let html = "<p>a</p><audio controls><source src=s.ogg type='audio/ogg'></audio><video src=v.mp4 width=320 height=240></video>\
            <iframe src='https://tube.example/embed/1' title='A film'></iframe>";
        let own = own_html(html, &"https://blog.example/".parse().unwrap());
        assert_eq!(own.media.len(), 2);
        assert_eq!(
            (own.media[0].media_type.as_str(), own.media[1].media_type.as_str()),
            ("audio/ogg", "video/mp4")
        );
        assert_eq!(
            own.html,
            "<p>a</p><p><a href=\"https://tube.example/embed/1\">A film</a></p>"
        );
    }

    #[test]
    fn only_web_and_mail_addresses_are_links() {
        assert_eq!(
            clean("<a href='javascript:x'>a</a> <a href='mailto:b@c.example'>b</a>"),
            "<p>a <a href=\"mailto:b@c.example\">b</a></p>"
        );
    }

    #[test]
    fn line_numbers_beside_code_leave_only_the_code() {
        let html = "<table class=lntable><tr><td class=lntd><pre><code>x\n</code></pre></td></tr></table>";
        assert_eq!(clean(html), "<pre><code>x\n</code></pre>");
    }

    #[test]
    fn any_depth_is_written_without_recursion() {
        let deep = format!("{}deep", "<blockquote>".repeat(900));
        let html = scraper::Html::parse_fragment(&deep);
        let own = own_tree(html.tree.root(), &|_| None, &HashSet::new());
        assert_eq!(own.html.matches("<blockquote>").count(), MAX_OPEN);
        assert!(own.html.contains("deep"));
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(parts in proptest::collection::vec(part(), 0..30)) {
            let html = parts.concat();
            let once = clean(&html);
            prop_assert_eq!(clean(&once), once.clone());
        }
    }

    fn part() -> impl Strategy<Value = String> {
        prop_oneof![
            proptest::sample::select(vec![
                "<p>",
                "</p>",
                "<div>",
                "</div>",
                "<h2>",
                "</h2>",
                "<a href='/x?a&b'>",
                "</a>",
                "<ul><li>",
                "</ul>",
                "<table><tr><td>",
                "</table>",
                "<svg><p>",
                "<pre>\n",
                "</pre>",
                "<img src=x.png alt='\"<'>",
                "<b>",
                "</b>",
                "<i>",
                "</i>",
                "<br>",
                "<hr>",
                "<blockquote>",
                "</blockquote>",
                "<span lang=de>",
                "</span>",
                "<figure>",
                "<figcaption>",
                "</figure>",
                "<details><summary>",
                "</details>",
                "&lt;",
                "&amp;amp;",
                "\u{a0}",
                "<code>",
                "</code>",
                "<dl><dt>",
                "<dd>",
                "</dl>",
                "<x-y>",
                "</x-y>",
                "<section>",
                "</section>",
            ])
            .prop_map(str::to_owned),
            "[a-z \n]{0,6}",
        ]
    }
}
