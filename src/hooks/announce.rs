//! Announcing: what hooks are to be told of is on the disk before it happens, so that no crash falls between the two.
//!
//! [`prepare`] writes the calls of an event and holds them back. Whoever prepared them then stores what they tell of, and
//! lets them go ([`Prepared::tell`]), or drops them when nothing came of it. After a crash in between [`forget_unborn`]
//! removes the calls of what didn't happen: its sender has no answer, comes again, and is then told of.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{Event, call_id, label, name_of};
use crate::config::Hook;
use crate::store::{About, Call, Store, StoreError, Table};

/// Calls that wait for their turn; later events are dropped, with a warning: a webhook that is down for days must not
/// fill the disk.
const WAITING: usize = 10_000;

/// Where calls are left for [`super::run`]: which of them are held back, and the bell that is rung for the others.
#[derive(Debug, Default)]
pub struct Desk {
    bell: Notify,
    held: Mutex<HashSet<String>>,
}

impl Desk {
    /// Waits until there is something new.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// The calls that nobody may be told of yet.
    pub(super) fn held(&self) -> MutexGuard<'_, HashSet<String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls of something that is about to happen. Dropped, it didn't.
#[derive(Debug)]
#[must_use = "nobody is told of what is dropped"]
pub struct Prepared<'a> {
    desk: &'a Desk,
    calls: &'a Table<Call>,
    ids: Vec<String>,
}

impl Prepared<'_> {
    /// It happened: the hooks are told.
    pub fn tell(mut self) {
        let ids = std::mem::take(&mut self.ids);
        if ids.is_empty() {
            return;
        }
        let mut held = self.desk.held();
        for id in &ids {
            held.remove(id);
        }
        drop(held);
        self.desk.bell.notify_one();
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        for id in std::mem::take(&mut self.ids) {
            if let Err(error) = self.calls.discard(&id) {
                tracing::error!("a hook call of what didn't happen can't be removed: {error}");
            }
            self.desk.held().remove(&id);
        }
    }
}

/// Writes the calls of an event for every hook that wants it, and holds them back. `about` is the record that is going to
/// be stored; without one the hooks are told after a crash in any case.
///
/// # Errors
/// What the store says; then nobody is told of anything.
pub fn prepare<'a>(
    desk: &'a Desk,
    calls: &'a Table<Call>,
    hooks: &[Hook],
    event: &Event,
    about: Option<&About>,
    now: Timestamp,
) -> Result<Prepared<'a>, StoreError> {
    let mut prepared = Prepared {
        desk,
        calls,
        ids: Vec::new(),
    };
    let Ok(json) = serde_json::to_value(event) else {
        return Ok(prepared);
    };
    for hook in hooks.iter().filter(|hook| hook.on.contains(&event.event)) {
        if calls.len() >= WAITING {
            tracing::warn!(
                "{WAITING} hook calls are waiting: {} is not told of {}",
                label(hook),
                event.id
            );
            continue;
        }
        let name = name_of(hook);
        let call = Call {
            id: call_id(&name, event, now),
            hook: name,
            created: now,
            attempts: 0,
            next: hook
                .gather
                .and_then(|time| now.checked_add(time).ok())
                .unwrap_or(now),
            event: json.clone(),
            about: about.cloned(),
        };
        desk.held().insert(call.id.clone());
        prepared.ids.push(call.id.clone());
        calls.put_new(&call)?;
    }
    Ok(prepared)
}

/// Removes the calls that a crash left of what didn't happen.
pub(super) fn forget_unborn(store: &Store, desk: &Desk) {
    let mut waiting = Vec::new();
    store.calls.each(|id, brief| {
        if let Some(about) = &brief.about {
            waiting.push((id.clone(), about.clone()));
        }
    });
    for (id, about) in waiting {
        let happened = match &*about {
            About::Interaction(id) => Ok(store.interactions.contains(id)),
            About::Follower { of, actor } => store.followers(of).map(|followers| followers.contains(actor)),
        };
        match happened {
            Ok(false) if !desk.held().contains(&*id) => {
                tracing::info!("hook call {id} is of something that a crash kept from happening: dropped");
                super::work::drop_call(store, &id);
            }
            Ok(_) => {}
            Err(error) => tracing::error!("whether hook call {id} is of something can't be told: {error}"),
        }
    }
}
