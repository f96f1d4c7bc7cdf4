//! Create: somebody wrote a reply, a quote or a mention. Anything else isn't for us.

use std::sync::Arc;

use serde_json::Value;

use super::event::Coming;
use super::kept::kept;
use super::note::Note;
use super::verify::{Served, Verified};
use super::{Refusal, author, blocking, blocklist, event, moderation, ours, value};
use crate::article::Discussion;
use crate::instance::Instance;
use crate::remote::{self, RemoteError};
use crate::store::{Author, Gone, Interaction, InteractionKind, InteractionState, StoreError};

/// Most things that are kept of one actor: a long life of replies to one blog. Likes are bounded by what there is to like.
const SAYINGS: usize = 10_000;
/// What a sender waits when an object that came by its id only can't be fetched now, in seconds.
const NO_OBJECT: u64 = 60;

/// A note, and the activity that brought it.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The note.
    pub(super) note: Note,
    /// The activity's id.
    pub(super) activity: String,
    /// The activity as it came, but with the object that is believed.
    pub(super) raw: Value,
}

/// Takes a Create.
pub(super) async fn take(instance: &Arc<Instance>, verified: &Verified) -> Result<(), Refusal> {
    match written(instance, verified).await? {
        Some(written) => keep(instance, verified.activity().actor(), written).await,
        None => Ok(()),
    }
}

/// Stores what an actor wrote, when it is for us.
pub(super) async fn keep(instance: &Arc<Instance>, actor: &str, written: Written) -> Result<(), Refusal> {
    let Some(concern) = concern_of(instance, &written.note)? else {
        return Ok(());
    };
    if !concern.is_welcome(instance) {
        tracing::debug!("{} is not taken: its page is closed", written.note.id);
        return Ok(());
    }
    let author = author::of(instance, actor).await;
    blocklist::refuse_author(instance, &author)?;
    blocking(
        instance,
        (written, concern, author),
        |instance, (written, concern, author)| store(instance, written, concern, author),
    )
    .await
}

/// The object of a Create or an Update, from a source that may speak for it: the activity itself, or the object's own
/// host. `None` when it is gone.
pub(super) async fn written(instance: &Instance, verified: &Verified) -> Result<Option<Written>, Refusal> {
    let activity = verified.activity();
    let id = activity.object_id().unwrap_or_default();
    let foreign = || Refusal::NotTheSigners(format!("{id} is not by {}", activity.actor()));
    let mut raw = activity.raw().clone();
    let note = match verified.served() {
        Some(Served::Gone) => return Ok(None),
        Some(Served::Object(object)) => {
            raw["object"] = object.clone();
            Note::read(object)
        }
        // Another host can't say that this actor wrote something, and this actor can't say what another host has.
        None if !value::same_host(id, activity.actor()) => return Err(foreign()),
        None if is_whole(activity.object()) => {
            Note::read(activity.object()).map(|note| note.addressed_like(&activity.audience()))
        }
        None => match remote::object(instance, id).await {
            Ok(object) => {
                let note = Note::read(&object);
                raw["object"] = object;
                note
            }
            Err(RemoteError::Unreachable(reason)) => {
                tracing::info!("a note has to wait: {reason}");
                return Err(Refusal::Busy(NO_OBJECT));
            }
            Err(error) => {
                tracing::debug!("a note by its id only can't be had: {error}");
                return Ok(None);
            }
        },
    };
    let note = note
        .filter(|note| value::same_host(&note.id, activity.actor()) && note.is_by(activity.actor()))
        .ok_or_else(foreign)?;
    Ok(Some(Written {
        note,
        activity: activity.id().unwrap_or_default().to_string(),
        raw,
    }))
}

/// Whether an object is more than its id.
fn is_whole(object: &Value) -> bool {
    object.as_object().is_some_and(|fields| {
        fields
            .keys()
            .any(|key| !matches!(key.as_str(), "id" | "@id" | "type" | "@type" | "@context"))
    })
}

/// Why a note is for us.
#[derive(Clone, Debug)]
pub(super) struct Concern {
    kind: InteractionKind,
    object: Option<String>,
    in_reply_to: Option<String>,
}

impl Concern {
    /// Whether it is about something of ours, rather than a mention only.
    pub(super) fn is_in_a_thread(&self) -> bool {
        self.object.is_some()
    }

