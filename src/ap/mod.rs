//! ActivityStreams vocabulary, ids and documents.

pub mod iri;

/// The collection that stands for everybody (ActivityPub, section 5.6).
pub const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// The media type of every ActivityPub document that tidings sends or serves.
pub const ACTIVITY_JSON: &str = "application/activity+json";

/// Whether an address means everybody, in any of the spellings that servers use.
pub fn is_public(address: &str) -> bool {
    matches!(address, PUBLIC | "as:Public" | "Public")
}
