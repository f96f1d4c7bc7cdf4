//! The brake: more change than a human makes at once is held until the owner confirms it.

use super::identity::path_on;
use super::{Action, Change, Known, Posts, Rules, State};

/// So many deletes are always let through: a share of a small site would be none.
const FREE_DELETES: usize = 2;

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
    pub(super) fn judge(
        &self,
        changes: &[Change],
        known: &[Known],
        posts: &Posts<'_>,
        rules: &Rules<'_>,
    ) -> Option<String> {
        if let Some((left, all)) = left_origin(known, posts, rules.origin) {
            return Some(format!(
                "{left} of {all} canonical URLs are no longer on {}: was the site built with a wrong base URL?",
                rules.origin
            ));
        }
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

/// How many of how many canonical URLs are elsewhere, when they are most and before they were not.
fn left_origin(known: &[Known], posts: &Posts<'_>, origin: &str) -> Option<(usize, usize)> {
    let most = |canonicals: &mut dyn Iterator<Item = &str>| {
        let (mut away, mut all) = (0, 0);
        for canonical in canonicals {
            all += 1;
            away += usize::from(path_on(origin, canonical).is_none());
        }
        (away * 2 > all, away, all)
    };
    let (now, away, all) = most(
        &mut posts
            .values()
            .filter_map(|sighting| sighting.canonical.as_deref()),
    );
    let mut before = known
        .iter()
        .filter(|object| object.state == State::Live)
        .filter_map(|object| object.canonical.as_deref())
        .peekable();
    before.peek()?;
    let (elsewhere, ..) = most(&mut before);
    (now && !elsewhere).then_some((away, all))
}
