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
    /// The record that the event tells of, which is stored after the call: where a crash kept that from happening, the
    /// call isn't made. `None` when it is made in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// A record that an event tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// An interaction, by its short id.
    Interaction(String),
    /// A follower.
    Follower {
        /// The name of our actor.
        of: String,
        /// The follower's id.
        actor: String,
    },
}

/// What is kept of a call in memory.
#[derive(Clone, Debug)]
pub struct CallBrief {
    /// See [`Call::hook`].
    pub hook: Box<str>,
    /// See [`Call::attempts`].
    pub attempts: u32,
    /// See [`Call::next`].
    pub next: Timestamp,
    /// See [`Call::about`]; `None` once it was tried: then it happened.
    pub about: Option<Box<About>>,
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
            attempts: self.attempts,
            next: self.next,
            about: self.about.clone().filter(|_| self.attempts == 0).map(Box::new),
        }
    }
}
