//! Commands and webhooks that hear of events.
//!
//! An event becomes one record for each hook that wants it ([`prepare`]), durable before what it tells of is; [`run`]
//! works them off. So nothing here delays the inbox, and a restart forgets nothing. A command or a webhook that fails is
//! tried again, some times, at growing gaps.
//!
//! Commands are not run by the daemon itself, which is restricted, but at another [`Place`].

mod announce;
mod command;
mod environment;
mod helper;
mod place;
mod runner;
mod service;
mod webhook;
mod work;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use self::announce::{Desk, Prepared, prepare};
pub use self::helper::{Helper, attend};
pub use self::place::Place;
pub use self::runner::Configured;
pub use self::service::{places, serve};
pub use self::work::{Surroundings, run, try_out};
use crate::config::{Hook, HookEvent, HookTarget};

/// Something that happened, as hooks hear of it.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// What.
    pub event: HookEvent,
    /// The short id of the interaction; of a follow a random one.
    pub id: String,
    /// When it came.
    pub time: Timestamp,
    /// Who: id, name, handle, url and avatar.
    pub actor: Value,
    /// The page that it is about.
    pub page: Option<String>,
    /// Our object that it is about.
    pub object: Option<String>,
    /// Whether everybody may see it.
    pub public: bool,
    /// Clean HTML.
    pub content: Option<String>,
    /// The activity as received.
    pub activity: Value,
}

/// A name that a hook keeps as long as its target stays the same: a digest, because arguments may be private.
pub fn name_of(hook: &Hook) -> String {
    let mut digest = Sha256::new();
    match &hook.target {
        HookTarget::Command(command) => {
            digest.update(b"command");
            for part in command {
                digest.update([0]);
                digest.update(part.as_bytes());
            }
        }
        HookTarget::Webhook { url, .. } => {
            digest.update(b"webhook\0");
            digest.update(url.as_str().as_bytes());
        }
    }
    hex(&digest.finalize())
}

/// The id of a call: the same event for the same hook is one call.
fn call_id(hook: &str, event: &Event, now: Timestamp) -> String {
    let digest = Sha256::digest(format!("{hook} {} {}", event.id, event.time));
    format!("{:011x}{}", now.as_millisecond(), hex(&digest))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A hook as logs and lists name it: its program, or its host. What follows may be secret.
pub fn label(hook: &Hook) -> String {
    match &hook.target {
        HookTarget::Command(command) => command.first().cloned().unwrap_or_default(),
        HookTarget::Webhook { url, .. } => url.host_str().unwrap_or_default().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_keeps_its_name_when_only_its_secret_changes() {
        let hook = |url: &str, secret: &str| Hook {
            on: vec![HookEvent::Like],
            target: HookTarget::Webhook {
                url: url.parse().unwrap(),
                secret: secret.into(),
            },
            timeout: std::time::Duration::from_secs(1),
            gather: None,
        };
        assert_eq!(
            name_of(&hook("https://a.example/", "x")),
            name_of(&hook("https://a.example/", "y"))
        );
        assert_ne!(
            name_of(&hook("https://a.example/", "x")),
            name_of(&hook("https://b.example/", "x"))
        );
    }
}
