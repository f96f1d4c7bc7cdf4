//! Mathematics of the site's own HTML, in the form of FEP-dc88: MathML Core with the source as an annotation.
//!
//! Mastodon shows the annotation between dollar signs and drops a formula without one; others show the MathML. What a
//! page writes for other eyes (KaTeX's and MathJax's boxes, previews, the same once more for screen readers) is left
//! out elsewhere, so that the formula stands there once.

use std::fmt::Write as _;

use super::element::{attribute, collapse, escape};
use crate::dom::{Edge, ElementRef, Node};

/// Bytes of one formula; the longest derivations stay far below.
const MAX_FORMULA: usize = 32 << 10;

/// What is written of MathML: MathML Core's elements without `maction` and what is only there for looks.
const ELEMENTS: [&str; 27] = [
    "merror",
    "mfrac",
    "mi",
    "mmultiscripts",
    "mn",
    "mo",
    "mover",
    "mpadded",
    "mphantom",
    "mprescripts",
    "mroot",
    "mrow",
    "ms",
    "mspace",
    "msqrt",
    "mstyle",
    "msub",
    "msubsup",
    "msup",
    "mtable",
    "mtd",
    "mtext",
    "mtr",
    "munder",
    "munderover",
    "none",
    "menclose",
];

/// A formula.
pub(super) struct Formula {
    /// As it is written.
    pub(super) html: String,
    /// As one says it in plain text: TeX between dollar signs, or the formula's own signs.
    pub(super) text: String,
}

/// Reads `<math>`; `None` when there is nothing in it.
pub(super) fn read(math: ElementRef<'_>) -> Option<Formula> {
    let is_block = math.attr("display") == Some("block") || math.attr("mode") == Some("display");
    let tex = source(math)
        // LaTeXML and Temml write the source here.
        .or_else(|| math.attr("alttext").map(str::to_owned))
        .map(|tex| undelimited(tex.trim()).to_owned())
        .filter(|tex| !tex.is_empty());
    let (expression, roots) = expression(math)?;
    let signs = signs(math);
    if signs.is_empty() && tex.is_none() {
        return None;
    }
    let mut html = String::from(if is_block {
        "<math display=\"block\"><semantics>"
    } else {
        "<math><semantics>"
    });
    // `semantics` has one expression.
    match roots {
        1 => html.push_str(&expression),
        _ => drop(write!(html, "<mrow>{expression}</mrow>")),
    }
    let (encoding, source) = match &tex {
        Some(tex) => ("application/x-tex", tex.as_str()),
        None => ("text/plain", signs.as_str()),
    };
    html.push_str("<annotation");
    attribute(&mut html, "encoding", encoding);
    html.push('>');
    escape(&mut html, source);
    html.push_str("</annotation></semantics></math>");
    let text = match &tex {
        Some(tex) => dollars(tex, is_block),
        None => signs,
    };
    Some(Formula { html, text })
}

/// The source of a formula, as it is annotated.
pub(super) fn source(math: ElementRef<'_>) -> Option<String> {
    let annotation = math.descendent_elements().find(|inner| {
        let encoding = inner.attr("encoding").unwrap_or_default().to_ascii_lowercase();
        inner.name() == "annotation" && encoding.ends_with("tex")
    });
    Some(annotation?.text().to_owned())
}

/// The TeX in `<script type="math/tex">`, where MathJax finds it.
pub(super) fn script(script: ElementRef<'_>) -> Option<String> {
    let kind = script.attr("type")?.to_ascii_lowercase();
    let mode = kind
        .strip_prefix("math/tex")
        .or_else(|| kind.strip_prefix("math/latex"))?;
    let set = script
        .prev_siblings()
        .find_map(ElementRef::wrap)
        .is_some_and(|before| before.descendent_elements().any(|inner| inner.name() == "math"));
    let tex = script.text();
    let tex = tex
        .trim()
        .trim_start_matches("% <![CDATA[")
        .trim_start_matches("<![CDATA[");
    let tex = tex.trim_end_matches("%]]>").trim_end_matches("]]>").trim();
    (!set && !tex.is_empty() && tex.len() <= MAX_FORMULA).then(|| dollars(tex, mode.contains("display")))
}

fn dollars(tex: &str, is_block: bool) -> String {
    let tex = collapse(tex);
    if is_block {
        format!("$${tex}$$")
    } else {
        format!("${tex}$")
    }
}

/// A formula without the signs around it, which FEP-dc88 forbids.
fn undelimited(tex: &str) -> &str {
    for (before, after) in [("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$")] {
        if let Some(inner) = tex.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)) {
            return inner.trim();
        }
    }
    tex
}

