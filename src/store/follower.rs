//! A follower of one of our actors.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Record;

/// A follower: all that is needed to serve it stands here, not only in the cache.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Follower {
    /// Its actor's id.
    pub actor: String,
    /// Its handle, `@ada@mastodon.example`.
    pub handle: String,
    /// Its own inbox.
    pub inbox: String,
    /// The inbox that it shares with others on its server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_inbox: Option<String>,
    /// Its keys as its document has them (`publicKey`, `assertionMethod`), so that it is known without the cache.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub keys: Value,
    /// Whether it was accepted.
    pub state: FollowState,
    /// When it asked.
    pub since: Timestamp,
    /// Where it says that it moved; it stays a follower until it unfollows or is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// The Follow as it came; the Accept must carry it.
    pub follow: Value,
    /// The ids of the Follows before it, the oldest first: its server may undo it by any of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
}

/// Most ids of earlier Follows that are kept: a server that lost its database follows again once or twice.
pub const EARLIER_FOLLOWS: usize = 8;

impl Follower {
    /// The ids by which its server may undo that it follows.
    pub fn follow_ids(&self) -> impl Iterator<Item = &str> {
        let latest = self.follow.get("id").and_then(Value::as_str);
        self.earlier.iter().map(String::as_str).chain(latest)
    }

    /// The ids of the Follows before `next`, when that is its next one.
    pub fn earlier_than(&self, next: &Value) -> Vec<String> {
        let next = next.get("id").and_then(Value::as_str);
        let mut earlier: Vec<String> = Vec::new();
        for id in self.follow_ids().filter(|id| Some(*id) != next) {
            if !earlier.iter().any(|known| known == id) {
                earlier.push(id.to_string());
            }
        }
        earlier.drain(..earlier.len().saturating_sub(EARLIER_FOLLOWS));
        earlier
    }
}

/// Whether a Follow was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FollowState {
    /// It gets what we publish.
    Accepted,
    /// It waits for the owner's word.
    Pending,
}

/// What is kept of a follower in memory.
#[derive(Clone, Debug)]
pub struct FollowerBrief {
    /// See [`Follower::inbox`].
    pub inbox: Box<str>,
    /// See [`Follower::shared_inbox`].
    pub shared_inbox: Option<Box<str>>,
    /// See [`Follower::state`].
    pub state: FollowState,
    /// See [`Follower::since`].
    pub since: Timestamp,
}

impl Record for Follower {
    type Brief = FollowerBrief;

    fn id(&self) -> &str {
        &self.actor
    }

    fn brief(&self) -> FollowerBrief {
        FollowerBrief {
            inbox: self.inbox.as_str().into(),
            shared_inbox: self.shared_inbox.as_deref().map(Into::into),
            state: self.state,
            since: self.since,
        }
    }
}
