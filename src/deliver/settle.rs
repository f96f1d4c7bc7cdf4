//! What follows from how a delivery went: for itself, for its host, and for what is written down.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::board::{Board, JobInfo, Parcel, host_of};
use super::host::{Gate, Item, Trouble};
use crate::queue::{self, Next, Scope};
use crate::store::job::Mark;

/// How a delivery went.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It arrived.
    Delivered,
    /// It is given up; the host is in order.
    Refused(String),
    /// It may go better later.
    Failed {
        /// What this says about the host.
        scope: Scope,
        /// What went wrong.
        error: String,
        /// What the server asked for.
        retry_after: Option<Duration>,
    },
    /// The inbox is gone; these get the activity instead.
    Gone(Vec<String>),
    /// Something is wrong on our side: it says nothing about the host.
    Hindered(String),
    /// The host isn't sent anything any more.
    Blocked,
}

/// What follows from how a delivery went.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled {
    /// What to write into the logs of which jobs.
    pub(super) marks: Vec<(Arc<str>, Mark)>,
    /// Jobs of which nothing is left.
    pub(super) finished: Vec<Arc<str>>,
    /// What was given up, and why: inbox, activity, error.
    pub(super) given_up: Vec<(Arc<str>, String, String)>,
}

impl Board {
    /// Notes how a delivery went. `chance` is between 0 and 1.
    pub(super) fn settle(
        &mut self,
        parcel: &Parcel,
        outcome: Outcome,
        now: Timestamp,
        chance: f64,
    ) -> Settled {
        let mut settled = Settled::default();
        if let Some(entry) = self.jobs.get_mut(&parcel.job.id) {
            entry.in_flight -= 1;
        }
        let Some(host) = self.hosts.get_mut(&parcel.host) else {
            return settled;
        };
        host.in_flight -= 1;
        if let Some(line) = host.lines.get_mut(&parcel.inbox) {
            line.under_way = None;
        }
        match outcome {
            Outcome::Delivered => {
                host.opened(now);
                self.close_item(parcel, None, now, &mut settled);
            }
            Outcome::Refused(error) => {
                host.opened(now);
                self.close_item(parcel, Some(error), now, &mut settled);
            }
            Outcome::Blocked => {
                host.probing = false;
                self.close_item(parcel, Some("its host is blocked".into()), now, &mut settled);
            }
            Outcome::Gone(instead) => {
                host.opened(now);
                self.extend(&parcel.job, instead, &mut settled);
                self.close_item(parcel, Some("the inbox is gone".into()), now, &mut settled);
            }
            Outcome::Hindered(error) => {
                host.probing = false;
                self.postpone(parcel, &error, now, chance, &mut settled);
            }
            Outcome::Failed {
                scope,
                error,
                retry_after,
            } => {
                let alone = scope == Scope::Request && host.stumbled_alone(parcel);
                if alone {
                    host.probing = false;
                    host.stumble(parcel);
                    self.postpone(parcel, &error, now, chance, &mut settled);
                } else {
                    if scope == Scope::Request {
                        host.stumble(parcel);
                    }
                    self.shut(parcel, &error, retry_after, now, chance, &mut settled);
                }
            }
        }
        self.tidy(&parcel.job.id, &parcel.host, &parcel.inbox, &mut settled);
        settled
    }

    /// One delivery failed by itself: only it waits.
    fn postpone(&mut self, parcel: &Parcel, error: &str, now: Timestamp, chance: f64, settled: &mut Settled) {
        let age = self.age(&parcel.job, now);
        let Some(item) = self.item(parcel) else { return };
        item.attempts += 1;
        item.failed = Some(now);
        item.error = Some(error.into());
        let attempts = item.attempts;
        match queue::next(attempts, age, None, chance) {
            Next::RetryIn(gap) => {
                let next = after(now, gap);
                item.until = Some(next);
                settled.mark(parcel, now, attempts, next, 0, error);
            }
            Next::GiveUp => self.close_item(parcel, Some(error.into()), now, settled),
        }
    }

    /// The host is in trouble: everything for it waits, and what has waited for too long is given up.
    fn shut(
        &mut self,
        parcel: &Parcel,
        error: &str,
        retry_after: Option<Duration>,
        now: Timestamp,
        chance: f64,
        settled: &mut Settled,
    ) {
        let Some(host) = self.hosts.get_mut(&parcel.host) else {
            return;
        };
        // Several deliveries that were in flight when it went down are one failure.
        let probing = std::mem::take(&mut host.probing);
        let failures = match &host.gate {
            Gate::Open => 1,
            Gate::Closed(trouble) => trouble.failures + u32::from(probing),
        };
        let gap = match queue::next(failures, Duration::ZERO, retry_after, chance) {
            Next::RetryIn(gap) => gap,
            Next::GiveUp => queue::LONGEST_GAP,
        };
        let next = after(now, gap);
        host.close(Trouble {
            until: next,
            since: now,
            failures,
            asked: retry_after.is_some(),
            error: error.into(),
        });
        if let Some(item) = self.item(parcel) {
            item.attempts += 1;
            item.failed = Some(now);
            item.error = Some(error.into());
            let attempts = item.attempts;
            settled.mark(parcel, now, attempts, next, failures, error);
        }
        self.expire(&parcel.host, failures, error, now, chance, settled);
        self.set_timer(&parcel.host, next);
    }

