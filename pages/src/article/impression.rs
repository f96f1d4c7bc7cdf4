//! What a page leaves behind with its reader: enough to tell a change that a human would call one.
//!
//! [`Article::digest`](super::Article::digest) tells whether anything that federates is different. Much of that no
//! reader notices: `<b>` where `<strong>` was, a `<div>` more, a picture asked for with `?v=17`. And what is made of a
//! page may change although nobody touched it, because a newer tidings reads better. An [`Impression`] is kept beside
//! the digest, so that `site::diff` sends no Update in either case.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use memchr::memchr;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Article, Discussion, Media, Print};
use crate::flow;

/// What a reader sees of an article.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// Of all that can be seen, without what can't: how it is marked up, and which of its own site's addresses have a
    /// query.
    pub whole: Print,
    /// Of its title and the words of its content alone.
    pub text: Print,
    /// When it was published, as its readers are told.
    pub published: Timestamp,
    /// Links and pictures on the page's own origin.
    pub own: u32,
    /// Links and pictures.
    pub links: u32,
}

/// What is remembered of a published page beside its digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impression {
    /// Of the bytes of its file, and of what the feeds said of it.
    pub source: Print,
    /// What was seen of it.
    #[serde(flatten)]
    pub sight: Sight,
}

impl Impression {
    /// Of this and of another page that are one post, the other one in `language`.
    #[must_use]
    pub fn and(&self, other: &Impression, language: &Print) -> Impression {
        Impression {
            source: self.source.and(&other.source),
            sight: Sight {
                whole: self.sight.whole.and(&other.sight.whole).and(language),
                text: self.sight.text.and(&other.sight.text),
                published: self.sight.published.max(other.sight.published),
                own: self.sight.own.saturating_add(other.sight.own),
                links: self.sight.links.saturating_add(other.sight.links),
            },
        }
    }
}

impl Sight {
    /// Whether readers see something else than they saw before.
    pub fn differs(&self, before: &Sight) -> bool {
        self.whole != before.whole || self.is_redated(before)
    }

    /// Whether it has another date than before.
    pub fn is_redated(&self, before: &Sight) -> bool {
        is_redated(before.published, self.published)
    }

    /// What a reader sees of `article`.
    pub fn of(article: &Article) -> Sight {
        let mut eye = Eye {
            origin: Url::parse(&article.url)
                .ok()
                .map(|url| url.origin().ascii_serialization()),
            own: 0,
            links: 0,
        };
        let (seen, text) = eye.article(article);
        let json = serde_json::to_vec(&seen).expect("an article has no maps with other keys than strings");
        Sight {
            whole: Print::of([json.as_slice()]),
            published: article.published,
            text: Print::of([
                article.title.as_deref().unwrap_or_default().as_bytes(),
                text.as_bytes(),
            ]),
            own: eye.own,
            links: eye.links,
        }
    }
}

/// Whether a post got another date. When one of two times is a day (midnight UTC) and the other is on it in some zone, it
/// is the same date, told more exactly: by a feed that was written after the page, or by another theme.
fn is_redated(before: Timestamp, after: Timestamp) -> bool {
    const DAY: i64 = 24 * 60 * 60;
    // Zones are up to 14 hours before UTC and 12 behind it.
    let holds = |day: Timestamp, at: Timestamp| {
        let passed = at.duration_since(day);
        day.as_second() % DAY == 0
            && passed >= SignedDuration::from_hours(-14)
            && passed < SignedDuration::from_hours(24 + 12)
    };
    before != after && !holds(before, after) && !holds(after, before)
}

/// Looks at an article of a site.
struct Eye {
    origin: Option<String>,
    own: u32,
    links: u32,
}

