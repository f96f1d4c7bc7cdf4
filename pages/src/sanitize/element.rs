//! The elements of the site's own HTML: which are written, how, and with which attributes.

use url::Url;

use crate::dom::ElementRef;
use crate::flow;

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
    /// Written by itself, or as what stands for it: br, img, a formula, a frame.
    Single,
}

pub(super) fn role(name: &str) -> Role {
    match name.as_bytes() {
        b"p" | b"blockquote" | b"pre" | b"ul" | b"ol" | b"li" | b"dl" | b"dt" | b"dd" | b"h1" | b"h2"
        | b"h3" | b"h4" | b"h5" | b"h6" | b"figure" | b"figcaption" | b"table" | b"caption" | b"thead"
        | b"tbody" | b"tfoot" | b"tr" | b"td" | b"th" | b"details" | b"summary" => Role::Block,
        b"div" | b"section" | b"article" | b"main" | b"header" | b"footer" | b"aside" | b"address"
        | b"nav" | b"hgroup" | b"center" | b"fieldset" | b"body" | b"html" | b"search" | b"menu" | b"dir" => {
            Role::Box
        }
        b"a" | b"em" | b"strong" | b"b" | b"i" | b"u" | b"s" | b"del" | b"ins" | b"sub" | b"sup"
        | b"code" | b"q" | b"cite" | b"abbr" | b"kbd" | b"samp" | b"var" | b"mark" | b"ruby" | b"rb"
        | b"rt" | b"rp" | b"span" | b"bdi" | b"bdo" | b"dfn" | b"small" | b"strike" | b"tt" => Role::Inline,
        b"br" | b"hr" | b"img" | b"wbr" | b"iframe" | b"audio" | b"video" | b"embed" | b"input" | b"math"
        | b"script" | b"noscript" => Role::Single,
        b"style" | b"template" | b"svg" | b"canvas" | b"form" | b"button" | b"select" | b"textarea"
        | b"option" | b"optgroup" | b"datalist" | b"applet" | b"map" | b"area" | b"head" | b"title"
        | b"meta" | b"link" | b"base" | b"dialog" | b"frame" | b"frameset" | b"noframes" | b"colgroup"
        | b"col" | b"param" | b"source" | b"track" | b"progress" | b"meter" | b"marquee" | b"plaintext"
        | b"xmp" => Role::Drop,
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
    let name = element.name();
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
            let in_pre = element.parent().and_then(ElementRef::wrap);
            let language = match in_pre.filter(|around| around.name() == "pre") {
                Some(_) => code_language(element),
                None => by_class(element),
            };
            if let Some(language) = language {
                attribute(&mut out, "class", &format!("language-{language}"));
            }
        }
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
    const NAMES: [&str; 55] = [
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

/// Elements around code that may name its language.
const LANGUAGE_DEPTH: usize = 3;

/// The language of some code: by a class of it or of what is around it (`language-rust` as HTML's own example has it,
/// `lang-`, `src-`, `highlight-`, `highlight-source-`), or by `data-lang`.
pub(super) fn code_language(code: ElementRef<'_>) -> Option<&str> {
    let around = code.ancestors().filter_map(ElementRef::wrap).take(LANGUAGE_DEPTH);
    // What holds several pieces of code names none of them.
    let around = around.take_while(|around| {
        let mut inner = around.descendent_elements();
        inner
            .by_ref()
            .filter(|inner| inner.name() == "pre")
            .nth(1)
            .is_none()
    });
    std::iter::once(code).chain(around).find_map(|element| {
        let stated = ["data-lang", "data-language"]
            .into_iter()
            .find_map(|key| element.attr(key));
        by_class(element).or(stated.filter(|language| is_code_language(language)))
    })
}

fn by_class(element: ElementRef<'_>) -> Option<&str> {
    let prefixes = ["language-", "lang-", "highlight-source-", "highlight-", "src-"];
    element.classes().find_map(|class| {
        let language = prefixes
            .into_iter()
            .find_map(|prefix| class.strip_prefix(prefix))?;
        Some(language).filter(|language| is_code_language(language))
    })
}

fn is_code_language(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'#' | b'-' | b'_' | b'.');
    (1..=32).contains(&name.len())
        && name.bytes().all(plain)
        && !matches!(
            name,
            "none" | "default" | "notranslate" | "rouge" | "wrapper" | "container"
        )
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
    // The first byte of a no-break space begins other letters, too.
    let is_sign = |byte: u8| (byte == b'&') | (byte == b'<') | (byte == b'>') | (byte == 0xc2);
    let mut rest = text;
    loop {
        let plain = flow::without(rest.as_bytes(), is_sign);
        out.push_str(&rest[..plain]);
        rest = &rest[plain..];
        let Some(c) = rest.chars().next() else { return };
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            _ => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
}
