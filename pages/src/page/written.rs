//! Dates as people write them: "15. März 2026", "2026年3月15日", "March 15th, 2026 at 10:00".
//!
//! A date has a day, a month and a year of four digits. One whose day and month may be taken for one another
//! (03/04/2026) is read as the site writes others (25/04/2026), else by the language of the page: where that leaves it open, it
//! is no date.

use std::ops::Range;

use jiff::civil;
use jiff::tz::Offset;

use super::claim::{Date, Precision};
use super::dates;
use super::months::month;
use crate::frame::Order;

/// Characters in which dates are looked for; a line about a date is shorter.
const MAX_TEXT: usize = 400;

/// Marks and short words between two parts of one date: "1, " and "1 de ".
const MAX_BETWEEN: usize = 5;

/// Words between the parts of a date: "15 de marzo de 2026", "the 1st of May".
const BETWEEN: [&str; 8] = ["de", "del", "of", "the", "di", "do", "d", "г"];

/// What follows the number of a day without meaning more than that.
const ORDINAL: [&str; 8] = ["st", "nd", "rd", "th", "er", "º", "ª", "de"];

/// Words between a day and a time: "at 10:00", "um 10:00 Uhr", "à 10 h".
const BEFORE_TIME: [&str; 13] = [
    "t", "at", "um", "à", "a", "om", "kl", "klo", "las", "às", "ore", "в", "alle",
];

/// The order in which a text writes the dates that can be taken in one way only ([`Order::Open`] when it has none, or writes
/// both).
pub(super) fn order(text: &str) -> Order {
    let tokens = tokens(text);
    let mut found = Order::Open;
    for at in 0..tokens.len() {
        // Dots stand behind days everywhere, and a year in front leaves no doubt.
        let (Some((first, 1 | 2)), Some('/' | '-')) = (number(&tokens, at), sign(&tokens, at + 1)) else {
            continue;
        };
        let order = match in_digits(&tokens, at, Order::Open) {
            Some((day, _)) if day.day() <= 12 => continue,
            Some(_) if first > 12 => Order::DayFirst,
            Some(_) => Order::MonthFirst,
            None => continue,
        };
        if found != Order::Open && found != order {
            return Order::Open;
        }
        found = order;
    }
    found
}

/// The custom of a language (after the Unicode CLDR's short dates).
pub(super) fn custom(language: Option<&str>) -> Order {
    let Some(language) = language.map(|language| language.trim().to_ascii_lowercase()) else {
        return Order::Open;
    };
    let mut parts = language.split(['-', '_']);
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("en", Some("us" | "ph")) => Order::MonthFirst,
        // Plain English is written by Americans and by everybody else; Canada writes both.
        ("" | "en", None) | ("en", Some("ca")) | ("zh" | "ja" | "ko", _) => Order::Open,
        _ => Order::DayFirst,
    }
}

/// The dates in a text, in its order, each with the bytes where it stands.
pub(super) fn all(text: &str, order: Order) -> Vec<(Date, Range<usize>)> {
    let text = text
        .char_indices()
        .nth(MAX_TEXT)
        .map_or(text, |(end, _)| &text[..end]);
    let tokens = tokens(text);
    let mut found = vec![];
    let mut at = 0;
    while at < tokens.len() {
        let day = in_digits(&tokens, at, order).or_else(|| in_words(&tokens, at));
        match day {
            Some((day, end)) => {
                let (date, end) = with_time(text, &tokens, day, end);
                let byte = |at: usize| tokens.get(at).map_or(text.len(), |(_, start)| *start);
                found.extend(date.map(|date| (date, byte(at)..byte(end))));
                at = end.max(at + 1);
            }
            None => at += 1,
        }
    }
    found
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A number and how many digits it has.
    Number(i16, usize),
    /// Letters, in lower case; the marks of a Chinese, Japanese or Korean date stand alone.
    Word(String),
    /// Anything else.
    Sign(char),
}

/// The tokens with the byte at which each begins.
fn tokens(text: &str) -> Vec<(Token, usize)> {
    let mut tokens: Vec<(Token, usize)> = vec![];
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let mut whole = String::from(c);
        let mut take = |is: &dyn Fn(char) -> bool| {
            while let Some((_, next)) = chars.next_if(|(_, next)| is(*next)) {
                whole.push(next);
            }
        };
        let token = if c.is_ascii_digit() {
            take(&|next| next.is_ascii_digit());
            let digits = whole.len();
            match whole.parse() {
                Ok(number) if digits <= 4 => Token::Number(number, digits),
                _ => Token::Sign('0'),
            }
        } else if is_mark(c) {
            Token::Word(whole)
        } else if c.is_alphabetic() || matches!(c, 'º' | 'ª') {
            take(&|next| (next.is_alphabetic() || matches!(next, '\u{300}'..='\u{36f}')) && !is_mark(next));
            Token::Word(whole.to_lowercase())
        } else if c.is_whitespace() {
            take(&char::is_whitespace);
            Token::Sign(' ')
        } else {
            Token::Sign(c)
        };
        tokens.push((token, start));
    }
    tokens
}

