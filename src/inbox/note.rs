//! What somebody wrote: a remote object, read once and typed.
//!
//! Pure. Called a note whatever its type, because nearly all are.

use jiff::Timestamp;
use serde_json::Value;

use super::activity::Audience;
use super::value;
use crate::sanitize;
use crate::store::Attachment;

/// Longest HTML that is kept, in bytes, before it is cleaned. Mastodon's limit is 500 characters; long posts of others
/// have some 10,000 words.
const CONTENT: usize = 128 * 1024;
/// Longest content warning, in characters.
const SUMMARY: usize = 1000;
/// Longest text for those who can't see a picture, in characters. Mastodon allows 1,500; most that federates is 10,000.
const ALT: usize = 10_000;
/// Most tags that are looked at.
const TAGS: usize = 500;
/// Most pictures that are kept; Mastodon shows four, Pixelfed twenty.
const ATTACHMENTS: usize = 20;
/// Where the id of a quoted object stands, the newest first: FEP-044f, Misskey and its relatives, Fedibird.
const QUOTES: [&str; 4] = ["quote", "quoteUrl", "quoteUri", "_misskey_quote"];

/// A remote object.
#[derive(Clone, Debug)]
pub(super) struct Note {
    /// Its id.
    pub(super) id: String,
    /// The ids of those who wrote it.
    pub(super) authors: Vec<String>,
    /// Whether it isn't one, but an actor.
    is_actor: bool,
    /// What it answers.
    pub(super) in_reply_to: Option<String>,
    /// What it quotes, by each name that it gives.
    pub(super) quotes: Vec<String>,
    /// Whom it mentions or is addressed to.
    pub(super) addressed: Vec<String>,
    /// Whether it names no recipients.
    unaddressed: bool,
    /// Whether everybody may see it.
    pub(super) public: bool,
    /// When it was written, as its author says.
    pub(super) published: Option<Timestamp>,
    /// When it was last changed, likewise.
    pub(super) updated: Option<Timestamp>,
    /// Where a reader finds it.
    pub(super) url: Option<String>,
    /// The content warning: plain text.
    pub(super) summary: Option<String>,
    /// Whether its pictures should be veiled.
    pub(super) sensitive: bool,
    /// BCP 47.
    pub(super) language: Option<String>,
    /// Clean HTML.
    pub(super) content: Option<String>,
    /// Pictures and the like.
    pub(super) attachments: Vec<Attachment>,
}

impl Note {
    /// Reads an object; `None` when it has no id, or is no whole object.
    pub(super) fn read(object: &Value) -> Option<Note> {
        object.as_object()?;
        let audience = Audience::of(object);
        let tags = object.get("tag").map(value::list).unwrap_or_default();
        let tags = &tags[..tags.len().min(TAGS)];
        let mut addressed: Vec<String> = audience.recipients.iter().map(|id| (*id).to_string()).collect();
        addressed.extend(
            tags.iter()
                .filter(|tag| value::types(tag).any(|kind| kind == "Mention"))
                .filter_map(|tag| value::id(tag.get("href")?))
                .map(str::to_string),
        );
        Some(Note {
            id: value::id(object)?.to_string(),
            authors: object
                .get("attributedTo")
                .map(|authors| value::ids(authors, TAGS))
                .unwrap_or_default()
                .into_iter()
                .map(str::to_string)
                .collect(),
            is_actor: object.get("inbox").is_some(),
            in_reply_to: object.get("inReplyTo").and_then(value::id).map(str::to_string),
            quotes: QUOTES
                .iter()
                .filter_map(|key| value::id(object.get(key)?))
                .map(str::to_string)
                .collect(),
            addressed,
            unaddressed: audience.is_empty(),
            public: audience.is_public(),
            published: value::time(object, "published"),
            updated: value::time(object, "updated"),
            url: value::link(object, "url").map(str::to_string),
            summary: value::text(object, "summary")
                .map(|summary| short(&sanitize::plain(summary), SUMMARY))
                .filter(|summary| !summary.is_empty()),
            sensitive: object.get("sensitive").and_then(Value::as_bool).unwrap_or(false),
            language: language(object),
            content: content(object),
            attachments: attachments(object),
        })
    }

