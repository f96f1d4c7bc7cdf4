//! What of the things that others said is shown: the owner's word on replies, and the rule for new ones.

use serde::Serialize;

pub use super::blocklist::{add_blocks, is_blocked, remove_block};
use super::{blocklist, event, ours};
use crate::ap::iri;
use crate::article::Discussion;
use crate::config::{Moderation, Show};
use crate::instance::Instance;
use crate::store::{
    Approval, Going, Gone, Interaction, InteractionKind, InteractionState, Quote, StoreError,
};

/// Why the owner's word has no effect.
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

/// Whether a new interaction is shown.
pub(super) fn state_of_new(instance: &Instance, interaction: &Interaction) -> InteractionState {
    let speaks = matches!(
        interaction.kind,
        InteractionKind::Reply | InteractionKind::Quote | InteractionKind::Mention
    );
    if speaks && blocklist::has_blocked_word(instance, interaction) {
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
    if blocklist::has_blocked_word(instance, interaction) {
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
    /// Why no reader sees it; `None` when they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// Clean HTML.
    pub content: Option<String>,
}

/// Why readers don't see an interaction.
fn why(instance: &Instance, interaction: &Interaction) -> Option<&'static str> {
    let rules = &instance.config().interactions;
    let expired = rules.expire.is_some_and(|age| {
        let oldest = instance.clock.now().checked_sub(age);
        oldest.is_ok_and(|oldest| interaction.published.min(interaction.received) < oldest)
    });
    let discussion = interaction.object.as_deref().map(|key| instance.discussion(key));
    let speaks = matches!(interaction.kind, InteractionKind::Reply | InteractionKind::Quote);
    Some(match interaction.state {
        _ if interaction.kind == InteractionKind::Mention => "it is about no page",
        _ if !interaction.public => "it is not for everybody",
        InteractionState::Held => "it waits for approval",
        InteractionState::Hidden => "it is hidden, by hand or for a blocked word",
        InteractionState::Shown if speaks && interaction.actor.shy => "its author asks not to be shown",
        InteractionState::Shown if expired => "it is older than interactions.expire",
        InteractionState::Shown if discussion == Some(Discussion::Off) => {
            "its page is off (interactions.off)"
        }
        InteractionState::Shown if rules.show == Show::None => "interactions.show is none",
        InteractionState::Shown if speaks && rules.show == Show::Counts => "interactions.show is counts",
        InteractionState::Shown => return None,
    })
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
        why: why(instance, interaction),
        content: interaction.content.clone(),
    }
}