/// The signs for year, month and day.
fn is_mark(c: char) -> bool {
    matches!(c, '年' | '月' | '日' | '号' | '號' | '년' | '월' | '일')
}

fn sign(tokens: &[(Token, usize)], at: usize) -> Option<char> {
    match tokens.get(at)?.0 {
        Token::Sign(sign) => Some(sign),
        _ => None,
    }
}

fn number(tokens: &[(Token, usize)], at: usize) -> Option<(i16, usize)> {
    match tokens.get(at)?.0 {
        Token::Number(number, digits) => Some((number, digits)),
        _ => None,
    }
}

fn word(tokens: &[(Token, usize)], at: usize) -> Option<&str> {
    match &tokens.get(at)?.0 {
        Token::Word(word) => Some(word),
        _ => None,
    }
}

/// `2026-03-15`, `15.03.2026`, `15. 3. 2026`, `03/15/2026`; with the place after it.
fn in_digits(tokens: &[(Token, usize)], at: usize, order: Order) -> Option<(civil::Date, usize)> {
    let first = number(tokens, at)?;
    let mark = sign(tokens, at + 1).filter(|mark| matches!(mark, '-' | '/' | '.'))?;
    let after = |mut at: usize| {
        at += usize::from(mark == '.' && sign(tokens, at) == Some(' '));
        at
    };
    let second_at = after(at + 2);
    let second = number(tokens, second_at)?;
    (sign(tokens, second_at + 1)? == mark).then_some(())?;
    let third_at = after(second_at + 2);
    let third = number(tokens, third_at)?;
    // A part of something longer is an address or a version.
    let joined = |mark: char| matches!(mark, '-' | '/' | '.' | '_' | '=' | '0');
    let before = at.checked_sub(1);
    if before.is_some_and(|before| sign(tokens, before).is_some_and(joined)) {
        return None;
    }
    let goes_on = sign(tokens, third_at + 1).is_some_and(|next| {
        joined(next) && !matches!(tokens.get(third_at + 2), None | Some((Token::Sign(_), _)))
    });
    if goes_on {
        return None;
    }
    let (year, month, day) = match (first.1, second.1, third.1) {
        (4, 1 | 2, 1 | 2) => (first.0, second.0, third.0),
        (1 | 2, 1 | 2, 4) => {
            let day_first = match (mark, order) {
                ('.', _) => true,
                _ if first.0 > 12 => true,
                _ if second.0 > 12 => false,
                _ if first.0 == second.0 => true,
                (_, Order::DayFirst) => true,
                (_, Order::MonthFirst) => false,
                (_, Order::Open) => return None,
            };
            if day_first {
                (third.0, second.0, first.0)
            } else {
                (third.0, first.0, second.0)
            }
        }
        _ => return None,
    };
    Some((civil_day(year, i8::try_from(month).ok()?, day)?, third_at + 1))
}

/// A part of a date in words.
#[derive(Clone, Copy)]
enum Part {
    Year(i16),
    Month(i8),
    Day(i16),
}

/// `March 15th, 2026`, `15 de marzo de 2026`, `2026年3月15日`; with the place after it.
fn in_words(tokens: &[(Token, usize)], at: usize) -> Option<(civil::Date, usize)> {
    let (first, end) = part(tokens, at)?;
    let (second, end) = part(tokens, between(tokens, end))?;
    let (third, end) = part(tokens, between(tokens, end))?;
    let (year, month, day) = match (first, second, third) {
        (Part::Year(year), Part::Month(month), Part::Day(day))
        | (Part::Day(day), Part::Month(month), Part::Year(year))
        | (Part::Month(month), Part::Day(day), Part::Year(year)) => (year, month, day),
        _ => return None,
    };
    Some((civil_day(year, month, day)?, end))
}

