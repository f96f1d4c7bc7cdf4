//! `tidings hooks`: who is told of what others do, and the service that runs commands for it.

use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use super::screen::{printable, rows};
use super::{Outcome, Output, Session};
use crate::config::Config;
use crate::control::{Command, Failure, code};
use crate::hooks::{self, Configured};

/// How long a service that systemd started waits for the next call before it ends; systemd starts it again.
const IDLE: Duration = Duration::from_secs(300);

/// What `hooks` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List who is told of what others do, and what waits
    List,
    /// Tell every hook of a made-up event, now, and say how it went
    Test,
    /// Run the commands of hooks, as a service beside the daemon: with its own user and restrictions
    Run {
        /// Serve the daemon that started this process, on standard input
        #[arg(long, hide = true)]
        inherited: bool,
    },
}

/// Lists hooks, tries them, or runs their commands.
pub(super) fn run(args: &Args, session: &Session<'_>) -> Outcome {
    match args.action {
        None | Some(Action::List) => {
            let mut reply = session.tell(Command::Hooks)?;
            if args.output.json {
                session.screen.json(&reply.data)?;
                return Ok(0);
            }
            for hook in reply.data.as_array_mut().into_iter().flatten() {
                let on: Vec<&str> = hook["on"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                hook["on"] = on.join(" ").into();
            }
            let columns = ["/hook", "/kind", "/on", "/waiting", "/next"];
            session.screen.table(
                &["hook", "kind", "on", "waiting", "next try"],
                &rows(&reply.data, &columns),
            )?;
            Ok(0)
        }
        Some(Action::Test) => test(args.output, session),
        Some(Action::Run { inherited }) => serve(session, inherited),
    }
}

/// Tells every hook of a made-up event; fails when one of them did.
fn test(output: Output, session: &Session<'_>) -> Outcome {
    let reply = session.tell(Command::TryHooks)?;
    if output.json {
        session.screen.json(&reply.data)?;
    }
    let tried = reply.data.as_array().map(Vec::as_slice).unwrap_or_default();
    if tried.is_empty() {
        session.screen.note("there is no [[hook]] in the configuration");
    }
    let mut failed = false;
    for hook in tried {
        let name = hook["hook"].as_str().unwrap_or_default();
        match hook["error"].as_str() {
            Some(error) => {
                failed = true;
                session
                    .screen
                    .note(&format!("{name}: failed: {}", printable(error)));
            }
            None => session.screen.note(&format!("{name}: done")),
        }
        for text in hook["printed"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            for line in text.lines() {
                session.screen.note(&format!("    {}", printable(line)));
            }
        }
    }
    Ok(if failed { code::FAILED } else { 0 })
}

/// Runs the commands of hooks, for the daemon.
fn serve(session: &Session<'_>, inherited: bool) -> Outcome {
    session.start_log("info");
    let config = session.config()?;
    let fail = |what: &str, error: std::io::Error| Failure::failed(format!("{what}: {error}"));
    if inherited {
        let base = std::io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|error| fail("standard input", error))?;
        hooks::attend(&UnixStream::from(base), &*always_read(config));
        return Ok(0);
    }
    let (listener, file) = listen(&config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| fail("the runtime can't be started", error))?;
    let idle = file.is_none().then_some(IDLE);
    let served = runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::UnixListener::from_std(listener)?;
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        session.screen.note("ready to run hooks");
        hooks::serve(listener, always_read(config), idle, stop).await
    });
    if let Some(file) = file {
        // Of no use to anybody any more.
        let _ = std::fs::remove_file(file);
    }
    served.map_err(|error| fail("hooks can't be served", error))?;
    Ok(0)
}

/// The configuration, read anew for each call: what runs is what stands there now. While it is wrong, the last good one
/// holds, as in the daemon.
fn always_read(config: Config) -> Arc<Configured> {
    let file = config.file.clone();
    let last = Mutex::new(Arc::new(config));
    Arc::new(move || {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(new) = Config::read(&file) {
            *last = Arc::new(new);
        }
        Arc::clone(&last)
    })
}

/// The socket that systemd passed, or one of our own and its file.
fn listen(config: &Config) -> Result<(UnixListener, Option<PathBuf>), Failure> {
    let mut passed = listenfd::ListenFd::from_env();
    let fail = |error: std::io::Error| Failure::failed(format!("the socket that was passed: {error}"));
    if let Some(listener) = passed.take_unix_listener(0).map_err(fail)? {
        return Ok((listener, None));
    }
    let place = hooks::places(&config.site.data)
        .into_iter()
        .next()
        .expect("the data directory is one");
    let fail = |error: std::io::Error| {
        Failure::failed(format!("{}: {error}", place.display()))
            .hint("run it as the daemon's user, or by systemd/tidings-hooks.socket as another one")
    };
    if UnixStream::connect(&place).is_ok() {
        return Err(fail(std::io::ErrorKind::AddrInUse.into()));
    }
    match std::fs::remove_file(&place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fail(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&place).map_err(fail)?;
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
    Ok((listener, Some(place)))
}
