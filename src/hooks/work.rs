//! Working off the calls: who is told when, how many at a time, and what becomes of those that fail.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::announce::{self, Desk};
use super::place::Place;
use super::{label, name_of, webhook};
use crate::clock::Clock;
use crate::config::{Config, Hook, HookTarget};
use crate::net::Client;
use crate::store::{Call, CallBrief, Store};

/// Calls of one hook that are made at a time: a boost brings many likes at once, and each may start a program. It counts by
/// hook, so that one that hangs holds up no other.
const AT_ONCE: usize = 2;
/// Events that a command which gathers them is told at once; the others come with the next run.
const GATHERED: usize = 1000;
/// Bytes of activities in them, likewise: a few that are as large as the inbox takes, many that are usual.
const GATHERED_SIZE: usize = 8 << 20;
/// Gaps between tries of one call. The first tries of Standard Webhooks, over about a day.
const GAPS: [SignedDuration; 7] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(10),
];
/// How often the records are looked through while calls wait, without being told of new ones.
const LOOK: Duration = Duration::from_secs(5);
/// How long a hook waits when nobody is there to run its command. That is no fault of it, and counts as no try.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// A clock that is corrected by less than this wasn't put back.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// What the hooks need from outside.
pub struct Surroundings<'a, C> {
    /// Where the calls wait.
    pub store: &'a Store,
    /// Where they are left.
    pub desk: &'a Desk,
    /// The configuration as it is now.
    pub config: C,
    /// The way out.
    pub client: &'a Client,
    /// Where commands are run.
    pub place: &'a Arc<Place>,
    /// The time.
    pub clock: &'a Clock,
}

/// Why a hook wasn't told.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It was, and says no, or doesn't end.
    Failed {
        /// What went wrong.
        reason: String,
        /// What it printed.
        printed: Vec<String>,
    },
    /// Nobody is there to run it.
    Away(String),
}

impl From<String> for Trouble {
    fn from(reason: String) -> Trouble {
        Trouble::Failed {
            reason,
            printed: Vec::new(),
        }
    }
}

/// A hook that is being told: of one event, or of those that were gathered.
struct Told {
    hook: Box<str>,
    label: String,
    calls: Vec<Call>,
    result: Result<Vec<String>, Trouble>,
}

/// Which calls wait for their end, and which hooks for somebody to run them.
#[derive(Default)]
struct Standing {
    /// The calls that are being made, by hook.
    under_way: HashMap<Box<str>, HashSet<String>>,
    /// Hooks that are left alone until then, by [`Clock::passed`].
    paused: HashMap<Box<str>, SignedDuration>,
}

