//! Pictures, sounds, films and frames of the site's own HTML.

use scraper::ElementRef;
use url::Url;

use super::element::{attribute, collapse, escape};
use super::writer::Writer;
use crate::article::Media;

/// Pictures of one page that are attached; more is a gallery, and no server shows as many.
const MAX_MEDIA: usize = 100;

/// Characters of an alternative text; Mastodon takes 1,500.
const MAX_ALT: usize = 5_000;

/// The largest side of a picture that only counts readers, in pixels.
const TRACKING_PIXEL: u32 = 1;

impl Writer {
    pub(super) fn picture(&mut self, element: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) {
        let side = |key: &str| {
            let digits = element.attr(key)?.trim().trim_end_matches("px");
            digits.parse::<u32>().ok()
        };
        let (width, height) = (side("width"), side("height"));
        let tiny = |side: Option<u32>| side.is_some_and(|pixels| pixels <= TRACKING_PIXEL);
        if (tiny(width) && tiny(height)) || self.is_between() {
            return;
        }
        let Some(url) = picture_address(element)
            .and_then(resolve)
            .filter(|url| url.scheme() != "mailto")
        else {
            return;
        };
        let alt: String = collapse(element.attr("alt").unwrap_or_default())
            .chars()
            .take(MAX_ALT)
            .collect();
        if self.verbatim == 0 {
            self.before_word();
        }
        self.out.push_str("<img");
        attribute(&mut self.out, "src", url.as_str());
        attribute(&mut self.out, "alt", &alt);
        let (width, height) = (width.filter(|side| *side > 0), height.filter(|side| *side > 0));
        for (key, side) in [("width", width), ("height", height)] {
            if let Some(side) = side {
                attribute(&mut self.out, key, &side.to_string());
            }
        }
        self.out.push('>');
        self.fresh = false;
        self.seen += 1;
        let media_type = image_type(&url);
        let alt = Some(alt).filter(|alt| !alt.is_empty());
        self.attach(Media {
            url: url.into(),
            media_type,
            alt,
            width,
            height,
        });
    }

    /// A page shown within the page becomes a link to it.
    pub(super) fn frame(&mut self, element: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) {
        let address = ["src", "data-src"]
            .into_iter()
            .find_map(|key| element.attr(key).and_then(resolve));
        let Some(url) = address.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            return;
        };
        if self.is_between() || self.verbatim > 0 || self.open.iter().any(|frame| frame.name == "a") {
            return;
        }
        let title = collapse(element.attr("title").unwrap_or_default());
        let shown = if title.is_empty() {
            url.host_str().unwrap_or_default()
        } else {
            &title
        };
        self.before_word();
        self.out.push_str("<a");
        attribute(&mut self.out, "href", url.as_str());
        self.out.push('>');
        escape(&mut self.out, shown);
        self.out.push_str("</a>");
        self.fresh = false;
        self.seen += 1;
    }

    /// A sound or a film is attached, not written.
    pub(super) fn recording(&mut self, element: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) {
        let own = element.value().name();
        let sources = element
            .descendent_elements()
            .filter(|inner| inner.value().name() == "source");
        let stated = |element: ElementRef<'_>| {
            let url = resolve(element.attr("src")?).filter(|url| url.scheme() != "mailto")?;
            let stated = element
                .attr("type")
                .and_then(|kind| kind.split(';').next())
                .map(|kind| kind.trim().to_owned());
            let guessed = guess(&url);
            let media_type = guessed
                .or(stated)
                .filter(|kind| kind.starts_with("audio/") || kind.starts_with("video/"))?;
            Some((url, media_type))
        };
        let Some((url, media_type)) = std::iter::once(element).chain(sources).find_map(stated) else {
            return;
        };
        let side = |key: &str| {
            element
                .attr(key)
                .and_then(|side| side.parse().ok())
                .filter(|side| *side > 0)
        };
        let alt = element
            .attr("aria-label")
            .or_else(|| element.attr("title"))
            .map(collapse);
        let (width, height) = if own == "video" {
            (side("width"), side("height"))
        } else {
            (None, None)
        };
        let alt = alt.filter(|alt| !alt.is_empty());
        self.attach(Media {
            url: url.into(),
            media_type,
            alt,
            width,
            height,
        });
    }

    fn attach(&mut self, media: Media) {
        if let Some(known) = self.media.iter_mut().find(|known| known.url == media.url) {
            known.alt = known.alt.take().or(media.alt);
        } else if self.media.len() < MAX_MEDIA {
            self.media.push(media);
        }
    }
}

/// The address of a picture, also of one that a script loads later: then `src` holds a placeholder.
fn picture_address(element: ElementRef<'_>) -> Option<&str> {
    let sound = |href: &&str| !href.trim().is_empty() && !href.trim_start().starts_with("data:");
    let lazy = ["data-src", "data-lazy-src", "data-original"]
        .into_iter()
        .find_map(|key| element.attr(key))
        .filter(sound);
    let plain = element.attr("src").filter(sound);
    let set = || {
        let set = element.attr("srcset").or_else(|| element.attr("data-srcset"))?;
        // The last candidate is the largest by custom. Its address ends at the first space.
        set.rsplit(", ")
            .find_map(|one| one.split_ascii_whitespace().next())
            .map(|href| href.trim_end_matches(','))
    };
    lazy.or(plain).or_else(|| set().filter(sound))
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
