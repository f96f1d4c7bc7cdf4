//! Which of a picture's many addresses is the picture: `src`, `srcset`, the sources of a `<picture>`, and what scripts
//! load later.
//!
//! The largest one that is of use is taken. A script's addresses (`data-src` and its kin, as lazysizes, lozad, WordPress
//! and others name them) win over what stands in their place until then. The sources of a `<picture>` are formats that
//! not everybody reads; they are taken only where `<img>` itself has nothing.

use crate::dom::ElementRef;
use url::Url;

/// Pixels across: what is larger is scaled down by every server.
const USEFUL_WIDTH: u32 = 2_560;

/// Pixels of the file for one of the page: no screen shows more.
const USEFUL_DENSITY: f32 = 2.0;

/// Addresses of one picture that are looked at.
const MAX_CANDIDATES: usize = 64;

/// The address of a picture that a script loads later, the likeliest first.
const LAZY: [&str; 4] = ["data-src", "data-lazy-src", "data-original", "data-lazy"];

/// The same for several sizes; the browser's own attribute comes last.
const SETS: [&str; 4] = ["data-srcset", "data-lazy-srcset", "data-original-set", "srcset"];

/// A picture's address.
pub(super) struct Address {
    pub(super) url: Url,
    /// Pixels, as far as the page says.
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    /// The other addresses of the same picture.
    pub(super) others: Vec<Url>,
}

/// What a page says of the size of a file.
#[derive(Clone, Copy, PartialEq)]
enum Size {
    Unsaid,
    Width(u32),
    Density(f32),
}

struct Candidate {
    url: Url,
    size: Size,
}

/// Chooses an address; `None` when there is none but `data:`.
pub(super) fn choose(img: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) -> Option<Address> {
    let mut candidates = own(img, resolve);
    if candidates.is_empty() {
        candidates = sources(img, resolve);
    }
    let (width, height) = (pixels(img, "width"), pixels(img, "height"));
    let best = best(&candidates, width)?;
    let scaled = |by: f64| -> (Option<u32>, Option<u32>) {
        let scale = |side: u32| {
            let side = (f64::from(side) * by).round();
            // Both factors are below 2^32, and a picture's sides far below.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            (1.0..=100_000.0).contains(&side).then_some(side as u32)
        };
        match (width, height) {
            (Some(width), Some(height)) => (scale(width), scale(height)),
            _ => (None, None),
        }
    };
    let (width, height) = match (best.size, width) {
        (Size::Unsaid, _) => (width, height),
        (Size::Width(real), Some(shown)) => match scaled(f64::from(real) / f64::from(shown)) {
            (Some(_), height) => (Some(real), height),
            _ => (Some(real), None),
        },
        (Size::Width(real), None) => (Some(real), None),
        (Size::Density(density), _) => scaled(f64::from(density)),
    };
    let url = best.url.clone();
    let others = candidates
        .into_iter()
        .map(|other| other.url)
        .filter(|other| *other != url);
    Some(Address {
        others: others.collect(),
        url,
        width,
        height,
    })
}

/// What `<img>` itself says.
fn own(img: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) -> Vec<Candidate> {
    let address = |key: &&str| web(img.attr(key)?, resolve);
    let single = LAZY.iter().find_map(address).or_else(|| address(&"src"));
    let mut candidates = set_of(img, resolve);
    if let Some(url) = single
        && !candidates.iter().any(|known| known.url == url)
    {
        // Among densities, the plain address is the one for an ordinary screen.
        let dense = candidates
            .iter()
            .any(|known| matches!(known.size, Size::Density(_)));
        let size = if dense { Size::Density(1.0) } else { Size::Unsaid };
        candidates.insert(0, Candidate { url, size });
    }
    candidates
}

fn set_of(element: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) -> Vec<Candidate> {
    SETS.iter()
        .filter_map(|key| element.attr(key))
        .map(|set| read_set(set, resolve))
        .find(|candidates| !candidates.is_empty())
        .unwrap_or_default()
}

