//! Notes in Markdown: their front matter, and their text as HTML with mentions, hashtags and URLs as links.
//!
//! Pure: who is mentioned is found first ([`mentions`]), looked up by others, and handed back to [`render`].

use std::collections::HashMap;

use pulldown_cmark::{Alignment, CowStr, Event, Options, Parser, Tag as Mark, TagEnd, TextMergeStream, html};
use serde::Deserialize;
use url::Url;

use crate::ap::{escape, tag};
use crate::article::{Tag, Visibility};

/// What begins and ends front matter.
const FENCE: &str = "+++";

/// What a note says of itself above its text, between two lines of `+++`, in TOML.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Front {
    /// A headline, set above the text.
    pub title: Option<String>,
    /// The content warning.
    pub summary: Option<String>,
    /// Whether pictures should be veiled though there is no content warning.
    #[serde(default)]
    pub sensitive: bool,
    /// BCP 47.
    pub language: Option<String>,
    /// Who may see it.
    pub visibility: Option<Visibility>,
    /// The URL of what it answers.
    pub reply_to: Option<String>,
}

/// Splits a note into its front matter and its text.
///
/// # Errors
/// What is wrong with the front matter.
pub fn split(note: &str) -> Result<(Front, &str), String> {
    let note = note.strip_prefix('\u{feff}').unwrap_or(note);
    let Some(rest) = note
        .strip_prefix(FENCE)
        .filter(|rest| rest.starts_with(['\n', '\r']))
    else {
        return Ok((Front::default(), note));
    };
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == FENCE {
            let front = toml::from_str(&rest[..end]).map_err(|error| {
                let reason = error.message();
                format!("the front matter can't be read: {reason}")
            })?;
            return Ok((front, &rest[end + line.len()..]));
        }
        end += line.len();
    }
    Err(format!(
        "the front matter has no end: a line with {FENCE} alone is missing"
    ))
}

/// Somebody who is mentioned, as the text needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mentioned {
    /// The name that is shown, without @.
    pub name: String,
    /// Where a click leads.
    pub url: String,
}

/// A note as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// HTML; none of it is the author's own.
    pub html: String,
    /// Its hashtags, each once, in their order.
    pub tags: Vec<Tag>,
}

/// The handles in a text, `@ada@social.example`, each once in its order; those in code and in links are none.
pub fn mentions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(text, |piece| {
        if let Piece::Mention(handle) = piece
            && !found.contains(&handle.to_string())
        {
            found.push(handle.to_string());
        }
        None
    });
    found
}

/// Turns a text into HTML. `mentioned` says who stands behind its handles; relative links are meant on `site`. Raw HTML
/// is shown as it is written.
pub fn render(text: &str, mentioned: &HashMap<String, Mentioned>, site: &Url) -> Rendered {
    let mut tags: Vec<Tag> = Vec::new();
    let events = walk(text, |piece| match piece {
        Piece::Text(_) => None,
        Piece::Url(url) => Some(anchor(url, url, "")),
        Piece::Mention(handle) => mentioned.get(handle).map(|somebody| {
            format!(
                "<span class=\"h-card\"><a href=\"{}\" class=\"u-url mention\">@<span>{}</span></a></span>",
                escape(&somebody.url),
                escape(&somebody.name)
            )
        }),
        Piece::Hashtag(word) => {
            let this = Tag {
                name: word.to_string(),
                href: None,
            };
            let made = tag::hashtags(std::slice::from_ref(&this), site.as_str());
            let href = made.first()?["href"].as_str()?.to_string();
            if !tags
                .iter()
                .any(|tag| tag.name.to_lowercase() == word.to_lowercase())
            {
                tags.push(this);
            }
            Some(format!(
                "<a href=\"{}\" class=\"mention hashtag\" rel=\"tag\">#<span>{}</span></a>",
                escape(&href),
                escape(word)
            ))
        }
    });
    let mut html = String::new();
    html::push_html(&mut html, with_safe_links(events, site).into_iter());
    Rendered {
        html: html.trim().to_string(),
        tags,
    }
}

