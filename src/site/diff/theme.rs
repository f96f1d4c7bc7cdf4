//! A theme that changed over all pages: what surrounds the texts is different, the texts are not.
//!
//! An author who corrects a picture or a tag touches a page or two. When most of the published pages change at once,
//! and none of them in its words, somebody changed the theme or how the site is built, and no follower needs to hear
//! of it. Nothing is remembered: when such a page is edited, its Update carries both.

use std::collections::{HashMap, HashSet};

use super::{Action, Known, Plan, Posts, Skipped, State};

/// Fewer pages than this may be an author's own work.
const FEWEST: usize = 3;

/// Why such a page isn't sent.
pub const THEME: &str =
    "only what surrounds its words changed, as on most pages: a theme's doing; publish it by name to send it";

/// Takes the Updates out of a plan that only a theme caused.
pub(super) fn set_aside(plan: &mut Plan, known: &[Known], posts: &Posts<'_>) {
    let updated: HashSet<&str> = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Update)
        .map(|change| change.key.as_str())
        .collect();
    if updated.len() < FEWEST {
        return;
    }
    let mut live = 0;
    let mut same_words: HashMap<String, &str> = HashMap::new();
    for object in known.iter().filter(|object| object.state == State::Live) {
        let Some((page, post)) = object
            .page
            .as_deref()
            .and_then(|page| Some((page, posts.get(page)?.post()?)))
        else {
            continue;
        };
        live += 1;
        let words = object.impression.map(|impression| impression.sight.text);
        if updated.contains(object.key.as_str()) && words == Some(post.sight.text) {
            same_words.insert(object.key.clone(), page);
        }
    }
    if same_words.len() < FEWEST || same_words.len() * 2 <= live {
        return;
    }
    plan.aside = same_words.len();
    plan.changes
        .retain(|change| change.action != Action::Update || !same_words.contains_key(&change.key));
    plan.skipped.extend(same_words.into_values().map(|page| Skipped {
        page: page.to_string(),
        reason: THEME.into(),
    }));
}
