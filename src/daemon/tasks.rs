//! The daemon's tasks: each has a name and an owner, and none ends without notice.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::task::{Id, JoinSet};

use crate::control::Failure;

/// How long tasks may take to end before they are abandoned. Requests and deliveries have limits of their own that are
/// shorter; systemd would kill us after 90 s.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(30);

/// The daemon's tasks, by name.
#[derive(Default)]
pub(super) struct Tasks {
    running: JoinSet<Result<(), Failure>>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// Starts a task.
    pub(super) fn own(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) {
        // In a box, so that the runtime's part of a task is in the program once.
        let task: Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>> = Box::pin(task);
        let handle = self.running.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Waits for the first task that ends, and says how: as none should end before it is told to, it is a failure.
    pub(super) async fn first_to_end(&mut self) -> Failure {
        let Some(ended) = self.running.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let name = |id: &Id| self.names.get(id).copied().unwrap_or("a task");
        match ended {
            Ok((id, Ok(()))) => Failure::failed(format!("{} ended by itself; the daemon stops", name(&id))),
            Ok((id, Err(mut failure))) => {
                if let Some((error, _)) = failure.errors.first_mut() {
                    *error = format!("{} ended: {error}; the daemon stops", name(&id));
                }
                failure
            }
            Err(error) => Failure::failed(format!("{} died ({error}); the daemon stops", name(&error.id())))
                .hint("this is a mistake in tidings: please report it with the log"),
        }
    }

    /// Waits until all have ended; answers the names of those that didn't in time.
    pub(super) async fn end(&mut self) -> Vec<&'static str> {
        let (running, names) = (&mut self.running, &mut self.names);
        let all = async {
            while let Some(ended) = running.join_next_with_id().await {
                let id = match &ended {
                    Ok((id, _)) => *id,
                    Err(error) => error.id(),
                };
                names.remove(&id);
            }
        };
        if tokio::time::timeout(LAST_WORDS, all).await.is_ok() {
            return Vec::new();
        }
        self.running.abort_all();
        self.names.values().copied().collect()
    }
}
