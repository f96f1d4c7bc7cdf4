//! From what changed to what is sent: the river out, up to the stored job.
//!
//! For each change the object is stored first, and in it the activity that tells of it; then the audience, the activity
//! and the job; then the object is marked as told. A crash between any two steps is repaired by going on from what is
//! on disk; every step can be repeated without harm.

mod choice;
mod draft;
mod explanation;
pub mod markdown;
mod note;
mod outlook;
pub mod profile;
mod reading;
mod recall;
pub mod recipients;
mod river;
mod survey;
mod telling;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::aside;
use crate::clock::{Moment, Steady};
use crate::instance::Instance;
use crate::site::diff::{Action, Change, Mark};
use crate::site::scan::Scope;
use crate::store::{ObjectState, StoreError};

pub use self::explanation::{Explanation, Field, Loser, Preview};
pub use self::note::NoteRequest;
pub use self::outlook::{Forecast, Outlook};
use self::reading::{Desk, Look};
pub use self::survey::Survey;

/// Told how many of how many files have been read.
pub type Progress = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// Somebody who doesn't want to know how far it is.
pub fn silent() -> Progress {
    Arc::new(|_, _| {})
}

/// What can go wrong with publishing.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to read, and never was.
    #[error("the output folder {} doesn't exist: build the site first, or set site.output", .0.display())]
    NoFolder(PathBuf),
    /// Somebody keeps writing into the folder.
    #[error("the output folder {} keeps changing: try again when the build is done", .0.display())]
    Restless(PathBuf),
    /// No such page.
    #[error("{name}: no such page in the output folder")]
    UnknownPage {
        /// What the owner wrote.
        name: String,
        /// Pages that are called nearly so.
        near: Vec<String>,
    },
    /// A page that can't be published.
    #[error("{page} can't be published: {reason}")]
    NotPublishable {
        /// Its path.
        page: String,
        /// Why.
        reason: String,
    },
    /// A page or object that isn't published.
    #[error("{0} isn't published")]
    NotPublished(String),
    /// A note that can't be published.
    #[error("{0}")]
    Note(String),
    /// A task of ours ended before its time.
    #[error("the work was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// What to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// What `plan` shows, also when it is held.
    All,
    /// These pages: path, URL, or file in the output folder; also ones of the baseline and unpublished ones.
    Pages(Vec<String>),
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Done {
    /// What happened.
    pub action: Action,
    /// The path of the page; for a note, its id.
    pub page: String,
    /// The id of the object.
    pub object: String,
    /// How many inboxes are told.
    pub inboxes: usize,
}

/// Whether the owner confirmed what the brake holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Confirmed {
    No,
    ByOwner,
}

/// Publishes what changes, one thing at a time.
#[derive(Debug)]
pub struct Publisher {
    instance: Arc<Instance>,
    desk: Mutex<Desk>,
    steady: std::sync::Mutex<Steady>,
}

impl Publisher {
    /// A publisher of the pages of `instance`. It does nothing until it is asked.
    pub fn new(instance: Arc<Instance>) -> Publisher {
        Publisher {
            instance,
            desk: Mutex::new(Desk::default()),
            steady: std::sync::Mutex::default(),
        }
    }

    /// The time to act by.
    fn moment(&self) -> Moment {
        let mut steady = self
            .steady
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let moment = steady.read(&self.instance.clock);
        if let Some(jumped) = moment.jumped {
            tracing::warn!(
                "the clock jumped from {} to {jumped}; what waits for its time goes on waiting as if it hadn't, until the \
                 clock has shown the new time for some minutes",
                moment.now
            );
        }
        moment
    }

    /// What publishing would do now, and why. Sends and stores nothing.
    pub async fn plan(&self, progress: Progress) -> Result<Outlook, PublishError> {
        let mut desk = self.desk.lock().await;
        let look = self.settled(&mut desk, &progress).await?;
        let instance = Arc::clone(&self.instance);
        let warnings = desk.warnings(&look);
        aside::run(move || outlook::of(&instance, &look, warnings)).await?
    }

    /// What becomes of the named pages, why, and how they will look. Sends and stores nothing.
    pub async fn explain(
        &self,
        names: Vec<String>,
        progress: Progress,
    ) -> Result<Vec<Explanation>, PublishError> {
        let mut desk = self.desk.lock().await;
        let look = self.settled(&mut desk, &progress).await?;
        let instance = Arc::clone(&self.instance);
        aside::run(move || {
            names
                .iter()
                .map(|name| explanation::of(&instance, &look, name))
                .collect()
        })
        .await?
    }

    /// What is weak about the site's pages. Sends and stores nothing, and doesn't wait for a folder that changes.
    pub async fn survey(&self, progress: Progress) -> Result<Survey, PublishError> {
        let mut desk = self.desk.lock().await;
        let look = self.look(&mut desk, Scope::All, &progress).await?;
        let instance = Arc::clone(&self.instance);
        aside::run(move || survey::of(&instance, &look)).await?
    }

