//! The rules of the contract, one by one, and what holds for all sites.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::article::{Discussion, Print, Sight};
use crate::site::page::Standing;
use crate::site::snapshot::{Changes, Folder, Post, Verdict};

const ORIGIN: &str = "https://blog.example";
const NOW: &str = "2026-11-21T12:00:00Z";
const PAST: &str = "2026-11-01T00:00:00Z";

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn minutes(count: i64) -> Timestamp {
    at(NOW) + SignedDuration::from_mins(count)
}

fn rules(first: First) -> Rules<'static> {
    Rules {
        origin: ORIGIN,
        chosen: &|page| {
            if page.starts_with("/private/") {
                Err("excluded".into())
            } else {
                Ok(())
            }
        },
        lost: &|_| false,
        leapt: None,
        first,
        delete_grace: SignedDuration::from_mins(10),
        brake: Brake {
            max_changes: 20,
            max_deletes: 2,
        },
    }
}

/// What a reader sees of a post that says `text` and links itself.
fn sight(text: &str, canonical: &str) -> Sight {
    Sight {
        whole: print(&format!("{text} at {canonical}")),
        text: print(text),
        published: at(PAST),
        own: u32::from(canonical.starts_with(ORIGIN)),
        links: 1,
    }
}

fn print(text: &str) -> Print {
    Print::of([text.as_bytes()])
}

/// A site as a test writes it.
#[derive(Clone, Debug, Default)]
struct Site(Snapshot);

impl Site {
    fn new() -> Site {
        Site(Snapshot {
            folder: Folder::Pages,
            ..Snapshot::default()
        })
    }

    fn page(mut self, path: &str, canonical: Option<&str>, verdict: Verdict) -> Site {
        let sighting = Sighting {
            canonical: Canonical::of(canonical, ORIGIN, path),
            feed: None,
            changed: None,
            frame: None,
            source: print(&format!("{canonical:?} {verdict:?}")),
            seal: 0,
            fresh: false,
            standing: Standing::default(),
            languages: None,
            written: at(PAST).into(),
            verdict,
        };
        self.0.pages.insert(path.into(), Arc::new(sighting));
        self
    }

    /// A post that says `text`.
    fn post(self, path: &str, text: &str) -> Site {
        self.full(path, text, &format!("{ORIGIN}{path}"), PAST)
    }

    fn full(self, path: &str, text: &str, canonical: &str, published: &str) -> Site {
        let post = Post {
            digest: print(&format!("{text} at {canonical}")),
            fingerprint: print(text),
            sight: sight(text, canonical),
            published: at(published),
            language: None,
            titled: true,
            kind: None,
            actor: None,
            visibility: None,
            discussion: Discussion::Open,
        };
        self.page(path, Some(canonical), Verdict::Post(Box::new(post)))
    }

    fn alias(self, path: &str, target: &str) -> Site {
        self.page(path, None, Verdict::Alias(format!("{ORIGIN}{target}").into()))
    }
}

