//! What the commands ask for, and how the daemon is asked.
//!
//! A command is a value, [`Command`], carried out by one function, [`execute()`]. While the daemon runs the command goes
//! to it through the control socket; otherwise the command's own process opens the store and calls the same function.
//!
//! On the socket a connection carries one request: a line of JSON, answered by any number of lines with `progress` and
//! one line with `reply` or `failure`.

mod engine;
mod execute;
mod failure;
mod show;
mod socket;
mod word;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::article::Visibility;
use crate::inbox::moderation::Filter;

pub use self::engine::{Engine, Role};
pub use self::execute::{execute, reading};
pub use self::failure::{Failure, code};
pub use self::socket::{ask, listen, serve, socket_folder};

/// What a command asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// What the daemon is doing: its version, address and state.
    Status,
    /// What a publish would do now.
    Plan,
    /// What becomes of single pages, why, and how they will look.
    Explain {
        /// Paths, URLs or files.
        pages: Vec<String>,
    },
    /// What is weak about the site's pages.
    Survey,
    /// Publishes what the plan shows, or the named pages.
    Publish {
        /// Paths, URLs or files; empty means all.
        pages: Vec<String>,
        /// Whether to wait for the first attempt at every delivery.
        wait: bool,
    },
    /// Publishes a note.
    Note {
        /// Markdown, with TOML front matter if it has one.
        text: String,
        /// The name of the actor; the default one when missing.
        actor: Option<String>,
        /// Who may see it.
        visibility: Option<Visibility>,
        /// The URL of what it answers.
        reply_to: Option<String>,
        /// Whether to wait for the first attempt at every delivery.
        wait: bool,
    },
    /// Takes pages or objects back.
    Unpublish {
        /// Paths, URLs, files or ids.
        targets: Vec<String>,
    },
    /// The widgets of every page.
    Render {
        /// What the files hold.
        format: Format,
    },
    /// The followers of all our actors.
    Followers,
    /// Does something about a follower.
    Follower {
        /// What.
        action: FollowerAction,
        /// Its id or handle.
        actor: String,
    },
    /// What others said and did.
    Interactions {
        /// Which of it.
        filter: Filter,
    },
    /// Does something about an interaction.
    Interaction {
        /// What.
        action: InteractionAction,
        /// Its id.
        id: String,
    },
    /// What waits to be delivered.
    Queue,
    /// Tries again what waits for a host, or everything.
    Retry {
        /// As in a URL, with the port if it isn't the scheme's own.
        host: Option<String>,
    },
    /// Gives up what waits for a host.
    Drop {
        /// As in a URL, with the port if it isn't the scheme's own.
        host: String,
    },
    /// Who is blocked.
    Blocks,
    /// Blocks domains, actors or words.
    Block {
        /// Each with the reason, if any.
        blocks: Vec<(String, Option<String>)>,
    },
    /// Takes a block back.
    Unblock {
        /// The domain, actor or word.
        block: String,
    },
    /// Who is told of events, and what waits for them.
    Hooks,
    /// Tells every hook of a made-up event.
    TryHooks,
    /// Our actors as others see them.
    Actors,
    /// Announces the actors whose documents changed.
    UpdateActors,
    /// Our public keys.
    Keys,
    /// Makes new keys for an actor and announces them.
    Rotate {
        /// Its name; the default one when missing.
        actor: Option<String>,
    },
}

impl Command {
    /// Whether it only looks, and needs no key for it: it works without a data directory too, and makes none.
    pub fn looks(&self) -> bool {
        match self {
            Command::Status
            | Command::Plan
            | Command::Explain { .. }
            | Command::Survey
            | Command::Render { .. }
            | Command::Followers
            | Command::Interactions { .. }
            | Command::Queue
            | Command::Hooks
            | Command::Blocks => true,
            Command::Interaction { action, .. } => *action == InteractionAction::Show,
            Command::Actors
            | Command::Keys
            | Command::Publish { .. }
            | Command::Note { .. }
            | Command::Unpublish { .. }
            | Command::Follower { .. }
            | Command::Retry { .. }
            | Command::Drop { .. }
            | Command::Block { .. }
            | Command::Unblock { .. }
            | Command::TryHooks
            | Command::UpdateActors
            | Command::Rotate { .. } => false,
        }
    }
}

/// What rendered files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The thread as an HTML fragment.
    Html,
    /// What `/ap/interactions` answers.
    Json,
    /// One file `tidings.json`: the thread and the numbers of every page, by its path.
    Data,
}

/// What can be done about a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FollowerAction {
    /// Its request is accepted.
    Approve,
    /// Its request is rejected.
    Reject,
    /// It follows no longer.
    Remove,
}

/// What can be done about an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InteractionAction {
    /// It is shown whole, the activity as it came too.
    Show,
    /// It appears on the page, and so will its author's later ones.
    Approve,
    /// It is taken off the page.
    Hide,
    /// It is forgotten.
    Delete,
}

/// What a command that succeeded has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The data, as `--json` prints it; null when there is none.
    #[serde(default)]
    pub data: Value,
    /// What the reader should know besides, a line each.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Reply {
    /// Data, and nothing to add.
    pub fn data(data: Value) -> Reply {
        Reply {
            data,
            notes: Vec::new(),
        }
    }

    /// Something that was done.
    pub fn note(note: impl Into<String>) -> Reply {
        Reply {
            data: Value::Null,
            notes: vec![note.into()],
        }
    }
}

/// How far long work is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done.
    pub doing: String,
    /// How many are done.
    pub done: u64,
    /// Of how many; 0 when that isn't known.
    pub total: u64,
}

/// Hears how far long work is.
pub type Watcher = Arc<dyn Fn(Progress) + Send + Sync>;

/// What stands on a line of an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Progress(Progress),
    Reply(Reply),
    Failure(Failure),
}
