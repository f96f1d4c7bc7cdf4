//! Who is heard, and what of it is shown: blocks, and the owner's word on replies.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value;

use super::{Refusal, event, ours};
use crate::ap::iri;
use crate::config::Moderation;
use crate::instance::Instance;
use crate::store::{
    Approval, Author, Block, Going, Gone, Interaction, InteractionKind, InteractionState, Quote, StoreError,
};

/// What a block is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// A domain with all its subdomains, or an address.
    Domain(String),
    /// The id of an actor.
    Actor(String),
    /// The handle of an actor, `@ada@mastodon.example`.
    Handle(String),
    /// A word of a reply.
    Word(String),
}

/// Why a block can't be made.
#[derive(Debug, thiserror::Error)]
pub enum ModerationError {
    /// There is nothing to block.
    #[error("an empty block would block nothing")]
    Empty,
    /// There is no such interaction.
    #[error("there is no interaction {0}: see `tidings interactions list`")]
    NoInteraction(String),
    /// There is no such block.
    #[error("{0} is not blocked: see `tidings block list`; what ap.toml blocks is changed there")]
    NoBlock(String),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Blocked {
    /// Tells what a text of the owner's blocks, in the one spelling that it is stored in; `None` when it is empty.
    pub fn read(text: &str) -> Option<Blocked> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return Some(Blocked::Actor(text.to_string()));
        }
        let small = text.to_lowercase();
        let bare = small.trim_start_matches('@');
        if let Some((name, host)) = bare.split_once('@')
            && !name.is_empty()
            && !host.is_empty()
            && !bare.contains(char::is_whitespace)
        {
            return Some(Blocked::Handle(format!("@{bare}")));
        }
        let domain = small.trim_start_matches("*.").trim_end_matches('.');
        if is_domain(domain) {
            let ascii = url::Host::parse(domain).map_or_else(|_| domain.to_string(), |host| host.to_string());
            return Some(Blocked::Domain(ascii));
        }
        Some(Blocked::Word(small))
    }

    /// As it is stored and listed.
    pub fn text(&self) -> &str {
        match self {
            Blocked::Domain(text) | Blocked::Actor(text) | Blocked::Handle(text) | Blocked::Word(text) => {
                text
            }
        }
    }
}

fn is_domain(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() || text == "localhost" {
        return true;
    }
    let labels: Vec<&str> = text.split('.').collect();
    labels.len() > 1
        && labels.iter().all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        })
        && labels
            .last()
            .is_some_and(|last| last.chars().any(char::is_alphabetic))
}

/// The host of an id or URL, without port and brackets.
fn host(id: &str) -> Option<String> {
    let url = url::Url::parse(id).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    Some(host.trim_end_matches('.').to_lowercase())
}

/// Whether a host is blocked, or isn't among those that are allowed.
pub fn host_is_blocked(instance: &Instance, host: &str) -> bool {
    if instance.config().federation.refuses(host) {
        return true;
    }
    if instance.store.blocks.is_empty() {
        return false;
    }
    if host.parse::<IpAddr>().is_ok() {
        return instance.store.blocks.contains(host);
    }
    // The domain and those above it: `a.b.example`, `b.example`, `example`.
    std::iter::successors(Some(host), |host| host.split_once('.').map(|(_, above)| above))
        .any(|domain| is_domain(domain) && instance.store.blocks.contains(domain))
}

/// Whether an actor is blocked, by its id, its host, or its handle as far as that is known.
pub fn is_blocked(instance: &Instance, actor: &str, handle: Option<&str>) -> bool {
    host(actor).is_none_or(|host| host_is_blocked(instance, &host))
        || instance.store.blocks.contains(actor)
        || handle.is_some_and(|handle| instance.store.blocks.contains(&handle.to_lowercase()))
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
        Some(host) if host_is_blocked(instance, &host) => Err(Refusal::Blocked(host)),
        _ => Ok(()),
    }
}

/// Whether a text holds a blocked word.
fn has_blocked_word(instance: &Instance, interaction: &Interaction) -> bool {
    let mut words = Vec::new();
    instance.store.blocks.each(|block, ()| {
        if let Some(Blocked::Word(word)) = Blocked::read(block) {
            words.push(word);
        }
    });
    words.iter().any(|word| says(interaction, word))
}

