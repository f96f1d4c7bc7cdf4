//! The loop that takes deliveries from the board, makes them, and writes down how they went.
//!
//! It sleeps until something is due or somebody rings. What is settled is written before anything new is sent, so that
//! a crash sends again only what was in flight.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::Instant;

use super::board::Parcel;
use super::settle::{Outcome, Settled};
use super::{board, gone, post, write};
use crate::aside;
use crate::instance::Instance;
use crate::store::StoreError;

/// Most deliveries under way that don't wait for a slow server: enough to keep the cores signing.
const SWIFT: usize = 128;
/// Most deliveries under way at all: each holds a socket, and 1,024 are what a process gets by default.
const UNDER_WAY: usize = 640;
/// How long after the first unsynced mark the logs are synced, several together.
const SYNC: Duration = Duration::from_millis(200);
/// The longest sleep: a clock that jumps ahead is noticed after this.
const NAP: Duration = Duration::from_secs(60);
/// How long what is in flight may go on when we stop.
const STOP: Duration = Duration::from_secs(5);
/// How long to wait when the disk can't be written, before it is tried again.
const DISK_PAUSE: Duration = Duration::from_secs(5);

/// Delivers until told to stop. What is in flight then gets a few seconds; the rest stays on disk.
///
/// # Errors
/// When the jobs can't be read at start.
pub async fn run(instance: Arc<Instance>, shutdown: watch::Receiver<bool>) -> Result<(), StoreError> {
    Runner::new(&instance)?.work(Until::Told(shutdown)).await;
    Ok(())
}

/// Delivers what is due, and returns when everything else waits for a later time.
///
/// # Errors
/// When the jobs can't be read.
pub async fn drain(instance: &Arc<Instance>) -> Result<(), StoreError> {
    Runner::new(instance)?.work(Until::Idle).await;
    Ok(())
}

/// How a task ended.
type Ended = Result<(Id, Outcome), JoinError>;

enum Until {
    Told(watch::Receiver<bool>),
    Idle,
}

struct Runner {
    instance: Arc<Instance>,
    swift: Arc<Semaphore>,
    tasks: JoinSet<Outcome>,
    /// What each task delivers.
    parcels: HashMap<Id, Parcel>,
    /// What was settled and isn't on disk yet; while there is any, nothing new is sent.
    unwritten: Arc<Settled>,
    /// Inboxes that answered 410, likewise.
    gone: Vec<Arc<str>>,
    /// When the disk is tried again after it couldn't be written.
    write_at: Option<Instant>,
    /// Logs that were written to since the last sync.
    unsynced: BTreeSet<String>,
    sync_at: Option<Instant>,
    syncing: Option<JoinHandle<()>>,
}

impl Runner {
    fn new(instance: &Arc<Instance>) -> Result<Runner, StoreError> {
        // Reads the jobs, if nobody did yet.
        drop(board(instance)?);
        Ok(Runner {
            instance: Arc::clone(instance),
            swift: Arc::new(Semaphore::new(SWIFT)),
            tasks: JoinSet::new(),
            parcels: HashMap::new(),
            unwritten: Arc::default(),
            gone: Vec::new(),
            write_at: None,
            unsynced: BTreeSet::new(),
            sync_at: None,
            syncing: None,
        })
    }

    async fn work(mut self, mut until: Until) {
        let swift = Arc::clone(&self.swift);
        let instance = Arc::clone(&self.instance);
        loop {
            let crowded = self.start();
            if self.tasks.is_empty() && matches!(until, Until::Idle) {
                break;
            }
            let wake = self.sleep_until();
            tokio::select! {
                Some(first) = self.tasks.join_next_with_id() => self.settle(first).await,
                () = instance.outbound.work.notified() => {}
                _ = swift.acquire(), if crowded => {}
                () = tokio::time::sleep_until(wake) => self.tick().await,
                () = told(&mut until) => break,
            }
        }
        self.finish().await;
    }

    /// Starts what may go; answers whether it is only places that are missing.
    fn start(&mut self) -> bool {
        if self.write_at.is_some() {
            return false;
        }
        let instance = &self.instance;
        let now = instance.outbound.lock().now(&instance.clock);
        while self.tasks.len() < UNDER_WAY {
            let Ok(place) = Arc::clone(&self.swift).try_acquire_owned() else {
                return true;
            };
            let Some(parcel) = instance.outbound.lock().board.next(now) else {
                return false;
            };
            let (runner, delivery) = (Arc::clone(instance), parcel.clone());
            let task = self
                .tasks
                .spawn(async move { post::post(&runner, &delivery, place).await });
            self.parcels.insert(task.id(), parcel);
        }
        false
    }

