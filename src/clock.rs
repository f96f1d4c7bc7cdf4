//! The time: the only reader of the system's clock.
//!
//! Everything else is handed a [`Clock`] or a [`Timestamp`], so that tests can let five days pass in a moment. What is
//! done because time has passed (a Delete after the grace, a post that is due) goes by a [`Steady`] one, which doesn't
//! jump when the system's clock does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// So far a clock may be off before that is a jump: what time servers correct little by little stays below it.
const SLACK: SignedDuration = SignedDuration::from_mins(1);
/// A clock that jumped is believed after so long: who set it wrong by mistake has noticed by then.
const DOUBT: SignedDuration = SignedDuration::from_mins(10);

/// A source of the current time: the system's, or one that a test moves by hand.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<Hands>),
}

/// Of a clock that is moved by hand, in milliseconds.
#[derive(Debug)]
struct Hands {
    shown: AtomicI64,
    passed: AtomicI64,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands still at `start` until [`Clock::set`] moves it; clones move with it.
    pub fn manual(start: Timestamp) -> Clock {
        Clock(Source::Manual(Arc::new(Hands {
            shown: AtomicI64::new(start.as_millisecond()),
            passed: AtomicI64::new(0),
        })))
    }

    /// The current time, to the millisecond.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                let now = Timestamp::now();
                Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
            }
            Source::Manual(hands) => {
                let shown = hands.shown.load(Ordering::SeqCst);
                Timestamp::from_millisecond(shown).unwrap_or(Timestamp::UNIX_EPOCH)
            }
        }
    }

    /// How much time has passed since some moment, whatever the clock showed meanwhile; sleep of the machine included.
    pub fn passed(&self) -> SignedDuration {
        match &self.0 {
            Source::System => {
                let time = rustix::time::clock_gettime(UPTIME);
                SignedDuration::new(time.tv_sec, i32::try_from(time.tv_nsec).unwrap_or(0))
            }
            Source::Manual(hands) => SignedDuration::from_millis(hands.passed.load(Ordering::SeqCst)),
        }
    }

    /// Lets time pass until a manual clock shows `to`; the system's goes as it goes.
    pub fn set(&self, to: Timestamp) {
        if let Source::Manual(hands) = &self.0 {
            let before = hands.shown.swap(to.as_millisecond(), Ordering::SeqCst);
            let passed = (to.as_millisecond() - before).max(0);
            hands.passed.fetch_add(passed, Ordering::SeqCst);
        }
    }

    /// Makes a manual clock show `to` though no time has passed.
    pub fn jump(&self, to: Timestamp) {
        if let Source::Manual(hands) = &self.0 {
            hands.shown.store(to.as_millisecond(), Ordering::SeqCst);
        }
    }
}

/// Counts on while the machine sleeps, where the system has such a clock.
#[cfg(target_os = "linux")]
const UPTIME: rustix::time::ClockId = rustix::time::ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const UPTIME: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

/// The time to act by: goes on evenly when the clock jumps, and believes it only after a while.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steady {
    last: Option<Reading>,
    leapt: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Timestamp,
    passed: SignedDuration,
    /// When the clock was first seen to show something else.
    off_since: Option<SignedDuration>,
}

/// What a [`Steady`] clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time to act by.
    pub now: Timestamp,
    /// What the clock shows, if it jumped just now: to be told once.
    pub jumped: Option<Timestamp>,
    /// The last jump that was believed, by the new time: what is measured from before it is not to be trusted.
    pub leapt: Option<Timestamp>,
}

impl Steady {
    /// Reads `clock`.
    pub fn read(&mut self, clock: &Clock) -> Moment {
        let (shown, passed) = (clock.now(), clock.passed());
        let mut now = shown;
        let mut jumped = None;
        let mut off_since = None;
        if let Some(last) = self.last {
            let even = last.at.checked_add(passed - last.passed).unwrap_or(last.at);
            if shown.duration_since(even).abs() > SLACK {
                let since = last.off_since.unwrap_or(passed);
                if passed - since < DOUBT {
                    now = even;
                    off_since = Some(since);
                    jumped = Some(shown).filter(|_| last.off_since.is_none());
                } else {
                    self.leapt = Some(shown);
                }
            }
        }
        self.last = Some(Reading {
            at: now,
            passed,
            off_since,
        });
        Moment {
            now,
            jumped,
            leapt: self.leapt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved_and_its_clones_move_with_it() {
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let clock = Clock::manual(start);
        let other = clock.clone();
        assert_eq!(clock.now(), start);
        let later: Timestamp = "2026-11-26T10:00:00Z".parse().unwrap();
        clock.set(later);
        assert_eq!(other.now(), later);
    }

    #[test]
    fn a_steady_clock_goes_on_evenly_over_a_jump_and_believes_it_after_a_while() {
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let minutes = |count: i64| start + SignedDuration::from_mins(count);
        let wrong: Timestamp = "2046-01-01T00:00:00Z".parse().unwrap();
        let clock = Clock::manual(start);
        let mut steady = Steady::default();
        assert_eq!(steady.read(&clock).now, start);
        clock.set(minutes(5));
        assert_eq!(steady.read(&clock).now, minutes(5), "time that passes is no jump");
        clock.jump(wrong);
        let jumped = steady.read(&clock);
        assert_eq!((jumped.now, jumped.jumped), (minutes(5), Some(wrong)));
        clock.set(wrong + SignedDuration::from_mins(9));
        let later = steady.read(&clock);
        assert_eq!((later.now, later.jumped, later.leapt), (minutes(14), None, None));
        // Back again, as if nothing had been.
        clock.jump(minutes(14));
        assert_eq!(steady.read(&clock).now, minutes(14));
        // For good, backwards this time.
        clock.jump(minutes(-600));
        assert_eq!(steady.read(&clock).now, minutes(14));
        clock.set(minutes(-590));
        let leapt = steady.read(&clock);
        assert_eq!((leapt.now, leapt.leapt), (minutes(-590), Some(minutes(-590))));
    }
}
