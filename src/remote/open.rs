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
    manner: Manner,
    since: Timestamp,
}

/// What a host does with those who don't sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Nobody has tried; it answered one who did sign.
    Untried,
    /// It shows them whole actors.
    Open,
    /// It shows them less, or nothing.
    Insists,
}

impl Default for OpenHosts {
    fn default() -> OpenHosts {
        OpenHosts {
            known: Cache::new(NOTES),
        }
    }
}

impl OpenHosts {
    /// What is known of a host; `None` when it has to be asked with a signature first.
    pub(super) fn manner(&self, host: &str, now: Timestamp) -> Option<Manner> {
        let known = self.known.get(host)?;
        is_within(BELIEVED, known.since, now).then_some(known.manner)
    }

    /// Notes what a host did. It is believed until a day after the first answer.
    pub(super) fn note(&self, host: &str, manner: Manner, now: Timestamp) {
        let known = self.known.get(host);
        let earlier = known.filter(|known| is_within(BELIEVED, known.since, now));
        let since = earlier.map_or(now, |known| known.since);
        self.known.insert(host.to_string(), Known { manner, since });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_did_is_believed_for_a_day_after_its_first_answer() {
        let hosts = OpenHosts::default();
        let now = Timestamp::UNIX_EPOCH;
        let after = |hours| now + SignedDuration::from_hours(hours);
        assert_eq!(hosts.manner("a.example", now), None);
        hosts.note("a.example", Manner::Untried, now);
        assert_eq!(hosts.manner("a.example", after(1)), Some(Manner::Untried));
        assert_eq!(hosts.manner("b.example", after(1)), None);
        hosts.note("a.example", Manner::Open, after(20));
        assert_eq!(hosts.manner("a.example", after(23)), Some(Manner::Open));
        assert_eq!(hosts.manner("a.example", after(25)), None);
        hosts.note("a.example", Manner::Insists, after(25));
        assert_eq!(hosts.manner("a.example", after(48)), Some(Manner::Insists));
    }
}
