//! What changed: from what is published and what a scan saw to a [`Plan`].
//!
//! Pure: no disk, no clock. Applying a plan and comparing again gives an empty one. Nothing is remembered here of what
//! was held: it is held again by the next comparison, until it is confirmed or few enough are left.

mod brake;
mod comparison;
mod identity;
mod ledger;
mod moves;
mod theme;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::comparison::Comparison;
use super::snapshot::{Canonical, Folder, Sighting, Snapshot};
use crate::ap::iri;
use crate::article::{Discussion, Impression, Print};

pub use self::brake::Brake;
pub use self::ledger::Ledger;

/// One of our objects, as far as a comparison needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its KEY.
    pub key: Arc<str>,
    /// The path of its page; `None` for a note from the command line.
    pub page: Option<Arc<str>>,
    /// The canonical URL that its page named.
    pub canonical: Canonical,
    /// Whether it is there.
    pub state: State,
    /// Whether anybody was told of it.
    pub announced: bool,
    /// `Article::digest` of what is published.
    pub digest: Print,
    /// `Article::fingerprint` of what is published.
    pub fingerprint: Print,
    /// The paths of the other pages whose post it is, in other languages.
    pub translations: Box<[Box<str>]>,
    /// What tells whether a human would call its page changed.
    pub impression: Option<Impression>,
    /// Since when its page is gone.
    pub missing_since: Option<Timestamp>,
}

/// Whether an object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Live,
    /// Its page vanished and it was deleted.
    Deleted,
    /// The owner took it back.
    Unpublished,
}

/// What the owner asks for.
pub struct Rules<'a> {
    /// ORIGIN.
    pub origin: &'a str,
    /// Whether `include` and `exclude` let a page through; else why not.
    pub chosen: &'a dyn Fn(&str) -> Result<(), String>,
    /// What the first scan means, if this is it.
    pub first: First,
    /// Whether the record of the object with this KEY was damaged and put aside: its page isn't new, though it looks so.
    pub lost: &'a dyn Fn(&str) -> bool,
    /// The last jump of the clock, by the new time; how long a page is gone is counted from there at the earliest.
    pub leapt: Option<Timestamp>,
    /// How long a page must be gone before it is deleted.
    pub delete_grace: SignedDuration,
    /// How much may change at once.
    pub brake: Brake,
}

/// Whether this is the first scan, and what it means then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// It isn't.
    No,
    /// What is there is listed, unannounced.
    Baseline,
    /// What is there is announced.
    Announce,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is sent, or would be but for the brake; in the order of doing.
    pub changes: Vec<Change>,
    /// Why nothing of it is done before the owner confirms it.
    pub held: Option<String>,
    /// Pages of the first scan, and those whose record was damaged: recorded, and nobody is told.
    pub baseline: Vec<New>,
    /// Pages that aren't published, or not yet, and why.
    pub skipped: Vec<Skipped>,
    /// What is to be remembered, whether something is held or not.
    pub marks: Vec<Mark>,
    /// How many pages changed by the theme alone; they are among the skipped.
    pub aside: usize,
    /// When time alone will change the plan: a page is due, or has been gone for long enough.
    pub due: Option<Timestamp>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happens.
    pub action: Action,
    /// The KEY of the object.
    pub key: String,
    /// The path of its page; of a move, the new one.
    pub page: String,
    /// Why.
    pub reason: String,
    /// Whether anybody was told of the object before; if not, an update is silent.
    pub announced: bool,
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A Create.
    Create,
    /// An Update.
    Update,
    /// An Update with another URL.
    Move,
    /// A Delete.
    Delete,
}

/// A page that gets an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// The KEY it gets.
    pub key: Arc<str>,
    /// Its path.
    pub page: Arc<str>,
}

/// A page that isn't published, or not yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its path.
    pub page: Arc<str>,
    /// Why.
    pub reason: Cow<'static, str>,
}

/// Something to be remembered of an object, of which nobody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Its page is gone, since now.
    Missing(String),
    /// Its page is back.
    Back(String),
    /// It is unpublished, and its page moved.
    Moved {
        /// Its KEY.
        key: String,
        /// The new path.
        page: String,
    },
    /// What is made of its page is different, but nobody who reads it would call it changed. Not remembered while the
    /// scan is held.
    Reread {
        /// Its KEY.
        key: String,
        /// `Article::digest` as it is now.
        digest: Print,
        /// `Article::fingerprint` as it is now.
        fingerprint: Print,
        /// As it is now.
        impression: Impression,
        /// What the page lets be said about it, which isn't sent.
        discussion: Discussion,
    },
    /// Its page names another canonical URL, though what it says is the same. Not remembered while the scan is held.
    Canonical {
        /// Its KEY.
        key: String,
        /// The new URL, as the page names it.
        canonical: Option<String>,
    },
}

impl Mark {
    /// The KEY of the object.
    pub fn key(&self) -> &str {
        match self {
            Mark::Missing(key)
            | Mark::Back(key)
            | Mark::Moved { key, .. }
            | Mark::Reread { key, .. }
            | Mark::Canonical { key, .. } => key,
        }
    }
}