/// The sources of the `<picture>` around, those in formats that everybody reads first, and those for all screens.
fn sources(img: ElementRef<'_>, resolve: &dyn Fn(&str) -> Option<Url>) -> Vec<Candidate> {
    let Some(picture) = img.parent().and_then(ElementRef::wrap) else {
        return vec![];
    };
    if picture.name() != "picture" {
        return vec![];
    }
    let rank = |source: &ElementRef<'_>| {
        let format = match source
            .attr("type")
            .map(|kind| kind.trim().to_ascii_lowercase())
            .as_deref()
        {
            None | Some("" | "image/jpeg" | "image/png" | "image/gif") => 0,
            Some("image/webp") => 1,
            Some("image/avif") => 2,
            Some(_) => 3,
        };
        (format, source.attr("media").is_some())
    };
    let mut sources: Vec<ElementRef<'_>> = picture
        .child_elements()
        .filter(|source| source.name() == "source")
        .collect();
    sources.sort_by_key(rank);
    let found = sources.into_iter().map(|source| set_of(source, resolve));
    found
        .into_iter()
        .find(|candidates| !candidates.is_empty())
        .unwrap_or_default()
}

/// The best candidate: the largest that is of use, else the smallest; without sizes the first.
fn best(candidates: &[Candidate], shown: Option<u32>) -> Option<&Candidate> {
    let width = |candidate: &Candidate| match candidate.size {
        Size::Width(width) => Some(width),
        // The plain address beside several sizes may be the original.
        Size::Unsaid => shown,
        Size::Density(_) => None,
    };
    let density = |candidate: &Candidate| match candidate.size {
        Size::Density(density) => Some(density),
        _ => None,
    };
    let has_sizes = candidates.iter().any(|one| matches!(one.size, Size::Width(_)));
    if has_sizes {
        let sized = || candidates.iter().filter_map(|one| Some((width(one)?, one)));
        let useful = sized()
            .filter(|(width, _)| *width <= USEFUL_WIDTH)
            .max_by_key(|(width, _)| *width);
        return useful
            .or_else(|| sized().min_by_key(|(width, _)| *width))
            .map(|(_, one)| one);
    }
    let dense = || candidates.iter().filter_map(|one| Some((density(one)?, one)));
    let useful = dense()
        .filter(|(density, _)| *density <= USEFUL_DENSITY)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    useful
        .or_else(|| dense().min_by(|(a, _), (b, _)| a.total_cmp(b)))
        .map(|(_, one)| one)
        .or(candidates.first())
}

/// Reads a `srcset` as the HTML standard does: an address ends at white space, a candidate at the next comma.
fn read_set(set: &str, resolve: &dyn Fn(&str) -> Option<Url>) -> Vec<Candidate> {
    let mut candidates = vec![];
    let mut rest = set;
    while candidates.len() < MAX_CANDIDATES {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            break;
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (address, after) = rest.split_at(end);
        let (address, descriptor, after) = match address.strip_suffix(',') {
            Some(address) => (address.trim_end_matches(','), "", after),
            None => {
                let (descriptor, after) = after.split_once(',').unwrap_or((after, ""));
                (address, descriptor, after)
            }
        };
        rest = after;
        let size = match descriptor.trim() {
            "" => Some(Size::Density(1.0)),
            descriptor => descriptor.split_ascii_whitespace().find_map(size),
        };
        // The standard drops a candidate whose size can't be read.
        let Some(size) = size else { continue };
        if let Some(url) = web(address, resolve) {
            candidates.push(Candidate { url, size });
        }
    }
    candidates
}

fn size(descriptor: &str) -> Option<Size> {
    if let Some(width) = descriptor.strip_suffix('w') {
        return width.parse().ok().filter(|width| *width > 0).map(Size::Width);
    }
    let density: f32 = descriptor.strip_suffix('x')?.parse().ok()?;
    (density.is_finite() && density > 0.0).then_some(Size::Density(density))
}

