//! The retry rule: what an answer to a delivery means, and when to try again.
//!
//! Pure: status, attempts, age and chance go in, a decision comes out. The first retry comes after about a minute,
//! the gaps grow threefold to six hours, and after five days a delivery is given up.
//!
//! ```
//! use std::time::Duration;
//! use tidings::queue::{self, Next, Verdict};
//!
//! assert_eq!(queue::verdict(202), Verdict::Delivered);
//! let Next::RetryIn(gap) = queue::next(1, Duration::ZERO, None, 0.5) else { panic!() };
//! assert_eq!(gap, Duration::from_secs(60));
//! ```

use std::time::Duration;

/// The gap after the first failure.
pub const FIRST_GAP: Duration = Duration::from_secs(60);
/// By how much each gap is longer than the one before.
const GROWTH: u32 = 3;
/// The longest gap: a server that was down for a night gets its posts the same morning.
pub const LONGEST_GAP: Duration = Duration::from_secs(6 * 60 * 60);
/// How long a delivery is tried: a server that dies on a Friday is back on Monday.
pub const LIFE: Duration = Duration::from_secs(5 * 24 * 60 * 60);
/// An old delivery is tried at least so often before it is given up: we ourselves may have been away for days.
pub const LEAST_ATTEMPTS: u32 = 5;
/// The longest Retry-After that is believed.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// A Retry-After shorter than our own gap is followed so many times; who says "1" for ever doesn't mean it.
const SHORT_RETRIES: u32 = 5;
/// The part of a gap by which chance makes it longer or shorter, so that what failed together isn't retried together.
const SPREAD: f64 = 0.2;

/// What an answer means for a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Delivered,
    /// It can be tried again.
    Later(Scope),
    /// The inbox no longer exists, and never will again.
    Gone,
    /// Trying again would change nothing.
    Never,
}

/// What a failure says about other deliveries to the same host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The host is down, or wants to be left alone: they would fail too.
    Host,
    /// The host answered, and stumbled perhaps over this one only.
    Request,
}

/// Decides what the status of an answer means.
pub fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone,
        // Not known to it yet: it may have failed to fetch our key, because we or the way between were down.
        // Both signature schemes have been tried when this is asked.
        401 => Verdict::Later(Scope::Request),
        // Too slow, too early, at the wrong server of several: the same request may succeed.
        408 | 421 | 425 => Verdict::Later(Scope::Request),
        // Too many requests: said to the host that sends, not about one activity.
        429 => Verdict::Later(Scope::Host),
        // Malformed, forbidden, unknown inbox, wrong method, too large, wrong type, not understood, illegal:
        // the server has read and decided.
        400..=499 => Verdict::Never,
        // It can't do this at all, ever.
        501 | 505 => Verdict::Never,
        // The proxy in front answers, not the server behind it (520 to 530 are Cloudflare's), or it is in maintenance.
        502 | 503 | 504 | 520..=530 => Verdict::Later(Scope::Host),
        // A mistake of the server, or a redirect, which for a POST is a proxy that isn't set up yet.
        _ => Verdict::Later(Scope::Request),
    }
}

/// What happens after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after this time.
    RetryIn(Duration),
    /// It has been tried for long enough.
    GiveUp,
}

/// Decides what happens after a failure: `attempts` includes the one that just failed, `age` is the time since the
/// delivery was first due, `retry_after` what the server asked for, `chance` is between 0 and 1.
pub fn next(attempts: u32, age: Duration, retry_after: Option<Duration>, chance: f64) -> Next {
    if age >= LIFE && attempts >= LEAST_ATTEMPTS {
        return Next::GiveUp;
    }
    let spread = 1.0 + SPREAD * (chance.clamp(0.0, 1.0) - 0.5);
    let own = gap(attempts).mul_f64(spread);
    let Some(asked) = retry_after else {
        return Next::RetryIn(own);
    };
    // Never earlier than asked for.
    let asked = asked
        .clamp(Duration::from_secs(1), LONGEST_RETRY_AFTER)
        .mul_f64(1.0 + SPREAD / 2.0 * chance.clamp(0.0, 1.0));
    Next::RetryIn(if attempts <= SHORT_RETRIES {
        asked
    } else {
        asked.max(own)
    })
}

