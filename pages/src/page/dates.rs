//! Dates as pages write them.
//!
//! A time without a zone is taken as UTC, a day as its midnight in UTC: both are what most generators mean, and the
//! evidence says so. What can't be read is no date; nothing is guessed.

use jiff::Timestamp;
use jiff::civil;
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::{Offset, TimeZone};

use super::claim::{Date, Precision};
use super::document::Document;
use super::written;
use crate::frame::Order;

/// Characters of the longest date in any of the forms below: JavaScript's, with the zone's name after it.
const MAX_DATE: usize = 90;

/// The years that a post may be of. Unset dates come out of generators as the year 1, mistakes beyond 9000.
pub(super) const YEARS: std::ops::RangeInclusive<i16> = 1800..=2999;

/// Reads what a machine wrote: RFC 3339, ISO 8601 with or without zone, a day, RFC 2822, Go's and Ruby's
/// `2026-11-01 10:00:00 +0100 CET`, or JavaScript's `Sun Nov 01 2026 10:00:00 GMT+0100 (…)`.
pub(super) fn machine(text: &str) -> Option<Date> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_DATE || !text.is_ascii() {
        return None;
    }
    let date = day(text)
        .or_else(|| iso(text))
        .or_else(|| rfc2822(text))
        .or_else(|| only(text, Order::Open))?;
    let unset = date.at == Timestamp::UNIX_EPOCH;
    (YEARS.contains(&date.day.year()) && !unset).then_some(date)
}

/// Reads what a reader sees, with day and month in this order where it matters: the forms of [`machine`], and a day in words in a line that
/// names no other ([`written`]).
pub(super) fn words(text: &str, order: Order) -> Option<Date> {
    machine(text).or_else(|| only(text, order))
}

/// The date of a line, when it names one day only.
fn only(text: &str, order: Order) -> Option<Date> {
    let mut all = written::all(text, order).into_iter().map(|(date, _)| date);
    let first = all.next()?;
    all.all(|other| other.day == first.day).then_some(first)
}

/// A day without a time: `2026-11-01`. `20261101` isn't taken: it may be a number.
fn day(text: &str) -> Option<Date> {
    (text.len() == 10 && text.as_bytes().get(4) == Some(&b'-')).then_some(())?;
    midnight(text.parse().ok()?)
}

pub(super) fn midnight(day: civil::Date) -> Option<Date> {
    let at = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Date {
        at,
        day,
        precision: Precision::Day,
    })
}

/// The source's name of days in addresses.
pub(super) const PATH: &str = "path";

/// The day in the page's address: `/2026/05/01/hello/`, `/posts/2026-05-01-hello.html`. A folder of a day, without a
/// name in it, holds a list.
pub(super) fn of_path(document: &Document<'_>) -> Option<Date> {
    of_address(document.own.path().strip_prefix(document.site.path())?)
}

/// The same of any path.
pub(super) fn of_address(path: &str) -> Option<Date> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let day = match parts.as_slice() {
        [.., last] if last.get(..10).is_some_and(|start| day(start).is_some()) => {
            return last
                .get(10..)
                .filter(|rest| rest.starts_with(['-', '_', '.']) || rest.is_empty())
                .and_then(|_| day(last.get(..10)?));
        }
        [.., year, month, day, _] => {
            let number = |part: &str, digits: std::ops::RangeInclusive<usize>| {
                digits.contains(&part.len()).then(|| part.parse::<i16>().ok())?
            };
            civil::Date::new(
                number(year, 4..=4)?,
                i8::try_from(number(month, 1..=2)?).ok()?,
                i8::try_from(number(day, 1..=2)?).ok()?,
            )
            .ok()?
        }
        _ => return None,
    };
    YEARS.contains(&day.year()).then(|| midnight(day)).flatten()
}

/// A day, a time, and perhaps a zone.
fn iso(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let dated =
        bytes.len() >= 15 && bytes.get(4) == Some(&b'-') && matches!(bytes.get(10), Some(b'T' | b't' | b' '));
    if !dated {
        return None;
    }
    let day: civil::Date = text.get(..10)?.parse().ok()?;
    let rest = text.get(11..)?.trim_start();
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ',')))
        .unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(end);
    let clock: civil::Time = clock.replace(',', ".").parse().ok()?;
    let local = day.to_datetime(clock);
    let (offset, precision) = match zone.trim() {
        "" => (Offset::UTC, Precision::Local),
        zone => (offset(zone)?, Precision::Instant),
    };
    let at = offset.to_timestamp(local).ok()?;
    // Fractions of a second are noise of the build; servers out there cut them anyway.
    let at = Timestamp::from_second(at.as_second()).ok()?;
    Some(Date { at, day, precision })
}

