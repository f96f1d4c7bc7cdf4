//! Work that serves everybody who asked for it before it began: one fsync of a folder for all who changed something in it.
//!
//! A folder's fsync takes the same time for one new name as for twenty. While one runs, those who come wait, and the next
//! one serves all of them; it has begun after each of their changes.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The turns, by what is worked on.
#[derive(Debug, Default)]
pub(super) struct Turns {
    by_path: Mutex<HashMap<PathBuf, Arc<Turn>>>,
}

#[derive(Debug, Default)]
struct Turn {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the latest one that has begun, and of the latest one that has ended.
    begun: u64,
    ended: u64,
    running: bool,
    /// The latest one that failed, and what the operating system said.
    failed: Option<(u64, Failure)>,
}

/// What of an error can be told several times.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Code(i32),
    Kind(io::ErrorKind),
}

impl Turns {
    /// Does the work, or waits for somebody else who begins with it after this call.
    ///
    /// # Errors
    /// What the work says. One that failed later than the one that was waited for may be reported instead of success.
    pub(super) fn take(&self, path: &Path, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let turn = {
            let mut by_path = lock(&self.by_path);
            match by_path.get(path) {
                Some(turn) => Arc::clone(turn),
                None => Arc::clone(by_path.entry(path.to_path_buf()).or_default()),
            }
        };
        let mut state = lock(&turn.state);
        // The one that runs may be past what was changed: only the next one counts.
        let ours = state.begun + 1;
        while state.running && state.ended < ours {
            state = turn.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.ended >= ours {
            return match state.failed {
                Some((number, failure)) if number >= ours => Err(failure.into()),
                _ => Ok(()),
            };
        }
        state.running = true;
        state.begun += 1;
        let number = state.begun;
        drop(state);
        let done = work();
        let mut state = lock(&turn.state);
        state.running = false;
        state.ended = number;
        if let Err(error) = &done {
            let failure = error.raw_os_error().map(Failure::Code);
            state.failed = Some((number, failure.unwrap_or(Failure::Kind(error.kind()))));
        }
        turn.ended.notify_all();
        done
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> io::Error {
        match failure {
            Failure::Code(code) => io::Error::from_raw_os_error(code),
            Failure::Kind(kind) => kind.into(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn those_who_come_while_one_runs_are_served_together_by_the_next() {
        let turns = Arc::new(Turns::default());
        let path = Path::new("folder");
        let (begun, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let first = {
            let turns = Arc::clone(&turns);
            std::thread::spawn(move || {
                turns.take(path, || {
                    begun.send(()).unwrap();
                    may_go_on.recv().unwrap();
                    Ok(())
                })
            })
        };
        has_begun.recv().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let others: Vec<_> = (0..20)
            .map(|_| {
                let (turns, count) = (Arc::clone(&turns), Arc::clone(&count));
                std::thread::spawn(move || {
                    turns.take(path, || {
                        count.fetch_add(1, Ordering::Relaxed);
                        Err(io::Error::from_raw_os_error(28))
                    })
                })
            })
            .collect();
        // All of them wait: each holds the turn.
        while Arc::strong_count(&lock(&turns.by_path)[path]) < 22 {
            std::thread::yield_now();
        }
        assert_eq!(count.load(Ordering::Relaxed), 0, "what runs may have passed them");
        go_on.send(()).unwrap();
        first.join().unwrap().unwrap();
        for other in others {
            let error = other.join().unwrap().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(28), "each hears that it failed");
        }
        assert!(count.load(Ordering::Relaxed) < 20);
        turns.take(path, || Ok(())).unwrap();
    }
}