fn anchor(url: &str, text: &str, class: &str) -> String {
    format!("<a href=\"{}\"{class}>{}</a>", escape(url), escape(text))
}

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    /// `https://…`
    Url(&'a str),
    /// `@user@host`
    Mention(&'a str),
    /// A word after `#`, without it.
    Hashtag(&'a str),
}

impl<'a> Piece<'a> {
    /// As it is written.
    fn source(self) -> String {
        match self {
            Piece::Text(text) | Piece::Url(text) | Piece::Mention(text) => text.to_string(),
            Piece::Hashtag(word) => format!("#{word}"),
        }
    }
}

/// Parses a text, and lets `link` turn pieces of it, outside code and links, into HTML.
fn walk<'a>(text: &'a str, mut link: impl FnMut(Piece<'_>) -> Option<String>) -> Vec<Event<'a>> {
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES;
    let mut events = Vec::new();
    let mut within = 0_usize;
    for event in TextMergeStream::new(Parser::new_ext(text, options).map(without_html)) {
        match &event {
            Event::Start(Mark::Link { .. } | Mark::Image { .. } | Mark::CodeBlock(_)) => within += 1,
            Event::End(TagEnd::Link | TagEnd::Image | TagEnd::CodeBlock) => within = within.saturating_sub(1),
            Event::Text(text) if within == 0 => {
                for piece in pieces(text) {
                    events.push(match link(piece) {
                        Some(html) => Event::InlineHtml(html.into()),
                        None => Event::Text(piece.source().into()),
                    });
                }
                continue;
            }
            _ => {}
        }
        events.push(event);
    }
    events
}

/// What the author wrote as HTML is shown, not obeyed; and columns aren't aligned, which would take a `style` attribute
/// that servers strip.
fn without_html(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Start(Mark::Table(columns)) => Event::Start(Mark::Table(vec![Alignment::None; columns.len()])),
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        Event::Start(Mark::HtmlBlock) => Event::Start(Mark::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        other => other,
    }
}

/// Makes links absolute and takes away those that a click shouldn't follow (`javascript:`). Servers strip pictures from
/// a Note, so a picture becomes a link to itself.
fn with_safe_links<'a>(events: Vec<Event<'a>>, site: &Url) -> Vec<Event<'a>> {
    let mut open = Vec::new();
    events
        .into_iter()
        .filter_map(|event| match event {
            Event::Start(Mark::Link { dest_url, .. } | Mark::Image { dest_url, .. }) => {
                let url = site
                    .join(&dest_url)
                    .ok()
                    .filter(|url| matches!(url.scheme(), "http" | "https" | "mailto"))
                    // A link in a link is none.
                    .filter(|_| !open.contains(&true));
                open.push(url.is_some());
                let start = format!("<a href=\"{}\">", escape(url?.as_str()));
                Some(Event::InlineHtml(CowStr::from(start)))
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                open.pop()?.then_some(Event::InlineHtml(CowStr::Borrowed("</a>")))
            }
            other => Some(other),
        })
        .collect()
}

/// Cuts a text into its pieces.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut plain = 0;
    let mut at = 0;
    let mut before: Option<char> = None;
    while let Some(character) = text[at..].chars().next() {
        let rest = &text[at..];
        let starts_word = before.is_none_or(|before| !before.is_alphanumeric() && !"_/&@#".contains(before));
        let found = starts_word.then(|| special(rest)).flatten();
        match found {
            Some((piece, length)) => {
                if plain < at {
                    pieces.push(Piece::Text(&text[plain..at]));
                }
                pieces.push(piece);
                before = text[at..at + length].chars().next_back();
                at += length;
                plain = at;
            }
            None => {
                before = Some(character);
                at += character.len_utf8();
            }
        }
    }
    if plain < text.len() {
        pieces.push(Piece::Text(&text[plain..]));
    }
    pieces
}

