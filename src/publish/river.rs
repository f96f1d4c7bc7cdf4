//! The daemon's task: waits until the folder changes or something becomes due, and publishes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::{Confirmed, Progress, PublishError, Publisher, silent};
use crate::site::scan::Scope;
use crate::site::watch::{Method, Watch};

/// Even when no event comes and nothing becomes due, the whole folder is looked at so often: an event may be lost.
const SAFETY: Duration = Duration::from_secs(15 * 60);
/// The clock may jump (a laptop that slept), so what becomes due is reckoned anew so often.
const RECKONING: Duration = Duration::from_secs(30);
/// How long the folder may keep changing before the owner is told that nothing is published meanwhile.
const RESTLESS: Duration = Duration::from_secs(5 * 60);
/// How soon what failed is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// When the folder is read, and how much of it.
struct Next {
    at: Instant,
    scope: Scope,
}

impl Publisher {
    /// Publishes what changes until `shutdown` says stop. What is being published then is finished. `progress` is told
    /// of the first time that the folder is read.
    pub async fn run(&self, mut shutdown: Receiver<bool>, progress: Progress) {
        let mut progress = Some(progress);
        let (mut root, mut method) = self.place();
        let mut watch = Watch::start(&root, method, self.quiet());
        let mut due = None;
        let mut calm = Calm::default();
        let mut last = Instant::now();
        let mut next = Some(Next {
            at: last,
            scope: Scope::All,
        });
        if let Err(error) = self.recover_alone().await {
            tracing::error!("going on with what was interrupted: {error}");
        }
        while !*shutdown.borrow() {
            let wake = next.as_ref().map_or_else(|| self.wake(due, last), |next| next.at);
            tokio::select! {
                stopped = shutdown.changed() => {
                    if stopped.is_err() {
                        return;
                    }
                    continue;
                }
                () = watch.changed() => {
                    let Some(stirred) = watch.take() else { continue };
                    let scope = match next.take() {
                        Some(before) => before.scope.and(stirred),
                        None => stirred,
                    };
                    next = Some(Next { at: Instant::now() + self.quiet(), scope });
                    calm.is_missed(&root);
                    continue;
                }
                () = self.instance.scan.notified() => {
                    if self.place() != (root.clone(), method) {
                        (root, method) = self.place();
                        watch = Watch::start(&root, method, self.quiet());
                    }
                    // What is settling goes on settling.
                    let at = next.map_or_else(Instant::now, |next| next.at);
                    next = Some(Next { at, scope: Scope::All });
                    continue;
                }
                () = tokio::time::sleep_until(wake) => {}
            }
            let scope = match next.take() {
                Some(next) => next.scope,
                None if last.elapsed() >= SAFETY || self.is_due(due) => Scope::All,
                None => continue,
            };
            if scope == Scope::All {
                last = Instant::now();
            }
            let again = scope.clone();
            let told = progress.take().unwrap_or_else(silent);
            match self.turn(scope, &watch, &told).await {
                Ok(Turn::Done(then)) => {
                    due = then;
                    calm = Calm::default();
                }
                Ok(Turn::Unsettled(wait)) => {
                    calm.is_missed(&root);
                    // What else is stirred meanwhile is added.
                    next = Some(Next {
                        at: Instant::now() + wait,
                        scope: again,
                    });
                }
                Err(error) => {
                    tracing::error!("publishing: {error}");
                    next = Some(Next {
                        at: Instant::now() + AGAIN,
                        scope: Scope::All,
                    });
                }
            }
        }
    }

    /// Reads the folder once, and publishes what it may.
    async fn turn(&self, scope: Scope, watch: &Watch, progress: &Progress) -> Result<Turn, PublishError> {
        if watch.is_stirred() {
            return Ok(Turn::Unsettled(self.quiet()));
        }
        let mut desk = self.desk.lock().await;
        self.recover().await?;
        let look = self.look(&mut desk, scope, progress).await?;
        if let Some(wait) = look.unrest {
            return Ok(Turn::Unsettled(wait));
        }
        if watch.is_stirred() {
            return Ok(Turn::Unsettled(self.quiet()));
        }
        self.perform(&look, Confirmed::No).await?;
        let due = look.plan.due;
        drop(look);
        self.keep(&mut desk).await?;
        Ok(Turn::Done(due))
    }

    async fn recover_alone(&self) -> Result<(), PublishError> {
        let _desk = self.desk.lock().await;
        self.recover().await
    }

    /// Where the folder lies, and how it is watched.
    fn place(&self) -> (PathBuf, Method) {
        let site = &self.instance.config().site;
        (site.output.clone(), site.watch)
    }

    fn quiet(&self) -> Duration {
        self.instance.config().publish.settle
    }

    fn is_due(&self, due: Option<jiff::Timestamp>) -> bool {
        due.is_some_and(|due| due <= self.moment().now)
    }

    /// When to look next though nothing happens.
    fn wake(&self, due: Option<jiff::Timestamp>, last: Instant) -> Instant {
        let safety = last + SAFETY;
        let Some(due) = due else { return safety };
        let left = due.duration_since(self.moment().now);
        let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
        safety.min(Instant::now() + left.min(RECKONING))
    }
}

/// Notices when the folder is never left alone for long enough to be read: a log inside it, a build in a loop.
#[derive(Default)]
struct Calm {
    missed_since: Option<Instant>,
    told: bool,
}

impl Calm {
    fn is_missed(&mut self, root: &Path) {
        let since = *self.missed_since.get_or_insert_with(Instant::now);
        if !self.told && since.elapsed() > RESTLESS {
            self.told = true;
            tracing::warn!(
                "the output folder {} has been changing for {} minutes; it is read when it has been quiet for publish.settle",
                root.display(),
                RESTLESS.as_secs() / 60
            );
        }
    }
}

/// What came of reading the folder.
enum Turn {
    /// What could be published was; time alone changes something at the given moment.
    Done(Option<jiff::Timestamp>),
    /// It was not quiet; to be tried again after that.
    Unsettled(Duration),
}
