//! A complaint about one of ours, by another server (Flag): kept for the owner.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Indexed, Record};

/// A Flag.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The id of the Flag.
    pub id: String,
    /// Who complains: often the actor of a whole server, so that the person stays unnamed.
    pub actor: String,
    /// What it is about: ids of our actors and objects.
    pub objects: Vec<String>,
    /// What they say: plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// When it came.
    pub received: Timestamp,
    /// The activity as it came.
    pub raw: Value,
}

impl Record for Report {
    type Glance = Report;
}

impl Indexed for Report {
    type Brief = ();

    fn id(&self) -> &str {
        &self.id
    }

    fn brief(&self) {}
}