/// Does to the objects what publishing a plan does.
fn apply(known: &mut Vec<Known>, site: &Site, plan: &Plan, now: Timestamp) {
    let take = |object: &mut Known, page: &str| {
        let sighting = &site.0.pages[page];
        let post = sighting.post().unwrap();
        object.page = Some(page.into());
        object.digest = post.digest;
        object.fingerprint = post.fingerprint;
        object.impression = sighting.impression();
        object.canonical = sighting.canonical.clone();
        object.missing_since = None;
    };
    let fresh = |key: &str, announced| Known {
        key: key.into(),
        page: None,
        canonical: Canonical::None,
        state: State::Live,
        announced,
        digest: Print::default(),
        fingerprint: Print::default(),
        translations: Box::default(),
        impression: None,
        missing_since: None,
    };
    for mark in &plan.marks {
        let (Mark::Missing(key)
        | Mark::Back(key)
        | Mark::Moved { key, .. }
        | Mark::Reread { key, .. }
        | Mark::Canonical { key, .. }) = mark;
        let object = known.iter_mut().find(|object| *object.key == **key).unwrap();
        match mark {
            Mark::Missing(_) => object.missing_since = Some(now),
            Mark::Back(_) => object.missing_since = None,
            Mark::Moved { page, .. } => object.page = Some(page.as_str().into()),
            Mark::Reread {
                digest,
                fingerprint,
                impression,
                ..
            } => {
                object.digest = *digest;
                object.fingerprint = *fingerprint;
                object.impression = Some(*impression);
            }
            Mark::Canonical { canonical, .. } => {
                let page = object.page.as_deref().unwrap();
                object.canonical = Canonical::of(canonical.as_deref(), ORIGIN, page);
            }
        }
    }
    for new in &plan.baseline {
        let mut object = fresh(&new.key, false);
        take(&mut object, &new.page);
        known.push(object);
    }
    for change in &plan.changes {
        match change.action {
            Action::Create => {
                let mut object = fresh(&change.key, true);
                take(&mut object, &change.page);
                assert!(
                    known.iter().all(|other| other.key != object.key),
                    "a KEY is used once"
                );
                known.push(object);
            }
            action => {
                let object = known
                    .iter_mut()
                    .find(|object| *object.key == *change.key)
                    .unwrap();
                if action == Action::Delete {
                    object.state = State::Deleted;
                    object.missing_since = None;
                } else {
                    take(object, &change.page);
                }
            }
        }
    }
}

/// What is published after a site was announced whole.
fn published(site: &Site) -> Vec<Known> {
    let mut known = Vec::new();
    apply(&mut known, site, &compare(&[], site, at(NOW)), at(NOW));
    known
}

fn compare(known: &[Known], site: &Site, now: Timestamp) -> Plan {
    diff(known, &site.0, &rules(First::No), now)
}

fn actions(plan: &Plan) -> Vec<(Action, &str)> {
    let changes = plan.changes.iter();
    changes.map(|change| (change.action, &change.key[..])).collect()
}

fn why<'a>(plan: &'a Plan, page: &str) -> &'a str {
    let reasons: Vec<_> = plan
        .skipped
        .iter()
        .filter(|skipped| *skipped.page == *page)
        .collect();
    assert_eq!(reasons.len(), 1, "{page} is skipped for one reason: {reasons:?}");
    &reasons[0].reason
}

#[test]
fn the_first_scan_announces_nothing_and_what_comes_later_is_created() {
    let site = Site::new().post("/a/", "one");
    let plan = diff(&[], &site.0, &rules(First::Baseline), at(NOW));
    assert!(plan.changes.is_empty());
    assert!(why(&plan, "/a/").starts_with("baseline"));
    let mut known = Vec::new();
    apply(&mut known, &site, &plan, at(NOW));
    let plan = compare(&known, &site.post("/b/", "two"), at(NOW));
    assert_eq!(actions(&plan), [(Action::Create, "b")]);
}

#[test]
fn a_page_must_be_gone_for_the_grace_and_its_return_within_it_is_nothing() {
    let one = Site::new().post("/a/", "one");
    let both = one.clone().post("/b/", "two");
    let mut known = published(&both);
    let plan = compare(&known, &one, at(NOW));
    assert_eq!(plan.marks, [Mark::Missing("b".into())]);
    assert_eq!((plan.changes.len(), plan.due), (0, Some(minutes(10))));
    assert!(why(&plan, "/b/").contains("gone"));
    apply(&mut known, &one, &plan, at(NOW));
    assert!(compare(&known, &one, minutes(9)).changes.is_empty());
    let back = compare(&known, &both, minutes(60));
    assert_eq!((back.changes, back.marks), (vec![], vec![Mark::Back("b".into())]));
    let plan = compare(&known, &one, minutes(10));
    assert_eq!(actions(&plan), [(Action::Delete, "b")]);
    apply(&mut known, &one, &plan, minutes(10));
    assert_eq!(
        actions(&compare(&known, &both, minutes(20))),
        [(Action::Create, "b~2")]
    );
}

