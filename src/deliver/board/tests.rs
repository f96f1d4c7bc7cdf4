use jiff::SignedDuration;
use serde_json::json;

use std::time::Duration;

use super::super::host::PER_HOST;
use super::super::settle::Outcome;
use super::*;
use crate::queue::Scope;

const HOUR: i64 = 3600;
const SHARED: &str = "https://a.example/inbox";

fn start() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn job(id: &str, object: &str, inboxes: &[&str], created: Timestamp) -> Job {
    Job {
        id: id.into(),
        actor: "blog".into(),
        key: None,
        activity: format!("https://blog.example/ap/activities/{id}"),
        created,
        inboxes: inboxes.iter().map(ToString::to_string).collect(),
        body: json!({ "type": "Create", "object": { "id": object } }),
    }
}

fn down() -> Outcome {
    Outcome::Failed {
        scope: Scope::Host,
        error: "connection refused".into(),
        retry_after: None,
    }
}

fn stumble() -> Outcome {
    Outcome::Failed {
        scope: Scope::Request,
        error: "500 Internal Server Error".into(),
        retry_after: None,
    }
}

/// Lets time pass until `end`: every parcel is answered at once. Answers who was sent what, and when.
fn run(
    board: &mut Board,
    from: Timestamp,
    end: Timestamp,
    mut answer: impl FnMut(&Parcel, Timestamp) -> Outcome,
) -> Vec<(i64, String, String, bool)> {
    let mut sent = Vec::new();
    let mut now = from;
    loop {
        while let Some(parcel) = board.next(now) {
            let outcome = answer(&parcel, now);
            sent.push((
                now.duration_since(start()).as_secs(),
                parcel.job.id.to_string(),
                parcel.inbox.to_string(),
                matches!(outcome, Outcome::Delivered),
            ));
            board.settle(&parcel, outcome, now, 0.5);
        }
        match board.due() {
            Some(due) if due < end => now = due.max(now),
            _ => return sent,
        }
    }
}

fn arrived(sent: &[(i64, String, String, bool)]) -> Vec<&str> {
    sent.iter()
        .filter(|(.., arrived)| *arrived)
        .map(|(_, job, ..)| job.as_str())
        .collect()
}

#[test]
fn a_host_that_was_down_for_two_days_gets_everything_once_in_order_and_one_by_one() {
    let mut board = Board::default();
    let mut made = 0;
    let mut sent = Vec::new();
    let mut now = start();
    // A post every three hours, while the host is down for two days.
    while now < at(48 * HOUR) {
        board.add(
            &job(
                &format!("{made:03}"),
                &format!("https://blog.example/ap/objects/{made}"),
                &[SHARED],
                now,
            ),
            &[],
            None,
        );
        made += 1;
        let next = now + SignedDuration::from_hours(3);
        sent.extend(run(&mut board, now, next, |_, _| down()));
        now = next;
    }
    assert!(arrived(&sent).is_empty());
    assert!(
        sent.len() < 25,
        "{} probes in two days, for {made} posts",
        sent.len()
    );
    // It comes back.
    let mut most = 0;
    let mut under_way = Vec::new();
    let mut order = Vec::new();
    now = board.due().unwrap();
    assert!(now < at(56 * HOUR), "it is noticed within hours");
    loop {
        while let Some(parcel) = board.next(now) {
            under_way.push(parcel);
        }
        most = most.max(under_way.len());
        if under_way.is_empty() {
            break;
        }
        let parcel = under_way.remove(0);
        order.push(parcel.job.id.to_string());
        board.settle(&parcel, Outcome::Delivered, now, 0.5);
    }
    let all: Vec<String> = (0..made).map(|number| format!("{number:03}")).collect();
    assert_eq!(order, all);
    assert_eq!(most, 1, "one inbox is sent one thing at a time");
    assert!(board.jobs.is_empty() && board.hosts.is_empty() && board.timers.is_empty());
}

