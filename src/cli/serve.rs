//! `tidings serve`: the daemon.

use std::sync::Arc;

use super::{Outcome, Session};
use crate::control::Watcher;
use crate::daemon;

/// Runs the daemon until it is told to stop.
pub(super) fn run(session: &Session<'_>) -> Outcome {
    session.start_log("info");
    let config = session.config()?;
    let bar = session.screen.progress();
    let watcher: Watcher = Arc::new(move |step| {
        if step.done < step.total {
            bar.show(&step);
        } else {
            bar.clear();
        }
    });
    let runtime = daemon::runtime()?;
    let ended = runtime.block_on(daemon::run(config, watcher));
    // What still blocks a thread, such as the look-up of a name, must not keep the process alive.
    runtime.shutdown_background();
    ended.map(|()| 0)
}
