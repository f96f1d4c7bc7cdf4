//! The brake: more change than a human makes at once is held until the owner confirms it.

use std::collections::HashSet;

use super::identity::path_on;
use super::{Action, Change, Known, Posts, State};
use crate::site::snapshot::Canonical;

/// So many deletes are always let through: a share of a small site would be none.
pub(super) const FREE_DELETES: usize = 2;

/// How much may change at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// Creates, updates, moves and deletes together.
    pub max_changes: usize,
    /// Deletes by themselves.
    pub max_deletes: usize,
}

impl Brake {
    /// Why the changes of a scan are held; `None` lets them through.
    pub(super) fn judge(&self, changes: &[Change]) -> Option<String> {
        if changes.len() > self.max_changes {
            return Some(format!(
                "{} changes at once are more than publish.max_changes ({})",
                changes.len(),
                self.max_changes
            ));
        }
        let deletes = changes
            .iter()
            .filter(|change| change.action == Action::Delete)
            .count();
        let allowed = self.max_deletes.max(FREE_DELETES);
        (deletes > allowed).then(|| {
            format!("{deletes} deletes at once are more than publish.max_deletes ({allowed}) allows")
        })
    }
}

/// Whether the site was built for another address, and how that shows; all that such a scan saw is in doubt.
pub(super) fn astray(changes: &[Change], known: &[Known], posts: &Posts<'_>, origin: &str) -> Option<String> {
    let (left, all, what) = match left_origin(known, posts, origin) {
        Some((left, all)) => (left, all, "canonical URLs are"),
        None => {
            let (left, all) = links_left_origin(changes, known, posts)?;
            (left, all, "pages with links to the site itself have them")
        }
    };
    Some(format!(
        "{left} of {all} {what} no longer on {origin}: was the site built with a wrong base URL?"
    ))
}

/// How many of how many pages that linked to their own origin, or had pictures there, say the same with as many links
/// that now lead elsewhere; when they are most.
fn links_left_origin(changes: &[Change], known: &[Known], posts: &Posts<'_>) -> Option<(usize, usize)> {
    let updated: HashSet<&str> = changes
        .iter()
        .filter(|change| change.action == Action::Update)
        .map(|change| change.key.as_str())
        .collect();
    if updated.is_empty() {
        return None;
    }
    let (mut left, mut all) = (0, 0);
    for object in known.iter().filter(|object| object.state == State::Live) {
        let before = object.impression.map(|impression| impression.sight);
        let now = object
            .page
            .as_deref()
            .and_then(|page| Some(posts.get(page)?.post()?.sight));
        let (Some(before), Some(now)) = (before.filter(|before| before.own > 0), now) else {
            continue;
        };
        all += 1;
        let strayed = now.text == before.text && now.links == before.links && now.own < before.own;
        left += usize::from(strayed && updated.contains(&*object.key));
    }
    (left * 2 > all).then_some((left, all))
}

/// How many of how many canonical URLs are elsewhere, when they are most and before they were not.
fn left_origin(known: &[Known], posts: &Posts<'_>, origin: &str) -> Option<(usize, usize)> {
    let most = |canonicals: &mut dyn Iterator<Item = &Canonical>| {
        let (mut away, mut all) = (0, 0);
        for canonical in canonicals {
            all += 1;
            away += usize::from(is_away(canonical, origin));
        }
        (away * 2 > all, away, all)
    };
    let named = |canonical: &&Canonical| **canonical != Canonical::None;
    let mut seen = posts.values().map(|sighting| &sighting.canonical).filter(named);
    let (now, away, all) = most(&mut seen);
    let live = known.iter().filter(|object| object.state == State::Live);
    let mut before = live.map(|object| &object.canonical).filter(named).peekable();
    before.peek()?;
    let (elsewhere, ..) = most(&mut before);
    (now && !elsewhere).then_some((away, all))
}

/// Whether a canonical URL is on another site.
pub(super) fn is_away(canonical: &Canonical, origin: &str) -> bool {
    match canonical {
        Canonical::None | Canonical::Own => false,
        Canonical::Other(url) => path_on(origin, url).is_none(),
    }
}
