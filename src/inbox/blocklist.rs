//! Who is not heard: the blocks of `ap.toml`, and those of `tidings block`.
//!
//! A block holds for what is there already as for what comes: followers go, and are told so; what was said is hidden, each
//! with the block's name, so that it comes back with the block's end.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};

use super::blocked::{Blocked, Rule, Said, host, is_domain};
use super::event::Coming;
use super::moderation::{self, ModerationError};
use super::{Refusal, event, follow};
use crate::instance::Instance;
use crate::store::{Author, Block, Interaction, InteractionState, StoreError, Table};

/// Blocks that are written in one go: a list of many thousands would wait for the disk as often.
const BATCH: usize = 1000;

/// The blocks by what is said, as they were at one version of the list.
#[derive(Debug, Default)]
pub struct Rules(Mutex<Option<(u64, Arc<Vec<Rule>>)>>);

/// Hears how many of how many are done.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// The block of a host, if there is one; what isn't among the allowed ones is blocked too.
fn block_of_host(instance: &Instance, host: &str) -> Option<String> {
    if instance.config().federation.refuses(host) {
        return Some(format!("{host} (ap.toml)"));
    }
    domain_block(&instance.store.blocks, host)
}

/// The block of a domain in this list that covers a host.
pub fn domain_block(blocks: &Table<Block>, host: &str) -> Option<String> {
    if blocks.is_empty() {
        return None;
    }
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_lowercase();
    if host.parse::<IpAddr>().is_ok() {
        return blocks.contains(&host).then_some(host);
    }
    // The domain and those above it: `a.b.example`, `b.example`, `example`.
    std::iter::successors(Some(&*host), |host| host.split_once('.').map(|(_, above)| above))
        .find(|domain| is_domain(domain) && blocks.contains(domain))
        .map(str::to_string)
}

/// The block of an actor, by its id, its host, or its handle as far as that is known.
fn block_of_actor(instance: &Instance, actor: &str, handle: Option<&str>) -> Option<String> {
    let Some(host) = host(actor) else {
        return Some(actor.to_string());
    };
    let blocks = &instance.store.blocks;
    let handle = handle.map(str::to_lowercase);
    block_of_host(instance, &host)
        .or_else(|| blocks.contains(actor).then(|| actor.to_string()))
        .or_else(|| handle.filter(|handle| blocks.contains(handle)))
}

/// The block of what somebody said, by who says it and by what it says.
pub(super) fn block_of(instance: &Instance, interaction: &Interaction) -> Option<String> {
    let author = &interaction.actor;
    block_of_actor(instance, &author.id, Some(&author.handle))
        .or_else(|| block_of_words(instance, interaction))
}

/// The block of what is said.
pub(super) fn block_of_words(instance: &Instance, interaction: &Interaction) -> Option<String> {
    let rules = rules(instance);
    if rules.is_empty() {
        return None;
    }
    let said = Said::of(interaction);
    let rule = rules.iter().find(|rule| rule.fits(&said))?;
    Some(rule.text.clone())
}

/// The blocks by what is said, read anew when the list changed.
fn rules(instance: &Instance) -> Arc<Vec<Rule>> {
    let blocks = &instance.store.blocks;
    let mut kept = instance.rules.0.lock().unwrap_or_else(PoisonError::into_inner);
    let version = blocks.version();
    if let Some((of, rules)) = &*kept
        && *of == version
    {
        return Arc::clone(rules);
    }
    let ids = blocks.ids();
    let read = ids.iter().filter_map(|id| Rule::of(&Blocked::read(id).ok()?));
    let rules = Arc::new(read.collect());
    *kept = Some((version, Arc::clone(&rules)));
    rules
}

/// Whether an actor is blocked, by its id, its host, or its handle as far as that is known.
pub fn is_blocked(instance: &Instance, actor: &str, handle: Option<&str>) -> bool {
    block_of_actor(instance, actor, handle).is_some()
}

pub(super) fn refuse_actor(instance: &Instance, actor: &str) -> Result<(), Refusal> {
    if is_blocked(instance, actor, None) {
        return Err(Refusal::Blocked(actor.to_string()));
    }
    Ok(())
}

pub(super) fn refuse_author(instance: &Instance, author: &Author) -> Result<(), Refusal> {
    if is_blocked(instance, &author.id, Some(&author.handle)) {
        return Err(Refusal::Blocked(author.handle.clone()));
    }
    Ok(())
}

pub(super) fn refuse_host(instance: &Instance, key_id: &str) -> Result<(), Refusal> {
    match host(key_id) {
        Some(host) if block_of_host(instance, &host).is_some() => Err(Refusal::Blocked(host)),
        _ => Ok(()),
    }
}

/// Adds blocks, each with the owner's reason, and gives them effect on what is there already. What was blocked before
/// stays as it is; its effect is looked after once more.
///
/// # Errors
/// When one of them is no block, and then none is added; or what the store says.
pub fn add_blocks(
    instance: &Instance,
    blocks: &[(String, Option<String>)],
    progress: Progress<'_>,
) -> Result<(), ModerationError> {
    let read: Result<Vec<Blocked>, _> = blocks.iter().map(|(text, _)| Blocked::read(text)).collect();
    let read = read?;
    let table = &instance.store.blocks;
    let mut staged = Vec::new();
    for (count, (blocked, (_, reason))) in read.iter().zip(blocks).enumerate() {
        if table.contains(blocked.text()) {
            continue;
        }
        staged.push(table.stage(&Block {
            block: blocked.text().to_string(),
            since: instance.clock.now(),
            reason: reason.clone(),
        })?);
        if staged.len() >= BATCH {
            table.put_staged(std::mem::take(&mut staged))?;
            progress(count + 1, read.len());
        }
    }
    if !staged.is_empty() {
        table.put_staged(staged)?;
    }
    let by_words = read.iter().any(|blocked| Rule::of(blocked).is_some());
    let by_handle = read.iter().any(|blocked| matches!(blocked, Blocked::Handle(_)));
    let by_actor = read.iter().any(|blocked| Rule::of(blocked).is_none());
    if by_actor {
        drop_followers(instance, by_handle)?;
        hide_actors(instance, by_handle)?;
    }
    if by_words {
        hide_words(instance, progress)?;
    }
    Ok(())
}

