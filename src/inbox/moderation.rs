//! What of the things that others said is shown: the owner's word on replies, and the rule for new ones.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use super::blocked::{Blocked, NoBlock};
pub use super::blocklist::{Progress, add_blocks, apply_configured, is_blocked, remove_block};
use super::event::Coming;
use super::{blocklist, event, ours};
use crate::ap::iri;
use crate::article::Discussion;
use crate::config::{Moderation, Show};
use crate::instance::Instance;
use crate::store::{
    Approval, Author, Going, Gone, Interaction, InteractionKind, InteractionState, Quote, StoreError,
};

/// Why the owner's word has no effect.
#[derive(Debug, thiserror::Error)]
pub enum ModerationError {
    /// A text is no block.
    #[error(transparent)]
    Block(#[from] NoBlock),
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

/// Decides whether an interaction is shown that is new, or that a block no longer hides.
pub(super) fn judge(instance: &Instance, interaction: &mut Interaction) {
    interaction.hidden_for = blocklist::block_of(instance, interaction);
    if interaction.hidden_for.is_some() {
        interaction.state = InteractionState::Hidden;
        return;
    }
    let speaks = matches!(
        interaction.kind,
        InteractionKind::Reply | InteractionKind::Quote | InteractionKind::Mention
    );
    interaction.state = match instance.config().interactions.moderation {
        Moderation::Show => InteractionState::Shown,
        Moderation::Hold => InteractionState::Held,
        Moderation::First if speaks && !instance.store.approvals.contains(&interaction.actor.id) => {
            InteractionState::Held
        }
        Moderation::First => InteractionState::Shown,
    };
}

/// Decides whether what was there may stay as it is after its author changed it. One that hides behind a block no longer
/// is judged as a new one.
pub(super) fn judge_changed(instance: &Instance, interaction: &mut Interaction) {
    let hidden_by_block = interaction.hidden_for.is_some();
    match blocklist::block_of(instance, interaction) {
        Some(block) if hidden_by_block || interaction.state != InteractionState::Hidden => {
            interaction.state = InteractionState::Hidden;
            interaction.hidden_for = Some(block);
        }
        Some(_) => {}
        None if hidden_by_block => judge(instance, interaction),
        None => {}
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
///
/// # Errors
/// What the store says.
pub fn forget(instance: &Instance, interaction: &Interaction) -> Result<(), StoreError> {
    if let (InteractionKind::Quote, Some(key), Some(remote)) =
        (interaction.kind, &interaction.object, &interaction.remote_object)
    {
        instance.store.quotes.delete(&Quote::id_of(key, remote))?;
    }
    let change = event::change(instance, interaction.object.as_deref());
    instance.store.interactions.delete(&interaction.id)?;
    change.happened();
    Ok(())
}

fn set_state(instance: &Instance, id: &str, state: InteractionState) -> Result<Interaction, ModerationError> {
    let mut change = None;
    let changed = instance.store.interactions.update(id, |interaction| {
        let other = interaction.state != state || interaction.hidden_for.is_some();
        interaction.state = state;
        interaction.hidden_for = None;
        change = other.then(|| event::change(instance, interaction.object.as_deref()));
        other
    })?;
    change.into_iter().for_each(Coming::happened);
    changed.ok_or_else(|| ModerationError::NoInteraction(id.to_string()))
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
    pub why: Option<Cow<'static, str>>,
    /// Clean HTML.
    pub content: Option<String>,
}

/// Why readers don't see an interaction.
fn why(instance: &Instance, interaction: &Interaction) -> Option<Cow<'static, str>> {
    let rules = &instance.config().interactions;
    let expired = rules.expire.is_some_and(|age| {
        let oldest = instance.clock.now().checked_sub(age);
        oldest.is_ok_and(|oldest| interaction.published.min(interaction.received) < oldest)
    });
    let discussion = interaction.object.as_deref().map(|key| instance.discussion(key));
    let speaks = matches!(interaction.kind, InteractionKind::Reply | InteractionKind::Quote);
    if let (InteractionState::Hidden, Some(block)) = (interaction.state, &interaction.hidden_for) {
        return Some(format!("it is hidden: {block} is blocked").into());
    }
    let why = match interaction.state {
        _ if interaction.kind == InteractionKind::Mention => "it is about no page",
        _ if !interaction.public => "it is not for everybody",
        InteractionState::Held => "it waits for approval",
        InteractionState::Hidden => "it is hidden by hand",
        InteractionState::Shown if speaks && interaction.actor.shy => "its author asks not to be shown",
        InteractionState::Shown if expired => "it is older than interactions.expire",
        InteractionState::Shown if discussion == Some(Discussion::Off) => {
            "its page is off (interactions.off)"
        }
        InteractionState::Shown if rules.show == Show::None => "interactions.show is none",
        InteractionState::Shown if speaks && rules.show == Show::Counts => "interactions.show is counts",
        InteractionState::Shown => return None,
    };
    Some(why.into())
}

/// Which interactions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Those about this page or object: a path, a URL, or an object's id.
    pub page: Option<String>,
    /// Those of this kind.
    pub kind: Option<InteractionKind>,
    /// Those in this state.
    pub state: Option<InteractionState>,
    /// Those by this actor, by its id or handle, or by anybody on this domain.
    pub author: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Those that come after this one in the list, by its short id.
    pub after: Option<String>,
}

/// Some of the interactions that pass a filter.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Newest first.
    pub items: Vec<Listed>,
    /// How many more there are after these.
    pub more: usize,
}

/// Who is asked for.
enum By {
    Id(String),
    Handle(String),
    Domain(String),
}

impl By {
    fn read(text: &str) -> By {
        match Blocked::read(text) {
            Ok(Blocked::Actor(id)) => By::Id(id),
            Ok(Blocked::Handle(handle)) => By::Handle(handle),
            Ok(Blocked::Domain(domain)) => By::Domain(domain),
            _ => By::Handle(text.to_lowercase()),
        }
    }

