//! `tidings serve`: the daemon.

use std::sync::Arc;

use super::{Outcome, Session};
use crate::control::{Failure, Watcher};
use crate::daemon;
use crate::hooks::Helper;

/// Runs the daemon until it is told to stop.
pub(super) fn run(session: &Session<'_>) -> Outcome {
    session.start_log("info");
    let config = session.config()?;
    let helper =
        if config.runs_commands() {
            let started = Helper::start(&config.file);
            Some(started.map_err(|error| {
                Failure::failed(format!("the helper for hooks can't be started: {error}"))
            })?)
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
