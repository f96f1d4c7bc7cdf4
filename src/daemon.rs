//! The daemon: wires everything, owns every task, listens, and stops when it is told to.
//!
//! A task that ends before it was told to brings the daemon down: half a tidings would lose followers without a word.

use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Config, Listen};
use crate::control::{self, Engine, Failure, Role, code};
use crate::http::{self, Listener};
use crate::inbox;

/// How long tasks may take to end before they are abandoned. Requests and deliveries have limits of their own that are
/// shorter; systemd would kill us after 90 s.
const LAST_WORDS: Duration = Duration::from_secs(30);

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

/// Runs until SIGTERM or SIGINT; a second one ends it at once.
///
/// # Errors
/// Why it can't start, or what died.
pub async fn run(config: Config) -> Result<(), Failure> {
    let file = config.file.clone();
    let mut signals = Signals::new()?;
    check_output(&config)?;
    let engine = Arc::new(Engine::open(config, Role::Daemon)?);
    let instance = Arc::clone(&engine.instance);
    let config = instance.config();
    if instance.store.site()?.baseline.is_none() && !config.site.output.is_dir() {
        return Err(no_output(&config));
    }
    let ready = Arc::clone(&engine);
    tokio::task::spawn_blocking(move || ready.prepare_keys())
        .await
        .map_err(|error| Failure::failed(format!("making the keys failed: {error}")))??;
    let (listener, address) = bind(&config)?;
    let (socket, socket_path) = control::listen(&instance.store.disk)?;

    let (stop, shutdown) = watch::channel(false);
    let mut tasks = Tasks::default();
    tasks.own(
        "the control socket",
        control::serve(Arc::clone(&engine), socket, socket_path, shutdown.clone()),
    );
    tasks.own(
        "the server",
        http::serve(Arc::clone(&instance), listener, shutdown.clone()),
    );
    tasks.own("the inbox", inbox::run(Arc::clone(&instance), shutdown.clone()));

    eprintln!("listening on {address}");
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
    if let Listen::Unix(path) = &config.server.listen {
        let _ = std::fs::remove_file(path);
    }
    ended
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
                Asked::Reload => reload(engine, file),
            },
            () = beat => notify(&[sd_notify::NotifyState::Watchdog]),
            (name, how) = tasks.first_to_end() => {
                return Err(Failure::failed(format!("{name} ended by itself{how}; the daemon stops")).hint("see the log above"));
            }
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

/// The daemon's tasks, by name.
#[derive(Default)]
struct Tasks {
    running: JoinSet<&'static str>,
    names: std::collections::HashMap<tokio::task::Id, &'static str>,
}

impl Tasks {
    fn own(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.running.spawn(async move {
            task.await;
            name
        });
        self.names.insert(handle.id(), name);
    }

    /// The first task that ends, and how.
    async fn first_to_end(&mut self) -> (&'static str, String) {
        match self.running.join_next().await {
            Some(Ok(name)) => (name, String::new()),
            Some(Err(error)) => {
                let name = self.names.get(&error.id()).copied().unwrap_or("a task");
                (name, format!(" ({error})"))
            }
            None => std::future::pending().await,
        }
    }

    /// Waits until all have ended; the names of those that didn't in time.
    async fn end(&mut self) -> Vec<&'static str> {
        let all = async {
            while let Some(ended) = self.running.join_next_with_id().await {
                let id = match &ended {
                    Ok((id, _)) => *id,
                    Err(error) => error.id(),
                };
                self.names.remove(&id);
            }
        };
        if tokio::time::timeout(LAST_WORDS, all).await.is_ok() {
            return Vec::new();
        }
        self.running.abort_all();
        self.names.values().copied().collect()
    }
}

fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("systemd can't be told: {error}");
    }
}