/// Elements whose inside isn't part of the expression.
fn is_apart(name: &str) -> bool {
    matches!(name, "annotation" | "annotation-xml" | "script" | "style" | "svg")
}

/// The signs of a formula, in their order.
fn signs(math: ElementRef<'_>) -> String {
    let mut text = String::new();
    let mut silent = 0_usize;
    for edge in math.traverse() {
        match edge {
            Edge::Open(node) => match node.value() {
                Node::Text(part) if silent == 0 => text.push_str(&collapse(part)),
                Node::Element(inner) if is_apart(inner.name()) => silent += 1,
                _ => {}
            },
            Edge::Close(node) => {
                if ElementRef::wrap(node).is_some_and(|inner| is_apart(inner.name())) {
                    silent -= 1;
                }
            }
        }
    }
    text.chars().filter(|c| !is_invisible(*c)).collect()
}

/// Signs that only tell a program how to read a formula: function application, invisible times and the like.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{2061}'..='\u{2064}' | '\u{200b}')
}

/// The expression without annotations, and how many elements it has at its top.
fn expression(math: ElementRef<'_>) -> Option<(String, usize)> {
    let mut html = String::new();
    let mut open: Vec<(&str, bool)> = vec![];
    let mut roots = 0;
    let mut silent = 0_usize;
    for edge in math.traverse() {
        match edge {
            Edge::Open(node) => match node.value() {
                Node::Text(text) if silent == 0 => {
                    let text = collapse(text);
                    if !text.is_empty() {
                        let innermost = open
                            .iter()
                            .rev()
                            .find(|(_, written)| *written)
                            .map(|(name, _)| *name);
                        roots += usize::from(innermost.is_none());
                        // Text has its place in these alone.
                        let is_token = matches!(innermost, Some("mi" | "mn" | "mo" | "ms" | "mtext"));
                        html.push_str(if is_token { "" } else { "<mtext>" });
                        escape(&mut html, &text);
                        html.push_str(if is_token { "" } else { "</mtext>" });
                    }
                }
                Node::Element(inner) => {
                    silent += usize::from(is_apart(inner.name()));
                    let name = ELEMENTS.into_iter().find(|known| *known == inner.name());
                    let written = silent == 0 && name.is_some();
                    if written && let (Some(name), Some(element)) = (name, ElementRef::wrap(node)) {
                        roots += usize::from(open.iter().all(|(_, written)| !written));
                        html.push('<');
                        html.push_str(name);
                        attributes(&mut html, element);
                        html.push('>');
                    }
                    open.push((name.unwrap_or("math"), written));
                }
                _ => {}
            },
            Edge::Close(node) => {
                if let Node::Element(inner) = node.value() {
                    silent -= usize::from(is_apart(inner.name()));
                    if let Some((name, true)) = open.pop() {
                        html.push_str("</");
                        html.push_str(name);
                        html.push('>');
                    }
                }
            }
        }
        if html.len() > MAX_FORMULA {
            return None;
        }
    }
    Some((html, roots))
}

/// The attributes that change what a formula means (FEP-dc88, "Semantic Attributes").
fn attributes(out: &mut String, element: ElementRef<'_>) {
    let name = element.name();
    let mut all: Vec<(&str, &str)> = element.attrs().collect();
    // Whatever order a generator writes them in.
    all.sort_unstable();
    for (key, value) in all {
        let kept = match key {
            "mathvariant" => value == "normal",
            "displaystyle" | "scriptlevel" => true,
            "linethickness" => name == "mfrac" && matches!(value, "0" | "0px" | "0pt" | "1"),
            "width" | "height" | "depth" => name == "mspace",
            "form" | "fence" | "separator" | "stretchy" | "symmetric" | "largeop" | "movablelimits"
            | "lspace" | "rspace" | "minsize" | "maxsize" => name == "mo",
            "accent" | "accentunder" => matches!(name, "mover" | "munder" | "munderover"),
            "columnspan" | "rowspan" => name == "mtd",
            _ => false,
        };
        let sound = value.len() <= 32
            && value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'%'));
        if kept && sound {
            attribute(
                out,
                key,
                if key == "linethickness" && value.starts_with('0') {
                    "0"
                } else {
                    value
                },
            );
        }
    }
}

