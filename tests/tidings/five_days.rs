//! The queue on a clock that the test moves: five days of gaps and caps for every kind of answer, and a server that comes
//! back after two days.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::delivery::{Reaction, Sender, Server};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Lets time pass until the next delivery is due, and makes it.
async fn until_the_next(sender: &Sender) {
    let next = sender.queue().iter().map(|waiting| waiting.next).min().unwrap();
    // The clock shows milliseconds.
    sender
        .clock
        .set((next + SignedDuration::from_millis(1)).max(sender.clock.now()));
    sender.drain().await;
}

/// A server that always answers so, and when it was asked.
async fn always(sender: &Sender, status: u16, headers: &'static str) -> (Server, Arc<Mutex<Vec<Timestamp>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (clock, times) = (sender.clock.clone(), Arc::clone(&asked));
    let server = Server::start(move |_, _| {
        let (now, mut times) = (clock.now(), times.lock().unwrap());
        // The second knock, by the other scheme, is part of the same attempt.
        if times.last() != Some(&now) {
            times.push(now);
        }
        Reaction::Answer(status, headers)
    })
    .await;
    (server, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_its_gaps_and_its_end_over_five_days() {
    let sender = Sender::start("");
    let cases = [
        (202, ""),
        (400, ""),
        (403, ""),
        (404, ""),
        (410, ""),
        (413, ""),
        (501, ""),
        (302, "location: http://127.0.0.1:9/\r\n"),
        (401, ""),
        (429, "retry-after: 7200\r\n"),
        (500, ""),
        (503, ""),
    ];
    let mut servers = Vec::new();
    for (status, headers) in cases {
        let (server, asked) = always(&sender, status, headers).await;
        servers.push((status, server, asked));
    }
    let inboxes: Vec<String> = servers.iter().map(|(_, server, _)| server.inbox()).collect();
    let start = sender.clock.now();
    sender.send("one", &inboxes);
    sender.drain().await;
    assert_eq!(
        sender.queue().len(),
        5,
        "what is final is over at once: {:?}",
        sender.queue()
    );
    while !sender.queue().is_empty() {
        assert!(sender.clock.now() < start + DAY * 7, "{:?}", sender.queue());
        until_the_next(&sender).await;
    }
    println!("| answer | attempts | first gap | longest gap | tried for |\n|---|---|---|---|---|");
    for (status, _, asked) in &servers {
        let asked = asked.lock().unwrap();
        let gaps: Vec<i64> = asked
            .windows(2)
            .map(|two| two[1].duration_since(two[0]).as_secs())
            .collect();
        let (first, longest) = (
            gaps.first().copied().unwrap_or(0),
            gaps.iter().max().copied().unwrap_or(0),
        );
        let lasted = asked[asked.len() - 1].duration_since(start).as_secs();
        println!(
            "| {status} | {} | {first} s | {:.1} h | {:.1} d |",
            asked.len(),
            longest as f64 / 3600.0,
            lasted as f64 / 86_400.0
        );
        match status {
            202 | 400 | 403 | 404 | 410 | 413 | 501 => assert_eq!(asked.len(), 1, "{status}"),
            _ => {
                assert!(
                    (5 * 86_400..5 * 86_400 + 7 * 3600).contains(&lasted),
                    "{status}: {lasted} s"
                );
                assert!(longest <= 6 * 3600 * 11 / 10 + 60, "{status}: {longest} s");
                assert!(
                    (20..=45).contains(&asked.len()),
                    "{status}: {} attempts",
                    asked.len()
                );
                match status {
                    429 => assert!(gaps.iter().all(|gap| *gap >= 7200), "{gaps:?}"),
                    _ => assert!((53..=67).contains(&first), "{status}: {first} s"),
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_down_for_two_days_gets_everything_in_order_once_and_is_not_stormed_meanwhile() {
    let sender = Sender::start("");
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let server = Server::start(move |_, _| match is_up.load(Ordering::SeqCst) {
        true => Reaction::Answer(202, ""),
        false => Reaction::Answer(503, ""),
    })
    .await;
    let inboxes: Vec<String> = (1..=3)
        .map(|number| server.url(&format!("/users/{number}/inbox")))
        .collect();
    let start = sender.clock.now();
    let mut posts = Vec::new();
    // A busy blog: a post an hour, to three people there.
    while sender.clock.now() < start + DAY * 2 {
        let id = format!("post-{:03}", posts.len());
        sender.send(&id, &inboxes);
        posts.push(id);
        let hour = sender.clock.now() + SignedDuration::from_hours(1);
        sender.drain().await;
        while sender.queue().iter().any(|waiting| waiting.next < hour) {
            until_the_next(&sender).await;
        }
        sender.clock.set(hour);
    }
    let knocked = server.arrived().len();
    assert!(
        (10..30).contains(&knocked),
        "one probes for all {}: {knocked}",
        posts.len() * 3
    );
    assert_eq!(sender.queue().len(), posts.len() * 3, "nothing is given up");
    up.store(true, Ordering::SeqCst);
    let back = sender.clock.now();
    while !sender.queue().is_empty() {
        until_the_next(&sender).await;
    }
    let took = sender.clock.now().duration_since(back);
    assert!(
        took <= SignedDuration::from_hours(7),
        "after the longest gap at most: {took}"
    );
    assert_eq!(server.arrived().len(), knocked + posts.len() * 3, "each once");
    for inbox in &inboxes {
        let path = inbox.trim_start_matches(&server.url(""));
        let arrived = server.arrived();
        let got: Vec<String> = arrived[knocked..]
            .iter()
            .filter(|arrival| arrival.path == path)
            .map(|arrival| arrival.activity())
            .collect();
        assert_eq!(got, posts, "{inbox}");
    }
}
