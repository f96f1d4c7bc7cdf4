//! The delivery of activities to inboxes: at least once, in order, and no host waits for another.
//!
//! [`Instance::send`] stores a job and puts it on the board (`board.rs`); [`run()`] takes from it what may go, `post.rs` sends it,
//! and what came of it is written beside the job before anything else is sent. After a crash everything is rebuilt from
//! the jobs and their logs, and only what was in flight goes twice.

mod board;
mod gone;
mod host;
mod post;
mod run;
mod settle;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};

use self::board::Board;
pub use self::board::Waiting;
pub use self::run::{drain, run};
use self::settle::Settled;
use crate::clock::{Clock, Steady};
use crate::instance::Instance;
use crate::store::job::{self, Mark};
use crate::store::{Job, StoreError};

/// What waits for delivery.
#[derive(Debug)]
pub struct Outbound {
    state: Mutex<State>,
    /// Rung when there may be something to do.
    work: Notify,
    /// Rung when deliveries were settled.
    progress: Notify,
    /// Jobs that have a log beside them: most are done before they need one.
    logged: Mutex<HashSet<Arc<str>>>,
    /// As many signatures at a time as there are cores: more would only take turns away from everything else.
    signing: Semaphore,
}

#[derive(Debug, Default)]
struct State {
    board: Board,
    /// What is given up because it is old can't be had back: a clock that jumps is believed after a while only.
    steady: Steady,
    /// Whether the board holds what is on the disk.
    loaded: bool,
}

impl Default for Outbound {
    fn default() -> Outbound {
        Outbound {
            state: Mutex::default(),
            work: Notify::new(),
            progress: Notify::new(),
            logged: Mutex::default(),
            signing: Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)),
        }
    }
}

impl State {
    /// The time to act by.
    fn now(&mut self, clock: &Clock) -> Timestamp {
        let moment = self.steady.read(clock);
        self.board.trust_since(moment.leapt);
        moment.now
    }
}

