//! Frames of sketches made by hand.

use proptest::prelude::*;

use super::*;

/// The places of all pages: a page, its content, a line after it, a list of links.
const ROOT: u32 = 0;
const CONTENT: u32 = 1;
const LINE: u32 = 2;
const LINKS: u32 = 3;

fn said(place: u32, text: u64) -> Unit {
    Unit {
        place,
        text,
        label: None,
        weight: 100,
        linked: 0,
        kind: UnitKind::Text,
    }
}

fn page(units: Vec<Unit>) -> Sketch {
    let places = (0..4).map(|at| Place {
        parent: ROOT,
        path: 10 + at,
        container: true,
    });
    Sketch {
        places: places.collect(),
        units,
        ..Sketch::default()
    }
}

/// A post with a text of its own, and a line that all have.
fn post(own: u64) -> Sketch {
    page(vec![said(CONTENT, own), said(LINE, 7)])
}

fn learn(sketches: &[Sketch]) -> Frame {
    Frame::learn(&sketches.iter().collect::<Vec<_>>())
}

#[test]
fn what_all_posts_say_in_one_place_is_frame_and_where_they_differ_is_the_content() {
    let posts: Vec<Sketch> = (100..110).map(post).collect();
    let frame = learn(&posts);
    assert_eq!(frame.share(&posts[0], &posts[0].units[0]), Share::Own);
    assert_eq!(frame.share(&posts[0], &posts[0].units[1]), Share::Chrome);
    assert_eq!(frame.content(), [11]);
}

#[test]
fn a_sentence_of_two_posts_is_own_and_one_of_most_is_repeated() {
    let mut posts: Vec<Sketch> = (100..110).map(post).collect();
    let with = |posts: &mut [Sketch], text| {
        posts
            .iter_mut()
            .for_each(|post| post.units.push(said(CONTENT, text)));
    };
    with(&mut posts[..2], 50);
    with(&mut posts[..7], 60);
    let frame = learn(&posts);
    let share = |text| frame.share(&posts[0], &said(CONTENT, text));
    assert_eq!((share(50), share(60)), (Share::Own, Share::Repeated));
    assert_eq!(frame.share(&posts[0], &said(LINE, 60)), Share::Chrome);
}

#[test]
fn a_place_where_only_links_stand_leads_away() {
    let mut posts: Vec<Sketch> = (100..105).map(post).collect();
    for (at, post) in posts.iter_mut().enumerate() {
        let link = said(LINKS, 200 + at as u64);
        post.units.push(Unit { linked: 100, ..link });
    }
    let frame = learn(&posts);
    assert!(frame.leads_away(13) && !frame.leads_away(11));
}

#[test]
fn what_a_feed_shows_outvotes_what_is_longest() {
    let mut posts: Vec<Sketch> = (100..105).map(post).collect();
    for (at, post) in posts.iter_mut().enumerate() {
        let long = said(LINKS, 300 + at as u64);
        post.units.push(Unit {
            weight: 5_000,
            ..long
        });
    }
    assert_eq!(learn(&posts).content(), [13]);
    posts.iter_mut().for_each(|post| post.guided = Some(CONTENT));
    assert_eq!(learn(&posts).content(), [11]);
}

#[test]
fn code_is_never_frame_and_two_posts_have_none() {
    let code = |own| {
        let same = said(LINE, 7);
        page(vec![
            said(CONTENT, own),
            Unit {
                kind: UnitKind::Fixed,
                ..same
            },
        ])
    };
    let posts: Vec<Sketch> = (100..110).map(code).collect();
    assert_eq!(learn(&posts).share(&posts[0], &posts[0].units[1]), Share::Own);
    assert!(learn(&posts[..2]).is_empty());
}

proptest! {
    #[test]
    fn any_sketches_give_the_same_frame_twice_and_never_a_large_one(
        pages in proptest::collection::vec(proptest::collection::vec((0_u32..4, 0_u64..6, 0_u32..200), 0..30), 0..12),
    ) {
        let unit = |(place, text, weight): &(u32, u64, u32)| Unit { weight: *weight, ..said(*place, *text) };
        let pages: Vec<Sketch> = pages.iter().map(|units| page(units.iter().map(unit).collect())).collect();
        let frame = learn(&pages);
        let reversed: Vec<&Sketch> = pages.iter().rev().collect();
        prop_assert_eq!(&frame, &Frame::learn(&reversed));
        prop_assert!(frame.shared.len() <= MAX_FRAME && frame.content.len() <= 2 * MAX_TEMPLATES);
    }
}
