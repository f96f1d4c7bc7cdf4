//! Where the commands of hooks are run, as the daemon sees it.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::command::GRACE;
use super::helper::Helper;
use super::runner::{self, Configured, Reply, Request};
use super::service;
use super::work::Trouble;
use crate::config::Config;

/// Longest answer that is read, in bytes: what is kept of what a command printed.
const MAX_REPLY: u64 = 64 * 1024;
/// How much longer than the command an answer may take.
const SLACK: Duration = Duration::from_secs(10);

/// Who runs commands for this process.
#[derive(Debug, Default)]
pub struct Place {
    own: OnceLock<Own>,
}

/// What a daemon has of its own to run commands with.
#[derive(Debug)]
enum Own {
    /// A process that was started before it restricted itself.
    Helper(Helper),
    /// Nothing: it is restricted, and was started without one.
    Nothing,
}

impl Place {
    /// Says who does it from now on: the helper, or nobody when there is none. Without this a thread does.
    pub fn set(&self, helper: Option<Helper>) {
        let _ = self.own.set(helper.map_or(Own::Nothing, Own::Helper));
    }

    /// Whether commands can only be run by a service of its own until the daemon starts again.
    pub fn has_nobody(&self) -> bool {
        matches!(self.own.get(), Some(Own::Nothing))
    }

    /// Runs the command of a hook with these events, and answers how it went.
    pub(super) async fn run(
        &self,
        config: &Arc<Config>,
        hook: String,
        events: Vec<Value>,
        limit: Duration,
    ) -> Result<Vec<String>, Trouble> {
        let caller = self.connect(config)?;
        let gone = |error: io::Error| Trouble::Away(format!("who runs the hooks went away: {error}"));
        let talk = async {
            caller.set_nonblocking(true)?;
            let mut caller = tokio::net::UnixStream::from_std(caller)?;
            let mut request = serde_json::to_vec(&Request { hook, events })?;
            request.push(b'\n');
            caller.write_all(&request).await?;
            let mut answer = Vec::new();
            caller.take(MAX_REPLY).read_to_end(&mut answer).await?;
            if answer.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(serde_json::from_slice::<Reply>(&answer)?)
        };
        let reply = tokio::time::timeout(limit + GRACE * 2 + SLACK, talk).await;
        let reply = reply
            .map_err(|_| gone(io::ErrorKind::TimedOut.into()))?
            .map_err(gone)?;
        match reply.failure {
            None => Ok(reply.printed),
            Some(reason) => Err(Trouble::Failed {
                reason,
                printed: reply.printed,
            }),
        }
    }

    fn connect(&self, config: &Arc<Config>) -> Result<UnixStream, Trouble> {
        let places = service::places(&config.site.data);
        if let Some(place) = places.into_iter().find(|place| place.exists()) {
            match UnixStream::connect(&place) {
                Ok(stream) => return Ok(stream),
                // Left by a service that was killed; who can do without it does.
                Err(error)
                    if error.kind() == io::ErrorKind::ConnectionRefused
                        && !matches!(self.own.get(), Some(Own::Nothing)) => {}
                Err(error) => {
                    return Err(Trouble::Away(format!(
                        "nobody answers at {} ({error}): start `tidings hooks run`, or remove it",
                        place.display()
                    )));
                }
            }
        }
        match self.own.get() {
            Some(Own::Helper(helper)) => helper
                .connect()
                .map_err(|error| Trouble::Away(format!("the helper is gone ({error}): restart the daemon"))),
            Some(Own::Nothing) => Err(Trouble::Away(
                "nobody runs commands: restart the daemon, or start `tidings hooks run`".into(),
            )),
            None => {
                let (ours, theirs) = UnixStream::pair()
                    .map_err(|error| Trouble::Away(format!("no socket for a hook: {error}")))?;
                let config = Arc::clone(config);
                let serve = move || {
                    let configured: Box<Configured> = Box::new(move || Arc::clone(&config));
                    // It ends when our end is closed.
                    let _ = runner::serve(&theirs, &*configured, None);
                };
                let started = std::thread::Builder::new().spawn(serve);
                started.map_err(|error| Trouble::Away(format!("no thread for a hook: {error}")))?;
                Ok(ours)
            }
        }
    }
}
