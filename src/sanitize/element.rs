//! The elements of the site's own HTML: which are written, how, and with which attributes.

use scraper::ElementRef;
use url::Url;

/// What becomes of an element.
pub(super) enum Role {
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

pub(super) fn role(name: &str) -> Role {
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

/// The attributes that are kept, as they are written.
pub(super) fn attributes(element: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) -> String {
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
pub(super) fn written(name: &str) -> &'static str {
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
pub(super) fn may_stand_in(name: &str, innermost: &str) -> bool {
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
pub(super) fn is_code_table(element: ElementRef<'_>) -> bool {
    let mut around = std::iter::once(element).chain(element.ancestors().filter_map(ElementRef::wrap).take(3));
    matches!(element.value().name(), "table" | "thead" | "tbody" | "tr" | "td")
        && around.any(|around| {
            around
                .value()
                .classes()
                .any(|class| matches!(class, "lntable" | "highlighttable" | "rouge-table" | "highlight"))
        })
}

pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

pub(super) fn collapse(text: &str) -> String {
    let mut out = String::new();
    for word in text.split(is_blank).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

pub(super) fn attribute(out: &mut String, key: &str, value: &str) {
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

pub(super) fn escape(out: &mut String, text: &str) {
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