#[test]
fn a_clock_that_jumped_deletes_nothing() {
    let one = Site::new().post("/a/", "one");
    let mut known = published(&one.clone().post("/b/", "two"));
    known[1].missing_since = Some(minutes(-1_000_000));
    let mut rules = rules(First::No);
    rules.leapt = Some(at(NOW));
    let plan = diff(&known, &one.0, &rules, at(NOW));
    assert_eq!((plan.changes.len(), plan.due), (0, Some(minutes(10))));
    let plan = diff(&known, &one.0, &rules, minutes(10));
    assert_eq!(actions(&plan), [(Action::Delete, "b")]);
    // Noted by a clock that was ahead.
    known[1].missing_since = Some(minutes(1_000_000));
    let plan = compare(&known, &one, at(NOW));
    assert_eq!(
        (plan.marks, plan.due),
        (vec![Mark::Missing("b".into())], Some(minutes(10)))
    );
}

#[test]
fn a_page_that_is_no_post_any_more_is_deleted_and_one_that_cannot_be_read_stays() {
    let known = published(
        &Site::new()
            .post("/a/", "one")
            .post("/b/", "two")
            .post("/c/d/", "three"),
    );
    let mut site = Site::new()
        .page("/a/", None, Verdict::Not("noindex".into()))
        .page("/b/", None, Verdict::Unreadable("no permission".into()));
    site.0.unreadable.push("/c/".into());
    let plan = compare(&known, &site, at(NOW));
    assert_eq!(plan.marks, [Mark::Missing("a".into())]);
}

#[test]
fn nothing_is_deleted_while_the_folder_is_missing_or_empty() {
    let mut known = published(&Site::new().post("/a/", "one"));
    known[0].missing_since = Some(minutes(-600));
    for folder in [Folder::Missing, Folder::Empty] {
        let snapshot = Snapshot {
            folder,
            ..Snapshot::default()
        };
        let plan = diff(&known, &snapshot, &rules(First::No), at(NOW));
        assert_eq!(
            (plan.changes, plan.marks, plan.due),
            (vec![], vec![Mark::Back("a".into())], None),
            "the grace begins when the folder is back"
        );
    }
}

#[test]
fn a_future_page_waits_until_it_is_due_and_is_then_announced() {
    let site = Site::new().full("/a/", "one", &format!("{ORIGIN}/a/"), "2026-11-21T12:30:00Z");
    let plan = diff(&[], &site.0, &rules(First::Baseline), at(NOW));
    assert_eq!((plan.baseline.len(), plan.due), (0, Some(minutes(30))));
    assert!(why(&plan, "/a/").contains("future"));
    assert_eq!(
        actions(&compare(&[], &site, minutes(30))),
        [(Action::Create, "a")]
    );
}

#[test]
fn a_page_that_moved_keeps_its_key_by_each_of_the_signs() {
    let known = published(&Site::new().post("/old/", "one"));
    let same_canonical = Site::new().full("/new/", "two", &format!("{ORIGIN}/old/"), PAST);
    let alias = Site::new().post("/new/", "two").alias("/old/", "/new/");
    let chain = Site::new()
        .post("/new/", "two")
        .alias("/old/", "/mid/")
        .alias("/mid/", "/new");
    let same_text = Site::new().post("/new/", "one");
    let same_words = reread(Site::new().post("/new/", "one"), |sighting| {
        let post = as_post(sighting);
        post.fingerprint = print("by another generator");
        post.digest = print("by another generator");
    });
    for site in [same_canonical, alias, chain, same_text, same_words] {
        let plan = compare(&known, &site, at(NOW));
        assert_eq!(actions(&plan), [(Action::Move, "old")], "{site:?}");
        assert_eq!((plan.changes[0].page.as_str(), plan.marks), ("/new/", vec![]));
    }
    let other = Site::new().post("/new/", "two");
    assert_eq!(
        actions(&compare(&known, &other, at(NOW))),
        [(Action::Create, "new")]
    );
}