impl Eye {
    /// The article with everything taken out that nobody sees, and the words of its content.
    fn article(&mut self, article: &Article) -> (Article, String) {
        let mut seen = article.clone();
        seen.updated = None;
        seen.discussion = Discussion::Open;
        seen.published = Timestamp::UNIX_EPOCH;
        let (content, words) = self.content(&article.content);
        seen.content = content;
        for media in seen.image.iter_mut().chain(&mut seen.attachments) {
            self.media(media);
        }
        for tag in &mut seen.tags {
            tag.href = None;
            tag.name = tag.name.to_lowercase();
        }
        seen.tags.sort_by(|a, b| a.name.cmp(&b.name));
        for line in [&mut seen.title, &mut seen.summary].into_iter().flatten() {
            *line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        (seen, words)
    }

    fn media(&mut self, media: &mut Media) {
        media.url = self.address(&media.url);
        // Guessed from the address, or said by the markup.
        media.media_type.clear();
        (media.width, media.height) = (None, None);
    }

    /// An address on the page's own origin without the origin, and without the query where it names a file: a file is
    /// the same with any, and generators count their builds there.
    fn address(&mut self, address: &str) -> String {
        self.links += 1;
        let origin = self.origin.as_deref().unwrap_or_default();
        let own = address
            .strip_prefix(origin)
            .filter(|path| !origin.is_empty() && path.starts_with('/'));
        let Some(path) = own else {
            return address.to_string();
        };
        self.own += 1;
        let (path, fragment) = path
            .split_once('#')
            .map_or((path, None), |(path, part)| (path, Some(part)));
        let (bare, _) = path.split_once('?').unwrap_or((path, ""));
        let is_file = bare.rsplit('/').next().is_some_and(|name| name.contains('.'));
        let path = if is_file { bare } else { path };
        match fragment {
            Some(fragment) => format!("{path}#{fragment}"),
            None => path.to_string(),
        }
    }

    /// Clean HTML as it looks: one name for what looks alike, one line end for every edge of a block, no attribute that
    /// can't be seen. And its words, with one space between them.
    fn content(&mut self, html: &str) -> (String, String) {
        let mut out = Flow::with_capacity(html.len());
        let mut words = Flow::with_capacity(html.len());
        let mut verbatim = false;
        for piece in pieces(html) {
            let (name, closes, inside) = match piece {
                Piece::Text(text) => {
                    if verbatim {
                        out.push(text);
                    }
                    for part in parts(text) {
                        for flow in [&mut words, &mut out].into_iter().take(2 - usize::from(verbatim)) {
                            match part {
                                Part::Blank => flow.space = true,
                                Part::Words(words) => flow.push(words),
                            }
                        }
                    }
                    continue;
                }
                Piece::Tag { name, closes, inside } => (name, closes, inside),
            };
            words.space |= !is_inline(name);
            if name == "pre" {
                out.line = true;
                verbatim = !closes;
            }
            match looks_like(name) {
                Look::Nothing => {}
                Look::Line => out.line = true,
                Look::Mark(mark) => {
                    out.push(if closes { "</" } else { "<" });
                    out.out.push_str(mark);
                    for (key, value) in attributes(inside) {
                        match key {
                            "href" | "src" | "poster" => {
                                out.out.push(' ');
                                out.out.push_str(&self.address(&unescaped(value)));
                            }
                            "alt" | "title" | "start" | "value" | "colspan" | "rowspan" => {
                                for part in [" ", key, "=", value] {
                                    out.out.push_str(part);
                                }
                            }
                            _ => {}
                        }
                    }
                    out.out.push('>');
                }
            }
        }
        (out.out, words.out)
    }
}

/// A part of a text.
enum Part<'a> {
    /// White space.
    Blank,
    /// Words with one space between them.
    Words(&'a str),
}

/// Takes a text apart.
fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let blank = rest.bytes().take_while(|byte| flow::is_blank(*byte)).count();
        if blank > 0 {
            rest = &rest[blank..];
            return Some(Part::Blank);
        }
        let (words, after) = rest.split_at(flow::words(rest.as_bytes()));
        rest = after;
        (!words.is_empty()).then_some(Part::Words(words))
    })
}

/// Text as it is shown, being written.
struct Flow {
    out: String,
    /// What must come before the next word.
    space: bool,
    line: bool,
}

impl Flow {
    fn with_capacity(bytes: usize) -> Flow {
        Flow {
            out: String::with_capacity(bytes),
            space: false,
            line: false,
        }
    }

    fn push(&mut self, text: &str) {
        if std::mem::take(&mut self.line) {
            if !self.out.is_empty() {
                self.out.push('\n');
            }
        } else if self.space && !self.out.is_empty() {
            self.out.push(' ');
        }
        self.space = false;
        self.out.push_str(text);
    }
}

