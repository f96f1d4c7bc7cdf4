//! What a command does before its own work: find the configuration, start the log, reach the daemon or the store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::screen::Screen;
use super::{Common, Outcome, Output};
use crate::config::Config;
use crate::control::{self, Command, Engine, Failure, Reply, Role, Watcher, code};
use crate::daemon;
use crate::store::StoreError;

/// The configuration where no other is named.
const CONFIG: &str = "ap.toml";
/// The variable that names another one.
const CONFIG_VARIABLE: &str = "TIDINGS_CONFIG";
/// The variable with a filter for the log, in the syntax of tracing's `Targets`: `tidings::deliver=debug,info`.
const LOG_VARIABLE: &str = "TIDINGS_LOG";
/// How long a command waits for a daemon that holds the store and doesn't answer yet: it is starting, or stopping.
const PATIENCE: Duration = Duration::from_secs(2);

/// One run of the program.
#[derive(Debug)]
pub(super) struct Session<'s> {
    common: Common,
    pub(super) screen: &'s Screen,
}

impl<'s> Session<'s> {
    pub(super) fn new(common: Common, screen: &'s Screen) -> Session<'s> {
        Session { common, screen }
    }

    /// The configuration's file: `--config`, or `ap.toml` here, or the one that the environment names.
    pub(super) fn config_file(&self) -> PathBuf {
        if let Some(file) = &self.common.config {
            return file.clone();
        }
        let here = PathBuf::from(CONFIG);
        match std::env::var_os(CONFIG_VARIABLE) {
            Some(named) if !here.exists() && !named.is_empty() => named.into(),
            _ => here,
        }
    }

    /// Where `init` writes: `--config`, or `ap.toml` here.
    pub(super) fn init_file(&self) -> PathBuf {
        self.common.config.clone().unwrap_or_else(|| CONFIG.into())
    }

    /// The configuration.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        Ok(Config::read(&self.config_file())?)
    }

    /// Starts the log on standard error; `usual` is the level without -v and -q.
    pub(super) fn start_log(&self, usual: &str) {
        let level = match (self.common.quiet, self.common.verbose) {
            (true, _) => "error",
            (false, 0) => usual,
            (false, 1) if usual == "warn" => "tidings=info,warn",
            (false, 1) => "tidings=debug,info",
            (false, _) => "tidings=trace,debug",
        };
        // Not tracing's `EnvFilter`, which brings regular expressions for what spans hold; there are none here.
        let filter: Targets = std::env::var(LOG_VARIABLE)
            .ok()
            .and_then(|wanted| wanted.parse().ok())
            .unwrap_or_else(|| level.parse().expect("our own levels are well formed"));
        let log = fmt::layer()
            .with_writer(std::io::stderr)
            .with_target(false)
            .with_ansi(self.screen.colours());
        // journald writes the time itself.
        if std::env::var_os("JOURNAL_STREAM").is_some() {
            let _ = tracing_subscriber::registry()
                .with(log.without_time().with_filter(filter))
                .try_init();
        } else {
            let _ = tracing_subscriber::registry()
                .with(log.with_filter(filter))
                .try_init();
        }
    }

    /// Carries out a command: in the daemon when one runs, otherwise here.
    pub(super) fn ask(&self, command: Command) -> Result<Reply, Failure> {
        self.start_log("warn");
        let config = self.config()?;
        let bar = self.screen.progress();
        let watcher: Watcher = {
            let bar = bar.clone();
            Arc::new(move |step| bar.show(&step))
        };
        let reply = daemon::runtime()?.block_on(ask_or_work(config, command, &watcher));
        bar.clear();
        reply
    }

    /// As [`Session::tell`], then prints the data of the reply for programs; people have the notes.
    pub(super) fn act(&self, command: Command, output: Output) -> Outcome {
        let reply = self.tell(command)?;
        if output.json {
            self.screen.json(&reply.data)?;
        }
        Ok(0)
    }

    /// As [`Session::ask`], then prints the notes of the reply.
    pub(super) fn tell(&self, command: Command) -> Result<Reply, Failure> {
        let reply = self.ask(command)?;
        for note in &reply.notes {
            self.screen.note(note);
        }
        Ok(reply)
    }
}

/// Asks the daemon; without one, opens the store and does the work here.
pub(super) async fn ask_or_work(
    mut config: Config,
    command: Command,
    watcher: &Watcher,
) -> Result<Reply, Failure> {
    let data = config.site.data.clone();
    let start = Instant::now();
    if data.exists() {
        crate::store::check_owner(&data)?;
    } else if !config.site.output.is_dir() {
        return Err(Failure::new(
            code::CONFIG,
            format!(
                "the output folder {} does not exist",
                config.site.output.display()
            ),
        )
        .hint("run the site's generator, or correct site.output"));
    }
    if !data.exists() && command.looks() {
        // Who only looks leaves nothing behind: the first start is the daemon's.
        let nowhere =
            tempfile::tempdir().map_err(|error| Failure::failed(format!("a temporary folder: {error}")))?;
        config.site.data = nowhere.path().join("data");
        let engine = Engine::open(config, Role::Command)?;
        return control::execute(&Arc::new(engine), command, Arc::clone(watcher)).await;
    }
    loop {
        if let Some(reply) = control::ask(&data, &command, watcher).await? {
            return Ok(reply);
        }
        match Engine::open(config.clone(), Role::Command) {
            Ok(engine) => return control::execute(&Arc::new(engine), command, Arc::clone(watcher)).await,
            Err(failure) if failure.code == code::STORE && start.elapsed() < PATIENCE && is_locked(&data) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn is_locked(data: &std::path::Path) -> bool {
    matches!(crate::store::take_lock(data), Err(StoreError::Locked(_)))
}
