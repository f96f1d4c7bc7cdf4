//! What arrives in an inbox, read once and typed.
//!
//! Pure. Says nothing about whether any of it is true: that is [`super::verify`]'s business.

use jiff::Timestamp;
use serde_json::Value;

use super::value;
use crate::ap;

/// Most recipients that are looked at. Mastodon sends at most a few dozen; Lemmy a list of a few hundred.
pub const MAX_RECIPIENTS: usize = 1000;

/// Deepest nesting that is read. The deepest seen in the field (an Announce of a Create with its proof) has nine levels.
pub const MAX_DEPTH: usize = 64;

/// Most characters of an EmojiReact's emoji: `:name:`, or one emoji with all its modifiers.
const MAX_EMOJI: usize = 64;

/// What an activity does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the vocabulary")]
pub enum ActivityKind {
    Accept,
    Announce,
    Block,
    Create,
    Delete,
    /// LitePub: a like with an emoji.
    EmojiReact,
    Flag,
    Follow,
    Like,
    Move,
    /// FEP-044f.
    QuoteRequest,
    Reject,
    Undo,
    Update,
    /// Anything else: taken and ignored.
    Unknown,
}

impl ActivityKind {
    /// The kind of a value by the first of its types that is known.
    pub fn of(value: &Value) -> ActivityKind {
        value::types(value)
            .map(ActivityKind::named)
            .find(|kind| *kind != ActivityKind::Unknown)
            .unwrap_or(ActivityKind::Unknown)
    }

    fn named(name: &str) -> ActivityKind {
        match name {
            "Accept" => ActivityKind::Accept,
            "Announce" => ActivityKind::Announce,
            "Block" => ActivityKind::Block,
            "Create" => ActivityKind::Create,
            "Delete" => ActivityKind::Delete,
            "EmojiReact" => ActivityKind::EmojiReact,
            "Flag" => ActivityKind::Flag,
            "Follow" => ActivityKind::Follow,
            "Like" => ActivityKind::Like,
            "Move" => ActivityKind::Move,
            "QuoteRequest" => ActivityKind::QuoteRequest,
            "Reject" => ActivityKind::Reject,
            "Undo" => ActivityKind::Undo,
            "Update" => ActivityKind::Update,
            _ => ActivityKind::Unknown,
        }
    }
}

/// Why a body isn't an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It isn't JSON.
    #[error("the body is not JSON")]
    Json,
    /// It is something else than an object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// It is nested deeper than [`MAX_DEPTH`].
    #[error("the body is nested too deeply")]
    Deep,
    /// It has no type.
    #[error("the activity has no type")]
    NoType,
    /// It has no actor, or one whose id isn't a web address.
    #[error("the activity has no actor")]
    NoActor,
    /// It has an id that isn't a web address.
    #[error("the activity's id is not a web address")]
    BadId,
    /// It has no object, and its kind needs one.
    #[error("the activity has no object")]
    NoObject,
    /// Its object has no id.
    #[error("the activity's object has no id")]
    NoObjectId,
}

/// An activity as it arrived.
#[derive(Clone, Debug)]
pub struct Activity {
    kind: ActivityKind,
    id: Option<String>,
    actor: String,
    raw: Value,
}