    /// Addressed as its activity is, when it says nothing of that itself.
    pub(super) fn addressed_like(mut self, activity: &Audience<'_>) -> Note {
        if self.unaddressed {
            self.public = activity.is_public();
            self.addressed
                .extend(activity.recipients.iter().map(|id| (*id).to_string()));
        }
        self
    }

    /// Whether an actor wrote it, as it says itself; one that names nobody is by whoever sends it, but an actor's
    /// document is nobody's but its own.
    pub(super) fn is_by(&self, actor: &str) -> bool {
        (self.authors.is_empty() && !self.is_actor) || self.authors.iter().any(|author| author == actor)
    }
}

/// The clean HTML: the content, or for what has none (a video, an event) its name.
fn content(object: &Value) -> Option<String> {
    let html = value::text(object, "content").or_else(|| {
        let translations = object.get("contentMap")?.as_object()?;
        translations.values().find_map(Value::as_str)
    });
    let html = match html {
        Some(html) => sanitize::remote_html(cut(html)),
        None => format!("<p>{}</p>", escaped(value::text(object, "name")?)),
    };
    (!html.trim().is_empty()).then_some(html)
}

/// The beginning of a text that is too long; the cleaner closes what stays open.
fn cut(html: &str) -> &str {
    let end = (0..=CONTENT.min(html.len()))
        .rev()
        .find(|end| html.is_char_boundary(*end))
        .unwrap_or(0);
    &html[..end]
}

fn escaped(text: &str) -> String {
    sanitize::plain(text)
        .chars()
        .take(SUMMARY)
        .fold(String::new(), |mut html, c| {
            match c {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                c => html.push(c),
            }
            html
        })
}

fn short(text: &str, limit: usize) -> String {
    text.trim().chars().take(limit).collect()
}

/// The language: the first key of `contentMap`, unless that is no language.
fn language(object: &Value) -> Option<String> {
    /// Longest tag that makes sense (RFC 5646, section 4.4.1).
    const TAG: usize = 35;
    let language = object.get("contentMap")?.as_object()?.keys().next()?;
    let is_tag = !language.is_empty()
        && language.len() <= TAG
        && language.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && language != "und";
    is_tag.then(|| language.clone())
}

fn attachments(object: &Value) -> Vec<Attachment> {
    let Some(attachments) = object.get("attachment") else {
        return Vec::new();
    };
    value::list(attachments)
        .iter()
        .filter_map(attachment)
        .take(ATTACHMENTS)
        .collect()
}

fn attachment(attachment: &Value) -> Option<Attachment> {
    let url = value::link(attachment, "url")
        .or_else(|| value::link(attachment, "href"))?
        .to_string();
    let media_type = match (
        value::text(attachment, "mediaType"),
        value::types(attachment).next(),
    ) {
        (Some(media_type), _) if is_media_type(media_type) => media_type.to_ascii_lowercase(),
        (_, Some("Image")) => "image/*".to_string(),
        (_, Some("Video")) => "video/*".to_string(),
        (_, Some("Audio")) => "audio/*".to_string(),
        _ => return None,
    };
    Some(Attachment {
        url,
        media_type,
        alt: value::text(attachment, "summary")
            .or_else(|| value::text(attachment, "name"))
            .map(|alt| short(&sanitize::plain(alt), ALT))
            .filter(|alt| !alt.is_empty()),
    })
}

