//! Watching the output folder: tells when something in it may have changed, and where.
//!
//! It says too much rather than too little, and never what happened: whoever listens reads the folder again. Where the
//! file system sends no events, or no watches are left, the folder is compared with itself from time to time, and a
//! change is told when it looks the same twice. The folder itself may vanish, come back, or be a link that is switched
//! to another one.

mod place;
mod sentry;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind};
use tokio::sync::Notify;

use self::sentry::Sentry;
use super::scan::{self, Scope};

/// A file that was written to and is still open is waited for; but not for longer than this since the last write,
/// because some program may have forgotten it.
const FORGOTTEN: Duration = Duration::from_secs(10 * 60);
/// Open files that are waited for at a time; more than any build writes at once.
const MAX_OPEN: usize = 1_024;
/// More changed paths than this are not told one by one: reading the whole folder is quicker.
const MAX_PATHS: usize = 4_096;

/// How to notice changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By the file system's events where it sends them, else by polling.
    Auto,
    /// By polling.
    Poll,
}

/// A watch over the output folder, until it is dropped.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    sender: mpsc::Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    changed: Mutex<Option<Scope>>,
    /// Files that were written to and not closed since, with the time of the last write.
    open: Mutex<HashMap<PathBuf, Instant>>,
    bell: Notify,
}

enum Message {
    Happened(notify::Result<Event>),
    Stop,
}

impl Watch {
    /// Begins to watch `root`, which need not exist. One that is polled must look the same for `quiet` before a change
    /// is told.
    pub fn start(root: &Path, method: Method, quiet: Duration) -> Watch {
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = mpsc::channel();
        let mut sentry = Sentry {
            root: root.to_path_buf(),
            real: root.to_path_buf(),
            shared: Arc::clone(&shared),
            sender: sender.clone(),
            method,
            quiet,
            watcher: None,
            identity: None,
            seen: None,
            restless: false,
            next_poll: Instant::now(),
        };
        // Before this returns, so that nothing that happens from now on is missed.
        sentry.begin();
        let thread = std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || sentry.stand(&receiver))
            .inspect_err(|error| tracing::error!("the folder isn't watched: no thread: {error}"))
            .ok();
        Watch {
            shared,
            sender,
            thread,
        }
    }

    /// Waits until something may have changed since the last [`Watch::take`].
    pub async fn changed(&self) {
        self.shared.bell.notified().await;
    }

    /// What may have changed since the last call.
    pub fn take(&self) -> Option<Scope> {
        self.shared.lock().take()
    }

    /// Whether something may have changed since the last [`Watch::take`], or somebody is still writing a file: what was
    /// read may be half of it.
    pub fn is_stirred(&self) -> bool {
        self.shared.lock().is_some() || self.shared.is_being_written()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The thread may have ended by itself.
        let _ = self.sender.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Scope>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Instant>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_being_written(&self) -> bool {
        let mut open = self.open();
        open.retain(|_, written| written.elapsed() < FORGOTTEN);
        !open.is_empty()
    }

    /// Notes whether files are open for writing after an event: a write opens them, and closing, moving or removing
    /// ends that.
    fn note(&self, event: &Event) {
        let mut open = self.open();
        for path in &event.paths {
            match event.kind {
                EventKind::Modify(ModifyKind::Data(_)) if open.len() < MAX_OPEN && scan::is_read(path) => {
                    open.insert(path.clone(), Instant::now());
                }
                EventKind::Access(AccessKind::Close(AccessMode::Write))
                | EventKind::Modify(ModifyKind::Name(_))
                | EventKind::Remove(_)
                    if !open.is_empty() =>
                {
                    // A folder takes what is in it along.
                    open.retain(|file, _| !file.starts_with(path));
                }
                _ => {}
            }
        }
    }

    fn tell(&self, scope: Scope) {
        {
            let mut changed = self.lock();
            *changed = Some(match changed.take() {
                Some(before) => before.and(scope),
                None => scope,
            });
        }
        self.bell.notify_one();
    }
}

