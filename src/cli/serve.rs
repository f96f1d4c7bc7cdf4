//! `tidings serve`: the daemon.

use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;

use super::{Outcome, Session};
use crate::control::{Failure, Watcher};
use crate::daemon;
use crate::hooks::{self, Helper};

/// How long mimalloc keeps what is free, in ms. A second by its own, and then until something is allocated, which in a daemon
/// that has become idle is much later: after a load that was a quarter of its memory.
const PURGE_DELAY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "0");

/// Runs the daemon until it is told to stop.
pub(super) fn run(session: &Session<'_>) -> Outcome {
    start_thriftily();
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

/// Starts this program again in its place, with the allocator told to give back what is free. It reads that from its
/// environment before `main`, and it can be told in no other way without unsafe code. The unit for systemd tells it.
fn start_thriftily() {
    let (name, value) = PURGE_DELAY;
    let mut arguments = std::env::args_os();
    if std::env::var_os(name).is_none()
        && let (Ok(program), Some(called)) = (std::env::current_exe(), arguments.next())
    {
        // Comes back only when it fails; the daemon then takes more memory.
        let _ = Command::new(program)
            .arg0(called)
            .args(arguments)
            .env(name, value)
            .exec();
    }
}