/// Whether a media type is well formed, and of something to see or hear.
fn is_media_type(text: &str) -> bool {
    let Some((kind, subtype)) = text.split_once('/') else {
        return false;
    };
    matches!(kind, "image" | "video" | "audio")
        && !subtype.is_empty()
        && subtype.len() < 100
        && subtype
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_reply_is_read_and_cleaned() {
        let note = Note::read(&json!({
            "type": "Note", "id": "https://a.example/1", "attributedTo": [{"id": "https://a.example/ada"}],
            "inReplyTo": {"id": "https://blog.example/ap/objects/x"},
            "content": "<p onclick=x>Hi<script>alert(1)</script></p>", "contentMap": {"de": "<p>Hi</p>"},
            "summary": "<b>CW</b>", "sensitive": true, "to": "as:Public", "url": "https://a.example/@ada/1",
            "tag": {"type": "Mention", "href": "https://blog.example/ap/actors/blog"},
            "attachment": {"type": "Document", "mediaType": "image/png", "url": "https://a.example/1.png", "name": "A cat"},
        }))
        .unwrap();
        assert_eq!(note.content.as_deref(), Some("<p>Hi</p>"));
        assert_eq!(note.summary.as_deref(), Some("CW"));
        assert_eq!(note.language.as_deref(), Some("de"));
        assert_eq!(
            note.in_reply_to.as_deref(),
            Some("https://blog.example/ap/objects/x")
        );
        assert!(note.public && note.sensitive);
        assert!(note.is_by("https://a.example/ada") && !note.is_by("https://a.example/bob"));
        assert!(
            note.addressed
                .iter()
                .any(|id| id == "https://blog.example/ap/actors/blog")
        );
        assert_eq!(note.attachments[0].alt.as_deref(), Some("A cat"));
    }

    #[test]
    fn of_what_is_endless_the_beginning_is_read() {
        let many = |count: usize, one: &dyn Fn(usize) -> Value| (0..count).map(one).collect::<Vec<Value>>();
        let note = Note::read(&json!({
            "type": "Note", "id": "https://a.example/1", "attributedTo": "https://a.example/ada",
            "content": "a".repeat(CONTENT * 2), "summary": "s".repeat(SUMMARY * 2),
            "to": many(5_000, &|n| json!(format!("https://a.example/to/{n}"))),
            "cc": many(5_000, &|n| json!(format!("https://a.example/cc/{n}"))),
            "tag": many(5_000, &|n| match n % 2 {
                0 => json!({"type": "Mention", "href": format!("https://a.example/mention/{n}")}),
                _ => json!({"type": "Hashtag", "name": format!("#tag{n}"), "href": "https://a.example/tag"}),
            }),
            "attachment": many(5_000, &|n| json!({
                "type": "Image", "url": format!("https://a.example/{n}.png"), "name": "n".repeat(ALT * 2),
            })),
        }))
        .unwrap();
        let of = |kind: &str| note.addressed.iter().filter(|id| id.contains(kind)).count();
        assert_eq!((of("/to/") + of("/cc/"), of("/mention/")), (1_000, TAGS / 2));
        assert_eq!(note.attachments.len(), ATTACHMENTS);
        assert_eq!(note.attachments[0].alt.as_ref().map(String::len), Some(ALT));
        assert!(note.content.unwrap().len() <= CONTENT);
        assert_eq!(note.summary.unwrap().len(), SUMMARY);
    }

    #[test]
    fn a_note_without_addresses_has_those_of_its_activity() {
        let create = json!({"to": "as:Public", "cc": ["https://blog.example/ap/actors/blog"]});
        let bare = json!({"id": "https://a.example/1"});
        let note = Note::read(&bare).unwrap().addressed_like(&Audience::of(&create));
        assert!(note.public && note.addressed.len() == 2);
        let direct = json!({"id": "https://a.example/1", "to": "https://blog.example/ap/actors/blog"});
        let note = Note::read(&direct)
            .unwrap()
            .addressed_like(&Audience::of(&create));
        assert!(!note.public);
    }

    #[test]
    fn every_name_of_a_quote_is_understood() {
        for key in QUOTES {
            let note =
                Note::read(&json!({"id": "https://a.example/1", key: "https://blog.example/ap/objects/x"}));
            assert_eq!(
                note.unwrap().quotes,
                ["https://blog.example/ap/objects/x"],
                "{key}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_object_makes_the_reader_panic(key in "(id|to|tag|content|contentMap|attachment|url|summary|name|attributedTo)", text in ".{0,20}") {
            for value in [json!(text), json!([text]), json!({"id": text, "href": text, "url": [text]}), json!(1), Value::Null] {
                let mut object = json!({"id": "https://a.example/1"});
                object[&key] = value;
                Note::read(&object);
            }
        }
    }
}