/// An address that others can open.
pub(super) fn web(href: &str, resolve: &dyn Fn(&str) -> Option<Url>) -> Option<Url> {
    let href = href.trim();
    if href.is_empty() || href.starts_with('#') {
        return None;
    }
    resolve(href).filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// A side of a picture or a frame, by its attribute or its style.
pub(super) fn pixels(element: ElementRef<'_>, key: &str) -> Option<u32> {
    let number = |text: &str| text.trim().trim_end_matches("px").trim().parse::<f64>().ok();
    let by_style = || {
        let rules = element
            .attr("style")?
            .split(';')
            .filter_map(|rule| rule.split_once(':'));
        rules
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case(key))
            .find_map(|(_, value)| value.trim().ends_with("px").then(|| number(value))?)
    };
    let side = element.attr(key).and_then(number).or_else(by_style)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (0.0..=100_000.0).contains(&side).then_some(side as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dom::Html;

    fn chosen(html: &str) -> Option<(String, Option<u32>, Option<u32>)> {
        let html = Html::parse_fragment(html);
        let img = html
            .root()
            .descendants()
            .filter_map(ElementRef::wrap)
            .find(|element| element.name() == "img")?;
        let base: Url = "https://a.example/".parse().unwrap();
        let address = choose(img, &|href| base.join(href).ok())?;
        Some((address.url.path().to_owned(), address.width, address.height))
    }

    fn path(html: &str) -> Option<String> {
        chosen(html).map(|(path, _, _)| path)
    }

    #[test]
    fn the_largest_useful_candidate_is_taken_whatever_the_order() {
        for (html, expected) in [
            ("<img src=s.jpg srcset='l.jpg 1200w, s.jpg 480w'>", "/l.jpg"),
            ("<img srcset='s.jpg 480w,l.jpg 1200w,xl.jpg 6000w'>", "/l.jpg"),
            ("<img srcset='xl.jpg 6000w, xxl.jpg 8000w'>", "/xl.jpg"),
            (
                "<img src=a.jpg srcset='b.jpg 1.5x, c.jpg 2x, d.jpg 4x'>",
                "/c.jpg",
            ),
            ("<img srcset='a,b.jpg, c.jpg 2x'>", "/c.jpg"),
            ("<img srcset='a.jpg'>", "/a.jpg"),
            (
                "<img src=original.jpg width=2000 srcset='a.jpg 400w, b.jpg 800w'>",
                "/original.jpg",
            ),
            (
                "<img src=a.jpg srcset='b.jpg 0w, c.jpg wide, d.jpg 5”'>",
                "/a.jpg",
            ),
        ] {
            assert_eq!(path(html).as_deref(), Some(expected), "{html}");
        }
    }

    #[test]
    fn what_a_script_loads_later_wins_over_what_stands_in_its_place() {
        for html in [
            "<img src='data:image/gif;base64,R0' data-src=p.jpg>",
            "<img src=/spinner.gif data-original=p.jpg>",
            "<img src=/blank.png data-lazy-src=p.jpg>",
            "<img src=/blank.png data-srcset='q.jpg 100w, p.jpg 900w' data-src=q.jpg>",
            "<img srcset='data:image/svg+xml,%3Csvg%3E 1w' data-srcset='p.jpg 900w'>",
            "<picture><source data-srcset='p.jpg 2x'><img src='data:,'></picture>",
        ] {
            assert_eq!(path(html).as_deref(), Some("/p.jpg"), "{html}");
        }
    }

    #[test]
    fn the_sources_of_a_picture_stand_in_where_its_img_has_nothing() {
        let sources = "<source type=image/avif srcset='a.avif'><source type=image/webp srcset='a.webp 400w, b.webp 800w'>";
        assert_eq!(
            path(&format!("<picture>{sources}<img src=a.jpg></picture>")).as_deref(),
            Some("/a.jpg")
        );
        assert_eq!(
            path(&format!("<picture>{sources}<img></picture>")).as_deref(),
            Some("/b.webp")
        );
        let wide = "<source media='(min-width: 800px)' srcset=wide.jpg><source srcset=narrow.jpg>";
        assert_eq!(
            path(&format!("<picture>{wide}<img></picture>")).as_deref(),
            Some("/narrow.jpg")
        );
    }

    #[test]
    fn a_picture_that_is_only_data_has_no_address() {
        assert_eq!(path("<img src='data:image/png;base64,AAAA'>"), None);
        assert_eq!(path("<img>"), None);
        assert_eq!(path("<img src=blob:x>"), None);
    }

    #[test]
    fn the_size_is_that_of_the_file_as_far_as_the_page_says() {
        assert_eq!(
            chosen("<img src=a.jpg width=640 height=480px>"),
            Some(("/a.jpg".into(), Some(640), Some(480)))
        );
        assert_eq!(
            chosen("<img src=a.jpg style='width: 64px'>"),
            Some(("/a.jpg".into(), Some(64), None))
        );
        assert_eq!(
            chosen("<img width=600 height=400 srcset='a.jpg 1200w'>"),
            Some(("/a.jpg".into(), Some(1200), Some(800)))
        );
        assert_eq!(
            chosen("<img width=600 height=400 srcset='a.jpg 2x'>"),
            Some(("/a.jpg".into(), Some(1200), Some(800)))
        );
        assert_eq!(
            chosen("<img src=a.jpg width=100%>"),
            Some(("/a.jpg".into(), None, None))
        );
    }
}
