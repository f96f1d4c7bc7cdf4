//! Who is not heard: the blocks of `ap.toml`, and those of `tidings block`.

use std::net::IpAddr;

use super::moderation::ModerationError;
use super::{Refusal, event};
use crate::instance::Instance;
use crate::sanitize;
use crate::store::{Author, Block, Interaction, InteractionState, StoreError};

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

impl Blocked {
    /// Tells what a text of the owner's blocks, in the one spelling that it is stored in; `None` when it is empty.
    pub fn read(text: &str) -> Option<Blocked> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            // The address of a server without a path means all of it; who lives there is blocked by that as well.
            let whole = url::Url::parse(text).is_ok_and(|url| url.path() == "/" && url.query().is_none());
            return Some(match host(text) {
                Some(host) if whole => Blocked::Domain(host),
                _ => Blocked::Actor(text.to_string()),
            });
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
pub(super) fn has_blocked_word(instance: &Instance, interaction: &Interaction) -> bool {
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
        .map(|content| sanitize::plain(content).to_lowercase());
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
            ("https://Evil.example/", Blocked::Domain("evil.example".into())),
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
