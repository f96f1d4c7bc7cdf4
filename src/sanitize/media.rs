//! Pictures, sounds, films and frames of the site's own HTML.
//!
//! A picture is written where it stands and attached, because servers that show no HTML pictures show attachments. A
//! sound, a film, a page in a frame, or a document leaves a link where it stood, so that it vanishes for nobody; the
//! first two are attached as well.

use ego_tree::iter::Edge;
use scraper::{ElementRef, Html, Node};
use url::Url;

use super::address::{Address, choose, pixels, web};
use super::element::{attribute, collapse, escape};
use super::writer::{Resolve, Writer};
use super::{MAX_NESTING, math, nesting};
use crate::article::Media;

/// Pictures of one page that are attached; more is a gallery, and no server shows as many.
const MAX_MEDIA: usize = 100;

/// Characters of an alternative text; Mastodon takes 1,500.
const MAX_ALT: usize = 5_000;

/// The largest side of a picture that only counts readers, in pixels.
const TRACKING_PIXEL: u32 = 1;

/// The largest side of a picture that is only a sign beside words, in pixels.
const ICON: u32 = 32;

/// Bytes of a `data:` address that holds nothing but a pixel.
const PLACEHOLDER: usize = 200;

/// Characters of the words that a picture stands for: an emoji, or its name between colons.
const MAX_EMOJI: usize = 40;

impl Writer {
    pub(super) fn picture(&mut self, img: ElementRef<'_>, resolve: Resolve<'_>) {
        let (width, height) = (pixels(img, "width"), pixels(img, "height"));
        let both =
            |limit: u32| width.is_some_and(|side| side <= limit) && height.is_some_and(|side| side <= limit);
        if both(TRACKING_PIXEL) {
            return;
        }
        if let Some(said) = emoji(img).or_else(|| math::of_picture(img)) {
            self.text(&said);
            return;
        }
        let alt: String = collapse(img.attr("alt").unwrap_or_default())
            .chars()
            .take(MAX_ALT)
            .collect();
        let Some(address) = choose(img, resolve) else {
            if self.is_whole_in_page(img, &alt) {
                // As a browser does that can't show it.
                self.text(&alt);
            }
            return;
        };
        if !self.is_between() {
            self.write_picture(&address.url, &alt, (address.width, address.height));
        }
        if both(ICON) || is_badge(&address.url) {
            return;
        }
        let described = described(img, alt);
        self.attach_picture(full(img, resolve), address, described);
    }

    /// Notes a picture that exists only as `data:`; false for a placeholder.
    fn is_whole_in_page(&mut self, img: ElementRef<'_>, alt: &str) -> bool {
        let data = img
            .attr("src")
            .map(str::trim)
            .filter(|src| src.starts_with("data:image/"));
        let mut after = img.next_siblings().filter_map(ElementRef::wrap);
        let stands_in = after.next().is_some_and(|next| next.value().name() == "noscript");
        let is_whole = !stands_in && data.is_some_and(|data| data.len() > PLACEHOLDER);
        if is_whole {
            self.unattached += 1;
        }
        is_whole && !alt.is_empty()
    }

    fn write_picture(&mut self, url: &Url, alt: &str, (width, height): (Option<u32>, Option<u32>)) {
        if self.verbatim == 0 {
            self.before_word();
        }
        self.out.push_str("<img");
        attribute(&mut self.out, "src", url.as_str());
        attribute(&mut self.out, "alt", alt);
        for (key, side) in [("width", width), ("height", height)] {
            if let Some(side) = side.filter(|side| *side > 0) {
                attribute(&mut self.out, key, &side.to_string());
            }
        }
        self.out.push('>');
        self.fresh = false;
        self.seen += 1;
    }

