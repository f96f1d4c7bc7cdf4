//! Pictures of the site's own HTML.
//!
//! A picture is written where it stands and attached, because servers that show no HTML pictures show attachments.

use url::Url;

use super::address::{Address, choose, pixels, web};
use super::element::{attribute, collapse};
use super::math;
use super::writer::{Resolve, Writer};
use crate::article::Media;
use crate::dom::ElementRef;

/// Pictures of one page that are attached; more is a gallery, and no server shows as many.
const MAX_MEDIA: usize = 100;

/// Characters of an alternative text; Mastodon takes 1,500.
pub(super) const MAX_ALT: usize = 5_000;

/// The largest side of a picture that only counts readers, in pixels.
pub(super) const TRACKING_PIXEL: u32 = 1;

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
        let stands_in = after.next().is_some_and(|next| next.name() == "noscript");
        let is_whole = !stands_in && data.is_some_and(|data| data.len() > PLACEHOLDER);
        if is_whole {
            self.unattached += 1;
        }
        is_whole && !alt.is_empty()
    }

    pub(super) fn write_picture(
        &mut self,
        url: &Url,
        alt: &str,
        (width, height): (Option<u32>, Option<u32>),
    ) {
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
    pub(super) fn attach_picture(&mut self, full: Option<Url>, address: Address, alt: Option<String>) {
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

    pub(super) fn attach(&mut self, media: Media) {
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
pub(super) fn label(element: ElementRef<'_>) -> Option<String> {
    ["aria-label", "title"]
        .into_iter()
        .filter_map(|key| element.attr(key))
        .map(|label| collapse(label).chars().take(MAX_ALT).collect::<String>())
        .find(|label| !label.is_empty())
}

/// The caption of the figure around, when it is about this alone.
pub(super) fn caption(element: ElementRef<'_>) -> Option<String> {
    let figure = element
        .ancestors()
        .filter_map(ElementRef::wrap)
        .find(|around| around.name() == "figure")?;
    let inside = |names: &[&str]| {
        let inner = figure.descendent_elements();
        inner
            .filter(|inner| names.contains(&inner.name()))
            .collect::<Vec<_>>()
    };
    let [caption] = inside(&["figcaption"])[..] else {
        return None;
    };
    if inside(&["img", "video", "audio"]).len() != 1 {
        return None;
    }
    let caption: String = collapse(caption.text()).chars().take(MAX_ALT).collect();
    Some(caption).filter(|caption| !caption.is_empty())
}

/// The larger picture that a picture leads to.
fn full(img: ElementRef<'_>, resolve: Resolve<'_>) -> Option<Url> {
    let link = img
        .ancestors()
        .filter_map(ElementRef::wrap)
        .take(3)
        .find(|around| around.name() == "a")?;
    let url = web(link.attr("href")?, resolve)?;
    let only = link
        .descendent_elements()
        .filter(|inner| inner.name() == "img")
        .count()
        == 1;
    (only && guess(&url).is_some_and(|kind| kind.starts_with("image/"))).then_some(url)
}

/// What a picture of an emoji says: the emoji, or its name. By the class that Twemoji, WordPress, GitHub and others give
/// them, or because its text is nothing else.
fn emoji(img: ElementRef<'_>) -> Option<String> {
    let alt = collapse(img.attr("alt")?);
    let called = img
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

/// The media type of a picture by its address; `image/*` when the address doesn't tell.
pub fn image_type(url: &Url) -> String {
    guess(url)
        .filter(|kind| kind.starts_with("image/"))
        .unwrap_or_else(|| "image/*".to_owned())
}

pub(super) fn guess(url: &Url) -> Option<String> {
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
}