    fn sleep_until(&self) -> Instant {
        let now = Instant::now();
        let mut state = self.instance.outbound.lock();
        let shown = state.now(&self.instance.clock);
        let due = state.board.due().map(|at| {
            let wait = at.duration_since(shown);
            // Clocks tick in milliseconds here: a moment later it is surely due.
            now + Duration::try_from(wait)
                .unwrap_or_default()
                .saturating_add(Duration::from_millis(1))
                .min(NAP)
        });
        std::mem::drop(state);
        // Nothing that is due is sent before the disk can be written.
        let due = if self.write_at.is_some() { None } else { due };
        [due, self.write_at, self.sync_at]
            .into_iter()
            .flatten()
            .fold(now + NAP, Instant::min)
    }

    /// Takes up what has ended, writes it down, and only then lets the loop go on.
    async fn settle(&mut self, first: Ended) {
        let mut ended = vec![first];
        while let Some(next) = self.tasks.try_join_next_with_id() {
            ended.push(next);
        }
        let mut settled = Settled::default();
        {
            let mut state = self.instance.outbound.lock();
            let now = state.now(&self.instance.clock);
            for result in ended {
                let (id, outcome) = match result {
                    Ok((id, outcome)) => (id, outcome),
                    Err(error) => (error.id(), Outcome::Hindered(error.to_string())),
                };
                let Some(parcel) = self.parcels.remove(&id) else {
                    continue;
                };
                if matches!(outcome, Outcome::Gone(_)) {
                    self.gone.push(Arc::clone(&parcel.inbox));
                }
                if let Outcome::Hindered(reason) = &outcome {
                    tracing::error!("{} can't be sent: {reason}", parcel.job.activity);
                }
                settled.merge(state.board.settle(&parcel, outcome, now, chance()));
            }
        }
        for (inbox, activity, error) in &settled.given_up {
            tracing::warn!("{activity} is not delivered to {inbox}: {error}");
        }
        Arc::make_mut(&mut self.unwritten).merge(settled);
        self.write().await;
        self.instance.outbound.progress.notify_waiters();
    }

    /// Writes down what was settled. When the disk can't be written, it is kept and tried again later.
    async fn write(&mut self) {
        if self.unwritten.is_empty() && self.gone.is_empty() {
            return;
        }
        let (instance, settled) = (Arc::clone(&self.instance), Arc::clone(&self.unwritten));
        let gone = self.gone.clone();
        let written = aside::run(move || {
            let logs = write(&instance, &settled)?;
            for inbox in &gone {
                // The inboxes that take its place must be on disk before the followers change.
                instance.store.disk.sync(&logs)?;
                gone::note(&instance, inbox)?;
            }
            Ok::<_, StoreError>(logs)
        })
        .await;
        let error = match written {
            Ok(Ok(logs)) => {
                self.unwritten = Arc::default();
                self.gone.clear();
                self.write_at = None;
                if !logs.is_empty() {
                    self.unsynced.extend(logs);
                    self.sync_at.get_or_insert_with(|| Instant::now() + SYNC);
                }
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        if self.write_at.is_none() {
            tracing::error!("deliveries wait until the queue can be written: {error}");
        }
        self.write_at = Some(Instant::now() + DISK_PAUSE);
    }

    async fn tick(&mut self) {
        if self.write_at.is_some_and(|at| at <= Instant::now()) {
            self.write().await;
        }
        self.sync_if_due();
    }

    fn sync_if_due(&mut self) {
        let due = self.sync_at.is_some_and(|at| at <= Instant::now());
        if !due {
            return;
        }
        if self.syncing.as_ref().is_some_and(|task| !task.is_finished()) {
            self.sync_at = Some(Instant::now() + SYNC);
            return;
        }
        self.sync_at = None;
        let logs: Vec<String> = std::mem::take(&mut self.unsynced).into_iter().collect();
        let instance = Arc::clone(&self.instance);
        self.syncing = Some(tokio::task::spawn_blocking(move || {
            if let Err(error) = instance.store.disk.sync(&logs) {
                tracing::warn!("the queue's logs can't be synced: {error}");
            }
        }));
    }

    async fn finish(mut self) {
        let end = Instant::now() + STOP;
        while let Ok(Some(first)) = tokio::time::timeout_at(end, self.tasks.join_next_with_id()).await {
            self.settle(first).await;
        }
        self.tasks.shutdown().await;
        if let Some(task) = self.syncing.take() {
            let _ = task.await;
        }
        self.sync_at = Some(Instant::now());
        self.sync_if_due();
        if let Some(task) = self.syncing.take() {
            let _ = task.await;
        }
    }
}

/// Ends when we are told to stop; never, when nobody will tell.
async fn told(until: &mut Until) {
    match until {
        // Whoever could tell is gone: so is the reason to go on.
        Until::Told(shutdown) => drop(shutdown.wait_for(|stop| *stop).await),
        Until::Idle => std::future::pending().await,
    }
}

/// A number between 0 and 1.
fn chance() -> f64 {
    let mut byte = [0; 2];
    // Without it everything still works, only together.
    let _ = getrandom::fill(&mut byte);
    f64::from(u16::from_be_bytes(byte)) / f64::from(u16::MAX)
}
