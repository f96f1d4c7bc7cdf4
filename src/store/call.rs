//! A hook that is to be called: one event for one command or webhook.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Indexed, Record};

/// An event on its way to a hook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Random; later ones are greater. The `webhook-id`, so that a receiver can tell a repetition.
    pub id: String,
    /// Which hook: see `hooks::name_of`. When the configuration no longer has it, the call is dropped.
    pub hook: String,
    /// When the event happened.
    pub created: Timestamp,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When it is tried next.
    pub next: Timestamp,
    /// The event.
    pub event: Value,
}

/// What is kept of a call in memory.
#[derive(Clone, Debug)]
pub struct CallBrief {
    /// See [`Call::hook`].
    pub hook: Box<str>,
    /// See [`Call::next`].
    pub next: Timestamp,
}

impl Record for Call {
    type Glance = Call;
}

impl Indexed for Call {
    type Brief = CallBrief;

    fn id(&self) -> &str {
        &self.id
    }

    fn brief(&self) -> CallBrief {
        CallBrief {
            hook: self.hook.as_str().into(),
            next: self.next,
        }
    }
}
