//! HTML from other servers: replies, summaries, profiles.
//!
//! The allow list is Mastodon's: what its own servers send survives, everything else becomes text. Headings become
//! strong paragraphs, so that a reply doesn't break into the outline of the page that it is shown under. Pictures
//! go: they come as attachments, and a reader's browser contacts nobody.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use super::nesting::{Writer, deeper_than};
use super::{MAX_NESTING, cut, plain};

/// Bytes of one post's HTML that are read, and, but for the last end tags, given; the longest posts of any server in use stay far below.
pub const MAX_REMOTE: usize = 128 << 10;

/// Times that cleaning is repeated until nothing changes any more. Two are the rule; broken HTML takes a third.
const MAX_ROUNDS: usize = 4;

const ELEMENTS: [&str; 23] = [
    "p",
    "br",
    "span",
    "a",
    "del",
    "s",
    "pre",
    "code",
    "em",
    "strong",
    "b",
    "i",
    "u",
    "ul",
    "ol",
    "li",
    "blockquote",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
];

/// Classes that mean something: parts of a shortened link, mentions and hashtags, and the reference to a quoted post.
const CLASSES: [&str; 7] = [
    "mention",
    "hashtag",
    "ellipsis",
    "invisible",
    "h-card",
    "u-url",
    "quote-inline",
];

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::empty();
    cleaner
        .tags(HashSet::from(ELEMENTS))
        .clean_content_tags(HashSet::from(["script", "style"]))
        .generic_attributes(HashSet::from(["lang", "dir"]))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "class"])),
            ("span", HashSet::from(["class"])),
            ("p", HashSet::from(["class"])),
            ("ol", HashSet::from(["start", "reversed"])),
            ("li", HashSet::from(["value"])),
        ]))
        .url_schemes(HashSet::from(["http", "https"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("nofollow noopener noreferrer ugc"))
        .strip_comments(true)
        .attribute_filter(|_, attribute, value| attribute_value(attribute, value));
    cleaner
});

fn attribute_value<'v>(attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    match attribute {
        "class" => {
            let kept: Vec<&str> = value
                .split_ascii_whitespace()
                .filter(|class| CLASSES.contains(class))
                .collect();
            (!kept.is_empty()).then(|| kept.join(" ").into())
        }
        "dir" => matches!(value, "ltr" | "rtl" | "auto").then_some(value.into()),
        "lang" => {
            let sound = value.len() <= 35 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            (sound && !value.is_empty()).then_some(value.into())
        }
        "start" | "value" => value.parse::<i32>().is_ok().then_some(value.into()),
        "reversed" => Some("".into()),
        _ => Some(value.into()),
    }
}

/// Cleans HTML from another server. Cleaning twice gives what cleaning once gave.
pub fn remote_html(html: &str) -> String {
    let mut html = Cow::Borrowed(cut(html, MAX_REMOTE));
    if !deeper_than(&html, MAX_NESTING, Writer::Others) {
        for _ in 0..MAX_ROUNDS {
            let cleaned = once(cut(&html, MAX_REMOTE));
            if cleaned == html.as_ref() {
                return cleaned;
            }
            html = Cow::Owned(cleaned);
        }
    }
    // What doesn't come to rest, or is nested beyond reason, is shown as text: a sixth, because `&` grows to `&amp;`.
    let text = plain(&html);
    let lines = cut(&text, MAX_REMOTE / 6)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let lines = lines.replace('\u{a0}', "&nbsp;");
    if lines.is_empty() {
        String::new()
    } else {
        format!("<p>{}</p>", lines.replace('\n', "<br>"))
    }
}

fn once(html: &str) -> String {
    let mut cleaned = CLEANER.clean(html).to_string();
    // What ammonia writes is exact: `<h1>` stands nowhere but where a heading begins. `lang` and `dir` may follow.
    for level in 1..=6 {
        if cleaned.contains(&format!("<h{level}")) {
            cleaned = demote(&cleaned, level);
        }
    }
    cleaned
}

