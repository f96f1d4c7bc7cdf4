//! EmojiReact (LitePub): a like with an emoji.

use std::sync::Arc;

use super::verify::Verified;
use super::{Refusal, reaction};
use crate::instance::Instance;
use crate::store::InteractionKind;

/// Takes an EmojiReact. An actor has one like on an object, so the last emoji counts.
pub(super) async fn take(instance: &Arc<Instance>, verified: Verified) -> Result<(), Refusal> {
    let emoji = verified.activity().emoji().map(str::to_string);
    reaction::take(instance, verified, InteractionKind::Like, emoji).await
}
