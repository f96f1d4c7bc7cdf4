//! The words of the widgets, in English and German; and dates as each writes them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A language of the widgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locale {
    English,
    German,
}

/// A text in both languages. `{n}` stands for a number, `{who}` for a name.
struct Text {
    key: &'static str,
    /// One, and all other numbers.
    english: [&'static str; 2],
    /// Likewise.
    german: [&'static str; 2],
}

const fn plain(key: &'static str, english: &'static str, german: &'static str) -> Text {
    counted(key, [english, english], [german, german])
}

const fn counted(key: &'static str, english: [&'static str; 2], german: [&'static str; 2]) -> Text {
    Text { key, english, german }
}

const TEXTS: &[Text] = &[
    counted(
        "replies",
        ["{n} reply", "{n} replies"],
        ["{n} Antwort", "{n} Antworten"],
    ),
    counted(
        "likes",
        ["{n} like", "{n} likes"],
        ["{n}-mal gefällt es", "{n}-mal gefällt es"],
    ),
    counted(
        "boosts",
        ["{n} boost", "{n} boosts"],
        ["{n}-mal geteilt", "{n}-mal geteilt"],
    ),
    counted(
        "quotes",
        ["{n} quote", "{n} quotes"],
        ["{n}-mal zitiert", "{n}-mal zitiert"],
    ),
    plain("conversation", "Conversation", "Gespräch"),
    plain("none", "Nobody has replied yet.", "Noch hat niemand geantwortet."),
    plain(
        "invite",
        "Take part from your own account on Mastodon or any other server of the fediverse.",
        "Mitreden geht mit dem eigenen Konto bei Mastodon oder jedem anderen Server des Fediverse.",
    ),
    plain(
        "closed",
        "No more replies are taken here.",
        "Hier werden keine Antworten mehr angenommen.",
    ),
    plain(
        "remember",
        "Remember this in my browser",
        "In meinem Browser merken",
    ),
    plain("reply", "Reply", "Antworten"),
    plain("reply_to", "Reply to {who}", "{who} antworten"),
    plain("like", "Like", "Gefällt mir"),
    plain("boost", "Boost", "Teilen"),
    plain("follow", "Follow", "Folgen"),
    plain("follow_who", "Follow {who}", "{who} folgen"),
    plain("answering", "in reply to", "als Antwort an"),
    plain("author", "Author", "Autor:in"),
    plain("edited", "edited", "bearbeitet"),
    plain("warning", "Content warning:", "Inhaltswarnung:"),
    plain("sensitive", "Sensitive picture", "Heikles Bild"),
    plain("picture", "Picture", "Bild"),
    plain("attachment", "Attachment", "Anhang"),
    plain("more", "and {n} more", "und {n} weitere"),
    plain("original", "Original", "Original"),
    // The page that sends a reader to their own server.
    plain(
        "interact_follow",
        "Follow from your own server",
        "Vom eigenen Server aus folgen",
    ),
    plain(
        "interact_reply",
        "Reply from your own server",
        "Vom eigenen Server aus antworten",
    ),
    plain(
        "interact_like",
        "Like from your own server",
        "Vom eigenen Server aus „Gefällt mir“ sagen",
    ),
    plain(
        "interact_boost",
        "Boost from your own server",
        "Vom eigenen Server aus teilen",
    ),
    plain(
        "your_handle",
        "Your handle, or the name of your server",
        "Deine Adresse oder der Name deines Servers",
    ),
    plain(
        "handle_hint",
        "For example @ada@mastodon.example, or mastodon.example",
        "Zum Beispiel @ada@mastodon.example oder mastodon.example",
    ),
    plain("look_up", "Find my server", "Meinen Server finden"),
    plain("continue", "Continue at {who}", "Weiter bei {who}"),
    plain(
        "leaving",
        "You are about to leave this site for {who}.",
        "Du verlässt jetzt diese Seite in Richtung {who}.",
    ),
    plain(
        "by_hand",
        "Or copy this address and paste it into the search of your app:",
        "Oder kopiere diese Adresse und füge sie in die Suche deiner App ein:",
    ),
    plain("back", "Back", "Zurück"),
    plain(
        "problem_handle",
        "That is neither a handle such as @ada@mastodon.example nor the name of a server.",
        "Das ist weder eine Adresse wie @ada@mastodon.example noch der Name eines Servers.",
    ),
    plain(
        "problem_unreachable",
        "That server does not answer. Try again, or copy the address below.",
        "Dieser Server antwortet nicht. Versuche es noch einmal, oder kopiere die Adresse unten.",
    ),
    plain(
        "problem_unknown",
        "That server does not know this account. Is it spelled right?",
        "Dieser Server kennt das Konto nicht. Ist es richtig geschrieben?",
    ),
    plain(
        "problem_often",
        "That was too often. Wait a minute, or copy the address below.",
        "Das war zu oft. Warte eine Minute, oder kopiere die Adresse unten.",
    ),
];

const MONTHS: [[&str; 2]; 12] = [
    ["January", "Januar"],
    ["February", "Februar"],
    ["March", "März"],
    ["April", "April"],
    ["May", "Mai"],
    ["June", "Juni"],
    ["July", "Juli"],
    ["August", "August"],
    ["September", "September"],
    ["October", "Oktober"],
    ["November", "November"],
    ["December", "Dezember"],
];

impl Locale {
    /// The nearest language that there is: that of "de-AT" is German, that of "fr" English.
    pub(super) fn of(tag: &str) -> Locale {
        match tag.split(['-', '_']).next() {
            Some(tag) if tag.eq_ignore_ascii_case("de") => Locale::German,
            _ => Locale::English,
        }
    }

    /// Its tag, for `lang`.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Locale::English => "en",
            Locale::German => "de",
        }
    }

