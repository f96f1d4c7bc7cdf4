//! What waits for delivery, by host: which delivery is next, and what follows from how it went.
//!
//! Pure: the time and chance are handed in. Within an inbox deliveries go one after the other in the order in which they
//! were made; one that stumbles alone is passed by others about other objects, never by one about the same. A host in
//! trouble is closed: one delivery probes it when the time has come, everything else waits, and when it answers again
//! its backlog goes in order, slowly at first.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;
use url::Url;

use crate::net;
use crate::queue::{self, LONGEST_RETRY_AFTER, Next, Scope};
use crate::store::Job;
use crate::store::job::Mark;

/// Most deliveries to one host at the same time: what a small server takes without noticing.
pub(super) const PER_HOST: usize = 4;

/// No time lies further ahead than twice the longest Retry-After, unless the clock was put back.
const FARTHEST: SignedDuration = SignedDuration::from_secs(2 * LONGEST_RETRY_AFTER.as_secs().cast_signed());

/// What is the same for all deliveries of a job.
#[derive(Debug)]
pub(super) struct JobInfo {
    pub(super) id: Arc<str>,
    pub(super) actor: String,
    pub(super) key: Option<String>,
    pub(super) activity: String,
    created: Timestamp,
    /// Stands for the object that the activity is about.
    about: u64,
}

/// A delivery that is to be made now.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) job: Arc<JobInfo>,
    pub(super) host: Arc<str>,
    pub(super) inbox: Arc<str>,
    /// What is sent; read from the job when it isn't in memory.
    pub(super) body: Arc<OnceCell<Bytes>>,
    /// Whether more for this host will follow at once.
    pub(super) more: bool,
}

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

/// A delivery that waits, as `queue list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Waiting {
    /// Host and port.
    pub host: String,
    /// Where it goes.
    pub inbox: String,
    /// The id of the activity.
    pub activity: String,
    /// How many attempts have failed.
    pub attempts: u32,
    /// When the next is due; now, when it is.
    pub next: Timestamp,
    /// Why it waits: what went wrong with it, or with its host.
    pub error: Option<String>,
}

#[derive(Debug)]
struct JobEntry {
    info: Arc<JobInfo>,
    body: Arc<OnceCell<Bytes>>,
    /// Deliveries that aren't done.
    open: usize,
    /// Deliveries that are being made.
    in_flight: usize,
}

#[derive(Debug)]
struct Item {
    job: Arc<JobInfo>,
    attempts: u32,
    /// How often the host answered, but not well.
    stumbles: u32,
    /// When the last attempt failed.
    failed: Option<Timestamp>,
    /// Not before.
    until: Option<Timestamp>,
    error: Option<Box<str>>,
}

#[derive(Debug, Default)]
struct Line {
    items: VecDeque<Item>,
    /// The job that is being delivered: it stays in `items` until it is settled.
    under_way: Option<Arc<str>>,
    /// Whether the line stands in the host's turn.
    in_turn: bool,
}

#[derive(Debug)]
enum Gate {
    Open,
    Closed {
        until: Timestamp,
        failures: u32,
        error: Box<str>,
        probing: bool,
    },
}

#[derive(Debug)]
struct Host {
    lines: HashMap<Arc<str>, Line>,
    /// Lines that may have something to deliver, none of it under way.
    turn: VecDeque<Arc<str>>,
    in_flight: usize,
    /// How many may be in flight: one after trouble, growing with each success.
    allowance: usize,
    gate: Gate,
    answered: Option<Timestamp>,
    /// Whether it stands in the board's `ready`.
    ready: bool,
    /// When the board looks at it again.
    timer: Option<Timestamp>,
    /// What is passed over now may go then: handed to the timer after each pick.
    sleep: Option<Timestamp>,
}

/// Everything that waits.
#[derive(Debug, Default)]
pub(super) struct Board {
    jobs: HashMap<Arc<str>, JobEntry>,
    hosts: HashMap<Arc<str>, Host>,
    ready: VecDeque<Arc<str>>,
    timers: BTreeSet<(Timestamp, Arc<str>)>,
}

