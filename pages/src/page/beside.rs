//! Pages that sites have beside their posts: who writes here, an imprint, terms. Many are dated, and none is news.

/// By the last part of their paths.
const NAMES: [&str; 37] = [
    "a-propos",
    "about",
    "about-me",
    "about-us",
    "aboutme",
    "acerca",
    "acerca-de",
    "blogroll",
    "chi-sono",
    "colophon",
    "contact",
    "contacto",
    "cookies",
    "cookie-policy",
    "datenschutz",
    "datenschutzerklaerung",
    "disclaimer",
    "faq",
    "impressum",
    "imprint",
    "kontakt",
    "legal",
    "license",
    "mentions-legales",
    "now",
    "over-mij",
    "privacy",
    "privacy-policy",
    "search",
    "sobre",
    "sobre-mi",
    "subscribe",
    "terms",
    "terms-of-service",
    "ueber",
    "ueber-mich",
    "uses",
];

/// Whether a page has the name of one of them, wherever it lies.
pub fn is_beside_posts(path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let name = last.rsplit_once('.').map_or(last, |(name, _)| name);
    NAMES.contains(&name)
}

/// Whether it lies where sites have them: at the root, below a language or among "pages".
pub(super) fn is_at_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_language = |part: &str| {
        let (first, rest) = part.split_once(['-', '_']).unwrap_or((part, ""));
        first.len() == 2 && rest.len() <= 4 && part.bytes().all(|byte| !byte.is_ascii_digit())
    };
    match parts.as_slice() {
        [_] => true,
        [above, _] => is_language(above) || matches!(*above, "page" | "pages"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_beside_posts_have_their_names_and_lie_at_the_root() {
        let is = |path: &str| is_beside_posts(path) && is_at_root(path);
        for path in [
            "/about/",
            "/impressum.html",
            "/de/ueber/",
            "/pt-br/sobre/",
            "/pages/privacy.html",
        ] {
            assert!(is(path), "{path}");
        }
        for path in ["/", "/posts/about/", "/about/me/", "/2026/now/", "/about-time/"] {
            assert!(!is(path), "{path}");
        }
    }
}
