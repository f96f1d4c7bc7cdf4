//! A clock that jumps: a machine without a battery, a mistyped date, a virtual machine that slept.

use jiff::{SignedDuration, Timestamp};

use crate::harness::page;
use crate::publish::{Desk, types};

const ANNOUNCE: &str = "first_run = 'announce'";

fn jump(desk: &Desk, to: &str) -> Timestamp {
    let before = desk.instance.clock.now();
    desk.instance.clock.jump(to.parse().unwrap());
    before
}

fn without(desk: &Desk, slug: &str) {
    std::fs::remove_dir_all(desk.output().join("posts").join(slug)).unwrap();
}

/// For some minutes the clock shows another year. Nobody deletes a page, or posts one that is due next spring.
#[tokio::test]
async fn a_jump_of_years_deletes_nothing_and_publishes_nothing_before_its_time() {
    let desk = Desk::new(ANNOUNCE);
    desk.post("a", "<p>One.</p>");
    desk.post("b", "<p>Two.</p>");
    desk.write(
        "posts/spring/index.html",
        &page("spring", "2027-04-01T12:00:00Z", "<p>Spring.</p>"),
    );
    assert_eq!(types(&desk.settle().await), ["Create", "Create"]);
    without(&desk, "b");
    assert!(desk.settle().await.is_empty());
    let before = jump(&desk, "2046-01-01T00:00:00Z");
    assert!(desk.settle().await.is_empty());
    desk.wait(5 * 60);
    assert!(desk.settle().await.is_empty());
    // What is new is news whatever the clock shows.
    desk.post("c", "<p>Three.</p>");
    assert_eq!(types(&desk.settle().await), ["Create"]);
    desk.instance.clock.jump(before + SignedDuration::from_mins(5));
    assert!(desk.settle().await.is_empty());
    desk.post("b", "<p>Two.</p>");
    assert!(desk.settle().await.is_empty());
    let desk = desk.again(ANNOUNCE);
    assert!(desk.settle().await.is_empty());
}

/// The clock was wrong and is put right for good: what became due is published after some minutes, once, and the grace
/// of what is missing begins then.
#[tokio::test]
async fn a_jump_that_stays_is_believed_after_a_while_and_the_grace_begins_there() {
    let desk = Desk::new(ANNOUNCE);
    desk.post("a", "<p>One.</p>");
    desk.post("b", "<p>Two.</p>");
    desk.write(
        "posts/spring/index.html",
        &page("spring", "2027-04-01T12:00:00Z", "<p>Spring.</p>"),
    );
    assert_eq!(types(&desk.settle().await), ["Create", "Create"]);
    without(&desk, "b");
    assert!(desk.settle().await.is_empty());
    jump(&desk, "2027-05-01T00:00:00Z");
    assert!(desk.settle().await.is_empty());
    desk.wait(9 * 60);
    assert!(desk.settle().await.is_empty());
    desk.wait(2 * 60);
    let due = desk.settle().await;
    assert_eq!(types(&due), ["Create"]);
    assert_eq!(
        due[0].body["object"]["id"],
        "https://blog.example/ap/objects/posts~spring"
    );
    desk.wait(9 * 60);
    assert!(desk.settle().await.is_empty(), "the grace");
    desk.wait(2 * 60);
    assert_eq!(types(&desk.settle().await), ["Delete"]);
    assert!(desk.settle().await.is_empty());
}

/// Backwards by days: nothing is sent again, new pages are news at once, and the page that was sent stays sent though
/// it is dated in what is now the future.
#[tokio::test]
async fn a_jump_backwards_sends_nothing_twice() {
    let desk = Desk::new(ANNOUNCE);
    desk.post("a", "<p>One.</p>");
    desk.write(
        "posts/today/index.html",
        &page("today", "2026-11-21T11:00:00Z", "<p>Today.</p>"),
    );
    assert_eq!(types(&desk.settle().await), ["Create", "Create"]);
    without(&desk, "a");
    assert!(desk.settle().await.is_empty());
    jump(&desk, "2026-11-16T12:00:00Z");
    assert!(desk.settle().await.is_empty());
    desk.write(
        "posts/now/index.html",
        &page("now", "2026-11-21T12:00:00Z", "<p>Now.</p>"),
    );
    assert_eq!(types(&desk.settle().await), ["Create"]);
    for _ in 0..3 {
        desk.wait(6 * 60);
        let jobs = desk.settle().await;
        assert!(jobs.is_empty(), "{:?}", types(&jobs));
    }
    let desk = desk.again(ANNOUNCE);
    assert!(desk.settle().await.is_empty());
    desk.wait(11 * 60);
    assert_eq!(
        types(&desk.settle().await),
        ["Delete"],
        "gone for longer than the grace by any clock"
    );
    assert!(desk.settle().await.is_empty());
}
