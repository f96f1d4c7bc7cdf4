//! Which pages are posts, when all of them are known: what the owner leaves out and duplicates are not.

use std::collections::{BTreeMap, HashMap, HashSet};

use url::Url;

use super::{Known, Others, Posts, Rules, State};
use crate::ap::iri;
use crate::site::snapshot::{Sighting, Snapshot, Verdict};

/// Splits the pages of a snapshot into posts and others, with the reason why they are none.
pub(super) fn judge<'a>(
    known: &[Known],
    snapshot: &'a Snapshot,
    rules: &Rules<'_>,
) -> (Posts<'a>, Others<'a>) {
    let mut posts = Posts::new();
    let mut others = Others::new();
    for (page, sighting) in &snapshot.pages {
        let page: &str = page;
        match &sighting.verdict {
            Verdict::Post(_) => match (rules.chosen)(page) {
                Ok(()) => {
                    posts.insert(page, &**sighting);
                }
                Err(reason) => {
                    others.insert(page, reason);
                }
            },
            Verdict::Alias(target) => {
                others.insert(page, format!("an alias of {target}"));
            }
            Verdict::Not(reason) | Verdict::Unreadable(reason) => {
                others.insert(page, reason.to_string());
            }
        }
    }
    let duplicates = duplicates(known, snapshot, &posts, rules.origin);
    for (page, original) in duplicates {
        posts.remove(page);
        others.insert(
            page,
            format!("a duplicate of {original}, which its canonical URL names"),
        );
    }
    (posts, others)
}

/// The path of a URL on ORIGIN.
pub(super) fn path_on(origin: &str, url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    (url.origin().ascii_serialization() == origin).then(|| iri::page_path(url.path()))
}

/// Posts that say they are another page: by path, with the path of the page that wins.
fn duplicates<'a>(
    known: &[Known],
    snapshot: &'a Snapshot,
    posts: &BTreeMap<&'a str, &'a Sighting>,
    origin: &str,
) -> Vec<(&'a str, String)> {
    let mut claims: HashMap<&str, Vec<&'a str>> = HashMap::new();
    for (page, sighting) in posts {
        if let Some(canonical) = &sighting.canonical {
            claims.entry(canonical).or_default().push(page);
        }
    }
    let published: HashSet<&str> = known
        .iter()
        .filter(|object| object.state == State::Live)
        .filter_map(|object| object.page.as_deref())
        .collect();
    let mut duplicates = Vec::new();
    for (canonical, pages) in claims {
        // With a query it is another page, which no file is: `/?p=12` isn't the home page.
        let named = path_on(origin, canonical)
            .filter(|_| !canonical.contains('?'))
            .and_then(|path| Some(&**snapshot.page_at(&path)?.0));
        let winner = match named {
            // A page that isn't there can't win; nor can one that sends its readers on.
            Some(named)
                if !matches!(
                    snapshot.pages.get(named).map(|sighting| &sighting.verdict),
                    Some(Verdict::Alias(_))
                ) =>
            {
                named
            }
            _ => match pages
                .iter()
                .find(|page| published.contains(**page))
                .or(pages.first())
            {
                Some(page) => page,
                None => continue,
            },
        };
        duplicates.extend(
            pages
                .into_iter()
                .filter(|page| *page != winner)
                .map(|page| (page, winner.to_string())),
        );
    }
    duplicates
}
