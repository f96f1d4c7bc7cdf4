//! What somebody said or did about one of our objects.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::file::short_hash;
use super::moment::Moment;
use super::{Indexed, Record};
use crate::ap::emoji::Emoji;

/// A reply, like, boost, mention or quote. `R` is how its `raw` is read: whole, or as little of it as is needed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Interaction<R = Value> {
    /// Short and stable: see [`Interaction::id_of`].
    pub id: String,
    /// What it is.
    pub kind: InteractionKind,
    /// The KEY of our object; `None` for a mention that is about none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The id of the remote activity; of a reply that was fetched, the object's own.
    pub activity: String,
    /// The id of the remote object: of a reply, quote or mention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_object: Option<String>,
    /// The remote object that it answers, when that isn't ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
    /// Who.
    pub actor: Author,
    /// When, as they say.
    pub published: Timestamp,
    /// When it was last changed, as they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// When it came.
    pub received: Timestamp,
    /// Whether it is shown.
    pub state: InteractionState,
    /// The block that hid it, as the list of blocks names it; `None` when the owner did by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_for: Option<String>,
    /// Whether everybody may see it (public or unlisted). Private ones are never shown.
    pub public: bool,
    /// Where a reader finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The content warning: plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Whether its pictures should be veiled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Clean HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The emoji of an EmojiReact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
    /// Pictures and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// The activity as it came; of a reply that was fetched, a Create around the object as it came.
    pub raw: R,
}

/// Of an activity as it came only the tags, of itself and of its object: all that a page shows of it beside what stands
/// in the record's other fields.
#[derive(Clone, Debug)]
pub struct Tags(pub Value);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tags, D::Error> {
        deserializer.deserialize_any(Pick { within: true }).map(Tags)
    }
}

/// Reads the field `tag` of an object, and `within` of the one in its field `object`; passes over everything else.
struct Pick {
    within: bool,
}

impl<'de> DeserializeSeed<'de> for Pick {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pick {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an activity or an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut picked = serde_json::Map::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "tag" => drop(picked.insert("tag".into(), map.next_value()?)),
                "object" if self.within => {
                    let object = map.next_value_seed(Pick { within: false })?;
                    picked.insert("object".into(), object);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Value::Object(picked))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Null)
    }

    fn visit_str<E>(self, _: &str) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// What an interaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names of the contract")]
pub enum InteractionKind {
    Reply,
    Like,
    Boost,
    Mention,
    Quote,
}

/// Whether an interaction is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InteractionState {
    /// On the page.
    Shown,
    /// Waiting for the owner's word.
    Held,
    /// Taken off the page by the owner, or for a block.
    Hidden,
}

/// Who did something, as far as a page shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The actor's id.
    pub id: String,
    /// The name it goes by: plain text.
    pub name: String,
    /// `@ada@mastodon.example`
    pub handle: String,
    /// Its profile page.
    pub url: String,
    /// Its picture on its own server; never shown to a reader from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// The custom emoji in its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emoji: Vec<Emoji>,
    /// Whether it asks not to be shown on the web.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shy: bool,
}

/// A picture, a sound or a film of a remote object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attachment {
    /// Where it lies on its own server.
    pub url: String,
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// The text for those who can't see it: plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}

impl Interaction {
    /// The label of everything that an actor did.
    pub fn label_of_actor(actor: &str) -> String {
        format!("actor {actor}")
    }

    /// The label of what a remote activity did.
    pub fn label_of_activity(activity: &str) -> String {
        format!("activity {activity}")
    }

    /// The short id: of a reply, mention or quote by the remote object's id; of a like or boost by who liked what,
    /// because there is at most one of each by an actor on an object.
    pub fn id_of(
        kind: InteractionKind,
        actor: &str,
        object: Option<&str>,
        remote_object: Option<&str>,
    ) -> String {
        match (kind, remote_object) {
            (InteractionKind::Reply | InteractionKind::Mention | InteractionKind::Quote, Some(remote)) => {
                short_hash(&format!("object {remote}"))
            }
            (InteractionKind::Boost, _) => {
                short_hash(&format!("boost {actor} {}", object.unwrap_or_default()))
            }
            _ => short_hash(&format!("like {actor} {}", object.unwrap_or_default())),
        }
    }
}

/// What is kept of an interaction in memory.
#[derive(Clone, Copy, Debug)]
pub struct InteractionBrief {
    /// See [`Interaction::kind`].
    pub kind: InteractionKind,
    /// See [`Interaction::state`].
    pub state: InteractionState,
    /// See [`Interaction::public`].
    pub public: bool,
    /// See [`Author::shy`].
    pub shy: bool,
    published: Moment,
    received: Moment,
}

impl InteractionBrief {
    /// See [`Interaction::published`].
    pub fn published(&self) -> Timestamp {
        self.published.timestamp()
    }

    /// See [`Interaction::received`].
    pub fn received(&self) -> Timestamp {
        self.received.timestamp()
    }
}

impl Record for Interaction {
    /// The activity as it came is long, and only passed over.
    type Glance = Interaction<IgnoredAny>;
}

impl<R> Indexed for Interaction<R> {
    type Brief = InteractionBrief;

    fn id(&self) -> &str {
        &self.id
    }

    fn brief(&self) -> InteractionBrief {
        InteractionBrief {
            kind: self.kind,
            state: self.state,
            public: self.public,
            published: self.published.into(),
            received: self.received.into(),
            shy: self.actor.shy,
        }
    }

    fn group(&self) -> Option<&str> {
        self.object.as_deref()
    }

    /// That of the actor first: all that one did is found by it.
    fn labels(&self) -> Vec<String> {
        vec![
            Interaction::label_of_actor(&self.actor.id),
            Interaction::label_of_activity(&self.activity),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_an_activity_only_the_tags_are_taken() {
        let tags = |raw: Value| serde_json::from_str::<Tags>(&raw.to_string()).unwrap().0;
        let raw = json!({
            "id": "x", "tag": { "name": "a" }, "cc": ["y"],
            "object": { "tag": [{ "name": "b" }], "object": { "tag": [] }, "likes": 7 },
        });
        assert_eq!(
            tags(raw),
            json!({ "tag": { "name": "a" }, "object": { "tag": [{ "name": "b" }] } })
        );
        assert_eq!(
            tags(json!({ "object": "https://a.example/1" }))["object"],
            Value::Null
        );
        for odd in [
            json!(null),
            json!("x"),
            json!([1, { "tag": [] }]),
            json!(-1.5),
            json!(true),
        ] {
            assert_eq!(tags(odd)["tag"], Value::Null);
        }
    }
}