/// What begins here, if it isn't plain text, and its length.
fn special(rest: &str) -> Option<(Piece<'_>, usize)> {
    if rest.starts_with("https://") || rest.starts_with("http://") {
        let url = url_at(rest);
        return Url::parse(url)
            .is_ok_and(|parsed| parsed.has_host())
            .then_some((Piece::Url(url), url.len()));
    }
    if let Some(handle) = rest.strip_prefix('@') {
        let user = run(handle, |c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let host = handle[user.len()..].strip_prefix('@')?;
        let host = run(host, |c| c.is_alphanumeric() || ".-:".contains(c)).trim_end_matches(['.', '-', ':']);
        let length = 1 + user.len() + 1 + host.len();
        return (!user.is_empty() && !host.is_empty()).then(|| (Piece::Mention(&rest[..length]), length));
    }
    let word = run(rest.strip_prefix('#')?, |c| c.is_alphanumeric() || c == '_');
    // "#1" is a number.
    tag::hashtag(word)?;
    Some((Piece::Hashtag(word), 1 + word.len()))
}

/// A URL up to where the sentence goes on: punctuation at its end isn't part of it, nor a bracket that it didn't open.
fn url_at(text: &str) -> &str {
    let mut url = run(text, |c| !c.is_whitespace() && !"<>\"`".contains(c));
    loop {
        let Some(last) = url.chars().next_back() else {
            return url;
        };
        let stray = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '…' | '*' | '_' => true,
            ')' => url.matches('(').count() < url.matches(')').count(),
            ']' => url.matches('[').count() < url.matches(']').count(),
            _ => false,
        };
        if !stray {
            return url;
        }
        url = &url[..url.len() - last.len_utf8()];
    }
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        let ada = Mentioned {
            name: "ada".into(),
            url: "https://social.example/@ada".into(),
        };
        let mentioned = HashMap::from([("@ada@social.example".to_string(), ada)]);
        let site = Url::parse("https://blog.example/").unwrap();
        render(text, &mentioned, &site).html
    }

    #[test]
    fn mentions_hashtags_and_urls_become_links_but_not_in_code_and_links() {
        assert_eq!(
            mentions("Hi @ada@social.example, `@bob@x.example` @ada@social.example."),
            ["@ada@social.example"]
        );
        assert_eq!(
            html("Hi @ada@social.example!"),
            "<p>Hi <span class=\"h-card\"><a href=\"https://social.example/@ada\" class=\"u-url mention\">@<span>ada</span></a></span>!</p>"
        );
        assert_eq!(
            html("See https://a.example/b_c?d=e&f (or https://a.example/g)."),
            "<p>See <a href=\"https://a.example/b_c?d=e&amp;f\">https://a.example/b_c?d=e&amp;f</a> (or <a href=\"https://a.example/g\">https://a.example/g</a>).</p>"
        );
        assert!(html("On #Größe and #1").contains("rel=\"tag\">#<span>Größe</span></a> and #1"));
        assert_eq!(
            html("`#code https://a.example`"),
            "<p><code>#code https://a.example</code></p>"
        );
        assert_eq!(
            html("[#in](https://a.example/)"),
            "<p><a href=\"https://a.example/\">#in</a></p>"
        );
        assert_eq!(html("me@mail.example a#b"), "<p>me@mail.example a#b</p>");
    }

    #[test]
    fn a_heading_is_no_hashtag_and_a_tag_is_told_once() {
        let site = Url::parse("https://blog.example/").unwrap();
        let rendered = render("# Title\n\n#rust and #Rust", &HashMap::new(), &site);
        assert!(rendered.html.starts_with("<h1>Title</h1>"));
        assert_eq!(rendered.tags.len(), 1);
    }

    #[test]
    fn raw_html_is_shown_and_dangerous_links_are_none() {
        let out =
            html("<script>alert(1)</script>\n\nA <b onclick=x>b</b> [c](javascript:alert(1)) ![d](/d.png)");
        assert!(
            !out.contains("<script") && !out.contains("<b ") && !out.contains("href=\"javascript"),
            "{out}"
        );
        assert!(
            out.contains("&lt;script&gt;") && out.contains("<a href=\"https://blog.example/d.png\">d</a>"),
            "{out}"
        );
    }

    #[test]
    fn front_matter_is_read_and_what_it_does_not_know_is_named() {
        let (front, text) = split("+++\nsummary = 'Spoiler'\nvisibility = 'unlisted'\n+++\nHello").unwrap();
        assert_eq!(front.summary.as_deref(), Some("Spoiler"));
        assert_eq!(front.visibility, Some(Visibility::Unlisted));
        assert_eq!(text, "Hello");
        assert_eq!(split("Hello").unwrap(), (Front::default(), "Hello"));
        assert!(
            split("+++\ncolour = 'red'\n+++\n")
                .unwrap_err()
                .contains("colour")
        );
        assert!(split("+++\nHello").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_or_smuggles_in_an_element(text in "[ \\n@#<>&\"'\\[\\]()!`*_a-zäß:/.+-]{0,60}") {
            let out = html(&text);
            let _ = split(&text);
            proptest::prop_assert!(!out.contains("<script") && !out.contains("<img") && !out.contains("<b>"), "{}", out);
        }
    }
}
