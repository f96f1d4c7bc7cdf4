//! What was undone or deleted before, or replayed after, it was known.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Indexed, Record};

/// The id of a remote activity or object that is gone: should it arrive late or again, it is ignored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Gone {
    /// The actor's id, a space and the remote id: what another actor does under the same id is another thing.
    pub key: String,
    /// When it went; swept some days later.
    pub at: Timestamp,
    /// How it went.
    pub how: Going,
}

/// How something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Going {
    /// Its Undo came before it did. That happens once: when it comes, it is ignored, and this record goes.
    Before,
    /// It was undone. Some servers use the id again for the next like of the same object, so it counts again when
    /// it was sent after this.
    Undone,
    /// A Follow that was undone. Signatures tell seconds, and who changes their mind twice within one shall have their will:
    /// it counts again when it was sent in the same second or after.
    Unfollowed,
    /// Its author deleted it, for good.
    Deleted,
    /// Our owner removed it, for good; never swept.
    Refused,
}

impl Gone {
    /// The key of what an actor did under an id.
    pub fn key(actor: &str, id: &str) -> String {
        format!("{actor} {id}")
    }
}

impl Record for Gone {
    type Glance = Gone;
}

impl Indexed for Gone {
    type Brief = (Going, Timestamp);

    fn id(&self) -> &str {
        &self.key
    }

    fn brief(&self) -> Self::Brief {
        (self.how, self.at)
    }
}
