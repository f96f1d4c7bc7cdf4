//! The JSON of `/ap/interactions`, as the contract has it.

use serde_json::{Value, json};

use super::conversation::{Conversation, Node};
use super::item::{Item, Person, Role, is_picture};
use super::picture::Purpose;
use super::shelf::{self, Face};
use super::view::{Counts, Viewer};
use crate::ap::iri::Iris;
use crate::config::Show;
use crate::store::{Attachment, StoreError};

/// What `show` lets readers see of a conversation: all of it, its numbers, or nothing.
pub(super) fn of_conversation(
    viewer: &Viewer<'_>,
    page: &str,
    object: &str,
    conversation: &Conversation,
    show: Show,
) -> Result<Value, StoreError> {
    let counts = match show {
        Show::All | Show::Counts => Counts::of(conversation),
        Show::None => Counts::default(),
    };
    let nothing = Conversation::default();
    let shown = match show {
        Show::All => conversation,
        Show::Counts | Show::None => &nothing,
    };
    let faces = |row: &[Face]| -> Result<Vec<Value>, StoreError> {
        let named = shelf::faces(viewer.instance, row, usize::MAX)?;
        Ok(named.iter().map(|item| face(viewer, item)).collect())
    };
    let quotes: Vec<Value> = shown.quotes.iter().map(|item| said(viewer, item)).collect();
    Ok(json!({
        "page": page,
        "object": object,
        "counts": counts,
        "likes": faces(&shown.likes)?,
        "boosts": faces(&shown.boosts)?,
        "quotes": quotes,
        "replies": shown.replies.iter().map(|node| reply(viewer, node)).collect::<Vec<_>>(),
    }))
}

fn actor(viewer: &Viewer<'_>, person: &Person) -> Value {
    let mut actor = json!({
        "name": person.name,
        "handle": person.handle,
        "url": person.url,
        "avatar": viewer.avatar(person),
    });
    // Only where they differ: the name as it is needs no cleaning, but escaping.
    let display = viewer.text(&person.name, &person.emoji);
    if display.contains("<img ") {
        actor["name_html"] = json!(display);
    }
    if person.role == Role::Owner {
        actor["owner"] = json!(true);
    }
    actor
}

fn face(viewer: &Viewer<'_>, item: &Item) -> Value {
    let mut face = json!({ "actor": actor(viewer, &item.author), "published": item.published });
    if let Some(reaction) = &item.reaction {
        face["emoji"] = json!(reaction);
        let picture = item.emoji.iter().find(|emoji| emoji.name == *reaction);
        if let Some(path) = picture.and_then(|emoji| viewer.kept(&emoji.hash)) {
            face["emoji_url"] = json!(path);
        }
    }
    face
}

fn said(viewer: &Viewer<'_>, item: &Item) -> Value {
    json!({
        "id": item.id,
        "url": item.url,
        "actor": actor(viewer, &item.author),
        "published": item.published,
        "updated": item.updated,
        "summary": item.summary,
        "sensitive": item.sensitive,
        "language": item.language,
        "content": viewer.content(item),
        "attachments": item.attachments.iter().map(|it| attachment(item, it)).collect::<Vec<_>>(),
    })
}

fn reply(viewer: &Viewer<'_>, node: &Node) -> Value {
    let mut value = said(viewer, &node.item);
    value["replies"] = node.replies.iter().map(|node| reply(viewer, node)).collect();
    value
}

/// A guest's picture has its path here, whether it is there (yet) or not: whoever draws it must not ask another server.
fn attachment(item: &Item, attachment: &Attachment) -> Value {
    let url = if is_picture(attachment) && item.author.role == Role::Guest {
        Iris::media(&Purpose::Attachment.hash(&attachment.url))
    } else {
        attachment.url.clone()
    };
    json!({ "url": url, "type": attachment.media_type, "alt": attachment.alt })
}
