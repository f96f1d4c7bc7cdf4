//! What must be judged again when a few pages changed, so that the rest of a large site needn't be.
//!
//! A page is judged by itself, by its object, and by the pages that share its canonical URL or are named by it. A page
//! that looks like a post and has no object is judged besides by the posts that feeds name, and may be one that moved.
//! So a part of the site is judged as it would be with all the rest when it holds what changed, what was open at the
//! last comparison, and all that is tied to either. What is decided by how many pages there are (the brake) isn't
//! decided here: when it might matter, everything is compared.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::brake::{FREE_DELETES, is_away};
use super::identity::{bare, path_on};
use super::{Action, First, Known, Mark, Part, Plan, Posts, Rules, State, compare};
use crate::site::snapshot::{Canonical, Changes, Folder, Sighting, Snapshot, Verdict};

/// Pages beyond which everything is compared: it takes a few milliseconds for as many.
const MAX_PART: usize = 2_048;

/// So many updates at once may be the doing of a theme, which only a comparison of everything tells.
const FEW_UPDATES: usize = 2;

/// What a comparison of everything found, as far as the next comparison of a part needs it.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Pages that something is left to be done about, or may be: posts without an object, objects without a post, posts
    /// that wait, changes that may be held.
    open: BTreeSet<Arc<str>>,
    /// Posts that feeds name.
    named: BTreeSet<Arc<str>>,
    /// Pages that look like posts and aren't, with all pages known.
    apart: HashSet<Arc<str>>,
    /// Pages whose canonical URL is another page's, by that page.
    claims: HashMap<String, BTreeSet<Arc<str>>>,
    /// How many posts name a canonical URL, and how many of these are elsewhere.
    canonicals: usize,
    away: usize,
    /// Whether what is published is mostly elsewhere by its canonical URLs: then it is meant.
    elsewhere: bool,
}

/// A page as it is judged now.
struct Judged<'a> {
    page: &'a Arc<str>,
    sighting: Option<&'a Sighting>,
    is_post: bool,
    /// Objects of it that aren't deleted.
    has_object: bool,
}

impl Ledger {
    /// Compares everything, and keeps what the next comparison of a part needs; nothing when there should be none.
    pub fn compare_all(
        known: &[Known],
        snapshot: &Snapshot,
        rules: &Rules<'_>,
        now: Timestamp,
    ) -> (Plan, Option<Ledger>) {
        let (plan, posts) = compare(&Part::whole(known, snapshot), rules, now);
        if snapshot.folder != Folder::Pages || rules.first != First::No || plan.held.is_some() {
            return (plan, None);
        }
        let there = known.iter().filter(|object| object.state != State::Deleted);
        let objects: HashSet<&str> = there.filter_map(|object| object.page.as_deref()).collect();
        let mut ledger = Ledger::default();
        for (page, sighting) in &snapshot.pages {
            let judged = Judged {
                page,
                sighting: Some(sighting),
                is_post: posts.contains_key(&**page),
                has_object: objects.contains(&**page),
            };
            ledger.enter(&judged, rules, now);
        }
        // Objects whose page isn't there at all.
        let orphans = objects.iter().filter(|page| !snapshot.pages.contains_key(**page));
        ledger.open.extend(orphans.map(|page| Arc::from(*page)));
        ledger.open_changes(&plan, known);
        let live = known.iter().filter(|object| object.state == State::Live);
        let (mut all, mut away) = (0, 0);
        for canonical in live.map(|object| &object.canonical) {
            all += usize::from(*canonical != Canonical::None);
            away += usize::from(is_away(canonical, rules.origin));
        }
        ledger.elsewhere = away * 2 > all;
        (plan, Some(ledger))
    }

    /// Compares what changed since the last comparison: `changes` in the folder, and the pages of objects that were
    /// `touched`. `known` answers the objects of a page, `taken` whether there is an object with a KEY. The plan tells of
    /// the pages that were compared; `None` when everything must be compared, and this ledger is of no use any more.
    pub fn compare_part(
        &mut self,
        (changes, touched): (&Changes, &[Arc<str>]),
        known: &dyn Fn(&str) -> Vec<Known>,
        taken: &dyn Fn(&str) -> bool,
        snapshot: &Snapshot,
        rules: &Rules<'_>,
        now: Timestamp,
    ) -> Option<Plan> {
        if snapshot.folder != Folder::Pages || rules.first != First::No {
            return None;
        }
        let pages = self.tied((changes, touched), snapshot, rules)?;
        let known: Vec<Known> = pages.iter().flat_map(|page| known(page)).collect();
        let part = Part {
            known: &known,
            snapshot,
            pages: Some(&pages),
            taken,
            is_apart: &|page| !pages.contains(page) && self.apart.contains(page),
        };
        let (plan, posts) = compare(&part, rules, now);
        let count = |action| {
            plan.changes
                .iter()
                .filter(|change| change.action == action)
                .count()
        };
        let is_for_all = plan.held.is_some() || plan.aside > 0;
        if is_for_all || count(Action::Update) > FEW_UPDATES || count(Action::Delete) > FREE_DELETES {
            return None;
        }
        self.enter_all(&pages, changes, (&known, &posts), snapshot, rules, now);
        self.open_changes(&plan, &known);
        (self.elsewhere || self.away * 2 <= self.canonicals).then_some(plan)
    }

