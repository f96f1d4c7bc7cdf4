//! The owner's word on what others say: listing it, showing and hiding it, and blocks.

use serde_json::json;

use super::execute::several;
use super::{Failure, InteractionAction, Reply, show};
use crate::inbox::moderation::{self, Filter, ModerationError, NoBlock, Progress};
use crate::instance::Instance;

/// What passes a filter, and how to see the rest.
pub(super) fn interactions(
    instance: &Instance,
    filter: Filter,
    progress: Progress<'_>,
) -> Result<Reply, Failure> {
    let page = filter.page.map(|page| show::page_of_file(instance, page));
    let filter = Filter { page, ..filter };
    let listed = moderation::list(instance, &filter, progress).map_err(failure)?;
    let mut reply = Reply::data(json!(listed.items));
    if let (Some(last), true) = (listed.items.last(), listed.more > 0) {
        reply.notes.push(format!(
            "{} more: --after {} shows the next, --limit as many as you like",
            listed.more, last.id
        ));
    }
    Ok(reply)
}

/// Shows one whole, or does something about it.
pub(super) fn interaction(
    instance: &Instance,
    action: InteractionAction,
    id: &str,
) -> Result<Reply, Failure> {
    let (interaction, what) = match action {
        InteractionAction::Show => {
            let found = moderation::find(instance, id).map_err(failure)?;
            let mut data = json!(moderation::listing(instance, &found));
            data["received"] = json!(found.received);
            data["summary"] = json!(found.summary);
            data["attachments"] = json!(found.attachments);
            data["activity"] = found.raw;
            return Ok(Reply::data(data));
        }
        InteractionAction::Approve => (moderation::approve(instance, id), "is shown"),
        InteractionAction::Hide => (moderation::hide(instance, id), "is hidden"),
        InteractionAction::Delete => (moderation::delete(instance, id), "is forgotten"),
    };
    let interaction = interaction.map_err(failure)?;
    let mut note = format!("{} by {} {what}", interaction.id, interaction.actor.handle);
    let listed = moderation::listing(instance, &interaction);
    if let (InteractionAction::Approve, Some(why)) = (action, &listed.why) {
        note = format!(
            "{} by {} is approved, but not shown: {why}",
            interaction.id, interaction.actor.handle
        );
    }
    Ok(Reply {
        data: json!(listed),
        notes: vec![note],
    })
}

/// Adds blocks, each with a reason or none.
pub(super) fn block(
    instance: &Instance,
    blocks: &[(String, Option<String>)],
    progress: Progress<'_>,
) -> Result<Reply, Failure> {
    moderation::add_blocks(instance, blocks, progress).map_err(failure)?;
    let note = match blocks {
        [(block, _)] => format!("{block} is blocked"),
        all => format!("{} are blocked", all.len()),
    };
    let listed = blocks
        .iter()
        .map(|(block, reason)| json!({ "block": block, "reason": reason }));
    Ok(Reply {
        data: listed.collect(),
        notes: vec![note],
    })
}

/// Takes a block back.
pub(super) fn unblock(instance: &Instance, block: &str) -> Result<Reply, Failure> {
    let back = moderation::remove_block(instance, block).map_err(failure)?;
    let mut notes = vec![format!("{block} is no longer blocked")];
    if back > 0 {
        notes.push(format!(
            "{} hidden for it",
            several(back, "interaction is no longer", "interactions are no longer")
        ));
    }
    Ok(Reply {
        data: json!({ "removed": block }),
        notes,
    })
}

fn failure(error: ModerationError) -> Failure {
    match error {
        ModerationError::Store(error) => error.into(),
        ModerationError::Block(ref wrong @ NoBlock::Pattern { .. }) => Failure::failed(wrong)
            .hint("what stands between the slashes is in the syntax of https://docs.rs/regex/#syntax"),
        error @ (ModerationError::Block(_)
        | ModerationError::NoInteraction(_)
        | ModerationError::NoBlock(_)) => Failure::failed(error),
    }
}
