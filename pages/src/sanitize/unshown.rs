//! What stands in the site's own HTML without being said: hidden elements, the marks that themes hang onto headings, notes
//! and code.
//!
//! A page's surroundings (navigation, share links) are `page`'s matter; what is meant here is inside of the content.
//! Classes count only where they are a convention of many tools; each says which.

use super::element::{collapse, is_blank};
use crate::dom::{Edge, ElementRef, Node, NodeId, NodeRef, NodeSet};

/// Characters of what is on a button, "Copy to clipboard" in any language.
const MAX_BUTTON: usize = 30;

/// Arrows and hooks with which notes lead back to where they are called.
const BACK: [char; 12] = ['↩', '↵', '↑', '⏎', '⤴', '⬆', '↖', '⮌', '⇑', '^', '↲', '⬑'];

/// What isn't written, and what isn't written though its inside is.
#[derive(Default)]
pub(super) struct Unshown {
    pub(super) skip: NodeSet,
    /// Tables, rows and cells that only set line numbers beside code.
    pub(super) frame: NodeSet,
    /// Links of headings to themselves.
    pub(super) unlink: NodeSet,
}

/// Finds it below a node.
pub(super) fn find(root: NodeRef<'_>) -> Unshown {
    let mut found = Unshown::default();
    let whole = || {
        root.descendants()
            .filter_map(|node| match node.value() {
                Node::Text(text) => Some(text.trim().len()),
                _ => None,
            })
            .sum::<usize>()
    };
    let mut length = None;
    for node in root.descendants().skip(1) {
        let Some(element) = ElementRef::wrap(node) else {
            continue;
        };
        let mut skip =
            is_hidden(element) || is_button(element) || is_back_link(element) || is_line_number(element);
        if !skip && is_invisible(element) {
            // Scripts that fade a page in hide all of it first.
            let whole = *length.get_or_insert_with(whole);
            skip = words(element).len() * 2 <= whole;
        }
        match element.name() {
            "a" if !skip => match heading_link(element) {
                Some(HeadingLink::Mark) => skip = true,
                Some(HeadingLink::Title) => drop(found.unlink.insert(node.id())),
                None => {}
            },
            "table" => code_table(element, &mut found),
            "pre" => found.skip.extend(label(element)),
            "script" => found.skip.extend(preview(element)),
            _ => {}
        }
        if skip {
            found.skip.insert(node.id());
        }
    }
    found
}

/// The text of an element as it is in the source, without what no browser shows.
pub(super) fn words(element: ElementRef<'_>) -> String {
    first_words(element, usize::MAX).unwrap_or_default()
}

/// Whether an element says just this, whatever the case.
fn says(element: ElementRef<'_>, wanted: &str) -> bool {
    // No letter becomes less than one when its case changes, and none has more than four bytes.
    first_words(element, wanted.len() * 4).is_some_and(|words| words.to_lowercase() == wanted)
}

/// The same; `None` of a text with more bytes than so many beside its spaces.
fn first_words(element: ElementRef<'_>, limit: usize) -> Option<String> {
    let mut text = String::new();
    let mut hidden = 0_usize;
    let mut long = 0;
    for edge in element.traverse() {
        match edge {
            Edge::Open(node) => match node.value() {
                Node::Text(part) if hidden == 0 => {
                    if limit < usize::MAX {
                        long += part.bytes().filter(|byte| !is_blank(char::from(*byte))).count();
                        if long > limit {
                            return None;
                        }
                    }
                    text.push_str(part);
                }
                Node::Element(inner) if is_silent(inner) => hidden += 1,
                _ => {}
            },
            Edge::Close(node) => {
                if ElementRef::wrap(node).is_some_and(is_silent) {
                    hidden -= 1;
                }
            }
        }
    }
    Some(collapse(&text))
}

/// Elements without text, and labels for screen readers (Bootstrap's and WordPress's names for them).
fn is_silent(element: ElementRef<'_>) -> bool {
    matches!(
        element.name(),
        "script" | "style" | "template" | "noscript" | "svg"
    ) || element.classes().any(|class| {
        matches!(
            class,
            "sr-only" | "visually-hidden" | "visuallyhidden" | "screen-reader-text" | "screen-reader-only"
        )
    })
}

/// Pictures, mathematics and the like count even where `aria-hidden` keeps them from screen readers.
fn is_hidden(element: ElementRef<'_>) -> bool {
    let holds = |element: ElementRef<'_>| {
        element
            .descendent_elements()
            .any(|inner| matches!(inner.name(), "img" | "math" | "video" | "audio" | "iframe"))
    };
    element
        .attr("hidden")
        .is_some_and(|hidden| !hidden.eq_ignore_ascii_case("until-found"))
        || (element.attr("aria-hidden") == Some("true") && !holds(element))
}

