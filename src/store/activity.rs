//! An activity that we sent.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Indexed, Record};
use crate::ap::iri;

/// An activity as it was sent; it can be fetched under its id for ever.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Activity {
    /// Its ID: the last segment of its id. The Create of an object has [`Activity::create_id`].
    pub id: String,
    /// The name of the actor that did it.
    pub actor: String,
    /// When it was made.
    pub at: Timestamp,
    /// The KEY of our object that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What the other side answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// The document.
    pub activity: Value,
}

/// What the other side answered to an activity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Who.
    pub actor: String,
    /// What.
    pub verdict: AnswerVerdict,
    /// When it came.
    pub at: Timestamp,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerVerdict {
    /// An Accept.
    Accepted,
    /// A Reject.
    Rejected,
}

impl Activity {
    /// The ID of the Create of an object: it follows from the KEY, so that the outbox can name the Creates of baseline
    /// pages, which were never sent.
    pub fn create_id(key: &str) -> String {
        iri::create_id(key)
    }

    /// The KEY of the object whose Create has this ID.
    pub fn created_key(id: &str) -> Option<&str> {
        iri::created_key(id)
    }
}

impl Record for Activity {
    type Glance = Activity;
}

impl Indexed for Activity {
    type Brief = ();

    fn id(&self) -> &str {
        &self.id
    }

    fn brief(&self) {}
}