#[test]
fn a_host_that_comes_back_with_many_inboxes_is_not_stormed() {
    let mut board = Board::default();
    let inboxes: Vec<String> = (0..50)
        .map(|n| format!("https://a.example/users/{n}/inbox"))
        .collect();
    let inboxes: Vec<&str> = inboxes.iter().map(String::as_str).collect();
    board.add(&job("1", "o", &inboxes, start()), &[], None);
    let sent = run(&mut board, start(), at(30), |_, _| down());
    assert_eq!(sent.len(), 1, "what is found down first keeps the rest back");
    let now = board.due().unwrap();
    let probe = board.next(now).unwrap();
    assert!(board.next(now).is_none(), "one probe, everything else waits");
    board.settle(&probe, Outcome::Delivered, now, 0.5);
    let first = board.next(now).unwrap();
    assert!(board.next(now).is_none(), "then one after the other");
    board.settle(&first, Outcome::Delivered, now, 0.5);
    let mut most = 0;
    loop {
        let under_way: Vec<Parcel> = std::iter::from_fn(|| board.next(now)).collect();
        most = most.max(under_way.len());
        if under_way.is_empty() {
            break;
        }
        for parcel in under_way {
            board.settle(&parcel, Outcome::Delivered, now, 0.5);
        }
    }
    assert_eq!(most, PER_HOST);
    assert!(board.jobs.is_empty());
}

#[test]
fn an_update_never_overtakes_its_create_while_others_pass_one_that_stumbles() {
    let mut board = Board::default();
    board.add(&job("1", "poison", &[SHARED], start()), &[], None);
    board.add(&job("2", "fine", &[SHARED], start()), &[], None);
    board.add(&job("3", "poison", &[SHARED], start()), &[], None);
    let sent = run(&mut board, start(), at(3 * HOUR), |parcel, now| {
        if &*parcel.job.id == "1" && now < at(2 * HOUR) {
            stumble()
        } else {
            Outcome::Delivered
        }
    });
    assert_eq!(arrived(&sent), ["2", "1", "3"]);
    let fine = sent.iter().find(|(_, job, ..)| job == "2").unwrap().0;
    assert!(
        fine < 600,
        "what is in order waits for minutes, not for hours: {fine} s"
    );
}

#[test]
fn one_bad_host_never_delays_others() {
    let mut board = Board::default();
    let inboxes: Vec<String> = (0..100).map(|n| format!("https://h{n}.example/inbox")).collect();
    let inboxes: Vec<&str> = inboxes.iter().map(String::as_str).collect();
    board.add(&job("1", "o", &inboxes, start()), &[], None);
    let bad = |inbox: &str| inbox.contains('7');
    let sent = run(&mut board, start(), at(30), |parcel, _| {
        if bad(&parcel.inbox) {
            down()
        } else {
            Outcome::Delivered
        }
    });
    assert_eq!(sent.len(), 100);
    assert_eq!(arrived(&sent).len(), 81);
    assert!(board.waiting(at(30)).iter().all(|waiting| bad(&waiting.host)));
}

#[test]
fn after_five_days_a_dead_host_is_given_up_and_the_job_ends() {
    let mut board = Board::default();
    board.add(&job("1", "o", &[SHARED], start()), &[], None);
    let sent = run(&mut board, start(), at(30 * 24 * HOUR), |_, _| down());
    let last = sent.last().unwrap().0;
    assert!(
        (5 * 24 * HOUR..5 * 24 * HOUR + 7 * HOUR).contains(&last),
        "the last attempt is made after {last} s"
    );
    assert!((15..40).contains(&sent.len()), "{} attempts", sent.len());
    assert!(board.jobs.is_empty() && board.hosts.is_empty());
}

#[test]
fn a_delivery_that_only_stumbles_is_given_up_as_well() {
    let mut board = Board::default();
    board.add(&job("1", "poison", &[SHARED], start()), &[], None);
    let mut count = 0;
    let mut now = start();
    // Something else arrives every hour, so that the host is known to be up.
    while now < at(6 * 24 * HOUR) {
        count += 1;
        board.add(
            &job(&format!("x{count}"), &format!("o{count}"), &[SHARED], now),
            &[],
            None,
        );
        let next = now + SignedDuration::from_hours(1);
        run(&mut board, now, next, |parcel, _| {
            if &*parcel.job.id == "1" {
                stumble()
            } else {
                Outcome::Delivered
            }
        });
        now = next;
    }
    assert!(!board.jobs.contains_key("1"), "{:?}", board.waiting(now));
}