/// What is compared: all pages, or a part that holds all on which its own judgement depends.
struct Part<'a, 'b> {
    /// The objects of these pages; of all pages, all objects.
    known: &'b [Known],
    /// All pages.
    snapshot: &'a Snapshot,
    /// Those that are compared, if not all.
    pages: Option<&'b BTreeSet<Arc<str>>>,
    /// Whether there is an object with a KEY besides the known ones.
    taken: &'b dyn Fn(&str) -> bool,
    /// Whether a page besides these looks like a post and isn't one.
    is_apart: &'b dyn Fn(&str) -> bool,
}

impl<'a, 'b> Part<'a, 'b> {
    fn whole(known: &'b [Known], snapshot: &'a Snapshot) -> Part<'a, 'b> {
        Part {
            known,
            snapshot,
            pages: None,
            taken: &|_| false,
            is_apart: &|_| false,
        }
    }
}

/// Compares what is published with what was seen.
pub fn diff(known: &[Known], snapshot: &Snapshot, rules: &Rules<'_>, now: Timestamp) -> Plan {
    compare(&Part::whole(known, snapshot), rules, now).0
}

/// Compares a part; answers which of its pages are posts, too.
fn compare<'a>(part: &Part<'a, '_>, rules: &Rules<'_>, now: Timestamp) -> (Plan, Posts<'a>) {
    let (known, snapshot) = (part.known, part.snapshot);
    let mut plan = Plan::default();
    if snapshot.folder != Folder::Pages {
        // How long a page is gone is counted from when the folder is back: before, nobody could see it.
        let missing = known.iter().filter(|object| object.missing_since.is_some());
        plan.marks = missing.map(|object| Mark::Back(object.key.to_string())).collect();
        return (plan, Posts::new());
    }
    let (posts, others) = identity::judge(part, rules);
    let mut comparison = Comparison {
        now,
        rules,
        snapshot,
        plan: &mut plan,
        keys: known.iter().map(|known| Arc::clone(&known.key)).collect(),
        taken: part.taken,
    };

    let mut current: HashMap<&str, &Known> = HashMap::new();
    for object in known.iter().filter(|object| object.state != State::Deleted) {
        if let Some(page) = &object.page {
            // Live wins should a page ever have both.
            let there = current.entry(page).or_insert(object);
            if there.state != State::Live {
                *there = object;
            }
        }
    }
    let orphans: Vec<&Known> = current
        .iter()
        .filter(|(page, _)| !posts.contains_key(*page))
        .map(|(_, object)| *object)
        .collect();
    let newcomers: BTreeMap<&str, &Sighting> = posts
        .iter()
        .filter(|(page, _)| !current.contains_key(*page))
        .map(|(page, sighting)| (*page, *sighting))
        .collect();
    let moved = {
        let is_apart = |page: &str| others.contains_key(page) || (part.is_apart)(page);
        moves::find(&orphans, &newcomers, &is_apart, snapshot, rules.origin)
    };

    let mut new = Vec::new();
    for (page, sighting) in &posts {
        let Some(post) = sighting.post() else { continue };
        if let Some(object) = current.get(page) {
            comparison.seen(object, page, sighting, post);
        } else if let Some((object, reason)) = moved.get(page) {
            comparison.moved(object, page, post, reason);
        } else {
            new.push((*page, *sighting, post));
        }
    }
    new.sort_by_key(|(page, _, post)| (post.published, *page));
    for (page, sighting, post) in new {
        comparison.newcomer(page, sighting, post);
    }
    let taken: HashSet<&str> = moved.values().map(|(object, _)| &*object.key).collect();
    let mut gone: Vec<&Known> = orphans
        .into_iter()
        .filter(|object| object.state == State::Live && !taken.contains(&*object.key))
        .collect();
    gone.sort_by_key(|object| &object.key);
    for object in gone {
        comparison.gone(object, &others);
    }
    for (page, reason) in others {
        plan.skipped.push(Skipped {
            page: comparison::name(snapshot, page),
            reason: reason.into(),
        });
    }
    plan.held = brake::astray(&plan.changes, known, &posts, rules.origin);
    if plan.held.is_none() {
        theme::set_aside(&mut plan, known, &posts);
        plan.held = rules.brake.judge(&plan.changes);
    }
    plan.skipped.sort_by(|a, b| a.page.cmp(&b.page));
    (plan, posts)
}

/// Pages that aren't posts, and why.
type Others<'a> = BTreeMap<&'a str, String>;
/// Pages that are.
type Posts<'a> = BTreeMap<&'a str, &'a Sighting>;

/// The KEY that a page gets: the one of its path, or with `~2`, `~3` … the first that isn't taken.
pub fn fresh_key(page: &str, taken: impl Fn(&str) -> bool) -> String {
    let base = iri::key_of_path(page);
    if !taken(&base) {
        return base;
    }
    (2u64..)
        .map(|n| format!("{base}~{n}"))
        .find(|key| !taken(key))
        .expect("one of so many KEYs is free")
}

#[cfg(test)]
mod tests;