fn part(tokens: &[(Token, usize)], at: usize) -> Option<(Part, usize)> {
    if let Some(word) = word(tokens, at) {
        return Some((Part::Month(month(word)?), at + 1));
    }
    let (value, digits) = number(tokens, at)?;
    let marked = |at: usize, marks: &[&str]| word(tokens, at).is_some_and(|word| marks.contains(&word));
    // Korean and Japanese set spaces before the marks, or none.
    let next = at + 1 + usize::from(sign(tokens, at + 1) == Some(' '));
    match digits {
        4 if marked(next, &["年", "년"]) => Some((Part::Year(value), next + 1)),
        4 => Some((Part::Year(value), at + 1)),
        1 | 2 => {
            if marked(next, &["月", "월"]) {
                return Some((Part::Month(i8::try_from(value).ok()?), next + 1));
            }
            let end = if marked(next, &["日", "일", "号", "號"]) {
                next + 1
            } else {
                at + 1 + usize::from(marked(at + 1, &ORDINAL))
            };
            Some((Part::Day(value), end))
        }
        _ => None,
    }
}

/// The place after what may stand between two parts.
fn between(tokens: &[(Token, usize)], mut at: usize) -> usize {
    for _ in 0..MAX_BETWEEN {
        let passes = match tokens.get(at) {
            Some((Token::Sign(sign), _)) => matches!(sign, ' ' | ',' | '.' | '-' | '/' | '\'' | '’' | '،'),
            Some((Token::Word(word), _)) => BETWEEN.contains(&word.as_str()),
            _ => false,
        };
        if !passes {
            break;
        }
        at += 1;
    }
    at
}

fn civil_day(year: i16, month: i8, day: i16) -> Option<civil::Date> {
    let date = civil::Date::new(year, month, i8::try_from(day).ok()?).ok()?;
    dates::YEARS.contains(&date.year()).then_some(date)
}

/// The day with the time that stands after it, if one does; and the place after all that.
fn with_time(text: &str, tokens: &[(Token, usize)], day: civil::Date, end: usize) -> (Option<Date>, usize) {
    let mut at = end;
    for _ in 0..MAX_BETWEEN {
        let passes = match tokens.get(at) {
            Some((Token::Sign(sign), _)) => {
                matches!(sign, ' ' | ',' | '.' | '-' | '–' | '|' | '@' | '·' | '(')
            }
            Some((Token::Word(word), _)) => BEFORE_TIME.contains(&word.as_str()),
            _ => false,
        };
        if !passes {
            break;
        }
        at += 1;
    }
    match clock(tokens, at) {
        Some((time, after)) => {
            let rest = tokens.get(after).map_or("", |(_, start)| &text[*start..]);
            let zone = zone(rest);
            let offset = zone.unwrap_or(Offset::UTC);
            let precision = zone.map_or(Precision::Local, |_| Precision::Instant);
            let at = offset.to_timestamp(day.to_datetime(time)).ok();
            (at.map(|at| Date { at, day, precision }), after)
        }
        None => (dates::midnight(day), end),
    }
}