fn is_invisible(element: ElementRef<'_>) -> bool {
    let Some(style) = element.attr("style") else {
        return false;
    };
    style
        .split(';')
        .filter_map(|rule| rule.split_once(':'))
        .any(|(key, value)| {
            let value = value
                .trim()
                .trim_end_matches("!important")
                .trim()
                .to_ascii_lowercase();
            match key.trim().to_ascii_lowercase().as_str() {
                "display" => value == "none",
                "visibility" => value == "hidden",
                _ => false,
            }
        })
}

/// Something to press: `role=button`, clipboard.js's attributes, GitHub's `<clipboard-copy>`, and what is called "copy"
/// beside code.
fn is_button(element: ElementRef<'_>) -> bool {
    let by_name = element.name().contains('-')
        && element
            .name()
            .split('-')
            .any(|word| matches!(word, "copy" | "clipboard"));
    let by_attribute = element
        .attrs()
        .any(|(key, value)| key.starts_with("data-clipboard") || (key == "role" && value == "button"));
    let by_class = || {
        let mut words = element.classes().flat_map(|class| class.split(['-', '_']));
        let called = words.any(|word| {
            matches!(
                word.to_ascii_lowercase().as_str(),
                "copy" | "clipboard" | "copybtn"
            )
        });
        let mut around = element.ancestors().filter_map(ElementRef::wrap).take(3);
        called && around.any(|around| around.descendent_elements().any(|inner| inner.name() == "pre"))
    };
    (by_name || by_attribute || by_class())
        && !element
            .descendent_elements()
            .any(|inner| matches!(inner.name(), "pre" | "img"))
        && words(element).chars().count() <= MAX_BUTTON
}

/// The way back from a note to where it is called, when it is only an arrow. A number or a word stays: it is the note's
/// name. By DPUB-ARIA's role, and by the classes of Markdown processors that came before it.
fn is_back_link(element: ElementRef<'_>) -> bool {
    let called = || {
        element.attr("role") == Some("doc-backlink")
            || element.attr("data-footnote-backref").is_some()
            || element.classes().any(|class| {
                matches!(
                    class,
                    "footnote-backref" | "footnote-back" | "footnote-return" | "reversefootnote"
                )
            })
    };
    element.name() == "a" && called() && {
        let words = words(element);
        words.contains(BACK) || !words.chars().any(char::is_alphanumeric)
    }
}

enum HeadingLink {
    Mark,
    Title,
}

/// What a link in or beside a heading that leads to the heading is.
fn heading_link(element: ElementRef<'_>) -> Option<HeadingLink> {
    let fragment = element.attr("href")?.trim().split_once('#')?.1;
    let around: Vec<ElementRef<'_>> = element.ancestors().filter_map(ElementRef::wrap).collect();
    let is_heading =
        |element: &ElementRef<'_>| matches!(element.name(), "h1" | "h2" | "h3" | "h4" | "h5" | "h6");
    let says_nothing = !words(element).chars().any(char::is_alphanumeric);
    let heading = around.iter().find(|around| is_heading(around));
    let Some(heading) = heading else {
        let beside = element
            .prev_siblings()
            .chain(element.next_siblings())
            .filter_map(ElementRef::wrap);
        let marks = says_nothing && beside.take(2).any(|beside| is_heading(&beside));
        return marks.then_some(HeadingLink::Mark);
    };
    if says_nothing {
        // A heading of nothing else keeps what it has.
        return words(*heading)
            .chars()
            .any(char::is_alphanumeric)
            .then_some(HeadingLink::Mark);
    }
    let leads_here = heading
        .descendent_elements()
        .chain(around.iter().copied())
        .any(|inner| inner.attr("id") == Some(fragment));
    let is_note = around.iter().any(|around| around.name() == "sup");
    (leads_here
        && !is_note
        && element
            .attr("href")
            .is_some_and(|href| href.trim().starts_with('#')))
    .then_some(HeadingLink::Title)
}

/// A line number in code: by the classes of Chroma, Pygments, Rouge and Prism, or digits that can't be selected.
fn is_line_number(element: ElementRef<'_>) -> bool {
    let in_code = || {
        let mut around = element.ancestors().filter_map(ElementRef::wrap);
        around.any(|around| matches!(around.name(), "pre" | "code"))
    };
    let called = element.classes().any(|class| {
        let last = class.rsplit('-').next().unwrap_or_default();
        matches!(last, "ln" | "lnt" | "linenos" | "lineno" | "gutter")
            || matches!(
                class,
                "line-number" | "line-numbers" | "line-numbers-rows" | "lnlinks"
            )
    });
    let unselectable = || {
        element.attr("style").is_some_and(|style| {
            let style = style.replace(' ', "").to_ascii_lowercase();
            style.contains("user-select:none")
        })
    };
    matches!(element.name(), "span" | "a" | "div" | "td" | "i")
        && (called || unselectable())
        && is_number(&words(element))
        && (in_code() || element.name() == "td")
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ')
}

