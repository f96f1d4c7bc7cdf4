//! What the site's own HTML shows of elsewhere: sounds, films, pages in frames, documents, and what it shows without scripts.
//!
//! Each leaves a link where it stood, so that it vanishes for nobody; sounds and films are attached as well.

use url::Url;

use super::address::{Address, choose, pixels, web};
use super::element::{attribute, collapse, escape};
use super::media::{MAX_ALT, TRACKING_PIXEL, caption, guess, label};
use super::writer::{Resolve, Writer};
use super::{MAX_NESTING, nesting};
use crate::article::Media;
use crate::dom::{Edge, ElementRef, Html, Node};

impl Writer {
    /// A page shown within the page becomes a link to it.
    pub(super) fn frame(&mut self, element: ElementRef<'_>, resolve: Resolve<'_>) {
        let addresses = ["src", "data-src", "data-lazy-src"];
        let Some(url) = addresses
            .into_iter()
            .find_map(|key| web(element.attr(key)?, resolve))
        else {
            return;
        };
        let tiny = |key: &str| pixels(element, key).is_some_and(|side| side <= TRACKING_PIXEL);
        if !(tiny("width") || tiny("height")) {
            self.link(&url, label(element));
        }
    }

    /// A sound or a film is attached, and a link to it stands in its place.
    pub(super) fn recording(&mut self, element: ElementRef<'_>, resolve: Resolve<'_>) {
        let sources = element
            .descendent_elements()
            .filter(|inner| inner.name() == "source");
        let source = |element: ElementRef<'_>| {
            let url = ["src", "data-src"]
                .into_iter()
                .find_map(|key| web(element.attr(key)?, resolve))?;
            let stated = element.attr("type").and_then(|kind| kind.split(';').next());
            let stated = stated.map(|kind| kind.trim().to_ascii_lowercase());
            let plain = element.name();
            let media_type = guess(&url)
                .or(stated)
                .or_else(|| matches!(plain, "audio" | "video").then(|| format!("{plain}/*")))
                .filter(|kind| kind.starts_with("audio/") || kind.starts_with("video/"))
                // A list of pieces (HLS) that only a script puts together.
                .filter(|kind| !kind.contains("mpegurl"))?;
            Some((url, media_type))
        };
        let own_label = label(element);
        let Some((url, media_type)) = std::iter::once(element).chain(sources).find_map(source) else {
            self.without_file(element, resolve, own_label);
            return;
        };
        let (width, height) = match element.name() {
            "video" => (pixels(element, "width"), pixels(element, "height")),
            _ => (None, None),
        };
        self.link(&url, own_label.clone());
        self.attach(Media {
            url: url.into(),
            media_type,
            alt: own_label.or_else(|| caption(element)),
            width: width.filter(|side| *side > 0),
            height: height.filter(|side| *side > 0),
        });
    }

    /// A film whose file isn't in the page: its first picture, and the link that the page offers instead.
    fn without_file(&mut self, element: ElementRef<'_>, resolve: Resolve<'_>, label: Option<String>) {
        if let Some(url) = element.attr("poster").and_then(|poster| web(poster, resolve))
            && !self.is_between()
        {
            self.write_picture(&url, label.as_deref().unwrap_or_default(), (None, None));
            let alt = label.or_else(|| caption(element));
            let address = Address {
                url,
                width: None,
                height: None,
                others: vec![],
            };
            self.attach_picture(None, address, alt);
        }
        let offered = element
            .descendent_elements()
            .filter(|inner| inner.name() == "a")
            .find_map(|inner| Some((web(inner.attr("href")?, resolve)?, inner)));
        if let Some((url, link)) = offered {
            let shown = collapse(link.text());
            self.link(&url, Some(shown).filter(|shown| !shown.is_empty()));
        }
    }

    /// `<object>` and `<embed>`: a picture, a recording, or a link to a document. False when what is inside stands in for
    /// it: what it asks for can't be opened any more, or is nothing.
    pub(super) fn embedded(&mut self, element: ElementRef<'_>, resolve: Resolve<'_>) -> bool {
        let Some(url) = ["data", "src"]
            .into_iter()
            .find_map(|key| web(element.attr(key)?, resolve))
        else {
            return false;
        };
        let stated = element.attr("type").map(|kind| kind.trim().to_ascii_lowercase());
        let media_type = stated.or_else(|| guess(&url)).unwrap_or_default();
        if media_type.contains("flash") || media_type.contains("java") || media_type.contains("silverlight") {
            return false;
        }
        let title = label(element);
        match media_type.split('/').next() {
            Some("image") if !self.is_between() => {
                self.write_picture(&url, title.as_deref().unwrap_or_default(), (None, None));
                self.attach(Media {
                    url: url.into(),
                    media_type,
                    alt: title,
                    width: None,
                    height: None,
                });
            }
            Some("audio" | "video") => {
                self.link(&url, title.clone());
                self.attach(Media {
                    url: url.into(),
                    media_type,
                    alt: title,
                    width: None,
                    height: None,
                });
            }
            _ => self.link(&url, title),
        }
        true
    }

    /// What a page shows without scripts. Only its pictures, films and frames are of interest, and only where the page
    /// itself has none in their place: a picture that is loaded later stands there twice.
    pub(super) fn noscript(&mut self, element: ElementRef<'_>, resolve: Resolve<'_>) {
        let text = element.text();
        if !(text.contains("<img")
            || text.contains("<iframe")
            || text.contains("<video")
            || text.contains("<audio"))
        {
            return;
        }
        let beside = element
            .prev_siblings()
            .chain(element.next_siblings())
            .filter_map(ElementRef::wrap);
        let mut shown = beside.flat_map(|beside| std::iter::once(beside).chain(beside.descendent_elements()));
        let twin = shown.any(|inner| match inner.name() {
            "img" => choose(inner, resolve).is_some(),
            "iframe" => ["src", "data-src"].iter().any(|key| inner.attr(key).is_some()),
            "video" | "audio" => true,
            _ => false,
        });
        if twin {
            return;
        }
        let inside = nesting::flat(text, MAX_NESTING, nesting::Writer::Ourselves);
        let inside = Html::parse_fragment(&inside);
        for edge in inside.root().traverse() {
            let Edge::Open(node) = edge else { continue };
            if let Node::Element(inner) = node.value()
                && let Some(element) = ElementRef::wrap(node)
            {
                match inner.name() {
                    "img" => self.picture(element, resolve),
                    "iframe" => self.frame(element, resolve),
                    "audio" | "video" => self.recording(element, resolve),
                    _ => {}
                }
            }
        }
    }

    /// Writes a link on a line of its own, with the file's or the host's name when there is no better label.
    fn link(&mut self, url: &Url, label: Option<String>) {
        let label = label.unwrap_or_else(|| name_of(url));
        if self.is_between() || self.verbatim > 0 {
            return;
        }
        self.boundary();
        if self.open.iter().any(|frame| frame.name == "a") {
            self.text(&label);
        } else {
            self.before_word();
            self.out.push_str("<a");
            attribute(&mut self.out, "href", url.as_str());
            self.out.push('>');
            escape(&mut self.out, &label);
            self.out.push_str("</a>");
            self.fresh = false;
            self.seen += 1;
        }
        self.boundary();
    }
}