    /// What is to be judged again, with all that this depends on.
    fn tied(
        &self,
        (changes, touched): (&Changes, &[Arc<str>]),
        snapshot: &Snapshot,
        rules: &Rules<'_>,
    ) -> Option<BTreeSet<Arc<str>>> {
        let mut left: Vec<Arc<str>> = self.open.iter().chain(touched).cloned().collect();
        let mut groups: BTreeSet<String> = BTreeSet::new();
        for (page, before) in changes.iter() {
            left.push(Arc::clone(page));
            groups.extend(before.and_then(|before| group(page, before, rules.origin)));
        }
        let unnamed = left.iter().filter_map(|page| snapshot.pages.get(page));
        if unnamed
            .filter(|sighting| sighting.feed.is_none())
            .any(|sighting| sighting.post().is_some())
        {
            left.extend(self.named.iter().cloned());
        }
        let mut found: BTreeSet<Arc<str>> = BTreeSet::new();
        loop {
            for page in left.drain(..) {
                groups.insert(bare(&page).into());
                let sighting = snapshot.pages.get(&page);
                groups.extend(sighting.and_then(|sighting| group(&page, sighting, rules.origin)));
                found.insert(page);
            }
            if found.len() > MAX_PART {
                return None;
            }
            for group in std::mem::take(&mut groups) {
                let claims = self.claims.get(&group).into_iter().flatten().cloned();
                let itself = ["", "/", ".html", ".htm"].into_iter().filter_map(|end| {
                    let page = format!("{group}{end}");
                    Some(Arc::clone(snapshot.pages.get_key_value(page.as_str())?.0))
                });
                left.extend(claims.chain(itself).filter(|page| !found.contains(page)));
            }
            if left.is_empty() {
                return Some(found);
            }
        }
    }

    /// Puts down how the pages of a part are judged now.
    fn enter_all(
        &mut self,
        pages: &BTreeSet<Arc<str>>,
        changes: &Changes,
        (known, posts): (&[Known], &Posts<'_>),
        snapshot: &Snapshot,
        rules: &Rules<'_>,
        now: Timestamp,
    ) {
        let there = known.iter().filter(|object| object.state != State::Deleted);
        let objects: HashSet<&str> = there.filter_map(|object| object.page.as_deref()).collect();
        let before: HashMap<&Arc<str>, Option<&Arc<Sighting>>> = changes.iter().collect();
        for page in pages {
            let now_there = snapshot.pages.get(page);
            let before = before.get(page).map_or(now_there, |before| *before);
            if let Some(before) = before {
                self.strike(page, before, rules);
            }
            let judged = Judged {
                page,
                sighting: now_there.map(|sighting| &**sighting),
                is_post: posts.contains_key(&**page),
                has_object: objects.contains(&**page),
            };
            self.open.remove(page);
            self.enter(&judged, rules, now);
        }
    }

    /// Takes out how a page was judged.
    fn strike(&mut self, page: &Arc<str>, before: &Sighting, rules: &Rules<'_>) {
        let was_apart = self.apart.remove(page);
        self.named.remove(page);
        if let Some(group) = group(page, before, rules.origin)
            && let Some(claims) = self.claims.get_mut(&group)
        {
            claims.remove(page);
            if claims.is_empty() {
                self.claims.remove(&group);
            }
        }
        if before.post().is_some() && !was_apart && before.canonical != Canonical::None {
            self.canonicals -= 1;
            self.away -= usize::from(is_away(&before.canonical, rules.origin));
        }
    }

    fn enter(&mut self, judged: &Judged<'_>, rules: &Rules<'_>, now: Timestamp) {
        let page = judged.page;
        let post = judged.sighting.and_then(Sighting::post);
        let waits = post.is_some_and(|post| judged.is_post && post.published > now);
        let chosen = post.is_some() && (judged.is_post || (rules.chosen)(page).is_ok());
        if waits || (chosen && !judged.has_object) || (!judged.is_post && judged.has_object) {
            self.open.insert(Arc::clone(page));
        }
        let Some(sighting) = judged.sighting else { return };
        if post.is_some() && !judged.is_post {
            self.apart.insert(Arc::clone(page));
        }
        if chosen && sighting.feed.is_some() {
            self.named.insert(Arc::clone(page));
        }
        if let Some(group) = group(page, sighting, rules.origin).filter(|group| *group != bare(page)) {
            self.claims.entry(group).or_default().insert(Arc::clone(page));
        }
        if judged.is_post && sighting.canonical != Canonical::None {
            self.canonicals += 1;
            self.away += usize::from(is_away(&sighting.canonical, rules.origin));
        }
    }

    /// What a plan changes or notices is open until it is done.
    fn open_changes(&mut self, plan: &Plan, known: &[Known]) {
        let noticed: HashSet<&str> = plan.marks.iter().map(Mark::key).collect();
        let objects = known.iter().filter(|object| noticed.contains(&*object.key));
        let pages = objects.filter_map(|object| object.page.as_deref());
        self.open.extend(pages.map(Arc::from));
        let changed = plan.changes.iter().map(|change| change.page.as_str());
        let listed = plan.baseline.iter().map(|new| Arc::clone(&new.page));
        self.open.extend(changed.map(Arc::from).chain(listed));
    }
}

/// The page that a canonical URL names, without what addresses may leave out; one elsewhere, or of no file, as it is.
fn group(page: &str, sighting: &Sighting, origin: &str) -> Option<String> {
    if !matches!(sighting.verdict, Verdict::Post(_)) {
        return None;
    }
    let canonical = match &sighting.canonical {
        Canonical::None => return None,
        Canonical::Own => return Some(bare(page).to_owned()),
        Canonical::Other(canonical) => canonical,
    };
    let path = path_on(origin, canonical).filter(|_| !canonical.contains('?'));
    Some(path.map_or_else(|| canonical.to_string(), |path| bare(&path).to_owned()))
}