/// A table that sets numbers beside code: one cell of a row is nothing but numbers, another has the code.
fn code_table(table: ElementRef<'_>, found: &mut Unshown) {
    // Not those of a table in one of its cells.
    let is_own = |inner: &ElementRef<'_>| {
        let mut around = inner.ancestors().filter_map(ElementRef::wrap);
        around
            .find(|around| around.name() == "table")
            .is_some_and(|around| around.id() == table.id())
    };
    let own = |names: &'static [&str]| {
        let inner = table.descendent_elements();
        inner.filter(move |inner| names.contains(&inner.name()) && is_own(inner))
    };
    let holds_code = |cell: &ElementRef<'_>| cell.descendent_elements().any(|inner| inner.name() == "pre");
    let cells: Vec<ElementRef<'_>> = own(&["td", "th"]).collect();
    let is_code = cells.iter().any(holds_code)
        && cells
            .iter()
            .all(|cell| holds_code(cell) || is_number(&words(*cell)));
    if !is_code {
        return;
    }
    found.frame.insert(table.id());
    found
        .frame
        .extend(own(&["thead", "tbody", "tfoot", "tr", "td", "th"]).map(|inner| inner.id()));
    if cells.len() > 1 {
        let numbers = cells.iter().filter(|cell| is_number(&words(**cell)));
        found.skip.extend(numbers.map(|cell| cell.id()));
    }
}

/// The name of the language that stands over some code, said already by its class.
fn label(pre: ElementRef<'_>) -> Option<NodeId> {
    let code = pre.child_elements().find(|inner| inner.name() == "code");
    let language = super::element::code_language(code.unwrap_or(pre))?.to_lowercase();
    let parent = pre.parent().and_then(ElementRef::wrap);
    let near = std::iter::once(pre).chain(parent);
    let mut beside = near
        .flat_map(|near| near.prev_siblings().chain(near.next_siblings()))
        .filter_map(ElementRef::wrap);
    let label = beside.find(|beside| {
        matches!(
            beside.name(),
            "span" | "div" | "p" | "small" | "figcaption" | "header"
        ) && says(*beside, &language)
    });
    label.map(|label| label.id())
}

/// What MathJax shows until it has set the formula that is in the script behind it.
fn preview(script: ElementRef<'_>) -> Option<NodeId> {
    script.attr("type").filter(|kind| kind.starts_with("math/"))?;
    let before = script.prev_siblings().find_map(ElementRef::wrap)?;
    before
        .classes()
        .any(|class| class == "MathJax_Preview")
        .then(|| before.id())
}

#[cfg(test)]
mod tests {
    use crate::sanitize::own_html;

    fn clean(html: &str) -> String {
        own_html(html, &"https://blog.example/a/".parse().unwrap()).html
    }

    #[test]
    fn what_the_page_hides_is_not_said() {
        for html in [
            "<p>a</p><p hidden>b</p>",
            "<p>a<span aria-hidden=true>★</span></p>",
            "<p>a</p><div style='color:red; display: none'>b</div>",
            "<p>a</p><div style='visibility:hidden!important'>b</div>",
        ] {
            assert_eq!(clean(html), "<p>a</p>", "{html}");
        }
        assert_eq!(clean("<p hidden=until-found>a</p>"), "<p>a</p>");
        assert_eq!(
            clean("<div style='visibility:hidden'><p>all of it</p></div>"),
            "<p>all of it</p>",
            "shown by a script"
        );
    }

    #[test]
    fn marks_on_headings_go_and_a_heading_is_no_link_to_itself() {
        for heading in [
            "<h2 id=x>Title <a href=#x>#</a></h2>",
            "<h2 id=x><a href=#x class=anchor><svg><path/></svg></a>Title</h2>",
            "<h2 id=x>Title<a href=#x title=Permalink>¶</a></h2>",
            "<h2 id=x>Title <a href=#x><span class=sr-only>Link to Title</span>🔗</a></h2>",
            "<h2 id=x>Title<a href=/a/#x aria-label='Direct link'>\u{200b}</a></h2>",
            "<h2 id=x><a href=#x>Title</a></h2>",
            "<div><h2 id=x>Title</h2><a href=#x>#</a></div>",
        ] {
            assert_eq!(clean(heading), "<h2>Title</h2>", "{heading}");
        }
        assert_eq!(
            clean("<h2 id=x>Title<sup><a href=#fn1>1</a></sup></h2>"),
            "<h2>Title<sup><a href=\"https://blog.example/a/#fn1\">1</a></sup></h2>"
        );
        assert!(clean("<h2><a href=/b/>Elsewhere</a></h2>").contains("href"));
    }