/// How an element looks to whoever reads.
enum Look {
    Nothing,
    Line,
    Mark(&'static str),
}

fn looks_like(name: &str) -> Look {
    match name.as_bytes() {
        b"b" | b"strong" => Look::Mark("strong"),
        b"i" | b"em" | b"cite" | b"var" | b"dfn" => Look::Mark("em"),
        b"s" | b"del" | b"strike" => Look::Mark("del"),
        b"code" | b"tt" | b"kbd" | b"samp" => Look::Mark("code"),
        // Which rank a theme gives the headings inside of a page is its own affair.
        b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" => Look::Mark("h"),
        b"a" => Look::Mark("a"),
        b"img" => Look::Mark("img"),
        b"audio" => Look::Mark("audio"),
        b"video" => Look::Mark("video"),
        b"ul" => Look::Mark("ul"),
        b"ol" => Look::Mark("ol"),
        b"li" => Look::Mark("li"),
        b"dt" => Look::Mark("dt"),
        b"dd" => Look::Mark("dd"),
        b"tr" => Look::Mark("tr"),
        b"td" | b"th" => Look::Mark("td"),
        b"blockquote" => Look::Mark("blockquote"),
        b"pre" => Look::Mark("pre"),
        b"hr" => Look::Mark("hr"),
        b"sub" => Look::Mark("sub"),
        b"sup" => Look::Mark("sup"),
        b"ins" | b"u" => Look::Mark("ins"),
        b"mark" => Look::Mark("mark"),
        b"q" => Look::Mark("q"),
        _ if is_inline(name) => Look::Nothing,
        _ => Look::Line,
    }
}

fn is_inline(name: &str) -> bool {
    matches!(
        name.as_bytes(),
        b"a" | b"abbr"
            | b"b"
            | b"bdi"
            | b"bdo"
            | b"cite"
            | b"code"
            | b"del"
            | b"dfn"
            | b"em"
            | b"i"
            | b"ins"
            | b"kbd"
            | b"mark"
            | b"q"
            | b"s"
            | b"samp"
            | b"small"
            | b"span"
            | b"strike"
            | b"strong"
            | b"sub"
            | b"sup"
            | b"tt"
            | b"u"
            | b"var"
            | b"wbr"
    )
}

/// A piece of clean HTML.
enum Piece<'a> {
    Text(&'a str),
    Tag {
        name: &'a str,
        closes: bool,
        /// What stands behind the name.
        inside: &'a str,
    },
}

/// Takes clean HTML apart. It is written by `sanitize`, which leaves no `<` or `>` in text or attributes.
fn pieces(html: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(tag) = rest.strip_prefix('<') else {
            let end = memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            rest = after;
            return Some(Piece::Text(text));
        };
        let end = memchr(b'>', tag.as_bytes()).unwrap_or(tag.len());
        rest = tag.get(end + 1..).unwrap_or_default();
        let tag = &tag[..end];
        let closes = tag.starts_with('/');
        let tag = tag.trim_start_matches('/');
        let end = tag.bytes().position(|byte| matches!(byte, b' ' | b'/'));
        let (name, inside) = tag.split_at(end.unwrap_or(tag.len()));
        Some(Piece::Tag { name, closes, inside })
    })
}

/// An address as it is meant.
fn unescaped(value: &str) -> Cow<'_, str> {
    if value.contains('&') {
        value.replace("&amp;", "&").into()
    } else {
        value.into()
    }
}