    /// Gives up what a closed host should have got long ago.
    fn expire(
        &mut self,
        name: &Arc<str>,
        failures: u32,
        error: &str,
        now: Timestamp,
        chance: f64,
        settled: &mut Settled,
    ) {
        let Some(host) = self.hosts.get(name) else {
            return;
        };
        let mut expired = Vec::new();
        for (inbox, line) in &host.lines {
            for item in line.idle() {
                let attempts = item.attempts.max(failures);
                if queue::next(attempts, self.age(&item.job, now), None, chance) == Next::GiveUp {
                    expired.push((Arc::clone(&item.job), Arc::clone(inbox)));
                }
            }
        }
        for (job, inbox) in expired {
            self.remove(&job, name, &inbox, Some(error.to_string()), now, settled);
            self.tidy(&job.id, name, &inbox, settled);
        }
    }

    /// Adds inboxes to a job.
    fn extend(&mut self, job: &Arc<JobInfo>, inboxes: Vec<String>, settled: &mut Settled) {
        let mut fresh = Vec::new();
        for inbox in inboxes {
            if !self.holds(job, &inbox) {
                self.put(job, &inbox, None);
                fresh.push(inbox);
            }
        }
        if !fresh.is_empty() {
            settled
                .marks
                .push((Arc::clone(&job.id), Mark::Added { inboxes: fresh }));
        }
    }

    fn holds(&self, job: &Arc<JobInfo>, inbox: &str) -> bool {
        self.hosts
            .get(host_of(inbox).as_str())
            .and_then(|host| host.lines.get(inbox))
            .is_some_and(|line| line.items.iter().any(|item| item.job.id == job.id))
    }

    fn item(&mut self, parcel: &Parcel) -> Option<&mut Item> {
        self.hosts
            .get_mut(&parcel.host)?
            .lines
            .get_mut(&parcel.inbox)?
            .items
            .iter_mut()
            .find(|item| item.job.id == parcel.job.id)
    }

    fn close_item(&mut self, parcel: &Parcel, error: Option<String>, now: Timestamp, settled: &mut Settled) {
        self.remove(&parcel.job, &parcel.host, &parcel.inbox, error, now, settled);
    }

    pub(super) fn remove(
        &mut self,
        job: &Arc<JobInfo>,
        host: &Arc<str>,
        inbox: &Arc<str>,
        error: Option<String>,
        now: Timestamp,
        settled: &mut Settled,
    ) {
        let Some(line) = self
            .hosts
            .get_mut(host)
            .and_then(|host| host.lines.get_mut(inbox))
        else {
            return;
        };
        let Some(place) = line.items.iter().position(|item| item.job.id == job.id) else {
            return;
        };
        line.items.remove(place);
        if let Some(error) = &error {
            settled
                .given_up
                .push((Arc::clone(inbox), job.activity.clone(), error.clone()));
        }
        let mark = Mark::Done {
            inbox: inbox.to_string(),
            at: now,
            error,
        };
        settled.marks.push((Arc::clone(&job.id), mark));
        if let Some(entry) = self.jobs.get_mut(&job.id) {
            entry.open -= 1;
        }
    }

    /// After a delivery was settled or removed: drops what is empty, puts back what has more to do.
    pub(super) fn tidy(&mut self, job: &Arc<str>, name: &Arc<str>, inbox: &Arc<str>, settled: &mut Settled) {
        if let Some(entry) = self.jobs.get_mut(job) {
            if entry.open == 0 {
                self.jobs.remove(job);
                settled.marks.retain(|(id, _)| id != job);
                settled.finished.push(Arc::clone(job));
            } else if entry.in_flight == 0 && entry.body.initialized() {
                // What is left waits for minutes or days; the body can be read again.
                entry.body = Arc::default();
            }
        }
        let Some(host) = self.hosts.get_mut(name) else {
            return;
        };
        if let Some(line) = host.lines.get_mut(inbox) {
            if line.items.is_empty() && line.under_way.is_none() {
                host.lines.remove(inbox);
            } else if line.under_way.is_none() && !line.in_turn {
                line.in_turn = true;
                host.turn.push_back(Arc::clone(inbox));
            }
        }
        if host.lines.is_empty() {
            if let Some(timer) = host.timer {
                self.timers.remove(&(timer, Arc::clone(name)));
            }
            // What is known of its trouble goes with it: a later delivery finds out anew.
            self.hosts.remove(name);
        } else {
            self.wake(name);
        }
    }
}

impl Settled {
    fn mark(
        &mut self,
        parcel: &Parcel,
        at: Timestamp,
        attempts: u32,
        next: Timestamp,
        down: u32,
        error: &str,
    ) {
        let mark = Mark::Failed {
            inbox: parcel.inbox.to_string(),
            at,
            attempts,
            next,
            down,
            error: error.to_string(),
        };
        self.marks.push((Arc::clone(&parcel.job.id), mark));
    }

    /// Takes up what followed from another delivery.
    pub(super) fn merge(&mut self, other: Settled) {
        self.marks.extend(other.marks);
        self.finished.extend(other.finished);
        self.given_up.extend(other.given_up);
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.finished.is_empty()
    }
}

fn after(now: Timestamp, gap: Duration) -> Timestamp {
    SignedDuration::try_from(gap)
        .ok()
        .and_then(|gap| now.checked_add(gap).ok())
        .unwrap_or(now)
}