fn says(interaction: &Interaction, word: &str) -> bool {
    let content = interaction
        .content
        .as_deref()
        .map(|content| crate::sanitize::plain(content).to_lowercase());
    let summary = interaction.summary.as_deref().map(str::to_lowercase);
    [content, summary]
        .into_iter()
        .flatten()
        .any(|text| contains_word(&text, word))
}

/// Whether a text holds a word by itself: `spam` isn't in `spammer`. Scripts without spaces have no such borders.
fn contains_word(text: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(word).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        let begun_before = inside(before) && inside(found.chars().next());
        let goes_on = inside(after) && inside(found.chars().next_back());
        !begun_before && !goes_on
    })
}

/// Whether a new interaction is shown.
pub(super) fn state_of_new(instance: &Instance, interaction: &Interaction) -> InteractionState {
    let speaks = matches!(
        interaction.kind,
        InteractionKind::Reply | InteractionKind::Quote | InteractionKind::Mention
    );
    if speaks && has_blocked_word(instance, interaction) {
        return InteractionState::Hidden;
    }
    match instance.config().interactions.moderation {
        Moderation::Show => InteractionState::Shown,
        Moderation::Hold => InteractionState::Held,
        Moderation::First if speaks && !instance.store.approvals.contains(&interaction.actor.id) => {
            InteractionState::Held
        }
        Moderation::First => InteractionState::Shown,
    }
}

/// Whether what was shown may stay so after its author changed it.
pub(super) fn state_after_change(instance: &Instance, interaction: &Interaction) -> InteractionState {
    if has_blocked_word(instance, interaction) {
        InteractionState::Hidden
    } else {
        interaction.state
    }
}

/// The interaction with this short id, or of this remote object or activity.
pub fn find(instance: &Instance, id: &str) -> Result<Interaction, ModerationError> {
    let store = &instance.store.interactions;
    let remote = Interaction::id_of(InteractionKind::Reply, "", None, Some(id));
    let labelled = store.labelled(&Interaction::label_of_activity(id));
    let ids = [Some(id), Some(remote.as_str()), labelled.first().map(|id| &**id)];
    for id in ids.into_iter().flatten() {
        if let Some(interaction) = store.get(id)? {
            return Ok(interaction);
        }
    }
    Err(ModerationError::NoInteraction(id.to_string()))
}

/// Shows an interaction. Approving a reply or a quote approves its author for the next ones.
pub fn approve(instance: &Instance, id: &str) -> Result<Interaction, ModerationError> {
    let interaction = find(instance, id)?;
    if matches!(
        interaction.kind,
        InteractionKind::Reply | InteractionKind::Quote | InteractionKind::Mention
    ) {
        instance.store.approvals.put_new(&Approval {
            actor: interaction.actor.id.clone(),
            since: instance.clock.now(),
        })?;
    }
    set_state(instance, &interaction.id, InteractionState::Shown)
}

/// Takes an interaction off the page; it stays in the store.
pub fn hide(instance: &Instance, id: &str) -> Result<Interaction, ModerationError> {
    let interaction = find(instance, id)?;
    set_state(instance, &interaction.id, InteractionState::Hidden)
}

/// Removes an interaction for good: should it be sent again, it is ignored.
pub fn delete(instance: &Instance, id: &str) -> Result<Interaction, ModerationError> {
    let interaction = find(instance, id)?;
    let remote = interaction
        .remote_object
        .as_ref()
        .unwrap_or(&interaction.activity);
    instance.store.gone.put(&Gone {
        key: Gone::key(&interaction.actor.id, remote),
        at: instance.clock.now(),
        how: Going::Refused,
    })?;
    forget(instance, &interaction)?;
    Ok(interaction)
}

/// Removes an interaction, and the stamp that a quote had.
pub(super) fn forget(instance: &Instance, interaction: &Interaction) -> Result<(), StoreError> {
    if let (InteractionKind::Quote, Some(key), Some(remote)) =
        (interaction.kind, &interaction.object, &interaction.remote_object)
    {
        instance.store.quotes.delete(&Quote::id_of(key, remote))?;
    }
    instance.store.interactions.delete(&interaction.id)?;
    event::changed(instance, interaction.object.as_deref());
    Ok(())
}

