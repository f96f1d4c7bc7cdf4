//! ActivityStreams vocabulary, ids and documents.

pub mod activity;
pub mod actor;
mod attachment;
pub mod collection;
mod content;
pub mod context;
pub mod difference;
pub mod emoji;
pub mod iri;
pub mod nodeinfo;
pub mod object;
pub mod shown;
pub mod tag;
pub mod webfinger;

/// The collection that stands for everybody (ActivityPub, section 5.6).
pub const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// The media type of every ActivityPub document that tidings sends or serves.
pub const ACTIVITY_JSON: &str = "application/activity+json";

/// Whether an address means everybody, in any of the spellings that servers use.
pub fn is_public(address: &str) -> bool {
    matches!(address, PUBLIC | "as:Public" | "Public")
}

/// Plain text as HTML text: the characters that mean something in HTML, escaped.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
