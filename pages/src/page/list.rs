//! The signs of a page that lists posts: the front page, archives, tags, authors.

use super::claim::Claim;
use super::dates;
use super::document::{Document, name};
use super::json_ld::Postings;
use super::meta::{self, Meta};
use super::microdata;
use super::microformats::Entries;
use super::region::Region;
use super::time::Times;
use super::verdict::FEED;
use crate::feed::Mention;

/// Folders in which generators write one list a name. Posts may lie in one called archive or topics, so that those aren't
/// among them.
const NAMED: [&str; 19] = [
    "tag",
    "tags",
    "category",
    "categories",
    "author",
    "authors",
    "hashtag",
    "schlagwort",
    "schlagworte",
    "schlagwoerter",
    "kategorie",
    "kategorien",
    "etiqueta",
    "etiquetas",
    "categoria",
    "categorias",
    "mots-cles",
    "tagi",
    "autor",
];

/// Folders of the further pages of a list.
const PAGED: [&str; 5] = ["page", "pages", "seite", "pagina", "página"];

/// Pages that are lists themselves.
const FOLDERS: [&str; 12] = [
    "tag",
    "tags",
    "category",
    "categories",
    "author",
    "authors",
    "archive",
    "archives",
    "archiv",
    "schlagwort",
    "schlagworte",
    "kategorien",
];

/// The sign by which a page is a list, `None` when it isn't one.
///
/// A posting of JSON-LD or an h-entry that is the page's own, with a date, outweighs all other signs: a post may
/// show as many teasers of others as it likes. A page in a feed, which isn't the front page, is a list only if its
/// markup for machines or its address says so: feeds name posts.
#[expect(clippy::too_many_arguments, reason = "each source of evidence is one")]
pub(super) fn sign(
    feed: Option<&Mention>,
    document: &Document<'_>,
    meta: &Meta,
    posting: &Postings,
    entry: &Entries<'_>,
    region: &Region<'_>,
    times: &Times,
    claims: &[Claim],
) -> Option<&'static str> {
    let dated = |claim: &Option<Claim>| claim.as_ref().is_some_and(|claim| claim.published.is_some());
    // Templates of lists say of them that they are postings of the time of the build.
    if feed.is_none() && is_folder(document) {
        return Some("path");
    }
    if dated(&posting.claim) || (dated(&entry.claim) && !posting.lists) {
        return None;
    }
    if posting.lists {
        return Some("JSON-LD");
    }
    if entry.lists {
        return Some("h-entry");
    }
    let front = document.own.path() == document.site.path();
    if feed.is_some() && !front {
        return is_listing_path(document).then_some("path");
    }
    // A page that calls itself an article and says when it was published isn't a list either.
    // Nor is the front page a post because a feed of all pages names it.
    let weak = |claim: &Claim| {
        (front && claim.source == FEED)
            || matches!(
                claim.source,
                "HTML" | microdata::UNSCOPED | meta::PLAIN | dates::PATH
            )
    };
    let claimed = claims
        .iter()
        .any(|claim| !weak(claim) && claim.published.is_some());
    if claimed
        && meta
            .og_type
            .as_deref()
            .is_some_and(|kind| kind == "article" || kind == "blog")
    {
        return None;
    }
    let several = region.own > 1 && name(region.element) == "article" && !has_h1(region);
    if (region.own == 0 && region.teasers > 0) || several {
        return Some("<article>");
    }
    if claimed {
        return None;
    }
    // What a front page shows is dated, but it is no post unless it says so itself.
    if front {
        return Some("front page");
    }
    let dated_at_all = claims.iter().any(|claim| claim.published.is_some());
    let own_date = times.published.is_some() || claims.iter().any(|claim| claim.source == dates::PATH);
    if times.of_others > 1 && !own_date {
        return Some("<time>");
    }
    let website = meta.og_type.as_deref() == Some("website");
    if website && (front || times.of_others > 0 || region.teasers > 0 || (dated_at_all && !own_date)) {
        return Some("og:type");
    }
    if is_listing_path(document) {
        return Some("path");
    }
    None
}

/// `/tags/`, `/archives.html`: the whole of a site's lists, by itself at the root.
fn is_folder(document: &Document<'_>) -> bool {
    let path = document.own.path().strip_prefix(document.site.path());
    let name = path.unwrap_or_default().trim_end_matches('/');
    FOLDERS.contains(&name.strip_suffix(".html").unwrap_or(name))
}

/// `page2`, `page-2`, `index2`.
fn is_numbered_page(stem: &str) -> bool {
    ["page", "index"].into_iter().any(|name| {
        stem.strip_prefix(name).is_some_and(|number| {
            let number = number.trim_start_matches(['-', '_']);
            (1..=4).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
        })
    })
}

fn has_h1(region: &Region<'_>) -> bool {
    region
        .element
        .descendent_elements()
        .any(|inner| name(inner) == "h1")
}

/// `/tags/`, `/tags/rust/`, `/posts/page/2/`.
fn is_listing_path(document: &Document<'_>) -> bool {
    let path = document
        .own
        .path()
        .strip_prefix(document.site.path())
        .unwrap_or_default();
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != "index.html")
        .collect();
    let stem = |part: &str| part.strip_suffix(".html").unwrap_or(part).to_owned();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    // `/2026/`, `/archives/2026/05/`: a folder of posts by their dates.
    let is_year = |part: &str| is_number(part) && part.len() == 4 && part.starts_with(['1', '2']);
    let numbers = parts
        .iter()
        .rev()
        .take_while(|part| is_number(&stem(part)))
        .count();
    let (named, dated) = parts.split_at(parts.len() - numbers);
    if dated.first().is_some_and(|year| is_year(&stem(year)))
        && named.last().is_none_or(|last| FOLDERS.contains(last))
    {
        return true;
    }
    match parts.as_slice() {
        [.., last] if is_numbered_page(&stem(last)) => true,
        [.., before, last] if PAGED.contains(before) => is_number(&stem(last)),
        [.., before, _] if NAMED.contains(before) => true,
        [.., last] => FOLDERS.contains(&stem(last).as_str()),
        [] => false,
    }
}
