//! The site's own HTML as it federates: what carries meaning stays, what a theme adds for looks goes.
//!
//! The output is written anew from the parsed tree, never copied, so that a template that is indented differently, a
//! build id or a class changes nothing. Text in a `<div>` gets a paragraph, white space is collapsed outside of
//! `<pre>`, elements without content vanish. Identifiers are dropped, and links to them lead to the page itself.

use url::Url;

use super::element::{Role, role};
use super::writer::{Leave, Writer};
use super::{MAX_NESTING, cut, nesting, unshown};
use crate::article::Media;
use crate::dom::{ElementRef, Html, Node, NodeId, NodeRef, NodeSet};

/// Bytes of a piece of HTML for [`own_html`]; a whole book.
const MAX_OWN: usize = 8 << 20;

/// A page's cleaned content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Clean HTML with absolute addresses.
    pub html: String,
    /// Its pictures, sounds and films, each once, in their order.
    pub media: Vec<Media>,
    /// Other addresses of the pictures (smaller ones, thumbnails), each with the one that is attached.
    pub variants: Vec<(String, String)>,
    /// Pictures that exist only within the page (`data:`), which can't be attached.
    pub unattached: usize,
}

/// Cleans a piece of the site's own HTML, such as a rendered Markdown note. Cleaning twice gives what cleaning once
/// gave.
pub fn own_html(html: &str, base: &Url) -> Own {
    let html = nesting::flat(cut(html, MAX_OWN), MAX_NESTING, nesting::Writer::Ourselves);
    let fragment = Html::parse_fragment(&html);
    let resolve = |href: &str| {
        let url = base.join(href.trim()).ok()?;
        matches!(url.scheme(), "http" | "https" | "mailto").then_some(url)
    };
    own_tree(fragment.root(), &resolve, &NodeSet::new())
}

/// Cleans what is inside of a node, without the nodes of `skip`. `resolve` makes links absolute, or drops them.
pub fn own_tree(root: NodeRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>, skip: &NodeSet) -> Own {
    let around_blocks = around_blocks(root);
    let unshown = unshown::find(root);
    let mut writer = Writer::new();
    let mut open: Vec<(NodeId, Leave)> = vec![];
    let mut next = root.first_child();
    while let Some(node) = next {
        let mut below = None;
        if skip.contains(node.id()) || unshown.skip.contains(node.id()) {
            writer.dropped = true;
        } else {
            match node.value() {
                Node::Text(text) => writer.text(text),
                Node::Element(_) => {
                    if let Some(element) = ElementRef::wrap(node) {
                        let leave = if unshown.frame.contains(node.id()) {
                            writer.boundary();
                            Some(Leave::Box)
                        } else if unshown.unlink.contains(node.id()) {
                            Some(Leave::Nothing)
                        } else {
                            writer.enter(element, resolve, around_blocks.contains(node.id()))
                        };
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
fn around_blocks(root: NodeRef<'_>) -> NodeSet {
    let mut around = NodeSet::new();
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
            "<p>a</p><p><a href=\"https://blog.example/s.ogg\">s.ogg</a></p><p><a href=\"https://blog.example/v.mp4\">v.mp4</a></p>\
             <p><a href=\"https://tube.example/embed/1\">A film</a></p>"
        );
    }

    #[test]
    fn an_icon_that_goes_leaves_no_gap_before_the_stop() {
        assert_eq!(
            clean(
                "<p>A <a href=/x>link<span><svg></svg> <span hidden>(opens a window)</span></span></a>. A <i>b <svg></svg></i> c</p>"
            ),
            "<p>A <a href=\"https://blog.example/x\">link</a>. A <i>b</i> c</p>"
        );
    }

    #[test]
    fn broken_html_comes_out_whole() {
        for (broken, whole) in [
            ("<p>a<p>b <b>c<p>d", "<p>a</p><p>b <b>c</b></p><p><b>d</b></p>"),
            ("<b>a <i>b</b> c</i>", "<p><b>a <i>b</i></b><i> c</i></p>"),
            (
                "<p>a <img alt='<b>no</b>' src=x.png> b",
                "<p>a <img src=\"https://blog.example/a/x.png\" alt=\"&lt;b&gt;no&lt;/b&gt;\"> b</p>",
            ),
            (
                "<a href=/x>a <a href=/y>b</a>",
                "<p><a href=\"https://blog.example/x\">a</a> <a href=\"https://blog.example/y\">b</a></p>",
            ),
            (
                "<table>stray<tr><td>a<tr><td>b</table>",
                "<p>stray</p><table><tbody><tr><td>a</td></tr>\n<tr><td>b</td></tr></tbody></table>",
            ),
            ("</div></p>a</span><p>b</div>", "<p>a</p><p>b</p>"),
            (
                "<ul><li>a<li>b<ul><li>c</ul>",
                "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>",
            ),
            ("<p>a<!-- never closed", "<p>a</p>"),
            ("<p>a <b class=\"x>b</p><p>c", "<p>a</p>"),
            (
                "<p>1 < 2 & 3 &lt 4 &nosuch;",
                "<p>1 &lt; 2 &amp; 3 &lt; 4 &amp;nosuch;</p>",
            ),
            ("<h2>a<h3>b</h2>c", "<h2>a</h2><h3>b</h3><p>c</p>"),
            ("<p>\u{0}a\u{fffd}</p>", "<p>a\u{fffd}</p>"),
        ] {
            assert_eq!(clean(broken), whole, "{broken}");
        }
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
        let html = crate::dom::Html::parse_fragment(&deep);
        let own = own_tree(html.root(), &|_| None, &NodeSet::new());
        assert_eq!(
            own.html.matches("<blockquote>").count(),
            super::super::writer::MAX_OPEN
        );
        assert!(own.html.contains("deep"));
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(parts in proptest::collection::vec(part(), 0..30)) {
            let html = parts.concat();
            let once = clean(&html);
            prop_assert_eq!(clean(&once), once);
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
                "<math><mi>x</mi></math>",
                "<math>",
                "<mrow>",
                "</math>",
                "<noscript><img src=n.png></noscript>",
                "<script type='math/tex'>x</script>",
                "<iframe src=/f title=t></iframe>",
                "<audio src=a.mp3></audio>",
                "<object data=d.pdf>",
                "</object>",
                "<span hidden>",
                "<sup>",
                "<img class=emoji alt=☺ src=e.png>",
                "<img src=t.jpg srcset='l.jpg 2x'>",
                "<input type=checkbox disabled>",
                "<div class=copy>",
            ])
            .prop_map(str::to_owned),
            "[a-z \n]{0,6}",
        ]
    }
}