/// The gap after so many failures, without chance.
fn gap(attempts: u32) -> Duration {
    // 3^6 minutes are more than six hours already.
    let growth = GROWTH.saturating_pow(attempts.saturating_sub(1).min(10));
    FIRST_GAP.saturating_mul(growth).min(LONGEST_GAP)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_status_means_is_decided_once() {
        for status in [200, 201, 202, 204] {
            assert_eq!(verdict(status), Verdict::Delivered, "{status}");
        }
        for status in [
            400, 402, 403, 404, 405, 406, 409, 411, 413, 414, 415, 417, 422, 431, 451, 501, 505,
        ] {
            assert_eq!(verdict(status), Verdict::Never, "{status}");
        }
        for status in [301, 302, 307, 401, 408, 421, 425, 500, 507, 511, 599] {
            assert_eq!(verdict(status), Verdict::Later(Scope::Request), "{status}");
        }
        for status in [429, 502, 503, 504, 521, 522, 530] {
            assert_eq!(verdict(status), Verdict::Later(Scope::Host), "{status}");
        }
        assert_eq!(verdict(410), Verdict::Gone);
    }

    /// The moments of all attempts of a delivery that always fails.
    fn attempts(chance: f64) -> Vec<Duration> {
        let mut at = Duration::ZERO;
        let mut moments = vec![at];
        while let Next::RetryIn(gap) = next(u32::try_from(moments.len()).unwrap(), at, None, chance) {
            at += gap;
            moments.push(at);
        }
        moments
    }

    #[test]
    fn the_gaps_grow_from_a_minute_to_hours_and_end_after_five_days() {
        for chance in [0.0, 0.5, 1.0] {
            let moments = attempts(chance);
            let first = moments[1].as_secs();
            assert!(
                (54..=66).contains(&first),
                "the first retry comes after {first} s"
            );
            assert!(
                moments.windows(3).all(|w| w[2] - w[1] >= w[1] - w[0]),
                "gaps never shrink"
            );
            let last = *moments.last().unwrap();
            assert!(
                last >= LIFE && last <= LIFE + LONGEST_GAP.mul_f64(1.1),
                "{last:?}"
            );
            assert!((20..=35).contains(&moments.len()), "{} attempts", moments.len());
        }
    }

    #[test]
    fn what_is_found_after_a_long_absence_is_tried_a_few_times_still() {
        assert!(matches!(next(1, LIFE * 2, None, 0.5), Next::RetryIn(_)));
        assert_eq!(next(LEAST_ATTEMPTS, LIFE * 2, None, 0.5), Next::GiveUp);
    }

    #[test]
    fn retry_after_is_honoured_within_limits() {
        let ask = |attempts, seconds| {
            let asked = Some(Duration::from_secs(seconds));
            match next(attempts, Duration::ZERO, asked, 0.0) {
                Next::RetryIn(gap) => gap.as_secs(),
                Next::GiveUp => 0,
            }
        };
        assert_eq!(ask(1, 5), 5);
        assert_eq!(ask(1, 0), 1);
        assert_eq!(ask(1, 3600), 3600);
        assert_eq!(ask(1, 999_999_999), LONGEST_RETRY_AFTER.as_secs());
        assert!(
            ask(6, 5) > 3600,
            "who always says 5 s gets our own gaps in the end"
        );
    }

    proptest! {
        #[test]
        fn a_retry_is_never_sooner_than_asked_and_the_end_always_comes(
            attempts in 0u32..1000, age in 0u64..1_000_000, asked in proptest::option::of(0u64..100_000_000), chance in -1.0f64..2.0,
        ) {
            let asked = asked.map(Duration::from_secs);
            match next(attempts, Duration::from_secs(age), asked, chance) {
                Next::RetryIn(gap) => {
                    prop_assert!(gap >= Duration::from_millis(900));
                    prop_assert!(gap <= LONGEST_RETRY_AFTER.mul_f64(1.2));
                    if let Some(asked) = asked {
                        prop_assert!(gap >= asked.min(LONGEST_RETRY_AFTER));
                    }
                }
                Next::GiveUp => prop_assert!(age >= LIFE.as_secs() && attempts >= LEAST_ATTEMPTS),
            }
        }
    }
}
