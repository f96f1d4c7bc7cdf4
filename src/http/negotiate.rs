//! What a request wants: which of two representations, and whether it has it already.

use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, IF_NONE_MATCH};

/// What a document is wanted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// An ActivityPub document.
    Activity,
    /// A page to read.
    Page,
}

/// How well a media range fits, the more exact one counting (RFC 9110, section 12.5.1): exactness, then quality in thousandths.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    exactness: u8,
    quality: u16,
}

/// What a request wants, by `Accept`. Only who prefers HTML gets a page: servers often say `*/*`, or nothing.
pub(super) fn wanted(headers: &HeaderMap) -> Wanted {
    let (mut activity, mut page) = (Fit::default(), Fit::default());
    for line in headers.get_all(ACCEPT) {
        for range in line.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';');
            let media_type = parts.next().unwrap_or_default().trim();
            let quality = parts.find_map(quality).unwrap_or(1_000);
            let fit = |exactness| Fit { exactness, quality };
            let is = |name: &str| media_type.eq_ignore_ascii_case(name);
            if is("application/activity+json") || is("application/ld+json") {
                activity = better(activity, fit(3));
            } else if is("application/json") {
                activity = better(activity, fit(2));
            } else if is("text/html") || is("application/xhtml+xml") {
                page = better(page, fit(3));
            } else if is("text/*") {
                page = better(page, fit(2));
            } else if is("application/*") {
                activity = better(activity, fit(2));
            } else if is("*/*") {
                activity = better(activity, fit(1));
                page = better(page, fit(1));
            }
        }
    }
    let preferred = page.quality > activity.quality
        // Named as such, while JSON is only tolerated.
        || page.quality > 0 && page.quality == activity.quality && page.exactness == 3 && activity.exactness == 1;
    if preferred { Wanted::Page } else { Wanted::Activity }
}

/// The more exact of two fits; of equally exact ones the better.
fn better(one: Fit, other: Fit) -> Fit {
    one.max(other)
}

/// `q=0.5` in thousandths.
fn quality(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let quality: f32 = value.trim().parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=1000"
    )]
    Some((quality.clamp(0.0, 1.0) * 1_000.0) as u16)
}

/// Whether a request has the document with this strong ETag already (RFC 9110, section 13.1.2).
pub(super) fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Whether a body is said to be an activity.
pub(super) fn is_activity(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/activity+json")
        || media_type.eq_ignore_ascii_case("application/ld+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: hyper::header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn only_who_prefers_html_gets_a_page() {
        for (accept, expected) in [
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
                Wanted::Page,
            ),
            ("text/html", Wanted::Page),
            ("text/html, */*", Wanted::Page),
            ("text/*;q=0.3, application/activity+json;q=0.2", Wanted::Page),
            ("application/activity+json;q=0, text/html", Wanted::Page),
            (
                "application/activity+json, application/ld+json, text/html;q=0.1",
                Wanted::Activity,
            ),
            (
                "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
                Wanted::Activity,
            ),
            (
                "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\", text/html",
                Wanted::Activity,
            ),
            ("*/*", Wanted::Activity),
            ("", Wanted::Activity),
            ("application/json", Wanted::Activity),
            ("image/png", Wanted::Activity),
            ("text/html;q=0, */*", Wanted::Activity),
            (
                "text/html;q=nonsense, application/activity+json;q=0.9",
                Wanted::Page,
            ),
        ] {
            assert_eq!(wanted(&with(ACCEPT, accept)), expected, "{accept}");
        }
        assert_eq!(wanted(&HeaderMap::new()), Wanted::Activity);
    }

    #[test]
    fn if_none_match_takes_lists_weak_tags_and_the_star() {
        for (value, expected) in [
            ("\"abc\"", true),
            ("\"x\", W/\"abc\"", true),
            ("*", true),
            ("\"abcd\"", false),
            ("abc", false),
        ] {
            assert_eq!(
                has_already(&with(IF_NONE_MATCH, value), "\"abc\""),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn an_inbox_takes_the_two_media_types_of_activitypub() {
        for (value, expected) in [
            ("application/activity+json", true),
            ("application/activity+json; charset=utf-8", true),
            (
                "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
                true,
            ),
            ("Application/LD+JSON", true),
            ("application/json", false),
            ("text/plain", false),
        ] {
            assert_eq!(is_activity(&with(CONTENT_TYPE, value)), expected, "{value}");
        }
        assert!(!is_activity(&HeaderMap::new()));
    }
}