/// Takes a block back. What it hid is judged anew: shown or held, by the rules of today. Followers have to follow again.
///
/// # Errors
/// When there is no such block; or what the store says.
pub fn remove_block(instance: &Instance, text: &str) -> Result<usize, ModerationError> {
    let blocked = Blocked::read(text)?;
    if !instance.store.blocks.delete(blocked.text())? {
        return Err(ModerationError::NoBlock(text.to_string()));
    }
    Ok(bring_back(instance)?)
}

/// Gives the blocks of `ap.toml` effect, when they are others than the last time.
///
/// # Errors
/// What the store says.
pub fn apply_configured(instance: &Instance) -> Result<(), StoreError> {
    let federation = &instance.config().federation;
    let lists = format!("{:?} {:?}", federation.blocked, federation.allowed);
    let none = federation.blocked.is_empty() && federation.allowed.is_empty();
    let digest = Sha256::digest(lists);
    let digest = (!none).then(|| {
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    });
    if instance.store.site()?.blocks == digest {
        return Ok(());
    }
    drop_followers(instance, false)?;
    hide_actors(instance, false)?;
    bring_back(instance)?;
    // Last: what is broken off begins anew.
    instance.store.update_site(|site| site.blocks = digest)
}

/// Removes the followers who are blocked now, and tells their servers.
fn drop_followers(instance: &Instance, by_handle: bool) -> Result<(), StoreError> {
    for ours in &instance.config().actors {
        let followers = instance.store.followers(&ours.name)?;
        for actor in followers.ids() {
            let known = if by_handle { followers.get(&actor)? } else { None };
            if !is_blocked(
                instance,
                &actor,
                known.as_ref().map(|follower| follower.handle.as_str()),
            ) {
                continue;
            }
            if let Some(follower) = known.map_or_else(|| followers.get(&actor), |known| Ok(Some(known)))? {
                follow::dismiss(instance, &ours.name, &follower)?;
            }
        }
    }
    Ok(())
}

/// Hides what actors said and did who are blocked now.
fn hide_actors(instance: &Instance, by_handle: bool) -> Result<(), StoreError> {
    let interactions = &instance.store.interactions;
    // Their first label is their actor's.
    for said in interactions.by_first_label() {
        let Some(one) = said.first() else { continue };
        let Some(one) = interactions.get_as::<Interaction<IgnoredAny>>(one)? else {
            continue;
        };
        let handle = by_handle.then_some(&*one.actor.handle);
        if let Some(block) = block_of_actor(instance, &one.actor.id, handle) {
            for id in said {
                hide_for(instance, &id, &block)?;
            }
        }
    }
    Ok(())
}

/// Hides what the blocks by words and patterns fit.
fn hide_words(instance: &Instance, progress: Progress<'_>) -> Result<(), StoreError> {
    let ids = instance.store.interactions.ids();
    for (count, id) in ids.iter().enumerate() {
        if count % BATCH == 0 {
            progress(count, ids.len());
        }
        let Some(interaction) = instance.store.interactions.get(id)? else {
            continue;
        };
        if let Some(block) = block_of_words(instance, &interaction) {
            hide_for(instance, id, &block)?;
        }
    }
    Ok(())
}

fn hide_for(instance: &Instance, id: &str, block: &str) -> Result<(), StoreError> {
    let mut change = None;
    instance.store.interactions.update(id, |interaction| {
        // What the owner hid by hand stays so when the block ends.
        let shown = interaction.state != InteractionState::Hidden;
        if shown {
            interaction.state = InteractionState::Hidden;
            interaction.hidden_for = Some(block.to_string());
            change = Some(event::change(instance, interaction.object.as_deref()));
        }
        shown
    })?;
    change.into_iter().for_each(Coming::happened);
    Ok(())
}

/// Judges anew what a block hid that is no more; answers how many came back.
fn bring_back(instance: &Instance) -> Result<usize, StoreError> {
    let interactions = &instance.store.interactions;
    let mut hidden = Vec::new();
    interactions.each(|id, brief| {
        if brief.state == InteractionState::Hidden {
            hidden.push(Arc::clone(id));
        }
    });
    let mut back = 0;
    for id in hidden {
        let Some(known) = interactions.get(&id)? else {
            continue;
        };
        if known.hidden_for.is_none() || block_of(instance, &known) == known.hidden_for {
            continue;
        }
        let mut change = None;
        interactions.update(&id, |interaction| {
            let by_block = interaction.hidden_for.is_some();
            if by_block {
                moderation::judge(instance, interaction);
                if interaction.state != InteractionState::Hidden {
                    change = Some(event::change(instance, interaction.object.as_deref()));
                }
            }
            by_block
        })?;
        if let Some(change) = change {
            back += 1;
            change.happened();
        }
    }
    Ok(back)
}
