//! Announce: somebody boosts one of our objects.

use std::sync::Arc;

use super::verify::Verified;
use super::{Refusal, reaction};
use crate::instance::Instance;
use crate::store::InteractionKind;

/// Takes an Announce.
pub(super) async fn take(instance: &Arc<Instance>, verified: Verified) -> Result<(), Refusal> {
    reaction::take(instance, verified, InteractionKind::Boost, None).await
}