fn demote(html: &str, level: u8) -> String {
    let start = format!("<h{level}");
    let mut out = String::with_capacity(html.len() + 64);
    let mut rest = html;
    while let Some(at) = rest.find(&start) {
        out.push_str(&rest[..at]);
        rest = &rest[at + start.len()..];
        let end = rest.find('>').map_or(rest.len(), |end| end + 1);
        out.push_str("<p");
        out.push_str(&rest[..end]);
        out.push_str("<strong>");
        rest = &rest[end..];
    }
    out.push_str(rest);
    out.replace(&format!("</h{level}>"), "</strong></p>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mention_and_a_hashtag_survive_and_their_links_are_marked() {
        let html = r#"<p><span class="h-card x"><a href="https://b.example/@ann" class="u-url mention" onclick="x()">@<span>ann</span></a></span> hi</p>"#;
        let clean = remote_html(html);
        assert!(clean.contains(r#"<span class="h-card">"#), "{clean}");
        assert!(clean.contains(r#"class="u-url mention""#), "{clean}");
        assert!(
            clean.contains(r#"rel="nofollow noopener noreferrer ugc""#),
            "{clean}"
        );
        assert!(!clean.contains("onclick"), "{clean}");
    }

    #[test]
    fn scripts_pictures_styles_and_other_schemes_are_gone() {
        let html = "<p style='x' class='evil'>a<img src=https://b.example/t.gif><script>alert(1)</script>\
            <a href='javascript:alert(1)'>b</a><a href='/rel'>c</a><iframe src=x></iframe><svg><a href=x>d</a></svg></p>e";
        let clean = remote_html(html);
        for gone in [
            "style", "evil", "img", "script", "alert", "/rel", "iframe", "svg", "class",
        ] {
            assert!(!clean.contains(gone), "{gone} in {clean}");
        }
        assert!(clean.contains('b') && clean.contains('c') && clean.contains('e'));
    }

    #[test]
    fn headings_become_strong_paragraphs() {
        assert_eq!(
            remote_html("<h2>Hi</h2><p>there</p>"),
            "<p><strong>Hi</strong></p><p>there</p>"
        );
        assert_eq!(
            remote_html("<h1 lang=\"de\">Hallo</h1>"),
            "<p lang=\"de\"><strong>Hallo</strong></p>"
        );
    }

    #[test]
    fn what_is_nested_beyond_reason_becomes_text_and_what_is_long_is_cut() {
        let deep = format!("{}a &amp; b", "<blockquote>".repeat(10_000));
        assert_eq!(remote_html(&deep), "<p>a &amp; b</p>");
        let long = "<p>&lt;é</p>".repeat(100_000);
        let clean = remote_html(&long);
        assert!(
            clean.len() <= MAX_REMOTE + 64 && clean.len() > MAX_REMOTE / 8,
            "{}",
            clean.len()
        );
        assert_eq!(remote_html(&clean), clean);
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(parts in proptest::collection::vec(part(), 0..40)) {
            let html = parts.concat();
            let once = remote_html(&html);
            prop_assert_eq!(&remote_html(&once), &once);
            for bad in ["<script", "<img", "<a href=\"javascript:", "<style", "<svg", "<math"] {
                prop_assert!(!once.contains(bad), "{}", once);
            }
        }
    }

    fn part() -> impl Strategy<Value = String> {
        prop_oneof![
            proptest::sample::select(vec![
                "<p>",
                "</p>",
                "<h1>",
                "</h1>",
                "<a href='https://b.example/?a=1&b'>",
                "</a>",
                "<ul><li>",
                "<table><td>",
                "</table>",
                "<svg>",
                "<math><mtext>",
                "<style>",
                "</style>",
                "<!--",
                "-->",
                "<pre>\n\n",
                "</pre>",
                "<img src=x onerror=alert(1)>",
                "<script>",
                "</script>",
                "<b>",
                "</i>",
                "<i>",
                "<select>",
                "<template>",
                "<noscript>",
                "<a href=\"javascript:x\">",
                "<title>",
                "&amp;",
                "\u{a0}",
                "<br/>",
                "<blockquote>",
                "<form>",
                "<h3><p>",
                "<textarea>",
                "<plaintext>",
                "<span class='invisible x'>",
                "<",
            ])
            .prop_map(str::to_owned),
            "[a-z ]{0,6}",
        ]
    }
}