/// What an address without any other label is called: its file, or its host.
fn name_of(url: &Url) -> String {
    let last = url
        .path_segments()
        .and_then(|mut parts| parts.next_back())
        .unwrap_or_default();
    let file = percent_encoding::percent_decode_str(last).decode_utf8_lossy();
    if guess(url).is_some() && file.contains('.') && !file.ends_with(".html") && !file.ends_with(".htm") {
        return file.chars().filter(|c| !c.is_control()).take(MAX_ALT).collect();
    }
    url.host_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use crate::sanitize::{Own, own_html};

    fn own(html: &str) -> Own {
        own_html(html, &"https://blog.example/a/".parse().unwrap())
    }

    #[test]
    fn a_recording_is_attached_and_leaves_a_link() {
        let found = own(
            "<p>Listen:</p><audio controls title='The talk'><source src=t.m3u8 type='application/x-mpegURL'><source src=t.ogg type='audio/ogg; codecs=opus'></audio>\
             <video src='v%20w.mp4' width=320 height=240 poster=p.jpg><track src=c.vtt>No video?</video>",
        );
        let kinds: Vec<&str> = found
            .media
            .iter()
            .map(|media| media.media_type.as_str())
            .collect();
        assert_eq!(kinds, ["audio/ogg", "video/mp4"]);
        assert_eq!(
            (found.media[1].width, found.media[1].height),
            (Some(320), Some(240))
        );
        assert_eq!(found.media[0].alt.as_deref(), Some("The talk"));
        assert_eq!(
            found.html,
            "<p>Listen:</p><p><a href=\"https://blog.example/a/t.ogg\">The talk</a></p>\
             <p><a href=\"https://blog.example/a/v%20w.mp4\">v w.mp4</a></p>"
        );
    }

    #[test]
    fn a_film_without_a_file_leaves_its_picture_and_its_link() {
        let found = own("<video poster=p.jpg aria-label='A film'>See <a href=/film/>the film</a></video>");
        assert_eq!(found.media[0].url, "https://blog.example/a/p.jpg");
        assert!(
            found
                .html
                .ends_with("<p><a href=\"https://blog.example/film/\">the film</a></p>"),
            "{}",
            found.html
        );
    }

    #[test]
    fn frames_and_documents_become_links() {
        for (html, expected) in [
            (
                "<iframe src='https://tube.example/embed/1' title='A film'></iframe>",
                "<p><a href=\"https://tube.example/embed/1\">A film</a></p>",
            ),
            (
                "<iframe data-src=//maps.example/?q=1></iframe>",
                "<p><a href=\"https://maps.example/?q=1\">maps.example</a></p>",
            ),
            (
                "<object data=paper.pdf type=application/pdf><a href=paper.pdf>PDF</a></object>",
                "<p><a href=\"https://blog.example/a/paper.pdf\">paper.pdf</a></p>",
            ),
            (
                "<embed src=paper.pdf title='The paper'>",
                "<p><a href=\"https://blog.example/a/paper.pdf\">The paper</a></p>",
            ),
            (
                "<object data=x.swf type=application/x-shockwave-flash><p>See <a href=/x/>x</a></p></object>",
                "<p>See <a href=\"https://blog.example/x/\">x</a></p>",
            ),
            (
                "<iframe src=https://count.example/ width=0 height=0></iframe>",
                "",
            ),
            ("<iframe srcdoc='<p>x</p>'></iframe>", ""),
            ("<iframe src='javascript:alert(1)'></iframe>", ""),
        ] {
            assert_eq!(own(html).html, expected, "{html}");
        }
        let drawing = own("<object data=d.svg type=image/svg+xml title=D></object>").media;
        assert_eq!(drawing[0].url, "https://blog.example/a/d.svg");
        assert_eq!(drawing[0].alt.as_deref(), Some("D"));
    }
}