/// The attributes of a tag that `sanitize` wrote: every value in double quotes.
fn attributes(inside: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = inside;
    std::iter::from_fn(move || {
        // No value has a quotation mark, so that the first one begins it.
        let (key, after) = rest.split_once('"')?;
        let key = key.strip_suffix('=')?;
        let (value, after) = after.split_once('"')?;
        rest = after;
        Some((key.rsplit(' ').next().unwrap_or_default(), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::Tag;

    fn article(content: &str) -> Article {
        Article {
            content: content.into(),
            ..crate::article::tests::article()
        }
    }

    fn sight(content: &str) -> Sight {
        Sight::of(&article(content))
    }

    #[test]
    fn what_nobody_sees_is_no_difference() {
        let before = sight(
            "<h2>Why</h2><p>One <b>two</b> <img src=\"https://blog.example/a.png?v=1\" alt=\"A\" width=\"3\">.</p>",
        );
        for after in [
            "<h3>Why</h3>\n<p>One\n<strong>two</strong> <img src=\"https://blog.example/a.png?v=2\" alt=\"A\">.</p>",
            "<h2>Why</h2><figure><p>One <b>two</b> <img src=\"https://blog.example/a.png\" alt=\"A\">.</p></figure>",
        ] {
            assert_eq!(before, sight(after), "{after}");
        }
        let mut tagged = article("<p>a</p>");
        let plain = Tag {
            name: "Rust".into(),
            href: None,
        };
        let linked = Tag {
            name: "rust".into(),
            href: Some("https://blog.example/tags/rust/".into()),
        };
        tagged.tags = vec![plain];
        let before = Sight::of(&tagged);
        tagged.tags = vec![linked];
        assert_eq!(before, Sight::of(&tagged));
    }

    #[test]
    fn what_an_author_changes_is_a_difference() {
        let before = sight(
            "<p>One <a href=\"https://x.example/?a\">two</a> <img src=\"https://blog.example/a.png\" alt=\"A\"></p><pre><code>a\n  b</code></pre>",
        );
        for after in [
            "<p>One <a href=\"https://x.example/?b\">two</a> <img src=\"https://blog.example/a.png\" alt=\"A\"></p><pre><code>a\n  b</code></pre>",
            "<p>One <a href=\"https://x.example/?a\">two</a> <img src=\"https://blog.example/a.png\" alt=\"B\"></p><pre><code>a\n  b</code></pre>",
            "<p>One <a href=\"https://x.example/?a\">two</a> <img src=\"https://blog.example/b.png\" alt=\"A\"></p><pre><code>a\n  b</code></pre>",
            "<p><em>One</em> <a href=\"https://x.example/?a\">two</a> <img src=\"https://blog.example/a.png\" alt=\"A\"></p><pre><code>a\n  b</code></pre>",
            "<p>One <a href=\"https://x.example/?a\">two</a> <img src=\"https://blog.example/a.png\" alt=\"A\"></p><pre><code>a\n b</code></pre>",
        ] {
            assert_ne!(before.whole, sight(after).whole, "{after}");
        }
    }

    #[test]
    fn another_origin_changes_the_links_but_not_the_text() {
        let before = sight("<p>See <a href=\"https://blog.example/b/\">b</a></p>");
        let after = sight("<p>See <a href=\"http://localhost:1313/b/\">b</a></p>");
        assert_eq!((before.own, before.links), (1, 1));
        assert_eq!((after.own, after.links), (0, 1));
        assert_eq!(before.text, after.text);
        assert_ne!(before.whole, after.whole);
    }

    #[test]
    fn a_day_that_gets_its_time_is_no_other_date() {
        let dated = |time: &str| {
            Sight::of(&Article {
                published: time.parse().unwrap(),
                ..article("<p>a</p>")
            })
        };
        let day = dated("2026-11-01T00:00:00Z");
        for same in [
            "2026-11-01T10:00:00+01:00",
            "2026-11-01T00:30:00+14:00",
            "2026-11-01T23:30:00-10:00",
        ] {
            assert!(!dated(same).differs(&day) && !day.differs(&dated(same)), "{same}");
        }
        assert!(dated("2026-11-03T10:00:00Z").differs(&day));
        assert!(dated("2026-11-01T10:00:00Z").differs(&dated("2026-11-01T11:00:00Z")));
    }

    #[test]
    fn an_impression_is_read_as_it_was_written() {
        let impression = Impression {
            source: Print::of([b"a".as_slice(), b"b"]),
            sight: sight("<p>a</p>"),
        };
        let json = serde_json::to_string(&impression).unwrap();
        assert_eq!(serde_json::from_str::<Impression>(&json).unwrap(), impression);
        assert!("xyz".parse::<Print>().is_err());
        assert_ne!(
            Print::of([b"ab".as_slice(), b""]),
            Print::of([b"a".as_slice(), b"b"])
        );
    }
}