/// Works off the calls until `shutdown`. What is under way then is tried again after the next start.
pub async fn run<C: Fn() -> Arc<Config>>(around: Surroundings<'_, C>, mut shutdown: watch::Receiver<bool>) {
    let mut running: JoinSet<Told> = JoinSet::new();
    let mut standing = Standing::default();
    announce::forget_unborn(around.store, around.desk);
    loop {
        let config = (around.config)();
        for (name, due) in due(&around, &config, &standing) {
            let Some(hook) = config.hooks.iter().find(|hook| name_of(hook) == *name) else {
                for id in due {
                    tracing::info!("the hook of call {id} is no longer configured: dropped");
                    drop_call(around.store, &id);
                }
                continue;
            };
            let busy = standing.under_way.entry(name.clone()).or_default();
            for calls in read(around.store, hook, due, AT_ONCE.saturating_sub(busy.len())) {
                busy.extend(calls.iter().map(|call| call.id.clone()));
                let (hook, name, config) = (hook.clone(), name.clone(), Arc::clone(&config));
                let (client, place, now) = (
                    around.client.clone(),
                    Arc::clone(around.place),
                    around.clock.now(),
                );
                running.spawn(async move {
                    let result = tell(&hook, &calls, &client, &place, &config, now).await;
                    let label = label(&hook);
                    Told {
                        hook: name,
                        label,
                        calls,
                        result,
                    }
                });
            }
        }
        tokio::select! {
            Some(done) = running.join_next(), if !running.is_empty() => {
                if let Ok(told) = done {
                    if let Some(busy) = standing.under_way.get_mut(&told.hook) {
                        for call in &told.calls {
                            busy.remove(&call.id);
                        }
                    }
                    settle(around.store, told, around.clock, &mut standing.paused);
                }
            }
            () = around.desk.rung() => {}
            () = tokio::time::sleep(LOOK), if !around.store.calls.is_empty() => {}
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
    }
}

/// The calls that are due, by hook and oldest first; none of hooks that are being told of as much as they may.
fn due<C>(
    around: &Surroundings<'_, C>,
    config: &Config,
    standing: &Standing,
) -> HashMap<Box<str>, Vec<String>> {
    let (now, passed) = (around.clock.now(), around.clock.passed());
    let gathering: HashMap<String, Duration> = config
        .hooks
        .iter()
        .filter_map(|hook| Some((name_of(hook), hook.gather?)))
        .collect();
    let held = around.desk.held();
    let mut due: HashMap<Box<str>, Vec<String>> = HashMap::new();
    let mut ripe: HashSet<Box<str>> = HashSet::new();
    around.store.calls.each(|id, brief| {
        if held.contains(&**id)
            || standing
                .paused
                .get(&brief.hook)
                .is_some_and(|until| *until > passed)
        {
            return;
        }
        let busy = standing.under_way.get(&brief.hook);
        let gathers = gathering.get(&*brief.hook);
        let room = if gathers.is_some() { 1 } else { AT_ONCE };
        let is_ripe = is_ripe(brief, gathers.copied(), now);
        if busy.is_some_and(|busy| busy.len() >= room) || (gathers.is_none() && !is_ripe) {
            return;
        }
        if is_ripe {
            ripe.insert(brief.hook.clone());
        }
        if busy.is_none_or(|busy| !busy.contains(&**id)) {
            due.entry(brief.hook.clone()).or_default().push(id.to_string());
        }
    });
    due.retain(|hook, _| ripe.contains(hook));
    for calls in due.values_mut() {
        // Ids begin with the time.
        calls.sort_unstable();
    }
    due
}

/// Whether a call's time has come. It has also come for one that is put off further than that is ever done: the clock was
/// put back since.
fn is_ripe(brief: &CallBrief, gathers: Option<Duration>, now: Timestamp) -> bool {
    let gap = match brief.attempts.checked_sub(1) {
        Some(last) => GAPS.get(last as usize).copied().unwrap_or_default(),
        None => gathers.map_or(SignedDuration::ZERO, |time| {
            SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
        }),
    };
    let wait = brief.next.duration_since(now);
    wait <= SignedDuration::ZERO || wait > gap.saturating_add(AHEAD)
}

/// Reads calls, in the portions that the hook is told of at once; at most `room` of them.
fn read(store: &Store, hook: &Hook, ids: Vec<String>, room: usize) -> Vec<Vec<Call>> {
    let mut portions: Vec<Vec<Call>> = Vec::new();
    let mut size = 0;
    for id in ids {
        let full = match hook.gather {
            Some(_) => portions.first().is_some_and(|calls| calls.len() >= GATHERED) || size >= GATHERED_SIZE,
            None => portions.len() >= room,
        };
        if full {
            break;
        }
        let call = match store.calls.get(&id) {
            Ok(Some(call)) => call,
            Ok(None) => continue,
            Err(error) => {
                tracing::error!("a hook call can't be read: {error}");
                continue;
            }
        };
        match (hook.gather, portions.first_mut()) {
            (Some(_), first) => {
                size += serde_json::to_vec(&call.event).map_or(0, |json| json.len());
                match first {
                    Some(calls) => calls.push(call),
                    None => portions.push(vec![call]),
                }
            }
            (None, _) => portions.push(vec![call]),
        }
    }
    portions
}

pub(super) fn drop_call(store: &Store, id: &str) {
    if let Err(error) = store.calls.delete(id) {
        tracing::error!("a hook call can't be removed: {error}");
    }
}

/// Removes calls that were made, or puts them off.
fn settle(store: &Store, told: Told, clock: &Clock, paused: &mut HashMap<Box<str>, SignedDuration>) {
    let (label, now) = (told.label, clock.now());
    let (printed, failure) = match told.result {
        Ok(printed) => (printed, None),
        Err(Trouble::Failed { reason, printed }) => (printed, Some(reason)),
        Err(Trouble::Away(reason)) => {
            tracing::error!("{label} isn't told of {} events yet: {reason}", told.calls.len());
            paused.insert(told.hook, clock.passed() + PAUSE);
            return;
        }
    };
    for text in printed.iter().filter(|text| !text.is_empty()) {
        tracing::info!("{label}: {text}");
    }
    let Some(reason) = failure else {
        for call in &told.calls {
            drop_call(store, &call.id);
        }
        return;
    };
    let tries = told.calls.iter().map(|call| call.attempts + 1).max().unwrap_or(1);
    match GAPS.get(tries as usize - 1) {
        Some(gap) => tracing::warn!("a hook failed (try {tries}, next at {}): {reason}", now + *gap),
        None => tracing::warn!("a hook failed {tries} times, given up: {reason}"),
    }
    for mut call in told.calls {
        let Some(gap) = GAPS.get(call.attempts as usize) else {
            drop_call(store, &call.id);
            continue;
        };
        call.attempts += 1;
        call.next = now + *gap;
        if let Err(error) = store.calls.put(&call) {
            tracing::error!("a hook call can't be put off: {error}");
        }
    }
}

/// Tells a hook of a made-up event, at once and once: what it printed, or why it failed.
///
/// # Errors
/// What went wrong.
pub async fn try_out(
    hook: &Hook,
    client: &Client,
    place: &Place,
    config: &Arc<Config>,
    now: Timestamp,
) -> Result<Vec<String>, String> {
    let url = config.site.url.as_str();
    let event = json!({
        "event": hook.on.first(),
        "id": "0000000000000000",
        "time": now,
        "actor": {
            "id": url, "name": "tidings", "handle": config.handle(&config.default_actor().name), "url": url, "avatar": null,
        },
        "page": url,
        "object": null,
        "public": true,
        "content": "<p>This is a test of a hook. Nothing happened.</p>",
        "activity": { "id": url, "type": "Test" },
    });
    let call = Call {
        id: format!("test-{}", now.as_millisecond()),
        hook: name_of(hook),
        created: now,
        attempts: 0,
        next: now,
        event,
        about: None,
    };
    match tell(hook, &[call], client, place, config, now).await {
        Ok(printed) => Ok(printed),
        Err(Trouble::Away(reason)) => Err(reason),
        Err(Trouble::Failed { reason, printed }) => {
            let printed: Vec<String> = printed.into_iter().filter(|text| !text.is_empty()).collect();
            Err([vec![reason], printed].concat().join(": "))
        }
    }
}

async fn tell(
    hook: &Hook,
    calls: &[Call],
    client: &Client,
    place: &Place,
    config: &Arc<Config>,
    now: Timestamp,
) -> Result<Vec<String>, Trouble> {
    match &hook.target {
        HookTarget::Command(_) => {
            let events: Vec<Value> = calls.iter().map(|call| call.event.clone()).collect();
            place.run(config, name_of(hook), events, hook.timeout).await
        }
        HookTarget::Webhook { url, secret } => {
            // A webhook doesn't gather: there is one.
            for call in calls {
                let body = serde_json::to_vec(&call.event).map_err(|error| error.to_string())?;
                webhook::post(client, url, secret, &call.id, body, now).await?;
            }
            Ok(Vec::new())
        }
    }
}
