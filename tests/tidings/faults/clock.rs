//! The system's clock jumps by days.

use jiff::SignedDuration;
use tidings::deliver;

use crate::delivery::{Reaction, Sender, Server};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A sender with one delivery that failed often enough to be given up when it is old.
async fn tried_often() -> (Sender, Server) {
    let sender = Sender::start("");
    let server = Server::start(|_, _| Reaction::Answer(503, "")).await;
    sender.send("one", &[server.inbox()]);
    while server.arrived().len() < 6 {
        until_the_next(&sender).await;
    }
    (sender, server)
}

/// Lets time pass until the first delivery is due, and tries it.
async fn until_the_next(sender: &Sender) {
    // The clock shows milliseconds.
    let next = sender.queue()[0].next + SignedDuration::from_millis(1);
    sender.clock.set(next.max(sender.clock.now()));
    sender.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ahead_and_back_makes_nothing_be_given_up_and_nothing_be_tried_early() {
    let (sender, server) = tried_often().await;
    let (before, tried) = (sender.clock.now(), server.arrived().len());
    sender.clock.jump(before + DAY * 30);
    sender.drain().await;
    assert_eq!(server.arrived().len(), tried, "it isn't due");
    assert_eq!(sender.queue().len(), 1);
    // Somebody hurries while the clock is wrong.
    deliver::retry(sender.instance(), None).unwrap();
    sender.drain().await;
    assert_eq!(server.arrived().len(), tried + 1);
    assert_eq!(sender.queue().len(), 1, "it isn't five days old");
    sender.clock.jump(before);
    sender.drain().await;
    assert_eq!(sender.queue().len(), 1);
    let next = sender.queue()[0].next;
    assert!(next.duration_since(before) < DAY, "{next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_stays_ahead_is_believed_and_the_days_it_skipped_do_not_count() {
    let (sender, server) = tried_often().await;
    let wrong = sender.clock.now() + DAY * 30;
    sender.clock.jump(wrong);
    sender.drain().await;
    // Twelve minutes later it is believed.
    for minute in [6, 12] {
        sender.clock.set(wrong + SignedDuration::from_mins(minute));
        sender.drain().await;
    }
    let waiting = sender.queue();
    assert_eq!(waiting.len(), 1, "it is tried on");
    assert!(waiting[0].next >= wrong, "by the new time: {}", waiting[0].next);
    let tried = server.arrived().len();
    while !sender.queue().is_empty() {
        until_the_next(&sender).await;
    }
    let lasted = sender.clock.now().duration_since(wrong);
    assert!(lasted >= DAY * 5 && lasted < DAY * 6, "{lasted}");
    assert!(server.arrived().len() > tried + 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_put_back_by_days_stops_nothing() {
    let (sender, _) = tried_often().await;
    let back = sender.clock.now() - DAY * 9;
    sender.clock.jump(back);
    sender.drain().await;
    sender.clock.set(back + SignedDuration::from_mins(11));
    sender.drain().await;
    let good = Server::start(|_, _| Reaction::Answer(202, "")).await;
    sender.send("two", &[good.inbox()]);
    sender.drain().await;
    assert_eq!(good.arrived().len(), 1);
    let next = sender.queue()[0].next;
    assert!(next.duration_since(sender.clock.now()) < DAY, "{next}");
}
