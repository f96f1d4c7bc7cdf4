//! How much is asked of whom: so many fetches a round, so many an hour of one host, and none for a while of one that
//! doesn't answer.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::net;

/// Most fetches of a round, which comes every minute: a walk is nothing that anybody waits for.
const ROUND: usize = 20;
/// Most fetches of one host in an hour. Mastodon lets an address ask 300 times in five minutes; this is a sixtieth of it.
const HOST: usize = 60;
/// After how long a host is asked again that didn't answer; each time twice as long.
const PAUSE: SignedDuration = SignedDuration::from_mins(10);
/// How often that is doubled: up to nearly a day and a half.
const DOUBLED: u32 = 7;
/// Hosts that are remembered; beyond this those go that haven't been asked for an hour and weren't in trouble.
const HOSTS: usize = 4_096;

/// What may still be asked.
#[derive(Debug, Default)]
pub(super) struct Budget {
    left: usize,
    hosts: HashMap<String, Host>,
}

#[derive(Debug)]
struct Host {
    /// When its hour began.
    since: Timestamp,
    asked: usize,
    failures: u32,
    /// Before when it isn't asked.
    pause: Timestamp,
}

impl Budget {
    /// Begins a round.
    pub(super) fn begin_round(&mut self, now: Timestamp) {
        self.left = ROUND;
        if self.hosts.len() > HOSTS {
            self.hosts
                .retain(|_, host| !is_over(host.since, now) || is_ahead(host.pause, now));
        }
    }

    /// Whether nothing may be asked of anybody any more in this round.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Takes what `fetches` at a URL's host cost; `false` when they must wait.
    pub(super) fn take(&mut self, url: &str, fetches: usize, now: Timestamp) -> bool {
        let Some(name) = host_of(url) else {
            return false;
        };
        let host = self.hosts.entry(name).or_insert(Host {
            since: now,
            asked: 0,
            failures: 0,
            pause: now,
        });
        if is_over(host.since, now) {
            (host.since, host.asked) = (now, 0);
        }
        if self.left < fetches || host.asked + fetches > HOST || is_ahead(host.pause, now) {
            // What is too dear for the rest of this round is for the next one.
            if self.left < fetches {
                self.left = 0;
            }
            return false;
        }
        self.left -= fetches;
        host.asked += fetches;
        true
    }

    /// Notes that a host is there, whatever it says.
    pub(super) fn answered(&mut self, url: &str) {
        if let Some(host) = host_of(url).and_then(|name| self.hosts.get_mut(&name)) {
            host.failures = 0;
        }
    }

    /// Notes that a host isn't.
    pub(super) fn failed(&mut self, url: &str, now: Timestamp) {
        if let Some(host) = host_of(url).and_then(|name| self.hosts.get_mut(&name)) {
            let pause = PAUSE * (1 << host.failures.min(DOUBLED));
            host.failures = host.failures.saturating_add(1);
            host.pause = now.checked_add(pause).unwrap_or(now);
        }
    }
}

/// Whether an hour is over: also one that lies ahead, since a clock that has been put back.
fn is_over(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since).abs() >= SignedDuration::from_hours(1)
}

/// Whether a pause goes on; none is longer than the longest, unless the clock has been put back.
fn is_ahead(pause: Timestamp, now: Timestamp) -> bool {
    let left = pause.duration_since(now);
    left > SignedDuration::ZERO && left <= PAUSE * (1 << DOUBLED)
}

fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok().map(|url| net::host_of(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + minute * 60).unwrap()
    }

    #[test]
    fn a_host_is_asked_so_often_in_an_hour_and_all_together_so_often_in_a_round() {
        let mut budget = Budget::default();
        let mut asked = 0;
        for round in 0..50 {
            budget.begin_round(minute(round));
            let before = asked;
            while budget.take("https://a.example/1", 1, minute(round)) {
                asked += 1;
            }
            assert!(asked - before <= ROUND);
        }
        assert_eq!(asked, HOST);
        assert!(!budget.is_spent(), "another host may still be asked");
        assert!(budget.take("https://b.example/1", 2, minute(50)));
        budget.begin_round(minute(60));
        assert!(budget.take("https://a.example/1", 1, minute(60)), "an hour later");
    }

    #[test]
    fn a_host_that_does_not_answer_is_left_alone_ever_longer() {
        let mut budget = Budget::default();
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let start = now;
            loop {
                budget.begin_round(minute(now));
                if budget.take("https://a.example/1", 1, minute(now)) {
                    break;
                }
                now += 1;
            }
            pauses.push(now - start);
            budget.failed("https://a.example/1", minute(now));
        }
        assert_eq!(pauses[..4], [0, 10, 20, 40]);
        assert_eq!(pauses[11], 1280);
        budget.answered("https://a.example/1");
        budget.failed("https://a.example/1", minute(now));
        budget.begin_round(minute(now + 10));
        assert!(budget.take("https://a.example/1", 1, minute(now + 10)));
    }
}
