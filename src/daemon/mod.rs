//! The daemon: wires everything, owns every task, listens, and stops when it is told to.
//!
//! A task that ends before it was told to brings the daemon down: half a tidings would lose followers without a word.

mod confine;
mod reload;
mod socket;
mod sweep;
mod tasks;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

pub use self::confine::confine;
use self::reload::reload;
use self::socket::bind;
use self::tasks::{LAST_WORDS, Tasks};
use crate::aside;
use crate::config::{Config, real_path};
use crate::control::{self, Engine, Failure, Role, Watcher, code};
use crate::deliver;
use crate::hooks::Helper;
use crate::http;
use crate::inbox;
use crate::instance::Instance;
use crate::publish::profile;
use crate::widget;

/// The threads of the runtime; both bounded, because a thread costs memory.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    /// Threads for blocking work: look-ups of names, reads and writes. More would only queue at the disk.
    const BLOCKING: usize = 32;
    /// Workers beyond this don't help what is bounded by signatures and the disk of one site.
    const WORKERS: usize = 8;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(WORKERS))
        .max_blocking_threads(BLOCKING)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the runtime can't be started: {error}")))
}

/// Runs until SIGTERM or SIGINT; a second one ends it at once. `watcher` is told how far the first reading of the output
/// folder is, and `helper` runs the commands of hooks.
///
/// # Errors
/// Why it can't start, or what died.
pub async fn run(config: Config, helper: Option<Helper>, watcher: Watcher) -> Result<(), Failure> {
    let file = config.file.clone();
    let mut signals = Signals::new()?;
    make_room_for_connections();
    let engine = aside::run(move || {
        let engine = Engine::open(config, Role::Daemon)?;
        engine.prepare_keys()?;
        Ok::<Engine, Failure>(engine)
    })
    .await
    .map_err(|error| Failure::failed(format!("opening the data directory failed: {error}")))??;
    let engine = Arc::new(engine);
    let instance = Arc::clone(&engine.instance);
    instance.place.set(helper);
    let config = instance.config();
    if instance.store.site()?.baseline.is_none() && !config.site.output.is_dir() {
        return Err(no_output(&config));
    }
    let bound = bind(&config.server)?;
    let (socket, socket_path) = control::listen(&instance.store.disk)?;

    let (stop, shutdown) = watch::channel(false);
    let mut tasks = Tasks::default();
    let _ = engine.address.set(bound.address.clone());
    tasks.own(
        "the control socket",
        done(control::serve(
            Arc::clone(&engine),
            socket,
            socket_path,
            shutdown.clone(),
        )),
    );
    tasks.own(
        "the server",
        done(http::serve(
            Arc::clone(&instance),
            bound.listener,
            shutdown.clone(),
        )),
    );
    tasks.own(
        "the inbox",
        done(inbox::run(Arc::clone(&instance), shutdown.clone())),
    );
    let (delivering, stopped) = (Arc::clone(&instance), shutdown.clone());
    tasks.own("the delivery", async move {
        Ok(deliver::run(delivering, stopped).await?)
    });
    let (publisher, stopped) = (Arc::clone(&engine.publisher), shutdown.clone());
    tasks.own("the publisher", async move {
        publisher.run(stopped, control::reading(&watcher)).await;
        Ok(())
    });
    tasks.own(
        "the pictures",
        done(widget::media::run(Arc::clone(&instance), shutdown.clone())),
    );
    tasks.own(
        "the sweeper",
        done(sweep::run(Arc::clone(&instance), shutdown.clone())),
    );
    apply_configured(&instance).await?;

    eprintln!("listening on {}", bound.address);
    notify(&[sd_notify::NotifyState::Ready]);
    let ended = attend(&engine, &file, &mut signals, &mut tasks).await;
    notify(&[sd_notify::NotifyState::Stopping]);
    let _ = stop.send(true);
    tokio::select! {
        left = tasks.end() => {
            if !left.is_empty() {
                tracing::warn!("abandoned after {LAST_WORDS:?}: {}", left.join(", "));
            }
        }
        () = signals.stop() => tracing::warn!("stopped at once, as asked twice"),
    }
    if let Some(file) = &bound.file {
        // Of no use to anybody any more; at worst the next start removes it.
        let _ = std::fs::remove_file(file);
    }
    ended
}