    /// A text by its key; the key itself when there is none, so that an owner's template shows its mistake.
    pub(super) fn text(self, key: &str, number: Option<u64>, who: Option<&str>) -> String {
        let Some(text) = TEXTS.iter().find(|text| text.key == key) else {
            return key.to_string();
        };
        let forms = match self {
            Locale::English => text.english,
            Locale::German => text.german,
        };
        let form = forms[usize::from(number != Some(1))];
        let with_number = match number {
            Some(number) => form.replace("{n}", &self.number(number)),
            None => form.to_string(),
        };
        match who {
            Some(who) => with_number.replace("{who}", who),
            None => with_number,
        }
    }

    /// "12,345" or "12.345".
    fn number(self, number: u64) -> String {
        let separator = match self {
            Locale::English => ',',
            Locale::German => '.',
        };
        let digits = number.to_string();
        let mut out = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                out.push(separator);
            }
            out.push(digit);
        }
        out
    }

    /// "20 November 2026" or "20. November 2026", in UTC: where the reader is, nobody here knows.
    pub(super) fn day(self, at: Timestamp) -> String {
        let day = at.to_zoned(TimeZone::UTC).date();
        let month = MONTHS[usize::from(day.month().unsigned_abs()).clamp(1, 12) - 1];
        match self {
            Locale::English => format!("{} {} {}", day.day(), month[0], day.year()),
            Locale::German => format!("{}. {} {}", day.day(), month[1], day.year()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_in_both_languages() {
        assert_eq!(Locale::of("en-GB").text("replies", Some(1), None), "1 reply");
        assert_eq!(
            Locale::of("fr").text("replies", Some(1234), None),
            "1,234 replies"
        );
        assert_eq!(Locale::of("de-AT").text("replies", Some(0), None), "0 Antworten");
        assert_eq!(
            Locale::German.text("follow_who", None, Some("@blog@b.example")),
            "@blog@b.example folgen"
        );
    }

    #[test]
    fn a_day_is_written_as_its_language_writes_it() {
        let at: Timestamp = "2026-03-01T23:30:00Z".parse().unwrap();
        assert_eq!(Locale::English.day(at), "1 March 2026");
        assert_eq!(Locale::German.day(at), "1. März 2026");
    }
}
