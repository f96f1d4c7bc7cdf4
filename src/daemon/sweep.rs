//! What grows old: expired interactions, and former keys that no delivery needs any more.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;

use crate::deliver;
use crate::instance::Instance;
use crate::store::StoreError;

/// How often is swept; what is expired isn't shown meanwhile.
const EVERY: Duration = Duration::from_secs(3600);

/// Sweeps every hour until `shutdown`.
pub(super) async fn run(instance: Arc<Instance>, mut shutdown: watch::Receiver<bool>) {
    loop {
        let sweeping = Arc::clone(&instance);
        match tokio::task::spawn_blocking(move || sweep(&sweeping)).await {
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

fn sweep(instance: &Instance) -> Result<(), StoreError> {
    expire(instance)?;
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
fn expire(instance: &Instance) -> Result<(), StoreError> {
    let Some(age) = instance.config().interactions.expire else {
        return Ok(());
    };
    let Ok(age) = SignedDuration::try_from(age) else {
        return Ok(());
    };
    let now = instance.clock.now();
    let mut old = Vec::new();
    instance.store.interactions.each(|id, brief| {
        if now.duration_since(brief.published) > age {
            old.push(id.clone());
        }
    });
    for id in old {
        instance.store.interactions.delete(&id)?;
    }
    Ok(())
}
