//! A theme that changed over all pages: what surrounds the texts is different, the texts are not.
//!
//! An author who corrects a picture or a tag touches a page or two. When most of the published pages come out otherwise
//! at once, somebody changed the theme or how the site is built, and no follower needs to hear of those that say the
//! same words. They are taken as they are from now on.

use std::collections::HashSet;

use super::{Action, Known, Mark, Plan, Posts, Skipped, State};

/// Fewer pages than this may be an author's own work.
const FEWEST: usize = 3;

/// Takes the Updates out of a plan that only a theme caused.
pub(super) fn set_aside(plan: &mut Plan, known: &[Known], posts: &Posts<'_>) {
    let updated: HashSet<&str> = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Update)
        .map(|change| change.key.as_str())
        .collect();
    let reread: HashSet<&str> = plan
        .marks
        .iter()
        .filter(|mark| matches!(mark, Mark::Reread { .. }))
        .map(Mark::key)
        .collect();
    if updated.is_empty() || updated.len() + reread.len() < FEWEST {
        return;
    }
    let (mut live, mut otherwise) = (0, 0);
    let mut marks = Vec::new();
    for object in known.iter().filter(|object| object.state == State::Live) {
        let Some((sighting, post)) = object.page.as_deref().and_then(|page| {
            let sighting = posts.get(page)?;
            Some((sighting, sighting.post()?))
        }) else {
            continue;
        };
        live += 1;
        let key = &*object.key;
        let words = object.impression.map(|impression| impression.sight.text);
        if updated.contains(key) && words == Some(post.sight.text) {
            otherwise += 1;
            marks.extend(sighting.impression().map(|impression| Mark::Reread {
                key: object.key.to_string(),
                digest: post.digest,
                fingerprint: post.fingerprint,
                impression,
                discussion: post.discussion,
            }));
        } else if reread.contains(key) && object.digest != post.digest {
            otherwise += 1;
        }
    }
    if otherwise < FEWEST || otherwise * 2 <= live {
        return;
    }
    plan.aside = marks.len();
    let aside: HashSet<&str> = marks.iter().map(Mark::key).collect();
    let (theirs, kept) = std::mem::take(&mut plan.changes)
        .into_iter()
        .partition(|change| change.action == Action::Update && aside.contains(change.key.as_str()));
    plan.changes = kept;
    plan.skipped.extend(Vec::into_iter(theirs).map(|change| Skipped {
        page: change.page.into(),
        reason: "only what surrounds its words changed, as most pages came out otherwise: a theme's doing, which is not sent"
            .into(),
    }));
    plan.marks.extend(marks);
}
