//! The JSON of `/ap/interactions`, as the contract has it.

use jiff::Timestamp;
use serde::Serialize;

use super::conversation::{Conversation, Node};
use super::item::{Item, Person, Role, is_picture};
use super::picture::Purpose;
use super::shelf;
use super::view::{Counts, Viewer};
use crate::ap::iri::Iris;
use crate::config::Show;
use crate::store::StoreError;

#[derive(Serialize)]
struct Page<'a> {
    page: &'a str,
    object: &'a str,
    counts: Counts,
    likes: Vec<Face<'a>>,
    boosts: Vec<Face<'a>>,
    quotes: Vec<Said<'a>>,
    replies: Vec<Reply<'a>>,
}

#[derive(Serialize)]
struct Actor<'a> {
    name: &'a str,
    handle: &'a str,
    url: &'a str,
    avatar: Option<String>,
    /// Only where it differs: the name as it is needs no cleaning, but escaping.
    #[serde(skip_serializing_if = "Option::is_none")]
    name_html: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<bool>,
}

#[derive(Serialize)]
struct Face<'a> {
    actor: Actor<'a>,
    published: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji_url: Option<String>,
}

#[derive(Serialize)]
struct Said<'a> {
    id: &'a str,
    url: &'a str,
    actor: Actor<'a>,
    published: Timestamp,
    updated: Option<Timestamp>,
    summary: Option<&'a str>,
    sensitive: bool,
    language: Option<&'a str>,
    content: String,
    attachments: Vec<Attachment<'a>>,
}

#[derive(Serialize)]
struct Reply<'a> {
    #[serde(flatten)]
    said: Said<'a>,
    replies: Vec<Reply<'a>>,
}

#[derive(Serialize)]
struct Attachment<'a> {
    url: String,
    #[serde(rename = "type")]
    media_type: &'a str,
    alt: Option<&'a str>,
}

/// What `show` lets readers see of a conversation: all of it, its numbers, or nothing.
pub(super) fn of_conversation(
    viewer: &Viewer<'_>,
    page: &str,
    object: &str,
    conversation: &Conversation,
    show: Show,
) -> Result<String, StoreError> {
    let counts = match show {
        Show::All | Show::Counts => Counts::of(conversation),
        Show::None => Counts::default(),
    };
    let nothing = Conversation::default();
    let shown = match show {
        Show::All => conversation,
        Show::Counts | Show::None => &nothing,
    };
    let likes = shelf::faces(viewer.instance, &shown.likes, usize::MAX)?;
    let boosts = shelf::faces(viewer.instance, &shown.boosts, usize::MAX)?;
    let page = Page {
        page,
        object,
        counts,
        likes: likes.iter().map(|item| face(viewer, item)).collect(),
        boosts: boosts.iter().map(|item| face(viewer, item)).collect(),
        quotes: shown.quotes.iter().map(|item| said(viewer, item)).collect(),
        replies: shown.replies.iter().map(|node| reply(viewer, node)).collect(),
    };
    Ok(serde_json::to_string(&page).expect("texts and numbers are JSON"))
}

fn actor<'a>(viewer: &Viewer<'_>, person: &'a Person) -> Actor<'a> {
    let display = (!person.emoji.is_empty()).then(|| viewer.text(&person.name, &person.emoji));
    Actor {
        name: &person.name,
        handle: &person.handle,
        url: &person.url,
        avatar: viewer.avatar(person),
        name_html: display.filter(|display| display.contains("<img ")),
        owner: (person.role == Role::Owner).then_some(true),
    }
}

fn face<'a>(viewer: &Viewer<'_>, item: &'a Item) -> Face<'a> {
    let reaction = item.reaction.as_deref();
    let picture = item.emoji.iter().find(|emoji| Some(&*emoji.name) == reaction);
    Face {
        actor: actor(viewer, &item.author),
        published: item.published,
        emoji: reaction,
        emoji_url: picture.and_then(|emoji| viewer.kept(&emoji.hash)),
    }
}

fn said<'a>(viewer: &Viewer<'_>, item: &'a Item) -> Said<'a> {
    Said {
        id: &item.id,
        url: &item.url,
        actor: actor(viewer, &item.author),
        published: item.published,
        updated: item.updated,
        summary: item.summary.as_deref(),
        sensitive: item.sensitive,
        language: item.language.as_deref(),
        content: viewer.content(item),
        attachments: item.attachments.iter().map(|it| attachment(item, it)).collect(),
    }
}

fn reply<'a>(viewer: &Viewer<'_>, node: &'a Node) -> Reply<'a> {
    Reply {
        said: said(viewer, &node.item),
        replies: node.replies.iter().map(|node| reply(viewer, node)).collect(),
    }
}

/// A guest's picture has its path here, whether it is there (yet) or not: whoever draws it must not ask another server.
fn attachment<'a>(item: &Item, attachment: &'a crate::store::Attachment) -> Attachment<'a> {
    let url = if is_picture(attachment) && item.author.role == Role::Guest {
        Iris::media(&Purpose::Attachment.hash(&attachment.url))
    } else {
        attachment.url.clone()
    };
    Attachment {
        url,
        media_type: &attachment.media_type,
        alt: attachment.alt.as_deref(),
    }
}