/// A task that can't fail.
async fn done(task: impl Future<Output = ()>) -> Result<(), Failure> {
    task.await;
    Ok(())
}

/// Gives what the configuration changed its effect: blocks, and the actors' documents, of which followers are told.
async fn apply_configured(instance: &Arc<Instance>) -> Result<(), Failure> {
    let instance = Arc::clone(instance);
    let applied = aside::run(move || {
        inbox::moderation::apply_configured(&instance)?;
        profile::update(&instance)
    });
    let announced = applied
        .await
        .map_err(|error| Failure::failed(format!("the configuration's effect was interrupted: {error}")))??;
    for actor in announced {
        tracing::info!(
            "the profile of {} changed: {} inboxes are told",
            actor.actor,
            actor.inboxes
        );
    }
    Ok(())
}

/// Waits for a signal to stop, and meanwhile reads the configuration again when asked and tells systemd that all is well.
async fn attend(
    engine: &Arc<Engine>,
    file: &Path,
    signals: &mut Signals,
    tasks: &mut Tasks,
) -> Result<(), Failure> {
    let mut watchdog = sd_notify::watchdog_enabled().map(|period| tokio::time::interval(period / 2));
    loop {
        let beat = async {
            match &mut watchdog {
                Some(interval) => drop(interval.tick().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => {
                    tracing::info!("stopping");
                    return Ok(());
                }
                Asked::Reload => {
                    let (engine, file) = (Arc::clone(engine), file.to_path_buf());
                    let instance = Arc::clone(&engine.instance);
                    let read = aside::run(move || reload(&engine, &file)).await;
                    if let Err(error) = read {
                        tracing::error!("reading the configuration was interrupted: {error}");
                    }
                    if let Err(failure) = apply_configured(&instance).await {
                        tracing::error!("{failure}");
                    }
                }
            },
            () = beat => notify(&[sd_notify::NotifyState::Watchdog]),
            failure = tasks.first_to_end() => return Err(failure),
        }
    }
}

/// SIGTERM, SIGINT and SIGHUP.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// What a signal asks for.
enum Asked {
    Stop,
    Reload,
}

impl Signals {
    fn new() -> Result<Signals, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::failed(format!("signals can't be received: {error}")))
        };
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }

    /// Waits for a signal to stop; nothing is read again any more.
    async fn stop(&mut self) {
        while let Asked::Reload = self.next().await {}
    }
}

fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("systemd can't be told: {error}");
    }
}

/// Lets the process have more open files than the 1,024 that it gets by default, where it may: each connection is one.
fn make_room_for_connections() {
    /// The server's connections, deliveries and fetches under way, and what else is open.
    const FILES: u64 = 8 * 1024;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.map_or(FILES, |most| most.min(FILES));
    if now.current.is_some_and(|current| current < wanted) {
        let more = Rlimit {
            current: Some(wanted),
            maximum: now.maximum,
        };
        // Without it there is room for fewer.
        if let Err(error) = setrlimit(Resource::Nofile, more) {
            tracing::debug!("no more open files: {error}");
        }
    }
}

/// The output folder must be there at the first start: a typo in its path would otherwise look like an empty site.
fn check_output(config: &Config) -> Result<(), Failure> {
    let site = &config.site;
    if !site.output.is_dir() && !site.data.join("site.json").exists() {
        return Err(no_output(config));
    }
    // What the configuration's text can't show: symbolic links.
    if let (Some(output), Some(data)) = (real_path(&site.output), real_path(&site.data))
        && (data.starts_with(&output) || output.starts_with(&data))
    {
        return Err(Failure::new(
            code::CONFIG,
            format!(
                "site.data {} and site.output {} lie inside each other",
                data.display(),
                output.display()
            ),
        )
        .hint("choose two folders beside each other"));
    }
    Ok(())
}

fn no_output(config: &Config) -> Failure {
    Failure::new(
        code::CONFIG,
        format!(
            "the output folder {} does not exist",
            config.site.output.display()
        ),
    )
    .hint(format!(
        "run the site's generator, or correct site.output in {}",
        config.file.display()
    ))
}