#[test]
fn what_could_be_the_same_page_twice_is_not_a_move() {
    let known = published(&Site::new().post("/old/", "one"));
    let twins = compare(
        &known,
        &Site::new().post("/a/", "one").post("/b/", "one"),
        at(NOW),
    );
    assert_eq!(actions(&twins), [(Action::Create, "a"), (Action::Create, "b")]);
    let known = published(&Site::new().post("/a/", "one").post("/b/", "two"));
    let merged = Site::new()
        .post("/c/", "three")
        .alias("/a/", "/c/")
        .alias("/b/", "/c/");
    assert_eq!(
        actions(&compare(&known, &merged, at(NOW))),
        [(Action::Create, "c")]
    );
}

#[test]
fn the_page_that_the_canonical_url_names_wins_over_its_duplicates() {
    let canonical = format!("{ORIGIN}/a/");
    let site = Site::new()
        .full("/a/", "one", &canonical, PAST)
        .full("/a/print/", "one", &canonical, PAST);
    let plan = compare(&[], &site, at(NOW));
    assert_eq!(actions(&plan), [(Action::Create, "a")]);
    assert!(why(&plan, "/a/print/").contains("/a/"));
    // Nobody is a duplicate of what isn't there.
    let alone = Site::new().full("/x/", "one", &canonical, PAST);
    assert_eq!(actions(&compare(&[], &alone, at(NOW))), [(Action::Create, "x")]);
}

#[test]
fn two_pages_with_one_key_get_a_number() {
    let site = Site::new()
        .full("/a.html", "two", &format!("{ORIGIN}/a.html"), PAST)
        .post("/a/", "one");
    let plan = compare(&[], &site, at(NOW));
    assert_eq!(actions(&plan), [(Action::Create, "a"), (Action::Create, "a~2")]);
}

#[test]
fn an_unpublished_page_stays_unpublished_wherever_it_goes() {
    let mut known = published(&Site::new().post("/a/", "one"));
    known[0].state = State::Unpublished;
    let edited = compare(&known, &Site::new().post("/a/", "two"), at(NOW));
    assert!(edited.changes.is_empty() && why(&edited, "/a/").starts_with("unpublished"));
    let moved = Site::new().post("/b/", "one");
    let plan = compare(&known, &moved, at(NOW));
    assert!(plan.changes.is_empty() && why(&plan, "/b/").starts_with("unpublished"));
    apply(&mut known, &moved, &plan, at(NOW));
    let later = Site::new().post("/b/", "three").post("/c/", "four");
    assert_eq!(
        actions(&compare(&known, &later, at(NOW))),
        [(Action::Create, "c")]
    );
}

fn many(count: usize, text: &str) -> Site {
    (0..count).fold(Site::new(), |site, n| {
        site.post(&format!("/{n}/"), &format!("{n} {text}"))
    })
}

#[test]
fn more_changes_than_a_human_makes_are_held() {
    assert!(compare(&[], &many(20, ""), at(NOW)).held.is_none());
    let plan = compare(&[], &many(21, ""), at(NOW));
    assert!(plan.held.unwrap().contains("21"));
    assert_eq!(plan.changes.len(), 21);
    let known = published(&many(21, ""));
    assert!(compare(&known, &many(21, "new theme"), at(NOW)).held.is_some());
}

#[test]
fn two_deletes_are_let_through_and_more_than_the_share_is_held() {
    let mut known = published(&many(10, ""));
    for object in &mut known {
        object.missing_since = Some(minutes(-60));
    }
    let plan = compare(&known, &many(8, ""), at(NOW));
    assert_eq!((plan.changes.len(), plan.held), (2, None));
    let plan = compare(&known, &many(7, ""), at(NOW));
    assert_eq!(plan.changes.len(), 3);
    assert!(plan.held.is_some());
}