/// The source of a formula that is only a picture, or `None` of any other picture. By the class that LaTeX renderers give
/// their pictures (Jetpack, MediaWiki, pandoc's `--webtex`).
pub(super) fn of_picture(img: ElementRef<'_>) -> Option<String> {
    let called = img
        .classes()
        .flat_map(|class| class.split(['-', '_']))
        .any(|word| {
            matches!(
                word.to_ascii_lowercase().as_str(),
                "latex" | "tex" | "math" | "mwe" | "mathjax"
            )
        });
    let alt = collapse(img.attr("alt")?);
    (called && !alt.is_empty()).then(|| dollars(undelimited(&alt), false))
}

#[cfg(test)]
mod tests {
    use crate::sanitize::own_html;

    fn clean(html: &str) -> String {
        own_html(html, &"https://blog.example/a/".parse().unwrap()).html
    }

    const SQUARE: &str = "<math><semantics><msup><mi>x</mi><mn>2</mn></msup>\
                          <annotation encoding=\"application/x-tex\">x^2</annotation></semantics></math>";

    #[test]
    fn katex_is_written_once_as_mathml_with_its_source() {
        let katex = "<p>So <span class=katex><span class=katex-mathml><math xmlns='http://www.w3.org/1998/Math/MathML'><semantics><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow>\
                     <annotation encoding='application/x-tex'>x^2</annotation></semantics></math></span>\
                     <span class=katex-html aria-hidden=true><span class=base><span class='mord mathnormal'>x</span><span>2</span></span></span></span>.</p>";
        let expected = SQUARE
            .replace("<msup>", "<mrow><msup>")
            .replace("</msup>", "</msup></mrow>");
        assert_eq!(clean(katex), format!("<p>So {expected}.</p>"));
    }

    #[test]
    fn mathjax_is_written_by_what_it_gives_to_screen_readers_with_the_signs_as_text() {
        let mathjax = "<p><mjx-container jax=CHTML><mjx-math aria-hidden=true><mjx-c></mjx-c>x2</mjx-math>\
                       <mjx-assistive-mml><math display=block><mi>x</mi><mo>=</mo><mn>2</mn></math></mjx-assistive-mml></mjx-container></p>";
        assert_eq!(
            clean(mathjax),
            "<p><math display=\"block\"><semantics><mrow><mi>x</mi><mo>=</mo><mn>2</mn></mrow>\
             <annotation encoding=\"text/plain\">x=2</annotation></semantics></math></p>"
        );
    }

    #[test]
    fn the_script_of_an_older_mathjax_is_its_source_between_dollars() {
        assert_eq!(
            clean(
                "<p>a <span class=MathJax_Preview>x2</span><script type='math/tex'>x^2 &lt; 3</script> b</p>"
            ),
            "<p>a $x^2 &amp;lt; 3$ b</p>"
        );
        assert_eq!(
            clean("<script type='math/tex; mode=display'>% <![CDATA[\nx < 2 %]]></script>"),
            "<p>$$x &lt; 2$$</p>"
        );
        let set = format!("<p><span class=MathJax>{SQUARE}</span><script type='math/tex'>x^2</script></p>");
        assert_eq!(clean(&set), format!("<p>{SQUARE}</p>"));
        assert_eq!(clean("<p>a</p><script>x^2</script>"), "<p>a</p>");
    }

    #[test]
    fn cleaning_a_formula_twice_changes_nothing_and_looks_are_dropped() {
        assert_eq!(clean(&format!("<p>{SQUARE}</p>")), format!("<p>{SQUARE}</p>"));
        let dressed = "<p><math class=x alttext='\\(a\\)'><mstyle mathcolor=red scriptlevel=0><mi onclick=f() mathvariant=normal>a</mi></mstyle><script>f()</script></math></p>";
        assert_eq!(
            clean(dressed),
            "<p><math><semantics><mstyle scriptlevel=\"0\"><mi mathvariant=\"normal\">a</mi></mstyle>\
             <annotation encoding=\"application/x-tex\">a</annotation></semantics></math></p>"
        );
        assert_eq!(clean("<p>a<math></math></p>"), "<p>a</p>");
    }

    #[test]
    fn a_formula_that_is_a_picture_is_its_source() {
        let own = own_html(
            "<p>So <img class=latex alt='x^2' src=https://tex.example/1.png>.</p>",
            &"https://blog.example/".parse().unwrap(),
        );
        assert_eq!((own.html.as_str(), own.media.len()), ("<p>So $x^2$.</p>", 0));
    }

    #[test]
    fn a_formula_in_code_is_text() {
        assert_eq!(clean(&format!("<pre>{SQUARE}</pre>")), "<pre>$x^2$</pre>");
    }
}