    fn is(&self, author: &Author) -> bool {
        match self {
            By::Id(id) => author.id == *id || author.url == *id,
            By::Handle(handle) => author.handle.to_lowercase() == *handle,
            By::Domain(domain) => {
                super::blocked::host(&author.id).is_some_and(|host| crate::config::covers(domain, &host))
            }
        }
    }
}

/// The interactions that pass a filter, newest first.
///
/// # Errors
/// When `after` names none; or what the store says.
pub fn list(
    instance: &Instance,
    filter: &Filter,
    progress: Progress<'_>,
) -> Result<Listing, ModerationError> {
    /// How often progress is told.
    const STEP: usize = 500;
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
                        .map(|(id, brief)| (brief.published(), id)),
                );
            }
        }
        None => store.each(|id, brief| {
            if fits(brief) {
                found.push((brief.published(), id.clone()));
            }
        }),
    }
    found.sort_by(|one, other| other.cmp(one));
    if let Some(after) = &filter.after {
        let last = store
            .brief(after)
            .map(|brief| brief.published())
            .ok_or_else(|| ModerationError::NoInteraction(after.clone()))?;
        found.retain(|(published, id)| (*published, &**id) < (last, after.as_str()));
    }
    let by = filter.author.as_deref().map(By::read);
    let limit = filter.limit.unwrap_or(usize::MAX);
    let (mut items, mut more) = (Vec::new(), 0);
    for (count, (_, id)) in found.iter().enumerate() {
        if items.len() >= limit && by.is_none() {
            more = found.len() - count;
            break;
        }
        if count % STEP == 0 {
            progress(count, found.len());
        }
        let Some(interaction) = store.get(id)? else {
            continue;
        };
        if by.as_ref().is_some_and(|by| !by.is(&interaction.actor)) {
            continue;
        }
        if items.len() < limit {
            items.push(listing(instance, &interaction));
        } else {
            more += 1;
        }
    }
    Ok(Listing { items, more })
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
