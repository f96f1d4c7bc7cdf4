//! Custom emoji: a name between colons, and where its picture lies.
//!
//! Mastodon's `Emoji` tags (`http://joinmastodon.org/ns#Emoji`), as every server writes them that has any.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

/// Longest name, in bytes with its colons.
const MAX_NAME: usize = 66;
/// Longest URL of a picture, in bytes: what browsers and proxies take without doubt.
const MAX_URL: usize = 2048;
/// Most tags that are looked at; a text of 500 characters has room for some hundred.
const MAX_TAGS: usize = 500;

/// A custom emoji.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emoji {
    /// With its colons; no character of it means anything in HTML.
    pub name: String,
    /// Where its picture lies: http or https.
    pub url: String,
}

impl Emoji {
    /// The emoji among the tags of an object or an actor, at most so many, each name once.
    pub fn of_tags(object: &Value, most: usize) -> Vec<Emoji> {
        let tags = match &object["tag"] {
            Value::Array(tags) => tags.as_slice(),
            Value::Null => &[],
            one => std::slice::from_ref(one),
        };
        let mut found: Vec<Emoji> = Vec::new();
        for emoji in tags.iter().take(MAX_TAGS).filter_map(Emoji::read) {
            if found.len() < most && !found.iter().any(|other| other.name == emoji.name) {
                found.push(emoji);
            }
        }
        found
    }

    fn read(tag: &Value) -> Option<Emoji> {
        let is_emoji = |kind: &Value| {
            matches!(
                kind.as_str(),
                Some("Emoji" | "toot:Emoji" | "http://joinmastodon.org/ns#Emoji")
            )
        };
        let kinds = match &tag["type"] {
            Value::Array(kinds) => kinds.as_slice(),
            one => std::slice::from_ref(one),
        };
        if !kinds.iter().any(is_emoji) {
            return None;
        }
        let bare = tag["name"].as_str()?.trim_matches(':');
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.' | '@');
        if bare.is_empty() || bare.len() + 2 > MAX_NAME || !bare.chars().all(plain) {
            return None;
        }
        let icon = match &tag["icon"] {
            Value::Array(icons) => icons.first()?,
            icon => icon,
        };
        let url = icon
            .as_str()
            .or_else(|| icon["url"].as_str())
            .or_else(|| icon["href"].as_str())
            .filter(|url| url.len() <= MAX_URL)?;
        let url = Url::parse(url).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| Emoji {
            name: format!(":{bare}:"),
            url: url.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_plain_name_with_a_web_address_is_an_emoji() {
        let cat = json!({"type": "Emoji", "name": ":cat:", "icon": {"type": "Image", "url": "https://a.example/cat.png"}});
        let found = Emoji::of_tags(
            &json!({"tag": [
                cat,
                {"type": "Emoji", "name": ":\"><script>:", "icon": {"url": "https://a.example/x.png"}},
                {"type": "Emoji", "name": ":js:", "icon": {"url": "javascript:alert(1)"}},
                {"type": "Emoji", "name": ":data:", "icon": {"url": "data:image/svg+xml,<svg/>"}},
                {"type": "Emoji", "name": "cat", "icon": {"url": "https://a.example/second.png"}},
                {"type": "Mention", "name": "@cat"},
                7, null, {"type": 1},
            ]}),
            10,
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].name, ":cat:");
        assert_eq!(
            Emoji::of_tags(&json!({"tag": cat}), 10),
            found,
            "one instead of a list"
        );
        assert!(Emoji::of_tags(&json!({"tag": cat}), 0).is_empty());
    }
}
