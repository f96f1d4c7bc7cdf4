//! What grows old: expired interactions, what was taken back long ago, and former keys that no delivery needs any more.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::aside;
use crate::clock::{Clock, Steady};
use crate::deliver;
use crate::inbox::{gone, moderation};
use crate::instance::Instance;
use crate::store::StoreError;

/// How often is swept; what is expired isn't shown meanwhile.
const EVERY: Duration = Duration::from_secs(3600);
/// How long nothing expires after the clock jumped: a clock that says 2046 for an hour must not cost what was said.
const WARY: SignedDuration = SignedDuration::from_hours(24);

/// Sweeps every hour until `shutdown`.
pub(super) async fn run(instance: Arc<Instance>, mut shutdown: watch::Receiver<bool>) {
    let mut calendar = Calendar::default();
    loop {
        let sweeping = Arc::clone(&instance);
        let today = calendar.read(&instance.clock);
        match aside::run(move || sweep(&sweeping, today)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("what is old can't be swept: {error}"),
            Err(error) => tracing::error!("sweeping was interrupted: {error}"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
    }
}

/// A clock by which things may be thrown away.
#[derive(Default)]
struct Calendar {
    steady: Steady,
    was_read: bool,
}

impl Calendar {
    /// The time, if it can be trusted: it went on evenly since the last sweep, and didn't jump in the last day. At the
    /// first sweep it can't: a machine without a clock of its own may not have been told the time yet.
    fn read(&mut self, clock: &Clock) -> Option<Timestamp> {
        let moment = self.steady.read(clock);
        let is_first = !std::mem::replace(&mut self.was_read, true);
        let leapt = moment
            .leapt
            .is_some_and(|leapt| moment.now.duration_since(leapt) < WARY);
        (!is_first && moment.jumped.is_none() && !leapt).then_some(moment.now)
    }
}

fn sweep(instance: &Instance, today: Option<Timestamp>) -> Result<(), StoreError> {
    if let Some(today) = today {
        expire(instance, today)?;
        gone::forget_old(instance, today)?;
    }
    for actor in &instance.config().actors {
        let mut failed = None;
        instance.keys.forget_former(&actor.name, |fingerprint| {
            deliver::needs_key(instance, &actor.name, fingerprint).unwrap_or_else(|error| {
                failed = Some(error);
                true
            })
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
    }
    Ok(())
}

/// Removes what others said longer ago than `interactions.expire`.
fn expire(instance: &Instance, now: Timestamp) -> Result<(), StoreError> {
    let Some(age) = instance.config().interactions.expire else {
        return Ok(());
    };
    let Ok(age) = SignedDuration::try_from(age) else {
        return Ok(());
    };
    let mut old = Vec::new();
    instance.store.interactions.each(|id, brief| {
        if now.duration_since(brief.published()) > age {
            old.push(id.clone());
        }
    });
    for id in old {
        if let Some(interaction) = instance.store.interactions.get(&id)? {
            moderation::forget(instance, &interaction)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_expires_by_a_clock_that_jumped_until_it_went_on_evenly_for_a_day() {
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let hours = |count: i64| start + SignedDuration::from_hours(count);
        let clock = Clock::manual(start);
        let mut calendar = Calendar::default();
        assert_eq!(calendar.read(&clock), None, "nothing is known of the clock yet");
        clock.set(hours(1));
        assert_eq!(calendar.read(&clock), Some(hours(1)));
        clock.jump("2046-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(calendar.read(&clock), None, "it jumped");
        for _ in 0..24 {
            clock.set(clock.now() + SignedDuration::from_hours(1));
            assert_eq!(calendar.read(&clock), None);
        }
        clock.set(clock.now() + SignedDuration::from_hours(1));
        assert_eq!(calendar.read(&clock), Some(clock.now()));
    }
}