fn set_state(instance: &Instance, id: &str, state: InteractionState) -> Result<Interaction, ModerationError> {
    let changed = instance.store.interactions.update(id, |interaction| {
        let other = interaction.state != state;
        interaction.state = state;
        other
    })?;
    let interaction = changed.ok_or_else(|| ModerationError::NoInteraction(id.to_string()))?;
    event::changed(instance, interaction.object.as_deref());
    Ok(interaction)
}

/// Adds blocks, each with the owner's reason, and gives them effect on what is there already: followers go, what is
/// shown is hidden. What was blocked before stays as it is.
pub fn add_blocks(instance: &Instance, blocks: &[(String, Option<String>)]) -> Result<(), ModerationError> {
    let read: Option<Vec<Blocked>> = blocks.iter().map(|(text, _)| Blocked::read(text)).collect();
    let read = read.ok_or(ModerationError::Empty)?;
    let mut added = Vec::new();
    for (blocked, (_, reason)) in read.into_iter().zip(blocks) {
        let block = Block {
            block: blocked.text().to_string(),
            since: instance.clock.now(),
            reason: reason.clone(),
        };
        if instance.store.blocks.put_new(&block)? {
            added.push(blocked);
        }
    }
    apply_blocks(instance, &added)?;
    Ok(())
}

/// Takes a block back. What it hid stays hidden until it is approved.
pub fn remove_block(instance: &Instance, text: &str) -> Result<(), ModerationError> {
    let blocked = Blocked::read(text).ok_or(ModerationError::Empty)?;
    if !instance.store.blocks.delete(blocked.text())? {
        return Err(ModerationError::NoBlock(text.to_string()));
    }
    Ok(())
}

fn apply_blocks(instance: &Instance, added: &[Blocked]) -> Result<(), StoreError> {
    let words: Vec<&str> = added
        .iter()
        .filter_map(|blocked| match blocked {
            Blocked::Word(word) => Some(word.as_str()),
            _ => None,
        })
        .collect();
    if words.len() < added.len() {
        drop_followers(instance)?;
        hide_actors(instance)?;
    }
    if !words.is_empty() {
        hide_words(instance, &words)?;
    }
    Ok(())
}

/// Removes the followers who are blocked now.
fn drop_followers(instance: &Instance) -> Result<(), StoreError> {
    for ours in &instance.config().actors {
        let followers = instance.store.followers(&ours.name)?;
        for actor in followers.ids() {
            let handle = followers.get(&actor)?.map(|follower| follower.handle);
            if is_blocked(instance, &actor, handle.as_deref()) {
                followers.delete(&actor)?;
            }
        }
    }
    Ok(())
}

/// Hides what actors said who are blocked now.
fn hide_actors(instance: &Instance) -> Result<(), StoreError> {
    let interactions = &instance.store.interactions;
    for label in interactions.labels(&Interaction::label_of_actor("")) {
        let said = interactions.labelled(&label);
        let Some(one) = said.first().map(|id| interactions.get(id)).transpose()?.flatten() else {
            continue;
        };
        if is_blocked(instance, &one.actor.id, Some(&one.actor.handle)) {
            for id in said {
                hide_known(instance, &id)?;
            }
        }
    }
    Ok(())
}

/// Hides what holds one of these words.
fn hide_words(instance: &Instance, words: &[&str]) -> Result<(), StoreError> {
    for id in instance.store.interactions.ids() {
        let Some(interaction) = instance.store.interactions.get(&id)? else {
            continue;
        };
        if words.iter().any(|word| says(&interaction, word)) {
            hide_known(instance, &id)?;
        }
    }
    Ok(())
}

fn hide_known(instance: &Instance, id: &str) -> Result<(), StoreError> {
    let mut shown = false;
    let interaction = instance.store.interactions.update(id, |interaction| {
        shown = interaction.state != InteractionState::Hidden;
        interaction.state = InteractionState::Hidden;
        shown
    })?;
    if shown {
        event::changed(instance, interaction.and_then(|hidden| hidden.object).as_deref());
    }
    Ok(())
}

