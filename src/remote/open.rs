//! Which hosts show their actors to whoever asks, so that no signature need be made for it.
//!
//! A host is asked with a signature first: one that doesn't want to deal with us says so. For a day after it answered, its
//! actors' documents are asked for without, unless it turns out to show less then, or nothing.

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use super::{NOTES, is_within};

/// How long is believed what a host did.
const BELIEVED: SignedDuration = SignedDuration::from_hours(24);

/// What is known of hosts (with their ports, as [`crate::net::host_of`] writes them).
#[derive(Debug)]
pub(super) struct OpenHosts {
    known: Cache<String, Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    open: bool,
    since: Timestamp,
}

impl Default for OpenHosts {
    fn default() -> OpenHosts {
        OpenHosts {
            known: Cache::new(NOTES),
        }
    }
}

impl OpenHosts {
    /// Whether to ask this host without a signature.
    pub(super) fn is_open(&self, host: &str, now: Timestamp) -> bool {
        self.get(host, now).is_some_and(|known| known.open)
    }

    /// Notes that a host answered what was signed.
    pub(super) fn answered(&self, host: &str, now: Timestamp) {
        if self.get(host, now).is_none() {
            self.note(host, true, now);
        }
    }

    /// Notes that a host answered only what was signed.
    pub(super) fn is_closed(&self, host: &str, now: Timestamp) {
        self.note(host, false, now);
    }

    fn get(&self, host: &str, now: Timestamp) -> Option<Known> {
        self.known
            .get(host)
            .filter(|known| is_within(BELIEVED, known.since, now))
    }

    fn note(&self, host: &str, open: bool, since: Timestamp) {
        self.known.insert(host.to_string(), Known { open, since });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_asked_without_a_signature_for_a_day_after_it_answered_one_unless_it_wants_one() {
        let hosts = OpenHosts::default();
        let now = Timestamp::UNIX_EPOCH;
        let soon = now + SignedDuration::from_hours(1);
        let next_day = now + SignedDuration::from_hours(25);
        assert!(!hosts.is_open("a.example", now), "nothing is known of it");
        hosts.answered("a.example", now);
        assert!(hosts.is_open("a.example", soon));
        assert!(!hosts.is_open("b.example", soon));
        hosts.answered("a.example", soon);
        assert!(
            !hosts.is_open("a.example", next_day),
            "a day after the first answer"
        );

        hosts.is_closed("a.example", soon);
        hosts.answered("a.example", soon);
        assert!(
            !hosts.is_open("a.example", soon),
            "an answer to a signature says nothing new"
        );
        hosts.answered("a.example", next_day + SignedDuration::from_hours(1));
        assert!(hosts.is_open("a.example", next_day + SignedDuration::from_hours(2)));
    }
}
