//! A follower of one of our actors.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::moment::Moment;
use super::{Indexed, Record};

/// A follower: all that is needed to serve it stands here, not only in the cache. `R` is how documents of its server are
/// read: whole, or not at all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Follower<R: Document = Value> {
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
    #[serde(default, skip_serializing_if = "Document::is_absent")]
    pub keys: R,
    /// Whether it was accepted.
    pub state: FollowState,
    /// When it asked.
    pub since: Timestamp,
    /// Where it says that it moved; it stays a follower until it unfollows or is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// The Follow as it came; the Accept must carry it.
    pub follow: R,
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

/// A document of another server, as it came.
pub trait Document: Default {
    /// Whether there is none.
    fn is_absent(&self) -> bool;
}

impl Document for Value {
    fn is_absent(&self) -> bool {
        self.is_null()
    }
}

impl Document for IgnoredAny {
    fn is_absent(&self) -> bool {
        true
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
    /// See [`FollowerBrief::inbox`].
    inbox: Inbox,
    /// See [`Follower::shared_inbox`].
    pub shared_inbox: Option<Arc<str>>,
    /// See [`Follower::state`].
    pub state: FollowState,
    since: Moment,
}

/// The inbox of a follower. There may be a hundred thousand, and nearly all have it below their id.
#[derive(Clone, Debug)]
enum Inbox {
    BelowId,
    At(Box<str>),
}

/// What stands between an actor's id and its inbox with most servers.
const BELOW: &str = "/inbox";

impl FollowerBrief {
    /// See [`Follower::since`].
    pub fn since(&self) -> Timestamp {
        self.since.timestamp()
    }

    /// See [`Follower::inbox`]; `id` is the follower's.
    pub fn inbox<'a>(&'a self, id: &str) -> Cow<'a, str> {
        match &self.inbox {
            Inbox::BelowId => Cow::Owned(format!("{id}{BELOW}")),
            Inbox::At(inbox) => Cow::Borrowed(inbox),
        }
    }
}

impl Record for Follower {
    type Glance = Follower<IgnoredAny>;
}

impl<R: Document> Indexed for Follower<R> {
    type Brief = FollowerBrief;

    fn id(&self) -> &str {
        &self.actor
    }

    fn brief(&self) -> FollowerBrief {
        FollowerBrief {
            inbox: match self.inbox.strip_prefix(&self.actor) {
                Some(BELOW) => Inbox::BelowId,
                _ => Inbox::At(self.inbox.as_str().into()),
            },
            // As its group's name, which is kept once.
            shared_inbox: None,
            state: self.state,
            since: self.since.into(),
        }
    }

    /// Those of one server together.
    fn group(&self) -> Option<&str> {
        self.shared_inbox.as_deref()
    }

    fn share(brief: &mut FollowerBrief, group: &Arc<str>) {
        brief.shared_inbox = Some(Arc::clone(group));
    }
}