#[test]
fn a_scan_in_which_most_canonical_urls_left_origin_is_held_whole() {
    let known = published(&many(3, ""));
    let elsewhere = |count: usize| {
        (0..3).fold(Site::new(), |site, n| {
            let host = if n < count {
                "http://localhost:1313"
            } else {
                ORIGIN
            };
            site.full(&format!("/{n}/"), &format!("{n} "), &format!("{host}/{n}/"), PAST)
        })
    };
    assert!(compare(&known, &elsewhere(1), at(NOW)).held.is_none());
    let held = compare(&known, &elsewhere(2), at(NOW)).held;
    assert!(held.unwrap().contains("wrong base URL"));
    // A site whose canonical URLs were elsewhere all the time is none that left.
    let known = published(&elsewhere(3));
    let more = elsewhere(3).post("/new/", "new");
    assert!(compare(&known, &more, at(NOW)).held.is_none());
}

#[test]
fn what_says_the_same_beside_its_page_is_a_copy() {
    let site = Site::new()
        .post("/posts/a/", "one")
        .post("/print/posts/a/", "one")
        .post("/posts/a/amp/", "one")
        .post("/posts/b.html", "two")
        .post("/posts/b.print.html", "two")
        .post("/posts/other/", "one")
        .post("/print/posts/c/", "three");
    let created: Vec<_> = compare(&[], &site, at(NOW))
        .changes
        .into_iter()
        .map(|change| change.page)
        .collect();
    assert_eq!(
        created,
        ["/posts/a/", "/posts/b.html", "/posts/other/", "/print/posts/c/"]
    );
    // What people have seen stays.
    let known = published(&Site::new().post("/posts/a/amp/", "one"));
    let site = Site::new().post("/posts/a/amp/", "one").post("/posts/a/", "one");
    let plan = compare(&known, &site, at(NOW));
    assert!(plan.changes.iter().all(|change| change.action == Action::Create));
}

#[test]
fn a_page_that_was_none_before_with_the_very_same_file_is_not_announced() {
    let site = reread(Site::new().post("/a/", "one"), |sighting| {
        sighting.standing.late = true;
    });
    let plan = compare(&[], &site, at(NOW));
    assert!(plan.changes.is_empty(), "{plan:?}");
    assert_eq!(plan.baseline.len(), 1);
    let asks = reread(site, |sighting| sighting.standing.asked = true);
    assert_eq!(compare(&[], &asks, at(NOW)).changes.len(), 1);
}

/// The same files, of which something else is made.
fn reread(mut site: Site, change: impl Fn(&mut Sighting)) -> Site {
    for sighting in site.0.pages.values_mut() {
        change(Arc::make_mut(sighting));
    }
    site
}

