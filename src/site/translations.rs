//! Pages that are translations of one another, as one post: `publish.translations = "together"`.
//!
//! Pages belong together when each names all the others as its alternates (`hreflang`), in different languages. One of
//! them stands for all: the one that is published already, else the one in the site's own language (the language by
//! which the home page calls itself), else the one called `x-default`, else the first in the pages' own order. The
//! digest of its post covers all of them, so that an edit of any is an Update of the one; the others are no posts.
//!
//! Pages that would speak with different voices (actors, audiences) stay apart: that is why somebody gave them
//! different ones, and followers-only text must not get into a public object.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::diff::State;
use super::snapshot::{Canonical, Languages, Post, Sighting, Snapshot, Verdict};
use crate::ap::iri;
use crate::article::{Impression, Print, Visibility};

/// What decides which pages may be taken together.
pub struct Terms<'a> {
    /// A page that is dated later waits by itself.
    pub now: Timestamp,
    /// ORIGIN.
    pub origin: &'a str,
    /// The path of the home page.
    pub home: &'a str,
    /// As whose post a page would be published, and for whom; `None` when the owner leaves it out.
    pub voice: &'a dyn Fn(&str, &Post) -> Option<Voice>,
    /// What became of the page's own object, if it has one.
    pub state: &'a dyn Fn(&str) -> Option<State>,
}

/// As whose post a page is published, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// The actor's name.
    pub actor: String,
    /// Who may see it.
    pub visibility: Visibility,
}

/// A page of a set, in its language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// Its path.
    pub path: Box<str>,
    /// BCP 47, as the pages call it.
    pub language: Box<str>,
}

/// Takes translations together: the page that stands for a set gets [`Sighting::translations`] (itself first), the others
/// are no posts any more.
pub fn gather(snapshot: &mut Snapshot, terms: &Terms<'_>) {
    let sets = sets(snapshot, terms);
    for set in sets {
        let Some((first, others)) = set.split_first() else {
            continue;
        };
        for other in others {
            let Some(sighting) = snapshot.pages.get_mut(&*other.path) else {
                continue;
            };
            let reason = format!("a translation of {}", first.path);
            *sighting = Arc::new(Sighting {
                // It isn't the page that it was when it was one by itself.
                source: sighting.source.and(&Print::of([reason.as_bytes()])),
                verdict: Verdict::Not(reason.as_str().into()),
                ..Sighting::clone(sighting)
            });
        }
    }
}

/// The sets, the page that stands for each first; its sighting is told already.
fn sets(snapshot: &mut Snapshot, terms: &Terms<'_>) -> Vec<Vec<Translation>> {
    let candidates = candidates(snapshot, terms);
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut sets = vec![];
    let mut firsts = vec![];
    for (page, candidate) in &candidates {
        if taken.contains(&**page) {
            continue;
        }
        let set = set(page, candidate, &candidates, &taken);
        if set.len() < 2 {
            continue;
        }
        taken.extend(set.iter().map(|(path, _)| *path));
        let first = first(&set, candidate, snapshot, terms);
        let ordered = std::iter::once(set[first]).chain(
            set.iter()
                .copied()
                .enumerate()
                .filter(|(at, _)| *at != first)
                .map(|(_, one)| one),
        );
        let set: Vec<Translation> = ordered
            .map(|(path, language)| Translation {
                path: path.into(),
                language: language.into(),
            })
            .collect();
        if let Some(sighting) = told(snapshot, &set) {
            firsts.push((Arc::clone(&candidates[&*set[0].path].path), sighting));
            sets.push(set);
        }
    }
    snapshot.pages.extend(firsts);
    sets
}

/// A page that may stand in a set.
struct Candidate {
    path: Arc<str>,
    voice: Voice,
    /// The pages that it names, in its order, with the language; `None` for `x-default`.
    names: Vec<(Option<Box<str>>, Arc<str>)>,
    /// What it says of its own language.
    language: Option<Box<str>>,
}

impl Candidate {
    fn names(&self, path: &str) -> bool {
        self.names.iter().any(|(_, named)| **named == *path)
    }

    fn language_of(&self, path: &str) -> Option<&str> {
        let mut named = self.names.iter().filter(|(_, named)| **named == *path);
        named.find_map(|(language, _)| language.as_deref())
    }
}

fn candidates(snapshot: &Snapshot, terms: &Terms<'_>) -> BTreeMap<Arc<str>, Candidate> {
    let mut candidates = BTreeMap::new();
    for (path, sighting) in &snapshot.pages {
        let Some(post) = sighting.post() else { continue };
        if sighting.alternates().is_empty()
            || post.published > terms.now
            || is_copy(snapshot, path, sighting, terms.origin)
        {
            continue;
        }
        let Some(voice) = (terms.voice)(path, post) else {
            continue;
        };
        let names = sighting.alternates().iter().filter_map(|alternate| {
            let (named, _) = snapshot.page_at(&alternate.path)?;
            Some((alternate.language.clone(), Arc::clone(named)))
        });
        let candidate = Candidate {
            path: Arc::clone(path),
            voice,
            names: names.collect(),
            language: post.language.as_deref().map(Into::into),
        };
        candidates.insert(Arc::clone(path), candidate);
    }
    candidates
}