/// The output folder must be there at the first start: a typo in its path would otherwise look like an empty site.
fn check_output(config: &Config) -> Result<(), Failure> {
    let site = &config.site;
    if !site.output.is_dir() && !site.data.join("site.json").exists() {
        return Err(no_output(config));
    }
    // What the configuration's text can't show: symbolic links.
    if let (Ok(output), Ok(data)) = (site.output.canonicalize(), site.data.canonicalize())
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

/// Takes the socket that systemd passes, or makes the one that the configuration names; answers how to name it.
fn bind(config: &Config) -> Result<(Listener, String), Failure> {
    let mut passed = listenfd::ListenFd::from_env();
    let bad =
        |error: std::io::Error| Failure::failed(format!("the socket that was passed can't be used: {error}"));
    if let Ok(Some(listener)) = passed.take_tcp_listener(0) {
        listener.set_nonblocking(true).map_err(bad)?;
        let address = listener.local_addr().map_err(bad)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(bad)?;
        return Ok((Listener::Tcp(listener), format!("http://{address}")));
    }
    let mut passed = listenfd::ListenFd::from_env();
    if let Ok(Some(listener)) = passed.take_unix_listener(0) {
        listener.set_nonblocking(true).map_err(bad)?;
        let address = listener.local_addr().map_err(bad)?;
        let path = address
            .as_pathname()
            .unwrap_or(Path::new("(passed)"))
            .display()
            .to_string();
        let listener = tokio::net::UnixListener::from_std(listener).map_err(bad)?;
        return Ok((Listener::Unix(listener), format!("unix:{path}")));
    }
    match &config.server.listen {
        Listen::Tcp(address) => {
            let fail = |error: std::io::Error| {
                Failure::failed(format!("can't listen on {address}: {error}"))
                    .hint("is another program listening there? server.listen names another address")
            };
            let listener = std::net::TcpListener::bind(address).map_err(fail)?;
            listener.set_nonblocking(true).map_err(fail)?;
            let address = listener.local_addr().map_err(fail)?;
            let listener = tokio::net::TcpListener::from_std(listener).map_err(fail)?;
            Ok((Listener::Tcp(listener), format!("http://{address}")))
        }
        Listen::Unix(path) => {
            let fail = |error: std::io::Error| {
                Failure::failed(format!("can't listen on {}: {error}", path.display()))
                    .hint("its folder must exist and be ours to write; server.listen names another path")
            };
            match std::fs::remove_file(path) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(fail(error)),
            }
            let listener = tokio::net::UnixListener::bind(path).map_err(fail)?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(config.server.listen_mode))
                .map_err(fail)?;
            Ok((Listener::Unix(listener), format!("unix:{}", path.display())))
        }
    }
}

/// Reads the configuration again. A wrong one changes nothing; what only a restart can change is named.
fn reload(engine: &Arc<Engine>, file: &Path) {
    tracing::info!("reading {} again", file.display());
    let mut new = match Config::read(file) {
        Ok(new) => new,
        Err(problems) => {
            for problem in problems {
                tracing::error!("{problem}");
            }
            tracing::error!("the configuration stays as it was");
            return;
        }
    };
    let old = engine.instance.config();
    for key in keep_fixed(&mut new, &old) {
        tracing::warn!("{key} changes with the next restart only");
    }
    engine.instance.set_config(new);
    engine.instance.scan.notify_one();
}

/// Puts back what can't change while the daemon runs; the names of what would have.
fn keep_fixed(new: &mut Config, old: &Config) -> Vec<&'static str> {
    let mut kept = Vec::new();
    let mut keep = |changed: bool, key| {
        if changed {
            kept.push(key);
        }
    };
    keep(new.site.url != old.site.url, "site.url");
    keep(new.site.output != old.site.output, "site.output");
    keep(new.site.data != old.site.data, "site.data");
    keep(new.server.listen != old.server.listen, "server.listen");
    keep(
        new.server.listen_mode != old.server.listen_mode,
        "server.listen_mode",
    );
    keep(
        new.federation.handle_domain != old.federation.handle_domain,
        "federation.handle_domain",
    );
    keep(
        new.federation.allow_private_addresses != old.federation.allow_private_addresses,
        "federation.allow_private_addresses",
    );
    new.site = old.site.clone();
    new.server.listen = old.server.listen.clone();
    new.server.listen_mode = old.server.listen_mode;
    new.federation.handle_domain = old.federation.handle_domain.clone();
    new.federation.allow_private_addresses = old.federation.allow_private_addresses;
    kept
}
