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
use jiff::Timestamp;
use tokio::sync::OnceCell;
use url::Url;

use super::host::{Gate, Host, Item, Line, Trouble, has_come};
use super::settle::Settled;
use crate::net;
use crate::store::Job;
use crate::store::job::Mark;

/// What is the same for all deliveries of a job.
#[derive(Debug)]
pub(super) struct JobInfo {
    pub(super) id: Arc<str>,
    pub(super) actor: String,
    pub(super) key: Option<String>,
    pub(super) activity: String,
    pub(super) created: Timestamp,
    /// Stands for the object that the activity is about.
    pub(super) about: u64,
    /// Whether it goes to one inbox only, as an answer does: an Accept, or a reply to somebody.
    pub(super) alone: bool,
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
pub(super) struct JobEntry {
    pub(super) info: Arc<JobInfo>,
    pub(super) body: Arc<OnceCell<Bytes>>,
    /// Deliveries that aren't done.
    pub(super) open: usize,
    /// Deliveries that are being made.
    pub(super) in_flight: usize,
}

/// Everything that waits.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) jobs: HashMap<Arc<str>, JobEntry>,
    pub(super) hosts: HashMap<Arc<str>, Host>,
    pub(super) ready: VecDeque<Arc<str>>,
    pub(super) timers: BTreeSet<(Timestamp, Arc<str>)>,
    /// When the clock last jumped and was believed: what is older is as old as that.
    trusted_since: Option<Timestamp>,
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
            alone: job.inboxes.len() == 1,
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
    pub(super) fn put(&mut self, job: &Arc<JobInfo>, inbox: &str, last: Option<&Mark>) {
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
                host.close(Trouble {
                    until: *next,
                    since: *at,
                    failures: *down,
                    asked: false,
                    error: error.as_str().into(),
                });
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

    /// Notes that the clock jumped: times before that say nothing about how long ago something was.
    pub(super) fn trust_since(&mut self, leapt: Option<Timestamp>) {
        self.trusted_since = leapt;
    }

    /// How long a job has been waiting.
    pub(super) fn age(&self, job: &JobInfo, now: Timestamp) -> Duration {
        let since = job.created.max(self.trusted_since.unwrap_or(job.created));
        Duration::try_from(now.duration_since(since)).unwrap_or_default()
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

    pub(super) fn wake(&mut self, name: &Arc<str>) {
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

    pub(super) fn set_timer(&mut self, name: &Arc<str>, at: Timestamp) {
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
            if let Gate::Closed(trouble) = &mut host.gate {
                trouble.until = now;
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

    /// Notes that a host sent us something; answers whether it is probed now because of that.
    pub(super) fn heard_from(&mut self, name: &str, now: Timestamp) -> bool {
        let Some((name, host)) = self.hosts.get_key_value(name) else {
            return false;
        };
        if matches!(host.gate, Gate::Open) {
            return false;
        }
        let name = Arc::clone(name);
        let probe = self.hosts.get_mut(&name).is_some_and(|host| host.heard_from(now));
        if probe {
            self.wake(&name);
        }
        probe
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
                Gate::Closed(trouble) => (Some(trouble.until), Some(&trouble.error)),
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
            let closed = matches!(host.gate, Gate::Closed(_));
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

/// The host of an inbox; one that isn't a URL is a host by itself, and its delivery will say so.
pub(super) fn host_of(inbox: &str) -> String {
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
