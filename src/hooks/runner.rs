//! Who runs the commands of hooks: outside of the daemon's restrictions, and only what the configuration names.
//!
//! A call is a connection: one line of JSON that names a hook and brings what it is to read, and one line that says how it
//! went. Which program that is stands in `ap.toml`, which the runner reads by itself: whoever takes over the daemon can
//! make up events, but not commands. A connection that is closed before its answer ends the command.
//!
//! The same runs in three places: in a process that the daemon starts before it restricts itself ([`super::Helper`]), in
//! a service of its own (`tidings hooks run`), and, where nothing is restricted, in a thread.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::command::{self, Task};
use super::environment::environment;
use super::name_of;
use crate::config::{Config, HookTarget};

/// Largest request, in bytes: as many events as are gathered, each with an activity of at most 1 MiB.
pub(super) const MAX_REQUEST: u64 = 16 << 20;
/// How long a caller may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Which hook: see [`name_of`].
    pub(super) hook: String,
    /// The events that it is told.
    pub(super) events: Vec<Value>,
}

/// How it went.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Reply {
    /// What it printed on its standard output and standard error.
    #[serde(default)]
    pub(super) printed: Vec<String>,
    /// Why it counts as failed.
    pub(super) failure: Option<String>,
}

/// Where a runner has the configuration from, as it is now.
pub type Configured = dyn Fn() -> Arc<Config> + Send + Sync;

/// Answers one call. `stop` can be read when the runner is to end.
///
/// # Errors
/// When the caller can't be heard or told: nobody is left who would want to know.
pub(super) fn serve(
    caller: &UnixStream,
    configured: &Configured,
    stop: Option<&UnixStream>,
) -> io::Result<()> {
    // Those that systemd passed may be of either kind.
    caller.set_nonblocking(false)?;
    caller.set_read_timeout(Some(PATIENCE))?;
    let mut line = Vec::new();
    BufReader::new(caller.take(MAX_REQUEST)).read_until(b'\n', &mut line)?;
    let reply = match serde_json::from_slice::<Request>(&line) {
        Ok(request) => perform(&request, caller, configured, stop),
        Err(error) => failed(format!("the runner was asked what it can't read: {error}")),
    };
    let mut answer = serde_json::to_vec(&reply)?;
    answer.push(b'\n');
    (&mut &*caller).write_all(&answer)
}

fn failed(reason: String) -> Reply {
    Reply {
        printed: Vec::new(),
        failure: Some(reason),
    }
}

fn perform(
    request: &Request,
    caller: &UnixStream,
    configured: &Configured,
    stop: Option<&UnixStream>,
) -> Reply {
    let config = configured();
    let found = config.hooks.iter().find(|hook| name_of(hook) == request.hook);
    let Some((hook, HookTarget::Command(command))) = found.map(|hook| (hook, &hook.target)) else {
        return failed(
            "the runner's ap.toml doesn't know this hook: is it the daemon's, and the same for both?".into(),
        );
    };
    // One event is the JSON of the contract; several are a line each.
    let mut input = Vec::new();
    for event in &request.events {
        if let Ok(json) = serde_json::to_vec(event) {
            input.extend(json);
            input.push(b'\n');
        }
    }
    let mut variables = environment(&request.events);
    // So that a script can ask tidings for more, or have the widgets written.
    variables.push(("TIDINGS_CONFIG", config.file.display().to_string()));
    if let Ok(program) = std::env::current_exe() {
        variables.push(("TIDINGS", program.display().to_string()));
    }
    let task = Task {
        command,
        folder: config.file.parent().unwrap_or(std::path::Path::new("/")),
        environment: &variables,
        input: &input,
        limit: hook.timeout,
    };
    let mut callers = vec![caller.as_fd()];
    callers.extend(stop.map(|stop| stop.as_fd()));
    match command::run(&task, &callers) {
        Ok(ran) => Reply {
            printed: ran.printed.into(),
            failure: ran.failure,
        },
        Err(reason) => failed(reason),
    }
}
