//! A delivery job: one activity on its way to a number of inboxes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Record;

/// One activity on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Random; later jobs have greater ids.
    pub id: String,
    /// The name of the actor that signs.
    pub actor: String,
    /// The id of the activity.
    pub activity: String,
    /// When it was made.
    pub created: Timestamp,
    /// Where it goes, each inbox once.
    pub inboxes: Vec<String>,
    /// What is sent.
    pub body: Value,
}

impl Record for Job {
    type Brief = ();

    fn id(&self) -> &str {
        &self.id
    }

    fn brief(&self) {}
}