impl Outbound {
    /// Takes up a job that was just stored. Before the first use the board is empty, and the job will be read from disk.
    pub(crate) fn add(&self, job: &Job) {
        let mut state = self.lock();
        if state.loaded {
            state.board.add(job, &[], Some(body_of(job)));
        }
        std::mem::drop(state);
        self.work.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn logged(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is sent: the activity, serialised once.
fn body_of(job: &Job) -> Bytes {
    serde_json::to_vec(&job.body)
        .expect("a JSON value has string keys")
        .into()
}

/// The board as the disk has it; reads it at the first call.
fn board(instance: &Instance) -> Result<MutexGuard<'_, State>, StoreError> {
    let mut state = instance.outbound.lock();
    if state.loaded {
        return Ok(state);
    }
    let store = &instance.store;
    let mut ids = store.jobs.ids();
    ids.sort();
    let logs: HashSet<String> = ids.iter().map(|id| job::log_name(id)).collect();
    job::sweep_logs(&store.disk, |log| logs.contains(log))?;
    for id in ids {
        let Some(job) = store.jobs.get(&id)? else { continue };
        instance.outbound.logged().insert(Arc::clone(&id));
        let marks = job::read_marks(&store.disk, &id)?;
        if !state.board.add(&job, &marks, None) {
            // It was done, and a crash came before it could be removed.
            remove(instance, &id)?;
        }
    }
    state.loaded = true;
    Ok(state)
}

fn remove(instance: &Instance, job: &str) -> Result<(), StoreError> {
    // The job goes first: a log without a job is nothing, a job without its log would be sent again.
    instance.store.jobs.discard(job)?;
    if instance.outbound.logged().contains(job) {
        instance.store.disk.unlink(&job::log_name(job))?;
        instance.outbound.logged().remove(job);
    }
    Ok(())
}

/// Writes down what was settled, and removes what is done. Answers the logs that were written to.
fn write(instance: &Instance, settled: &Settled) -> Result<Vec<String>, StoreError> {
    let mut by_job: BTreeMap<&str, Vec<Mark>> = BTreeMap::new();
    for (job, mark) in &settled.marks {
        by_job.entry(job).or_default().push(mark.clone());
    }
    for job in &settled.finished {
        by_job.remove(&**job);
    }
    for (id, marks) in &by_job {
        instance.outbound.logged().insert((*id).into());
        job::append_marks(&instance.store.disk, id, marks)?;
    }
    for id in &settled.finished {
        remove(instance, id)?;
    }
    Ok(by_job.into_keys().map(job::log_name).collect())
}

/// Everything that waits, by host and inbox.
///
/// # Errors
/// When the jobs can't be read.
pub fn queue(instance: &Instance) -> Result<Vec<Waiting>, StoreError> {
    let mut state = board(instance)?;
    let now = state.now(&instance.clock);
    Ok(state.board.waiting(now))
}

/// Makes everything due now, or what waits for one host (with its port, or without for all ports). Answers how many
/// deliveries that are.
///
/// # Errors
/// When the jobs can't be read.
pub fn retry(instance: &Instance, host: Option<&str>) -> Result<usize, StoreError> {
    let mut state = board(instance)?;
    let now = state.now(&instance.clock);
    let count = state
        .board
        .hurry(|name| host.is_none_or(|host| names(host, name)), now);
    std::mem::drop(state);
    instance.outbound.work.notify_one();
    Ok(count)
}

/// Gives up everything for a host (with its port, or without for all ports), but what is in flight. Answers how many
/// deliveries that were.
///
/// # Errors
/// When the disk can't be read or written.
pub fn drop(instance: &Instance, host: &str) -> Result<usize, StoreError> {
    let mut state = board(instance)?;
    let now = state.now(&instance.clock);
    let settled = state.board.drop_hosts(|name| names(host, name), now);
    std::mem::drop(state);
    let logs = write(instance, &settled)?;
    instance.store.disk.sync(&logs)?;
    instance.outbound.progress.notify_waiters();
    Ok(settled.given_up.len())
}

fn names(asked: &str, host: &str) -> bool {
    asked.eq_ignore_ascii_case(host)
        || host
            .rsplit_once(':')
            .is_some_and(|(name, _port)| asked.eq_ignore_ascii_case(name))
}

/// Notes that a host (with its port) sent us something that verified: if it was down, it is probed at once.
pub fn heard_from(instance: &Instance, host: &str) {
    let mut state = instance.outbound.lock();
    let now = state.now(&instance.clock);
    let probe = state.board.heard_from(host, now);
    std::mem::drop(state);
    if probe {
        instance.outbound.work.notify_one();
    }
}

/// Whether a delivery still needs a former key of an actor.
///
/// # Errors
/// When the jobs can't be read.
pub fn needs_key(instance: &Instance, actor: &str, fingerprint: &str) -> Result<bool, StoreError> {
    Ok(board(instance)?.board.needs_key(actor, fingerprint))
}

/// What became of activities that somebody waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Deliveries that weren't tried yet.
    pub untried: usize,
    /// Deliveries that failed and will be tried again.
    pub waiting: usize,
}

/// Waits until every delivery of these activities (by id) was tried once, at most for `limit`.
///
/// # Errors
/// When the jobs can't be read.
pub async fn wait(
    instance: &Instance,
    activities: &[String],
    limit: Duration,
) -> Result<Progress, StoreError> {
    let end = tokio::time::Instant::now() + limit;
    loop {
        let progress = instance.outbound.progress.notified();
        tokio::pin!(progress);
        progress.as_mut().enable();
        let (untried, waiting) = board(instance)?
            .board
            .count(|activity| activities.iter().any(|id| id == activity));
        let state = Progress { untried, waiting };
        if untried == 0 || tokio::time::timeout_at(end, progress).await.is_err() {
            return Ok(state);
        }
    }
}
