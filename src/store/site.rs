//! What is known of the site as a whole.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `site.json`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SiteState {
    /// When the first scan was completed; what it found is the baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Timestamp>,
    /// What the brake holds, until the owner confirms it or the folder changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Digest of each actor's document as it was last announced, by name: an Update is sent only when it changes.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub actors: std::collections::BTreeMap<String, String>,
    /// Digest of the blocks of `ap.toml` that have had their effect; `None` when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<String>,
}

/// What the brake holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// `Snapshot::digest` of the folder whose changes are held.
    pub folder: String,
    /// Why they are.
    pub because: String,
}
