//! `tidings serve`: the daemon.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::{Outcome, Session};
use crate::control::{Failure, Watcher};
use crate::daemon;
use crate::hooks::{self, Helper};

/// Runs the daemon until it is told to stop.
pub(super) fn run(session: &Session<'_>) -> Outcome {
    session.start_log("info");
    let config = session.config()?;
    let served = hooks::places(&config.site.data)
        .iter()
        .any(|place| UnixStream::connect(place).is_ok());
    let helper = if config.runs_commands() && !served {
        if std::env::var_os("RUNTIME_DIRECTORY").is_some() {
            tracing::warn!(
                "commands of hooks run inside this service's sandbox: tidings-hooks.socket runs them outside of it"
            );
        }
        let fail = |error| Failure::failed(format!("the helper for hooks can't be started: {error}"));
        Some(Helper::start(&config.file).map_err(fail)?)
    } else {
        None
    };
    daemon::confine(&config)?;
    let bar = session.screen.progress();
    let watcher: Watcher = Arc::new(move |step| {
        if step.done < step.total {
            bar.show(&step);
        } else {
            bar.clear();
        }
    });
    let runtime = daemon::runtime()?;
    let ended = runtime.block_on(daemon::run(config, helper, watcher));
    // What still blocks a thread, such as the look-up of a name, must not keep the process alive.
    runtime.shutdown_background();
    ended.map(|()| 0)
}