    #[test]
    fn notes_are_called_and_named_and_their_arrows_back_go() {
        for note in [
            "<li id=fn1><p>Note <a href=#fnref1 role=doc-backlink>↩︎<sup>2</sup></a></p></li>",
            "<li id=fn1><p>Note&nbsp;<a href=#fnref:1 class=footnote-backref>&#8617;&#xfe0e;</a></p></li>",
            "<li id=fn1><p>Note <a href=#fnref:1 class=reversefootnote>&#8617;</a></p></li>",
            "<li id=fn1><p>Note <a href=#user-content-fnref-1 data-footnote-backref>^</a></p></li>",
        ] {
            let html = clean(&format!(
                "<p>Text<sup><a href=#fn1>1</a></sup></p><ol>{note}</ol>"
            ));
            assert_eq!(
                html.replace("&nbsp;", ""),
                "<p>Text<sup><a href=\"https://blog.example/a/#fn1\">1</a></sup></p><ol><li><p>Note</p></li></ol>"
            );
        }
        let org = "<div><sup><a id=fn.1 href=#fnr.1 role=doc-backlink>1</a></sup> <p>Note</p></div>";
        assert!(
            clean(org).contains(">1</a></sup>"),
            "the number is the note's name"
        );
    }

    #[test]
    fn line_numbers_go_in_whatever_way_they_are_set() {
        for html in [
            // Chroma, Pygments and Rouge with tables.
            "<table class=lntable><tr><td class=lntd><pre><code><span class=lnt>1\n</span><span class=lnt>2\n</span></code></pre></td>\
             <td class=lntd><pre><code>a\nb\n</code></pre></td></tr></table>",
            "<table class=highlighttable><tr><td class=linenos><div class=linenodiv><pre><span class=normal>1</span>\n<span>2</span></pre></div></td>\
             <td class=code><div><pre><code>a\nb\n</code></pre></div></td></tr></table>",
            "<table><tbody><tr><td class='gutter gl'><pre class=lineno>1\n2\n</pre></td><td class=code><pre><code>a\nb\n</code></pre></td></tr></tbody></table>",
            // In the lines.
            "<pre><code><span><span class=ln>1</span><span>a\n</span></span><span><span class=ln> 2</span><span>b\n</span></span></code></pre>",
            "<pre><code><span style='white-space:pre;-webkit-user-select:none;user-select:none'>1</span>a\n<span style='user-select: none'>2</span>b\n</code></pre>",
            "<pre><code><div class=ec-line><div aria-hidden=true><div>1</div></div><div>a</div></div><div class=ec-line><div aria-hidden=true><div>2</div></div><div>b</div></div></code></pre>",
            "<div><pre><code>a\nb\n</code></pre><div aria-hidden=true><span>1</span><br><span>2</span><br></div></div>",
        ] {
            assert_eq!(
                clean(html).replace("\n</code>", "</code>"),
                "<pre><code>a\nb</code></pre>",
                "{html}"
            );
        }
    }

    #[test]
    fn a_table_of_numbers_and_code_in_a_real_table_stay() {
        let real =
            "<table><tr><th>Call</th><th>Costs</th></tr><tr><td><pre>f()</pre></td><td>12</td></tr></table>";
        assert!(clean(real).contains("<td>12</td>") && clean(real).contains("Costs"));
        assert!(clean("<table><tr><td>1</td><td>2</td></tr></table>").contains("<td>1</td>"));
        assert_eq!(
            clean("<pre><code>1\n2\n</code></pre>"),
            "<pre><code>1\n2\n</code></pre>"
        );
    }

    #[test]
    fn buttons_and_the_language_s_name_beside_code_go() {
        for html in [
            "<div><button>Copy</button><pre><code class=language-rust>a</code></pre></div>",
            "<div><div class=copy-btn>Copy</div><pre><code class=language-rust>a</code></pre></div>",
            "<div><clipboard-copy value=a>Copy</clipboard-copy><pre><code class=language-rust>a</code></pre></div>",
            "<div><span class=lang>Rust</span><pre><code class=language-rust>a</code></pre></div>",
            "<div><a role=button href=#>Copy to clipboard</a><pre><code class=language-rust>a</code></pre></div>",
        ] {
            assert_eq!(
                clean(html),
                "<pre><code class=\"language-rust\">a</code></pre>",
                "{html}"
            );
        }
        assert!(
            clean("<p class=copy>This is a copywriter's text, which has its name from there.</p>")
                .contains("copywriter")
        );
        let named = clean("<div><span>src/main.rs</span><pre><code class=language-rust>a</code></pre></div>");
        assert!(named.contains("src/main.rs"), "{named}");
    }
}
