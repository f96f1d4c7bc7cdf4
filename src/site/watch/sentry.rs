//! The sentry: the thread that listens to the file system, or compares a folder that sends no events with itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::place::{appearance, identity, silent_file_system};
use super::{Message, Method, Shared};
use crate::site::scan::Scope;

/// How often it is checked whether the folder is still the one that is watched: one call of stat.
const TICK: Duration = Duration::from_secs(2);
/// How often a folder without events is compared with itself, at least.
const POLL: Duration = Duration::from_secs(5);
/// Of a large folder without events, comparing takes at most this share of the time.
const POLL_SHARE: u32 = 20;

/// Who watches: one thread.
pub(super) struct Sentry {
    pub(super) root: PathBuf,
    /// Where the root really lies: some systems (macOS) name files so.
    pub(super) real: PathBuf,
    pub(super) shared: Arc<Shared>,
    pub(super) sender: mpsc::Sender<Message>,
    pub(super) method: Method,
    pub(super) quiet: Duration,
    /// `None`: the folder is polled.
    pub(super) watcher: Option<RecommendedWatcher>,
    /// Device and inode of what is watched.
    pub(super) identity: Option<(u64, u64)>,
    /// What a folder that is polled looked like.
    pub(super) seen: Option<u64>,
    /// Whether it looked different at the last poll, so that it isn't told yet.
    pub(super) restless: bool,
    pub(super) next_poll: Instant,
}

impl Sentry {
    /// Listens until it is told to stop.
    pub(super) fn stand(&mut self, receiver: &mpsc::Receiver<Message>) {
        let mut next_tick = Instant::now() + TICK;
        loop {
            match receiver.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
                Ok(Message::Happened(Ok(event))) => self.happened(&event),
                Ok(Message::Happened(Err(error))) => {
                    if matches!(error.kind, ErrorKind::MaxFilesWatch) && self.watcher.is_some() {
                        self.poll_because(&error);
                    } else {
                        tracing::debug!("watching {}: {error}", self.root.display());
                    }
                    self.shared.tell(Scope::All);
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= next_tick {
                if identity(&self.root) != self.identity {
                    self.again();
                } else if self.watcher.is_none() && self.identity.is_some() {
                    self.poll();
                }
                next_tick = Instant::now() + TICK;
            }
        }
    }

    /// Sets watches on what is there now.
    pub(super) fn begin(&mut self) {
        self.identity = identity(&self.root);
        self.real = fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone());
        self.watcher = None;
        self.seen = None;
        self.restless = false;
        self.shared.open().clear();
        if self.identity.is_none() {
            return;
        }
        let silent = silent_file_system(&self.root);
        if self.method == Method::Poll || silent.is_some() {
            match silent {
                Some(kind) => tracing::info!(
                    "{} lies on {kind}, which sends no events: it is polled",
                    self.root.display()
                ),
                None => tracing::info!("{} is polled, as site.watch asks", self.root.display()),
            }
            self.seen = Some(appearance(&self.root));
            return;
        }
        match self.watcher() {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.poll_because(&error),
        }
    }

    /// Goes on without events.
    fn poll_because(&mut self, error: &notify::Error) {
        let hint = match error.kind {
            ErrorKind::MaxFilesWatch => {
                "no inotify watches are left; raise fs.inotify.max_user_watches".to_string()
            }
            _ => error.to_string(),
        };
        tracing::warn!("{} can't be watched ({hint}): it is polled", self.root.display());
        self.watcher = None;
        self.shared.open().clear();
        self.seen = Some(appearance(&self.root));
    }

    fn watcher(&self) -> notify::Result<RecommendedWatcher> {
        let sender = self.sender.clone();
        let mut watcher = notify::recommended_watcher(move |event| {
            // Nobody listens any more while the watch is being dropped.
            let _ = sender.send(Message::Happened(event));
        })?;
        watcher.watch(&self.root, RecursiveMode::Recursive)?;
        // A switched link is an event of the folder in which the link lies.
        for folder in self.folders_of_links() {
            if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
                tracing::debug!("watching {}: {error}", folder.display());
            }
        }
        Ok(watcher)
    }

    /// The folder that holds the root, and those that hold links on the way to it.
    fn folders_of_links(&self) -> BTreeSet<PathBuf> {
        let mut folders: BTreeSet<PathBuf> = self
            .root
            .ancestors()
            .filter(|path| path.is_symlink())
            .filter_map(|link| Some(link.parent()?.to_path_buf()))
            .collect();
        folders.extend(self.root.parent().map(Path::to_path_buf));
        folders
    }

    fn happened(&mut self, event: &Event) {
        self.shared.note(event);
        // Our own reading is an event too.
        if matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write)) {
            return;
        }
        if event.need_rescan() {
            self.shared.tell(Scope::All);
            return;
        }
        let (inside, outside): (Vec<PathBuf>, Vec<PathBuf>) = event
            .paths
            .iter()
            .map(|path| match path.strip_prefix(&self.real) {
                Ok(below) if !below.as_os_str().is_empty() => self.root.join(below),
                _ => path.clone(),
            })
            .partition(|path| path.starts_with(&self.root) && *path != self.root);
        // Of the folders around, only what replaces the root counts.
        let replaced =
            outside.iter().any(|path| self.root.starts_with(path)) && identity(&self.root) != self.identity;
        // New links are not followed by the watches that are there.
        let linked = inside.iter().any(|path| path.is_symlink() && path.is_dir());
        if replaced || linked {
            self.again();
        } else if !inside.is_empty() {
            self.shared.tell(Scope::Paths(inside.into_iter().collect()));
        } else if outside.contains(&self.root) {
            self.shared.tell(Scope::All);
        }
    }

    /// Something else is there now.
    fn again(&mut self) {
        self.begin();
        if self.watcher.is_none() && self.identity.is_some() {
            // It may be filled right now.
            self.restless = true;
            self.next_poll = Instant::now() + self.quiet;
        } else {
            self.shared.tell(Scope::All);
        }
    }

    fn poll(&mut self) {
        let begun = Instant::now();
        if begun < self.next_poll {
            return;
        }
        let seen = Some(appearance(&self.root));
        let took = begun.elapsed();
        let pause = if seen != self.seen {
            self.seen = seen;
            self.restless = true;
            self.quiet.max(took)
        } else {
            if std::mem::take(&mut self.restless) {
                self.shared.tell(Scope::All);
            }
            POLL.max(took * POLL_SHARE)
        };
        self.next_poll = Instant::now() + pause;
    }
}