/// Whether a page says that it is only a copy of another one: then it isn't a translation.
fn is_copy(snapshot: &Snapshot, path: &str, sighting: &Sighting, origin: &str) -> bool {
    let Canonical::Other(canonical) = &sighting.canonical else {
        return false;
    };
    let named = || {
        let url = Url::parse(canonical).ok()?;
        let own = url.origin().ascii_serialization() == origin;
        own.then(|| snapshot.page_at(&iri::page_path(url.path())))?
    };
    named().is_some_and(|(named, _)| **named != *path)
}

/// The pages that belong with one, in its order, each with its language.
fn set<'a>(
    page: &'a str,
    candidate: &'a Candidate,
    candidates: &'a BTreeMap<Arc<str>, Candidate>,
    taken: &BTreeSet<&str>,
) -> Vec<(&'a str, &'a str)> {
    let mut set: Vec<(&str, &str)> = vec![];
    let mut own_place = 0;
    for (_, named) in &candidate.names {
        if **named == *page {
            own_place = own_place.max(set.len());
            continue;
        }
        let Some(other) = candidates
            .get(named)
            .filter(|other| other.voice == candidate.voice && other.names(page) && !taken.contains(&**named))
        else {
            continue;
        };
        let agree = set
            .iter()
            .all(|(path, _)| other.names(path) && candidates[*path].names(named));
        let language = candidate
            .language_of(named)
            .or_else(|| other.language_of(named))
            .or(other.language.as_deref());
        let Some(language) =
            language.filter(|language| set.iter().all(|(path, of)| path != &&**named && of != language))
        else {
            continue;
        };
        if agree {
            set.push((named, language));
        }
    }
    let by_others = || {
        set.iter()
            .find_map(|(path, _)| candidates[*path].language_of(page))
    };
    let own = candidate
        .language_of(page)
        .or_else(by_others)
        .or(candidate.language.as_deref());
    match own {
        Some(own) => {
            set.retain(|(_, language)| *language != own);
            set.insert(own_place.min(set.len()), (page, own));
            set
        }
        None => vec![],
    }
}

/// Which page of a set stands for it.
fn first(set: &[(&str, &str)], candidate: &Candidate, snapshot: &Snapshot, terms: &Terms<'_>) -> usize {
    let with = |wanted: State| -> Vec<usize> {
        (0..set.len())
            .filter(|at| (terms.state)(set[*at].0) == Some(wanted))
            .collect()
    };
    let mut pool = with(State::Live);
    if pool.is_empty() {
        pool = with(State::Unpublished);
    }
    if pool.is_empty() {
        pool = (0..set.len()).collect();
    }
    let site = language_of_site(snapshot, terms.home);
    let by_language = |same: &dyn Fn(&str, &str) -> bool| {
        let site = site?;
        pool.iter().copied().find(|at| same(set[*at].1, site))
    };
    let default = || {
        let (_, default) = candidate.names.iter().find(|(language, _)| language.is_none())?;
        pool.iter().copied().find(|at| *set[*at].0 == **default)
    };
    by_language(&|a, b| a == b)
        .or_else(|| by_language(&|a, b| a.split('-').next() == b.split('-').next()))
        .or_else(default)
        .unwrap_or(pool[0])
}

/// The language by which the home page calls itself.
fn language_of_site<'a>(snapshot: &'a Snapshot, home: &str) -> Option<&'a str> {
    let (path, sighting) = snapshot.page_at(home)?;
    sighting
        .alternates()
        .iter()
        .filter(|alternate| alternate.path.trim_end_matches('/') == path.trim_end_matches('/'))
        .find_map(|alternate| alternate.language.as_deref())
}

/// The sighting of the page that stands for a set: its digest covers all.
fn told(snapshot: &Snapshot, set: &[Translation]) -> Option<Arc<Sighting>> {
    let sighting = snapshot.pages.get(&*set.first()?.path)?;
    let mut digests = vec![];
    let mut impression = Impression::default();
    for translation in set {
        let sighting = snapshot.pages.get(&*translation.path)?;
        let language = translation.language.as_bytes();
        digests.push((&*translation.language, sighting.post()?.digest.to_string()));
        impression = impression.and(&sighting.impression()?, &Print::of([language]));
    }
    let post = Post {
        digest: Print::of_digest(&digest(
            digests
                .iter()
                .map(|(language, digest)| (*language, digest.as_str())),
        )),
        sight: impression.sight,
        ..sighting.post()?.clone()
    };
    Some(Arc::new(Sighting {
        verdict: Verdict::Post(Box::new(post)),
        source: impression.source,
        languages: Some(Box::new(Languages {
            alternates: sighting.alternates().into(),
            translations: set.into(),
        })),
        ..Sighting::clone(sighting)
    }))
}

/// The digest of a set, by languages and the prints of the digests of their articles, in order.
pub fn digest<'a>(articles: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut whole = Sha256::new();
    for (language, digest) in articles {
        for part in [language, digest] {
            whole.update(part);
            // Neither holds a zero byte.
            whole.update([0]);
        }
    }
    whole
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests;