impl Board {
    /// Puts a job on the board with what its log says. A job that is there already stays as it is. Answers whether
    /// there is anything left of it to do.
    pub(super) fn add(&mut self, job: &Job, marks: &[Mark], body: Option<Bytes>) -> bool {
        if self.jobs.contains_key(job.id.as_str()) {
            return true;
        }
        let info = Arc::new(JobInfo {
            id: job.id.as_str().into(),
            actor: job.actor.clone(),
            key: job.key.clone(),
            activity: job.activity.clone(),
            created: job.created,
            about: about(job),
        });
        self.jobs.insert(
            Arc::clone(&info.id),
            JobEntry {
                info: Arc::clone(&info),
                body: Arc::new(OnceCell::new_with(body)),
                open: 0,
                in_flight: 0,
            },
        );
        let mut done: BTreeSet<&str> = BTreeSet::new();
        let mut last: HashMap<&str, &Mark> = HashMap::new();
        let mut added = Vec::new();
        for mark in marks {
            match mark {
                Mark::Done { inbox, .. } => {
                    done.insert(inbox);
                }
                Mark::Failed { inbox, .. } => {
                    last.insert(inbox, mark);
                }
                Mark::Added { inboxes } => added.extend(inboxes.iter().map(String::as_str)),
            }
        }
        let mut seen = BTreeSet::new();
        for inbox in job.inboxes.iter().map(String::as_str).chain(added) {
            if !done.contains(inbox) && seen.insert(inbox) {
                self.put(&info, inbox, last.get(inbox).copied());
            }
        }
        let open = self.jobs.get(&info.id).is_some_and(|entry| entry.open > 0);
        if !open {
            self.jobs.remove(&info.id);
        }
        open
    }

    /// Adds one delivery.
    fn put(&mut self, job: &Arc<JobInfo>, inbox: &str, last: Option<&Mark>) {
        let name: Arc<str> = host_of(inbox).into();
        let host = self.hosts.entry(Arc::clone(&name)).or_insert_with(Host::new);
        let mut item = Item {
            job: Arc::clone(job),
            attempts: 0,
            stumbles: 0,
            failed: None,
            until: None,
            error: None,
        };
        if let Some(Mark::Failed {
            at,
            attempts,
            next,
            down,
            error,
            ..
        }) = last
        {
            item.attempts = *attempts;
            item.failed = Some(*at);
            item.error = Some(error.as_str().into());
            if *down == 0 {
                item.until = Some(*next);
            } else {
                host.close(*next, *down, error);
            }
        }
        let line = match host.lines.entry(inbox.into()) {
            Entry::Occupied(line) => line.into_mut(),
            Entry::Vacant(place) => place.insert(Line::default()),
        };
        line.items.push_back(item);
        if !line.in_turn && line.under_way.is_none() {
            line.in_turn = true;
            host.turn.push_back(inbox.into());
        }
        if let Some(entry) = self.jobs.get_mut(&job.id) {
            entry.open += 1;
        }
        self.wake(&name);
    }

