//! The writer of the site's own HTML: white space, paragraphs, and elements that turn out to be empty.

use url::Url;

use super::element::{Role, attributes, escape, may_stand_in, role, written};
use super::math;
use super::own::Own;
use crate::article::Media;
use crate::dom::ElementRef;
use crate::flow;

/// Elements written in one another; what is deeper is written flat.
pub(super) const MAX_OPEN: usize = 64;

/// What makes an address absolute, or drops it.
pub(super) type Resolve<'a> = &'a dyn Fn(&str) -> Option<Url>;

/// What has to be done at an element's end.
#[derive(Clone, Copy)]
pub(super) enum Leave {
    /// Close the frame at this place, unless that was closed early.
    Close(usize),
    Box,
    Nothing,
}

/// An element that is being written.
pub(super) struct Frame {
    pub(super) name: &'static str,
    pub(super) start: usize,
    /// A space stood before it.
    pub(super) spaced: bool,
    pub(super) seen: usize,
}

/// The writer: HTML so far, and what must come before the next word.
pub(super) struct Writer {
    pub(super) out: String,
    pub(super) media: Vec<Media>,
    /// See [`Own::variants`].
    pub(super) variants: Vec<(String, String)>,
    /// See [`Own::unattached`].
    pub(super) unattached: usize,
    pub(super) open: Vec<Frame>,
    /// Words, pictures and the like written so far: by this an empty element is known.
    pub(super) seen: usize,
    /// A space waits to be written before the next word.
    pub(super) space: bool,
    /// Nothing stands in the current line yet.
    pub(super) fresh: bool,
    /// A box ended or began within a line: a break is due before the next word.
    pub(super) broken: bool,
    /// Something that isn't written stood after the last word.
    pub(super) dropped: bool,
    /// Depth of `<pre>`.
    pub(super) verbatim: usize,
    /// A paragraph that the page didn't write is open: where it starts, and what was seen before it.
    pub(super) paragraph: Option<(usize, usize)>,
}

impl Writer {
    pub(super) fn new() -> Writer {
        Writer {
            out: String::new(),
            media: vec![],
            variants: vec![],
            unattached: 0,
            open: vec![],
            seen: 0,
            space: false,
            fresh: true,
            broken: false,
            dropped: false,
            verbatim: 0,
            paragraph: None,
        }
    }

