//! The disk and the clock go wrong: nothing is promised that can't be kept, and everything goes on when the fault is gone.

mod backup; // a copy taken while the daemon runs, put back elsewhere
mod clock; // days forwards and back
mod disk; // full, read-only, slow, moved away
mod mount; // a small disk of the test's own
mod start; // what a start says of files that are damaged, exposed or from another version

use std::future::Future;
use std::time::{Duration, Instant};

/// Longer than the harness waits: the daemon itself tries again after half a minute only.
const PATIENCE: Duration = Duration::from_secs(90);

/// Polls until `check` answers something.
async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut check: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain for {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
