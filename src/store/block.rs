//! Somebody, or something, that the owner doesn't want to hear of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Indexed, Record};

/// A block made with `tidings block add`; those of `ap.toml` stand there only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Block {
    /// A domain, an actor's id, or a word.
    pub block: String,
    /// Since when.
    pub since: Timestamp,
    /// Why, in the owner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Record for Block {
    type Glance = Block;
}

impl Indexed for Block {
    type Brief = ();

    fn id(&self) -> &str {
        &self.block
    }

    fn brief(&self) {}
}
