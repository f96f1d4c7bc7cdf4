//! `sitemap.xml` (sitemaps.org): when pages were last changed.
//!
//! Weak evidence: it lists all pages alike, and many generators set `lastmod` to the time of the build. Only an instant that
//! most pages don't share counts, and only where the page and its feeds say nothing of a change (`page`).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use url::Url;

use super::index::bare;
use crate::path;

/// Pages of one sitemap: the protocol's own limit.
const MAX_ENTRIES: usize = 50_000;
/// Bytes of one entry, with addresses of pictures and translations.
const MAX_ENTRY: usize = 16 << 10;

/// When pages were last changed, by their path. Paths are kept as digests, because a large site has many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sitemap(HashMap<u64, Timestamp>);

impl Sitemap {
    /// Reads a sitemap of the site at `site`; what can't be understood is left out.
    pub fn read(bytes: &[u8], site: &Url) -> Sitemap {
        let text = String::from_utf8_lossy(bytes);
        let origin = site.origin().ascii_serialization();
        let path = |loc: &str| {
            // Nearly all are plain addresses of this site, and there are many.
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/');
            let plain = loc.strip_prefix(&*origin).filter(|path| path.starts_with('/'));
            if let Some(path) = plain.filter(|path| path.bytes().all(is_plain)) {
                return Some(path::page_path(path));
            }
            let url = site.join(loc).ok()?;
            (url.origin() == site.origin() && url.query().is_none()).then(|| path::page_path(url.path()))
        };
        let changed: HashMap<u64, Timestamp> = text
            .split("<url>")
            .skip(1)
            .take(MAX_ENTRIES)
            .filter(|entry| entry.len() <= MAX_ENTRY)
            .filter_map(|entry| {
                // A day without a time is no instant.
                let at: Timestamp = element(entry, "lastmod")?.parse().ok()?;
                Some((digest(&path(&element(entry, "loc")?)?), at))
            })
            .collect();
        let mut times: HashMap<Timestamp, usize> = HashMap::new();
        for at in changed.values() {
            *times.entry(*at).or_default() += 1;
        }
        let all = changed.len();
        Sitemap(
            changed
                .into_iter()
                .filter(|(_, at)| all == 1 || times[at] * 2 <= all)
                .collect(),
        )
    }

    /// When a page was last changed.
    pub fn changed(&self, page: &str) -> Option<Timestamp> {
        self.0.get(&digest(page)).copied()
    }
}

/// Whether a file of this name may be a sitemap.
pub fn may_be_sitemap(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    name.starts_with("sitemap") && name.ends_with(".xml")
}

/// The text of the first element of this name.
fn element(entry: &str, name: &str) -> Option<String> {
    let (_, rest) = entry.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.trim();
    let text = text
        .strip_prefix("<![CDATA[")
        .and_then(|text| text.strip_suffix("]]>"))
        .unwrap_or(text);
    // The protocol names these five.
    Some(
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&"),
    )
}

fn digest(page: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    bare(page).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &[(&str, &str)]) -> Sitemap {
        let entries: String = entries
            .iter()
            .map(|(loc, lastmod)| format!("<url>\n<loc>{loc}</loc><lastmod> {lastmod} </lastmod></url>"))
            .collect();
        let text = format!("<?xml version='1.0'?><urlset>{entries}</urlset>");
        Sitemap::read(text.as_bytes(), &"https://blog.example/".parse().unwrap())
    }

    #[test]
    fn an_instant_of_one_page_counts_and_a_day_does_not() {
        let sitemap = read(&[
            ("https://blog.example/a&amp;b/", "2026-11-02T10:00:00+01:00"),
            ("https://blog.example/c.html", "2026-11-02"),
            ("https://blog.example/d/", "2026-11-03T10:00:00Z"),
            ("https://other.example/e/", "2026-11-04T10:00:00Z"),
        ]);
        assert_eq!(
            sitemap.changed("/a&b").unwrap().to_string(),
            "2026-11-02T09:00:00Z"
        );
        assert!(sitemap.changed("/d/").is_some());
        assert!(sitemap.changed("/c.html").is_none() && sitemap.changed("/e/").is_none());
    }

    #[test]
    fn the_time_of_the_build_is_none_of_a_page() {
        let built = "2026-11-21T10:00:00Z";
        let sitemap = read(&[("/a/", built), ("/b/", built), ("/c/", "2026-11-02T10:00:00Z")]);
        assert!(sitemap.changed("/a/").is_none() && sitemap.changed("/c/").is_some());
    }

    #[test]
    fn what_is_no_sitemap_says_nothing() {
        for bytes in [
            &b""[..],
            b"<url>",
            b"<url><loc>",
            b"<url><loc>/a/</loc><lastmod>\xff</lastmod>",
        ] {
            let sitemap = Sitemap::read(bytes, &"https://blog.example/".parse().unwrap());
            assert_eq!(sitemap, Sitemap::default());
        }
    }
}