    /// Does what the daemon does when the folder changed: publishes what changes unless it is held.
    pub async fn settle(&self, progress: Progress) -> Result<Vec<Done>, PublishError> {
        let mut desk = self.desk.lock().await;
        self.recover().await?;
        let look = self.settled(&mut desk, &progress).await?;
        let done = self.perform(&look, Confirmed::No).await;
        self.keep(&mut desk).await?;
        done
    }

    /// Publishes what [`Publisher::plan`] shows, or the named pages.
    pub async fn publish(&self, selection: Selection, progress: Progress) -> Result<Vec<Done>, PublishError> {
        let mut desk = self.desk.lock().await;
        self.recover().await?;
        let look = self.settled(&mut desk, &progress).await?;
        let done = match selection {
            Selection::All => self.perform(&look, Confirmed::ByOwner).await,
            Selection::Pages(names) => {
                let changes = choice::changes(&self.instance, &look, &names)?;
                look.remember_held(&self.instance, Confirmed::No)?;
                // Else what is announced now would be all that the first scan doesn't announce.
                self.lay_baseline(&look).await?;
                self.carry_out(&look, &changes).await
            }
        };
        self.keep(&mut desk).await?;
        // A running daemon reckons anew with what is left.
        self.instance.scan.notify_one();
        done
    }

    /// Takes pages or notes back: a Delete, and a Tombstone that stays.
    pub async fn unpublish(&self, names: &[String]) -> Result<Vec<Done>, PublishError> {
        let _desk = self.desk.lock().await;
        self.recover().await?;
        let keys = choice::objects(&self.instance, names)?;
        let mut done = Vec::new();
        for key in keys {
            let instance = Arc::clone(&self.instance);
            let object = aside::run(move || draft::take_back(&instance, &key)).await??;
            done.push(self.tell(Action::Delete, &object).await?);
        }
        self.instance.scan.notify_one();
        Ok(done)
    }

    /// Does what a plan says, and remembers what it noticed.
    async fn perform(&self, look: &Arc<Look>, confirmed: Confirmed) -> Result<Vec<Done>, PublishError> {
        let held = look.plan.held.is_some() && confirmed == Confirmed::No;
        let instance = Arc::clone(&self.instance);
        let seen = Arc::clone(look);
        aside::run(move || {
            let marks = seen.plan.marks.iter();
            let marks =
                marks.filter(|mark| !(held && matches!(mark, Mark::Canonical { .. } | Mark::Reread { .. })));
            draft::remember(&instance, marks, seen.now)?;
            seen.remember_held(&instance, confirmed)
        })
        .await??;
        self.lay_baseline(look).await?;
        if held {
            return Ok(Vec::new());
        }
        self.carry_out(look, &look.plan.changes).await
    }

    /// Stores the pages that nobody is told of; of the first scan, then that there was one.
    async fn lay_baseline(&self, look: &Arc<Look>) -> Result<(), PublishError> {
        let first = look.is_first_complete();
        if !first && look.plan.baseline.is_empty() {
            return Ok(());
        }
        let instance = Arc::clone(&self.instance);
        let look = Arc::clone(look);
        aside::run(move || -> Result<(), PublishError> {
            draft::list(&instance, &look)?;
            if !first {
                let listed = look.plan.baseline.len();
                tracing::warn!(
                    "posts whose records were damaged are listed again, but not announced: {listed}"
                );
                return Ok(());
            }
            instance
                .store
                .update_site(|site| site.baseline = Some(look.now))?;
            tracing::info!(
                "the first scan is complete: {} pages, of which {} posts are listed but not announced",
                look.snapshot.pages.len(),
                look.plan.baseline.len()
            );
            // Everything is compared once more now, and not when the first page is edited.
            instance.scan.notify_one();
            Ok(())
        })
        .await?
    }

    /// Makes changes, one by one.
    async fn carry_out(&self, look: &Arc<Look>, changes: &[Change]) -> Result<Vec<Done>, PublishError> {
        let mut done = Vec::new();
        for change in changes {
            let instance = Arc::clone(&self.instance);
            let look = Arc::clone(look);
            let asked = change.clone();
            let stored = aside::run(move || -> Result<_, PublishError> {
                let Some(draft) = draft::of(&instance, &look, &asked)? else {
                    return Ok(None);
                };
                if asked.action == Action::Create {
                    draft::bury(&instance, &asked.page)?;
                }
                instance.store.objects.put(&draft.object)?;
                Ok(Some(draft.object))
            })
            .await??;
            match stored {
                Some(object) => {
                    let told = self.tell(change.action, &object).await?;
                    tracing::info!(
                        "{:?} {}: {} ({} inboxes)",
                        told.action,
                        told.page,
                        change.reason,
                        told.inboxes
                    );
                    done.push(told);
                }
                None => {
                    tracing::info!("{} changed while it was published; it is read again", change.page);
                    self.instance.scan.notify_one();
                }
            }
        }
        Ok(done)
    }
}

/// Whether an object is one that can be taken back.
fn is_live(state: ObjectState) -> bool {
    state == ObjectState::Live
}