/// `Z`, `UTC`, `GMT`, `+01:00`, `+0100`, `+01`, each with a name after it that only repeats it: `+0000 UTC`.
pub(super) fn offset(zone: &str) -> Option<Offset> {
    let first = zone.split([' ', '[']).next()?;
    if matches!(first, "Z" | "z" | "UTC" | "GMT") {
        return Some(Offset::UTC);
    }
    let sign = match first.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = first.get(1..)?.chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits
        .get(2..)
        .filter(|m| !m.is_empty())
        .map_or(Some(0), |m| m.parse().ok())?;
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

fn rfc2822(text: &str) -> Option<Date> {
    let zoned = rfc2822::parse(text).ok().or_else(|| {
        // `GMT` and friends in the forms that feeds and old themes use.
        strtime::parse("%a, %d %b %Y %H:%M:%S %z", text)
            .ok()?
            .to_zoned()
            .ok()
    })?;
    Some(Date {
        at: zoned.timestamp(),
        day: zoned.date(),
        precision: Precision::Instant,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> String {
        machine(text).map_or("none".into(), |date| format!("{} {:?}", date.at, date.precision))
    }

    #[test]
    fn the_forms_that_generators_write_are_read() {
        assert_eq!(at("2026-11-01T10:00:00+01:00"), "2026-11-01T09:00:00Z Instant");
        assert_eq!(at("2026-11-01T10:00:00Z"), "2026-11-01T10:00:00Z Instant");
        assert_eq!(at("2026-11-01T10:00:00.123456Z"), "2026-11-01T10:00:00Z Instant");
        assert_eq!(at("2026-11-01T10:00:00+0100"), "2026-11-01T09:00:00Z Instant");
        assert_eq!(at("2026-11-01T10:00-05"), "2026-11-01T15:00:00Z Instant");
        assert_eq!(
            at(" 2026-11-01 10:00:00 +0100 CET "),
            "2026-11-01T09:00:00Z Instant"
        );
        assert_eq!(at("2026-11-01 10:00:00 UTC"), "2026-11-01T10:00:00Z Instant");
        assert_eq!(
            at("Sun, 01 Nov 2026 10:00:00 +0100"),
            "2026-11-01T09:00:00Z Instant"
        );
        assert_eq!(
            at("Sun, 01 Nov 2026 10:00:00 GMT"),
            "2026-11-01T10:00:00Z Instant"
        );
    }

    #[test]
    fn a_time_without_a_zone_is_utc_and_a_day_is_its_midnight() {
        assert_eq!(at("2026-11-01T10:00:00"), "2026-11-01T10:00:00Z Local");
        assert_eq!(at("2026-11-01 10:00"), "2026-11-01T10:00:00Z Local");
        assert_eq!(at("2026-11-01"), "2026-11-01T00:00:00Z Day");
    }

    #[test]
    fn a_date_that_nobody_set_is_none() {
        for text in [
            "0001-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "",
            "soon",
            "2026-13-01",
            "2026-02-30",
            "20261101",
        ] {
            assert_eq!(at(text), "none", "{text}");
        }
    }

    #[test]
    fn a_line_with_one_day_is_read_and_one_with_two_is_not() {
        for text in [
            "November 1, 2026",
            "1. November 2026",
            "2026-11-01",
            "Posted on 01 Nov 2026",
        ] {
            assert_eq!(
                words(text, Order::Open).expect(text).day.to_string(),
                "2026-11-01",
                "{text}"
            );
        }
        assert!(words("1. November", Order::Open).is_none());
        assert!(words("1 November 2026 to 3 November 2026", Order::Open).is_none());
    }

    #[test]
    fn a_day_in_the_address_is_read_when_a_name_follows_it() {
        let site = "https://blog.example/b/".parse().unwrap();
        let html = crate::dom::Html::parse_document("");
        let day = |path: &str| of_path(&Document::new(&html, path, &site)).map(|date| date.day.to_string());
        for path in [
            "/2026/05/01/hello/",
            "/posts/2026/5/1/hello.html",
            "/2026-05-01-hello.html",
            "/journal/2026-05-01/",
        ] {
            assert_eq!(day(path).as_deref(), Some("2026-05-01"), "{path}");
        }
        for path in [
            "/2026/05/01/",
            "/2026/05/hello/",
            "/2026/13/01/hello/",
            "/hello/",
            "/2026-05-011/",
            "/",
        ] {
            assert_eq!(day(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,70}", digits in "[0-9TZ:+. -]{0,40}") {
            words(&text, Order::Open);
            words(&digits, Order::DayFirst);
        }
    }
}
