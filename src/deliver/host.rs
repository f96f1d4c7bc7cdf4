//! One host: what waits for it, line by line, and whether it is in order.
//!
//! Pure: the time is handed in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::board::{JobInfo, Parcel};
use crate::queue::{FIRST_GAP, LONGEST_RETRY_AFTER};

/// Most deliveries to one host at the same time: what a small server takes without noticing.
pub(super) const PER_HOST: usize = 4;

/// A host that is heard from is probed early so often at most: it may be up for sending and still not for taking.
const AGAIN: SignedDuration = SignedDuration::from_secs(FIRST_GAP.as_secs().cast_signed());

/// No time lies further ahead than twice the longest Retry-After, unless the clock was put back.
const FARTHEST: SignedDuration = SignedDuration::from_secs(2 * LONGEST_RETRY_AFTER.as_secs().cast_signed());

/// One delivery that waits.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) job: Arc<JobInfo>,
    pub(super) attempts: u32,
    /// How often the host answered, but not well.
    pub(super) stumbles: u32,
    /// When the last attempt failed.
    pub(super) failed: Option<Timestamp>,
    /// Not before.
    pub(super) until: Option<Timestamp>,
    pub(super) error: Option<Box<str>>,
}

/// What waits for one inbox, in the order in which it was made.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) items: VecDeque<Item>,
    /// The job that is being delivered: it stays in `items` until it is settled.
    pub(super) under_way: Option<Arc<str>>,
    /// Whether the line stands in the host's turn.
    pub(super) in_turn: bool,
}

/// Whether a host is sent to.
#[derive(Debug)]
pub(super) enum Gate {
    Open,
    /// It is in trouble: one delivery probes it when the time has come, everything else waits.
    Closed(Trouble),
}

/// What is wrong with a host.
#[derive(Debug)]
pub(super) struct Trouble {
    /// When it is probed.
    pub(super) until: Timestamp,
    /// When the last probe failed.
    pub(super) since: Timestamp,
    /// How many probes have failed in a row.
    pub(super) failures: u32,
    /// Whether the host itself asked to be left alone until then.
    pub(super) asked: bool,
    pub(super) error: Box<str>,
}

/// A host for which something waits.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) lines: HashMap<Arc<str>, Line>,
    /// Lines that may have something to deliver, none of it under way.
    pub(super) turn: VecDeque<Arc<str>>,
    pub(super) in_flight: usize,
    /// How many may be in flight: one after trouble, growing with each success.
    pub(super) allowance: usize,
    pub(super) gate: Gate,
    /// Whether what is in flight is the probe of a closed gate.
    pub(super) probing: bool,
    pub(super) answered: Option<Timestamp>,
    /// Whether it stands in the board's `ready`.
    pub(super) ready: bool,
    /// When the board looks at it again.
    pub(super) timer: Option<Timestamp>,
    /// What is passed over now may go then: handed to the timer after each pick.
    pub(super) sleep: Option<Timestamp>,
}

impl Host {
    pub(super) fn new() -> Host {
        Host {
            lines: HashMap::new(),
            turn: VecDeque::new(),
            in_flight: 0,
            allowance: PER_HOST,
            gate: Gate::Open,
            probing: false,
            answered: None,
            ready: false,
            timer: None,
            sleep: None,
        }
    }

    /// The next delivery; when there is none now, `sleep` says until when, unless something else must happen first.
    pub(super) fn pick(&mut self, now: Timestamp) -> Option<(Arc<str>, Arc<JobInfo>)> {
        match &self.gate {
            Gate::Closed(trouble) if !has_come(trouble.until, now) => {
                self.sleep = Some(trouble.until);
                None
            }
            // The probe; or what was in flight when the trouble began and may still end well.
            Gate::Closed(_) if self.in_flight > 0 => None,
            Gate::Closed(_) => self.probe(),
            Gate::Open if self.in_flight >= self.allowance => None,
            Gate::Open => self.take_turn(now),
        }
    }

    /// The oldest delivery, unless it has stumbled more often than others: it may be the trouble itself.
    pub(super) fn probe(&mut self) -> Option<(Arc<str>, Arc<JobInfo>)> {
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
        self.probing = true;
        Some(self.start(inbox, job))
    }

    pub(super) fn take_turn(&mut self, now: Timestamp) -> Option<(Arc<str>, Arc<JobInfo>)> {
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

    pub(super) fn start(&mut self, inbox: Arc<str>, job: Arc<JobInfo>) -> (Arc<str>, Arc<JobInfo>) {
        if let Some(line) = self.lines.get_mut(&inbox) {
            line.under_way = Some(Arc::clone(&job.id));
        }
        self.in_flight += 1;
        (inbox, job)
    }

    /// The host answered, well or for good.
    pub(super) fn opened(&mut self, now: Timestamp) {
        self.answered = Some(now);
        self.probing = false;
        if matches!(self.gate, Gate::Closed(_)) {
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

    /// Closes the gate; of a gate that is closed already the later time and the greater number hold, but for a time that
    /// has come: were it kept, one from before the clock was put back would let everything through for days.
    pub(super) fn close(&mut self, trouble: Trouble) {
        match &mut self.gate {
            Gate::Open => self.gate = Gate::Closed(trouble),
            Gate::Closed(known) => {
                let until = match has_come(known.until, trouble.since) {
                    true => trouble.until,
                    false => known.until.max(trouble.until),
                };
                *known = Trouble {
                    until,
                    failures: known.failures.max(trouble.failures),
                    asked: known.asked || trouble.asked,
                    ..trouble
                };
            }
        }
        self.allowance = 1;
    }

    /// The host sent us something. Unless it asked for silence, or was probed a moment ago, it is worth another probe.
    pub(super) fn heard_from(&mut self, now: Timestamp) -> bool {
        match &mut self.gate {
            Gate::Closed(trouble) if !trouble.asked && now.duration_since(trouble.since) >= AGAIN => {
                trouble.until = trouble.until.min(now);
                true
            }
            _ => false,
        }
    }

    /// Whether a delivery stumbled before, and others went well since: then it is not the host.
    pub(super) fn stumbled_alone(&self, parcel: &Parcel) -> bool {
        let item = self
            .lines
            .get(&parcel.inbox)
            .and_then(|line| line.items.iter().find(|item| item.job.id == parcel.job.id));
        item.is_some_and(|item| {
            item.stumbles > 0
                && matches!((item.failed, self.answered), (Some(failed), Some(answered)) if answered >= failed)
        })
    }

    pub(super) fn stumble(&mut self, parcel: &Parcel) {
        if let Some(line) = self.lines.get_mut(&parcel.inbox)
            && let Some(item) = line.items.iter_mut().find(|item| item.job.id == parcel.job.id)
        {
            item.stumbles += 1;
        }
    }

    /// Puts every line that isn't busy into the turn.
    pub(super) fn rejoin(&mut self) {
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
    pub(super) fn idle(&self) -> impl Iterator<Item = &Item> {
        self.items
            .iter()
            .filter(|item| self.under_way.as_ref() != Some(&item.job.id))
    }

    /// The first delivery that may go now, or when one may.
    pub(super) fn pick(&self, now: Timestamp) -> Result<Arc<JobInfo>, Option<Timestamp>> {
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
    pub(super) fn is_first_of_its_object(&self, place: usize) -> bool {
        let about = self.items[place].job.about;
        !self.items.iter().take(place).any(|item| item.job.about == about)
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Whether a time has come. One that lies further ahead than any gap was set by a clock that has been put back since.
pub(super) fn has_come(at: Timestamp, now: Timestamp) -> bool {
    at <= now || at.duration_since(now) > FARTHEST
}
