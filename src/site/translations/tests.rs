//! Which pages are one post, and which aren't.

use super::*;
use crate::article::{Discussion, Word};
use crate::site::page::Alternate;
use crate::site::snapshot::Folder;

/// A page at a path, with what it says of its language and which pages it names.
fn page(snapshot: &mut Snapshot, path: &str, language: Option<&str>, names: &[(&str, &str)]) {
    let post = Post {
        digest: Print::of_digest(&format!("digest of {path}")),
        fingerprint: Print::of_digest(path),
        sight: Default::default(),
        published: "2026-01-01T00:00:00Z".parse().unwrap(),
        language: language.map(Word::new),
        titled: true,
        kind: None,
        actor: None,
        visibility: None,
        discussion: Discussion::Open,
    };
    let alternates = names.iter().map(|(language, path)| Alternate {
        language: Some((*language).into()).filter(|_| *language != "x-default"),
        path: (*path).into(),
    });
    let sighting = Sighting {
        canonical: Canonical::None,
        feed: None,
        changed: None,
        frame: None,
        source: Print::default(),
        standing: crate::site::page::Standing::default(),
        seal: 0,
        fresh: false,
        languages: Some(Box::new(Languages {
            alternates: alternates.collect(),
            translations: Box::default(),
        })),
        written: Timestamp::UNIX_EPOCH.into(),
        verdict: Verdict::Post(Box::new(post)),
    };
    snapshot.folder = Folder::Pages;
    snapshot.pages.insert(path.into(), Arc::new(sighting));
}

fn two() -> Snapshot {
    let mut snapshot = Snapshot::default();
    let names = [("de", "/de/a/"), ("en", "/en/a/")];
    page(&mut snapshot, "/de/a/", Some("de"), &names);
    page(&mut snapshot, "/en/a/", Some("en"), &names);
    snapshot
}

fn gathered(mut snapshot: Snapshot, state: &dyn Fn(&str) -> Option<State>) -> Snapshot {
    let voice = |_: &str, post: &Post| {
        Some(Voice {
            actor: post.actor.as_deref().unwrap_or("blog").to_owned(),
            visibility: Visibility::Public,
        })
    };
    let terms = Terms {
        now: "2026-06-01T00:00:00Z".parse().unwrap(),
        origin: "https://blog.example",
        home: "/",
        voice: &voice,
        state,
    };
    gather(&mut snapshot, &terms);
    snapshot
}

/// The posts that are left, each with the languages it is in.
fn posts(snapshot: &Snapshot) -> Vec<(&str, Vec<&str>)> {
    let left = snapshot
        .pages
        .iter()
        .filter(|(_, sighting)| sighting.post().is_some());
    left.map(|(path, sighting)| {
        let languages = sighting.translations().iter().map(|one| &*one.language);
        (&**path, languages.collect())
    })
    .collect()
}

#[test]
fn pages_that_name_each_other_are_one_post_and_its_digest_covers_them() {
    let snapshot = gathered(two(), &|_| None);
    assert_eq!(posts(&snapshot), [("/de/a/", vec!["de", "en"])]);
    let other = &snapshot.pages["/en/a/"].verdict;
    assert_eq!(*other, Verdict::Not("a translation of /de/a/".into()));
    let digest = |snapshot: &Snapshot| snapshot.pages["/de/a/"].post().unwrap().digest;
    let mut edited = two();
    page(
        &mut edited,
        "/en/a/",
        Some("en"),
        &[("de", "/de/a/"), ("en", "/en/a/")],
    );
    assert_eq!(digest(&gathered(edited.clone(), &|_| None)), digest(&snapshot));
    let sighting = Arc::make_mut(edited.pages.get_mut("/en/a/").unwrap());
    if let Verdict::Post(post) = &mut sighting.verdict {
        post.digest = Print::of_digest("another");
    }
    assert_ne!(digest(&gathered(edited, &|_| None)), digest(&snapshot));
}

#[test]
fn a_page_that_isn_t_named_back_stays_by_itself() {
    let mut snapshot = two();
    page(
        &mut snapshot,
        "/en/a/",
        Some("en"),
        &[("en", "/en/a/"), ("fr", "/fr/a/")],
    );
    assert_eq!(
        posts(&gathered(snapshot, &|_| None)),
        [("/de/a/", vec![]), ("/en/a/", vec![])]
    );
}

#[test]
fn the_home_page_tells_the_site_s_language_else_the_default_stands_for_all() {
    let mut snapshot = two();
    page(&mut snapshot, "/", None, &[("en-GB", "/"), ("de", "/de/")]);
    assert_eq!(
        posts(&gathered(snapshot, &|_| None))[1],
        ("/en/a/", vec!["en", "de"])
    );
    let mut snapshot = Snapshot::default();
    let names = [("de", "/de/a/"), ("en", "/en/a/"), ("x-default", "/en/a/")];
    page(&mut snapshot, "/de/a/", Some("de"), &names);
    page(&mut snapshot, "/en/a/", Some("en"), &names);
    assert_eq!(
        posts(&gathered(snapshot, &|_| None)),
        [("/en/a/", vec!["en", "de"])]
    );
}

#[test]
fn what_is_published_stays_what_stands_for_all() {
    let live = |page: &str| (page == "/en/a/").then_some(State::Live);
    assert_eq!(posts(&gathered(two(), &live)), [("/en/a/", vec!["en", "de"])]);
    let taken_back = |page: &str| (page == "/en/a/").then_some(State::Unpublished);
    assert_eq!(
        posts(&gathered(two(), &taken_back)),
        [("/en/a/", vec!["en", "de"])]
    );
}

#[test]
fn other_voices_other_dates_and_copies_stay_apart() {
    let apart: Vec<(&str, Vec<&str>)> = vec![("/de/a/", vec![]), ("/en/a/", vec![])];
    let mut snapshot = two();
    if let Verdict::Post(post) = &mut Arc::make_mut(snapshot.pages.get_mut("/en/a/").unwrap()).verdict {
        post.actor = Some("other".into());
    }
    assert_eq!(posts(&gathered(snapshot, &|_| None)), apart);
    let mut snapshot = two();
    if let Verdict::Post(post) = &mut Arc::make_mut(snapshot.pages.get_mut("/en/a/").unwrap()).verdict {
        post.published = "2027-01-01T00:00:00Z".parse().unwrap();
    }
    assert_eq!(posts(&gathered(snapshot, &|_| None)), apart);
    let mut snapshot = two();
    let sighting = Arc::make_mut(snapshot.pages.get_mut("/en/a/").unwrap());
    sighting.canonical = Canonical::Other(Box::new("https://blog.example/de/a/".into()));
    assert_eq!(posts(&gathered(snapshot, &|_| None)), apart);
}

#[test]
fn three_languages_are_one_post_and_a_second_page_in_one_of_them_is_not_in_it() {
    let names = [
        ("en", "/a/"),
        ("de", "/de/a/"),
        ("fr", "/fr/a/"),
        ("fr", "/fr/b/"),
    ];
    let mut snapshot = Snapshot::default();
    for (path, language) in [
        ("/a/", "en"),
        ("/de/a/", "de"),
        ("/fr/a/", "fr"),
        ("/fr/b/", "fr"),
    ] {
        page(&mut snapshot, path, Some(language), &names);
    }
    let snapshot = gathered(snapshot, &|_| None);
    assert_eq!(
        posts(&snapshot),
        [("/a/", vec!["en", "de", "fr"]), ("/fr/b/", vec![])]
    );
}