/// `10:00`, `10:00:30`, `10:00 PM`, `10h30`; with the place after it.
fn clock(tokens: &[(Token, usize)], at: usize) -> Option<(civil::Time, usize)> {
    let (hour, 1 | 2) = number(tokens, at)? else {
        return None;
    };
    let parts = |at: usize| sign(tokens, at) == Some(':') || word(tokens, at) == Some("h");
    parts(at + 1).then_some(())?;
    let (minute, 2) = number(tokens, at + 2)? else {
        return None;
    };
    let mut end = at + 3;
    let mut second = 0;
    if parts(end)
        && let Some((value, 2)) = number(tokens, end + 1)
    {
        second = value;
        end += 2;
    }
    let half_at = end + usize::from(sign(tokens, end) == Some(' '));
    let mut hour = i8::try_from(hour).ok()?;
    if let Some(half @ ("am" | "pm" | "a" | "p")) = word(tokens, half_at)
        && (1..=12).contains(&hour)
    {
        hour = hour % 12 + if half.starts_with('p') { 12 } else { 0 };
        end = half_at + 1;
    }
    let time = civil::Time::new(hour, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()?;
    Some((time, end))
}

/// The zone at the beginning of a text: `UTC`, `GMT+0100 (…)`, `+01:00`. Names of others aren't known.
fn zone(text: &str) -> Option<Offset> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | ':')))
        .unwrap_or(text.len());
    let name = &text[..end];
    let bare = name
        .strip_prefix("GMT")
        .or_else(|| name.strip_prefix("UTC"))
        .filter(|rest| !rest.is_empty());
    dates::offset(bare.unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn only(text: &str, language: &str) -> String {
        match all(text, custom(Some(language))).as_slice() {
            [] => "none".into(),
            [(only, _)] if only.precision == Precision::Day => only.day.to_string(),
            [(only, _)] => format!("{} {:?}", only.at, only.precision),
            several => format!("{} dates", several.len()),
        }
    }

    #[test]
    fn a_day_is_read_in_the_words_of_many_languages() {
        for text in [
            "March 15, 2026",
            "Mar. 15, 2026",
            "Sunday, March 15th, 2026",
            "the 15th of March 2026",
            "15 March 2026",
            "Sonntag, 15. März 2026",
            "15 mars 2026",
            "domingo, 15 de marzo de 2026",
            "15 de março de 2026",
            "15 marzo 2026",
            "15 mrt 2026",
            "15 marca 2026",
            "15. března 2026",
            "15 марта 2026 г.",
            "15 Mart 2026",
            "2026. március 15.",
            "15. maaliskuuta 2026",
            "2026年3月15日",
            "2026 年 3 月 15 日",
            "2026년 3월 15일",
            "3月 15, 2026",
            "15.03.2026",
            "15. 3. 2026",
            "2026/3/15",
            "2026.03.15",
            "Veröffentlicht am 15.03.2026 von Ann",
        ] {
            assert_eq!(only(text, "en"), "2026-03-15", "{text}");
        }
    }

    #[test]
    fn the_first_of_a_month_in_french_is_read() {
        assert_eq!(only("1er mai 2026", "fr"), "2026-05-01");
    }

    #[test]
    fn what_may_be_read_in_two_ways_is_read_by_the_language_or_not_at_all() {
        assert_eq!(only("03/04/2026", "en"), "none");
        assert_eq!(only("03/04/2026", "en-US"), "2026-03-04");
        assert_eq!(only("03/04/2026", "en-GB"), "2026-04-03");
        assert_eq!(only("03/04/2026", "fr"), "2026-04-03");
        assert_eq!(only("15/03/2026", "en"), "2026-03-15");
        assert_eq!(only("03/15/2026", "en"), "2026-03-15");
        assert_eq!(only("05/05/2026", "en"), "2026-05-05");
    }

    #[test]
    fn a_date_that_can_be_read_in_one_way_shows_the_order_of_others() {
        for (text, expected) in [
            ("25/04/2026", Order::DayFirst),
            ("4/25/2026, 10 minutes", Order::MonthFirst),
            ("4-25-2026", Order::MonthFirst),
            ("3/4/2026", Order::Open),
            ("5/5/2026", Order::Open),
            ("2026/4/25", Order::Open),
            ("25.04.2026", Order::Open),
            ("25/04/2026 and 4/25/2026", Order::Open),
            ("/2026/04/25/a/", Order::Open),
        ] {
            assert_eq!(order(text), expected, "{text}");
        }
        assert_eq!(
            all("3/4/2026", Order::MonthFirst)[0].0.day.to_string(),
            "2026-03-04"
        );
    }

    #[test]
    fn a_time_after_the_day_is_read_with_its_zone() {
        for (text, expected) in [
            ("May 1, 2026 at 10:30", "2026-05-01T10:30:00Z Local"),
            ("May 1, 2026, 10:30:15 PM", "2026-05-01T22:30:15Z Local"),
            ("1. Mai 2026 um 10:30 Uhr", "2026-05-01T10:30:00Z Local"),
            ("1 mai 2026 à 10h30", "2026-05-01T10:30:00Z Local"),
            ("2026-05-01 10:30:00", "2026-05-01T10:30:00Z Local"),
            ("2026-05-01T10:30:00+02:00", "2026-05-01T08:30:00Z Instant"),
            ("1 May 2026 10:30 UTC", "2026-05-01T10:30:00Z Instant"),
            (
                "Fri May 01 2026 10:30:00 GMT+0200 (Central European Summer Time)",
                "2026-05-01T08:30:00Z Instant",
            ),
        ] {
            assert_eq!(only(text, "en"), expected, "{text}");
        }
    }

    #[test]
    fn addresses_versions_and_other_numbers_are_no_dates() {
        for text in [
            "https://blog.example/2026/05/01/hello/",
            "1.2.2026.4",
            "v2026-05-01-3",
            "31 February 2026",
            "May 2026",
            "1. November",
            "15/03/26",
            "10 minutes",
            "12 May 0001",
            "202605012",
        ] {
            assert_eq!(only(text, "fr"), "none", "{text}");
        }
    }

    #[test]
    fn two_dates_are_both_found_where_they_stand() {
        let text = "Geschrieben am 1. Mai 2026, geändert 2026-06-02";
        let found = all(text, Order::Open);
        let shown: Vec<&str> = found.iter().map(|(_, place)| &text[place.clone()]).collect();
        assert_eq!(shown, ["1. Mai 2026", "2026-06-02"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,70}", dates in "[0-9年月日 .,:/\\-+hTZa-e]{0,60}") {
            all(&text, Order::DayFirst);
            order(&text);
            all(&dates, Order::Open);
        }
    }
}