    /// Attaches a picture, or the larger one that it leads to.
    fn attach_picture(&mut self, full: Option<Url>, address: Address, alt: Option<String>) {
        let (url, width, height) = match full {
            Some(full) if full != address.url => {
                self.variants.push((address.url.into(), full.to_string()));
                (full, None, None)
            }
            _ => (address.url, address.width, address.height),
        };
        for other in address.others {
            self.variants.push((other.into(), url.to_string()));
        }
        self.attach(Media {
            media_type: image_type(&url),
            url: url.into(),
            alt,
            width: width.filter(|side| *side > 0),
            height: height.filter(|side| *side > 0),
        });
    }

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
            .filter(|inner| inner.value().name() == "source");
        let source = |element: ElementRef<'_>| {
            let url = ["src", "data-src"]
                .into_iter()
                .find_map(|key| web(element.attr(key)?, resolve))?;
            let stated = element.attr("type").and_then(|kind| kind.split(';').next());
            let stated = stated.map(|kind| kind.trim().to_ascii_lowercase());
            let plain = element.value().name();
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
        let (width, height) = match element.value().name() {
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
            .filter(|inner| inner.value().name() == "a")
            .find_map(|inner| Some((web(inner.attr("href")?, resolve)?, inner)));
        if let Some((url, link)) = offered {
            let shown = collapse(&link.text().collect::<String>());
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
        let text: String = element.text().collect();
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
        let twin = shown.any(|inner| match inner.value().name() {
            "img" => choose(inner, resolve).is_some(),
            "iframe" => ["src", "data-src"].iter().any(|key| inner.attr(key).is_some()),
            "video" | "audio" => true,
            _ => false,
        });
        if twin {
            return;
        }
        let inside = nesting::flat(&text, MAX_NESTING, nesting::Writer::Ourselves);
        let inside = Html::parse_fragment(&inside);
        for edge in inside.tree.root().traverse() {
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

    fn attach(&mut self, media: Media) {
        if let Some(known) = self.media.iter_mut().find(|known| known.url == media.url) {
            known.alt = known.alt.take().or(media.alt);
        } else if self.media.len() < MAX_MEDIA {
            self.media.push(media);
        }
    }
}

/// The text for those who can't see a picture: its own, else its label, else, when the page writes no `alt` at all, the
/// caption of a figure that has no other picture: that is when HTML lets `alt` be missing. An empty `alt` says that
/// the picture needs no words.
fn described(img: ElementRef<'_>, alt: String) -> Option<String> {
    Some(alt)
        .filter(|alt| !alt.is_empty())
        .or_else(|| label(img))
        .or_else(|| {
            if img.attr("alt").is_none() {
                caption(img)
            } else {
                None
            }
        })
}

/// What the page calls something that has no words of its own.
fn label(element: ElementRef<'_>) -> Option<String> {
    ["aria-label", "title"]
        .into_iter()
        .filter_map(|key| element.attr(key))
        .map(|label| collapse(label).chars().take(MAX_ALT).collect::<String>())
        .find(|label| !label.is_empty())
}

/// The caption of the figure around, when it is about this alone.
fn caption(element: ElementRef<'_>) -> Option<String> {
    let figure = element
        .ancestors()
        .filter_map(ElementRef::wrap)
        .find(|around| around.value().name() == "figure")?;
    let inside = |names: &[&str]| {
        let inner = figure.descendent_elements();
        inner
            .filter(|inner| names.contains(&inner.value().name()))
            .collect::<Vec<_>>()
    };
    let [caption] = inside(&["figcaption"])[..] else {
        return None;
    };
    if inside(&["img", "video", "audio"]).len() != 1 {
        return None;
    }
    let caption: String = collapse(&caption.text().collect::<String>())
        .chars()
        .take(MAX_ALT)
        .collect();
    Some(caption).filter(|caption| !caption.is_empty())
}

/// The larger picture that a picture leads to.
fn full(img: ElementRef<'_>, resolve: Resolve<'_>) -> Option<Url> {
    let link = img
        .ancestors()
        .filter_map(ElementRef::wrap)
        .take(3)
        .find(|around| around.value().name() == "a")?;
    let url = web(link.attr("href")?, resolve)?;
    let only = link
        .descendent_elements()
        .filter(|inner| inner.value().name() == "img")
        .count()
        == 1;
    (only && guess(&url).is_some_and(|kind| kind.starts_with("image/"))).then_some(url)
}

/// What a picture of an emoji says: the emoji, or its name. By the class that Twemoji, WordPress, GitHub and others give
/// them, or because its text is nothing else.
fn emoji(img: ElementRef<'_>) -> Option<String> {
    let alt = collapse(img.attr("alt")?);
    let called = img
        .value()
        .classes()
        .flat_map(|class| class.split(['-', '_']))
        .any(|word| {
            matches!(
                word.to_ascii_lowercase().as_str(),
                "emoji" | "smiley" | "twemoji" | "emojione" | "emoticon"
            )
        });
    let is_emoji = !alt.is_empty()
        && alt.chars().all(|c| {
            matches!(u32::from(c), 0x1F000..=0x1FAFF | 0x2600..=0x27BF | 0x2B00..=0x2BFF | 0xFE0F | 0x200D | 0x20E3 | 0xE0020..=0xE007F)
        });
    ((called && !alt.is_empty() && alt.chars().count() <= MAX_EMOJI) || is_emoji).then_some(alt)
}

/// A badge with the state of a project: an SVG by that name, or from the services that draw them.
fn is_badge(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let service = matches!(
        host,
        "img.shields.io" | "badgen.net" | "badge.fury.io" | "badges.gitter.im"
    );
    let stem = |part: &str| part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let called = || {
        let mut parts = url.path().split('/');
        parts.any(|part| matches!(stem(part).as_str(), "badge" | "badges"))
    };
    service || (url.path().ends_with(".svg") && called())
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

/// The media type of a picture by its address; `image/*` when the address doesn't tell.
pub fn image_type(url: &Url) -> String {
    guess(url)
        .filter(|kind| kind.starts_with("image/"))
        .unwrap_or_else(|| "image/*".to_owned())
}

fn guess(url: &Url) -> Option<String> {
    mime_guess::from_path(url.path()).first_raw().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use crate::sanitize::{Own, own_html};

    fn own(html: &str) -> Own {
        own_html(html, &"https://blog.example/a/".parse().unwrap())
    }

    fn attached(html: &str) -> Vec<(String, String)> {
        let media = own(html).media.into_iter();
        media
            .map(|media| {
                (
                    media.url.replace("https://blog.example/a/", ""),
                    media.alt.unwrap_or_default(),
                )
            })
            .collect()
    }

    fn one(url: &str, alt: &str) -> Vec<(String, String)> {
        vec![(url.to_owned(), alt.to_owned())]
    }

    #[test]
    fn a_picture_and_its_twin_without_scripts_are_one() {
        let noscript = "<noscript><img src=p.jpg alt=P></noscript>";
        for html in [
            format!("<img src='data:,' data-src=p.jpg alt=P>{noscript}"),
            format!("<p><span><img class=lazy data-src=p.jpg alt=P></span>{noscript}</p>"),
            format!("<p><img class=lazy src='data:image/gif;base64,R0'>{noscript}</p>"),
            format!("<figure>{noscript}</figure>"),
        ] {
            assert_eq!(attached(&html), one("p.jpg", "P"), "{html}");
        }
        assert_eq!(
            attached("<img data-src=large.jpg><noscript><img src=small.jpg></noscript>"),
            one("large.jpg", "")
        );
        assert_eq!(
            own("<p>a</p><noscript><p>Switch scripts on.</p></noscript>").html,
            "<p>a</p>"
        );
    }

    #[test]
    fn a_caption_stands_in_where_there_is_no_alternative_text_at_all() {
        let figure = |img: &str| format!("<figure>{img}<figcaption>A <i>caption</i></figcaption></figure>");
        assert_eq!(attached(&figure("<img src=p.jpg>")), one("p.jpg", "A caption"));
        assert_eq!(attached(&figure("<img src=p.jpg alt=''>")), one("p.jpg", ""));
        assert_eq!(attached(&figure("<img src=p.jpg alt=P>")), one("p.jpg", "P"));
        assert_eq!(attached("<img src=p.jpg title=T>"), one("p.jpg", "T"));
        let two = attached(&figure("<img src=p.jpg><img src=q.jpg>"));
        assert_eq!(
            two,
            [
                ("p.jpg".to_owned(), String::new()),
                ("q.jpg".to_owned(), String::new())
            ]
        );
    }

    #[test]
    fn a_thumbnail_is_attached_as_the_picture_that_it_leads_to() {
        assert_eq!(
            attached("<a href=full.jpg><img src=thumb.jpg alt=P width=10></a>"),
            one("full.jpg", "P")
        );
        assert_eq!(
            attached("<a href=/page/><img src=thumb.jpg alt=P></a>"),
            one("thumb.jpg", "P")
        );
        let html = own("<a href=full.jpg><img src=thumb.jpg alt=P></a>").html;
        assert!(html.contains(
            "href=\"https://blog.example/a/full.jpg\"><img src=\"https://blog.example/a/thumb.jpg\""
        ));
    }

    #[test]
    fn what_is_no_picture_of_the_post_is_not_attached() {
        for html in [
            "<img src=/t.gif width=1 height=1>",
            "<img src=/t.gif style='width:1px; height:1px'>",
            "<img src=https://img.shields.io/crates/v/tidings>",
            "<img src=https://github.example/a/workflows/ci/badge.svg>",
            "<img src=/icon.png width=16 height=16 alt=RSS>",
            "<img class=emoji src=/1f600.png alt=😀>",
            "<img src=/1f600.png alt=😀>",
            "<img src=/x.png hidden>",
        ] {
            assert!(own(html).media.is_empty(), "{html}");
        }
        assert_eq!(
            own("<p>Nice <img class=emoji src=/1f600.png alt=😀>!</p>").html,
            "<p>Nice 😀!</p>"
        );
        assert_eq!(
            attached("<img src=badge-making.jpg>"),
            one("badge-making.jpg", "")
        );
        assert_eq!(attached("<img src=drawing.svg alt=D>"), one("drawing.svg", "D"));
    }

    #[test]
    fn a_picture_within_the_page_leaves_its_words_and_is_counted() {
        let data = format!(
            "<p>See <img src='data:image/png;base64,{}' alt='A map'></p>",
            "A".repeat(5_000)
        );
        let found = own(&data);
        assert_eq!(
            (found.html.as_str(), found.media.len(), found.unattached),
            ("<p>See A map</p>", 0, 1)
        );
        let twin = data.replace("</p>", "<noscript><img src=p.png alt='A map'></noscript></p>");
        assert_eq!((own(&twin).media.len(), own(&twin).unattached), (1, 0));
        let placeholder = own("<p>See <img src='data:image/gif;base64,R0' alt='A map'></p>");
        assert_eq!(
            (placeholder.html.as_str(), placeholder.unattached),
            ("<p>See</p>", 0)
        );
    }

    #[test]
    fn the_other_addresses_of_a_picture_are_known() {
        let found = own("<img src=s.jpg srcset='s.jpg 480w, l.jpg 1200w'>");
        let pair = |a: &str, b: &str| {
            (
                format!("https://blog.example/a/{a}"),
                format!("https://blog.example/a/{b}"),
            )
        };
        assert_eq!(found.variants, [pair("s.jpg", "l.jpg")]);
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
        assert_eq!(
            attached("<object data=d.svg type=image/svg+xml title=D></object>"),
            one("d.svg", "D")
        );
    }
}