impl Scope {
    /// Both.
    #[must_use]
    pub fn and(self, other: Scope) -> Scope {
        match (self, other) {
            (Scope::Paths(mut paths), Scope::Paths(more)) if paths.len() + more.len() <= MAX_PATHS => {
                paths.extend(more);
                Scope::Paths(paths)
            }
            _ => Scope::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::place::appearance;
    use super::*;

    const QUIET: Duration = Duration::from_millis(50);

    /// Waits until the watch says something, and answers whether it names `path` or everything.
    async fn names(watch: &Watch, path: &Path) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            let told = tokio::time::timeout(Duration::from_millis(500), watch.changed()).await;
            match watch.take() {
                Some(Scope::All) => return true,
                Some(Scope::Paths(paths)) if paths.iter().any(|changed| path.starts_with(changed)) => {
                    return true;
                }
                _ => drop(told),
            }
        }
        false
    }

    #[tokio::test]
    async fn what_happens_in_new_folders_and_to_the_folder_itself_is_told() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("public");
        let watch = Watch::start(&root, Method::Auto, QUIET);
        fs::create_dir(&root).unwrap();
        assert!(names(&watch, &root).await, "the folder appears");
        fs::create_dir_all(root.join("a/b")).unwrap();
        assert!(names(&watch, &root.join("a/b")).await, "a folder in it");
        fs::write(root.join("a/b/c.html"), "c").unwrap();
        assert!(
            names(&watch, &root.join("a/b/c.html")).await,
            "a file in a new folder"
        );
        let other = place.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::rename(&root, place.path().join("before")).unwrap();
        std::os::unix::fs::symlink(&other, &root).unwrap();
        assert!(names(&watch, &root).await, "a link takes its place");
        let _ = tokio::time::timeout(Duration::from_millis(100), watch.changed()).await;
        watch.take();
        fs::write(other.join("d.html"), "d").unwrap();
        assert!(
            names(&watch, &root.join("d.html")).await,
            "a file behind the link"
        );
    }

    #[tokio::test]
    async fn reading_is_no_change() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("a.html"), "a").unwrap();
        let watch = Watch::start(place.path(), Method::Auto, QUIET);
        fs::read(place.path().join("a.html")).unwrap();
        let told = tokio::time::timeout(Duration::from_millis(300), watch.changed()).await;
        assert!(told.is_err() && !watch.is_stirred());
    }

    #[tokio::test]
    async fn a_file_that_is_open_for_writing_stirs_until_it_is_closed() {
        use std::io::Write as _;
        let place = tempfile::tempdir().unwrap();
        let page = place.path().join("a.html");
        let watch = Watch::start(place.path(), Method::Auto, QUIET);
        let mut file = fs::File::create(&page).unwrap();
        file.write_all(b"<p>half").unwrap();
        assert!(names(&watch, &page).await);
        let mut log = fs::File::create(place.path().join("build.log")).unwrap();
        log.write_all(b"of no interest").unwrap();
        let _ = tokio::time::timeout(Duration::from_millis(300), watch.changed()).await;
        watch.take();
        assert!(watch.is_stirred(), "it is open");
        file.write_all(b" and half</p>").unwrap();
        drop(file);
        assert!(names(&watch, &page).await);
        let _ = tokio::time::timeout(Duration::from_millis(300), watch.changed()).await;
        watch.take();
        assert!(!watch.is_stirred());
    }

    #[tokio::test]
    async fn a_polled_folder_is_told_of_when_it_looks_the_same_twice() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("public");
        fs::create_dir(&root).unwrap();
        let watch = Watch::start(&root, Method::Poll, QUIET);
        fs::write(root.join("a.html"), "a").unwrap();
        assert!(names(&watch, &root).await);
        fs::rename(&root, place.path().join("away")).unwrap();
        assert!(names(&watch, &root).await, "it is gone");
        fs::rename(place.path().join("away"), &root).unwrap();
        assert!(names(&watch, &root).await, "it is back");
    }

    #[test]
    fn a_polled_folder_looks_different_when_a_file_in_it_does() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("a.html");
        fs::write(&file, "a").unwrap();
        let before = appearance(place.path());
        assert_eq!(before, appearance(place.path()));
        fs::write(&file, "ab").unwrap();
        assert_ne!(before, appearance(place.path()));
    }

    #[test]
    fn many_paths_become_everything() {
        let paths = |range: std::ops::Range<usize>| {
            Scope::Paths(range.map(|n| PathBuf::from(n.to_string())).collect())
        };
        assert_eq!(paths(0..2).and(paths(1..3)), paths(0..3));
        assert_eq!(paths(0..MAX_PATHS).and(paths(0..1)), Scope::All);
        assert_eq!(Scope::All.and(paths(0..1)), Scope::All);
    }
}