/// An interaction as `tidings interactions` lists it.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// Its short id.
    pub id: String,
    /// What it is.
    pub kind: InteractionKind,
    /// The page that it is about.
    pub page: Option<String>,
    /// Our object that it is about.
    pub object: Option<String>,
    /// Who.
    pub actor: event::Who,
    /// When, as they say.
    pub published: jiff::Timestamp,
    /// Whether it is shown.
    pub state: InteractionState,
    /// Whether everybody may see it.
    pub public: bool,
    /// Clean HTML.
    pub content: Option<String>,
}

/// Which interactions to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those about this page or object: a path, a URL, or an object's id.
    pub page: Option<String>,
    /// Those of this kind.
    pub kind: Option<InteractionKind>,
    /// Those in this state.
    pub state: Option<InteractionState>,
}

/// The interactions that pass a filter, newest first.
pub fn list(instance: &Instance, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
    let store = &instance.store.interactions;
    let mut found = Vec::new();
    let fits = |brief: &crate::store::interaction::InteractionBrief| {
        filter.kind.is_none_or(|kind| kind == brief.kind)
            && filter.state.is_none_or(|state| state == brief.state)
    };
    match &filter.page {
        Some(page) => {
            let url = if page.contains("://") {
                page.clone()
            } else {
                instance.iris.at(&iri::page_path(page))
            };
            if let Some(key) = ours::object(instance, &url) {
                found.extend(
                    store
                        .group(&key)
                        .into_iter()
                        .filter(|(_, brief)| fits(brief))
                        .map(|(id, brief)| (brief.published, id)),
                );
            }
        }
        None => store.each(|id, brief| {
            if fits(brief) {
                found.push((brief.published, id.clone()));
            }
        }),
    }
    found.sort_by(|one, other| other.cmp(one));
    let mut listed = Vec::with_capacity(found.len());
    for (_, id) in found {
        if let Some(interaction) = store.get(&id)? {
            listed.push(listing(instance, &interaction));
        }
    }
    Ok(listed)
}

/// An interaction whole: as it is listed, and the activity as it came.
pub fn show(instance: &Instance, id: &str) -> Result<Value, ModerationError> {
    let interaction = find(instance, id)?;
    let mut whole = serde_json::to_value(listing(instance, &interaction)).unwrap_or_default();
    whole["activity"] = interaction.raw;
    Ok(whole)
}

/// An interaction as it is listed.
pub fn listing(instance: &Instance, interaction: &Interaction) -> Listed {
    let about = interaction
        .object
        .as_deref()
        .map(|key| ours::addresses(instance, key));
    let (page, object) = about.map_or((None, None), |(page, object)| (page, Some(object)));
    Listed {
        id: interaction.id.clone(),
        kind: interaction.kind,
        page,
        object,
        actor: event::Who::from(&interaction.actor),
        published: interaction.published,
        state: interaction.state,
        public: interaction.public,
        content: interaction.content.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_for_what_it_is_about() {
        for (text, blocked) in [
            ("Spam.Example", Blocked::Domain("spam.example".into())),
            ("*.spam.example", Blocked::Domain("spam.example".into())),
            ("bücher.example", Blocked::Domain("xn--bcher-kva.example".into())),
            ("127.0.0.2", Blocked::Domain("127.0.0.2".into())),
            (
                "https://a.example/users/Ada",
                Blocked::Actor("https://a.example/users/Ada".into()),
            ),
            ("@Ada@a.example", Blocked::Handle("@ada@a.example".into())),
            ("ada@a.example", Blocked::Handle("@ada@a.example".into())),
            ("Casino", Blocked::Word("casino".into())),
            ("free money", Blocked::Word("free money".into())),
            ("1.5", Blocked::Word("1.5".into())),
        ] {
            assert_eq!(Blocked::read(text), Some(blocked), "{text}");
        }
        assert_eq!(Blocked::read("  "), None);
    }

    #[test]
    fn a_word_is_found_by_itself_only() {
        assert!(contains_word("buy spam now", "spam"));
        assert!(contains_word("spam!", "spam"));
        assert!(!contains_word("spammer", "spam"));
        assert!(contains_word("これは広告です", "広告"));
    }
}