    /// The next delivery to be made, if there is one.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Parcel> {
        self.wake_due(now);
        loop {
            let name = self.ready.pop_front()?;
            let Some(host) = self.hosts.get_mut(&name) else {
                continue;
            };
            host.ready = false;
            let picked = host.pick(now);
            let more = host.lines.len() > 1 || host.lines.values().any(|line| line.items.len() > 1);
            if let Some(until) = host.sleep.take() {
                self.set_timer(&name, until);
            }
            let Some((inbox, job)) = picked else { continue };
            self.wake(&name);
            let Some(entry) = self.jobs.get_mut(&job.id) else {
                continue;
            };
            entry.in_flight += 1;
            return Some(Parcel {
                body: Arc::clone(&entry.body),
                job,
                host: name,
                inbox,
                more,
            });
        }
    }

    /// When there will be something to do, if nothing happens before.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

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
                host.stop_probing();
                self.close_item(parcel, Some("its host is blocked".into()), now, &mut settled);
            }
            Outcome::Gone(instead) => {
                host.opened(now);
                self.extend(&parcel.job, instead, &mut settled);
                self.close_item(parcel, Some("the inbox is gone".into()), now, &mut settled);
            }
            Outcome::Hindered(error) => {
                host.stop_probing();
                self.postpone(parcel, &error, now, chance, &mut settled);
            }
            Outcome::Failed {
                scope,
                error,
                retry_after,
            } => {
                let alone = scope == Scope::Request && host.stumbled_alone(parcel);
                if alone {
                    host.stop_probing();
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
        let Some(item) = self.item(parcel) else { return };
        item.attempts += 1;
        item.failed = Some(now);
        item.error = Some(error.into());
        let attempts = item.attempts;
        match queue::next(attempts, age(&parcel.job, now), None, chance) {
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
        let failures = match &host.gate {
            Gate::Closed {
                failures,
                probing: false,
                ..
            } => *failures,
            Gate::Closed { failures, .. } => failures + 1,
            Gate::Open => 1,
        };
        let gap = match queue::next(failures, Duration::ZERO, retry_after, chance) {
            Next::RetryIn(gap) => gap,
            Next::GiveUp => queue::LONGEST_GAP,
        };
        let next = after(now, gap);
        host.close(next, failures, error);
        host.stop_probing();
        host.allowance = 1;
        let Gate::Closed { until: next, .. } = host.gate else {
            return;
        };
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
        let Some(host) = self.hosts.get_mut(name) else {
            return;
        };
        let mut expired = Vec::new();
        for (inbox, line) in &host.lines {
            for item in line.idle() {
                let attempts = item.attempts.max(failures);
                if queue::next(attempts, age(&item.job, now), None, chance) == Next::GiveUp {
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

    fn remove(
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
    fn tidy(&mut self, job: &Arc<str>, name: &Arc<str>, inbox: &Arc<str>, settled: &mut Settled) {
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

    fn wake(&mut self, name: &Arc<str>) {
        if let Some(host) = self.hosts.get_mut(name)
            && !host.ready
        {
            host.ready = true;
            self.ready.push_back(Arc::clone(name));
        }
    }

    fn wake_due(&mut self, now: Timestamp) {
        while let Some((at, name)) = self.timers.first().cloned() {
            if !has_come(at, now) {
                break;
            }
            self.timers.pop_first();
            if let Some(host) = self.hosts.get_mut(&name) {
                host.timer = None;
                host.rejoin();
            }
            self.wake(&name);
        }
    }

    fn set_timer(&mut self, name: &Arc<str>, at: Timestamp) {
        let Some(host) = self.hosts.get_mut(name) else {
            return;
        };
        match host.timer {
            // To be woken too early does no harm: the host says again until when it waits.
            Some(earlier) if earlier <= at => return,
            Some(later) => self.timers.remove(&(later, Arc::clone(name))),
            None => false,
        };
        host.timer = Some(at);
        self.timers.insert((at, Arc::clone(name)));
    }

    /// Lets a host be tried at once: somebody asked for it, or it was heard from.
    pub(super) fn hurry(&mut self, fits: impl Fn(&str) -> bool, now: Timestamp) -> usize {
        let names: Vec<Arc<str>> = self.hosts.keys().filter(|name| fits(name)).cloned().collect();
        let mut count = 0;
        for name in names {
            let Some(host) = self.hosts.get_mut(&name) else {
                continue;
            };
            if let Gate::Closed { until, .. } = &mut host.gate {
                *until = now;
            }
            for line in host.lines.values_mut() {
                for item in &mut line.items {
                    item.until = None;
                    count += 1;
                }
            }
            host.rejoin();
            self.wake(&name);
        }
        count
    }

    /// Whether a host is closed.
    pub(super) fn is_closed(&self, name: &str) -> bool {
        self.hosts
            .get(name)
            .is_some_and(|host| matches!(host.gate, Gate::Closed { .. }))
    }

    /// Gives up everything for the hosts that fit, but what is in flight.
    pub(super) fn drop_hosts(&mut self, fits: impl Fn(&str) -> bool, now: Timestamp) -> Settled {
        let mut settled = Settled::default();
        let names: Vec<Arc<str>> = self.hosts.keys().filter(|name| fits(name)).cloned().collect();
        for name in names {
            let Some(host) = self.hosts.get(&name) else {
                continue;
            };
            let all: Vec<(Arc<JobInfo>, Arc<str>)> = host
                .lines
                .iter()
                .flat_map(|(inbox, line)| line.idle().map(|item| (Arc::clone(&item.job), Arc::clone(inbox))))
                .collect();
            for (job, inbox) in all {
                self.remove(&job, &name, &inbox, Some("dropped".into()), now, &mut settled);
                self.tidy(&job.id, &name, &inbox, &mut settled);
            }
        }
        settled
    }

    /// Everything that waits or is under way, by host and inbox, in the order in which it will go.
    pub(super) fn waiting(&self, now: Timestamp) -> Vec<Waiting> {
        let mut all = Vec::new();
        for (name, host) in &self.hosts {
            let (closed, trouble) = match &host.gate {
                Gate::Open => (None, None),
                Gate::Closed { until, error, .. } => (Some(*until), Some(error)),
            };
            for (inbox, line) in &host.lines {
                for item in &line.items {
                    let error = item
                        .error
                        .as_ref()
                        .filter(|_| closed.is_none() || item.attempts > 0);
                    all.push(Waiting {
                        host: name.to_string(),
                        inbox: inbox.to_string(),
                        activity: item.job.activity.clone(),
                        attempts: item.attempts,
                        next: closed.max(item.until).unwrap_or(now).max(now),
                        error: error.or(trouble).map(ToString::to_string),
                    });
                }
            }
        }
        all.sort_by(|a, b| (&a.host, &a.inbox).cmp(&(&b.host, &b.inbox)));
        all
    }

    /// Of deliveries of the activities that fit: how many wait for their first attempt, and how many for another.
    pub(super) fn count(&self, fits: impl Fn(&str) -> bool) -> (usize, usize) {
        let (mut untried, mut tried) = (0, 0);
        for host in self.hosts.values() {
            let closed = matches!(host.gate, Gate::Closed { .. });
            for line in host.lines.values() {
                for item in line.items.iter().filter(|item| fits(&item.job.activity)) {
                    if closed || item.attempts > 0 {
                        tried += 1;
                    } else {
                        untried += 1;
                    }
                }
            }
        }
        (untried, tried)
    }

    /// Whether a delivery still needs the key with this fingerprint of this actor.
    pub(super) fn needs_key(&self, actor: &str, fingerprint: &str) -> bool {
        self.jobs
            .values()
            .any(|job| job.info.actor == actor && job.info.key.as_deref() == Some(fingerprint))
    }
}

impl Host {
    fn new() -> Host {
        Host {
            lines: HashMap::new(),
            turn: VecDeque::new(),
            in_flight: 0,
            allowance: PER_HOST,
            gate: Gate::Open,
            answered: None,
            ready: false,
            timer: None,
            sleep: None,
        }
    }

    /// The next delivery; when there is none now, `sleep` says until when, unless something else must happen first.
    fn pick(&mut self, now: Timestamp) -> Option<(Arc<str>, Arc<JobInfo>)> {
        match &self.gate {
            Gate::Closed { until, .. } if !has_come(*until, now) => {
                self.sleep = Some(*until);
                None
            }
            // The probe; or what was in flight when the trouble began and may still end well.
            Gate::Closed { .. } if self.in_flight > 0 => None,
            Gate::Closed { .. } => self.probe(),
            Gate::Open if self.in_flight >= self.allowance => None,
            Gate::Open => self.from_turn(now),
        }
    }

    /// The oldest delivery, unless it has stumbled more often than others: it may be the trouble itself.
    fn probe(&mut self) -> Option<(Arc<str>, Arc<JobInfo>)> {
        let best = self
            .lines
            .iter()
            .filter(|(_, line)| line.under_way.is_none())
            .flat_map(|(inbox, line)| {
                line.items
                    .iter()
                    .enumerate()
                    .filter(|(place, _)| line.is_first_of_its_object(*place))
                    .map(move |(_, item)| (item.stumbles.saturating_sub(1), &item.job, inbox))
            })
            .min_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)))
            .map(|(_, job, inbox)| (Arc::clone(inbox), Arc::clone(job)));
        let (inbox, job) = best?;
        if let Gate::Closed { probing, .. } = &mut self.gate {
            *probing = true;
        }
        Some(self.start(inbox, job))
    }

    fn from_turn(&mut self, now: Timestamp) -> Option<(Arc<str>, Arc<JobInfo>)> {
        while let Some(inbox) = self.turn.pop_front() {
            let Some(line) = self.lines.get_mut(&inbox) else {
                continue;
            };
            line.in_turn = false;
            if line.under_way.is_some() {
                continue;
            }
            match line.pick(now) {
                Ok(job) => return Some(self.start(inbox, job)),
                Err(until) => self.sleep = earlier(self.sleep, until),
            }
        }
        None
    }

    fn start(&mut self, inbox: Arc<str>, job: Arc<JobInfo>) -> (Arc<str>, Arc<JobInfo>) {
        if let Some(line) = self.lines.get_mut(&inbox) {
            line.under_way = Some(Arc::clone(&job.id));
        }
        self.in_flight += 1;
        (inbox, job)
    }

    /// The host answered, well or for good.
    fn opened(&mut self, now: Timestamp) {
        self.answered = Some(now);
        if matches!(self.gate, Gate::Closed { .. }) {
            self.gate = Gate::Open;
            self.allowance = 1;
            // What failed with the host goes in order with the rest.
            for item in self.lines.values_mut().flat_map(|line| &mut line.items) {
                item.until = None;
            }
            self.rejoin();
        } else {
            self.allowance = (self.allowance + 1).min(PER_HOST);
        }
    }

    /// Never opens a gate, and never makes it open sooner.
    fn close(&mut self, next: Timestamp, down: u32, why: &str) {
        match &mut self.gate {
            Gate::Open => {
                self.gate = Gate::Closed {
                    until: next,
                    failures: down,
                    error: why.into(),
                    probing: false,
                };
            }
            Gate::Closed {
                until,
                failures,
                error,
                ..
            } => {
                *until = (*until).max(next);
                *failures = (*failures).max(down);
                *error = why.into();
            }
        }
    }

    fn stop_probing(&mut self) {
        if let Gate::Closed { probing, .. } = &mut self.gate {
            *probing = false;
        }
    }

    /// Whether a delivery stumbled before, and others went well since: then it is not the host.
    fn stumbled_alone(&self, parcel: &Parcel) -> bool {
        let item = self
            .lines
            .get(&parcel.inbox)
            .and_then(|line| line.items.iter().find(|item| item.job.id == parcel.job.id));
        item.is_some_and(|item| {
            item.stumbles > 0
                && matches!((item.failed, self.answered), (Some(failed), Some(answered)) if answered >= failed)
        })
    }

    fn stumble(&mut self, parcel: &Parcel) {
        if let Some(line) = self.lines.get_mut(&parcel.inbox)
            && let Some(item) = line.items.iter_mut().find(|item| item.job.id == parcel.job.id)
        {
            item.stumbles += 1;
        }
    }

    /// Puts every line that isn't busy into the turn.
    fn rejoin(&mut self) {
        for (inbox, line) in &mut self.lines {
            if !line.in_turn && line.under_way.is_none() && !line.items.is_empty() {
                line.in_turn = true;
                self.turn.push_back(Arc::clone(inbox));
            }
        }
    }
}

impl Line {
    /// The deliveries that aren't being made.
    fn idle(&self) -> impl Iterator<Item = &Item> {
        self.items
            .iter()
            .filter(|item| self.under_way.as_ref() != Some(&item.job.id))
    }

    /// The first delivery that may go now, or when one may.
    fn pick(&self, now: Timestamp) -> Result<Arc<JobInfo>, Option<Timestamp>> {
        let mut soonest: Option<Timestamp> = None;
        for (place, item) in self.items.iter().enumerate() {
            match item.until.filter(|until| !has_come(*until, now)) {
                Some(until) => soonest = earlier(soonest, Some(until)),
                None if self.is_first_of_its_object(place) => return Ok(Arc::clone(&item.job)),
                None => {}
            }
        }
        Err(soonest)
    }

    /// Whether nothing about the same object stands before it: an Update never overtakes its Create.
    fn is_first_of_its_object(&self, place: usize) -> bool {
        let about = self.items[place].job.about;
        !self.items.iter().take(place).any(|item| item.job.about == about)
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

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Whether a time has come. One that lies further ahead than any gap was set by a clock that has been put back since.
fn has_come(at: Timestamp, now: Timestamp) -> bool {
    at <= now || at.duration_since(now) > FARTHEST
}

fn age(job: &JobInfo, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(job.created)).unwrap_or_default()
}

fn after(now: Timestamp, gap: Duration) -> Timestamp {
    SignedDuration::try_from(gap)
        .ok()
        .and_then(|gap| now.checked_add(gap).ok())
        .unwrap_or(now)
}

/// The host of an inbox; one that isn't a URL is a host by itself, and its delivery will say so.
fn host_of(inbox: &str) -> String {
    Url::parse(inbox)
        .ok()
        .map(|url| net::host_of(&url))
        .filter(|host| !host.is_empty())
        .unwrap_or_else(|| inbox.to_string())
}

/// Stands for the object of an activity: its id, or the activity's own when it has none.
fn about(job: &Job) -> u64 {
    let object = &job.body["object"];
    let id = object
        .as_str()
        .or_else(|| object["id"].as_str())
        .unwrap_or(&job.activity);
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