    pub(super) fn text(&mut self, text: &str) {
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
            let blank = rest.bytes().take_while(|byte| flow::is_blank(*byte)).count();
            if blank > 0 {
                self.space = !self.fresh;
                rest = &rest[blank..];
                continue;
            }
            let end = flow::words(rest.as_bytes());
            if self.is_between() {
                // Between rows, cells and items nothing can be said.
                return;
            }
            // The space before an icon that isn't written ("link ↗.") would part the word from its stop.
            if std::mem::take(&mut self.dropped) && rest.starts_with(['.', ',', ';', ':', '!', '?', ')']) {
                self.space = false;
            }
            self.before_word();
            escape(&mut self.out, &rest[..end]);
            self.fresh = false;
            self.seen += 1;
            rest = &rest[end..];
        }
    }

    /// Whether text stands among paragraphs here, so that it must be in one.
    pub(super) fn is_in_flow(&self) -> bool {
        self.open.last().is_none_or(|frame| frame.name == "blockquote")
    }

    /// Whether the innermost element takes only elements.
    pub(super) fn is_between(&self) -> bool {
        let innermost = self.open.last().map(|frame| frame.name);
        matches!(
            innermost,
            Some("ul" | "ol" | "dl" | "table" | "thead" | "tbody" | "tfoot" | "tr")
        )
    }

    /// Writes what must stand before a word, a picture or an inline element.
    pub(super) fn before_word(&mut self) {
        if self.is_in_flow() && self.paragraph.is_none() {
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
    pub(super) fn end_line(&mut self) {
        self.space = false;
        self.fresh = true;
        self.broken = false;
    }

    pub(super) fn end_paragraph(&mut self) {
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
    pub(super) fn trim_breaks(&mut self) {
        while let Some(before) = self.out.strip_suffix("<br>") {
            let end = before.trim_end_matches(' ').len();
            self.out.truncate(end);
        }
    }

    /// Begins an element; `None` when it is dropped or already written.
    pub(super) fn enter(
        &mut self,
        element: ElementRef<'_>,
        resolve: Resolve<'_>,
        around_blocks: bool,
    ) -> Option<Leave> {
        let name = element.name();
        match role(name) {
            Role::Drop => {
                self.dropped = true;
                None
            }
            // What can't be embedded elsewhere leaves what it holds for that case.
            Role::Through if name == "object" && self.embedded(element, resolve) => None,
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
                Some(self.open(element, &attributes, start, spaced))
            }
            Role::Block => {
                if self.verbatim > 0 {
                    self.end_code_line();
                    return Some(Leave::Box);
                }
                if self.open.len() >= MAX_OPEN {
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
                self.separate_cells(name);
                let leave = self.open(element, &attributes(element, resolve), start, false);
                self.verbatim += usize::from(name == "pre");
                Some(leave)
            }
        }
    }

    /// Keeps cells and rows apart for servers that drop the table and keep its words.
    fn separate_cells(&mut self, name: &str) {
        let after = |ends: &[&str]| ends.iter().any(|end| self.out.ends_with(end));
        match name {
            "td" | "th" if after(&["</td>", "</th>"]) => self.out.push(' '),
            "tr" | "thead" | "tbody" | "tfoot"
                if after(&["</tr>", "</thead>", "</tbody>", "</tfoot>", "</caption>"]) =>
            {
                self.out.push('\n');
            }
            _ => {}
        }
    }

    pub(super) fn open(
        &mut self,
        element: ElementRef<'_>,
        attributes: &str,
        start: usize,
        spaced: bool,
    ) -> Leave {
        let name = written(element.name());
        self.out.push('<');
        self.out.push_str(name);
        self.out.push_str(attributes);
        self.out.push('>');
        self.open.push(Frame {
            name,
            start,
            spaced,
            seen: self.seen,
        });
        Leave::Close(self.open.len() - 1)
    }

    pub(super) fn leave(&mut self, leave: Leave) {
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
    pub(super) fn close(&mut self) {
        if self.is_in_flow() {
            self.end_paragraph();
        }
        let Some(frame) = self.open.pop() else { return };
        let block = matches!(role(frame.name), Role::Block);
        if frame.name == "pre" {
            self.verbatim = self.verbatim.saturating_sub(1);
        }
        if self.seen == frame.seen && !matches!(frame.name, "td" | "th") {
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
    pub(super) fn boundary(&mut self) {
        if self.verbatim > 0 {
            self.end_code_line();
            return;
        }
        if self.is_in_flow() {
            self.end_paragraph();
            self.end_line();
        } else {
            self.broken |= !self.fresh;
            self.space = false;
        }
    }

    /// Ends a line of code that stands in a box of its own.
    fn end_code_line(&mut self) {
        if !self.out.ends_with('\n') && !self.fresh {
            self.out.push('\n');
        }
    }

    /// Writes a formula.
    fn formula(&mut self, element: ElementRef<'_>) {
        let Some(formula) = math::read(element) else {
            return;
        };
        if self.verbatim > 0 || self.open.len() >= MAX_OPEN {
            self.text(&formula.text);
        } else if !self.is_between() {
            self.before_word();
            self.out.push_str(&formula.html);
            self.fresh = false;
            self.seen += 1;
        }
    }

    pub(super) fn single(&mut self, element: ElementRef<'_>, resolve: Resolve<'_>) {
        match element.name() {
            "br" if self.verbatim > 0 => self.text("\n"),
            "br" if !self.fresh && !self.is_between() => {
                self.broken = false;
                self.out.push_str("<br>");
                self.space = false;
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
                }
                self.end_line();
            }
            "img" => self.picture(element, resolve),
            "iframe" => self.frame(element, resolve),
            "audio" | "video" => self.recording(element, resolve),
            "embed" => drop(self.embedded(element, resolve)),
            "noscript" => self.noscript(element, resolve),
            "math" => self.formula(element),
            "script" => {
                if let Some(tex) = math::script(element) {
                    self.text(&tex);
                }
            }
            // Of a list of tasks; one that can be clicked belongs to the theme (a note in the margin, a menu).
            "input"
                if element.attr("disabled").is_some()
                    && element
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

    pub(super) fn done(mut self) -> Own {
        self.end_paragraph();
        Own {
            html: self.out,
            media: self.media,
            variants: self.variants,
            unattached: self.unattached,
        }
    }
}
