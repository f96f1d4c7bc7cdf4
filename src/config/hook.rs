//! `[[hook]]`: whom to tell of what others do, a program or another server.

use std::time::Duration;

use base64::Engine as _;
use toml::de::DeValue;
use url::Url;

use super::problem::Refusal;
use super::section::{Section, one_of};
use super::{address, default, value};

/// Longest time that a command may take: what hangs is to be noticed the same day.
const MAX_TIMEOUT: Duration = Duration::from_secs(6 * 3600);
/// Longest time that events are gathered.
const MAX_GATHER: Duration = Duration::from_secs(7 * 24 * 3600);

/// `[[hook]]`: somebody who wants to hear of events.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The kinds of event.
    pub on: Vec<HookEvent>,
    /// Who is told.
    pub target: HookTarget,
    /// How long a command may take; then it is ended with all that it started.
    pub timeout: Duration,
    /// How long events are gathered before a command runs, once for all of them; it runs once for each when `None`.
    pub gather: Option<Duration>,
}

/// A kind of event that hooks hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names of the contract")]
pub enum HookEvent {
    Follow,
    Reply,
    Mention,
    Like,
    Boost,
    Quote,
    /// What is shown under a page is another: something new, an edit, a Delete, the owner's word.
    Change,
}

/// Who is told of an event.
#[derive(Clone)]
pub enum HookTarget {
    /// A program and its arguments; the event as JSON on its standard input.
    Command(Vec<String>),
    /// A URL to POST to, signed with the secret (Standard Webhooks).
    Webhook {
        /// Where to POST.
        url: Url,
        /// The key of the signature; never logged.
        secret: String,
    },
}

impl std::fmt::Debug for HookTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // Arguments and paths may be secrets as well.
            HookTarget::Command(command) => f.debug_tuple("Command").field(&command.first()).finish(),
            HookTarget::Webhook { url, .. } => f
                .debug_struct("Webhook")
                .field("host", &url.host_str())
                .finish_non_exhaustive(),
        }
    }
}

/// The kinds of event, by their names.
const EVENTS: [(&str, HookEvent); 7] = [
    ("follow", HookEvent::Follow),
    ("reply", HookEvent::Reply),
    ("mention", HookEvent::Mention),
    ("like", HookEvent::Like),
    ("boost", HookEvent::Boost),
    ("quote", HookEvent::Quote),
    ("change", HookEvent::Change),
];

/// Reads one. `private` says whether its URL may be without TLS.
pub(super) fn read_hook(section: &mut Section<'_, '_>, private: bool) -> Option<Hook> {
    let on = read_events(section);
    let command = section.strings("command");
    let url = section.string("url");
    let secret = section.string("secret");
    let secret = secret.and_then(|at| {
        let read = read_secret(&at.value);
        section.take(&at, read)
    });
    let has_secret = section.value("secret").is_some();
    let timeout = section.parsed("timeout", |text| within(text, MAX_TIMEOUT));
    let gather = section.parsed("gather", |text| within(text, MAX_GATHER));
    if url.is_some() {
        for (key, given) in [("timeout", timeout), ("gather", gather)] {
            if given.is_some() {
                section.refuse_here(key, Refusal::new("is for commands only").hint("take it out"));
            }
        }
    }
    let target = match (command, url) {
        (Some(_), Some(at)) => section.take(
            &at,
            Err(Refusal::new("a hook is a command or a url, not both").hint("make two [[hook]] tables")),
        ),
        (Some(command), None) => {
            let words: Vec<String> = command.into_iter().map(|at| at.value).collect();
            if has_secret {
                section.refuse_here(
                    "secret",
                    Refusal::new("is of no use to a command").hint("take it out"),
                );
            }
            if words.first().is_none_or(String::is_empty) {
                section.refuse_here(
                    "command",
                    Refusal::new("is empty").hint("write the program and its arguments: [\"notify-me\"]"),
                );
                None
            } else {
                Some(HookTarget::Command(words))
            }
        }
        (None, Some(at)) => {
            if !has_secret {
                section.refuse_here(
                    "secret",
                    Refusal::new("is missing").hint("a webhook is signed; make a secret with `openssl rand -base64 32` and put `whsec_` in front"),
                );
            }
            let read = address::web_address(&at.value).and_then(|url| {
                if url.scheme() == "http" && !private {
                    Err(Refusal::new("must be https").hint("write \"https://…\""))
                } else {
                    Ok(url)
                }
            });
            section
                .take(&at, read)
                .zip(secret)
                .map(|(url, secret)| HookTarget::Webhook { url, secret })
        }
        (None, None) => {
            let tried = section.value("command").is_some() || section.value("url").is_some();
            if !tried {
                section.refuse_here(
                    "command",
                    Refusal::new("is missing").hint("a hook needs a command, or a url with a secret"),
                );
            }
            None
        }
    };
    Some(Hook {
        on,
        target: target?,
        timeout: timeout.unwrap_or(default::HOOK_TIMEOUT),
        gather,
    })
}

/// A duration that isn't nothing and not longer than this.
fn within(text: &str, longest: Duration) -> Result<Duration, Refusal> {
    let duration = value::duration(text)?;
    if duration.is_zero() || duration > longest {
        let hours = longest.as_secs() / 3600;
        return Err(
            Refusal::new(format!("{text:?} is nothing, or longer than {hours} hours"))
                .hint("write a time such as \"30s\" or \"10m\""),
        );
    }
    Ok(duration)
}

/// The events of a hook: at least one, for a hook without is never called.
fn read_events(section: &mut Section<'_, '_>) -> Vec<HookEvent> {
    let on = section.list("on", |text| one_of(text, &EVENTS));
    let missing = match section.value("on") {
        None => "is missing",
        Some(at) if matches!(at.value, DeValue::Array(list) if list.is_empty()) => "is empty",
        Some(_) => return on,
    };
    section.refuse_here(
        "on",
        Refusal::new(missing).hint("name the events: on = [\"reply\", \"mention\"]"),
    );
    on
}

/// Checks the secret of a webhook: plain text, or `whsec_` and base64 (Standard Webhooks).
fn read_secret(text: &str) -> Result<String, Refusal> {
    if text.is_empty() {
        return Err(Refusal::new("the secret is empty")
            .hint("make one with `openssl rand -base64 32` and put `whsec_` in front"));
    }
    if let Some(encoded) = text.strip_prefix("whsec_") {
        let key = base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .unwrap_or_default();
        if key.is_empty() {
            return Err(Refusal::new("what follows `whsec_` is not base64")
                .hint("make one with `openssl rand -base64 32` and put `whsec_` in front"));
        }
    }
    Ok(text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_says_it_is_base64_must_be() {
        assert!(read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_ok());
        assert!(read_secret("a plain one").is_ok());
        assert!(read_secret("whsec_…").is_err());
        assert!(read_secret("").is_err());
    }
}