impl Activity {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Malformed`], when it lacks what every activity has.
    pub fn parse(body: &[u8]) -> Result<Activity, Malformed> {
        Activity::read(serde_json::from_slice(body).map_err(|_| Malformed::Json)?)
    }

    /// Reads a value.
    ///
    /// # Errors
    /// [`Malformed`], when it lacks what every activity has.
    pub fn read(raw: Value) -> Result<Activity, Malformed> {
        let Value::Object(fields) = &raw else {
            return Err(Malformed::NotAnObject);
        };
        if value::depth(&raw) > MAX_DEPTH {
            return Err(Malformed::Deep);
        }
        if value::types(&raw).next().is_none() {
            return Err(Malformed::NoType);
        }
        let kind = ActivityKind::of(&raw);
        let actor = fields.get("actor").and_then(value::id).unwrap_or_default();
        if value::authority(actor).is_none() {
            return Err(Malformed::NoActor);
        }
        // An activity without an id is transient (ActivityPub, section 3.1): it can't be undone by its id.
        let id = match fields.get("id").or_else(|| fields.get("@id")) {
            None | Some(Value::Null) => None,
            Some(id) => match value::id(id) {
                Some(id) if value::authority(id).is_some() => Some(id.to_string()),
                _ => return Err(Malformed::BadId),
            },
        };
        if kind != ActivityKind::Unknown {
            match fields.get("object").map(value::first) {
                None | Some(Value::Null) => return Err(Malformed::NoObject),
                Some(object) if value::id(object).is_some() => {}
                // What is undone is found by what it did as well.
                Some(Value::Object(_)) if kind == ActivityKind::Undo => {}
                Some(_) => return Err(Malformed::NoObjectId),
            }
        }
        Ok(Activity {
            kind,
            id,
            actor: actor.to_string(),
            raw,
        })
    }

    /// What it does.
    pub fn kind(&self) -> ActivityKind {
        self.kind
    }

    /// Its id, when it has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The id of who did it.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// As it came.
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    /// What it is about: an id, or a whole object.
    pub fn object(&self) -> &Value {
        self.raw.get("object").map_or(&Value::Null, value::first)
    }

    /// The id of what it is about.
    pub fn object_id(&self) -> Option<&str> {
        value::id(self.object())
    }

    /// The id of a property's value: `target`, `instrument`.
    pub fn id_of(&self, key: &str) -> Option<&str> {
        value::id(self.raw.get(key)?)
    }

    /// To whom it is addressed.
    pub fn audience(&self) -> Audience<'_> {
        Audience::of(&self.raw)
    }

    /// When it was done, as the actor says.
    pub fn published(&self) -> Option<Timestamp> {
        value::time(&self.raw, "published")
    }

    /// The emoji of an EmojiReact (`content`), or of Misskey's Like (`_misskey_reaction`).
    pub fn emoji(&self) -> Option<&str> {
        value::text(&self.raw, "content")
            .or_else(|| value::text(&self.raw, "_misskey_reaction"))
            .filter(|emoji| emoji.chars().count() <= MAX_EMOJI)
    }
}

/// To whom something is addressed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience<'a> {
    /// Every address, as it came.
    pub recipients: Vec<&'a str>,
}

impl<'a> Audience<'a> {
    /// The addresses of an activity or an object.
    pub fn of(value: &'a Value) -> Audience<'a> {
        let mut recipients = Vec::new();
        for key in ["to", "cc", "bto", "bcc", "audience"] {
            let room = MAX_RECIPIENTS - recipients.len();
            if let Some(addresses) = value.get(key) {
                recipients.extend(value::ids(addresses, room));
            }
        }
        Audience { recipients }
    }

    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.recipients.is_empty()
    }

    /// Whether everybody is meant: public, or unlisted.
    pub fn is_public(&self) -> bool {
        self.recipients.iter().any(|address| ap::is_public(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_shapes_that_servers_write_are_understood() {
        let like = json!({
            "type": ["as:Like", "Thing"], "id": "https://a.example/1",
            "actor": [{"id": "https://a.example/ada", "type": "Person"}],
            "object": ["https://blog.example/ap/objects/x"], "to": "as:Public",
        });
        let like = Activity::read(like).unwrap();
        assert_eq!(like.kind(), ActivityKind::Like);
        assert_eq!(like.actor(), "https://a.example/ada");
        assert_eq!(like.object_id(), Some("https://blog.example/ap/objects/x"));
        assert!(like.audience().is_public());
    }

    #[test]
    fn what_is_no_activity_is_refused_with_the_reason() {
        for (body, reason) in [
            ("{", Malformed::Json),
            ("[]", Malformed::NotAnObject),
            ("null", Malformed::NotAnObject),
            (r#"{"actor":"https://a.example/ada"}"#, Malformed::NoType),
            (
                r#"{"type":"Like","object":"https://b.example/1"}"#,
                Malformed::NoActor,
            ),
            (
                r#"{"type":"Like","actor":"ada","object":"https://b.example/1"}"#,
                Malformed::NoActor,
            ),
            (
                r#"{"type":"Like","actor":"https://a.example/ada"}"#,
                Malformed::NoObject,
            ),
            (
                r#"{"type":"Like","actor":"https://a.example/ada","object":7}"#,
                Malformed::NoObjectId,
            ),
            (
                r#"{"type":"Like","id":"x","actor":"https://a.example/ada","object":"https://b.example/1"}"#,
                Malformed::BadId,
            ),
        ] {
            assert_eq!(Activity::parse(body.as_bytes()).err(), Some(reason), "{body}");
        }
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let body = format!(r#"{{"type":"Like","actor":"https://a.example/ada","object":{deep}}}"#);
        assert_eq!(Activity::parse(body.as_bytes()).err(), Some(Malformed::Deep));
        let deeper = "[".repeat(100_000);
        assert_eq!(Activity::parse(deeper.as_bytes()).err(), Some(Malformed::Json));
    }

    #[test]
    fn an_unknown_kind_needs_no_object() {
        let travel = Activity::read(json!({"type": "Travel", "actor": "https://a.example/ada"})).unwrap();
        assert_eq!(travel.kind(), ActivityKind::Unknown);
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(body in r#"\{("(type|id|actor|object|to)":("[a-z:/.#]{0,12}"|\[("Like",?){0,2}\]|null|7|\{\}),?){0,5}\}"#) {
            if let Ok(activity) = Activity::parse(body.as_bytes()) {
                activity.audience();
                activity.object_id();
                activity.emoji();
            }
        }
    }
}
