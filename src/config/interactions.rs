//! `[interactions]`: what happens to what others say, and what of it a page shows.

use std::path::PathBuf;
use std::time::Duration;

use globset::GlobSet;

use crate::article::Discussion;

/// `[interactions]`: what happens to replies, likes and boosts.
#[derive(Clone, Debug)]
pub struct Interactions {
    /// Which wait for approval.
    pub moderation: Moderation,
    /// What the page shows.
    pub show: Show,
    /// Which reply to the page stands first.
    pub order: Order,
    /// Globs over page paths without their leading slash: of these no more replies and quotes are taken.
    pub closed: GlobSet,
    /// Likewise: of these nothing is taken and nothing shown; wins over `closed`.
    pub off: GlobSet,
    /// Older ones vanish; `None` is never.
    pub expire: Option<Duration>,
    /// A folder with the owner's own templates; it need not exist.
    pub templates: PathBuf,
    /// The language of the widgets' texts.
    pub locale: String,
    /// Bytes of pictures kept.
    pub media_limit: u64,
}

impl Interactions {
    /// Whether what others say about the page at a path is taken and shown.
    pub fn discussion(&self, path: &str) -> Discussion {
        let path = path.trim_start_matches('/');
        match (self.off.is_match(path), self.closed.is_match(path)) {
            (true, _) => Discussion::Off,
            (false, true) => Discussion::Closed,
            (false, false) => Discussion::Open,
        }
    }
}

/// Which interactions wait for approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moderation {
    /// Replies and quotes of an author nobody approved before.
    First,
    /// None.
    Show,
    /// All.
    Hold,
}

/// What of the interactions a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// All.
    All,
    /// Their numbers.
    Counts,
    /// Nothing.
    None,
}

/// The order of the replies to a page, and of its quotes. What answers a reply stands below it, always the oldest first: a
/// conversation is read downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// The oldest first.
    Oldest,
    /// The newest first.
    Newest,
}

impl Order {
    /// All, by the names that the configuration and addresses have for them.
    pub const NAMES: [(&str, Order); 2] = [("oldest", Order::Oldest), ("newest", Order::Newest)];

    /// The one that a word names.
    pub fn named(word: &str) -> Option<Order> {
        let found = Order::NAMES.iter().find(|(name, _)| *name == word);
        found.map(|(_, order)| *order)
    }
}
