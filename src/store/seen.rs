//! What was undone or deleted before, or replayed after, it was known.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Record;

/// The id of a remote activity or object that is gone: should it arrive late or again, it is ignored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Gone {
    /// The remote id.
    pub id: String,
    /// When it went; swept some days later.
    pub at: Timestamp,
}

impl Record for Gone {
    type Brief = Timestamp;

    fn id(&self) -> &str {
        &self.id
    }

    fn brief(&self) -> Timestamp {
        self.at
    }
}
