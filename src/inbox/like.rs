//! Like: somebody likes one of our objects.

use std::sync::Arc;

use super::verify::Verified;
use super::{Refusal, reaction};
use crate::instance::Instance;
use crate::store::InteractionKind;

/// Takes a Like. Misskey's has an emoji.
pub(super) async fn take(instance: &Arc<Instance>, verified: Verified) -> Result<(), Refusal> {
    let emoji = verified.activity().emoji().map(str::to_string);
    reaction::take(instance, verified, InteractionKind::Like, emoji).await
}
