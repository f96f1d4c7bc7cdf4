//! An author whose replies and quotes are shown without asking.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Indexed, Record};

/// An actor of whom the owner approved something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Approval {
    /// The actor's id.
    pub actor: String,
    /// Since when.
    pub since: Timestamp,
}

impl Record for Approval {
    type Glance = Approval;
}

impl Indexed for Approval {
    type Brief = ();

    fn id(&self) -> &str {
        &self.actor
    }

    fn brief(&self) {}
}
