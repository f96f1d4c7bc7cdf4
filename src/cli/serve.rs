//! `tidings serve`: the daemon.

use super::{Outcome, Session};
use crate::daemon;

/// Runs the daemon until it is told to stop.
pub(super) fn run(session: &Session<'_>) -> Outcome {
    session.start_log("info");
    let config = session.config()?;
    let runtime = daemon::runtime()?;
    let ended = runtime.block_on(daemon::run(config));
    // What still blocks a thread, such as the look-up of a name, must not keep the process alive.
    runtime.shutdown_background();
    ended.map(|()| 0)
}