    /// Whether what it is about takes replies and quotes.
    pub(super) fn is_welcome(&self, instance: &Instance) -> bool {
        self.object
            .as_deref()
            .is_none_or(|key| instance.discussion(key) == Discussion::Open)
    }
}

/// Why a note is for us: it quotes us, answers us or somebody in one of our threads, or mentions us; in this order.
pub(super) fn concern_of(instance: &Instance, note: &Note) -> Result<Option<Concern>, StoreError> {
    if let Some(key) = note.quotes.iter().find_map(|id| ours::object(instance, id)) {
        return Ok(Some(Concern {
            kind: InteractionKind::Quote,
            object: Some(key),
            in_reply_to: None,
        }));
    }
    if let Some(parent) = &note.in_reply_to {
        if let Some(key) = ours::object(instance, parent) {
            return Ok(Some(Concern {
                kind: InteractionKind::Reply,
                object: Some(key),
                in_reply_to: None,
            }));
        }
        let id = Interaction::id_of(InteractionKind::Reply, "", None, Some(parent));
        if let Some(parent) = instance.store.interactions.get(&id)?
            && parent.object.is_some()
        {
            return Ok(Some(Concern {
                kind: InteractionKind::Reply,
                object: parent.object,
                in_reply_to: parent.remote_object,
            }));
        }
    }
    let mentioned = note
        .addressed
        .iter()
        .any(|id| ours::actor(instance, id).is_some());
    Ok(mentioned.then_some(Concern {
        kind: InteractionKind::Mention,
        object: None,
        in_reply_to: note.in_reply_to.clone(),
    }))
}

/// Stores what a note says about us, once.
pub(super) fn store(
    instance: &Instance,
    written: &Written,
    concern: &Concern,
    author: &Author,
) -> Result<(), Refusal> {
    let note = &written.note;
    if instance.store.gone.contains(&Gone::key(&author.id, &note.id)) {
        return Ok(());
    }
    let id = Interaction::id_of(
        concern.kind,
        &author.id,
        concern.object.as_deref(),
        Some(&note.id),
    );
    if let Some(known) = instance.store.interactions.brief(&id) {
        // It mentioned us before what it answers was known here.
        if known.kind == InteractionKind::Mention && concern.is_in_a_thread() {
            return place(instance, &id, concern, &author.id);
        }
        return Ok(());
    }
    let by_actor = Interaction::label_of_actor(&author.id);
    if instance.store.interactions.count_labelled(&by_actor) >= SAYINGS {
        tracing::warn!(
            "{} said more than {SAYINGS} things: {} is not kept",
            author.id,
            note.id
        );
        return Ok(());
    }
    let now = instance.clock.now();
    let mut interaction = Interaction {
        id,
        kind: concern.kind,
        object: concern.object.clone(),
        activity: written.activity.clone(),
        remote_object: Some(note.id.clone()),
        in_reply_to: concern.in_reply_to.clone(),
        actor: author.clone(),
        published: note.published.map_or(now, |published| published.min(now)),
        updated: note.updated,
        received: now,
        state: InteractionState::Shown,
        hidden_for: None,
        public: note.public,
        url: note.url.clone(),
        summary: note.summary.clone(),
        sensitive: note.sensitive,
        language: note.language.clone(),
        content: note.content.clone(),
        emoji: None,
        attachments: note.attachments.clone(),
        raw: kept(&written.raw),
    };
    moderation::judge(instance, &mut interaction);
    let coming = event::interaction(instance, &interaction)?;
    if instance.store.interactions.put_new(&interaction)? {
        coming.happened();
    }
    Ok(())
}

/// Puts a mention where it belongs, now that this is known.
fn place(instance: &Instance, id: &str, concern: &Concern, author: &str) -> Result<(), Refusal> {
    let mut change = None;
    instance.store.interactions.update(id, |known| {
        let other = known.kind == InteractionKind::Mention && known.actor.id == author;
        if other {
            known.kind = concern.kind;
            known.object.clone_from(&concern.object);
            known.in_reply_to.clone_from(&concern.in_reply_to);
            change = Some(event::change(instance, known.object.as_deref()));
        }
        other
    })?;
    change.into_iter().for_each(Coming::happened);
    Ok(())
}