#[test]
fn retry_after_is_waited_for_by_everything_for_the_host() {
    let mut board = Board::default();
    board.add(&job("1", "a", &[SHARED], start()), &[], None);
    board.add(&job("2", "b", &[SHARED], start()), &[], None);
    let parcel = board.next(start()).unwrap();
    let busy = Outcome::Failed {
        scope: Scope::Host,
        error: "429 Too Many Requests".into(),
        retry_after: Some(Duration::from_secs(600)),
    };
    let settled = board.settle(&parcel, busy, start(), 0.0);
    assert_eq!(settled.marks.len(), 1);
    assert!(board.next(at(599)).is_none());
    let waiting = board.waiting(start());
    assert_eq!(waiting.len(), 2);
    assert!(waiting.iter().all(|waiting| waiting.next == at(600)));
    assert!(
        waiting
            .iter()
            .all(|waiting| waiting.error.as_deref() == Some("429 Too Many Requests"))
    );
    assert_eq!(&*board.next(at(600)).unwrap().job.id, "1");
}

#[test]
fn a_board_is_rebuilt_from_jobs_and_marks() {
    let other = "https://b.example/inbox";
    let third = "https://c.example/inbox";
    let mut board = Board::default();
    let job = job("1", "o", &[SHARED, other, third], start());
    board.add(&job, &[], None);
    let mut marks = Vec::new();
    let mut now = start();
    for _ in 0..3 {
        while let Some(parcel) = board.next(now) {
            let outcome = match &*parcel.inbox {
                SHARED => Outcome::Delivered,
                inbox if inbox == other => down(),
                _ => Outcome::Hindered("the key is damaged".into()),
            };
            let settled = board.settle(&parcel, outcome, now, 0.5);
            marks.extend(settled.marks.into_iter().map(|(_, mark)| mark));
        }
        now = board.due().unwrap();
    }
    let mut again = Board::default();
    assert!(again.add(&job, &marks, None));
    assert_eq!(again.waiting(start()), board.waiting(start()));
    assert!(again.next(start()).is_none(), "nothing is sent before its time");
    marks.push(Mark::Done {
        inbox: other.into(),
        at: start(),
        error: None,
    });
    marks.push(Mark::Done {
        inbox: third.into(),
        at: start(),
        error: None,
    });
    assert!(!Board::default().add(&job, &marks, None), "all is done");
}

#[test]
fn the_inboxes_behind_a_shared_one_that_is_gone_get_it_instead() {
    let mut board = Board::default();
    board.add(&job("1", "o", &[SHARED], start()), &[], None);
    let parcel = board.next(start()).unwrap();
    let own = "https://a.example/users/ada/inbox".to_string();
    let settled = board.settle(
        &parcel,
        Outcome::Gone(vec![own.clone(), own.clone()]),
        start(),
        0.5,
    );
    assert!(
        settled
            .marks
            .iter()
            .any(|(_, mark)| matches!(mark, Mark::Added { .. }))
    );
    let sent = run(&mut board, start(), at(10), |_, _| Outcome::Delivered);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].2, own);
    assert!(board.jobs.is_empty());
}

#[test]
fn hurry_and_drop_work_on_the_hosts_that_are_named() {
    let mut board = Board::default();
    let other = "https://b.example/inbox";
    board.add(&job("1", "o", &[SHARED, other], start()), &[], None);
    run(&mut board, start(), at(10), |_, _| down());
    assert!(board.next(at(10)).is_none());
    assert_eq!(board.hurry(|host| host == "a.example", at(10)), 1);
    let parcel = board.next(at(10)).unwrap();
    assert_eq!(&*parcel.host, "a.example");
    assert!(board.next(at(10)).is_none());
    board.settle(&parcel, Outcome::Delivered, at(10), 0.5);
    let settled = board.drop_hosts(|host| host == "b.example", at(11));
    assert_eq!(settled.finished.len(), 1);
    assert!(board.jobs.is_empty() && board.hosts.is_empty());
}

#[test]
fn a_clock_that_is_put_back_does_not_stop_the_queue() {
    let mut board = Board::default();
    board.add(&job("1", "o", &[SHARED], start()), &[], None);
    run(&mut board, start(), at(10), |_, _| down());
    let long_ago = start() - SignedDuration::from_hours(24 * 300);
    assert!(board.next(long_ago).is_some());
}

#[test]
fn an_inbox_that_is_no_url_is_answered_like_any_other() {
    let mut board = Board::default();
    board.add(&job("1", "o", &["nonsense", ""], start()), &[], None);
    let sent = run(&mut board, start(), at(10), |_, _| {
        Outcome::Refused("not a URL".into())
    });
    assert_eq!(sent.len(), 2);
    assert!(board.jobs.is_empty());
}
