//! What was undone or deleted: remembered for a while, so that it has no effect when it comes late or again.

use jiff::{SignedDuration, Timestamp};

use super::Refusal;
use super::verify::Verified;
use crate::instance::Instance;
use crate::store::{Going, Gone, StoreError};

/// Most ids that are remembered. What is undone or deleted before we knew it costs a file.
const REMEMBERED: usize = 200_000;
/// How long what was taken back is remembered: no server tries longer to deliver something.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Remembers that what was taken back is gone, unless too much is.
pub(super) fn remember(
    instance: &Instance,
    id: &str,
    how: Going,
    verified: &Verified,
) -> Result<(), Refusal> {
    let gone = &instance.store.gone;
    let key = Gone::key(verified.activity().actor(), id);
    if matches!(gone.brief(&key), Some((Going::Refused, _))) {
        return Ok(());
    }
    if gone.len() >= REMEMBERED {
        tracing::debug!("{id} is not remembered as gone: {REMEMBERED} others are");
        return Ok(());
    }
    let at = match how {
        Going::Undone | Going::Unfollowed => verified.signed(),
        Going::Before | Going::Deleted | Going::Refused => instance.clock.now(),
    };
    gone.put(&Gone { key, at, how })?;
    Ok(())
}

/// Whether an activity that comes now was taken back: before it came, or after it was sent.
pub(super) fn is_gone(instance: &Instance, id: &str, verified: &Verified) -> Result<bool, Refusal> {
    let gone = &instance.store.gone;
    let key = Gone::key(verified.activity().actor(), id);
    match gone.brief(&key) {
        None => Ok(false),
        Some((Going::Before, _)) => {
            gone.delete(&key)?;
            Ok(true)
        }
        Some((Going::Undone, at)) => Ok(verified.signed() <= at),
        Some((Going::Unfollowed, at)) => Ok(verified.signed() < at),
        Some((Going::Deleted | Going::Refused, _)) => Ok(true),
    }
}

/// Forgets what is older than any delivery.
///
/// # Errors
/// What the store says.
pub fn forget_old(instance: &Instance, now: Timestamp) -> Result<(), StoreError> {
    let mut old = Vec::new();
    instance.store.gone.each(|id, (how, at)| {
        if *how != Going::Refused && now.duration_since(*at) > KEPT {
            old.push(id.clone());
        }
    });
    for id in old {
        instance.store.gone.delete(&id)?;
    }
    Ok(())
}