fn as_post(sighting: &mut Sighting) -> &mut Post {
    match &mut sighting.verdict {
        Verdict::Post(post) => post,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unchanged_file_is_an_unchanged_page_whatever_is_made_of_it() {
    let before = Site::new().post("/a/", "one");
    let mut known = published(&before);
    let after = reread(before.clone(), |sighting| {
        let post = as_post(sighting);
        post.digest = print("otherwise");
        post.sight.whole = print("otherwise");
        post.sight.text = print("otherwise");
    });
    let plan = compare(&known, &after, at(NOW));
    assert!(plan.changes.is_empty() && matches!(plan.marks[..], [Mark::Reread { .. }]));
    apply(&mut known, &after, &plan, at(NOW));
    assert_eq!(compare(&known, &after, at(NOW)), Plan::default());
    // From then on it is compared with what is made of it now.
    let rebuilt = reread(after, |sighting| sighting.source = print("another build"));
    assert!(compare(&known, &rebuilt, at(NOW)).changes.is_empty());
    let no_post = reread(before, |sighting| {
        sighting.verdict = Verdict::Not("a list".into());
    });
    let mut known = published(&Site::new().post("/a/", "one"));
    known[0].missing_since = Some(minutes(-60));
    let plan = compare(&known, &no_post, at(NOW));
    assert_eq!((plan.changes, plan.marks), (vec![], vec![Mark::Back("a".into())]));
}

#[test]
fn what_looks_the_same_or_was_recorded_without_its_looks_is_taken_as_it_is() {
    let site = Site::new().post("/a/", "one");
    let same_looks = reread(site.clone(), |sighting| {
        sighting.source = print("minified");
        as_post(sighting).digest = print("minified");
    });
    let edited = Site::new().post("/a/", "two");
    let mut known = published(&site);
    assert!(compare(&known, &same_looks, at(NOW)).changes.is_empty());
    assert_eq!(
        actions(&compare(&known, &edited, at(NOW))),
        [(Action::Update, "a")]
    );
    known[0].impression = None;
    let plan = compare(&known, &edited, at(NOW));
    assert!(plan.changes.is_empty());
    apply(&mut known, &edited, &plan, at(NOW));
    assert_eq!(actions(&compare(&known, &site, at(NOW))), [(Action::Update, "a")]);
}

#[test]
fn a_theme_that_changes_most_pages_beside_their_words_is_set_aside_and_new_pages_are_not() {
    let known = published(&many(4, ""));
    let dressed = |count: usize| {
        (0..4).fold(Site::new(), |site, n| {
            let path = format!("/{n}/");
            let canonical = if n < count {
                format!("{ORIGIN}{path}?theme=2")
            } else {
                format!("{ORIGIN}{path}")
            };
            site.full(&path, &format!("{n} "), &canonical, PAST)
        })
    };
    assert_eq!(compare(&known, &dressed(2), at(NOW)).changes.len(), 2);
    let plan = compare(&known, &dressed(3).post("/new/", "new"), at(NOW));
    assert_eq!((actions(&plan), plan.aside), (vec![(Action::Create, "new")], 3));
    assert!(why(&plan, "/0/").contains("theme"));
    // It is taken as it is: an edit of one page makes no Updates of the others.
    let mut after = known.clone();
    let dressed_all = compare(&after, &dressed(4), at(NOW));
    assert_eq!((dressed_all.changes.len(), dressed_all.aside), (0, 4));
    apply(&mut after, &dressed(4), &dressed_all, at(NOW));
    let next = dressed(4).full("/1/", "edited", &format!("{ORIGIN}/1/?theme=2"), PAST);
    assert_eq!(actions(&compare(&after, &next, at(NOW))), [(Action::Update, "1")]);
    // Pages that look the same to a reader and came out otherwise tell of a theme, too.
    let alike = reread(dressed(1), |sighting| {
        let is_first = sighting.canonical != Canonical::Own;
        if !is_first {
            sighting.source = print("another theme");
            as_post(sighting).digest = print("another theme");
        }
    });
    let plan = compare(&known, &alike, at(NOW));
    assert_eq!((plan.changes.len(), plan.aside), (0, 1));
    // An edit in the same build is one.
    let edited = dressed(4).full("/0/", "edited", &format!("{ORIGIN}/0/"), PAST);
    assert_eq!(
        actions(&compare(&known, &edited, at(NOW))),
        [(Action::Update, "0")]
    );
}

#[test]
fn a_scan_in_which_links_left_origin_is_held_whole_without_canonical_urls_too() {
    let bare = |origin: &str, text: &str| {
        let mut site = reread(many(3, ""), |sighting| {
            sighting.canonical = Canonical::None;
            let post = as_post(sighting);
            post.sight.whole = print(origin);
            post.digest = print(origin);
            post.sight.own = u32::from(origin == ORIGIN);
            sighting.source = print(origin);
        });
        as_post(Arc::make_mut(site.0.pages.get_mut("/0/").unwrap()))
            .sight
            .text = print(text);
        site
    };
    let known = published(&bare(ORIGIN, "text"));
    let held = compare(&known, &bare("http://localhost:1313", "text"), at(NOW)).held;
    assert!(held.unwrap().contains("wrong base URL"));
    assert_eq!(compare(&known, &bare(ORIGIN, "text"), at(NOW)), Plan::default());
}

#[test]
fn excluded_pages_are_not_posts() {
    let plan = compare(&[], &Site::new().post("/private/a/", "one"), at(NOW));
    assert_eq!((plan.changes.len(), why(&plan, "/private/a/")), (0, "excluded"));
}

/// Sites of a few paths and texts, so that pages often vanish, return, move and collide.
fn sites() -> impl Strategy<Value = Site> {
    let page = (
        prop::sample::select(vec!["/a/", "/a.html", "/b/", "/c/", "/d/", "/"]),
        prop::sample::select(vec!["one", "two", "three"]),
        0..6_u8,
        prop::sample::select(vec!["/a/", "/b/", "/c/"]),
    );
    prop::collection::vec(page, 0..6).prop_map(|pages| {
        pages
            .into_iter()
            .fold(Site::new(), |site, (path, text, what, other)| match what {
                0 => site.alias(path, other),
                1 => site.page(path, None, Verdict::Not("no date of publication".into())),
                2 => site.full(path, text, &format!("{ORIGIN}{other}"), PAST),
                _ => site.post(path, text),
            })
    })
}

proptest! {
    #[test]
    fn applying_a_plan_leaves_nothing_to_do_and_every_post_one_live_object(
        series in prop::collection::vec(sites(), 1..5)
    ) {
        let mut known = Vec::new();
        let mut rules = rules(First::Baseline);
        rules.brake = Brake { max_changes: usize::MAX, max_deletes: usize::MAX };
        let mut now = at(NOW);
        for site in &series {
            // What vanished is deleted an hour later.
            for _ in 0..2 {
                let plan = diff(&known, &site.0, &rules, now);
                apply(&mut known, site, &plan, now);
                rules.first = First::No;
                let again = diff(&known, &site.0, &rules, now);
                prop_assert!(
                    again.changes.is_empty() && again.marks.is_empty() && again.baseline.is_empty(),
                    "{:?}", again
                );
                now += SignedDuration::from_hours(1);
            }
            let (posts, _) = identity::judge(&Part::whole(&known, &site.0), &rules);
            let mut live: Vec<&str> = known
                .iter()
                .filter(|object| object.state == State::Live)
                .filter_map(|object| object.page.as_deref())
                .collect();
            live.sort_unstable();
            let posts: Vec<&str> = posts.keys().copied().collect();
            prop_assert_eq!(live, posts);
        }
    }
}

#[test]
fn a_post_whose_page_is_gone_goes_on_with_a_translation_that_is_left_alone() {
    let both = Site::new().post("/a/", "one");
    let mut known = published(&both);
    known[0].translations = ["/de/a/".into()].into();
    let left = Site::new().post("/de/a/", "eins").post("/b/", "other");
    let plan = diff(&known, &left.0, &rules(First::No), at(NOW));
    let moved = plan
        .changes
        .iter()
        .find(|change| change.page == "/de/a/")
        .unwrap();
    assert_eq!((moved.action, &moved.key[..]), (Action::Move, &known[0].key[..]));
    assert!(moved.reason.contains("is its translation"), "{}", moved.reason);
}

/// What changed from one site to another.
fn changes(before: &Site, after: &Site) -> Changes {
    let mut changes = Changes::default();
    for (page, sighting) in &before.0.pages {
        if after.0.pages.get(page) != Some(sighting) {
            changes.note(Arc::clone(page), Some(Arc::clone(sighting)));
        }
    }
    for page in after.0.pages.keys() {
        if !before.0.pages.contains_key(page) {
            changes.note(Arc::clone(page), None);
        }
    }
    changes
}

/// The pages of the objects that a plan touches, before and after.
fn touched(known: &[Known], plan: &Plan) -> Vec<Arc<str>> {
    let keys: HashSet<&str> = plan
        .marks
        .iter()
        .map(Mark::key)
        .chain(plan.changes.iter().map(|change| &change.key[..]))
        .chain(plan.baseline.iter().map(|new| &new.key[..]))
        .collect();
    let objects = known.iter().filter(|object| keys.contains(&object.key[..]));
    objects
        .filter_map(|object| object.page.as_deref().map(Into::into))
        .collect()
}

/// A comparison of a part, when it is enough.
fn part(
    ledger: &mut Ledger,
    changes: (&Changes, &[Arc<str>]),
    known: &[Known],
    site: &Site,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Option<Plan> {
    let of_page = |page: &str| -> Vec<Known> {
        let objects = known.iter().filter(|object| object.page.as_deref() == Some(page));
        objects.cloned().collect()
    };
    let taken = |key: &str| known.iter().any(|object| *object.key == *key);
    ledger.compare_part(changes, &of_page, &taken, &site.0, rules, now)
}

/// As [`sites`], some of them with feeds that name some of the posts.
fn sites_with_feeds() -> impl Strategy<Value = Site> {
    (sites(), prop::collection::vec(any::<bool>(), 6)).prop_map(|(mut site, named)| {
        for (sighting, named) in site.0.pages.values_mut().zip(named) {
            if named && sighting.post().is_some() {
                Arc::make_mut(sighting).feed = Some(Arc::default());
            }
        }
        site
    })
}

proptest! {
    #[test]
    fn a_comparison_of_what_changed_finds_what_a_comparison_of_everything_finds(
        series in prop::collection::vec((sites_with_feeds(), 0..3_i64), 2..8)
    ) {
        let rules = rules(First::No);
        let mut now = at(NOW);
        let (mut known, mut before) = (Vec::new(), Site::new());
        let mut ledger: Option<Ledger> = None;
        let mut moved: Vec<Arc<str>> = Vec::new();
        for (site, hours) in &series {
            now += SignedDuration::from_hours(*hours);
            let (whole, fresh) = Ledger::compare_all(&known, &site.0, &rules, now);
            let what = changes(&before, site);
            let found = ledger.as_mut().and_then(|ledger| part(ledger, (&what, &moved), &known, site, &rules, now));
            match found {
                None => ledger = fresh,
                Some(found) => {
                    prop_assert_eq!(&found.changes, &whole.changes);
                    prop_assert_eq!(&found.baseline, &whole.baseline);
                    prop_assert_eq!((&found.held, found.due), (&whole.held, whole.due));
                    let sorted = |plan: &Plan| {
                        let mut marks: Vec<String> = plan.marks.iter().map(|mark| format!("{mark:?}")).collect();
                        marks.sort();
                        marks
                    };
                    prop_assert_eq!(sorted(&found), sorted(&whole));
                }
            }
            // What is done is done now or, as while the folder is restless, later.
            if *hours > 0 {
                moved = touched(&known, &whole);
                apply(&mut known, site, &whole, now);
                moved.extend(touched(&known, &whole));
            } else {
                moved.clear();
            }
            before = site.clone();
        }
    }
}

#[test]
fn of_a_large_site_only_what_changed_is_compared() {
    let posts = |count: usize| (0..count).fold(Site::new(), |site, n| site.post(&format!("/{n}/"), "text"));
    let before = posts(3_000);
    let known = published(&before);
    let rules = rules(First::No);
    let (plan, ledger) = Ledger::compare_all(&known, &before.0, &rules, at(NOW));
    assert!(plan.changes.is_empty());
    let mut ledger = ledger.unwrap();
    let after = before.clone().post("/7/", "other").post("/new/", "new");
    let what = changes(&before, &after);
    let asked = std::cell::Cell::new(0);
    let of_page = |page: &str| -> Vec<Known> {
        asked.set(asked.get() + 1);
        let objects = known.iter().filter(|object| object.page.as_deref() == Some(page));
        objects.cloned().collect()
    };
    let plan = ledger
        .compare_part((&what, &[]), &of_page, &|_| false, &after.0, &rules, at(NOW))
        .unwrap();
    assert_eq!(actions(&plan), [(Action::Update, "7"), (Action::Create, "new")]);
    assert!(asked.get() < 10, "{asked:?}");
}
